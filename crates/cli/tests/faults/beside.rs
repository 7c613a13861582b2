//! AttackOutcomes within the message limits, one after the other, against the shipped binary; not an example for embedders.
//!
//! Fifty honest players play alternately without the attack and beside it: the 99th percentile of their time from an input to its
//! state must stay within one tick. `beside_run BINARY [ATTACK ...]` runs the named attacks, or all.

#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]

mod honest;
mod line;
#[path = "../process/mod.rs"]
mod process;
mod trials;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use honest::{PLAYERS, TICK_MS, command, play};
use process::Server;
use trials::Trial;

const ROUNDS: usize = 2;
const SECONDS: u64 = 12;
/// The attack begins when the honest have come, and ends before they go.
const MARGIN: Duration = Duration::from_secs(2);

/// What the server did in one part of a round.
struct Part {
    p99_ms: f64,
    processor_share: f64,
    skipped: f64,
}

fn measure(binary: &Path, server: &Server, attack: Option<&Trial>, demand: &mut impl FnMut(bool, String)) -> Part {
    let (start, used, skipped) =
        (Instant::now(), server.processor_seconds(), server.metric("tickwire_skipped_ticks_total"));
    let playing = play(binary, server, SECONDS);
    let told = attack.map(|trial| {
        std::thread::sleep(MARGIN);
        (trial.attack)(server, start + Duration::from_secs(SECONDS) - MARGIN)
    });
    let report = playing();
    let part = Part {
        p99_ms: report.p99_ms,
        processor_share: (server.processor_seconds() - used) / start.elapsed().as_secs_f64(),
        skipped: server.metric("tickwire_skipped_ticks_total") - skipped,
    };
    report.judge(if attack.is_some() { "beside it" } else { "without it" }, demand);
    for (held, figure) in told.into_iter().flatten() {
        demand(held, figure);
    }
    part
}

fn run(binary: &Path, trial: &Trial, demand: &mut impl FnMut(bool, String)) {
    println!("{}", trial.name);
    let server = Server::start(&mut command(binary), &[&["--log", "warn"], trial.settings].concat());
    for _ in 0..ROUNDS {
        let calm = measure(binary, &server, None, demand);
        let stormy = measure(binary, &server, Some(trial), demand);
        let shares =
            format!("{:.0} and {:.0} % of a core", 100.0 * calm.processor_share, 100.0 * stormy.processor_share);
        let Part { p99_ms, skipped, .. } = stormy;
        let figures =
            format!("p99 {:.1} ms without, {p99_ms:.1} ms beside it; {shares}; {skipped} ticks skipped", calm.p99_ms);
        demand(p99_ms <= calm.p99_ms + TICK_MS, figures);
    }
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let binary =
        std::path::absolute(args.next().unwrap_or_else(|| "target/release/tickwire".to_owned())).expect("a path");
    let wanted: Vec<String> = args.collect();
    let known = |name: &String| trials::ALL.iter().any(|trial| trial.name == name);
    if let Some(unknown) = wanted.iter().find(|name| !known(name)) {
        eprintln!("there is no attack {unknown:?}; there are {:?}", trials::ALL.map(|trial| trial.name));
        return ExitCode::from(2);
    }
    let mut faults = 0;
    let mut demand = |held: bool, what: String| {
        println!("  {} {what}", if held { "ok  " } else { "FAIL" });
        faults += usize::from(!held);
    };
    for trial in trials::ALL.iter().filter(|trial| wanted.is_empty() || wanted.iter().any(|name| name == trial.name)) {
        run(&binary, trial, &mut demand);
    }
    println!("{faults} faults beside {PLAYERS} honest players");
    ExitCode::from(u8::from(faults > 0))
}
