//! The outbox: rooms push entries, one thread writes them, and each sink reads them at its own pace.

use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tracing::{error, info, warn};

use super::consumer::{Consumer, SinkState};
use super::forgotten;
use super::log::Log;
use super::segments::Segments;
use super::{OutboxFull, Sink, SinkReport};
use crate::engine::{TapBody, TapEntry, TapKey};
use crate::trust::wall_clock_millis;

/// Most bytes of entries that may wait to be written. Beyond it they are lost, and counted.
const MOST_WAITING: usize = 32 << 20;
/// Most bytes of an entry: a game's JSON has no limit of its own.
const MOST_ENTRY: usize = 256 << 10;
/// How long the writer waits after an error, such as a full disk.
const RETRY: Duration = Duration::from_secs(1);
/// How often the writer of an outbox in files looks for persons who were forgotten.
const LOOK: Duration = Duration::from_secs(1);

/// How an outbox is kept.
pub(crate) struct OutboxOptions {
    /// Its folder; `None` to keep it in memory.
    pub folder: Option<PathBuf>,
    /// Whether the files shall survive a loss of power.
    pub syncs: bool,
    /// Most bytes of entries.
    pub most: u64,
    pub full: OutboxFull,
    /// The name of this server.
    pub node: String,
}

/// Counts the entries of one room that are stored.
pub(crate) type Stored = Arc<AtomicU64>;

/// The outbox of a server. Clones are handles to the same.
#[derive(Clone)]
pub(crate) struct Outbox(Arc<Shared>);

pub(super) struct Shared {
    queue: Mutex<Queue>,
    /// Something waits to be written, or the outbox shall be closed.
    filled: Condvar,
    /// All that waited has been handled.
    emptied: Condvar,
    pub log: Mutex<Log>,
    /// The log has grown, or sinks shall end.
    pub grown: Condvar,
    pub sinks: Vec<Arc<SinkState>>,
    /// Sinks shall end when they have nothing more to deliver ...
    pub closing: AtomicBool,
    /// ... or at once.
    pub ended: AtomicBool,
    pub options: OutboxOptions,
    /// Entries that could not be stored.
    pub lost: AtomicU64,
    /// Whether the last attempt to write failed.
    pub failing: AtomicBool,
    started: u64,
}

#[derive(Default)]
struct Queue {
    jobs: Vec<Job>,
    bytes: usize,
    busy: bool,
    closed: bool,
}

enum Job {
    Store { entry: Arc<TapEntry>, json: Vec<u8>, stored: Option<Stored> },
    Then(Box<dyn FnOnce() + Send>),
}

