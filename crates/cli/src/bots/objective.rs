//! The objectives of a run: each with its name, unit, meaning and the source of its figure.
//!
//! This file decides whether an objective was met; `verdict.rs` decides what follows.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::report::Report;

/// An objective that a run can have.
#[derive(Debug)]
pub struct Known {
    /// Its name.
    pub name: &'static str,
    /// Its meaning.
    pub help: &'static str,
    /// The unit of its figure.
    pub unit: Unit,
    /// Whether a slow machine can break it although the server did nothing wrong.
    pub timed: bool,
    /// Whether every run has it, with the limit zero unless another one is given.
    pub always: bool,
    measure: fn(&Report) -> Option<f64>,
}

/// The unit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Milliseconds.
    Ms,
    /// A count.
    Count,
    /// Bytes per client and second.
    BytesPerSecond,
}

const fn timed(name: &'static str, unit: Unit, help: &'static str, measure: fn(&Report) -> Option<f64>) -> Known {
    Known { name, help, unit, timed: true, always: false, measure }
}

const fn bytes(name: &'static str, help: &'static str, measure: fn(&Report) -> Option<f64>) -> Known {
    Known { name, help, unit: Unit::BytesPerSecond, timed: false, always: false, measure }
}

const fn never(name: &'static str, timed: bool, help: &'static str, measure: fn(&Report) -> Option<f64>) -> Known {
    Known { name, help, unit: Unit::Count, timed, always: true, measure }
}

/// All objectives, in the order in which they are printed.
#[rustfmt::skip]
pub static OBJECTIVES: [Known; 28] = [
    timed("tick_p99", Unit::Ms, "duration of a server tick, 99th percentile, from its /metrics; more than 102 ms counts as infinite", |r| r.server.as_ref()?.tick_p99_ms),
    timed("latency_p50", Unit::Ms, "time from making an input to the first state that covers it, median", |r| r.input_to_state.some(|q| q.p50_ms)),
    timed("latency_p99", Unit::Ms, "the same, 99th percentile", |r| r.input_to_state.some(|q| q.p99_ms)),
    timed("latency_max", Unit::Ms, "the same, maximum", |r| r.input_to_state.some(|q| q.max_ms)),
    timed("staleness_p99", Unit::Ms, "age of states on arrival, relative to the earliest arrivals of the room, 99th percentile", |r| r.staleness.some(|q| q.p99_ms)),
    timed("staleness_max", Unit::Ms, "the same, maximum", |r| r.staleness.some(|q| q.max_ms)),
    timed("feel_jumps", Unit::Count, "entities that jumped in a rendered frame of a bot that rebuilds the state and draws 60 per second", |r| Some(r.feel?.jumps as f64)),
    timed("feel_age_p99", Unit::Ms, "age of what such a bot is shown of others, 99th percentile of its worst ten seconds", |r| Some(r.feel?.age_p99_ms)),
    timed("feel_silence", Unit::Ms, "longest time for which such a bot had no newer frame to show", |r| Some(r.feel?.silence_ms)),
    timed("join_p99", Unit::Ms, "time from connecting to the welcome, 99th percentile", |r| r.join.some(|q| q.p99_ms)),
    timed("moves_max", Unit::Ms, "longest time between two frames of a bot whose room moved to another node of a cluster", |r| r.moves.some(|q| q.max_ms)),
    timed("skipped", Unit::Count, "ticks that the server skipped", |r| Some(r.skipped() as f64)),
    timed("late", Unit::Count, "ticks that the server computed more than a period late, from its /metrics", |r| Some(r.server.as_ref()?.late_ticks as f64)),
    bytes("bytes_down", "bytes on the wire that a client receives per second", |r| Some(r.down_per_second)),
    bytes("bytes_up", "bytes on the wire that a client sends per second", |r| Some(r.up_per_second)),
    Known { name: "events_lost", help: "events that the server declared lost", unit: Unit::Count, timed: true, always: false, measure: |r| Some(r.events_lost as f64) },
    Known { name: "ghosts", help: "seats that the list of rooms counts too many or too few at the end", unit: Unit::Count, timed: false, always: false, measure: |r| r.ghosts.map(|ghosts| ghosts.unsigned_abs() as f64) },
    Known { name: "hostile", help: "hostile bots whose session ended without the close code prescribed for their attack", unit: Unit::Count, timed: false, always: false, measure: |r| Some(r.hostile_unexpected() as f64) },
    never("refused", false, "bots that got no connection or no seat", |r| r.failed("refused")),
    never("lost", true, "bots whose connection ended while they played", |r| r.failed("lost")),
    never("uncovered", true, "ticks that a room published and no message to a bot covered", |r| Some(r.ticks_uncovered as f64)),
    never("desync", false, "zones whose rebuilt state differs from the server's", |r| Some(r.desyncs as f64)),
    never("protocol", false, "messages that do not decode or are not allowed at that time", |r| r.failed("protocol")),
    never("mismatch", false, "recorded positions that the server returned changed", |r| r.failed("mismatch")),
    never("corrected", false, "corrections of bots that follow a recording", |r| r.failed("corrected")),
    never("pilot", false, "what pilots of the game's own asked for and the game or the session does not admit", |r| r.failed("pilot")),
    never("nobody_moved", false, "1 if bots rebuilt the state for a second or more, and the entity of none of them moved", |r| r.failed("nobody_moved")),
    never("unfinished", true, "recordings that were not consumed to their end", |r| r.failed("unfinished")),
];

