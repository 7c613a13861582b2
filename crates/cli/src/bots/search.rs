//! Finds how many bots a server holds: doubles their number until an objective breaks, then bisects.
//!
//! It knows nothing of sockets: the caller plays a run for each number and returns its report.

use std::fmt;
use std::io;

use serde::Serialize;

use super::machine::free_descriptors;
use super::report::Report;
use super::verdict::Verdict;

/// The range of a search.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// The first number to try.
    pub from: u32,
    /// The largest number to try.
    pub most: u32,
}

/// One number that was tried.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// The number of bots.
    pub players: u32,
    /// The verdict of the run.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The 99th percentile of the time from input to state.
    pub latency_p99_ms: f64,
    /// The 99th percentile of the age of states on arrival.
    pub staleness_p99_ms: f64,
    /// The 99th percentile of the server's tick duration.
    pub tick_p99_ms: Option<f64>,
    /// Share of a core that the server used.
    pub server_cpu: Option<f64>,
    /// Share of a core that the bots used.
    pub bots_cpu: Option<f64>,
}

/// The result of a search.
#[derive(Clone, Debug, Serialize)]
pub struct Edge {
    /// The most bots for which all objectives were met.
    pub held: Option<u32>,
    /// The fewest bots for which an objective was broken or there was no verdict.
    pub broke: Option<u32>,
    /// A description of what ended the search.
    pub ended_by: String,
    /// Whether the server ended the search. If not, it may hold more.
    pub conclusive: bool,
    /// All numbers tried, in order.
    pub steps: Vec<Step>,
}

impl Search {
    /// The search stops when two numbers differ by less than this share of the larger one.
    const RESOLUTION: f64 = 0.05;

    /// A search from `from` up to `most`, limited by the number of sockets that this process may open.
    pub fn new(from: u32, most: u32) -> Self {
        /// Descriptors for the runtime, the report and queries to the server.
        const OTHERS: u64 = 64;
        let free = free_descriptors().map_or(u64::MAX, |free| free.saturating_sub(OTHERS));
        let most = most.min(u32::try_from(free).unwrap_or(u32::MAX)).max(1);
        Self { from: from.clamp(1, most), most }
    }

    fn next(&self, held: Option<u32>, broke: Option<u32>) -> Option<u32> {
        match (held, broke) {
            (None, None) => Some(self.from),
            (Some(held), None) => (held < self.most).then(|| held.saturating_mul(2).min(self.most)),
            (None, Some(broke)) => (broke > 1).then_some(broke / 2),
            (Some(held), Some(broke)) => {
                let near = (f64::from(broke) * Self::RESOLUTION).max(1.0);
                (f64::from(broke - held) > near).then_some(held + (broke - held) / 2)
            }
        }
    }
}

/// Runs the search. Returns the report of the largest number that held, or of the smallest that did not, with the search
/// and its verdict: held if the limit was found and the server was what limited it.
///
/// # Errors
/// Those of `play`.
pub fn find_max(
    search: Search,
    mut play: impl FnMut(u32) -> io::Result<Report>,
    mut on_step: impl FnMut(&Step),
) -> io::Result<Report> {
    let (mut steps, mut held, mut broke) = (Vec::new(), None::<(u32, Report)>, None::<(u32, Report)>);
    let number = |found: &Option<(u32, Report)>| found.as_ref().map(|(players, _)| *players);
    while let Some(players) = search.next(number(&held), number(&broke)) {
        let mut try_it = || {
            let report = play(players)?;
            let step = Step::new(players, &report);
            on_step(&step);
            steps.push(step);
            Ok::<_, io::Error>(report)
        };
        let mut report = try_it()?;
        // A momentary disturbance of the machine rarely happens twice, so such a run is repeated. A desync is not repeated.
        let hiccup = report.objectives.iter().all(|judged| judged.is_held() || judged.timed);
        if report.verdict != Verdict::Held && hiccup && !report.interrupted {
            report = try_it()?;
        }
        let (is_held, is_known) = (report.verdict == Verdict::Held, !matches!(report.verdict, Verdict::None(_)));
        let found = if is_held { &mut held } else { &mut broke };
        *found = Some((players, report));
        // If the bots or the machine are the limit, searching closer would find their limit and not the server's.
        if !is_known {
            break;
        }
    }
    let (held_at, broke_at) = (number(&held), number(&broke));
    let (ended_by, conclusive) = match broke.as_ref().map(|(_, report)| &report.verdict) {
        Some(Verdict::Broken(reasons)) => (reasons.join("; "), true),
        Some(Verdict::None(reasons)) => (format!("that was not the server: {}", reasons.join("; ")), false),
        _ => (format!("more than {} bots are not tried (--most-players, or open files)", search.most), false),
    };
    let verdict = match (held_at, conclusive) {
        (Some(_), true) => Verdict::Held,
        (None, true) => Verdict::Broken(vec![ended_by.clone()]),
        (_, false) => Verdict::None(vec![ended_by.clone()]),
    };
    let (_, report) = held.or(broke).ok_or_else(|| io::Error::other("nothing was tried"))?;
    let edge = Edge { held: held_at, broke: broke_at, ended_by, conclusive, steps };
    Ok(Report { search: Some(edge), verdict, ..report })
}

