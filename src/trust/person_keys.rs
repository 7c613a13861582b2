//! Keys of persons: what is personal in a file is sealed with the keys of everybody in it.
//!
//! Each person has a random key in a file of its own. The key of a sealed text is derived from the keys of all persons whom it
//! concerns, and of the file that it is in. Without one of them the text cannot be read. Forgetting a person therefore takes the
//! deletion of one small file, wherever the sealed texts were copied to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use super::tokens::wall_clock;
use crate::game::saved;

/// Bytes of a key.
const KEY: usize = 32;
/// Bytes of a key's name.
const NAME: usize = 16;
/// The ending of the file that says that a person was forgotten ...
const GONE: &str = "gone";
/// ... and for how many seconds it counts.
const FORGOTTEN_FOR: u64 = 24 * 3600;
const PURPOSE: &[u8] = b"tickwire recording";

/// The keys of persons, as files of a folder. Whoever can read the folder can read what was sealed with the keys in it.
#[derive(Clone, Debug)]
pub struct PersonKeys {
    folder: PathBuf,
    /// Whether a person who was forgotten gets no other key for a while.
    pauses: bool,
}

/// A sealed text.
#[derive(Serialize, Deserialize)]
struct Sealed {
    /// The names of the keys, in the order in which they were used.
    keys: Vec<[u8; NAME]>,
    nonce: [u8; NONCE_LEN],
    #[serde(with = "serde_bytes")]
    text: Vec<u8>,
}

/// What a person's key makes of texts: whoever has the key can tell whether a mark is that person's, and nobody else can.
pub(crate) struct PersonMarks(hmac::Key);

impl PersonMarks {
    /// The person's mark for a text.
    pub fn mark(&self, text: &[u8]) -> [u8; NAME] {
        *hmac::sign(&self.0, text).as_ref().first_chunk().expect("a tag is longer")
    }
}

impl PersonKeys {
    /// The keys in `folder`, which need not exist yet.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), pauses: false }
    }

    /// The keys in `folder` for what is written again and again, by a server that may run and know the person. For a day after
    /// a person was forgotten, what concerns them is sealed with keys that nobody keeps, so that their past is not written
    /// anew.
    pub fn for_rooms(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), pauses: true }
    }

    /// Seals `text`, which concerns the persons with these identities and is stored under the name `file`. Persons and files
    /// that have no key yet get one.
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub fn seal<'a>(
        &self,
        file: &str,
        identities: impl IntoIterator<Item = &'a str>,
        text: &[u8],
    ) -> io::Result<Vec<u8>> {
        create_private_folder(&self.folder)?;
        let persons = identities.into_iter().map(|identity| (b'p', identity));
        let names = persons.chain([(b'f', file)]).map(|(kind, whose)| self.name(kind, whose));
        let names = names.collect::<io::Result<Vec<_>>>()?;
        let keys = names.iter().map(|name| self.key_or_new(&hex(name))).collect::<io::Result<Vec<_>>>()?;
        let mut sealed = Sealed { keys: names, nonce: random()?, text: text.to_vec() };
        let cipher = cipher(&keys, sealed.nonce);
        let nonce = Nonce::assume_unique_for_key(sealed.nonce);
        let done = cipher.seal_in_place_append_tag(nonce, Aad::empty(), &mut sealed.text);
        done.map_err(|_| io::Error::other("it cannot be sealed"))?;
        Ok(saved::encode(&sealed))
    }

    /// Opens a sealed text; `None` when a key is gone, or it was changed.
    pub fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let Sealed { keys, nonce, mut text } = saved::decode(sealed).ok()?;
        let keys = keys.iter().map(|name| self.key(&hex(name))).collect::<io::Result<Vec<_>>>().ok()?;
        let cipher = cipher(&keys, nonce);
        let length = cipher.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }

    /// The marks of a person who has a key.
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub(crate) fn marks_of(&self, identity: &str) -> io::Result<Option<PersonMarks>> {
        if !self.folder.is_dir() {
            return Ok(None);
        }
        match self.key(&hex(&self.name(b'p', identity)?)) {
            Ok(key) => Ok(Some(PersonMarks(hmac::Key::new(hmac::HMAC_SHA256, &key)))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes the key of a person. What was sealed with it can never be opened again. Returns whether there was one.
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub fn forget(&self, identity: &str) -> io::Result<bool> {
        self.delete(b'p', identity)
    }

    /// Deletes the key of a file that is deleted itself.
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub(crate) fn forget_file(&self, file: &str) -> io::Result<bool> {
        self.delete(b'f', file)
    }

    fn delete(&self, kind: u8, whose: &str) -> io::Result<bool> {
        if !self.folder.is_dir() {
            return Ok(false);
        }
        let path = self.folder.join(hex(&self.name(kind, whose)?));
        if self.pauses {
            private_file(&path.with_extension(GONE))?.sync_all()?;
        }
        // Some file systems keep what was deleted; overwriting helps on those that write in place.
        match OpenOptions::new().write(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened?.write_all(&[0; KEY])?,
        }
        File::open(&path)?.sync_all()?;
        fs::remove_file(&path)?;
        File::open(&self.folder)?.sync_all()?;
        Ok(true)
    }

    /// A name for the key from which nobody without the folder can tell whose key it is.
    fn name(&self, kind: u8, whose: &str) -> io::Result<[u8; NAME]> {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &self.key_or_new("names")?);
        let tag = hmac::sign(&secret, &[&[kind], whose.as_bytes()].concat());
        Ok(*tag.as_ref().first_chunk().expect("a tag is longer"))
    }

    fn key(&self, name: &str) -> io::Result<[u8; KEY]> {
        let bytes = fs::read(self.folder.join(name))?;
        bytes.try_into().map_err(|_| io::Error::other(format!("the key {name} has another length")))
    }

    /// Whether the owner of a key was forgotten lately.
    fn is_gone(&self, name: &str) -> io::Result<bool> {
        let path = self.folder.join(name).with_extension(GONE);
        let since = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            found => found?.modified()?.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        };
        let lately = wall_clock().saturating_sub(since) < FORGOTTEN_FOR;
        if !lately {
            fs::remove_file(&path)?;
        }
        Ok(lately)
    }

    fn key_or_new(&self, name: &str) -> io::Result<[u8; KEY]> {
        match self.key(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => return found,
        }
        let key = random()?;
        if self.pauses && self.is_gone(name)? {
            return Ok(key);
        }
        // Written aside and renamed, so that there is never half a key.
        let aside = self.folder.join(format!("{name}.new"));
        let mut file = private_file(&aside)?;
        file.write_all(&key)?;
        file.sync_all()?;
        fs::rename(&aside, self.folder.join(name))?;
        File::open(&self.folder)?.sync_all()?;
        Ok(key)
    }
}

