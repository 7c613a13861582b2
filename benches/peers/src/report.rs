//! What the rounds add up to: medians and spreads, verdicts, the table.

use std::fmt::Write as _;

use serde::Serialize;

use crate::RATE;
use crate::candidate::Candidate;
use crate::load::Findings;

/// Fewer updates per second than this, and the server did not keep up.
const ENOUGH_UPDATES: f64 = 19.6;
/// With more of its core used, the client may be what was measured.
const CLIENT_SHARE: f64 = 0.9;
/// With more of a core used by others, a turn is repeated if there is one left, and marked.
pub const OTHERS_SHARE: f64 = 0.1;
/// With fewer inputs seen in updates, the server did not take them.
const ENOUGH_SEEN: f64 = 0.95;
/// IPv4 and TCP headers with timestamps, and what an Ethernet segment holds besides them.
const SEGMENT_HEADER: f64 = 52.0;
const SEGMENT: f64 = 1448.0;

/// One run of one candidate.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// Its name.
    pub candidate: &'static str,
    /// Players.
    pub clients: usize,
    /// Counted from 1.
    pub round: usize,
    /// What the server says of itself.
    pub version: String,
    /// What was found.
    pub findings: Findings,
    /// CPU time per update in multiples of that of the candidate which is the unit, in the same round.
    pub units: Option<f64>,
    /// The same of instructions.
    pub units_in_instructions: Option<f64>,
}

/// Median, least and greatest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one, or the mean of both.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of all values; `None` when there are none.
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let median = (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0;
        Some(Self { median, min, max })
    }

    fn text(self, digits: usize) -> String {
        let Self { median, min, max } = self;
        format!("{median:.digits$} ({min:.digits$}..{max:.digits$})")
    }
}

/// One candidate with so many players, over all rounds.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its name.
    pub candidate: &'static str,
    /// Players.
    pub clients: usize,
    /// Updates per second and client.
    pub updates: Spread,
    /// Payload bytes per player seen and tick.
    pub payload: Spread,
    /// The same with the headers of WebSocket, TCP and IPv4.
    pub wire: Spread,
    /// Microseconds of the server's CPU per update delivered.
    pub cpu: Spread,
    /// That, in multiples of the unit's.
    pub units: Option<Spread>,
    /// Thousands of instructions per update delivered.
    pub instructions: Option<Spread>,
    /// Those, in multiples of the unit's.
    pub units_in_instructions: Option<Spread>,
    /// Milliseconds.
    pub latency_p50: Option<Spread>,
    /// Milliseconds.
    pub latency_p99: Option<Spread>,
    /// KiB per idle player.
    pub memory: Spread,
    /// Shares of the cores.
    pub server_share: Spread,
    /// As above.
    pub client_share: Spread,
    /// As above, by other processes.
    pub others: Spread,
    /// What can be said of it: `ok`, or why not.
    pub verdict: String,
}

impl Row {
    /// Sums up the runs of one candidate with so many players. `None` when there are none.
    pub fn of(runs: &[Run], candidate: Candidate, clients: usize) -> Option<Self> {
        let mine = || runs.iter().filter(move |run| run.candidate == candidate.name() && run.clients == clients);
        let spread = |pick: fn(&Findings) -> f64| Spread::of(mine().map(|run| pick(&run.findings)));
        let players = candidate.world().shown(clients) as f64;
        let per_player = |pick: fn(&Findings) -> f64| Spread::of(mine().map(|run| pick(&run.findings) / players));
        let mut row = Self {
            candidate: candidate.name(),
            clients,
            updates: spread(|one| one.updates)?,
            payload: per_player(|one| one.payload)?,
            wire: per_player(|one| one.stream + SEGMENT_HEADER * (one.stream / SEGMENT).ceil())?,
            cpu: spread(|one| one.cpu)?,
            units: Spread::of(mine().filter_map(|run| run.units)),
            instructions: spread(|one| one.instructions.unwrap_or(f64::NAN) / 1000.0),
            units_in_instructions: Spread::of(mine().filter_map(|run| run.units_in_instructions)),
            latency_p50: spread(|one| one.latency_p50.unwrap_or(f64::NAN)),
            latency_p99: spread(|one| one.latency_p99.unwrap_or(f64::NAN)),
            memory: spread(|one| one.memory)?,
            server_share: spread(|one| one.server_share)?,
            client_share: spread(|one| one.client_share)?,
            others: spread(|one| one.others)?,
            verdict: String::new(),
        };
        let seen = spread(|one| one.seen)?;
        row.verdict = row.judge(seen);
        Some(row)
    }

