//! The sums over all bots of a swarm, added up while they play. Bounded: histograms and counters, no lists.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::hostile::Attack;
use super::room::RoomTally;
use super::schedule::Manner;
use super::series::{Times, histogram};
use tickwire::engine::link::Profile;
use tickwire::engine::{Arrived, FeelDigest};
use tickwire::tick::{Moment, Tick};
use tickwire::wire::Welcome;
use tickwire::wire::weight::on_the_wire;

/// A failure of a bot. Each one fails the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// No connection, or closed before the welcome.
    Refused,
    /// The connection ended while the bot played.
    Lost,
    /// Bytes that are no message, or a message at the wrong time.
    Protocol,
    /// The rebuilt state of a zone differs from the server's.
    Desync,
    /// The room published ticks that no message to the bot covered.
    Uncovered,
    /// The server's position of a following bot differs from the recorded one by more than half a step.
    Mismatch,
    /// The server corrected a bot that follows a recording.
    Corrected,
    /// A recording was not consumed to its end.
    Unfinished,
    /// In a large world, a bot did not see another one that was in its sight, or saw it somewhere else.
    WrongView,
    /// A pilot of the game's own asked for something that the game or the session does not admit.
    Pilot,
    /// Of all bots that rebuilt the state, the entity of none moved.
    NobodyMoved,
}

impl Failure {
    /// The failure's name in reports.
    pub fn label(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Lost => "lost",
            Self::Protocol => "protocol",
            Self::Desync => "desync",
            Self::Uncovered => "uncovered",
            Self::Mismatch => "mismatch",
            Self::Corrected => "corrected",
            Self::Unfinished => "unfinished",
            Self::WrongView => "wrong_view",
            Self::Pilot => "pilot",
            Self::NobodyMoved => "nobody_moved",
        }
    }
}

/// Failures of one kind.
#[derive(Clone, Debug, Default)]
pub struct Failed {
    /// Their number.
    pub count: u64,
    /// A description of the first one.
    pub first: String,
}

/// Sums over all bots.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Bots that were admitted.
    pub joined: u64,
    /// Of those, bots that rebuilt the state.
    pub verified: u64,
    /// Bots that were admitted again after they left.
    pub came_back: u64,
    /// Bots in a room now.
    pub live: u64,
    /// Bots that left before the end with a close frame.
    pub said_farewell: u64,
    /// Bots that dropped their connection before the end.
    pub dropped: u64,
    /// Connections that a link's cut reset.
    pub cuts: u64,
    /// Frame messages.
    pub frames: u64,
    /// Of those, messages for exactly one tick.
    pub single: u64,
    /// Ticks that frame messages covered.
    pub ticks: u64,
    /// Ticks that no frame message covered.
    pub uncovered: u64,
    /// The number of players that the bot saw at each covered tick, summed up.
    pub player_ticks: u64,
    /// Bytes of zone payloads.
    pub payload: u64,
    /// Bytes of frame messages.
    pub message: u64,
    /// Bytes of frame messages on the wire.
    pub down: u64,
    /// Bytes on the wire that the bots sent after joining.
    pub up: u64,
    /// Messages that the bots sent after joining.
    pub said: u64,
    /// Inputs that the server dropped unused.
    pub superseded: u64,
    /// Corrections by the server.
    pub corrections: u64,
    /// Events received.
    pub events: u64,
    /// Events that the server declared lost.
    pub events_lost: u64,
    /// Zones whose state was wrong; a keyframe was requested for each.
    pub desyncs: u64,
    /// Pairs of bots in sight of each other in a large world, whose views were compared.
    pub views: u64,
    /// Of those, pairs of which one did not see the other where it was.
    pub wrong_views: u64,
    /// Stays of bots that were to move, lasted a second and saw a row of the bot's own entity.
    pub seen: u64,
    /// Of those, stays in which that row moved.
    pub moved: u64,
    /// Recorded positions compared with the own row.
    pub checked: u64,
    /// Of those, positions that differed.
    pub mismatched: u64,
}

