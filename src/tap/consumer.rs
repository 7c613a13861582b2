//! The thread of one sink: it reads the outbox, delivers, and tries again.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tracing::{info, warn};

use super::dead_letters::DeadLetters;
use super::log::Cursor;
use super::outbox::{Shared, position_file};
use super::{Delivery, Sink, SinkReport, Undelivered, Verdict};

/// How often an entry is tried whose target answers, but does not take it.
const ATTEMPTS: u32 = 12;
/// The pause after the first failure; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What is known of a sink on all threads.
pub(super) struct SinkState {
    name: String,
    /// The number of the next entry that it must get.
    position: AtomicU64,
    /// When that was told, in milliseconds since 1970; 0 when there is none.
    oldest: AtomicU64,
    delivered: AtomicU64,
    dropped: AtomicU64,
    retries: AtomicU64,
    dead: AtomicU64,
    done: AtomicBool,
    /// Why the last attempt failed; empty when it did not.
    trouble: Mutex<String>,
    saved: Mutex<Option<File>>,
    dead_letters: Mutex<DeadLetters>,
}

impl SinkState {
    /// A sink that goes on where it was, or with what comes now.
    pub fn open(name: &str, folder: Option<&Path>, start: u64, end: u64) -> io::Result<Self> {
        let (saved, position) = match folder {
            Some(folder) => {
                let (file, known) = position_file(folder, name)?;
                (Some(file), known.unwrap_or(end).clamp(start, end))
            }
            None => (None, end),
        };
        let [oldest, delivered, dropped, retries, dead] = std::array::from_fn(|_| AtomicU64::new(0));
        let state = Self {
            name: name.to_owned(),
            position: AtomicU64::new(position),
            oldest,
            delivered,
            dropped,
            retries,
            dead,
            done: AtomicBool::new(false),
            trouble: Mutex::default(),
            saved: Mutex::new(saved),
            dead_letters: Mutex::new(DeadLetters::beside(folder, name)),
        };
        state.move_to(position);
        Ok(state)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn position(&self) -> u64 {
        self.position.load(Ordering::Acquire)
    }

    pub fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    pub fn report(&self, end: u64, now: u64) -> SinkReport {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let oldest = count(&self.oldest);
        SinkReport {
            name: self.name.clone(),
            lag: end.saturating_sub(self.position()),
            lag_millis: if oldest == 0 { 0 } else { now.saturating_sub(oldest) },
            delivered: count(&self.delivered),
            dropped: count(&self.dropped),
            retries: count(&self.retries),
            dead_letters: count(&self.dead),
            trouble: self.trouble.lock().clone(),
        }
    }

    /// Everything before `position` is done with. If the place for it cannot be written, entries come twice at the next start.
    fn move_to(&self, position: u64) {
        self.position.store(position, Ordering::Release);
        if let Some(file) = &mut *self.saved.lock() {
            let _ = file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(format!("{position:020}\n").as_bytes()));
        }
    }

    fn set_trouble(&self, why: &str) {
        let mut trouble = self.trouble.lock();
        if trouble.as_str() != why {
            match why {
                "" => info!(sink = self.name, "the sink delivers again"),
                why => warn!(sink = self.name, why, "the sink does not deliver"),
            }
            why.clone_into(&mut trouble);
        }
    }
}

/// A sink on its thread.
pub(super) struct Consumer {
    shared: Arc<Shared>,
    state: Arc<SinkState>,
    sink: Box<dyn Sink>,
    /// Attempts of the next entry that failed.
    failures: u32,
    /// Attempts since the last one that did not fail.
    pauses: u32,
}

impl Consumer {
    pub fn new(shared: Arc<Shared>, state: Arc<SinkState>, sink: Box<dyn Sink>) -> Self {
        Self { shared, state, sink, failures: 0, pauses: 0 }
    }

    /// Delivers until the outbox is closed.
    pub fn run(mut self) {
        let mut cursor = Cursor { position: self.state.position(), place: None };
        while let Some(batch) = self.next(&mut cursor) {
            if !self.deliver(&batch) {
                break;
            }
            self.state.move_to(cursor.position);
            self.state.oldest.store(0, Ordering::Relaxed);
            self.shared.trim();
        }
        let _ = catch_unwind(AssertUnwindSafe(|| self.sink.stop()));
        self.state.done.store(true, Ordering::Release);
    }

