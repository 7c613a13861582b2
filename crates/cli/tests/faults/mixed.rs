//! All attacks at a tenth of their strength, for as long as one likes, beside fifty honest players; not an example for embedders.
//!
//! `mixed_run BINARY SECONDS [SEED]`: invalid messages come all the time, at a tenth of their pace, and each of the attacks within
//! the message limits for a tenth of the time, in an order that the seed decides. Afterwards the server must be the same process,
//! without crashes or desyncs, and its memory and open files must not have grown since it was warm.

#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]

mod attacks;
mod honest;
mod line;
#[path = "../process/mod.rs"]
mod process;
mod trials;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;

use attacks::strike;
use honest::{TICK_MS, command, play};
use process::Server;

/// Connections with invalid messages per second: a tenth of those of the run that sends a million of them.
const PACE: u32 = 12;
/// How long each attack within the limits has the server for itself, and how long it attacks of that.
const SLOT: Duration = Duration::from_secs(30);
const ATTACK: Duration = Duration::from_secs(3);
/// Memory and files of a warm server: after ten minutes, or a third of a shorter run.
const WARM: u64 = 600;
const GROWTH_KIB: u64 = 16 * 1024;
const GROWTH_FILES: usize = 64;

/// What the process holds between two attacks.
#[derive(Clone, Copy)]
struct Sample {
    at: Duration,
    kib: u64,
    files: usize,
}

/// Sends invalid messages until then. Returns how many connections ended otherwise than they must.
fn pester(port: u16, seed: u64, until: Instant, sent: &AtomicU64) -> u64 {
    let (mut random, start, mut otherwise) = (Pcg32::new(seed, 1), Instant::now(), 0);
    for number in 0.. {
        let due = start + Duration::from_secs(1) * number / PACE;
        if due >= until {
            break;
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let attack = &attacks::ALL[random.next_u32() as usize % attacks::ALL.len()];
        let (messages, ended) = strike(port, attack, &mut random);
        sent.fetch_add(messages, Ordering::Relaxed);
        if let Err(error) = ended {
            otherwise += 1;
            println!("     {}: {error}", attack.name);
        }
    }
    otherwise
}

/// Attacks in turn until then, and takes a sample before each.
fn attack(server: &Server, seed: u64, start: Instant, until: Instant) -> Vec<Sample> {
    let (mut random, mut samples, mut order) = (Pcg32::new(seed, 2), Vec::new(), Vec::new());
    while Instant::now() + SLOT <= until {
        let begun = Instant::now();
        let sample = Sample { at: start.elapsed(), kib: server.resident_kib(), files: server.count("fd") };
        samples.push(sample);
        if order.is_empty() {
            order = (0..trials::ALL.len()).collect();
        }
        let trial = &trials::ALL[order.swap_remove(random.next_u32() as usize % order.len())];
        println!("     {:>5.0?} {:>8} KiB {:>4} files; {}", sample.at, sample.kib, sample.files, trial.name);
        // Whether each attack comes to what it wants is for the run that attacks at full strength.
        std::thread::scope(|scope| _ = scope.spawn(|| (trial.attack)(server, Instant::now() + ATTACK)).join());
        std::thread::sleep((begun + SLOT).saturating_duration_since(Instant::now()));
    }
    samples
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize| args.get(index).and_then(|text| text.parse::<u64>().ok());
    let (Some(binary), Some(seconds)) = (args.first(), number(1)) else {
        eprintln!("mixed_run BINARY SECONDS [SEED]");
        return ExitCode::from(2);
    };
    let clock = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let seed = number(2).unwrap_or_else(clock);
    println!("     seed {seed}");
    let binary = std::path::absolute(PathBuf::from(binary)).expect("a path");
    let mut server = Server::start(&mut command(&binary), &["--log", "warn", "--exempt", "127.0.0.1/32"]);
    let before = play(&binary, &server, 30)();
    let (start, sent) = (Instant::now(), AtomicU64::new(0));
    let until = start + Duration::from_secs(seconds);
    let playing = play(&binary, &server, seconds);
    let (otherwise, samples) = std::thread::scope(|scope| {
        let pestering = scope.spawn(|| pester(server.port, seed, until, &sent));
        let samples = attack(&server, seed, start, until);
        (pestering.join().expect("it does not panic"), samples)
    });
    let during = playing();

    let mut faults = 0;
    let mut demand = |held: bool, what: String| {
        println!("{} {what}", if held { "ok  " } else { "FAIL" });
        faults += usize::from(!held);
    };
    let alive = server.is_running();
    demand(alive, format!("the server still runs after {:.0?}", start.elapsed()));
    let sent = sent.into_inner();
    demand(otherwise == 0, format!("{sent} invalid messages, {otherwise} connections ended otherwise"));
    if alive {
        demand(server.counted("tickwire_room_crashes_total") == 0.0, "no room crashed".to_owned());
    }
    let warm = Duration::from_secs(WARM.min(seconds / 3));
    let mut later = samples.iter().skip_while(|sample| sample.at < warm);
    if let Some(first) = later.next() {
        let most = later.fold(*first, |most, sample| Sample {
            kib: most.kib.max(sample.kib),
            files: most.files.max(sample.files),
            ..most
        });
        let grown = most.kib - first.kib;
        demand(grown <= GROWTH_KIB, format!("{} KiB after {warm:.0?}, at most {grown} more later", first.kib));
        let opened = most.files - first.files;
        demand(opened <= GROWTH_FILES, format!("{} files after {warm:.0?}, at most {opened} more later", first.files));
    }
    let (calm, stormy) = (before.p99_ms, during.p99_ms);
    demand(stormy <= calm + TICK_MS, format!("the honest: p99 {calm:.1} ms before, {stormy:.1} ms meanwhile"));
    for (when, report) in [("before", before), ("meanwhile", during)] {
        report.judge(when, &mut demand);
    }
    println!("{faults} faults");
    ExitCode::from(u8::from(faults > 0))
}
