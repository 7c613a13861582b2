//! What came of a run: every figure as data for JSON, the same as a page of text, and the verdict.
//!
//! Figures of time are worth nothing when the bots themselves were too slow, so the report says so instead of judging.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::machine::{PER_SECOND, Usage};
use super::pilot::Behaviour;
use super::swarm::Config;
use super::tally::Tally;

/// The middle and the end of a distribution, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quantiles {
    /// Half of all were below.
    pub p50_ms: f64,
    /// 99 of 100 were below.
    pub p99_ms: f64,
    /// The largest.
    pub max_ms: f64,
    /// How many there were.
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

/// How recorded positions came back.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Follow {
    /// Positions compared.
    pub checked: u64,
    /// Positions that differed by more than half a step.
    pub mismatched: u64,
    /// Server-side moves.
    pub corrected: u64,
}

/// Something that went wrong.
#[derive(Clone, Debug, Serialize)]
pub struct Offence {
    /// How often.
    pub count: u64,
    /// The first time, in words.
    pub first: String,
}

/// What came of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether nothing went wrong.
    pub passed: bool,
    /// Whether the bots kept up; if not, the figures of time say nothing about the server.
    pub bots_kept_up: bool,
    /// What went wrong, by label.
    pub failures: BTreeMap<&'static str, Offence>,
    /// The endpoint.
    pub url: String,
    /// The game.
    pub game: String,
    /// The seed.
    pub seed: u64,
    /// Bots that were started.
    pub players: usize,
    /// Bots that were let in.
    pub joined: u64,
    /// Rooms they were in.
    pub rooms: usize,
    /// Ticks per second, of the first room.
    pub rate: Option<u16>,
    /// How long it took, ramp included.
    pub seconds: f64,
    /// From connecting to the welcome.
    pub join: Quantiles,
    /// From making an input to the first frame that covers it.
    pub input_to_state: Quantiles,
    /// Age of frames on arrival, against the earliest arrivals of the room.
    pub staleness: Quantiles,
    /// How late the bots' own timers were.
    pub timer_lateness: Quantiles,
    /// Frame messages.
    pub frames: u64,
    /// Ticks that those covered, over all bots.
    pub ticks_covered: u64,
    /// Ticks that bots were never brought to.
    pub ticks_uncovered: u64,
    /// Share of frame messages for exactly one tick; the others made up for ticks at which nothing was sent.
    pub single_tick_share: f64,
    /// Ticks that rooms left out because they were late, as inferred from the arrivals.
    pub ticks_skipped: u64,
    /// Bots that rebuilt the state and compared hashes.
    pub verified: u64,
    /// Zones whose state was wrong.
    pub desyncs: u64,
    /// Keyframes asked for because of that.
    pub resyncs: u64,
    /// Inputs that the server dropped unused.
    pub inputs_superseded: u64,
    /// Server-side moves of bots.
    pub corrections: u64,
    /// Events that arrived.
    pub events: u64,
    /// Events that the server declared lost.
    pub events_lost: u64,
    /// Bytes of frame messages that one bot gets per tick, without WebSocket framing.
    pub message_bytes_per_tick: f64,
    /// Bytes of zone payloads that a player costs each bot who sees them, per tick.
    pub payload_bytes_per_player_tick: f64,
    /// Bytes of frame messages likewise.
    pub message_bytes_per_player_tick: f64,
    /// Bytes on the wire per second that one bot gets in frame messages; see [`on_the_wire`](crate::wire::weight).
    pub down_per_second: f64,
    /// Bytes on the wire per second that one bot sends.
    pub up_per_second: f64,
    /// Messages per second that one bot sends.
    pub said_per_second: f64,
    /// Only when recordings were followed.
    pub follow: Option<Follow>,
    /// Processor time of the bots' process, as a share of one core; Linux only.
    pub bots_cpu: Option<f64>,
    /// Share of the machine's processor time that a hypervisor took; Linux only.
    pub steal: Option<f64>,
}

