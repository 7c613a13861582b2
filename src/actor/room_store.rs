//! Rooms that are not running: each is a file. Rooms are stored when their server stops, and go on when the next one starts
//! on the same folder. Persistent rooms are stored when nobody is in them, and go on when somebody wants to join.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use bytes::Bytes;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tracing::{error, info};

use super::names;
use super::room_file::{Label, StoredRoom};
use crate::store::RoomJournal;
use crate::trust::{PersonKeys, create_private_folder, private_file};

/// The ending of a room's file.
const ENDING: &str = "room";

/// A folder for rooms, which one server at a time uses.
#[derive(Debug)]
pub struct RoomStore {
    folder: PathBuf,
    keys: PersonKeys,
    /// Locked as long as the server runs.
    lock: File,
    rooms: Sender<Job>,
    unwritten: Arc<Unwritten>,
}

/// Rooms that are not written yet, or could not be, by id.
type Unwritten = Mutex<BTreeMap<String, Bytes>>;

struct Job {
    id: String,
    bytes: Bytes,
    journal: Option<Arc<RoomJournal>>,
}

impl RoomStore {
    /// Takes the folder, and creates it if it is missing.
    ///
    /// # Errors
    /// The folder cannot be written, or another server uses it.
    pub fn open(folder: &Path) -> io::Result<Self> {
        create_private_folder(folder)?;
        let lock = private_file(&folder.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::other("another server uses it"),
            TryLockError::Error(error) => error,
        })?;
        let (rooms, jobs) = channel();
        let unwritten = Arc::new(Unwritten::default());
        let (waiting, target) = (unwritten.clone(), folder.to_owned());
        let write = move || write_all(&jobs, &target, &waiting);
        thread::Builder::new().name("tickwire-rooms".to_owned()).spawn(write)?;
        let keys = PersonKeys::for_rooms(folder.join("keys"));
        Ok(Self { folder: folder.to_owned(), keys, lock, rooms, unwritten })
    }

    /// Writes a room, in a thread of its own, and then ends its journal. A room is put once per start, so the queue is bounded
    /// by the number of rooms.
    pub fn put(&self, room: &StoredRoom, journal: Option<Arc<RoomJournal>>) {
        let id = room.label.id.clone();
        let bytes = match room.encode(&self.keys) {
            Ok(bytes) => Bytes::from(bytes),
            Err(error) => return error!(room = %names::for_logs(&id), %error, "a room could not be stored"),
        };
        self.unwritten.lock().insert(id.clone(), bytes.clone());
        // The thread ends with the process.
        let _ = self.rooms.send(Job { id, bytes, journal });
    }

    /// Lets another server have the folder. Rooms that end later than the server may still hold this store.
    pub fn release(&self) {
        if let Err(error) = self.lock.unlock() {
            error!(%error, folder = %self.folder.display(), "the folder for rooms cannot be unlocked");
        }
    }

    /// Whether every room that was put is written. Those that cannot be written are not.
    pub fn is_idle(&self) -> bool {
        self.unwritten.lock().is_empty()
    }

    /// The labels of all stored rooms. Files that cannot be read stay, and are told.
    pub fn labels(&self) -> Vec<Label> {
        let mut paths = match fs::read_dir(&self.folder) {
            Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect::<Vec<_>>(),
            Err(error) => {
                error!(%error, folder = %self.folder.display(), "the stored rooms cannot be listed");
                return Vec::new();
            }
        };
        paths.retain(|path| path.extension().is_some_and(|ending| ending == ENDING));
        paths.sort();
        let read = |path: PathBuf| {
            let label = Label::read(&path);
            label
                .map_err(|error| error!(error, file = %path.display(), "a stored room cannot be read; its file stays"))
                .ok()
        };
        paths.into_iter().filter_map(read).collect()
    }

    /// A stored room, which is about to run. If it was not written yet, it never is, and its journal goes on.
    ///
    /// # Errors
    /// Its file cannot be read, or is damaged.
    pub fn take(&self, id: &str) -> Result<StoredRoom, String> {
        let unwritten = self.unwritten.lock().remove(id);
        let bytes = unwritten.map_or_else(|| fs::read(self.path(id)).map(Bytes::from), Ok);
        StoredRoom::decode(&bytes.map_err(|error| error.to_string())?, &self.keys)
    }

    /// The keys of persons, with which they are sealed in this folder.
    pub fn keys(&self) -> &PersonKeys {
        &self.keys
    }

    /// The file of a room.
    pub fn path(&self, id: &str) -> PathBuf {
        path(&self.folder, id)
    }

    /// The room runs, or has ended: its file is not needed any more.
    pub fn forget(&self, id: &str) {
        self.unwritten.lock().remove(id);
        match fs::remove_file(self.path(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                error!(%error, file = %self.path(id).display(), "the file of a room that goes on cannot be deleted");
            }
            _ => {}
        }
    }
}

/// The id of a private room admits whoever knows it, and names of files are widely seen.
fn path(folder: &Path, id: &str) -> PathBuf {
    let name: String = Sha256::digest(id.as_bytes())[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    folder.join(format!("{name}.{ENDING}"))
}

fn write_all(jobs: &Receiver<Job>, folder: &Path, unwritten: &Unwritten) {
    for Job { id, bytes, journal } in jobs {
        let (shown, path) = (names::for_logs(&id), path(folder, &id));
        if !unwritten.lock().contains_key(&id) {
            continue;
        }
        if let Err(error) = write(&path, &bytes) {
            error!(room = %shown, %error, "a room could not be stored");
            continue;
        }
        let mut unwritten = unwritten.lock();
        if unwritten.remove(&id).is_some() {
            info!(room = %shown, bytes = bytes.len(), "room stored");
            journal.iter().for_each(|journal| journal.end());
        } else {
            // It was taken meanwhile, and its journal goes on.
            let _ = fs::remove_file(&path);
        }
    }
}

/// Writes aside and renames, so that there is never half a room.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let aside = path.with_extension("new");
    let written = private_file(&aside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written.and_then(|()| fs::rename(&aside, path)) {
        let _ = fs::remove_file(&aside);
        return Err(error);
    }
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}
