//! Starts one candidate after the other, round by round, loads each alike, and reports.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use serde_json::json;
use tickwire_peers::PROBES;
use tickwire_peers::candidate::Candidate;
use tickwire_peers::load::{self, Findings, Plan};
use tickwire_peers::machine::{Served, allow_descriptors, description, stay_on};
use tickwire_peers::promises::{promises, wide_promises};
use tickwire_peers::report::{OTHERS_SHARE, Row, Run, Spread, table};
use tickwire_peers::world::World;

/// The floor and the peers, in one run: the same players against each server in turn.
#[derive(Debug, Parser)]
struct Flags {
    /// Players, one run each [default: 200,400 in one room; 400,800,1600 in a wide world].
    #[arg(long, value_delimiter = ',')]
    clients: Vec<usize>,
    /// In a world that grows with the players, of whom each sees about fifty others: zones beside plain rooms of fifty
    /// and Colyseus with a StateView per client.
    #[arg(long, conflicts_with = "candidates")]
    wide: bool,
    /// How often each candidate has its turn.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Who takes part; the floor needs tickwire before it, or --floor-bytes.
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = Candidate::USUAL)]
    candidates: Vec<Candidate>,
    /// With more players, colyseus-views does not take part: it would only be shown to be overloaded.
    #[arg(long, default_value_t = 400)]
    views_up_to: usize,
    /// A turn in which other processes took more than a tenth of a core is repeated up to so many times; the quietest
    /// counts.
    #[arg(long, default_value_t = 2)]
    repeats: usize,
    /// Seconds measured in each turn.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Seconds of walking before that.
    #[arg(long, default_value_t = 3)]
    warm_up: u64,
    /// The walkers' seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The floor's payload when tickwire does not take part, in bytes.
    #[arg(long)]
    floor_bytes: Option<usize>,
    /// The server's core.
    #[arg(long, default_value_t = 0)]
    server_core: usize,
    /// The core of the clients.
    #[arg(long, default_value_t = 1)]
    client_core: usize,
    /// Where the servers for Node.js are.
    #[arg(long, default_value = "benches/peers/node")]
    node: PathBuf,
    /// Where to write everything measured.
    #[arg(long, default_value = "target/peers.json")]
    json: PathBuf,
}

