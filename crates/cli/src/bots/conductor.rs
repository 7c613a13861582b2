//! Observes a run: starts and ends its phases, takes a sample each second, counts seats at the end.
//!
//! It uses only the server's public endpoints (`outside`). A server that does not offer them costs some figures, not the
//! run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::machine::{Load, Usage};
use super::outside::{Outside, Reading, ServerFigures};
use super::pilot::Behaviour;
use super::series::{Sample, Series};
use super::swarm::{Config, Shared};
use super::tally::Counts;
use super::trust::Trust;
use tickwire::tick::Moment;

/// All readings of one moment.
#[derive(Clone, Debug)]
struct Glance {
    at: Instant,
    usage: Option<Usage>,
    metrics: Option<Reading>,
    counts: Counts,
}

/// The phase of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Bots join.
    Ramp,
    /// All bots play; figures count.
    Play,
    /// Seats are counted before the bots leave.
    Count {
        /// When the count is given up.
        until: Instant,
    },
    /// All bots leave.
    Over,
}

/// Observes a run.
pub struct Conductor<'a> {
    config: &'a Config,
    shared: &'a Arc<Shared>,
    outside: Option<Outside>,
    /// Whether the server has served its metrics.
    shows_metrics: bool,
    phase: Phase,
    begin: Instant,
    end: Option<Instant>,
    began: Glance,
    ended: Option<Glance>,
    last: Glance,
    series: Series,
    /// Players in each room before the run.
    before: BTreeMap<String, usize>,
    ghosts: Option<i64>,
    interrupted: bool,
}

/// What was observed, besides what the bots saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Processor use while figures counted.
    pub load: Option<Load>,
    /// The server's metrics of the same time.
    pub server: Option<ServerFigures>,
    /// The samples of each second.
    pub series: Series,
    /// Seats that the list of rooms counted too many; too few if negative.
    pub ghosts: Option<i64>,
    /// Whether the run was ended early.
    pub interrupted: bool,
}

/// The server's state before the run. Read before the clock starts, because the server may answer slowly.
#[derive(Debug)]
pub struct Before {
    outside: Option<Outside>,
    metrics: Option<Reading>,
    players: BTreeMap<String, usize>,
}

impl Before {
    /// Reads the state of the server at `url`.
    pub fn read(url: &str, trust: &Trust) -> Self {
        let outside = Outside::of(url, trust);
        let metrics = outside.as_ref().and_then(|outside| outside.metrics().ok());
        let players = outside.as_ref().and_then(|outside| outside.players().ok()).unwrap_or_default();
        Self { outside, metrics, players }
    }
}

impl<'a> Conductor<'a> {
    const EVERY: Duration = Duration::from_secs(1);
    /// The list of rooms is up to 250 ms old, and a departure takes a tick; seats of hostile bots stay until their sessions
    /// end.
    const COUNT_WITHIN: Duration = Duration::from_secs(3);

    /// Starts to observe a run that starts now.
    pub fn new(config: &'a Config, shared: &'a Arc<Shared>, before: Before) -> Self {
        let Before { outside, metrics, players } = before;
        let begin = shared.at(Moment(0)) + config.ramp;
        // Followers stop by themselves.
        let follows = config.players.iter().all(|player| matches!(player, Behaviour::Follow(_)));
        let end = (!follows).then_some(begin + config.duration);
        let (usage, counts) = (Usage::now(config.server_pid), Counts::default());
        let began = Glance { at: Instant::now(), usage, metrics, counts };
        let shows_metrics = began.metrics.is_some();
        let (phase, series, ended, ghosts, last) = (Phase::Ramp, Series::default(), None, None, began.clone());
        let before = players;
        let interrupted = false;
        Self {
            config,
            shared,
            outside,
            shows_metrics,
            phase,
            begin,
            end,
            began,
            ended,
            last,
            series,
            before,
            ghosts,
            interrupted,
        }
    }

