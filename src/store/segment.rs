//! A segment: one file of a journal.
//!
//! Each batch carries the segment's salt, its length, and a checksum over the batch and the checksum before it. So a batch
//! that was changed, doubled, moved or left out is noticed. Where the chain of checksums ends although another batch
//! follows, what was written has been damaged; where nothing follows, the last batch was never finished.

use sha2::{Digest, Sha256};

/// What every segment starts with.
const MAGIC: &[u8; 8] = b"tickjrn\x01";
const SUM: usize = 16;
/// Bytes of a batch before its content.
const HEAD: usize = size_of::<Salt>() + size_of::<u32>() + SUM;

pub(super) type Salt = [u8; 8];
type Sum = [u8; SUM];

/// What a segment says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// One more than that of the segment before.
    pub number: u64,
    /// Whether the process that wrote it also wrote the one before.
    pub continues: bool,
    /// The build that wrote it.
    pub build: String,
}

impl Header {
    /// The name of the segment's file.
    pub fn name(&self) -> String {
        format!("{:012}.journal", self.number)
    }
}

/// The number in the name of a segment's file; `None` for other files.
pub(super) fn number_of(name: &str) -> Option<u64> {
    name.strip_suffix(".journal")?.parse().ok()
}

/// Makes the bytes of a segment.
pub(super) struct Chain {
    salt: Salt,
    sum: Sum,
}

impl Chain {
    /// Starts a segment. Returns its first bytes.
    pub fn start(header: &Header, salt: Salt) -> (Self, Vec<u8>) {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(salt);
        bytes.extend(header.number.to_le_bytes());
        bytes.push(header.continues.into());
        bytes.push(header.build.len() as u8);
        bytes.extend(header.build.as_bytes());
        let sum = sum(&Sum::default(), &bytes);
        bytes.extend(sum);
        (Self { salt, sum }, bytes)
    }

    /// A batch with this content.
    pub fn batch(&mut self, content: &[u8]) -> Vec<u8> {
        self.sum = sum(&self.sum, content);
        let mut bytes = Vec::with_capacity(HEAD + content.len());
        bytes.extend(self.salt);
        bytes.extend((content.len() as u32).to_le_bytes());
        bytes.extend(self.sum);
        bytes.extend(content);
        bytes
    }
}

fn sum(before: &Sum, content: &[u8]) -> Sum {
    let digest: [u8; 32] = Sha256::new().chain_update(before).chain_update(content).finalize().into();
    *digest.first_chunk().expect("a digest is longer")
}

/// How the readable part of a segment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With the file.
    Whole,
    /// Before a last batch that was not finished.
    Torn(
        /// Where it begins.
        usize,
    ),
    /// Before a damage.
    Damaged(
        /// Where it begins.
        usize,
    ),
}

/// A segment that was read.
#[derive(Debug)]
pub(super) struct Segment<'a> {
    /// `None` when it cannot be read.
    pub header: Option<Header>,
    /// The contents of its batches.
    pub batches: Vec<&'a [u8]>,
    pub end: End,
}

impl<'a> Segment<'a> {
    pub fn read(file: &'a [u8]) -> Self {
        let Some((header, salt, mut before, mut at)) = read_header(file) else {
            // A file is made with its header. If even that is not whole, nothing followed.
            let end = if file.len() <= HEAD + MAGIC.len() + u8::MAX as usize { End::Torn(0) } else { End::Damaged(0) };
            return Self { header: None, batches: Vec::new(), end };
        };
        let mut batches = Vec::new();
        while at < file.len() {
            let Some(content) = content(&file[at..], &salt, &before) else {
                let follows = file[at + 1..].windows(salt.len()).any(|window| window == salt);
                let end = if follows { End::Damaged(at) } else { End::Torn(at) };
                return Self { header: Some(header), batches, end };
            };
            before = sum(&before, content);
            batches.push(content);
            at += HEAD + content.len();
        }
        Self { header: Some(header), batches, end: End::Whole }
    }
}

fn read_header(file: &[u8]) -> Option<(Header, Salt, Sum, usize)> {
    let rest = file.strip_prefix(MAGIC)?;
    let (salt, rest) = rest.split_first_chunk()?;
    let (number, rest) = rest.split_first_chunk()?;
    let (&[continues, length], rest) = rest.split_first_chunk()?;
    let (build, rest) = rest.split_at_checked(length.into())?;
    let (found, _) = rest.split_first_chunk::<SUM>()?;
    let at = file.len() - rest.len();
    let expected = sum(&Sum::default(), &file[..at]);
    let build = String::from_utf8(build.to_vec()).ok()?;
    let header = Header { number: u64::from_le_bytes(*number), continues: continues != 0, build };
    (*found == expected && continues <= 1).then_some((header, *salt, expected, at + SUM))
}

fn content<'a>(bytes: &'a [u8], salt: &Salt, before: &Sum) -> Option<&'a [u8]> {
    let rest = bytes.strip_prefix(salt)?;
    let (length, rest) = rest.split_first_chunk()?;
    let (found, rest) = rest.split_first_chunk::<SUM>()?;
    let content = rest.get(..u32::from_le_bytes(*length) as usize)?;
    (*found == sum(before, content)).then_some(content)
}