impl Report {
    pub(super) fn new(config: &Config, tally: &mut Tally, took: Duration, usage: Option<(Usage, Usage)>) -> Self {
        tally.settle();
        let counts = tally.counts;
        let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        let rate = tally.rooms.values().next().map(|room| room.rate());
        let lateness = Quantiles::from(&tally.lateness);
        let cpu = usage.map(|(from, to)| (to.own - from.own) as f64 / PER_SECOND / took.as_secs_f64());
        let stolen = usage.map(|(from, to)| share(to.stolen.saturating_sub(from.stolen), to.total - from.total));
        let quarter_ms = rate.map_or(f64::MAX, |rate| rate.period().as_secs_f64() * 250.0);
        let busy = cpu.is_some_and(|cpu| cpu > 0.9 * config.threads.max(1) as f64);
        let per_second = rate.map_or(0.0, |rate| f64::from(rate.per_second()));
        let offence = |failed: &super::tally::Failed| Offence { count: failed.count, first: failed.first.clone() };
        let follows = config.players.iter().any(|player| matches!(player, Behaviour::Follow(_)));
        let follow = Follow { checked: counts.checked, mismatched: counts.mismatched, corrected: counts.corrections };
        Self {
            passed: tally.failures.is_empty(),
            bots_kept_up: !busy && lateness.p99_ms <= quarter_ms,
            failures: tally.failures.iter().map(|(failure, failed)| (failure.label(), offence(failed))).collect(),
            url: config.url.clone(),
            game: config.game.clone(),
            seed: config.seed,
            players: config.players.len(),
            joined: counts.joined,
            rooms: tally.rooms.len(),
            rate: rate.map(crate::tick::TickRate::per_second),
            seconds: took.as_secs_f64(),
            join: (&tally.join).into(),
            input_to_state: (&tally.latency).into(),
            staleness: (&tally.staleness).into(),
            timer_lateness: lateness,
            frames: counts.frames,
            ticks_covered: counts.ticks,
            ticks_uncovered: counts.uncovered,
            single_tick_share: share(counts.single, counts.frames),
            ticks_skipped: tally.rooms.values().map(super::room::RoomTally::skipped).sum(),
            verified: counts.verified,
            desyncs: counts.desyncs,
            resyncs: counts.desyncs,
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
            bots_cpu: cpu,
            steal: stolen,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { players, joined, rooms, game, seconds, .. } = self;
        let rate = self.rate.map_or_else(|| "?".to_owned(), |rate| rate.to_string());
        writeln!(f, "{joined} of {players} bots in {rooms} rooms of {game}, {rate} ticks/s, {seconds:.1} s")?;
        let rows = [
            ("join", &self.join),
            ("input to state", &self.input_to_state),
            ("staleness", &self.staleness),
            ("bots' timers late", &self.timer_lateness),
        ];
        for (label, Quantiles { p50_ms, p99_ms, max_ms, count }) in rows {
            writeln!(f, "{label:<18} p50 {p50_ms:7.2} ms  p99 {p99_ms:7.2} ms  max {max_ms:7.2} ms  of {count}")?;
        }
        let single = 100.0 * self.single_tick_share;
        let Self { ticks_covered, ticks_uncovered, ticks_skipped, verified, desyncs, .. } = self;
        write!(f, "{:<18} {ticks_covered} covered, {ticks_uncovered} missing, {single:.2} % one by one, ", "ticks")?;
        writeln!(f, "{ticks_skipped} skipped by the server")?;
        write!(f, "{:<18} {verified} bots compared hashes, {desyncs} desyncs, ", "state")?;
        let Self { corrections, inputs_superseded, events, events_lost, .. } = self;
        writeln!(f, "{corrections} corrections, {inputs_superseded} inputs superseded")?;
        writeln!(f, "{:<18} {events} arrived, {events_lost} lost", "events")?;
        let (payload, message) = (self.payload_bytes_per_player_tick, self.message_bytes_per_player_tick);
        write!(f, "{:<18} per player seen and tick: payload {payload:.2}, message {message:.2}; ", "bytes")?;
        writeln!(f, "{:.0} per bot and tick", self.message_bytes_per_tick)?;
        let Self { down_per_second, up_per_second, said_per_second, .. } = self;
        write!(f, "{:<18} per bot and second: down {down_per_second:.0} B, up {up_per_second:.0} B ", "on the wire")?;
        writeln!(f, "in {said_per_second:.1} messages")?;
        if let Some(Follow { checked, mismatched, corrected }) = self.follow {
            writeln!(f, "{:<18} {checked} positions checked, {mismatched} differ, {corrected} corrected", "follow")?;
        }
        if let (Some(cpu), Some(steal)) = (self.bots_cpu, self.steal) {
            let (cpu, steal) = (100.0 * cpu, 100.0 * steal);
            writeln!(f, "{:<18} bots used {cpu:.0} % of a core, steal {steal:.1} %", "machine")?;
        }
        if !self.bots_kept_up {
            writeln!(f, "The bots did not keep up: the figures of time say nothing about the server.")?;
        }
        for (label, Offence { count, first }) in &self.failures {
            writeln!(f, "FAILED: {label}, {count} times, first {first}")?;
        }
        write!(f, "{}", if self.passed { "passed" } else { "failed" })
    }
}