    /// Does what is due. Call it often.
    pub fn look(&mut self) {
        let now = Instant::now();
        if self.config.stop.load(Ordering::Relaxed) && self.phase != Phase::Over {
            self.interrupt();
        }
        match self.phase {
            Phase::Ramp if now >= self.begin => {
                self.sample();
                self.began = self.last.clone();
                self.shared.tally().begin();
                self.phase = Phase::Play;
            }
            Phase::Play if self.end.is_some_and(|end| now >= end) => {
                self.sample();
                self.ended = Some(self.last.clone());
                self.shared.tally().end();
                self.phase = Phase::Count { until: now + Self::COUNT_WITHIN };
            }
            // Players cannot be counted while hostile bots may have seats.
            Phase::Count { .. } if self.shared.is_attacked() => {
                self.phase = Phase::Count { until: now + Self::COUNT_WITHIN };
            }
            Phase::Count { until } => {
                let done = !self.counts_seats() || self.count_seats() == Some(0) || now >= until;
                self.phase = if done { Phase::Over } else { self.phase };
            }
            Phase::Over => self.shared.finish(),
            _ if now.duration_since(self.last.at) >= Self::EVERY => self.sample(),
            _ => {}
        }
    }

    /// Ends the run now. Figures count if the bots had all joined.
    fn interrupt(&mut self) {
        self.sample();
        if self.phase == Phase::Play {
            self.ended = Some(self.last.clone());
            self.shared.tally().end();
        }
        (self.phase, self.interrupted) = (Phase::Over, true);
        self.shared.interrupt();
    }

    /// Returns what was observed.
    pub fn end(mut self) -> Seen {
        let ended = self.ended.take().unwrap_or_else(|| self.glance());
        let seconds = ended.at.duration_since(self.began.at).as_secs_f64();
        let (load, server) = between(&self.began, &ended, seconds, self.is_here());
        Seen { load, server, series: self.series, ghosts: self.ghosts, interrupted: self.interrupted }
    }

    fn is_here(&self) -> bool {
        self.outside.as_ref().is_some_and(Outside::is_here)
    }

    /// Whether bots came or went in a way that may leave a seat behind.
    fn counts_seats(&self) -> bool {
        self.config.churn > 0.0 || self.config.hostile > 0.0
    }

    fn count_seats(&mut self) -> Option<i64> {
        let listed = self.outside.as_ref()?.players().ok()?;
        let tally = self.shared.tally();
        let count = |rooms: &BTreeMap<String, usize>| -> i64 {
            let ours = rooms.iter().filter(|(id, _)| tally.rooms.contains_key(*id));
            ours.map(|(_, players)| *players as i64).sum()
        };
        self.ghosts = Some(count(&listed) - count(&self.before) - tally.counts.live as i64);
        self.ghosts
    }

    fn glance(&mut self) -> Glance {
        // A server that has not served its metrics is not asked for them each second.
        let outside = self.outside.as_ref().filter(|_| self.shows_metrics);
        let metrics = outside.and_then(|outside| outside.metrics().ok());
        // If the server is too busy to answer, the last reading is used.
        let metrics = metrics.or_else(|| self.last.metrics.clone());
        let (usage, counts) = (Usage::now(self.config.server_pid), self.shared.tally().counts);
        Glance { at: Instant::now(), usage, metrics, counts }
    }

    fn sample(&mut self) {
        let glance = self.glance();
        let (last, shared) = (std::mem::replace(&mut self.last, glance), self.shared);
        let seconds = self.last.at.duration_since(last.at).as_secs_f64();
        let (load, server) = between(&last, &self.last, seconds, self.is_here());
        let at = self.last.at.duration_since(shared.at(Moment(0))).as_secs_f64();
        let mut tally = shared.tally();
        let (now, then) = (&self.last.counts, &last.counts);
        let each = |bytes: u64| if now.live == 0 { 0.0 } else { bytes as f64 / seconds / now.live as f64 };
        self.series.push(Sample {
            at,
            live: now.live,
            latency_counts: tally.latency.counts(),
            latency: tally.latency.cut(),
            lateness: tally.lateness.cut(),
            down_per_second: each(now.down - then.down),
            up_per_second: each(now.up - then.up),
            failures: tally.failed(),
            load,
            server,
        });
    }
}

/// The figures between two readings. `is_here`: the server runs on this machine.
fn between(then: &Glance, now: &Glance, seconds: f64, is_here: bool) -> (Option<Load>, Option<ServerFigures>) {
    let mut load = now.usage.zip(then.usage).map(|(now, then)| now.since(&then, seconds));
    let told = |glance: &Glance| glance.metrics.as_ref().and_then(Reading::cpu_seconds);
    if let (Some(load), Some(now), Some(then)) = (&mut load, told(now), told(then))
        && load.server.is_none()
        && seconds > 0.0
    {
        load.found_server((now - then).max(0.0) / seconds, is_here);
    }
    let server = now.metrics.as_ref().zip(then.metrics.as_ref()).map(|(now, then)| now.since(then, seconds));
    (load, server)
}
