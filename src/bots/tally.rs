//! What all bots of a swarm saw, added up while they play. Bounded: histograms and counters, no lists.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::room::RoomTally;
use crate::engine::Arrived;
use crate::tick::{Moment, Tick, TickRate};
use crate::wire::weight::on_the_wire;

/// What can go wrong for a bot. Each one fails the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// No connection, or closed before the welcome.
    JoinRefused,
    /// The connection ended while the bot played.
    Disconnected,
    /// Bytes that are no message, or a message at the wrong time.
    Protocol,
    /// A zone's rebuilt state was not the server's.
    Desync,
    /// Ticks that the room published and the bot was never brought to.
    Uncovered,
    /// A recorded position came back as another one.
    Mismatch,
    /// The server moved a bot that follows a recording.
    Corrected,
    /// A recording that was not consumed to its end.
    Unfinished,
}

impl Failure {
    /// Its name in reports.
    pub fn label(self) -> &'static str {
        match self {
            Self::JoinRefused => "join_refused",
            Self::Disconnected => "disconnected",
            Self::Protocol => "protocol",
            Self::Desync => "desync",
            Self::Uncovered => "uncovered",
            Self::Mismatch => "mismatch",
            Self::Corrected => "corrected",
            Self::Unfinished => "unfinished",
        }
    }
}

/// What went wrong how often.
#[derive(Clone, Debug, Default)]
pub struct Failed {
    /// How often.
    pub count: u64,
    /// The first time, in words.
    pub first: String,
}

/// Sums over all bots.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Bots that were let in.
    pub joined: u64,
    /// Of those, bots that rebuilt the state.
    pub verified: u64,
    /// Bots that are through.
    pub finished: u64,
    /// Frame messages.
    pub frames: u64,
    /// Of those, messages for exactly one tick.
    pub single: u64,
    /// Ticks that frame messages covered.
    pub ticks: u64,
    /// Ticks that bots were never brought to.
    pub uncovered: u64,
    /// Of each tick covered, the players that the bot saw, summed up.
    pub player_ticks: u64,
    /// Bytes of zone payloads.
    pub payload: u64,
    /// Bytes of frame messages.
    pub message: u64,
    /// The same on the wire.
    pub down: u64,
    /// Bytes of what the bots said once they played, on the wire.
    pub up: u64,
    /// How often they said something.
    pub said: u64,
    /// Inputs that the server dropped unused.
    pub superseded: u64,
    /// Server-side moves.
    pub corrections: u64,
    /// Events.
    pub events: u64,
    /// Events lost for good.
    pub events_lost: u64,
    /// Zones whose state was wrong; for each a keyframe was asked for.
    pub desyncs: u64,
    /// Recorded positions compared with the own row.
    pub checked: u64,
    /// Of those, positions that differed.
    pub mismatched: u64,
}

/// The sums of a run.
#[derive(Debug)]
pub struct Tally {
    /// Counters.
    pub counts: Counts,
    /// From connecting to the welcome, in microseconds; as all of these.
    pub join: Histogram<u64>,
    /// From making an input to the first frame that covers it.
    pub latency: Histogram<u64>,
    /// Age of frames on arrival.
    pub staleness: Histogram<u64>,
    /// How late the bots' own timers were.
    pub lateness: Histogram<u64>,
    /// By room id.
    pub rooms: BTreeMap<String, RoomTally>,
    /// What went wrong.
    pub failures: BTreeMap<Failure, Failed>,
}

impl Tally {
    /// Nothing seen yet.
    pub fn new() -> Self {
        // A minute is more than anything here may take; beyond, the histograms saturate.
        let histogram = || Histogram::new_with_bounds(1, 60_000_000, 3).expect("1 to a minute at 3 digits is valid");
        Self {
            counts: Counts::default(),
            join: histogram(),
            latency: histogram(),
            staleness: histogram(),
            lateness: histogram(),
            rooms: BTreeMap::new(),
            failures: BTreeMap::new(),
        }
    }

    /// A bot was let in.
    pub fn joined(&mut self, room: &str, rate: TickRate, tick: Tick, now: Moment, took: Duration) {
        self.counts.joined += 1;
        record(&mut self.join, took);
        if !self.rooms.contains_key(room) {
            self.rooms.insert(room.to_owned(), RoomTally::new(rate, tick, now));
        }
    }

    /// A frame message of `bytes` arrived.
    pub fn arrived(&mut self, room: &str, now: Moment, arrived: &Arrived, bytes: usize) {
        let counts = &mut self.counts;
        counts.frames += 1;
        counts.single += u64::from(arrived.advance == 1);
        counts.ticks += u64::from(arrived.advance);
        counts.player_ticks += u64::from(arrived.advance) * u64::from(arrived.players);
        counts.payload += arrived.payload as u64;
        counts.message += bytes as u64;
        counts.down += on_the_wire(bytes, false) as u64;
        counts.superseded += u64::from(arrived.superseded);
        counts.corrections += u64::from(arrived.correction.is_some());
        counts.events += arrived.events.len() as u64;
        counts.events_lost += u64::from(arrived.lost);
        counts.desyncs += u64::from(arrived.desyncs);
        if let Some(room) = self.rooms.get_mut(room) {
            room.arrived(now, arrived.tick, &mut self.staleness);
        }
    }

    /// A bot said something in `bytes`.
    pub fn said(&mut self, bytes: usize) {
        self.counts.said += 1;
        self.counts.up += on_the_wire(bytes, true) as u64;
    }

    /// Something went wrong.
    pub fn fail(&mut self, failure: Failure, bot: u32, text: &str) {
        let failed = self.failures.entry(failure).or_default();
        if failed.count == 0 {
            failed.first = format!("bot {bot}: {text}");
        }
        failed.count += 1;
    }

    /// A bot is through: at `tick`, and without a frame for `silent`. Ticks that its room published long ago, or must
    /// have, and that it never got are uncovered.
    pub fn finished(&mut self, bot: u32, room: &str, tick: Tick, silent: Duration) {
        /// What the last second brought may still be under way.
        const RECENT: Duration = Duration::from_secs(1);
        self.counts.finished += 1;
        let Some(room) = self.rooms.get(room) else { return };
        let recent = room.rate().ticks_in(RECENT);
        let missed = if silent > RECENT { room.rate().ticks_in(silent) } else { 0 };
        let behind = room.ahead_of(tick).max(missed);
        if behind > recent {
            self.counts.uncovered += u64::from(behind);
            let text =
                format!("ended {behind} ticks behind its room, after {:.1} s without a frame", silent.as_secs_f64());
            self.fail(Failure::Uncovered, bot, &text);
        }
    }

    /// Judges what is left.
    pub fn settle(&mut self) {
        for room in self.rooms.values_mut() {
            room.settle(&mut self.staleness);
        }
    }
}

/// Records a duration in microseconds.
pub fn record(histogram: &mut Histogram<u64>, took: Duration) {
    histogram.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
}
