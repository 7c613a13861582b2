//! An outbox as files: segments of lines, each an entry as JSON behind a checksum.
//!
//! Lines, because whoever looks for an entry after an accident can read them. A line that was not written whole, which only
//! the last one can be, is cut off at the next start.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Delivery;
use super::log::Cursor;
use crate::engine::TapEntry;
use crate::trust::{create_private_folder, private_file};

/// Bytes after which a segment is complete.
const SEGMENT: u64 = 1 << 20;
/// Bytes that are read at a time: more than a line has.
const CHUNK: usize = 512 << 10;
/// Digits of a line's checksum.
const SUM: usize = 8;

/// Where an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The number of its segment's first entry.
    segment: u64,
    offset: u64,
}

/// The segments of an outbox.
pub(super) struct Segments {
    folder: PathBuf,
    /// Oldest first; the last one is appended to.
    segments: VecDeque<Segment>,
    last: File,
    /// Whether what is appended shall survive a loss of power.
    syncs: bool,
}

/// A file.
struct Segment {
    /// The number of its first entry.
    first: u64,
    entries: u64,
    bytes: u64,
}

#[derive(Deserialize)]
struct Line {
    time: u64,
    entry: TapEntry,
}

impl Segments {
    /// Opens the files in `folder`, which is made if it is missing.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn open(folder: &Path, syncs: bool) -> io::Result<Self> {
        create_private_folder(folder)?;
        let mut firsts: Vec<u64> =
            fs::read_dir(folder)?.filter_map(|file| first_of(&file.ok()?.file_name().to_string_lossy())).collect();
        firsts.sort_unstable();
        let mut segments = VecDeque::new();
        for first in firsts {
            let text = fs::read(path(folder, first))?;
            let whole: Vec<&[u8]> =
                text.split_inclusive(|byte| *byte == b'\n').take_while(|line| is_whole(line)).collect();
            let bytes = whole.iter().map(|line| line.len() as u64).sum();
            segments.push_back(Segment { first, entries: whole.len() as u64, bytes });
        }
        let next = segments.back().map_or(0, |last| last.first + last.entries);
        let last = match segments.back() {
            Some(last) => {
                let file = OpenOptions::new().write(true).open(path(folder, last.first))?;
                file.set_len(last.bytes)?;
                file
            }
            None => private_file(&path(folder, next))?,
        };
        if segments.is_empty() {
            segments.push_back(Segment { first: next, entries: 0, bytes: 0 });
        }
        let mut opened = Self { folder: folder.to_owned(), segments, last, syncs };
        opened.last.seek(SeekFrom::End(0))?;
        Ok(opened)
    }

    /// The number of the oldest entry.
    pub fn start(&self) -> u64 {
        self.segments.front().map_or(0, |segment| segment.first)
    }

    /// The number of the next entry.
    pub fn end(&self) -> u64 {
        self.segments.back().map_or(0, |segment| segment.first + segment.entries)
    }

    /// The bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Appends entries, all or none.
    ///
    /// # Errors
    /// They could not be written. What of them was is overwritten by the next ones.
    pub fn append<'a>(&mut self, time: u64, entries: impl Iterator<Item = &'a [u8]>) -> io::Result<()> {
        if self.segments.back().is_some_and(|last| last.bytes > SEGMENT) {
            self.begin()?;
        }
        let (mut text, mut count) = (Vec::new(), 0);
        for json in entries {
            let line = [format!("{{\"time\":{time},\"entry\":").as_bytes(), json, b"}"].concat();
            text.extend(sum(&line));
            text.push(b' ');
            text.extend(line);
            text.push(b'\n');
            count += 1;
        }
        let Some(last) = self.segments.back_mut() else { return Ok(()) };
        let written = self.last.write_all(&text).and_then(|()| if self.syncs { self.last.sync_data() } else { Ok(()) });
        if let Err(error) = written {
            self.last.set_len(last.bytes)?;
            self.last.seek(SeekFrom::End(0))?;
            return Err(error);
        }
        (last.entries, last.bytes) = (last.entries + count, last.bytes + text.len() as u64);
        Ok(())
    }

    /// Begins a segment, unless the last one is empty.
    ///
    /// # Errors
    /// Its file cannot be made.
    pub fn begin(&mut self) -> io::Result<()> {
        if self.segments.back().is_some_and(|last| last.bytes > 0) {
            let first = self.end();
            self.last = private_file(&path(&self.folder, first))?;
            self.segments.push_back(Segment { first, entries: 0, bytes: 0 });
        }
        Ok(())
    }

    /// Up to `most` entries after `cursor`, which moves behind them.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self, cursor: &mut Cursor, most: usize) -> io::Result<Vec<Delivery>> {
        let is_in = |segment: &&Segment| cursor.position < segment.first + segment.entries;
        let Some(segment) = self.segments.iter().find(is_in) else { return Ok(Vec::new()) };
        // What was damaged before it is gone.
        cursor.position = cursor.position.max(segment.first);
        let known = cursor.place.filter(|place| place.segment == segment.first);
        let mut offset = known.map_or(0, |place| place.offset);
        let mut skip = if known.is_some() { 0 } else { cursor.position - segment.first };
        let mut file = File::open(path(&self.folder, segment.first))?;
        let mut read = Vec::new();
        while read.is_empty() && offset < segment.bytes {
            file.seek(SeekFrom::Start(offset))?;
            let mut chunk = Vec::new();
            Read::by_ref(&mut file).take((CHUNK as u64).min(segment.bytes - offset)).read_to_end(&mut chunk)?;
            let before = offset;
            for line in chunk.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
                if read.len() == most {
                    break;
                }
                offset += line.len() as u64;
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                let Line { time, entry } = serde_json::from_slice(line.get(SUM + 1..).unwrap_or_default())?;
                read.push(Delivery { position: cursor.position, time, entry: Arc::new(entry) });
                cursor.position += 1;
            }
            if offset == before {
                return Err(io::Error::other("a line of the outbox is longer than any line is"));
            }
        }
        cursor.place = Some(Place { segment: segment.first, offset });
        Ok(read)
    }

    /// Deletes the segments before that with the entry `needed`, and the oldest others while all take more than `most` bytes.
    pub fn trim(&mut self, needed: u64, most: u64) {
        while self.segments.len() > 1 {
            let first = &self.segments[0];
            if first.first + first.entries > needed && self.bytes() <= most {
                return;
            }
            // What cannot be deleted now is found again at the next start.
            let _ = fs::remove_file(path(&self.folder, first.first));
            self.segments.pop_front();
        }
    }
}

fn path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:016}.outbox"))
}

fn first_of(name: &str) -> Option<u64> {
    name.strip_suffix(".outbox")?.parse().ok()
}

fn sum(line: &[u8]) -> [u8; SUM] {
    let digest: [u8; 32] = Sha256::digest(line).into();
    let digit = |half: u8| b"0123456789abcdef"[usize::from(half)];
    std::array::from_fn(|at| digit(if at % 2 == 0 { digest[at / 2] >> 4 } else { digest[at / 2] & 15 }))
}

fn is_whole(line: &[u8]) -> bool {
    let content = line.strip_suffix(b"\n").and_then(|line| line.split_at_checked(SUM + 1));
    content.is_some_and(|(found, rest)| found[..SUM] == sum(rest) && found[SUM] == b' ')
}
