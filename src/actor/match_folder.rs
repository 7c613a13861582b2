//! The folder of the archive of matches, which one server at a time uses.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};
use tracing::error;

use super::matches::{EndedMatch, Persons};
use crate::engine::recording::Recording;
use crate::engine::{GoingMatch, MatchRecord, SavedResult};
use crate::trust::{PersonKeys, create_private_folder, private_file};
use crate::wire::limits;

/// The ending of the file of an ended match ...
const ENDED: &str = "match";
/// ... and of one that goes on.
const GOING: &str = "going";
/// What the keys of persons are used for here, where keys of files are not needed.
const PURPOSE: &str = "matches";

/// The folder and its bounds.
#[derive(Clone, Debug)]
pub struct MatchShelf {
    /// The folder.
    pub folder: PathBuf,
    /// How long a match is kept.
    pub keep: Duration,
    /// The most matches.
    pub most: usize,
    /// The most bytes of all matches.
    pub bytes: u64,
}

/// The folder of a server that runs.
#[derive(Debug)]
pub(super) struct MatchFolder {
    shelf: MatchShelf,
    keys: PersonKeys,
    lock: File,
}

impl MatchFolder {
    /// Takes the folder, and creates it if it is missing.
    ///
    /// # Errors
    /// It cannot be written, or another server uses it.
    pub fn open(shelf: MatchShelf) -> io::Result<Self> {
        create_private_folder(&shelf.folder)?;
        let lock = private_file(&shelf.folder.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::other("another server uses it"),
            TryLockError::Error(error) => error,
        })?;
        let keys = PersonKeys::for_rooms(shelf.folder.join("keys"));
        Ok(Self { shelf, keys, lock })
    }

    /// Lets another server have the folder.
    pub fn release(&self) {
        if let Err(error) = self.lock.unlock() {
            error!(%error, folder = %self.shelf.folder.display(), "the folder for matches cannot be unlocked");
        }
    }

    /// The keys of persons.
    pub fn keys(&self) -> &PersonKeys {
        &self.keys
    }

    /// The ended matches by number, each with the bytes of its file, as far as they can be read. Of those that cannot, the files
    /// stay until they are the oldest.
    pub fn read(&self) -> (BTreeMap<u64, u64>, Vec<EndedMatch>) {
        let (mut files, mut ended) = (BTreeMap::new(), Vec::new());
        for path in self.paths(ENDED) {
            let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            let Some(number) = number else { continue };
            files.insert(number, fs::metadata(&path).map_or(0, |about| about.len()));
            match read_record(&path) {
                Ok(record) if record.number == number => ended.push(EndedMatch::of(record)),
                Ok(_) => {
                    error!(file = %path.display(), "the file of a match has another match's name; it is not shown")
                }
                Err(error) => error!(%error, file = %path.display(), "a match cannot be read; it is not shown"),
            }
        }
        (files, ended)
    }

    /// The matches that the last server left behind, by the names of their files.
    pub fn read_going(&self) -> Vec<(String, GoingMatch)> {
        let mut found = Vec::new();
        for path in self.paths(GOING) {
            let read = fs::read(&path).and_then(|bytes| GoingMatch::decode(&bytes).map_err(io::Error::other));
            match (read, path.file_stem().and_then(|stem| stem.to_str())) {
                (Ok(going), Some(stem)) => found.push((stem.to_owned(), going)),
                (Ok(_), None) => {}
                (Err(error), _) => {
                    error!(%error, file = %path.display(), "what was kept of a match that had not ended cannot be read");
                    let _ = fs::rename(&path, path.with_extension("damaged"));
                }
            }
        }
        found
    }

    fn paths(&self, ending: &str) -> Vec<PathBuf> {
        let entries = match fs::read_dir(&self.shelf.folder) {
            Ok(entries) => entries,
            Err(error) => {
                error!(%error, folder = %self.shelf.folder.display(), "the matches cannot be listed");
                return Vec::new();
            }
        };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        paths.filter(|path| path.extension().is_some_and(|found| found == ending)).collect()
    }

    /// The name of the file of a match that goes on. The id of a private room admits whoever knows it.
    pub fn stem(id: &str) -> String {
        Sha256::digest(id.as_bytes())[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn going(&self, stem: &str) -> PathBuf {
        self.shelf.folder.join(format!("{stem}.{GOING}"))
    }

    fn ended(&self, number: u64) -> PathBuf {
        self.shelf.folder.join(format!("{number:016}.{ENDED}"))
    }

    /// Appends to the file of a match that goes on, of which `whole` bytes are whole. Returns how many are then.
    ///
    /// # Errors
    /// The disk is full, for instance. The file is as it was.
    pub fn append(&self, stem: &str, whole: u64, block: &[u8]) -> io::Result<u64> {
        let path = self.going(stem);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path)?;
        file.set_len(whole)?;
        io::Seek::seek(&mut file, io::SeekFrom::Start(whole))?;
        if let Err(error) = file.write_all(block) {
            let _ = file.set_len(whole);
            return Err(error);
        }
        Ok(whole + block.len() as u64)
    }

    /// What is kept of a match that goes on.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn going_match(&self, stem: &str) -> io::Result<GoingMatch> {
        GoingMatch::decode(&fs::read(self.going(stem))?).map_err(io::Error::other)
    }

    /// Nothing is needed any more of a match that went on.
    pub fn forget_going(&self, stem: &str) {
        let path = self.going(stem);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                error!(%error, file = %path.display(), "the film of a match that has ended cannot be deleted");
            }
            _ => {}
        }
    }

    /// Seals what concerns these persons.
    ///
    /// # Errors
    /// The keys cannot be read or written.
    pub fn seal<'a>(&self, persons: impl IntoIterator<Item = &'a str>, text: &[u8]) -> io::Result<Vec<u8>> {
        self.keys.seal(PURPOSE, persons, text)
    }

    /// Writes an ended match. Returns the bytes of its file.
    ///
    /// # Errors
    /// The disk is full, for instance.
    pub fn write(&self, record: &MatchRecord, film: &[u8]) -> io::Result<u64> {
        let (path, bytes) = (self.ended(record.number), record.encode(film));
        let aside = path.with_extension("new");
        let written = private_file(&aside).and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync_all()
        });
        if let Err(error) = written.and_then(|()| fs::rename(&aside, &path)) {
            let _ = fs::remove_file(&aside);
            return Err(error);
        }
        File::open(&self.shelf.folder)?.sync_all()?;
        Ok(bytes.len() as u64)
    }

    /// The matches that must go at the time `now`, in milliseconds since 1970: the oldest, of these files.
    pub fn surplus(&self, files: &BTreeMap<u64, u64>, now: u64) -> Vec<u64> {
        let oldest = now.saturating_sub(self.shelf.keep.as_millis() as u64);
        let (mut count, mut bytes) = (files.len(), files.values().sum::<u64>());
        let goes = files.iter().take_while(|(number, size)| {
            let goes = count > self.shelf.most || bytes > self.shelf.bytes || **number < oldest;
            (count, bytes) = (count - 1, bytes - **size);
            goes
        });
        goes.map(|(number, _)| *number).collect()
    }

    /// Deletes the file of a match.
    ///
    /// # Errors
    /// It cannot be deleted.
    pub fn delete(&self, number: u64) -> io::Result<()> {
        match fs::remove_file(self.ended(number)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// The film of a match, as a recording without inputs.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn film(&self, number: u64) -> io::Result<Vec<u8>> {
        let bytes = fs::read(self.ended(number))?;
        let (_, at) = MatchRecord::decode(&bytes).map_err(io::Error::other)?;
        Recording::decode_kept(&bytes[at..]).map(|film| film.encode_film()).map_err(io::Error::other)
    }

    /// The result of a match; `None` if there is none, or somebody was forgotten who was in it.
    pub fn result(&self, number: u64) -> Option<Value> {
        match read_record(&self.ended(number)).ok()?.result {
            SavedResult::None => None,
            SavedResult::Open(json) => serde_json::from_slice(&json).ok(),
            SavedResult::Sealed(sealed) => serde_json::from_slice(&self.keys.open(&sealed)?).ok(),
        }
    }
}

/// Bytes at the beginning of a file that contain what is known of the match: a mark and the name of a key per join, of some 35 bytes
/// each, and the result.
const BEGINNING: u64 = (4096 + 100 * limits::MATCH_JOINS + 2 * limits::MATCH_RESULT) as u64;

fn read_record(path: &Path) -> io::Result<MatchRecord> {
    let mut beginning = vec![0; 4096];
    let mut file = File::open(path)?;
    let read = file.read(&mut beginning)?;
    beginning.truncate(read);
    if MatchRecord::decode(&beginning).is_err() {
        file.take(BEGINNING).read_to_end(&mut beginning)?;
    }
    MatchRecord::decode(&beginning).map(|(record, _)| record).map_err(io::Error::other)
}

impl EndedMatch {
    /// What a file tells.
    pub(super) fn of(record: MatchRecord) -> Self {
        let MatchRecord { number, room, game, private, incarnation, began, ended, players, .. } = record;
        let (has_film, has_result) = (record.has_film, record.result != SavedResult::None);
        let persons = Persons::Marked(record.persons);
        Self { number, room, game, private, incarnation, began, ended, players, has_film, has_result, persons }
    }
}