    fn judge(&self, seen: Spread) -> String {
        let percent = |share: f64| format!("{:.0} %", share * 100.0);
        if self.client_share.max > CLIENT_SHARE {
            return format!("no verdict: the clients took {} of their core", percent(self.client_share.max));
        }
        if self.updates.min < ENOUGH_UPDATES && self.others.max > OTHERS_SHARE {
            return format!("no verdict: others took {} of a core", percent(self.others.max));
        }
        if self.updates.min < ENOUGH_UPDATES {
            return format!("overloaded: {:.1} of {RATE} updates/s", self.updates.min);
        }
        if seen.min < ENOUGH_SEEN {
            return format!("no verdict: {} of the inputs were seen in updates", percent(seen.min));
        }
        if self.others.max > OTHERS_SHARE {
            return format!("ok, but others took {} of a core", percent(self.others.max));
        }
        "ok".to_owned()
    }

    /// Whether bytes and memory can be believed.
    pub fn stands(&self) -> bool {
        self.verdict.starts_with("ok")
    }

    /// Whether it had all of its core and was too slow.
    pub fn is_overloaded(&self) -> bool {
        self.verdict.starts_with("overloaded")
    }

    /// Whether times can be, too.
    pub fn is_quiet(&self) -> bool {
        self.verdict == "ok"
    }
}

/// The table of one size; `unit` is what the candidate is called that is the unit of costs.
pub fn table(rows: &[Row], unit: &str) -> String {
    let times = format!("x {unit}");
    let mut lines = vec![
        [
            "",
            "updates/s",
            "payload B",
            "wire B",
            "CPU us/update",
            times.as_str(),
            "k instr.",
            times.as_str(),
            "p50 ms",
            "p99 ms",
            "KiB/conn",
            "cores",
            "",
        ]
        .map(str::to_owned),
    ];
    for row in rows {
        let percent = |share: Spread| format!("{:.0}", share.median * 100.0);
        let median =
            |one: Option<Spread>, digits: usize| one.map_or("-".to_owned(), |one| format!("{:.digits$}", one.median));
        lines.push([
            row.candidate.to_owned(),
            median(Some(row.updates), 2),
            median(Some(row.payload), 2),
            median(Some(row.wire), 2),
            row.cpu.text(1),
            row.units.map_or("-".to_owned(), |units| units.text(2)),
            median(row.instructions, 1),
            median(row.units_in_instructions, 2),
            median(row.latency_p50, 1),
            median(row.latency_p99, 1),
            median(Some(row.memory), 1),
            format!("{} + {} %", percent(row.server_share), percent(row.client_share)),
            row.verdict.clone(),
        ]);
    }
    let mut text = String::new();
    for line in &lines {
        for (column, cell) in line.iter().enumerate() {
            let width = lines.iter().map(|line| line[column].len()).max().unwrap_or_default();
            let _ = if column == 0 || column == line.len() - 1 {
                write!(text, "{cell:<width$}  ")
            } else {
                write!(text, "{cell:>width$}  ")
            };
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_the_middle_and_the_ends() {
        assert_eq!(Spread::of([3.0, 1.0, 8.0].into_iter()), Some(Spread { median: 3.0, min: 1.0, max: 8.0 }));
        assert_eq!(Spread::of([3.0, 1.0, f64::NAN].into_iter()), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(Spread::of([].into_iter()), None);
    }

    #[test]
    fn who_was_short_of_time_gets_no_verdict() {
        let run = |updates, client_share, others| {
            let findings = Findings { updates, client_share, others, seen: 1.0, ..Findings::default() };
            Run {
                candidate: "ws",
                clients: 9,
                round: 1,
                version: String::new(),
                findings,
                units: None,
                units_in_instructions: None,
            }
        };
        let verdict = |run| Row::of(&[run], Candidate::Ws, 9).map(|row| row.verdict).unwrap();
        assert_eq!(verdict(run(20.0, 0.5, 0.0)), "ok");
        assert!(verdict(run(20.0, 0.5, 0.5)).starts_with("ok, but"));
        assert!(verdict(run(12.0, 0.5, 0.0)).starts_with("overloaded"));
        assert!(verdict(run(12.0, 0.5, 0.5)).starts_with("no verdict"));
        assert!(verdict(run(12.0, 0.95, 0.0)).starts_with("no verdict"));
    }
}