fn main() -> ExitCode {
    match compare(&complete(Flags::parse())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The flags with the defaults that depend on others.
fn complete(mut flags: Flags) -> Flags {
    if flags.wide {
        flags.candidates = Candidate::WIDE.to_vec();
    }
    if flags.clients.is_empty() {
        flags.clients = match flags.world() {
            World::Pitch => vec![200, 400],
            World::Wide => vec![400, 800, 1600],
        };
    }
    flags
}

impl Flags {
    fn world(&self) -> World {
        self.candidates.first().map_or(World::Pitch, |first| first.world())
    }

    /// Those that take part with so many players.
    fn candidates(&self, clients: usize) -> impl Iterator<Item = Candidate> {
        let fits = move |one: &Candidate| *one != Candidate::ColyseusViews || clients <= self.views_up_to;
        self.candidates.iter().copied().filter(fits)
    }
}

fn compare(flags: &Flags) -> io::Result<()> {
    check(flags)?;
    stay_on(flags.client_core)?;
    let machine = description();
    println!("{machine}; server on core {}, clients on core {}", flags.server_core, flags.client_core);
    let mut runs = Vec::new();
    for round in 1..=flags.rounds {
        for &clients in &flags.clients {
            run_round(flags, round, clients, &mut runs)?;
            write(flags, &machine, &runs)?;
        }
    }
    let rows = rows(flags, &runs);
    for &clients in &flags.clients {
        let sized: Vec<Row> = rows.iter().filter(|row| row.clients == clients).cloned().collect();
        let (place, unit) = match flags.world() {
            World::Pitch => ("in one room".to_owned(), "floor"),
            World::Wide => {
                let seen = runs.iter().filter(|run| run.clients == clients).map(|run| run.findings.within_sight);
                let seen = Spread::of(seen).unwrap_or_default().median;
                (format!("in a world where {seen:.0} others are within sight"), "rooms")
            }
        };
        println!("\n{clients} players {place}; per player seen and tick: payload, wire\n\n{}", table(&sized, unit));
        println!("{}", promises(&sized));
    }
    print!("{}", wide_promises(&rows));
    for run in runs.iter().filter(|run| run.round == 1 && run.clients == flags.clients[0]) {
        println!("{:<19} {}", run.candidate, run.version);
    }
    println!("\neverything measured: {}", flags.json.display());
    Ok(())
}

fn rows(flags: &Flags, runs: &[Run]) -> Vec<Row> {
    let sized = |&clients: &usize| flags.candidates(clients).filter_map(move |one| Row::of(runs, one, clients));
    flags.clients.iter().flat_map(sized).collect()
}

/// Writes everything measured so far, so that an interrupted comparison is not lost.
fn write(flags: &Flags, machine: &str, runs: &[Run]) -> io::Result<()> {
    let (seed, seconds, warm_up) = (flags.seed, flags.seconds, flags.warm_up);
    let plan = json!({ "seed": seed, "seconds": seconds, "warm_up": warm_up, "rounds": flags.rounds });
    let report = json!({ "machine": machine, "plan": plan, "rows": rows(flags, runs), "runs": runs });
    let text = serde_json::to_string_pretty(&report)?;
    fs::write(&flags.json, text).map_err(|error| io::Error::other(format!("{}: {error}", flags.json.display())))
}

fn check(flags: &Flags) -> io::Result<()> {
    let bad = |text: String| Err(io::Error::other(text));
    let Some(most) = flags.clients.iter().max().filter(|_| !flags.clients.contains(&0)) else {
        return bad("--clients must be numbers from 1, such as 200,400".to_owned());
    };
    if flags.server_core == flags.client_core {
        return bad(format!("server and clients cannot share core {}", flags.server_core));
    }
    if flags.rounds == 0 || flags.seconds == 0 || flags.candidates.is_empty() {
        return bad("--rounds and --seconds must be at least 1, and somebody must take part".to_owned());
    }
    if let Some(other) = flags.candidates.iter().find(|one| one.world() != flags.world()) {
        let (first, other) = (flags.candidates[0].name(), other.name());
        return bad(format!("{first} and {other} cannot be compared: their players walk in different worlds"));
    }
    // Tickwire takes two descriptors for each connection.
    allow_descriptors(2 * *most as u64 + 100)
}

/// Every candidate has its turn with so many players.
fn run_round(flags: &Flags, round: usize, clients: usize, runs: &mut Vec<Run>) -> io::Result<()> {
    let plan = Plan {
        clients,
        world: flags.world(),
        probes: PROBES,
        seed: flags.seed,
        cores: [flags.server_core, flags.client_core],
        idle: Duration::from_secs(2),
        warm_up: Duration::from_secs(flags.warm_up),
        window: Duration::from_secs(flags.seconds),
    };
    let programs = std::env::current_exe()?.parent().map(PathBuf::from).unwrap_or_default();
    let begin = runs.len();
    for candidate in flags.candidates(clients) {
        let own = runs[begin..].iter().find(|run| run.candidate == Candidate::Tickwire.name());
        let bytes = own.map(|run| run.findings.payload.round() as usize).or(flags.floor_bytes);
        if candidate == Candidate::Floor && bytes.is_none() {
            return Err(io::Error::other(
                "the floor copies Tickwire's length: put tickwire before it or give --floor-bytes",
            ));
        }
        let command = candidate.command(&programs, &flags.node, bytes.unwrap_or_default());
        eprint!("round {round} of {}, {clients} players, {:<19}", flags.rounds, candidate.name());
        // The floor's message must have room for their counters.
        let room = bytes.filter(|_| candidate == Candidate::Floor).map_or(PROBES, |bytes| bytes / 2);
        let plan = Plan { probes: PROBES.min(room), ..plan };
        let (findings, version) = turn(flags, candidate, &command, &plan)?;
        runs.push(Run {
            candidate: candidate.name(),
            clients,
            round,
            version,
            findings,
            units: None,
            units_in_instructions: None,
        });
    }
    let unit = flags.candidates[0].unit().name();
    let Some(unit) = runs[begin..].iter().find(|run| run.candidate == unit).cloned() else { return Ok(()) };
    for run in &mut runs[begin..] {
        run.units = Some(run.findings.cpu / unit.findings.cpu).filter(|ratio| ratio.is_finite());
        let instructions = run.findings.instructions.zip(unit.findings.instructions);
        run.units_in_instructions = instructions.map(|(own, unit)| own / unit);
    }
    Ok(())
}

/// One turn of one candidate, repeated while others disturb it.
fn turn(flags: &Flags, candidate: Candidate, command: &[String], plan: &Plan) -> io::Result<(Findings, String)> {
    let mut quietest: Option<(Findings, String)> = None;
    for attempt in 0..=flags.repeats {
        let served = Served::start(command, flags.server_core)?;
        let found = load::run(candidate, &served, plan);
        let found = found.map_err(|error| io::Error::other(format!("{}: {error}", candidate.name())))?;
        let (others, disturbed) = (found.others * 100.0, found.others > OTHERS_SHARE);
        eprint!("{:>6.1} us per update, {:.2} updates/s", found.cpu, found.updates);
        if quietest.as_ref().is_none_or(|(least, _)| found.others < least.others) {
            quietest = Some((found, served.version.clone()));
        }
        let again = disturbed && attempt < flags.repeats;
        eprintln!("{}", if again { format!(" (others took {others:.0} % of a core; again)") } else { String::new() });
        if !again {
            break;
        }
    }
    quietest.ok_or_else(|| io::Error::other("there is always a first turn"))
}
