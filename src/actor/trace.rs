//! The trace: when each room and worker did what, as a file in the array form of Chrome's trace events, which browsers'
//! trace viewers open.
//!
//! Threads push spans into a bounded channel and never wait. A writer thread polls the channel every 20 ms, so that pushing
//! does not have to wake it, and writes until the file has reached its size limit. A file that blocks holds up only that
//! thread: neither the start nor the end of the server.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use serde_json::json;
use tracing::{info, warn};

use super::message::{RelayKey, RoomKey};
use super::watchdog::Heartbeat;
use crate::tick::Tick;
use crate::wire::limits;

/// A row of the trace view. The spans of one lane follow each other or are nested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    Room(RoomKey),
    /// The sessions of one HTTP worker.
    Worker(RelayKey),
}

/// A piece of work with its start and end on the server's clock.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub lane: Lane,
    pub name: &'static str,
    pub tick: Tick,
    pub from: Duration,
    pub until: Duration,
}

enum Entry {
    Span(Span),
    Name(Lane, String),
}

/// The sending side of the trace.
#[derive(Debug)]
pub struct Trace {
    entries: SyncSender<Entry>,
    state: Arc<State>,
    heartbeat: Arc<Heartbeat>,
    /// Disconnected when the writer has ended.
    ended: Mutex<Option<Receiver<()>>>,
}

#[derive(Debug, Default)]
struct State {
    dropped: Counter<u64, AtomicU64>,
    /// Nothing more is written: the server is stopping, or the file or the disk is full.
    over: AtomicBool,
}

impl Trace {
    const REFRESH_EVERY: Duration = Duration::from_millis(20);

    /// Starts a trace in the file at `path`, which is overwritten.
    ///
    /// # Errors
    /// When the file cannot be created, or not within three seconds.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::within(path, limits::TRACE_BYTES)
    }

    fn within(path: &Path, most: u64) -> io::Result<Self> {
        let (entries, waiting) = sync_channel(limits::TRACE_SPANS);
        let state = Arc::new(State::default());
        let heartbeat = Arc::new(Heartbeat::of_writer());
        let ((open, opened), (end, ended)) = (sync_channel(1), channel());
        let (shared, watched, path) = (state.clone(), heartbeat.clone(), path.to_owned());
        let write = move || {
            let _ended = end;
            let file = match File::create(&path) {
                Ok(file) => file,
                // `within` reports the error. After its timeout nobody receives it any more.
                Err(error) => {
                    let _ = open.send(Err(error));
                    return;
                }
            };
            if open.send(Ok(())).is_err() {
                return;
            }
            let file = Watched { file, heartbeat: watched };
            let written = Page::begin(file, most).and_then(|page| page.fill(&waiting, &shared));
            shared.over.store(true, Ordering::Relaxed);
            let (shown, dropped) = (path.display().to_string(), shared.dropped.get());
            match written {
                Ok(whole) => info!(path = shown, whole, dropped, "the trace was written"),
                Err(error) => warn!(path = shown, %error, "writing the trace failed; nothing more is traced"),
            }
        };
        thread::Builder::new().name("tickwire-trace".to_owned()).spawn(write)?;
        let late = "it cannot be opened within 3 s: a pipe needs somebody who reads it";
        opened.recv_timeout(limits::TRACE_OPEN_WITHIN).map_err(|_| io::Error::other(late))??;
        Ok(Self { entries, state, heartbeat, ended: Mutex::new(Some(ended)) })
    }

    /// Adds a span. When too many are waiting, the span is dropped and counted.
    pub fn tell(&self, span: Span) {
        self.push(Entry::Span(span));
    }

    /// Names a lane.
    pub fn name(&self, lane: Lane, name: String) {
        self.push(Entry::Name(lane, name));
    }

    fn push(&self, entry: Entry) {
        if !self.state.over.load(Ordering::Relaxed) && self.entries.try_send(entry).is_err() {
            self.state.dropped.inc();
        }
    }

    /// Registers the counter of lost spans.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Spans that the trace lost because its file was too slow";
        registry.register("trace_spans_lost", help, self.state.dropped.clone());
    }

    /// The heartbeat for the watchdog.
    pub fn heartbeat(&self) -> &Arc<Heartbeat> {
        &self.heartbeat
    }

    /// Writes the waiting spans and completes the file. Blocks until that is done, but at most for one second.
    pub fn finish(&self) {
        self.state.over.store(true, Ordering::Relaxed);
        let ended = self.ended.lock().take();
        let late = ended.is_some_and(|ended| {
            // Nothing is sent on this channel; it only disconnects.
            ended.recv_timeout(limits::WRITE_OUT_WITHIN) == Err(RecvTimeoutError::Timeout)
        });
        if late {
            warn!("the trace is incomplete: writing its file blocks");
        }
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.finish();
    }
}

