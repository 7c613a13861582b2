//! Attacks within the message limits, one after the other, against the shipped binary; not an example for embedders.
//!
//! Fifty honest players play all the time, and the attack comes and pauses by turns: the 99th percentile of their time from an input
//! to its state must stay within one tick of the one in the pauses. `beside_run BINARY [ATTACK ...]` runs the named attacks, or all.

#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]

mod honest;
mod line;
#[path = "../process/mod.rs"]
mod process;
mod trials;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use honest::{COMING, Comparison, Honest, PLAYERS, Span, command};
use process::Server;
use trials::Trial;

/// Pauses and attacks by turns: a pause comes first and last.
const ROUNDS: u32 = 4;
/// How often the rounds are played when the machine is too busy with something else for a judgement.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_secs(8);
const ATTACK: Duration = Duration::from_secs(8);
/// Until the attackers' connections have ended.
const ENDING: Duration = Duration::from_secs(3);

/// Times of one kind, and what the server did in them.
#[derive(Default)]
struct Part {
    spans: Vec<Span>,
    processor_seconds: f64,
    skipped: f64,
}

impl Part {
    /// Adds what happens in `act`.
    fn during<T>(&mut self, server: &Server, act: impl FnOnce() -> T) -> T {
        let (from, used, skipped) =
            (Instant::now(), server.processor_seconds(), server.metric("tickwire_skipped_ticks_total"));
        let done = act();
        self.spans.push((from, Instant::now()));
        self.processor_seconds += server.processor_seconds() - used;
        self.skipped += server.metric("tickwire_skipped_ticks_total") - skipped;
        done
    }

    fn processor_share(&self) -> f64 {
        let seconds: f64 = self.spans.iter().map(|(from, to)| (*to - *from).as_secs_f64()).sum();
        100.0 * self.processor_seconds / seconds
    }
}

fn run(binary: &Path, trial: &Trial, demand: &mut impl FnMut(bool, String)) {
    println!("{}", trial.name);
    let server = Server::start(&mut command(binary), &[&["--log", "warn"], trial.settings].concat());
    for attempt in 1.. {
        let compared = attempt_to_compare(binary, &server, trial, demand);
        if compared.is_fair() || attempt == ATTEMPTS {
            return compared.judge("it", demand);
        }
        println!("       the machine is busy with something else: {compared:?}");
    }
}

fn attempt_to_compare(
    binary: &Path,
    server: &Server,
    trial: &Trial,
    demand: &mut impl FnMut(bool, String),
) -> Comparison {
    let whole = COMING + (PAUSE + ATTACK + ENDING) * ROUNDS + PAUSE;
    let honest = Honest::start(binary, server, whole + ENDING);
    std::thread::sleep(COMING);
    let (mut calm, mut stormy) = (Part::default(), Part::default());
    for _ in 0..ROUNDS {
        calm.during(server, || std::thread::sleep(PAUSE));
        let findings = stormy.during(server, || (trial.attack)(server, Instant::now() + ATTACK));
        for (held, figure) in findings {
            demand(held, figure);
        }
        std::thread::sleep(ENDING);
    }
    calm.during(server, || std::thread::sleep(PAUSE));
    let report = honest.report();
    report.judge(demand);
    let (without, beside) = (calm.processor_share(), stormy.processor_share());
    println!("       {without:.0} and {beside:.0} % of a core; {} and {} ticks skipped", calm.skipped, stormy.skipped);
    report.compare(&calm.spans, &stormy.spans)
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
