//! Many viewers of one room's film, from one process: whether all get all of it, how late, and what that costs the server.
//!
//! `viewer` is one of them, `witness` checks what it sees, `tally` collects figures. Viewers are as cheap as possible, so that the
//! server is measured and not they: they share a buffer, and only a sample decodes what it gets.

mod tally;
mod viewer;
mod witness;

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::bots::{Load, Usage};

pub use tally::Tally;

/// How viewers get a film.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlet {
    /// As server-sent events.
    Events,
    /// Segment by segment.
    Segments,
}

/// Who watches what.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server, or a cache in front of it.
    pub server: SocketAddr,
    /// The path of the film, such as `/api/rooms/ID/film`.
    pub film: String,
    /// How they get it.
    pub outlet: Outlet,
    /// How many viewers there are.
    pub viewers: usize,
    /// Every so many of them decodes all states.
    pub decodes: usize,
    /// Viewers who come per second.
    pub arrivals: usize,
    /// How long to watch after all have come.
    pub duration: Duration,
    /// Threads of the viewers.
    pub threads: usize,
    /// A token for the film.
    pub token: Option<String>,
    /// The server's process, if it is on this machine: its memory and processor time are told.
    pub server_pid: Option<u32>,
}

/// What all viewers of a run share.
#[derive(Debug)]
pub struct Shared {
    /// The plan.
    pub plan: Plan,
    /// What they have seen.
    pub tally: Mutex<Tally>,
    over: AtomicBool,
}

/// What came of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Viewers who were there at the end.
    pub viewers: usize,
    /// Seconds that were counted.
    pub seconds: f64,
    /// Segments that came.
    pub segments: u64,
    /// Missing between segments, and seen twice.
    pub missing: u64,
    /// See `missing`.
    pub twice: u64,
    /// States that were decoded ...
    pub states: u64,
    /// ... and wrong.
    pub wrong: u64,
    /// Lost or refused connections.
    pub failures: u64,
    /// A fault, if there was one.
    pub fault: Option<String>,
    /// Bytes per second of all viewers.
    pub bytes_per_second: f64,
    /// Milliseconds after the first viewer that got a segment: half of the viewers, 99 of 100, all.
    pub late_ms: [f64; 3],
    /// Bytes of the server's memory per viewer.
    pub memory: Option<f64>,
    /// Who used the processors.
    pub load: Option<Load>,
    /// Whether the viewers' threads were busy for nine tenths of the time: lateness is then their own.
    pub viewers_were_slow: bool,
}

impl Shared {
    /// Viewers who will follow this plan.
    pub fn new(plan: Plan) -> Arc<Self> {
        Arc::new(Self { plan, tally: Mutex::default(), over: AtomicBool::new(false) })
    }

    /// Sends all viewers away.
    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Starts the viewers, on threads of their own, which end after [`Self::end`].
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start(self: &Arc<Self>) -> io::Result<Vec<thread::JoinHandle<()>>> {
        let (threads, come) = (self.plan.threads.max(1), Arc::new(AtomicUsize::new(0)));
        let thread = |_| {
            let (shared, come) = (self.clone(), come.clone());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let body = move || runtime.block_on(shared.admit(threads, &come));
            thread::Builder::new().name("viewers".to_owned()).spawn(body)
        };
        (0..threads).map(thread).collect()
    }

    /// Lets viewers come one after the other, on this thread, and waits for their end.
    async fn admit(self: Arc<Self>, threads: usize, come: &AtomicUsize) {
        let every = Duration::from_secs(1).mul_f64(threads as f64 / self.plan.arrivals.max(1) as f64);
        let (mut tasks, mut due) = (Vec::new(), Instant::now());
        loop {
            let number = come.fetch_add(1, Ordering::Relaxed);
            if number >= self.plan.viewers || self.is_over() {
                break;
            }
            let shared = self.clone();
            let decodes = number.is_multiple_of(shared.plan.decodes.max(1));
            tasks.push(tokio::task::spawn(async move { viewer::watch(&shared, decodes).await }));
            due += every;
            sleep(due.saturating_duration_since(Instant::now())).await;
        }
        for task in tasks {
            let _ = task.await;
        }
    }
}

/// Bytes of memory that a process has.
fn memory(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<f64>().ok()? * 1024.0)
}

