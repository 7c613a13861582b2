//! The results of a run as data. `text.rs` prints it, `page.rs` draws it, JSON contains all of it.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::conductor::Seen;
use super::machine::Load;
use super::objective::{Judged, Objective, judge};
use super::outside::ServerFigures;
use super::pilot::Behaviour;
use super::search::Edge;
use super::series::Sample;
use super::swarm::Config;
use super::tally::{AttackOutcomes, Counts, FeelSums, Tally};
use super::verdict::Verdict;
use tickwire::engine::link::Profile;

/// The median, 99th percentile and maximum of a distribution, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quantiles {
    /// The median.
    pub p50_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
    /// The maximum.
    pub max_ms: f64,
    /// The number of values.
    pub count: u64,
}

impl From<&Histogram<u64>> for Quantiles {
    fn from(histogram: &Histogram<u64>) -> Self {
        let ms = |us: u64| us as f64 / 1000.0;
        Self {
            p50_ms: ms(histogram.value_at_quantile(0.5)),
            p99_ms: ms(histogram.value_at_quantile(0.99)),
            max_ms: ms(histogram.max()),
            count: histogram.len(),
        }
    }
}

impl Quantiles {
    /// A figure, if anything was measured.
    pub(super) fn some(&self, figure: impl FnOnce(&Self) -> f64) -> Option<f64> {
        (self.count > 0).then(|| figure(self))
    }
}

/// A point of a distribution: a share, and the value below which that share lies.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Point {
    /// The share, 0 to 1.
    pub share: f64,
    /// The value in milliseconds.
    pub ms: f64,
}

/// The link in front of every bot.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LinkFigures {
    /// The mean round trip.
    pub rtt_ms: f64,
    /// How much longer or shorter the round trip may be.
    pub jitter_ms: f64,
    /// Megabits per second towards the bot; absent: unlimited.
    pub down_mbit: Option<f64>,
    /// Megabits per second towards the server; absent: unlimited.
    pub up_mbit: Option<f64>,
}

impl From<&Profile> for LinkFigures {
    fn from(profile: &Profile) -> Self {
        let Profile { rtt_ms, jitter_ms, down_mbit, up_mbit, .. } = *profile;
        Self { rtt_ms, jitter_ms, down_mbit, up_mbit }
    }
}

/// Bots that left before the end and rejoined.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Churn {
    /// Bots that left with a close frame.
    pub said_farewell: u64,
    /// Bots that dropped their connection.
    pub dropped: u64,
    /// Bots that were admitted again.
    pub came_back: u64,
}

impl Churn {
    fn of(counts: &Counts) -> Self {
        let Counts { said_farewell, dropped, came_back, .. } = *counts;
        Self { said_farewell, dropped, came_back }
    }
}

/// The comparison of recorded positions with the server's.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Follow {
    /// Positions compared.
    pub checked: u64,
    /// Positions that differed by more than half a step.
    pub mismatched: u64,
    /// Corrections by the server.
    pub corrected: u64,
}

/// How the game felt to the bots that rebuild the state, each at 60 rendered frames per second; see
/// [`FeelDigest`](tickwire::engine::FeelDigest).
#[derive(Clone, Copy, Debug, Serialize)]
pub struct FeelFigures {
    /// Digests of at most ten seconds.
    pub digests: u64,
    /// Entities that jumped in a rendered frame.
    pub jumps: u64,
    /// Entities that moved against their way.
    pub moves_back: u64,
    /// How old what was shown of others was: the greatest 99th percentile of a digest.
    pub age_p99_ms: f64,
    /// The longest time without a newer frame to show.
    pub silence_ms: f64,
}

impl FeelFigures {
    fn of(sums: &FeelSums) -> Option<Self> {
        let ms = |span: Duration| span.as_secs_f64() * 1000.0;
        let FeelSums { digests, jumps, moves_back, age_p99, silence } = *sums;
        let figures = Self { digests, jumps, moves_back, age_p99_ms: ms(age_p99), silence_ms: ms(silence) };
        (digests > 0).then_some(figures)
    }
}

/// Failures of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct Offence {
    /// Their number.
    pub count: u64,
    /// A description of the first one.
    pub first: String,
}

