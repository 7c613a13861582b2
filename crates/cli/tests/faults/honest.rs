//! Fifty honest players beside an attack: their report, and the requirements on it.
//!
//! They play all the time, with and without the attack by turns. Both kinds of time are thus measured on the same machine with the
//! same other work on it, and their percentiles can be compared.

#![allow(dead_code, reason = "each run needs a part of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tickwire::wire::Join;

use super::process::{self, Bots, Server};

pub const PLAYERS: u64 = 50;
/// One tick at the arena's 20 Hz.
pub const TICK_MS: f64 = 50.0;
/// How long the honest take to come, with a margin.
pub const COMING: Duration = Duration::from_secs(3);
/// A second of the players' figures counts for a span if all of it lies within; their clock may differ from ours by so much.
const MARGIN: Duration = Duration::from_millis(250);

/// A part of a run.
pub type Span = (Instant, Instant);

/// The command, whose warnings are shown.
pub fn command(binary: &Path) -> Command {
    let mut command = process::command(binary);
    command.stderr(Stdio::inherit());
    command
}

/// Honest players, each of whom compares its state with the server's.
pub struct Honest {
    bots: Bots,
    started: Instant,
    file: PathBuf,
}

impl Honest {
    /// Lets them play for so long, beginning with their coming.
    pub fn start(binary: &Path, server: &Server, lasts: Duration) -> Self {
        let file = std::env::temp_dir().join(format!("tickwire-honest-{}.json", server.port));
        let (players, seconds, path) = (PLAYERS.to_string(), lasts.as_secs().to_string(), file.to_string_lossy());
        let args = ["--players", &players, "--verify", "all", "--duration", &seconds, "--json", &path];
        let started = Instant::now();
        Self { bots: Bots::start(command(binary), server, &args), started, file }
    }

    /// Waits for their end, and reads what they report.
    pub fn report(self) -> Report {
        let output = self.bots.report();
        let text = std::fs::read(&self.file).unwrap_or_else(|error| panic!("the bots ended with {output:?}: {error}"));
        let _ = std::fs::remove_file(&self.file);
        Report::read(&serde_json::from_slice(&text).expect("JSON"), self.started)
    }
}

/// The times from an input to its state of one second.
struct Second {
    end: Instant,
    /// Milliseconds, rounded up, and how many inputs took them.
    counts: Vec<(u64, u64)>,
}

/// What is asked of a report. A figure that is not there is the end: it would compare as anything.
pub struct Report {
    pub joined: u64,
    /// Label, count and first example of what went wrong.
    pub failures: Vec<String>,
    seconds: Vec<Second>,
}

/// The 99th percentile of the times from an input to its state, in milliseconds, and of how many inputs.
#[derive(Clone, Copy, Debug)]
pub struct Percentile {
    pub ms: u64,
    pub of: u64,
}

impl std::fmt::Display for Percentile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ms ({} inputs)", self.ms, self.of)
    }
}

impl Report {
    fn read(report: &serde_json::Value, started: Instant) -> Self {
        let joined = report["joined"].as_u64().unwrap_or_else(|| panic!("no number of players in {report}"));
        let failures = report["failures"].as_object().unwrap_or_else(|| panic!("no failures in {report}"));
        let second = |sample: &serde_json::Value| -> Option<Second> {
            let counts = sample["latency_counts"].as_array()?.iter();
            let counts = counts.map(|pair| Some((pair[0].as_u64()?, pair[1].as_u64()?))).collect::<Option<_>>()?;
            Some(Second { end: started + Duration::from_secs_f64(sample["at"].as_f64()?), counts })
        };
        let samples = report["series"].as_array().unwrap_or_else(|| panic!("no series in {report}")).iter();
        Self {
            joined,
            failures: failures.iter().map(|(label, offence)| format!("{label}: {offence}")).collect(),
            seconds: samples.map(|one| second(one).unwrap_or_else(|| panic!("no times in {one}"))).collect(),
        }
    }

    /// The percentile over all these spans.
    pub fn p99(&self, spans: &[Span]) -> Percentile {
        let within = |second: &&Second| {
            let begin = second.end.checked_sub(Duration::from_secs(1)).expect("a moment of this run");
            spans.iter().any(|(from, to)| begin + MARGIN >= *from && second.end <= *to + MARGIN)
        };
        let mut counts = std::collections::BTreeMap::<u64, u64>::new();
        for (ms, count) in self.seconds.iter().filter(within).flat_map(|second| &second.counts) {
            *counts.entry(*ms).or_default() += count;
        }
        let of: u64 = counts.values().sum();
        // As many as one of a hundred may be above it.
        let mut above = of;
        for (ms, count) in counts {
            above -= count;
            if above * 100 <= of {
                return Percentile { ms, of };
            }
        }
        Percentile { ms: 0, of }
    }

    /// Demands that everybody came, and nothing went wrong.
    pub fn judge(&self, demand: &mut impl FnMut(bool, String)) {
        let Self { joined, failures, .. } = self;
        demand(*joined == PLAYERS, format!("{joined} of {PLAYERS} honest players joined"));
        demand(failures.is_empty(), format!("what went wrong for them: {failures:?}"));
    }

    /// Compares attacks with the pauses before and after each; there is one pause more. Where two pauses differ by more than a tick,
    /// the machine was busy with something else, and the attack between them is not judged.
    pub fn compare(&self, pauses: &[Span], attacks: &[Span]) -> Comparison {
        assert_eq!(pauses.len(), attacks.len() + 1, "pauses come first and last");
        let (mut without, mut beside) = (Vec::new(), Vec::new());
        for (between, attack) in pauses.windows(2).zip(attacks) {
            let [before, after] = [between[0], between[1]].map(|pause| self.p99(&[pause]));
            if before.of.min(after.of) > 0 && before.ms.abs_diff(after.ms) as f64 <= TICK_MS {
                without.extend(between);
                beside.push(*attack);
            }
        }
        Comparison { without: self.p99(&without), beside: self.p99(&beside), judged: beside.len(), of: attacks.len() }
    }
}

/// What the honest saw in the pauses and beside the attacks that could be judged.
#[derive(Clone, Copy, Debug)]
pub struct Comparison {
    pub without: Percentile,
    pub beside: Percentile,
    /// How many attacks could be judged, of how many.
    pub judged: usize,
    pub of: usize,
}

impl Comparison {
    /// Whether it says enough: at least half of the attacks could be judged.
    pub fn is_fair(&self) -> bool {
        self.judged * 2 >= self.of && self.without.of.min(self.beside.of) >= 20 * PLAYERS
    }

    /// Demands that it is fair, and that the percentile beside the attacks is within a tick of the one in the pauses.
    pub fn judge(&self, what: &str, demand: &mut impl FnMut(bool, String)) {
        let Self { without, beside, judged, of } = self;
        let held = beside.ms as f64 <= without.ms as f64 + TICK_MS;
        let figures = format!("p99 {without} without, {beside} beside {what}");
        demand(self.is_fair() && held, format!("the honest: {figures}; {judged} of {of} attacks were judged"));
    }
}

/// Where they play.
pub fn arena() -> Join {
    Join::JoinOrCreate { game: "arena".to_owned(), options: Vec::new() }
}