impl Counts {
    /// Counts a bot that leaves before the end.
    pub fn count_leaving(&mut self, manner: Manner) {
        match manner {
            Manner::Graceful => self.said_farewell += 1,
            Manner::Abrupt => self.dropped += 1,
        }
    }
}

/// How attacks of one kind ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AttackOutcomes {
    /// The close code that the protocol prescribes.
    pub expected: u16,
    /// The number of attacks that ended with it.
    pub as_expected: u64,
    /// The number of attacks that ended otherwise.
    pub otherwise: u64,
    /// A description of the first one that ended otherwise.
    pub first: Option<String>,
}

/// The sums of a run.
#[derive(Debug)]
pub struct Tally {
    /// Counters.
    pub counts: Counts,
    /// From connecting to the welcome.
    pub join: Times,
    /// From making an input to the first frame that covers it.
    pub latency: Times,
    /// How late the bots' own timers were.
    pub lateness: Times,
    /// Between the last frame before a room moved to another node and the first one after.
    pub moves: Times,
    /// Age of frames on arrival, in microseconds.
    pub staleness: Histogram<u64>,
    /// How attacks ended, by kind.
    pub attacks: BTreeMap<&'static str, AttackOutcomes>,
    /// Rooms by id.
    pub rooms: BTreeMap<String, RoomTally>,
    /// Failures by kind.
    pub failures: BTreeMap<Failure, Failed>,
    /// The names of the game's input fields.
    pub inputs: Vec<String>,
    /// One bit per input field: whether a bot set it to another value than the neutral one.
    pub driven: u8,
    /// How the game felt to the bots that rebuild the state.
    pub feel: FeelSums,
    /// How often the measuring has begun anew.
    pub begun: u32,
    /// Whether later times are ignored.
    closed: bool,
}

/// Digests of several bots, added up.
#[derive(Clone, Copy, Debug, Default)]
pub struct FeelSums {
    /// Their number.
    pub digests: u64,
    /// Entities that jumped in a rendered frame.
    pub jumps: u64,
    /// Entities that moved against their way.
    pub moves_back: u64,
    /// The greatest age of what was shown of others, 99th percentile of a digest.
    pub age_p99: Duration,
    /// The longest time without a newer frame to show.
    pub silence: Duration,
}

impl FeelSums {
    /// Adds a digest.
    pub fn add(&mut self, digest: &FeelDigest) {
        self.digests += 1;
        self.jumps += u64::from(digest.jumps);
        self.moves_back += u64::from(digest.moves_back);
        self.age_p99 = self.age_p99.max(digest.age_p99);
        self.silence = self.silence.max(digest.silence);
    }
}

impl Tally {
    /// A tally without any figures.
    pub fn new() -> Self {
        Self {
            counts: Counts::default(),
            join: Times::default(),
            latency: Times::default(),
            lateness: Times::default(),
            moves: Times::default(),
            staleness: histogram(),
            attacks: BTreeMap::new(),
            rooms: BTreeMap::new(),
            failures: BTreeMap::new(),
            inputs: Vec::new(),
            driven: 0,
            feel: FeelSums::default(),
            begun: 0,
            closed: false,
        }
    }

    /// Counts an admitted bot, for the first time or again.
    pub fn joined(&mut self, again: bool, welcome: &Welcome, now: Moment, took: Duration) {
        self.counts.joined += u64::from(!again);
        self.counts.came_back += u64::from(again);
        self.counts.live += 1;
        self.join.record(took);
        if self.inputs.is_empty() {
            self.inputs = welcome.inputs.fields().iter().map(|field| field.name.clone()).collect();
        }
        if !self.rooms.contains_key(&welcome.room) {
            self.rooms.insert(welcome.room.clone(), RoomTally::new(welcome.rate, welcome.tick, now));
        }
    }