impl Step {
    fn new(players: u32, report: &Report) -> Self {
        Self {
            players,
            verdict: report.verdict.clone(),
            latency_p99_ms: report.input_to_state.p99_ms,
            staleness_p99_ms: report.staleness.p99_ms,
            tick_p99_ms: report.server.and_then(|server| server.tick_p99_ms),
            server_cpu: report.load.and_then(|load| load.server),
            bots_cpu: report.load.map(|load| load.bots),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { players, latency_p99_ms, staleness_p99_ms, verdict, .. } = self;
        write!(f, "{players:>6} bots  latency p99 {latency_p99_ms:7.1} ms  staleness p99 {staleness_p99_ms:7.1} ms")?;
        let percent =
            |share: Option<f64>| share.map_or_else(|| "  ?".to_owned(), |share| format!("{:3.0}", 100.0 * share));
        write!(f, "  cpu {} % server, {} % bots  ", percent(self.server_cpu), percent(self.bots_cpu))?;
        match verdict {
            Verdict::Held => write!(f, "held"),
            Verdict::Broken(reasons) | Verdict::None(reasons) => write!(f, "{}", reasons.join("; ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::conductor::Seen;
    use super::super::machine::Load;
    use super::super::pilot::Behaviour;
    use super::super::swarm::Config;
    use super::super::tally::{Failure, Tally};
    use super::*;

    fn tried(search: Search, holds: impl Fn(u32) -> bool) -> (Vec<u32>, Option<u32>, Option<u32>) {
        let (mut tried, mut held, mut broke) = (Vec::new(), None, None);
        while let Some(players) = search.next(held, broke) {
            tried.push(players);
            if holds(players) {
                held = Some(players)
            } else {
                broke = Some(players)
            }
            assert!(tried.len() < 40);
        }
        (tried, held, broke)
    }

    #[test]
    fn the_edge_is_found_from_either_side() {
        for edge in [1, 2, 7, 49, 50, 51, 333, 1000, 4999] {
            let (numbers, held, broke) = tried(Search { from: 50, most: 5000 }, |players| players <= edge);
            let (held, broke) = (held.expect("one is held"), broke.expect("the most are not"));
            assert!(held <= edge && edge < broke, "{held} to {broke} for {edge}");
            assert!(broke - held <= (broke / 20).max(1) && numbers.len() <= 16, "{numbers:?}");
        }
    }

    #[test]
    fn the_search_ends_at_its_bounds() {
        assert_eq!(tried(Search { from: 50, most: 120 }, |_| true), (vec![50, 100, 120], Some(120), None));
        assert_eq!(tried(Search { from: 4, most: 120 }, |_| false), (vec![4, 2, 1], None, Some(1)));
        assert_eq!(Search::new(50, 10).from, 10);
    }

    /// A run of `players` bots, of which those beyond `seats` are refused, on a machine that `others` use as well.
    fn played(players: u32, seats: u32, others: f64) -> Report {
        let objectives = vec!["latency_p99=30ms".parse().expect("a good objective")];
        let config = Config { objectives, players: vec![Behaviour::Idle; players as usize], ..Config::default() };
        let mut tally = Tally::new();
        tally.latency.record(Duration::from_millis(if others > 0.5 { 40 } else { 20 }));
        (seats..players).for_each(|bot| tally.fail(Failure::Refused, bot, "full"));
        let load = Load { bots: 0.1, server: Some(0.1), cores: 2.0, others, idle: 0.0, steal: 0.0 };
        Report::new(&config, &mut tally, Duration::from_secs(1), Seen { load: Some(load), ..Seen::default() })
    }

    #[test]
    fn what_is_certain_is_tried_once_and_what_may_be_a_hiccup_twice() {
        let search = Search { from: 4, most: 100 };
        let mut hiccup = true;
        let play = |players| Ok(played(players, 13, if std::mem::take(&mut hiccup) { 0.9 } else { 0.0 }));
        let report = find_max(search, play, |_| {}).expect("nothing fails");
        let edge = report.search.expect("it searched");
        let tried: Vec<u32> = edge.steps.iter().map(|step| step.players).collect();
        assert_eq!(tried, [4, 4, 8, 16, 12, 14, 13]);
        assert_eq!((edge.held, edge.broke, edge.conclusive), (Some(13), Some(14), true));
        assert_eq!((report.verdict, report.players), (Verdict::Held, 13));
    }

    #[test]
    fn a_machine_at_its_end_ends_the_search_without_a_verdict() {
        let play = |players| Ok(played(players, 1000, if players > 20 { 0.9 } else { 0.0 }));
        let report = find_max(Search { from: 10, most: 1000 }, play, |_| {}).expect("nothing fails");
        let edge = report.search.as_ref().expect("it searched");
        assert_eq!((edge.held, edge.broke, edge.conclusive, edge.steps.len()), (Some(20), Some(40), false, 4));
        assert_eq!(report.verdict.exit_code(), 3);
        assert!(edge.ended_by.contains("not the server") && edge.to_string().contains("40 gave no verdict"));
        let none = find_max(Search { from: 2, most: 9 }, |players| Ok(played(players, 0, 0.0)), |_| {});
        assert_eq!(none.expect("nothing fails").verdict.exit_code(), 1);
    }
}