/// The results of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether every objective was met. The verdict also considers whether the figures can be trusted.
    pub passed: bool,
    /// The verdict.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The objectives and their outcomes.
    pub objectives: Vec<Judged>,
    /// Failures by label.
    pub failures: BTreeMap<&'static str, Offence>,
    /// The endpoint.
    pub url: String,
    /// The game.
    pub game: String,
    /// The seed.
    pub seed: u64,
    /// Bots that were started.
    pub players: usize,
    /// Bots that were admitted.
    pub joined: u64,
    /// Rooms that the bots were in.
    pub rooms: usize,
    /// Ticks per second of the first room.
    pub rate: Option<u16>,
    /// Duration in seconds, ramp included.
    pub seconds: f64,
    /// From connecting to the welcome.
    pub join: Quantiles,
    /// From making an input to the first frame that covers it.
    pub input_to_state: Quantiles,
    /// Age of frames on arrival, relative to the earliest arrivals of the room.
    pub staleness: Quantiles,
    /// How late the bots' own timers were.
    pub timer_lateness: Quantiles,
    /// Between the last frame before a room moved to another node of a cluster and the first one after.
    pub moves: Quantiles,
    /// How the game felt; absent when no bot saw it for a second.
    pub feel: Option<FeelFigures>,
    /// Frame messages received.
    pub frames: u64,
    /// Ticks that these covered, summed over all bots.
    pub ticks_covered: u64,
    /// Ticks that no frame message covered, summed over all bots.
    pub ticks_uncovered: u64,
    /// Share of frame messages for exactly one tick; the others cover ticks at which nothing was sent.
    pub single_tick_share: f64,
    /// Ticks that rooms skipped because they were late, inferred from the arrivals.
    pub ticks_skipped: u64,
    /// Bots that rebuilt the state and compared hashes.
    pub verified: u64,
    /// Zones whose rebuilt state was wrong.
    pub desyncs: u64,
    /// Keyframes requested because of desyncs.
    pub resyncs: u64,
    /// In a large world: pairs of bots in sight of each other whose views were compared, once per second.
    pub views_compared: u64,
    /// Of those, pairs of which one did not see the other where it was.
    pub views_wrong: u64,
    /// Stays of bots that were to move, lasted a second and saw a row of the bot's own entity.
    pub players_seen: u64,
    /// Of those, stays in which that row moved.
    pub players_moved: u64,
    /// The input fields that no bot ever set to another value than the neutral one.
    pub inputs_undriven: Vec<String>,
    /// Whether the run was ended early.
    pub interrupted: bool,
    /// Inputs that the server dropped unused.
    pub inputs_superseded: u64,
    /// Corrections of bots by the server.
    pub corrections: u64,
    /// Events received.
    pub events: u64,
    /// Events that the server declared lost.
    pub events_lost: u64,
    /// Bytes of frame messages that one bot gets per tick, without WebSocket framing.
    pub message_bytes_per_tick: f64,
    /// Bytes of zone payloads per tick, bot and visible player.
    pub payload_bytes_per_player_tick: f64,
    /// Bytes of frame messages per tick, bot and visible player.
    pub message_bytes_per_player_tick: f64,
    /// Bytes on the wire per second that one bot gets in frame messages; see [`on_the_wire`](tickwire::wire::weight).
    pub down_per_second: f64,
    /// Bytes on the wire per second that one bot sends.
    pub up_per_second: f64,
    /// Messages per second that one bot sends.
    pub said_per_second: f64,
    /// Present only if recordings were followed.
    pub follow: Option<Follow>,
    /// Present only if bots left before the end.
    pub churn: Option<Churn>,
    /// The link in front of every bot, if there was one.
    pub link: Option<LinkFigures>,
    /// Connections that the link's cuts reset.
    pub cuts: u64,
    /// How hostile bots' sessions ended, by attack.
    pub attacks: BTreeMap<&'static str, AttackOutcomes>,
    /// Seats that the list of rooms counted too many at the end; too few if negative; absent if they were not counted.
    pub ghosts: Option<i64>,
    /// Threads that ran the bots.
    pub threads: usize,
    /// Processor use while all bots played; Linux only.
    pub load: Option<Load>,
    /// The server's metrics of the same time.
    pub server: Option<ServerFigures>,
    /// Latency by percentile, for a chart.
    pub latency_curve: Vec<Point>,
    /// Staleness by percentile.
    pub staleness_curve: Vec<Point>,
    /// The samples of each second.
    pub series: Vec<Sample>,
    /// The search for the most bots, if there was one. The other figures are those of the last run that held.
    pub search: Option<Edge>,
}

