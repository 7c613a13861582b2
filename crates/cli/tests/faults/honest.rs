//! Fifty honest players beside an attack: their report, and the requirements on it.

#![allow(dead_code, reason = "each run needs a part of it")]

use std::path::Path;
use std::process::{Command, Stdio};

use tickwire::wire::Join;

use super::process::{self, Bots, Server};

pub const PLAYERS: u64 = 50;
/// One tick at the arena's 20 Hz.
pub const TICK_MS: f64 = 50.0;

/// The command, whose warnings are shown.
pub fn command(binary: &Path) -> Command {
    let mut command = process::command(binary);
    command.stderr(Stdio::inherit());
    command
}

/// Honest players for so long, each of whom compares its state with the server's; and what they report.
pub fn play(binary: &Path, server: &Server, seconds: u64) -> impl FnOnce() -> Report + use<> {
    let file = std::env::temp_dir().join(format!("tickwire-honest-{}-{seconds}.json", server.port));
    let (players, seconds, path) = (PLAYERS.to_string(), seconds.to_string(), file.to_string_lossy());
    let args = ["--players", &players, "--verify", "all", "--duration", &seconds, "--json", &path];
    let bots = Bots::start(command(binary), server, &args);
    move || {
        let output = bots.report();
        let text = std::fs::read(&file).unwrap_or_else(|error| panic!("the bots ended with {output:?}: {error}"));
        let _ = std::fs::remove_file(&file);
        Report::read(&serde_json::from_slice(&text).expect("JSON"))
    }
}

/// What is asked of a report. A figure that is not there is the end: it would compare as anything.
pub struct Report {
    pub joined: u64,
    /// Label, count and first example of what went wrong.
    pub failures: Vec<String>,
    /// From an input to its state, of how many.
    pub p99_ms: f64,
    pub measured: u64,
}

impl Report {
    fn read(report: &serde_json::Value) -> Self {
        let whole = |value: &serde_json::Value, what: &str| {
            value.as_u64().unwrap_or_else(|| panic!("no number of {what} in {report}"))
        };
        let failures = report["failures"].as_object().unwrap_or_else(|| panic!("no failures in {report}"));
        let times = &report["input_to_state"];
        Self {
            joined: whole(&report["joined"], "players"),
            failures: failures.iter().map(|(label, offence)| format!("{label}: {offence}")).collect(),
            p99_ms: times["p99_ms"].as_f64().unwrap_or_else(|| panic!("no p99 in {report}")),
            measured: whole(&times["count"], "measured inputs"),
        }
    }

    /// Demands that everybody came, played, and nothing went wrong.
    pub fn judge(self, when: &str, demand: &mut impl FnMut(bool, String)) {
        let Self { joined, failures, measured, .. } = self;
        demand(joined == PLAYERS, format!("{joined} of {PLAYERS} honest players joined {when}"));
        demand(measured > PLAYERS, format!("{measured} of their inputs were timed {when}"));
        demand(failures.is_empty(), format!("what went wrong for them {when}: {failures:?}"));
    }
}

/// Where they play.
pub fn arena() -> Join {
    Join::JoinOrCreate { game: "arena".to_owned(), options: Vec::new() }
}
