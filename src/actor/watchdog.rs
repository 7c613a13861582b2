//! The watchdog detects threads and writers of the server that have stopped making progress.
//!
//! Each part has a [`Heartbeat`]. A thread beats by a timer; a writer owes a beat only while it writes. The watchdog's own
//! thread counts for how many of its rounds a part has been silent. It compares no clocks: when the whole process pauses,
//! the rounds pause as well, and no part is reported afterwards. `/healthz` reads the result without waiting for any part.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use actix_web::rt::time::sleep;
use parking_lot::Mutex;
use tracing::{error, info};

use super::clock::Clock;
use super::message::RelayKey;
use crate::tick::Moment;
use crate::wire::limits;

/// A part of the server that must make progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The thread of the directory, which is the thread that mounted the server.
    Directory,
    RoomThread(usize),
    /// An HTTP worker, identified by its relay.
    Worker(RelayKey),
    LogWriter,
    TraceWriter,
    RecordingWriter,
    MatchWriter,
    Watchdog,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory => f.write_str("directory"),
            Self::RoomThread(index) => write!(f, "room thread {index}"),
            Self::Worker(key) => write!(f, "HTTP worker {}", key.0),
            Self::LogWriter => f.write_str("log writer"),
            Self::TraceWriter => f.write_str("trace writer"),
            Self::RecordingWriter => f.write_str("recording writer"),
            Self::MatchWriter => f.write_str("match writer"),
            Self::Watchdog => f.write_str("watchdog"),
        }
    }
}

/// Shows that one part makes progress.
#[derive(Debug)]
pub struct Heartbeat {
    beats: AtomicU64,
    /// Whether silence means that the part is stuck.
    owed: AtomicBool,
}

impl Heartbeat {
    /// The heartbeat of a thread, which owes a beat at all times.
    pub fn of_thread() -> Self {
        Self { beats: AtomicU64::new(0), owed: AtomicBool::new(true) }
    }

    /// The heartbeat of a writer, which owes a beat only [during](Self::during) its work.
    pub fn of_writer() -> Self {
        Self { beats: AtomicU64::new(0), owed: AtomicBool::new(false) }
    }

    /// Records that the part is alive.
    pub fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    /// Runs `work`, which may block. One caller at a time.
    pub fn during<R>(&self, work: impl FnOnce() -> R) -> R {
        self.beat();
        self.owed.store(true, Ordering::Relaxed);
        let done = work();
        self.owed.store(false, Ordering::Relaxed);
        done
    }

    /// Beats for as long as the polling thread runs its tasks.
    pub async fn keep(self: Arc<Self>) {
        loop {
            self.beat();
            sleep(limits::BEAT_EVERY).await;
        }
    }
}

struct Watched {
    part: Part,
    heartbeat: Arc<Heartbeat>,
    /// The number of beats at the last round.
    beats: u64,
    /// Consecutive rounds without an owed beat.
    silent: u32,
}

impl Watched {
    /// Whether a worker has ended. Workers end with their HTTP server, while another server may serve the same rooms. No
    /// other part may end: without it, rooms are not served.
    fn has_left(&self) -> bool {
        matches!(self.part, Part::Worker(_)) && Arc::strong_count(&self.heartbeat) == 1
    }

    fn is_stuck(&self) -> bool {
        self.silent >= limits::SILENT_ROUNDS
    }
}

/// Watches the parts of one server.
pub struct Watchdog {
    watched: Mutex<Vec<Watched>>,
    stuck: Mutex<Vec<Part>>,
    clock: Clock,
    /// The moment of the last round, in microseconds.
    looked: AtomicU64,
}

impl Watchdog {
    /// Starts the watchdog's thread, which ends after the last handle is dropped.
    ///
    /// # Errors
    /// When the operating system cannot start a thread.
    pub fn start(clock: Clock) -> io::Result<Arc<Self>> {
        let watchdog = Arc::new(Self::new(clock));
        let weak = Arc::downgrade(&watchdog);
        let rounds = move || {
            while let Some(watchdog) = weak.upgrade() {
                watchdog.look();
                drop(watchdog);
                thread::sleep(limits::BEAT_EVERY);
            }
        };
        thread::Builder::new().name("tickwire-watchdog".to_owned()).spawn(rounds)?;
        Ok(watchdog)
    }

