//! The command when time does odd things: the process stopped for ten seconds, and players who come and go until
//! everything that they used must be back.

#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tickwire"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TICKWIRE_")) {
            command.env_remove(name);
        }
        command.args(["--bind", "127.0.0.1:0", "--log", "warn"]).args(args);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the binary starts");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("it says where it serves");
        let port = line.trim_end().rsplit(':').next().and_then(|port| port.parse().ok());
        Self { port: port.unwrap_or_else(|| panic!("no port in {line:?}")), child }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill starts").success());
    }

    fn bots(&self, args: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tickwire"));
        command.args(["bots", "--url", &format!("ws://127.0.0.1:{}/play", self.port)]).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the bots start")
    }

    /// The sum of a metric over its labels.
    fn metric(&self, name: &str) -> f64 {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("it reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("it answers");
        let lines = text.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a resident size");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    fn count(&self, folder: &str) -> usize {
        std::fs::read_dir(format!("/proc/{}/{folder}", self.child.id())).expect("it lives").count()
    }

    fn wait_for_nobody(&self) {
        let start = Instant::now();
        while self.metric("tickwire_sessions") + self.metric("tickwire_rooms") > 0.0 {
            assert!(start.elapsed() < Duration::from_secs(30), "sessions or rooms are left");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_process_stopped_for_ten_seconds_skips_them_and_goes_on() {
    let server = Server::start(&["--workers", "1", "--room-threads", "1"]);
    let bots = server.bots(&["--players", "4", "--duration", "18", "--ramp", "0"]);
    std::thread::sleep(Duration::from_secs(3));
    let (ticks, skipped) = (server.metric("tickwire_ticks_total"), server.metric("tickwire_skipped_ticks_total"));
    let mut alive = Instant::now();
    server.signal("STOP");
    let before = alive.elapsed();
    std::thread::sleep(Duration::from_secs(10));
    alive = Instant::now();
    server.signal("CONT");
    std::thread::sleep(Duration::from_secs(1));
    let ticks = server.metric("tickwire_ticks_total") - ticks;
    let skipped = server.metric("tickwire_skipped_ticks_total") - skipped;
    let alive = (before + alive.elapsed()).as_secs_f64();
    println!("{ticks} ticks in {alive:.2} s of life, {skipped} skipped");
    // Ten seconds are 200 ticks; three of them may be caught up with, and one may fall on either side of each signal.
    assert!((190.0..=210.0).contains(&skipped), "{skipped} skipped");
    assert!(ticks <= alive * 20.0 + 3.0 + 2.0, "{ticks} ticks in {alive} s");
    let output = bots.wait_with_output().expect("they end");
    let said = String::from_utf8_lossy(&output.stdout);
    // Whether they were in time is not the question; that they played on, and saw no wrong state, is.
    assert!(said.starts_with("4 of 4 bots"), "{said}");
    assert!(
        !["lost", "desync", "protocol"].iter().any(|failure| said.contains(&format!("FAILED: {failure},"))),
        "{said}"
    );
}

#[test]
fn whoever_comes_and_goes_leaves_nothing_behind() {
    let server = Server::start(&["--hold-seats-for", "1", "--empty-room-for", "1"]);
    let churn = || {
        let bots =
            server.bots(&["--players", "30", "--duration", "4", "--ramp", "0.5", "--churn", "60", "--rooms", "3"]);
        let output = bots.wait_with_output().expect("they end");
        assert!(matches!(output.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&output.stdout));
        server.wait_for_nobody();
        (server.resident_kib(), server.count("fd"), server.count("task"))
    };
    // What is made once, and kept to be used again, is made by then.
    let (_, descriptors, tasks) = churn();
    let (first, ..) = churn();
    churn();
    let (last, open, running) = churn();
    println!("{first} KiB, then {last} KiB; {descriptors} descriptors, then {open}; {tasks} threads, then {running}");
    assert!(last <= first + 4 * 1024, "{first} KiB, then {last} KiB");
    assert!(open <= descriptors + 2 && running <= tasks, "{descriptors} {open}, {tasks} {running}");
}
