//! A million invalid messages against the shipped binary, beside fifty honest players; not an example for embedders.
//!
//! Each connection sends a burst of one class and must end with the close code of that class. Every twelve seconds the attackers
//! pause. Afterwards the server must be the same process, be empty, and use as much memory as before; the honest players must not
//! have seen more of the attack than of the pauses.

#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]

mod attacks;
mod honest;
mod line;
#[path = "../process/mod.rs"]
mod process;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand_pcg::Pcg32;

use attacks::strike;
use honest::{COMING, Honest, Span, command};
use process::Server;

const CONNECTIONS: u32 = 10_500;
const MESSAGES: u64 = 1_000_000;
const THREADS: u32 = 6;
/// Connections per second over all threads, so that what is measured is the server and not a full machine.
const PACE: u32 = 120;
const WITHIN: Duration = Duration::from_secs(360);
/// They pause and attack by turns. The first seconds of a pause are no control: connections end.
const ATTACK: Duration = Duration::from_secs(12);
const PAUSE: Duration = Duration::from_secs(6);
const ENDING: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Count {
    connections: u64,
    messages: u64,
    otherwise: u64,
    example: Option<String>,
}

/// When the connection of this number comes, after so much of the run.
fn due(number: u32) -> Duration {
    let active = Duration::from_secs(1) * number / PACE;
    active + PAUSE * (1 + u32::try_from(active.as_secs() / ATTACK.as_secs()).expect("a short run"))
}

/// The pauses and the attacks until then; a pause comes first and last.
fn spans(start: Instant, until: Instant) -> (Vec<Span>, Vec<Span>) {
    let begins = (0..).map(|turn| start + (PAUSE + ATTACK) * turn);
    let pauses = begins.map(|from| (from + ENDING, from + PAUSE)).take_while(|(_, end)| *end <= until);
    let pauses: Vec<Span> = pauses.collect();
    let attacks = pauses.windows(2).map(|pair| (pair[0].1, pair[0].1 + ATTACK)).collect();
    (pauses, attacks)
}

fn storm(port: u16, start: Instant, deadline: Instant) -> BTreeMap<&'static str, Count> {
    let counts = Mutex::new(BTreeMap::<&'static str, Count>::new());
    let (next, sent) = (AtomicU32::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (counts, next, sent) = (&counts, &next, &sent);
            scope.spawn(move || {
                let mut random = Pcg32::new(20_261_122, thread.into());
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let enough = number >= CONNECTIONS && sent.load(Ordering::Relaxed) >= MESSAGES;
                    if enough || Instant::now() >= deadline {
                        return;
                    }
                    std::thread::sleep((start + due(number)).saturating_duration_since(Instant::now()));
                    let attack = &attacks::ALL[number as usize % attacks::ALL.len()];
                    let (messages, ended) = strike(port, attack, &mut random);
                    sent.fetch_add(messages, Ordering::Relaxed);
                    let mut counts = counts.lock().expect("nobody panics with it");
                    let count = counts.entry(attack.name).or_default();
                    count.connections += 1;
                    count.messages += messages;
                    if let Err(error) = ended {
                        count.otherwise += 1;
                        count.example.get_or_insert(error);
                    }
                }
            });
        }
    });
    counts.into_inner().expect("nobody panics with it")
}

fn main() -> ExitCode {
    let binary = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "target/release/tickwire".to_owned()));
    let binary = std::path::absolute(binary).expect("a path");
    let mut server = Server::start(&mut command(&binary), &["--log", "warn", "--hold-seats-for", "0"]);
    let honest = Honest::start(&binary, &server, COMING + due(CONNECTIONS));
    std::thread::sleep(COMING);
    let (memory, descriptors, start) = (server.resident_kib(), server.count("fd"), Instant::now());
    let counts = storm(server.port, start, start + WITHIN);
    let report = honest.report();
    let took = start.elapsed();

    let mut faults = Vec::new();
    let mut demand = |held: bool, what: String| {
        println!("{} {what}", if held { "ok  " } else { "FAIL" });
        faults.extend((!held).then_some(what));
    };
    for (name, count) in &counts {
        let said = format!("{name}: {} connections, {} messages", count.connections, count.messages);
        demand(count.otherwise == 0, format!("{said}, {} otherwise {:?}", count.otherwise, count.example));
    }
    let connections: u64 = counts.values().map(|count| count.connections).sum();
    let messages: u64 = counts.values().map(|count| count.messages).sum();
    let enough = messages >= MESSAGES && connections >= u64::from(CONNECTIONS);
    demand(enough, format!("{messages} bad messages over {connections} connections in {took:.0?}"));
    let alive = server.is_running();
    demand(alive, "the server still runs".to_owned());
    if alive {
        let waiting = Instant::now();
        while server.metric("tickwire_sessions") > 0.0 && waiting.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(100));
        }
        demand(server.metric("tickwire_sessions") == 0.0, "no session is left".to_owned());
        demand(server.counted("tickwire_room_crashes_total") == 0.0, "no room crashed".to_owned());
        while server.count("fd") > descriptors + 8 && waiting.elapsed() < Duration::from_secs(40) {
            std::thread::sleep(Duration::from_millis(100));
        }
        let (now, open) = (server.resident_kib(), server.count("fd"));
        demand(now < memory + 32 * 1024, format!("{memory} KiB before, {now} KiB after"));
        demand(open <= descriptors + 8, format!("{descriptors} descriptors before, {open} after"));
    }
    let (pauses, attacks) = spans(start, start + due(CONNECTIONS));
    report.compare(&pauses, &attacks).judge("the attack", &mut demand);
    report.judge(&mut demand);
    println!("{} faults", faults.len());
    ExitCode::from(u8::from(!faults.is_empty()))
}