    fn new(clock: Clock) -> Self {
        let looked = AtomicU64::new(clock.now().0);
        Self { watched: Mutex::default(), stuck: Mutex::default(), clock, looked }
    }

    /// Watches `part` from now on. A worker is removed when it drops its heartbeat.
    pub fn watch(&self, part: Part, heartbeat: &Arc<Heartbeat>) {
        let beats = heartbeat.beats.load(Ordering::Relaxed);
        self.watched.lock().push(Watched { part, heartbeat: heartbeat.clone(), beats, silent: 0 });
    }

    /// Stops watching, because all parts are about to end.
    pub fn rest(&self) {
        self.watched.lock().clear();
        self.stuck.lock().clear();
    }

    /// The parts that are stuck now.
    pub fn stuck(&self) -> Vec<Part> {
        let mut stuck = self.stuck.lock().clone();
        // The watchdog's thread may itself be blocked while it logs, by an embedder's subscriber.
        let looked = Moment(self.looked.load(Ordering::Relaxed));
        if self.clock.now().since(looked) > limits::BEAT_EVERY * limits::SILENT_ROUNDS {
            stuck.push(Part::Watchdog);
        }
        stuck
    }

    fn look(&self) {
        self.looked.store(self.clock.now().0, Ordering::Relaxed);
        let now = self.round();
        let before = std::mem::replace(&mut *self.stuck.lock(), now.clone());
        // The result is stored before anything is logged, because logging may block.
        for part in now.iter().filter(|part| !before.contains(part)) {
            error!(%part, "stuck");
        }
        for part in before.iter().filter(|part| !now.contains(part)) {
            info!(%part, "no longer stuck");
        }
    }

    fn round(&self) -> Vec<Part> {
        let mut watched = self.watched.lock();
        watched.retain_mut(|watched| {
            let beats = watched.heartbeat.beats.load(Ordering::Relaxed);
            let silent = watched.heartbeat.owed.load(Ordering::Relaxed) && beats == watched.beats;
            watched.silent = if silent { watched.silent.saturating_add(1) } else { 0 };
            watched.beats = beats;
            !watched.has_left()
        });
        watched.iter().filter(|watched| watched.is_stuck()).map(|watched| watched.part).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(watchdog: &Watchdog, rounds: u32, mut each: impl FnMut()) -> Vec<Part> {
        (0..rounds).for_each(|_| {
            each();
            watchdog.look();
        });
        watchdog.stuck()
    }

    #[test]
    fn a_silent_thread_is_stuck_until_it_beats_and_a_worker_may_leave() {
        let watchdog = Watchdog::new(Clock::start());
        let (lively, frozen) = (Arc::new(Heartbeat::of_thread()), Arc::new(Heartbeat::of_thread()));
        watchdog.watch(Part::Directory, &lively);
        watchdog.watch(Part::Worker(RelayKey(1)), &frozen);
        assert_eq!(after(&watchdog, limits::SILENT_ROUNDS - 1, || lively.beat()), []);
        assert_eq!(after(&watchdog, 1, || lively.beat()), [Part::Worker(RelayKey(1))]);
        frozen.beat();
        assert_eq!(after(&watchdog, 1, || lively.beat()), []);
        assert_eq!(after(&watchdog, limits::SILENT_ROUNDS, || lively.beat()), [Part::Worker(RelayKey(1))]);
        drop(frozen);
        assert_eq!(after(&watchdog, 1, || lively.beat()), []);
        drop(lively);
        assert_eq!(after(&watchdog, limits::SILENT_ROUNDS, || {}), [Part::Directory], "nobody finds rooms any more");
    }

    #[test]
    fn a_writer_is_stuck_while_it_writes_only() {
        let watchdog = Watchdog::new(Clock::start());
        let writer = Arc::new(Heartbeat::of_writer());
        watchdog.watch(Part::LogWriter, &writer);
        assert_eq!(after(&watchdog, 20, || {}), []);
        assert_eq!(after(&watchdog, 20, || writer.during(|| {})), []);
        let stuck = writer.during(|| after(&watchdog, limits::SILENT_ROUNDS + 1, || {}));
        assert_eq!(stuck, [Part::LogWriter]);
        assert_eq!(after(&watchdog, 1, || {}), []);
    }
}
