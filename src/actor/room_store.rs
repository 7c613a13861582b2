//! Rooms that outlive a stop of their server: each is written into a file when the server stops, and goes on when the
//! next one starts on the same folder.
//!
//! The files are written once and read once. While the server runs there are none, so nothing stale is ever restored.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use sha2::{Digest, Sha256};
use tracing::{error, info};

use super::names;
use crate::engine::Checkpoint;
use crate::trust::{create_private_folder, private_file};

/// What the file of a room starts with.
const MAGIC: &[u8; 8] = b"tickroom";
/// Bytes of the checksum that follows.
const CHECKSUM: usize = 32;
/// The ending of a room's file.
const ENDING: &str = "room";

/// A folder for rooms, which one server at a time uses.
#[derive(Debug)]
pub struct RoomStore {
    folder: PathBuf,
    /// Locked as long as the server runs.
    _lock: File,
    rooms: Sender<Job>,
    /// Rooms that are not written yet.
    waiting: Arc<AtomicUsize>,
}

struct Job {
    id: String,
    bytes: Vec<u8>,
}

/// A room that was written when a server stopped.
#[derive(Debug)]
pub struct StoredRoom {
    path: PathBuf,
    pub checkpoint: Checkpoint,
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
        let waiting = Arc::new(AtomicUsize::new(0));
        let (written, target) = (waiting.clone(), folder.to_owned());
        let write = move || write_all(&jobs, &target, &written);
        thread::Builder::new().name("tickwire-rooms".to_owned()).spawn(write)?;
        Ok(Self { folder: folder.to_owned(), _lock: lock, rooms, waiting })
    }

    /// Writes a room, in a thread of its own. Every room is put at most once, so the queue is bounded by their number.
    pub fn put(&self, checkpoint: &Checkpoint) {
        let job = Job { id: checkpoint.config().id.clone(), bytes: checkpoint.encode() };
        self.waiting.fetch_add(1, Ordering::AcqRel);
        if self.rooms.send(job).is_err() {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Whether every room that was put is written, or could not be.
    pub fn is_idle(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
    }

    /// The rooms that the last server wrote. Files that cannot be read stay, and are told.
    pub fn stored(&self) -> Vec<StoredRoom> {
        let mut paths = match fs::read_dir(&self.folder) {
            Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect::<Vec<_>>(),
            Err(error) => {
                error!(%error, folder = %self.folder.display(), "the stored rooms cannot be listed");
                return Vec::new();
            }
        };
        paths.retain(|path| path.extension().is_some_and(|ending| ending == ENDING));
        paths.sort();
        let read = |path: PathBuf| match read(&path) {
            Ok(checkpoint) => Some(StoredRoom { path, checkpoint }),
            Err(error) => {
                error!(error, file = %path.display(), "a stored room cannot be read; its file stays");
                None
            }
        };
        paths.into_iter().filter_map(read).collect()
    }
}

impl StoredRoom {
    /// The room goes on: its file is not needed any more.
    pub fn forget(path: &Path) {
        if let Err(error) = fs::remove_file(path) {
            error!(%error, file = %path.display(), "the file of a room that goes on cannot be deleted");
        }
    }

    /// Where it is stored.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn read(path: &Path) -> Result<Checkpoint, String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let rest = bytes.strip_prefix(MAGIC).ok_or("it is no stored room, or one of another version")?;
    let (sum, content) = rest.split_first_chunk::<CHECKSUM>().ok_or("it is cut off")?;
    if Sha256::digest(content)[..] != sum[..] {
        return Err("it is damaged".to_owned());
    }
    Checkpoint::decode(content).map_err(|error| error.to_string())
}

fn write_all(jobs: &Receiver<Job>, folder: &Path, waiting: &AtomicUsize) {
    for Job { id, bytes } in jobs {
        let shown = names::for_logs(&id);
        match write(folder, &id, &bytes) {
            Ok(()) => info!(room = %shown, bytes = bytes.len(), "room stored"),
            Err(error) => error!(room = %shown, %error, "a room could not be stored"),
        }
        waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Writes aside and renames, so that there is never half a room.
fn write(folder: &Path, id: &str, bytes: &[u8]) -> io::Result<()> {
    // The id of a private room admits whoever knows it, and names of files are widely seen.
    let name: String = Sha256::digest(id.as_bytes())[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let path = folder.join(format!("{name}.{ENDING}"));
    let aside = path.with_extension("new");
    let written = private_file(&aside).and_then(|mut file| {
        file.write_all(MAGIC)?;
        file.write_all(&Sha256::digest(bytes))?;
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written.and_then(|()| fs::rename(&aside, &path)) {
        let _ = fs::remove_file(&aside);
        return Err(error);
    }
    File::open(folder)?.sync_all()
}