impl Outbox {
    /// Opens the outbox and starts its threads, one for each of `sinks` and one that writes.
    ///
    /// # Errors
    /// The folder cannot be used, or two sinks have the same name.
    pub fn start(options: OutboxOptions, sinks: Vec<(String, Box<dyn Sink>)>) -> io::Result<Self> {
        let log = match &options.folder {
            Some(folder) => Log::Files(Segments::open(folder, options.syncs)?),
            None => Log::in_memory(),
        };
        let mut states: Vec<Arc<SinkState>> = Vec::new();
        for (name, _) in &sinks {
            check_name(name, &states)?;
            let state = SinkState::open(name, options.folder.as_deref(), log.start(), log.end())?;
            states.push(Arc::new(state));
        }
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            log: Mutex::new(log),
            grown: Condvar::new(),
            sinks: states.clone(),
            closing: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            options,
            lost: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            started: wall_clock_millis(),
        });
        let writer = shared.clone();
        thread::Builder::new().name("tickwire-outbox".to_owned()).spawn(move || writer.write())?;
        for ((name, sink), state) in sinks.into_iter().zip(states) {
            let consumer = Consumer::new(shared.clone(), state, sink);
            thread::Builder::new().name(format!("sink-{name}")).spawn(move || consumer.run())?;
        }
        let outbox = Self(shared);
        outbox.push_own(0, TapBody::NodeUp { node: outbox.0.options.node.clone() });
        Ok(outbox)
    }

    /// Stores an entry of a room, and counts it in `stored`. Never waits.
    pub fn push(&self, entry: Arc<TapEntry>, stored: Option<&Stored>) {
        let json = serde_json::to_vec(&*entry).unwrap_or_default();
        let fits = !json.is_empty() && json.len() <= MOST_ENTRY;
        let mut queue = self.0.queue.lock();
        if !fits || queue.bytes + json.len() > MOST_WAITING {
            drop(queue);
            self.0.lost.fetch_add(1, Ordering::Relaxed);
            // Nobody shall wait for it.
            stored.map(|stored| stored.fetch_add(1, Ordering::Release));
            return;
        }
        queue.bytes += json.len();
        queue.jobs.push(Job::Store { entry, json, stored: stored.cloned() });
        drop(queue);
        self.0.filled.notify_one();
    }

    /// Calls `then` when all that was pushed before is stored, or lost.
    pub fn when_stored(&self, then: impl FnOnce() + Send + 'static) {
        self.0.queue.lock().jobs.push(Job::Then(Box::new(then)));
        self.0.filled.notify_one();
    }

    /// Waits until all that was pushed is stored, but at most for `most`.
    pub fn flush(&self, most: Duration) {
        let mut queue = self.0.queue.lock();
        while !queue.jobs.is_empty() || queue.busy {
            if self.0.emptied.wait_for(&mut queue, most).timed_out() {
                return;
            }
        }
    }

    /// Whether no new rooms shall be made.
    pub fn refuses(&self) -> bool {
        self.0.options.full == OutboxFull::Refuse && self.0.log.lock().bytes() > self.0.options.most
    }

    /// Tells that the server is about to stop.
    pub fn drain(&self) {
        self.push_own(1, TapBody::NodeDraining { node: self.0.options.node.clone() });
    }

    /// Stores what waits, and ends: each sink may go on delivering for at most `most`.
    pub fn close(&self, most: Duration) {
        self.0.queue.lock().closed = true;
        self.0.filled.notify_all();
        self.flush(most);
        self.0.closing.store(true, Ordering::Release);
        let step = Duration::from_millis(20);
        let is_done = || self.0.sinks.iter().all(|sink| sink.is_done());
        for _ in 0..most.as_millis() / step.as_millis() {
            self.0.wake();
            if is_done() {
                break;
            }
            thread::sleep(step);
        }
        self.0.ended.store(true, Ordering::Release);
        self.0.wake();
        for report in self.reports().iter().filter(|report| report.lag > 0) {
            let SinkReport { name, lag, .. } = report;
            match self.0.options.folder {
                Some(_) => info!(sink = name, entries = lag, "the sink goes on at the next start"),
                None => warn!(sink = name, entries = lag, "the sink did not get all: they are lost"),
            }
        }
    }

    /// How each sink does.
    pub fn reports(&self) -> Vec<SinkReport> {
        let end = self.0.log.lock().end();
        let now = wall_clock_millis();
        self.0.sinks.iter().map(|sink| sink.report(end, now)).collect()
    }

    /// The bytes that are kept, how many entries there were, how many could not be stored, and whether writing fails.
    pub(super) fn figures(&self) -> (u64, u64, u64, bool) {
        let log = self.0.log.lock();
        (log.bytes(), log.end(), self.0.lost.load(Ordering::Relaxed), self.0.failing.load(Ordering::Relaxed))
    }

    fn push_own(&self, index: u32, body: TapBody) {
        let key = TapKey { room: String::new(), incarnation: self.0.started, tick: 0, index };
        self.push(Arc::new(TapEntry { key, game: String::new(), private: false, body }), None);
    }
}

impl Shared {
    fn write(&self) {
        while let Some(jobs) = self.take() {
            let (mut entries, mut counted, mut then) = (Vec::new(), Vec::new(), Vec::new());
            for job in jobs {
                match job {
                    Job::Store { entry, json, stored } => {
                        counted.extend(stored);
                        entries.push((entry, json));
                    }
                    Job::Then(call) => then.push(call),
                }
            }
            if !entries.is_empty() {
                self.store(&entries);
                counted.iter().for_each(|stored| _ = stored.fetch_add(1, Ordering::Release));
            }
            then.into_iter().for_each(|call| call());
            self.tell_forgotten();
            self.queue.lock().busy = false;
            self.emptied.notify_all();
        }
    }