impl Report {
    pub(super) fn new(config: &Config, tally: &mut Tally, took: Duration, seen: Seen) -> Self {
        tally.settle();
        tally.judge_movement();
        let counts = tally.counts;
        let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        let rate = tally.rooms.values().next().map(|room| room.rate());
        let per_second = rate.map_or(0.0, |rate| f64::from(rate.per_second()));
        let offence = |failed: &super::tally::Failed| Offence { count: failed.count, first: failed.first.clone() };
        let follows = config.players.iter().any(|player| matches!(player, Behaviour::Follow(_)));
        let follow = Follow { checked: counts.checked, mismatched: counts.mismatched, corrected: counts.corrections };
        let mut report = Self {
            passed: false,
            verdict: Verdict::None(vec![]),
            objectives: Vec::new(),
            failures: tally.failures.iter().map(|(failure, failed)| (failure.label(), offence(failed))).collect(),
            url: config.url.clone(),
            game: config.game.clone(),
            seed: config.seed,
            players: config.players.len(),
            joined: counts.joined,
            rooms: tally.rooms.len(),
            rate: rate.map(tickwire::tick::TickRate::per_second),
            seconds: took.as_secs_f64(),
            join: tally.join.whole().into(),
            input_to_state: tally.latency.whole().into(),
            staleness: (&tally.staleness).into(),
            timer_lateness: tally.lateness.whole().into(),
            moves: tally.moves.whole().into(),
            feel: FeelFigures::of(&tally.feel),
            frames: counts.frames,
            ticks_covered: counts.ticks,
            ticks_uncovered: counts.uncovered,
            single_tick_share: share(counts.single, counts.frames),
            ticks_skipped: tally.rooms.values().map(super::room::RoomTally::skipped).sum(),
            verified: counts.verified,
            desyncs: counts.desyncs,
            resyncs: counts.desyncs,
            views_compared: counts.views,
            views_wrong: counts.wrong_views,
            players_seen: counts.seen,
            players_moved: counts.moved,
            inputs_undriven: tally.undriven(),
            interrupted: seen.interrupted,
            inputs_superseded: counts.superseded,
            corrections: counts.corrections,
            events: counts.events,
            events_lost: counts.events_lost,
            message_bytes_per_tick: share(counts.message, counts.ticks),
            payload_bytes_per_player_tick: share(counts.payload, counts.player_ticks),
            message_bytes_per_player_tick: share(counts.message, counts.player_ticks),
            down_per_second: share(counts.down, counts.ticks) * per_second,
            up_per_second: share(counts.up, counts.ticks) * per_second,
            said_per_second: share(counts.said, counts.ticks) * per_second,
            follow: follows.then_some(follow),
            churn: (config.churn > 0.0).then(|| Churn::of(&counts)),
            link: config.profile.as_ref().map(LinkFigures::from),
            cuts: counts.cuts,
            attacks: tally.attacks.clone(),
            ghosts: seen.ghosts,
            threads: config.threads.max(1),
            load: seen.load,
            server: seen.server,
            latency_curve: curve(tally.latency.whole()),
            staleness_curve: curve(&tally.staleness),
            series: seen.series.into_samples(),
            search: None,
        };
        report.objectives = judge(&demands(config), &report);
        report.passed = report.objectives.iter().all(Judged::is_held);
        report.verdict = Verdict::of(&report);
        report
    }

    /// Ticks that the server skipped, from its metrics or else inferred from the arrivals.
    pub fn skipped(&self) -> u64 {
        self.server.map_or(self.ticks_skipped, |server| server.skipped_ticks)
    }

    /// Hostile bots whose session did not end as prescribed.
    pub fn hostile_unexpected(&self) -> u64 {
        self.attacks.values().map(|attacks| attacks.otherwise).sum()
    }

    pub(super) fn failed(&self, label: &str) -> Option<f64> {
        Some(self.failures.get(label).map_or(0, |offence| offence.count) as f64)
    }

    /// A description of the first failure with this label.
    pub(super) fn first(&self, label: &str) -> &str {
        self.failures.get(label).map_or("", |offence| &offence.first)
    }

    /// Why a figure is missing, as far as that is known.
    pub(super) fn why_unknown(&self, name: &str) -> &'static str {
        match name {
            "tick_p99" | "late" if self.server.is_none() => ": the server shows no /metrics",
            "ghosts" => ": the server shows no list of rooms, or nobody came or went (--churn)",
            name if name.starts_with("feel_") => {
                ": no bot that rebuilds the state (--verify) was shown anything for a second"
            }
            _ => ": nothing of the kind happened",
        }
    }
}

/// The given objectives, and those that follow from the configuration.
fn demands(config: &Config) -> Vec<Objective> {
    let none = |name: &str| format!("{name}=0").parse::<Objective>().expect("a known name and a number");
    let mut demands = Vec::new();
    demands.extend((config.churn > 0.0).then(|| none("ghosts")));
    demands.extend((config.hostile > 0.0).then(|| none("hostile")));
    demands.extend_from_slice(&config.objectives);
    demands
}

/// Points of a distribution, denser towards the end.
fn curve(histogram: &Histogram<u64>) -> Vec<Point> {
    /// Each step halves the remaining share.
    const STEPS: u32 = 14;
    let shares = (0..10).map(|tenth| f64::from(tenth) * 0.05);
    let shares = shares.chain((1..=STEPS).map(|step| 1.0 - 0.5_f64.powi(step as i32)));
    if histogram.is_empty() {
        return Vec::new();
    }
    shares.map(|share| Point { share, ms: histogram.value_at_quantile(share) as f64 / 1000.0 }).collect()
}