    /// Counts a received frame message of `bytes` bytes.
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
        if let Some(room) = self.rooms.get_mut(room).filter(|_| !self.closed) {
            room.arrived(now, arrived.tick, &mut self.staleness);
        }
    }

    /// The first frame from another node has come this long after the one before, if the room has moved.
    pub fn moved(&mut self, gap: Option<Duration>) {
        gap.into_iter().for_each(|gap| self.moves.record(gap));
    }

    /// Counts a sent message of `bytes` bytes.
    pub fn said(&mut self, bytes: usize) {
        self.counts.said += 1;
        self.counts.up += on_the_wire(bytes, true) as u64;
    }

    /// Counts a failure.
    pub fn fail(&mut self, failure: Failure, bot: u32, text: &str) {
        let failed = self.failures.entry(failure).or_default();
        if failed.count == 0 {
            failed.first = format!("bot {bot}: {text}");
        }
        failed.count += 1;
    }

    /// Counts a bot that leaves its room at `tick`, after `silent` without a frame. Ticks that its room published long ago,
    /// or must have published, and that the bot never received are uncovered.
    pub fn left(&mut self, bot: u32, room: &str, tick: Tick, silent: Duration, profile: Option<&Profile>) {
        /// Ticks of the last second may still be on the way; over a slow link, older ones as well.
        const RECENT: Duration = Duration::from_secs(1);
        self.counts.live -= 1;
        let Some(room) = self.rooms.get(room) else { return };
        let stall = profile.map_or(0.0, |profile| profile.rtt_ms + profile.stall.map_or(0.0, |stall| stall.for_ms));
        let recent = RECENT + Duration::from_secs_f64(stall / 1000.0);
        let missed = if silent > recent { room.rate().ticks_in(silent) } else { 0 };
        let behind = room.ahead_of(tick).max(missed);
        if behind > room.rate().ticks_in(recent) {
            self.counts.uncovered += u64::from(behind);
            let text =
                format!("ended {behind} ticks behind its room, after {:.1} s without a frame", silent.as_secs_f64());
            self.fail(Failure::Uncovered, bot, &text);
        }
    }

    /// Counts an attack that ended with a close code, or otherwise.
    pub fn attacked(&mut self, attack: Attack, bot: u32, ended: Result<u16, String>) {
        let expected = attack.expected().code();
        let attacks = self.attacks.entry(attack.label()).or_default();
        attacks.expected = expected;
        if ended == Ok(expected) {
            attacks.as_expected += 1;
            return;
        }
        attacks.otherwise += 1;
        let how = ended.map_or_else(|text| text, |code| format!("closed with {code}"));
        attacks.first.get_or_insert_with(|| format!("bot {bot}: {how}"));
    }

    /// All bots have joined: drops the times measured during the ramp.
    pub fn begin(&mut self) {
        self.settle();
        self.latency.reset();
        self.lateness.reset();
        self.staleness.reset();
        self.feel = FeelSums::default();
        self.begun += 1;
    }

    /// All bots are about to leave: later times are ignored.
    pub fn end(&mut self) {
        self.settle();
        self.latency.close();
        self.lateness.close();
        self.closed = true;
    }

    /// Counts it as a failure if nobody moved who was to.
    pub fn judge_movement(&mut self) {
        let Counts { seen, moved, .. } = self.counts;
        if seen > 0 && moved == 0 {
            let first = format!("the entities of {seen} bots stayed as they were{}", self.undriven_text());
            self.failures.insert(Failure::NobodyMoved, Failed { count: 1, first });
        }
    }

    /// The input fields that no bot set to another value than the neutral one.
    pub fn undriven(&self) -> Vec<String> {
        let idle = self.inputs.iter().enumerate().filter(|(field, _)| self.driven & (1 << field) == 0);
        idle.map(|(_, name)| name.clone()).collect()
    }

    fn undriven_text(&self) -> String {
        let undriven = self.undriven();
        if undriven.is_empty() { String::new() } else { format!("; inputs never driven: {}", undriven.join(", ")) }
    }

    /// Evaluates the pending arrivals.
    pub fn settle(&mut self) {
        for room in self.rooms.values_mut() {
            room.settle(&mut self.staleness);
        }
    }

    /// The number of failures.
    pub fn failed(&self) -> u64 {
        self.failures.values().map(|failed| failed.count).sum()
    }
}
