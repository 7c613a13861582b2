//! The verdict on a run: held, broken, or none if the bots or the machine distorted the figures.
//!
//! A desync is a fault even on the slowest machine, but a late frame may be the fault of the measuring machine.

use std::fmt;

use serde::Serialize;

use super::machine::Load;
use super::objective::{Judged, Outcome};
use super::report::Report;
use super::tally::Failure;

/// The verdict on a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", content = "reasons", rename_all = "snake_case")]
pub enum Verdict {
    /// Every objective was met.
    Held,
    /// These objectives were broken.
    Broken(Vec<String>),
    /// No verdict is possible, for these reasons.
    None(Vec<String>),
}

impl Verdict {
    /// The exit code: 0 held, 1 broken, 3 no verdict. (2 is a usage error.)
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Held => 0,
            Self::Broken(_) => 1,
            Self::None(_) => 3,
        }
    }

    /// Judges the objectives of `report`, considering the load of the bots and the machine.
    pub fn of(report: &Report) -> Self {
        let broken: Vec<&Judged> =
            report.objectives.iter().filter(|judged| judged.outcome == Outcome::Broken).collect();
        let words = |judged: &&Judged| {
            if judged.name == Failure::NobodyMoved.label() {
                return format!("nobody moved: {} (allow it with --slo nobody_moved=1)", report.first(judged.name));
            }
            format!("{} was {}, at most {} was asked for", judged.name, judged.found(), judged.unit.show(judged.limit))
        };
        let unknown: Vec<String> = report
            .objectives
            .iter()
            .filter(|judged| judged.outcome == Outcome::Unknown)
            .map(|judged| format!("{} could not be measured{}", judged.name, report.why_unknown(judged.name)))
            .collect();
        if report.interrupted {
            return Self::None(vec![format!("interrupted after {:.1} s", report.seconds)]);
        }
        let generator = generator_doubts(report);
        let machine = report.load.map_or_else(Vec::new, |load| machine_doubts(&load));
        let timeless = broken.iter().any(|judged| !judged.timed);
        if timeless {
            return Self::Broken(broken.iter().map(words).collect());
        }
        // Bots that were late did not create the load that the figures are about, whatever the figures are.
        if !generator.is_empty() {
            return Self::None([generator, machine].concat());
        }
        // A noisy machine only makes figures worse, so objectives that were met in spite of it count.
        if !broken.is_empty() && !machine.is_empty() {
            return Self::None(machine);
        }
        match (broken.is_empty(), unknown.is_empty()) {
            (false, _) => Self::Broken(broken.iter().map(words).collect()),
            (true, false) => Self::None(unknown),
            (true, true) => Self::Held,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held => write!(f, "passed"),
            Self::Broken(reasons) => write!(f, "failed: {}", reasons.join("; ")),
            Self::None(reasons) => write!(f, "no verdict: {}", reasons.join("; ")),
        }
    }
}

/// Reasons why the bots may not have created the intended load.
fn generator_doubts(report: &Report) -> Vec<String> {
    /// Beyond this share of their threads' time, bots wait for each other.
    const BUSY: f64 = 0.9;
    let mut doubts = Vec::new();
    let quarter_ms = report.rate.map_or(f64::MAX, |rate| 250.0 / f64::from(rate));
    let late = report.timer_lateness.p99_ms;
    if late > quarter_ms {
        doubts.push(format!("the bots' own timers were {late:.1} ms late (99 of 100), more than a quarter of a tick"));
    }
    if let Some(load) = report.load.filter(|load| load.bots > BUSY * report.threads as f64) {
        let (used, threads) = (100.0 * load.bots, report.threads);
        doubts.push(format!("the bots used {used:.0} % of a core with {threads} threads: give them more (--threads)"));
    }
    doubts
}