fn cipher(keys: &[[u8; KEY]], nonce: [u8; NONCE_LEN]) -> LessSafeKey {
    let salt = Salt::new(HKDF_SHA256, &nonce).extract(&keys.concat());
    let key = salt.expand(&[PURPOSE], &CHACHA20_POLY1305).map(UnboundKey::from);
    LessSafeKey::new(key.expect("the length is the cipher's"))
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("the operating system has no randomness"))?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Creates a folder that only its owner can read, unless it exists.
pub(crate) fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Creates or empties a file that only its owner can read.
pub(crate) fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(name: &str) -> PersonKeys {
        let folder = std::env::temp_dir().join(format!("tickwire-keys-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        PersonKeys::in_folder(folder)
    }

    #[test]
    fn what_is_sealed_can_be_opened_until_one_of_the_persons_is_forgotten() {
        let keys = keys("forget");
        assert!(!keys.forget("ada").expect("a folder"), "nobody is known yet");
        let both = keys.seal("one", ["ada", "bob"], b"what they said").expect("a folder");
        let bob = keys.seal("two", ["bob"], b"what he said").expect("a folder");
        assert_eq!(keys.open(&both).as_deref(), Some(&b"what they said"[..]));
        assert!(!both.windows(4).any(|bytes| bytes == b"they"), "it is not readable");
        assert!(keys.forget("ada").expect("a folder"));
        assert_eq!((keys.open(&both), keys.open(&bob).as_deref()), (None, Some(&b"what he said"[..])));
        // A person who comes back gets another key, which opens nothing of the past.
        let again = keys.seal("one", ["ada", "bob"], b"hello again").expect("a folder");
        assert_eq!((keys.open(&both), keys.open(&again).as_deref()), (None, Some(&b"hello again"[..])));
        assert!(keys.forget_file("two").expect("a folder"));
        assert_eq!(keys.open(&bob), None);
        fs::remove_dir_all(keys.folder).expect("it can be removed");
    }

    #[test]
    fn what_a_running_server_writes_of_a_forgotten_person_cannot_be_opened_for_a_day() {
        let keys = PersonKeys::for_rooms(keys("rooms").folder);
        let before = keys.seal("one", ["ada"], b"what she said").expect("a folder");
        assert!(keys.open(&before).is_some() && keys.forget("ada").expect("a folder"));
        for _ in 0..2 {
            let after = keys.seal("one", ["ada"], b"what she said").expect("a folder");
            assert_eq!((keys.open(&before), keys.open(&after)), (None, None));
        }
        let gone = keys.folder.join(hex(&keys.name(b'p', "ada").expect("a folder"))).with_extension(GONE);
        let long_ago = UNIX_EPOCH + std::time::Duration::from_secs(wall_clock() - FORGOTTEN_FOR);
        File::options().write(true).open(&gone).and_then(|file| file.set_modified(long_ago)).expect("a file");
        let again = keys.seal("one", ["ada"], b"she is back").expect("a folder");
        assert_eq!((keys.open(&again).as_deref(), gone.exists()), (Some(&b"she is back"[..]), false));
        fs::remove_dir_all(keys.folder).expect("it can be removed");
    }

    #[test]
    fn a_changed_text_is_not_opened() {
        let keys = keys("change");
        let sealed = keys.seal("one", ["ada"], b"what she said").expect("a folder");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(keys.open(&changed), None, "byte {at}");
        }
        fs::remove_dir_all(keys.folder).expect("it can be removed");
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_the_keys() {
        use std::os::unix::fs::PermissionsExt;
        let keys = keys("private");
        keys.seal("one", ["ada"], b"x").expect("a folder");
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(mode(&keys.folder), 0o700);
        for file in fs::read_dir(&keys.folder).expect("a folder") {
            assert_eq!(mode(&file.expect("a file").path()), 0o600);
        }
        fs::remove_dir_all(keys.folder).expect("it can be removed");
    }
}
