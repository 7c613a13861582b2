//! The server under disturbed time: the process is stopped for ten seconds, or gets too little processor time. And players
//! who join and leave until all resources that they used must have been released.

#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]

mod process;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use process::{Bots, Server};

fn tickwire(args: &[&str]) -> Command {
    let mut command = process::command(env!("CARGO_BIN_EXE_tickwire"));
    command.args(args);
    command
}

fn serve(args: &[&str]) -> Server {
    Server::start(tickwire(&["--log", "warn"]).stderr(Stdio::inherit()), args)
}

fn bots(server: &Server, args: &[&str]) -> Bots {
    Bots::start(tickwire(&[]), server, args)
}

/// Checks that all bots played on and saw no wrong state, not that they were in time.
fn played_on(bots: Bots, players: usize) {
    let output = bots.report();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(said.starts_with(&format!("{players} of {players} bots")), "{said}");
    let failed = |failure: &&str| said.contains(&format!("FAILED: {failure},"));
    assert_eq!(["lost", "desync", "protocol", "refused"].iter().find(|failure| failed(failure)), None, "{said}");
}

/// These tests measure time, so they run one after the other.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn a_process_stopped_for_ten_seconds_skips_them_and_goes_on() {
    let _turn = turn();
    let server = serve(&["--workers", "1", "--room-threads", "1"]);
    let bots = bots(&server, &["--players", "4", "--duration", "18", "--ramp", "0"]);
    sleep(Duration::from_secs(3));
    let (ticks, skipped) = (server.metric("tickwire_ticks_total"), server.metric("tickwire_skipped_ticks_total"));
    let mut alive = Instant::now();
    server.signal("STOP");
    let before = alive.elapsed();
    sleep(Duration::from_secs(10));
    alive = Instant::now();
    server.signal("CONT");
    while !server.health().0 {
        assert!(alive.elapsed() < Duration::from_secs(1), "a pause is held against it");
    }
    sleep(Duration::from_secs(1).saturating_sub(alive.elapsed()));
    let ticks = server.metric("tickwire_ticks_total") - ticks;
    let skipped = server.metric("tickwire_skipped_ticks_total") - skipped;
    let alive = (before + alive.elapsed()).as_secs_f64();
    println!("{ticks} ticks in {alive:.2} s of life, {skipped} skipped");
    // Ten seconds are 200 ticks; three of them may be caught up, and one may fall on either side of each signal.
    assert!((190.0..=210.0).contains(&skipped), "{skipped} skipped");
    assert!(ticks <= alive * 20.0 + 3.0 + 2.0, "{ticks} ticks in {alive} s");
    played_on(bots, 4);
}

#[test]
fn whoever_comes_and_goes_leaves_nothing_behind() {
    let _turn = turn();
    let server = serve(&["--hold-seats-for", "1", "--empty-room-for", "1"]);
    let churn = || {
        let bots =
            bots(&server, &["--players", "30", "--duration", "4", "--ramp", "0.5", "--churn", "60", "--rooms", "3"]);
        let output = bots.report();
        assert!(matches!(output.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&output.stdout));
        server.wait_for_nobody();
        // Connections that were closed linger for a second.
        sleep(Duration::from_secs(2));
        (server.resident_kib(), server.count("fd"), server.count("task"))
    };
    // Buffers that are made once and reused exist by then.
    let (_, descriptors, tasks) = churn();
    let (first, ..) = churn();
    churn();
    let (last, open, running) = churn();
    println!("{first} KiB, then {last} KiB; {descriptors} descriptors, then {open}; {tasks} threads, then {running}");
    assert!(last <= first + 4 * 1024, "{first} KiB, then {last} KiB");
    assert!(open <= descriptors + 2 && running <= tasks, "{descriptors} {open}, {tasks} {running}");
}

/// Gives a process less processor time than it needs.
enum Quota {
    /// A share of each second, enforced by the kernel: time used at the start of a second is missing at its end.
    Group { folder: PathBuf, former: PathBuf, process: String },
    /// The substitute where no control group can be made: the process is stopped four fifths of the time.
    Stops { stop: Arc<AtomicBool>, count: Arc<AtomicU64>, thread: Option<JoinHandle<()>> },
}

impl Quota {
    const RUNS: Duration = Duration::from_millis(100);
    const STOPS: Duration = Duration::from_millis(400);