    /// Appends, however long that takes; what is pushed meanwhile is bounded. When the outbox is closed, it tries once.
    fn store(&self, entries: &[(Arc<TapEntry>, Vec<u8>)]) {
        loop {
            let written = self.log.lock().append(wall_clock_millis(), entries);
            let was_failing = self.failing.swap(written.is_err(), Ordering::Relaxed);
            match written {
                Ok(()) => break,
                Err(why) if self.queue.lock().closed => {
                    error!(%why, entries = entries.len(), "the outbox cannot be written; entries are lost");
                    self.lost.fetch_add(entries.len() as u64, Ordering::Relaxed);
                    return;
                }
                Err(why) if !was_failing => error!(%why, "the outbox cannot be written; it is tried again"),
                Err(_) => {}
            }
            thread::sleep(RETRY);
        }
        self.trim();
        self.wake();
    }

    /// Tells of persons who were forgotten. What is told of them before is in files that end here, and these are deleted when
    /// all sinks have it.
    fn tell_forgotten(&self) {
        let notes = self.options.folder.as_deref().map(forgotten::notes).unwrap_or_default();
        for note in &notes {
            let mut log = self.log.lock();
            let json = serde_json::to_vec(&*note.entry).unwrap_or_default();
            let written = log.append(wall_clock_millis(), &[(note.entry.clone(), json)]);
            let written = written.inspect(|()| note.remove()).and_then(|()| log.begin_anew());
            drop(log);
            let was_failing = self.failing.swap(written.is_err(), Ordering::Relaxed);
            if let Err(why) = written {
                if !was_failing {
                    error!(%why, "sinks cannot be told of a person who was forgotten; it is tried again");
                }
                return;
            }
        }
        if !notes.is_empty() {
            self.trim();
            self.wake();
        }
    }

    /// Forgets what all sinks have, and what is too much.
    pub fn trim(&self) {
        let spare = if self.options.full == OutboxFull::Refuse { 2 } else { 1 };
        let mut log = self.log.lock();
        let needed = self.sinks.iter().map(|sink| sink.position()).min().unwrap_or_else(|| log.end());
        log.trim(needed, self.options.most * spare);
    }

    /// Wakes all sinks.
    fn wake(&self) {
        // A sink that has looked and does not wait yet would miss it.
        drop(self.log.lock());
        self.grown.notify_all();
    }

    /// Waits for jobs, for a while if there may be notes; `None` when the outbox is closed.
    fn take(&self) -> Option<Vec<Job>> {
        let mut queue = self.queue.lock();
        while queue.jobs.is_empty() {
            if queue.closed {
                return None;
            }
            match self.options.folder {
                None => self.filled.wait(&mut queue),
                Some(_) if self.filled.wait_for(&mut queue, LOOK).timed_out() => break,
                Some(_) => {}
            }
        }
        (queue.bytes, queue.busy) = (0, true);
        Some(std::mem::take(&mut queue.jobs))
    }
}

fn check_name(name: &str, others: &[Arc<SinkState>]) -> io::Result<()> {
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    if name.is_empty() || name.len() > 40 || !name.chars().all(known) {
        let wanted = "must have 1 to 40 lower-case letters, digits, - and _";
        return Err(io::Error::other(format!("the sink {name:?}: its name {wanted}")));
    }
    if others.iter().any(|other| other.name() == name) {
        return Err(io::Error::other(format!("two sinks are called {name:?}")));
    }
    Ok(())
}

/// The file in which a sink's position is.
pub(super) fn position_file(folder: &std::path::Path, name: &str) -> io::Result<(fs::File, Option<u64>)> {
    let path = folder.join(format!("{name}.position"));
    let known = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
    let file = fs::OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    Ok((file, known))
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("sinks", &self.reports()).finish()
    }
}