    /// Waits for the next entries; `None` when the outbox is closed.
    fn next(&mut self, cursor: &mut Cursor) -> Option<Vec<Delivery>> {
        loop {
            let mut log = self.shared.log.lock();
            while cursor.position >= log.end() {
                if self.shared.closing.load(Ordering::Acquire) {
                    return None;
                }
                self.shared.grown.wait(&mut log);
            }
            let expected = cursor.position;
            cursor.position = cursor.position.max(log.start());
            let read = log.read(cursor);
            drop(log);
            let found = read.unwrap_or_else(|why| {
                self.state.set_trouble(&format!("the outbox cannot be read: {why}"));
                Vec::new()
            });
            let dropped = found.first().map_or(0, |first| first.position - expected);
            if dropped > 0 {
                warn!(sink = self.state.name, entries = dropped, "the sink was too far behind and has lost entries");
                self.state.dropped.fetch_add(dropped, Ordering::Relaxed);
            }
            if !found.is_empty() {
                return Some(found);
            }
            if !self.pause() {
                return None;
            }
        }
    }

    /// Delivers a batch. Returns whether the sink may go on.
    fn deliver(&mut self, batch: &[Delivery]) -> bool {
        let wanted: Vec<Delivery> = batch.iter().filter(|delivery| self.sink.wants(&delivery.entry)).cloned().collect();
        let mut rest = &wanted[..];
        while let Some(first) = rest.first() {
            self.state.oldest.store(first.time, Ordering::Relaxed);
            let result = catch_unwind(AssertUnwindSafe(|| self.sink.deliver(rest)));
            let panicked =
                || Undelivered { delivered: 0, verdict: Verdict::Failed, why: "the sink panicked".to_owned() };
            let Err(Undelivered { delivered, verdict, why }) = result.unwrap_or_else(|_| Err(panicked())) else {
                self.state.delivered.fetch_add(rest.len() as u64, Ordering::Relaxed);
                (self.failures, self.pauses) = (0, 0);
                self.state.set_trouble("");
                return true;
            };
            self.state.delivered.fetch_add(delivered as u64, Ordering::Relaxed);
            rest = rest.get(delivered..).unwrap_or_default();
            if delivered > 0 {
                (self.failures, self.pauses) = (0, 0);
            }
            let Some(first) = rest.first() else { return true };
            self.state.move_to(first.position);
            self.state.set_trouble(&why);
            self.failures += u32::from(verdict == Verdict::Failed);
            if verdict == Verdict::Refused || self.failures >= ATTEMPTS {
                self.state.dead.fetch_add(1, Ordering::Relaxed);
                warn!(sink = self.state.name, key = ?first.entry.key, why, "an entry is a dead letter");
                self.state.dead_letters.lock().put(first, &why);
                (self.failures, self.pauses, rest) = (0, 0, &rest[1..]);
                continue;
            }
            self.state.retries.fetch_add(1, Ordering::Relaxed);
            if !self.pause() {
                return false;
            }
            // The sink may have been left behind meanwhile.
            let start = self.shared.log.lock().start();
            let gone = rest.iter().take_while(|delivery| delivery.position < start).count();
            self.state.dropped.fetch_add(gone as u64, Ordering::Relaxed);
            rest = &rest[gone..];
        }
        true
    }

    /// Waits a while, longer each time. Returns whether the sink may go on.
    fn pause(&mut self) -> bool {
        let span = FIRST_PAUSE.saturating_mul(1 << self.pauses.min(10)).min(LONGEST_PAUSE);
        self.pauses += 1;
        // Sinks that failed together shall not come back together.
        let span = span.mul_f64(rand::random_range(0.75..1.25));
        let step = Duration::from_millis(50);
        let mut left = span;
        while !self.shared.ended.load(Ordering::Acquire) {
            if left < step {
                std::thread::sleep(left);
                return !self.shared.ended.load(Ordering::Acquire);
            }
            std::thread::sleep(step);
            left -= step;
        }
        false
    }
}
