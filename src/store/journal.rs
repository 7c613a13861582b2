//! The journal as rooms see it: they append entries and never wait, and learn what is safe.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::disk::Disk;
use super::entry::RoomDigest;
use super::found::Found;
use super::writer::{Durability, StoreFailure, Writer};
use crate::cluster::Tenure;
use crate::engine::{Checkpoint, JournalEntry};
use crate::trust::PersonKeys;

/// How a journal does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreState {
    /// It is written.
    Writing,
    /// It failed, and rooms go on without it: they will not survive the process.
    GivenUp(
        /// Why.
        String,
    ),
    /// It failed, and rooms end. What was safe still is.
    Failed(
        /// Why.
        String,
    ),
}

/// Figures of a journal, since its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalReport {
    /// How it does.
    pub state: StoreState,
    /// Bytes written.
    pub written: u64,
    /// Commits made.
    pub commits: u64,
    /// How long the slowest commit took since the last report.
    pub slowest: Duration,
    /// Bytes that wait to be written.
    pub waiting: usize,
    /// Files on the disk.
    pub files: usize,
}

/// A journal that is written.
#[derive(Clone)]
pub struct Journal {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub queue: Mutex<Queue>,
    /// Something waits to be written, or the journal shall be closed.
    pub filled: Condvar,
    /// Everything that waited has been handled.
    pub emptied: Condvar,
    pub state: Mutex<StoreState>,
    pub written: AtomicU64,
    pub commits: AtomicU64,
    pub slowest_micros: AtomicU64,
    pub files: AtomicUsize,
}

#[derive(Default)]
pub(super) struct Queue {
    pub jobs: Vec<Job>,
    /// Approximate bytes of the jobs.
    pub bytes: usize,
    /// Whether jobs were refused because there were too many.
    pub overflowed: bool,
    /// Whether the writer is at work on jobs that it has taken.
    pub busy: bool,
    pub closed: bool,
}

pub(super) enum Job {
    Append {
        room: Arc<RoomJournal>,
        entry: JournalEntry,
        /// Whether the room wants to be woken.
        wakes: bool,
    },
    End(RoomDigest),
    /// What was found at the start is needed no more.
    Forget(Vec<String>),
    /// What was found at the start is moved aside.
    Keep(Vec<String>),
}

impl Journal {
    /// Most bytes that may wait to be written: beyond it, the disk is too slow.
    pub(super) const MOST_WAITING: usize = 64 << 20;

    /// Opens the journal on `disk`, in which persons are sealed if there are `keys`, and starts its writer. Also returns what was
    /// found, which stays there until [`Self::forget`].
    ///
    /// # Errors
    /// The disk cannot be read or written.
    pub fn start(
        mut disk: Box<dyn Disk>,
        durability: Durability,
        failure: StoreFailure,
        build: &str,
        keys: impl Into<Option<PersonKeys>>,
    ) -> io::Result<(Self, Found)> {
        let keys = keys.into();
        let found = Found::read(&mut *disk, keys.as_ref())?;
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            state: Mutex::new(StoreState::Writing),
            written: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            slowest_micros: AtomicU64::new(0),
            files: AtomicUsize::new(found.files.len() + 1),
        });
        let writer = Writer::start(disk, found.next, (durability, failure), build, keys, shared.clone())?;
        thread::Builder::new().name("tickwire-journal".to_owned()).spawn(move || writer.run())?;
        Ok((Self { shared }, found))
    }

    /// The journal of one room, which begins with the room's first entry. `wake` is called when outputs of the room that
    /// waited may leave, and when the journal fails.
    pub fn room(&self, id: &str, tenure: Option<Tenure>, wake: impl Fn() + Send + Sync + 'static) -> Arc<RoomJournal> {
        Arc::new(RoomJournal {
            room: RoomDigest::of(id),
            tenure,
            safe: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            wake: Box::new(wake),
            journal: self.clone(),
        })
    }

    /// A room that was found has ended.
    pub fn end(&self, room: RoomDigest) {
        self.push(Job::End(room), 64);
    }

    /// The rooms that were found go on: their old files are not needed any more.
    pub fn forget(&self, found: Found) {
        self.push(Job::Forget(found.files), 64);
    }

    /// Some of the rooms that were found cannot go on: their old files are moved aside.
    pub fn keep(&self, found: Found) {
        self.push(Job::Keep(found.files), 64);
    }

    /// Waits until everything that was appended is safe, or the journal has failed.
    pub fn flush(&self) -> StoreState {
        let mut queue = self.shared.queue.lock();
        while !queue.jobs.is_empty() || queue.busy {
            self.shared.emptied.wait(&mut queue);
        }
        drop(queue);
        self.shared.state.lock().clone()
    }

    /// Writes what waits and ends the writer.
    pub fn close(&self) {
        self.shared.queue.lock().closed = true;
        self.shared.filled.notify_all();
        self.flush();
    }

    /// Figures since the start.
    pub fn report(&self) -> JournalReport {
        let shared = &self.shared;
        JournalReport {
            state: shared.state.lock().clone(),
            written: shared.written.load(Ordering::Relaxed),
            commits: shared.commits.load(Ordering::Relaxed),
            slowest: Duration::from_micros(shared.slowest_micros.swap(0, Ordering::Relaxed)),
            waiting: shared.queue.lock().bytes,
            files: shared.files.load(Ordering::Relaxed),
        }
    }

    fn push(&self, job: Job, bytes: usize) {
        let mut queue = self.shared.queue.lock();
        if queue.bytes > Self::MOST_WAITING {
            queue.overflowed = true;
        } else {
            queue.bytes += bytes;
            queue.jobs.push(job);
        }
        let first = queue.jobs.len() == 1;
        drop(queue);
        if first {
            self.shared.filled.notify_one();
        }
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("report", &self.report()).finish()
    }
}

/// The journal of one room.
pub struct RoomJournal {
    pub(super) room: RoomDigest,
    /// The right of the room to go on, in a cluster.
    pub(super) tenure: Option<Tenure>,
    pub(super) safe: AtomicU64,
    pub(super) failed: AtomicBool,
    pub(super) wake: Box<dyn Fn() + Send + Sync>,
    journal: Journal,
}

impl RoomJournal {
    /// Appends an entry. If `wakes`, the room is woken when the entry is safe.
    pub fn append(self: &Arc<Self>, entry: JournalEntry, wakes: bool) {
        let bytes = 128 + entry.inputs.len() + entry.checkpoint.as_ref().map_or(0, |checkpoint| weight(checkpoint));
        self.journal.push(Job::Append { room: self.clone(), entry, wakes }, bytes);
    }

    /// Up to where the room's record is safe. Everything is when the journal was given up.
    pub fn safe(&self) -> u64 {
        self.safe.load(Ordering::Acquire)
    }

    /// Whether the journal has failed, so that the room must end without a word.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// The room has ended: nothing of it is needed any more.
    pub fn end(&self) {
        self.journal.end(self.room);
    }
}

impl fmt::Debug for RoomJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomJournal").field("safe", &self.safe()).finish_non_exhaustive()
    }
}

fn weight(checkpoint: &Checkpoint) -> usize {
    checkpoint.weight()
}
