//! The server when it cannot write: logs, standard output and traces on full disks, or to readers that are gone or do not
//! read. Fifty players are not affected, lost lines are counted, and the process still ends on a signal.

#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]

mod process;

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, PipeReader, Read, Write, pipe};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use process::{Bots, SUBPROTOCOL, Server, ask, free_port, upgrade};
use tickwire::engine::Client;
use tickwire::wire::Join;

const BINARY: &str = env!("CARGO_BIN_EXE_tickwire");
const LOST: &str = "tickwire_log_lines_lost_total";

fn folder() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

fn tickwire(args: &[&str]) -> Command {
    let mut command = process::command(BINARY);
    command.args(args);
    command
}

/// A server that logs as much as it can.
fn serve(stderr: impl Into<Stdio>) -> Server {
    Server::start(tickwire(&["--log", "trace"]).stderr(stderr), &["--workers", "2", "--room-threads", "1"])
}

/// These tests measure time, so they run one after the other.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Fifty bots who play for two seconds and compare every state with the server's hashes.
fn load(server: &Server) -> Bots {
    let args = ["--players", "50", "--ramp", "0.3", "--duration", "2", "--verify", "all"];
    let json = folder().join(format!("logs-{}.json", server.pid()));
    Bots::start(tickwire(&[]), server, &[&args[..], &["--json", json.to_str().expect("a name")]].concat())
}

/// Checks that all bots joined without waiting and got every tick. The age of frames depends on the machine, too.
fn played_on(server: &Server, bots: Bots) {
    let output = bots.report();
    let text = String::from_utf8_lossy(&output.stdout);
    let json = folder().join(format!("logs-{}.json", server.pid()));
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&json).expect("a report")).expect("JSON");
    std::fs::remove_file(json).expect("a file");
    let (join, stale) = (&report["join"]["max_ms"], &report["staleness"]["p99_ms"]);
    println!("joins within {join} ms, staleness p99 {stale} ms, {} ticks covered", report["ticks_covered"]);
    assert_eq!(
        (&report["joined"], &report["verified"], &report["failures"]),
        (&50.into(), &50.into(), &serde_json::json!({})),
        "{text}"
    );
    assert!(join.as_f64().is_some_and(|ms| ms < 2000.0) && stale.as_f64().is_some_and(|ms| ms < 1000.0), "{text}");
    // Two seconds at 20 Hz are 40 ticks for each bot; a shared machine skips some.
    assert!(report["ticks_covered"].as_u64().is_some_and(|ticks| ticks > 50 * 30), "{text}");
}