/// An objective with its limit, which the figure must not exceed.
#[derive(Clone, Copy, Debug)]
pub struct Objective {
    /// The objective.
    pub known: &'static Known,
    /// The limit, in the objective's unit.
    pub limit: f64,
}

/// Why an objective cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectiveError {
    /// The limit is missing.
    #[error("{0:?} has no limit: write {0}=LIMIT")]
    NoLimit(String),
    /// The name is unknown.
    #[error("no objective {0:?}: there are {list}", list = names())]
    NoSuchName(String),
    /// The limit is invalid.
    #[error("{name} = {value:?}: must be {wanted}")]
    BadLimit {
        /// The objective's name.
        name: &'static str,
        /// The given value.
        value: String,
        /// The accepted values.
        wanted: &'static str,
    },
}

fn names() -> String {
    OBJECTIVES.iter().map(|known| known.name).collect::<Vec<_>>().join(", ")
}

impl FromStr for Objective {
    type Err = ObjectiveError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once('=').ok_or_else(|| ObjectiveError::NoLimit(text.to_owned()))?;
        let known = OBJECTIVES.iter().find(|known| known.name == name);
        let known = known.ok_or_else(|| ObjectiveError::NoSuchName(name.to_owned()))?;
        let limit = known.unit.read(value);
        let wanted = known.unit.wanted();
        let limit = limit.ok_or(ObjectiveError::BadLimit { name: known.name, value: value.to_owned(), wanted })?;
        Ok(Self { known, limit })
    }
}

impl Unit {
    fn read(self, text: &str) -> Option<f64> {
        let scaled = |scales: &[(&str, f64)]| {
            let (number, scale) = scales.iter().find_map(|(end, scale)| Some((text.strip_suffix(end)?, *scale)))?;
            let number: f64 = number.parse().ok()?;
            // The parser accepts "1e999" as an infinite number.
            (number.is_finite() && number.is_sign_positive()).then_some(number * scale)
        };
        match self {
            _ if text == "0" => Some(0.0),
            Self::Ms => scaled(&[("ms", 1.0), ("us", 0.001), ("s", 1000.0)]),
            Self::Count => text.parse::<u32>().ok().map(f64::from),
            Self::BytesPerSecond => {
                scaled(&[("KiB", 1024.0), ("MiB", 1024.0 * 1024.0), ("kB", 1000.0), ("MB", 1e6), ("B", 1.0), ("", 1.0)])
            }
        }
    }

    fn wanted(self) -> &'static str {
        match self {
            Self::Ms => "a time such as 25ms, 1.5s or 800us",
            Self::Count => "a whole number such as 0 or 12",
            Self::BytesPerSecond => "bytes per second such as 4000, 6kB or 8KiB",
        }
    }

    /// Formats a figure for people.
    pub fn show(self, figure: f64) -> String {
        match self {
            _ if figure.is_infinite() => "endless".to_owned(),
            Self::Ms if figure >= 100.0 => format!("{figure:.0} ms"),
            Self::Ms => format!("{figure:.2} ms"),
            Self::Count => format!("{figure:.0}"),
            Self::BytesPerSecond => format!("{figure:.0} B/s"),
        }
    }
}