    /// `share` of one processor.
    fn on(server: &Server, share: f64) -> Self {
        // The kernel gives no less than a millisecond.
        let (pid, quota) = (server.pid().to_string(), (share * 1e6).max(1000.0) as u64);
        let second = vec![("cpu.max", format!("{quota} 1000000"))];
        let first = vec![("cpu.cfs_period_us", "1000000".to_owned()), ("cpu.cfs_quota_us", quota.to_string())];
        for (root, mut settings) in [("/sys/fs/cgroup", second), ("/sys/fs/cgroup/cpu", first)] {
            settings.push(("cgroup.procs", pid.clone()));
            let (former, folder) = (PathBuf::from(root), Path::new(root).join(format!("tickwire-quota-{pid}")));
            // Only the group itself is created: without control groups, a plain folder must not look like one.
            let write = |(file, text): &(&str, String)| {
                OpenOptions::new().write(true).open(folder.join(file))?.write_all(text.as_bytes())
            };
            if std::fs::create_dir(&folder).and_then(|()| settings.iter().try_for_each(write)).is_ok() {
                return Self::Group { folder, former, process: pid };
            }
            let _ = std::fs::remove_dir(&folder);
        }
        Self::stops(server)
    }

    fn stops(server: &Server) -> Self {
        let (stop, count) = <(Arc<AtomicBool>, Arc<AtomicU64>)>::default();
        let (stopped, counted, pid) = (stop.clone(), count.clone(), server.pid().to_string());
        let thread = std::thread::spawn(move || {
            let signal = |name: &str| Command::new("kill").args(["-s", name, &pid]).status().expect("kill starts");
            while !stopped.load(Ordering::Relaxed) {
                signal("STOP");
                sleep(Self::STOPS);
                signal("CONT");
                counted.fetch_add(1, Ordering::Relaxed);
                sleep(Self::RUNS);
            }
        });
        Self::Stops { stop, count, thread: Some(thread) }
    }

    /// How often the process had to wait.
    fn waits(&self) -> u64 {
        match self {
            Self::Group { folder, .. } => {
                let stat = std::fs::read_to_string(folder.join("cpu.stat")).expect("a group has figures");
                let line = stat.lines().find_map(|line| line.strip_prefix("nr_throttled "));
                line.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no nr_throttled in {stat}"))
            }
            Self::Stops { count, .. } => count.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        match self {
            Self::Group { folder, former, process } => {
                let _ = File::options()
                    .write(true)
                    .open(former.join("cgroup.procs"))
                    .and_then(|mut file| file.write_all(process.as_bytes()));
                let _ = std::fs::remove_dir(folder);
            }
            Self::Stops { stop, thread, .. } => {
                stop.store(true, Ordering::Relaxed);
                let _ = thread.take().map(JoinHandle::join);
            }
        }
    }
}

#[test]
fn a_server_that_gets_less_than_it_needs_skips_ticks_and_throws_nobody_out() {
    let _turn = turn();
    let server = serve(&["--workers", "1", "--room-threads", "1"]);
    let bots = bots(&server, &["--players", "100", "--duration", "22", "--ramp", "1"]);
    sleep(Duration::from_secs(3));
    let needs = {
        let (before, start) = (server.processor_seconds(), Instant::now());
        sleep(Duration::from_secs(3));
        (server.processor_seconds() - before) / start.elapsed().as_secs_f64()
    };
    let counted = || ["ticks", "skipped_ticks"].map(|what| server.metric(&format!("tickwire_{what}_total")));
    // The ticks between two readings, and the ticks that were due.
    let watch = |span: Duration| {
        let (before, start) = (counted(), Instant::now());
        sleep(span);
        let (after, due) = (counted(), start.elapsed().as_secs_f64() * 20.0);
        (after[0] - before[0], after[1] - before[1], due)
    };
    let quota = Quota::on(&server, needs * 0.4);
    let (ticks, skipped, due) = watch(Duration::from_secs(8));
    let waits = quota.waits();
    let means = if matches!(quota, Quota::Group { .. }) { "a quota of two fifths" } else { "stops" };
    drop(quota);
    println!(
        "of {:.1} % of a processor, cut by {means}: {ticks} ticks, {skipped} skipped of {due:.0} in all; {waits} waits",
        needs * 100.0
    );
    sleep(Duration::from_secs(2));
    let (later, skipped_later, due_later) = watch(Duration::from_secs(3));
    println!("afterwards {later} ticks, {skipped_later} skipped of {due_later:.0} in all");
    assert!(waits >= 5, "{waits} waits in eight seconds are no shortage");
    assert!(skipped > 0.0 && ticks > 0.0, "{ticks} ticks, {skipped} skipped");
    // Each tick is counted once, as run or as skipped, except those being caught up at either reading.
    assert!((due - 15.0..=due + 15.0).contains(&(ticks + skipped)), "{ticks} and {skipped} of {due}");
    assert!(later >= due_later * 0.8, "it recovers");
    played_on(bots, 100);
    assert!(server.end("TERM").0.success());
}