/// Lets viewers come, counts what they see while all of them watch, and sends them away.
///
/// # Errors
/// The threads cannot be started, or not all viewers came.
pub fn run(plan: Plan) -> io::Result<Report> {
    let (pid, duration) = (plan.server_pid, plan.duration);
    let before = pid.and_then(memory);
    let shared = Shared::new(plan);
    let threads = shared.start()?;
    let watched = shared.await_all().map(|()| {
        // Whoever came last has begun with a segment of the past.
        thread::sleep(Duration::from_secs(2));
        shared.tally.lock().restart();
        let (usage, begun) = (Usage::now(pid), Instant::now());
        thread::sleep(duration);
        let seconds = begun.elapsed().as_secs_f64();
        let load = Usage::now(pid).zip(usage).map(|(now, then)| now.since(&then, seconds));
        let after = pid.and_then(memory);
        shared.report(seconds, load, before.zip(after))
    });
    shared.end();
    threads.into_iter().for_each(|thread| _ = thread.join());
    watched
}

/// The id of the public room with most players.
///
/// # Errors
/// The server cannot be asked, or has no room.
pub fn fullest_room(server: SocketAddr) -> io::Result<String> {
    #[derive(Deserialize)]
    struct Room {
        id: String,
        players: usize,
    }
    let mut stream = TcpStream::connect(server)?;
    // The answer to HTTP/1.0 ends with the connection.
    write!(stream, "GET /api/rooms HTTP/1.0\r\nHost: {server}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let rooms: Vec<Room> = serde_json::from_str(body).map_err(io::Error::other)?;
    let fullest = rooms.into_iter().max_by_key(|room| room.players);
    fullest.map(|room| room.id).ok_or_else(|| io::Error::other("the server has no public room"))
}

impl Shared {
    fn await_all(&self) -> io::Result<()> {
        const PATIENCE: Duration = Duration::from_secs(30);
        let arrive = Duration::from_secs_f64(self.plan.viewers as f64 / self.plan.arrivals.max(1) as f64);
        let begun = Instant::now();
        loop {
            let (open, fault) = {
                let tally = self.tally.lock();
                (tally.open, tally.fault.clone())
            };
            if open >= self.plan.viewers {
                return Ok(());
            }
            if begun.elapsed() > arrive + PATIENCE {
                let why = fault.map_or_else(String::new, |fault| format!(": {fault}"));
                return Err(io::Error::other(format!("{open} of {} viewers have come{why}", self.plan.viewers)));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn report(&self, seconds: f64, load: Option<Load>, memory: Option<(f64, f64)>) -> Report {
        let tally = self.tally.lock();
        let late = [0.5, 0.99, 1.0].map(|share| tally.late(share).as_secs_f64() * 1000.0);
        Report {
            viewers: tally.open,
            seconds,
            segments: tally.segments,
            missing: tally.missing,
            twice: tally.twice,
            states: tally.states,
            wrong: tally.wrong,
            failures: tally.failures,
            fault: tally.fault.clone(),
            bytes_per_second: tally.bytes as f64 / seconds,
            late_ms: late,
            memory: memory.map(|(before, after)| (after - before) / self.plan.viewers.max(1) as f64),
            viewers_were_slow: load.as_ref().is_some_and(|load| load.bots > 0.9 * self.plan.threads as f64),
            load,
        }
    }
}

impl Report {
    /// Whether every viewer got all of the film.
    pub fn is_good(&self) -> bool {
        self.missing + self.twice + self.wrong + self.failures == 0 && self.segments > 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [half, most, all] = self.late_ms;
        writeln!(
            f,
            "{} viewers for {:.0} s: {} segments, {:.1} MB/s",
            self.viewers,
            self.seconds,
            self.segments,
            self.bytes_per_second / 1e6
        )?;
        writeln!(f, "missing {}, twice {}, lost connections {}", self.missing, self.twice, self.failures)?;
        writeln!(f, "decoded {} states, wrong {}", self.states, self.wrong)?;
        writeln!(f, "after the first viewer: half {half:.1} ms, 99 of 100 {most:.1} ms, all {all:.1} ms")?;
        if let Some(memory) = self.memory {
            writeln!(f, "memory of the server per viewer: {:.1} KiB", memory / 1024.0)?;
        }
        if let Some(load) = &self.load {
            let server = load.server.map_or_else(String::new, |server| format!("server {:.0} %, ", server * 100.0));
            writeln!(
                f,
                "of a core: {server}viewers {:.0} %; idle {:.0} % of the machine",
                load.bots * 100.0,
                load.idle * 100.0
            )?;
        }
        if self.viewers_were_slow {
            writeln!(f, "the viewers themselves were too slow: give them more threads, or another machine")?;
        }
        self.fault.iter().try_for_each(|fault| writeln!(f, "fault: {fault}"))
    }
}