/// Reasons why the server may have had less processor time than it needed.
fn machine_doubts(load: &Load) -> Vec<String> {
    /// If this share of the time is stolen, whole ticks are missing.
    const STEAL: f64 = 0.05;
    /// With a smaller idle share, processes wait for the processor.
    const IDLE: f64 = 0.1;
    /// If other processes use this share of a busy machine, the server lacks it.
    const OTHERS: f64 = 0.15;
    let mut doubts = Vec::new();
    if load.steal > STEAL {
        doubts.push(format!("the hypervisor took {:.0} % of the machine", 100.0 * load.steal));
    }
    // A server that is not known to run here is counted among the others.
    if load.server.is_some() && load.idle < IDLE && load.others > OTHERS {
        let (others, idle) = (100.0 * load.others, 100.0 * load.idle);
        doubts.push(format!("other processes took {others:.0} % of the machine and left {idle:.0} % idle"));
    }
    doubts
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::conductor::Seen;
    use super::super::swarm::Config;
    use super::super::tally::{Failure, Tally};
    use super::*;

    const QUIET: Load = Load { bots: 0.3, server: Some(0.5), cores: 2.0, others: 0.05, idle: 0.5, steal: 0.0 };
    const CROWDED: Load = Load { bots: 0.3, server: Some(0.5), cores: 2.0, others: 0.6, idle: 0.0, steal: 0.0 };

    fn judged(objectives: &[&str], load: Load, happens: impl Fn(&mut Tally)) -> Verdict {
        let objectives = objectives.iter().map(|text| text.parse().expect("a good objective")).collect();
        let config = Config { objectives, ..Config::default() };
        let mut tally = Tally::new();
        tally.latency.record(Duration::from_millis(40));
        happens(&mut tally);
        Report::new(&config, &mut tally, Duration::from_secs(1), Seen { load: Some(load), ..Seen::default() }).verdict
    }

    #[test]
    fn what_was_held_in_spite_of_noise_was_held() {
        for load in [QUIET, CROWDED] {
            assert_eq!(judged(&["latency_p99=50ms"], load, |_| {}), Verdict::Held);
        }
    }

    #[test]
    fn a_crowded_machine_excuses_what_depends_on_time_and_nothing_else() {
        let Verdict::Broken(reasons) = judged(&["latency_p99=30ms"], QUIET, |_| {}) else { panic!("it is broken") };
        assert!(reasons[0].contains("latency_p99") && reasons[0].contains("40") && reasons[0].contains("30.00 ms"));
        let Verdict::None(reasons) = judged(&["latency_p99=30ms"], CROWDED, |_| {}) else { panic!("who knows") };
        assert!(reasons[0].contains("60 %"), "{reasons:?}");
        let steal = Load { steal: 0.2, ..QUIET };
        assert_eq!(judged(&["latency_p99=30ms"], steal, |_| {}).exit_code(), 3);
        let refused = |tally: &mut Tally| tally.fail(Failure::Refused, 7, "full");
        let verdict = judged(&["latency_p99=30ms"], CROWDED, refused);
        assert!(matches!(&verdict, Verdict::Broken(reasons) if reasons.len() == 2), "{verdict}");
        let late = judged(&[], CROWDED, |tally| tally.fail(Failure::Lost, 7, "closed with 4008"));
        assert_eq!(late.exit_code(), 3);
    }

    #[test]
    fn bots_that_were_busy_made_no_load_to_judge() {
        let busy = Load { bots: 0.97, ..QUIET };
        let Verdict::None(reasons) = judged(&[], busy, |_| {}) else { panic!("who knows") };
        assert!(reasons[0].contains("--threads"), "{reasons:?}");
    }

    #[test]
    fn what_was_not_measured_was_not_held() {
        for (name, wanted) in [
            ("tick_p99=1s", "/metrics"),
            ("feel_jumps=0", "--verify"),
            ("ghosts=0", "--churn"),
            ("join_p99=1s", "nothing"),
        ] {
            let Verdict::None(reasons) = judged(&[name], QUIET, |_| {}) else { panic!("{name}: who knows") };
            assert!(reasons[0].contains(wanted), "{reasons:?}");
        }
    }
}