/// The file, watched by the watchdog: the writer is stuck while a write does not return.
struct Watched {
    file: File,
    heartbeat: Arc<Heartbeat>,
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.heartbeat.during(|| self.file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The file as it is written.
struct Page {
    out: BufWriter<Watched>,
    left: u64,
    line: Vec<u8>,
}

impl Page {
    /// Space for the last line.
    const END: u64 = 256;
    const ROOMS: u8 = 1;
    const WORKERS: u8 = 2;

    fn begin(file: Watched, most: u64) -> io::Result<Self> {
        let mut out = BufWriter::new(file);
        let name =
            |process: u8, name| json!({"ph": "M", "name": "process_name", "pid": process, "args": {"name": name}});
        let head = format!("[\n{},\n{}", name(Self::ROOMS, "rooms"), name(Self::WORKERS, "workers"));
        out.write_all(head.as_bytes())?;
        Ok(Self { out, left: most.saturating_sub(head.len() as u64 + Self::END), line: Vec::new() })
    }

    /// Writes entries until the trace is over. Returns whether all entries fitted.
    fn fill(mut self, waiting: &Receiver<Entry>, state: &State) -> io::Result<bool> {
        let mut whole = true;
        while whole {
            // Read before the entries, so that everything pushed before the end is written.
            let over = state.over.load(Ordering::Relaxed);
            for entry in waiting.try_iter().take(limits::TRACE_SPANS) {
                whole = self.write(&entry)?;
                if !whole {
                    break;
                }
            }
            self.out.flush()?;
            if over {
                break;
            }
            thread::sleep(Trace::REFRESH_EVERY);
        }
        let dropped = state.dropped.get();
        let end = json!({"ph": "M", "name": "end", "pid": Self::ROOMS, "args": {"dropped": dropped, "full": !whole}});
        write!(self.out, ",\n{end}\n]\n")?;
        self.out.flush()?;
        Ok(whole)
    }

    fn write(&mut self, entry: &Entry) -> io::Result<bool> {
        let place = |lane: &Lane| match lane {
            Lane::Room(key) => (Self::ROOMS, key.0),
            Lane::Worker(key) => (Self::WORKERS, key.0),
        };
        self.line.clear();
        match entry {
            Entry::Span(Span { lane, name, tick, from, until }) => {
                let ((pid, tid), micros) = (place(lane), |span: Duration| span.as_nanos() as f64 / 1000.0);
                let (from, took) = (micros(*from), micros(until.saturating_sub(*from)));
                write!(
                    self.line,
                    ",\n{{\"ph\":\"X\",\"name\":\"{name}\",\"pid\":{pid},\"tid\":{tid},\"ts\":{from:.3},\
                     \"dur\":{took:.3},\"args\":{{\"tick\":{}}}}}",
                    tick.0
                )?;
            }
            Entry::Name(lane, name) => {
                let (pid, tid) = place(lane);
                let named = json!({"ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": {"name": name}});
                write!(self.line, ",\n{named}")?;
            }
        }
        let fits = self.line.len() as u64 <= self.left;
        if fits {
            self.left -= self.line.len() as u64;
            self.out.write_all(&self.line)?;
        }
        Ok(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traced(name: &str, most: u64, spans: u64) -> Vec<serde_json::Value> {
        let path = std::env::temp_dir().join(format!("tickwire-{}-{name}.json", std::process::id()));
        let trace = Trace::within(&path, most).expect("a file");
        trace.name(Lane::Room(RoomKey(7)), "a \"room\"\n".to_owned());
        for n in 0..spans {
            let (from, until) = (Duration::from_nanos(n * 1000 + 5), Duration::from_nanos(n * 1000 + 255));
            trace.tell(Span { lane: Lane::Worker(RelayKey(3)), name: "compose", tick: Tick(9), from, until });
        }
        trace.finish();
        trace.tell(Span {
            lane: Lane::Room(RoomKey(7)),
            name: "late",
            tick: Tick(9),
            from: Duration::ZERO,
            until: Duration::ZERO,
        });
        let text = std::fs::read_to_string(&path).expect("a file");
        std::fs::remove_file(&path).expect("a file");
        assert!(text.len() as u64 <= most, "{} bytes", text.len());
        serde_json::from_str(&text).expect("JSON")
    }

    #[test]
    fn a_trace_is_whole_and_says_what_took_how_long() {
        let events = traced("whole", 100_000, 3);
        let spans: Vec<_> = events.iter().filter(|event| event["ph"] == "X").collect();
        assert_eq!(spans.len(), 3);
        let (pid, tid, tick) = (&spans[1]["pid"], &spans[1]["tid"], &spans[1]["args"]["tick"]);
        assert_eq!((pid.as_u64(), tid.as_u64(), tick.as_u64()), (Some(2), Some(3), Some(9)));
        assert_eq!((spans[1]["ts"].as_f64(), spans[1]["dur"].as_f64()), (Some(1.005), Some(0.25)));
        assert!(events.iter().any(|event| event["name"] == "thread_name" && event["args"]["name"] == "a \"room\"\n"));
        let end = &events[events.len() - 1]["args"];
        assert!(end["dropped"] == 0 && end["full"] == false, "{end}");
    }

    #[test]
    fn a_full_file_ends_as_json() {
        let events = traced("full", 5000, 1000);
        let spans = events.iter().filter(|event| event["ph"] == "X").count();
        assert!((10..60).contains(&spans), "{spans}");
        assert_eq!(events[events.len() - 1]["args"]["full"], true);
    }

    #[test]
    fn nobody_waits_for_the_writer() {
        let events = traced("many", 1 << 30, 200_000);
        let spans = events.iter().filter(|event| event["ph"] == "X").count() as u64;
        let dropped = events[events.len() - 1]["args"]["dropped"].as_u64();
        assert_eq!(dropped, Some(200_000 - spans), "each span is written or counted");
    }
}
