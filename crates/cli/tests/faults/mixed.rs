//! All attacks at a tenth of their strength, for as long as one likes, beside fifty honest players; not an example for embedders.
//!
//! `mixed_run BINARY SECONDS [SEED]`: invalid messages come all the time, at a tenth of their pace, and each of the attacks within
//! the message limits for a tenth of the time, in an order that the seed decides. Every half minute the attackers pause, and what
//! the honest players see meanwhile is the control; the pauses come on top of the seconds. Afterwards the server must be the same
//! process, without crashes or desyncs, and its memory and open files must not have grown since it was warm.

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
use honest::{COMING, Honest, Span, command};
use process::Server;

/// Connections with invalid messages per second: a tenth of those of the run that sends a million of them.
const PACE: u32 = 12;
/// How long the attackers are active between two pauses, and for how long of that the attack within the limits runs.
const SLOT: Duration = Duration::from_secs(30);
const ATTACK: Duration = Duration::from_secs(3);
/// A pause: until the attackers' connections have ended, and the control.
const ENDING: Duration = Duration::from_secs(3);
const CONTROL: Duration = Duration::from_secs(6);
/// Memory and files of a warm server: after ten minutes, or a third of a shorter run.
const WARM: u64 = 600;
const GROWTH_KIB: u64 = 16 * 1024;
const GROWTH_FILES: usize = 64;

/// What the process holds in a pause.
#[derive(Clone, Copy)]
struct Sample {
    at: Duration,
    kib: u64,
    files: usize,
}

/// What happened in a run.
#[derive(Default)]
struct Story {
    samples: Vec<Sample>,
    /// One comes first.
    control: Vec<Span>,
    /// Invalid messages came, and one of the attacks within the limits for a part of the time.
    mixed: Vec<Span>,
    /// Those parts.
    within_limits: Vec<Span>,
    /// Connections with invalid messages that ended otherwise than they must.
    otherwise: u64,
}

/// Sends invalid messages until then. Returns how many connections ended otherwise than they must.
fn pester(port: u16, random: &mut Pcg32, until: Instant, sent: &AtomicU64) -> u64 {
    let (start, mut otherwise) = (Instant::now(), 0);
    for number in 0.. {
        let due = start + Duration::from_secs(1) * number / PACE;
        if due >= until {
            break;
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let attack = &attacks::ALL[random.next_u32() as usize % attacks::ALL.len()];
        let (messages, ended) = strike(port, attack, random);
        sent.fetch_add(messages, Ordering::Relaxed);
        if let Err(error) = ended {
            otherwise += 1;
            println!("     {}: {error}", attack.name);
        }
    }
    otherwise
}

/// Attacks and pauses by turns, until the attackers were active for so long.
fn attack(server: &Server, seed: u64, lasts: Duration, sent: &AtomicU64) -> Story {
    let (start, mut story, mut order) = (Instant::now(), Story::default(), Vec::new());
    let (mut random, mut invalid) = (Pcg32::new(seed, 2), Pcg32::new(seed, 1));
    story.control.push(pause());
    for _ in 0..slots(lasts) {
        if order.is_empty() {
            order = (0..trials::ALL.len()).collect();
        }
        let trial = &trials::ALL[order.swap_remove(random.next_u32() as usize % order.len())];
        let (begin, early) = (Instant::now(), Duration::from_secs(u64::from(random.next_u32() % 20)));
        let (otherwise, span) = std::thread::scope(|scope| {
            let pestering = scope.spawn(|| pester(server.port, &mut invalid, begin + SLOT, sent));
            std::thread::sleep(early);
            let from = Instant::now();
            // Whether each attack comes to what it wants is for the run that attacks at full strength.
            _ = scope.spawn(move || (trial.attack)(server, from + ATTACK)).join();
            let span = (from, Instant::now());
            (pestering.join().expect("it does not panic"), span)
        });
        story.otherwise += otherwise;
        story.within_limits.push(span);
        story.mixed.push((begin, begin + SLOT));
        std::thread::sleep(ENDING);
        story.control.push(pause());
        let sample = Sample { at: start.elapsed(), kib: server.resident_kib(), files: server.count("fd") };
        println!("     {:>5.0?} {:>8} KiB {:>4} files; {}", sample.at, sample.kib, sample.files, trial.name);
        story.samples.push(sample);
    }
    story
}

fn pause() -> Span {
    let begin = Instant::now();
    std::thread::sleep(CONTROL);
    (begin, Instant::now())
}

/// How many times the attackers are active.
fn slots(lasts: Duration) -> u32 {
    u32::try_from(lasts.as_secs().div_ceil(SLOT.as_secs())).expect("less than a century")
}

/// Demands that the process has not grown since it was warm.
fn judge_growth(samples: &[Sample], warm: Duration, demand: &mut impl FnMut(bool, String)) {
    let mut later = samples.iter().skip_while(|sample| sample.at < warm);
    let Some(first) = later.next() else { return demand(false, format!("no sample after {warm:.0?}")) };
    let most =
        later.fold(*first, |most, one| Sample { kib: most.kib.max(one.kib), files: most.files.max(one.files), ..most });
    let grown = most.kib - first.kib;
    demand(grown <= GROWTH_KIB, format!("{} KiB after {:.0?}, at most {grown} more later", first.kib, first.at));
    let opened = most.files - first.files;
    demand(
        opened <= GROWTH_FILES,
        format!("{} files after {:.0?}, at most {opened} more later", first.files, first.at),
    );
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
    println!("     process {}", server.pid());
    let (start, sent, lasts) = (Instant::now(), AtomicU64::new(0), Duration::from_secs(seconds));
    let whole = COMING + CONTROL + (SLOT + ENDING + CONTROL) * slots(lasts);
    let honest = Honest::start(&binary, &server, whole);
    std::thread::sleep(COMING);
    let story = attack(&server, seed, lasts, &sent);
    let report = honest.report();

    let mut faults = 0;
    let mut demand = |held: bool, what: String| {
        println!("{} {what}", if held { "ok  " } else { "FAIL" });
        faults += usize::from(!held);
    };
    let alive = server.is_running();
    demand(alive, format!("the server still runs after {:.0?}", start.elapsed()));
    let (sent, otherwise) = (sent.into_inner(), story.otherwise);
    demand(otherwise == 0, format!("{sent} invalid messages, {otherwise} connections ended otherwise"));
    if alive {
        demand(server.counted("tickwire_room_crashes_total") == 0.0, "no room crashed".to_owned());
    }
    judge_growth(&story.samples, Duration::from_secs(WARM.min(seconds / 3)), &mut demand);
    report.compare(&story.control, &story.mixed).judge("the mixture", &mut demand);
    report.compare(&story.control, &story.within_limits).judge("attacks within the limits", &mut demand);
    report.judge(&mut demand);
    println!("{faults} faults");
    ExitCode::from(u8::from(faults > 0))
}