/// Makes the server log until it has lost lines.
fn overflow(server: &Server) -> f64 {
    let start = Instant::now();
    loop {
        for _ in 0..50 {
            let _ = ask(server.port, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        }
        let lost = server.metric(LOST);
        if lost > 0.0 {
            return lost;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "nothing was lost");
    }
}

/// Waits until the server is healthy, or stuck as `wanted` says, and returns how long that took.
fn wait_for_health(server: &Server, wanted: &str) -> Duration {
    let start = Instant::now();
    while server.health().1 != wanted {
        assert!(start.elapsed() < Duration::from_secs(10), "{:?} instead of {wanted:?}", server.health());
        sleep(Duration::from_millis(50));
    }
    start.elapsed()
}

/// Checks that the server drains and exits with 0 although it can write nothing.
fn drains(mut server: Server) {
    let start = Instant::now();
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

/// Returns the line with the number of lost lines; `None` when the log ends without one.
fn told(log: impl Read) -> Option<f64> {
    let lines = BufReader::new(log).lines().map(|line| line.expect("text"));
    let mut found = lines.filter(|line| line.contains("log lines were lost"));
    found.next()?.rsplit("lines=").next()?.trim().parse().ok()
}

#[test]
fn a_full_disk_costs_lines_only() {
    let _turn = turn();
    let server = serve(File::options().write(true).open("/dev/full").expect("a full disk"));
    played_on(&server, load(&server));
    assert!(server.metric(LOST) > 50.0, "{}", server.metric(LOST));
    assert_eq!(server.health().1, "ok\n", "a writer that fails does not block");
    drains(server);
}

#[test]
fn a_reader_that_is_gone_costs_lines_only() {
    let _turn = turn();
    let mut server = serve(Stdio::piped());
    drop(server.take_logs());
    played_on(&server, load(&server));
    assert!(server.metric(LOST) > 50.0, "{}", server.metric(LOST));
    assert_eq!(server.health().1, "ok\n");
    drains(server);
}

/// Fifty players while nobody reads `log`, and its content once it is read.
fn survives_a_reader_that_stops(server: Server, log: PipeReader) {
    let bots = load(&server);
    let lost = overflow(&server);
    let took = wait_for_health(&server, "stuck: log writer\n");
    played_on(&server, bots);
    assert!(server.metric(LOST) >= lost);
    let reader = std::thread::spawn(|| told(log));
    let back = wait_for_health(&server, "ok\n");
    println!("stuck after {took:?}, well again after {back:?}, {} lines lost", server.metric(LOST));
    assert!(back < Duration::from_secs(2), "{back:?}");
    let lost = server.metric(LOST);
    drains(server);
    let told = reader.join().expect("no panic");
    assert!(told.is_some_and(|told| told > 0.0 && told <= lost), "{told:?} of {lost} lines");
}

#[test]
fn a_reader_that_stops_costs_lines_and_the_health_check_says_so() {
    let _turn = turn();
    let (log, stderr) = pipe().expect("a pipe");
    survives_a_reader_that_stops(serve(OwnedFd::from(stderr)), log);
}

#[test]
fn a_full_pipe_that_does_not_block_is_no_other() {
    let _turn = turn();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
    let (log, stderr) = runtime.block_on(async {
        let (stderr, log) = tokio::net::unix::pipe::pipe().expect("a pipe");
        (log.into_blocking_fd().expect("a pipe"), stderr.into_nonblocking_fd().expect("a pipe"))
    });
    survives_a_reader_that_stops(serve(stderr), log.into());
}

#[test]
fn whoever_stops_it_while_the_log_is_stuck_does_not_wait() {
    let _turn = turn();
    let (_log, stderr) = pipe().expect("a pipe");
    let mut server = serve(OwnedFd::from(stderr));
    let _bots = load(&server);
    overflow(&server);
    server.signal("TERM");
    sleep(Duration::from_millis(100));
    let start = Instant::now();
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

/// A file that holds at most 64 KiB: on a disk of that size where a mount is allowed, else under a limit on file size.
fn small_file(name: &str) -> (Command, PathBuf) {
    let path = folder().join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a folder");
    let mount = "mount -t tmpfs -o size=64k none \"$0\"";
    let may = Command::new("unshare").args(["-m", "sh", "-c", mount]).arg(&path).stderr(Stdio::null()).status();
    let run = "exec \"$@\" 2>>\"$0\"/log";
    let mut command = if may.is_ok_and(|may| may.success()) {
        // The mount exists for this process only.
        let mut command = process::command("unshare");
        command.args(["-m", "sh", "-c", &format!("{mount} && {run}")]);
        command
    } else {
        let mut command = process::command("bash");
        command.args(["-c", &format!("ulimit -f 64 && {run}")]);
        command
    };
    command.arg(&path).args([BINARY, "--log", "trace"]);
    (command, path.join("log"))
}

#[test]
fn a_disk_that_fills_up_and_is_emptied_again() {
    let _turn = turn();
    let (mut command, path) = small_file("logs-disk");
    let server = Server::start(&mut command, &["--workers", "2", "--room-threads", "1"]);
    let bots = load(&server);
    overflow(&server);
    played_on(&server, bots);
    assert_eq!(server.health().1, "ok\n");
    let path = PathBuf::from(format!("/proc/{}/root{}", server.pid(), path.display()));
    let full = std::fs::read(&path).expect("a log").len();
    assert!((60_000..=64 * 1024).contains(&full), "{full} bytes");
    OpenOptions::new().write(true).open(&path).expect("a log").set_len(0).expect("it can be emptied");
    let start = Instant::now();
    loop {
        // This logs something: the first line that fits is followed by the count of those that did not.
        let _ = server.health();
        if let Some(told) = told(File::open(&path).expect("a log")) {
            assert!(told > 0.0 && told <= server.metric(LOST));
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(5), "nobody is told");
    }
    drains(server);
}

/// A named pipe.
fn fifo(name: &str) -> PathBuf {
    let path = folder().join(name);
    let _ = std::fs::remove_file(&path);
    assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
    path
}

#[test]
fn a_trace_that_nobody_reads_is_stuck_and_holds_nobody_up() {
    let _turn = turn();
    let path = fifo("logs-trace");
    let trace = path.to_str().expect("a name");
    // A reader has it open and does not read.
    let _reader = File::options().read(true).write(true).open(&path).expect("a pipe");
    let server = Server::start(tickwire(&["--trace", trace]).stderr(Stdio::null()), &["--workers", "2"]);
    let bots = load(&server);
    wait_for_health(&server, "stuck: trace writer\n");
    played_on(&server, bots);
    // The counter is shown although no line is lost yet: thousands can wait.
    assert_eq!(server.metric("tickwire_trace_spans_lost_total"), 0.0);
    drains(server);
}

#[test]
fn a_trace_that_cannot_be_opened_is_one_clear_line() {
    let path = fifo("logs-unread");
    let start = Instant::now();
    let output = tickwire(&["--bind", "127.0.0.1:0", "--log", "error", "--trace"])
        .arg(&path)
        .output()
        .expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("logs-unread") && said.contains("somebody who reads it"), "{said}");
}

/// Waits for the server to end; returns its exit code, and the time until the exit.
fn ends(server: &mut Server) -> (Option<i32>, Duration) {
    let start = Instant::now();
    while server.is_running() {
        assert!(start.elapsed() < Duration::from_secs(20), "it does not end");
        sleep(Duration::from_millis(10));
    }
    (server.wait().code(), start.elapsed())
}

#[test]
fn standard_output_is_nothing_to_wait_for_or_to_fail_by() {
    let full = || File::options().write(true).open("/dev/full").expect("a full disk");
    let (stopped, mut blocked) = pipe().expect("a pipe");
    // Fills a pipe of default size, so that nothing more fits.
    blocked.write_all(&[0; 64 * 1024]).expect("there is room");
    let blocked = OwnedFd::from(blocked);
    for (what, stdout) in [("full", Stdio::from(full())), ("blocked", Stdio::from(blocked))] {
        let mut server = Server::start_on(free_port(), tickwire(&[]).stdout(stdout).stderr(Stdio::null()));
        assert!(server.health().0, "{what}");
        server.signal("TERM");
        assert_eq!(server.wait().code(), Some(0), "{what}");
    }
    drop(stopped);
    let server = serve(Stdio::null());
    let play = ["bots", "--url", &server.url(), "--players", "1", "--ramp", "0", "--duration", "1"];
    for more in [&["--slo", "bytes_down=1"][..], &["--slo", "nothing=1"]] {
        let mut command = tickwire(&[&play[..], more].concat());
        let code = command.stdout(full()).stderr(full()).status().expect("it starts").code();
        assert!(matches!(code, Some(1..=3)), "the verdict stands when nobody can read it: {code:?}");
    }
}

/// Runs `tests/faults/frozen.rs` with a player in the game that freezes it.
fn frozen(game: &str) -> Server {
    let binary = Path::new(BINARY).with_file_name("examples").join("frozen_server");
    let server = Server::start(process::command(binary).stderr(Stdio::null()), &[]);
    let (mut stream, head) = ask(server.port, &upgrade(SUBPROTOCOL));
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    let join = Join::JoinOrCreate { game: game.to_owned(), options: Vec::new() };
    let hello = Client::hello(join, "tester", Vec::new(), 0);
    let length = u8::try_from(hello.len()).ok().filter(|length| *length < 126).expect("a short message");
    stream.write_all(&[&[0x82, 0x80 | length, 0, 0, 0, 0], &hello[..]].concat()).expect("it reads");
    // Waits until the server is frozen; the connection stays open.
    sleep(Duration::from_millis(500));
    std::mem::forget(stream);
    server
}

#[test]
fn a_frozen_server_ends_when_it_is_told_to() {
    // Building all tests has built it; this is for runs of this test alone.
    let mut build = Command::new(env!("CARGO"));
    build
        .args(["build", "--quiet", "--locked", "--workspace", "--example", "frozen_server"])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    build.args(if cfg!(debug_assertions) { &[][..] } else { &["--release"] });
    assert!(build.status().expect("cargo starts").success());
    for (game, second) in [("making", "TERM"), ("making", "INT"), ("playing", "TERM")] {
        let mut server = frozen(game);
        server.signal("TERM");
        sleep(Duration::from_millis(100));
        server.signal(second);
        let (code, took) = ends(&mut server);
        assert_eq!(code, Some(130), "{game}");
        assert!(took < Duration::from_secs(1), "{game}: {took:?}");
    }
    // One signal is enough: waiting for a room's thread is bounded, and so is a shutdown in which nothing drains.
    let once = |game| {
        let mut server = frozen(game);
        server.signal("TERM");
        ends(&mut server)
    };
    let (room, directory) = std::thread::scope(|scope| {
        let room = scope.spawn(|| once("playing"));
        let directory = once("making");
        (room.join().expect("no panic"), directory)
    });
    println!("room: {room:?}, directory: {directory:?}");
    assert!(room.0 == Some(0) && room.1 < Duration::from_secs(10), "{room:?}");
    assert!(directory.0 == Some(1) && directory.1 < Duration::from_secs(12), "{directory:?}");
}