/// Whether an objective was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The figure is within the limit.
    Held,
    /// The figure exceeds the limit.
    Broken,
    /// There is no figure.
    Unknown,
}

/// An objective and its outcome.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Judged {
    /// The objective's name.
    pub name: &'static str,
    /// The unit of the figures.
    pub unit: Unit,
    /// The limit.
    pub limit: f64,
    /// The figure; absent if it was not measured or is infinite.
    pub measured: Option<f64>,
    /// The outcome.
    pub outcome: Outcome,
    /// Whether a slow machine can break it although the server did nothing wrong.
    pub timed: bool,
    /// Whether the user gave this objective.
    pub asked: bool,
}

/// Judges the given objectives and those that every run has. If an objective was given twice, the last limit counts.
pub fn judge(asked: &[Objective], report: &Report) -> Vec<Judged> {
    let judged = OBJECTIVES.iter().filter_map(|known| {
        let given = asked.iter().rfind(|objective| objective.known.name == known.name);
        let limit = given.map(|given| given.limit).or(known.always.then_some(0.0))?;
        let measured = (known.measure)(report);
        let outcome = match measured {
            None => Outcome::Unknown,
            Some(figure) if figure <= limit => Outcome::Held,
            Some(_) => Outcome::Broken,
        };
        let Known { name, unit, timed, .. } = *known;
        Some(Judged { name, unit, limit, measured, outcome, timed, asked: given.is_some() })
    });
    judged.collect()
}

impl Judged {
    /// Whether the objective was met.
    pub fn is_held(&self) -> bool {
        self.outcome == Outcome::Held
    }

    /// The figure, formatted for people.
    pub fn found(&self) -> String {
        self.measured.map_or_else(|| "not measured".to_owned(), |figure| self.unit.show(figure))
    }

    /// The outcome as one word.
    pub fn word(&self) -> &'static str {
        match self.outcome {
            Outcome::Held => "held",
            Outcome::Broken => "broken",
            Outcome::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<14} {:>10}  {:>12}  {}", self.name, self.unit.show(self.limit), self.found(), self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_in_their_units() {
        for (text, limit) in [
            ("tick_p99=25ms", 25.0),
            ("latency_p99=1.5s", 1500.0),
            ("latency_p50=800us", 0.8),
            ("latency_max=0", 0.0),
            ("desync=12", 12.0),
            ("bytes_down=6kB", 6000.0),
            ("bytes_up=2KiB", 2048.0),
            ("bytes_up=17", 17.0),
        ] {
            let objective: Objective = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert!((objective.limit - limit).abs() < 1e-9, "{text}: {}", objective.limit);
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_what_would_be_right() {
        for (text, wanted) in [
            ("tick_p98=25ms", &["\"tick_p98\"", "tick_p99", "ghosts"][..]),
            ("tick_p99", &["\"tick_p99\"", "tick_p99=LIMIT"]),
            ("tick_p99=fast", &["tick_p99", "\"fast\"", "25ms"]),
            ("tick_p99=25", &["tick_p99", "\"25\"", "25ms"]),
            ("latency_p99=-1ms", &["\"-1ms\"", "a time"]),
            ("latency_p99=1e999ms", &["a time"]),
            ("feel_jump=0", &["\"feel_jump\"", "feel_jumps", "feel_age_p99"]),
            ("feel_jumps=none", &["feel_jumps", "\"none\"", "whole number"]),
            ("feel_age_p99=200", &["feel_age_p99", "\"200\"", "25ms"]),
            ("desync=0.5", &["desync", "whole number"]),
            ("bytes_down=lots", &["bytes_down", "6kB"]),
        ] {
            let error = text.parse::<Objective>().expect_err(text).to_string();
            assert!(wanted.iter().all(|wanted| error.contains(wanted)), "{text}: {error}");
        }
    }

    #[test]
    fn names_are_unique_and_explained() {
        for (index, known) in OBJECTIVES.iter().enumerate() {
            assert!(OBJECTIVES[..index].iter().all(|other| other.name != known.name) && known.help.len() > 10);
            assert!(!known.always || known.unit == Unit::Count);
        }
    }
}
