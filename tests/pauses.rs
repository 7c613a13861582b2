//! The command when time does odd things: the process stopped for ten seconds, and players who come and go until
//! everything that they used must be back.

#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]

mod process;

use std::process::{Command, Stdio};
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

#[test]
fn a_process_stopped_for_ten_seconds_skips_them_and_goes_on() {
    let server = serve(&["--workers", "1", "--room-threads", "1"]);
    let bots = bots(&server, &["--players", "4", "--duration", "18", "--ramp", "0"]);
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
    let output = bots.report();
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
    let server = serve(&["--hold-seats-for", "1", "--empty-room-for", "1"]);
    let churn = || {
        let bots =
            bots(&server, &["--players", "30", "--duration", "4", "--ramp", "0.5", "--churn", "60", "--rooms", "3"]);
        let output = bots.report();
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
