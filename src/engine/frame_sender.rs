//! Composes the messages of one session: the fewest bytes that bring its client to the newest frame.
//!
//! A sender remembers what its client has, not what it should have sent: there is no queue of snapshots. All zone bytes
//! belong to the frame and are shared by every sender; a sender makes only the small header.

use std::collections::VecDeque;
use std::sync::Arc;

use super::budget::{Budget, Unsent};
use super::client_state::{ClientState, ClientZone, Has, Parts, Recipient};
use super::events::Batch;
use super::flow::{Acked, Flow};
use super::send_rate::SendRate;
use crate::id::{CorrectionEpoch, Incarnation, Seat, Seq, ZoneId};
use crate::snapshot::{Frame, Grid, SeatNote};
use crate::tick::{Moment, Tick, TickRate};
use crate::wire::{
    AckedTick, Correction, Features, FrameMessage, FrameStamp, Note, can_tell_densely, encode_delivery, encode_frame,
    usual_frame,
};

/// How the messages of one direction arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// In order and complete, as on a WebSocket: a client has what was sent.
    #[default]
    Ordered,
    /// Frames may be lost, repeated and overtaken, and everything else is ordered: a client has what it acknowledged.
    Unordered,
}

/// Where a client's frames start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderStart {
    /// The seat.
    pub seat: Seat,
    /// The generation of the entry into the seat: only notes of this generation are for the client.
    pub seat_generation: u32,
    /// The tick of the welcome.
    pub tick: Tick,
    /// The incarnation that the welcome named.
    pub incarnation: Incarnation,
    /// The room's rate.
    pub rate: TickRate,
    /// The first correction epoch.
    pub epoch: CorrectionEpoch,
    /// The newest command that the game has seen.
    pub commands: Seq,
    /// The number before that of the first event.
    pub events: Seq,
    /// The zones whose rows at `tick` the client has, ascending.
    pub zones: Arc<[ZoneId]>,
}

/// Whether a sender can use a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Compose a message.
    Ready,
    /// The client has not caught up: send nothing now.
    Held,
    /// The client is up to date or wants a later frame, or the frame has no note for this entry.
    Idle,
}

/// The sending half of a session.
#[derive(Debug)]
pub struct FrameSender {
    seat: Seat,
    seat_generation: u32,
    rate: TickRate,
    transport: Transport,
    features: Features,
    /// The incarnation that the welcome named.
    welcomed: Incarnation,
    /// What the client has: on an ordered transport what was sent, on another one what it acknowledged.
    base: ClientState,
    /// On an unordered transport: what the client has if it gets the messages in flight, oldest first.
    possible: VecDeque<ClientState>,
    /// The tick of the newest message.
    newest: Tick,
    /// The newest event that was sent.
    events: Seq,
    /// The newest command that a message told apart from frames.
    delivered: Seq,
    /// The newest command whose record is safe, if the client must not be told of later ones.
    safe_commands: Option<Seq>,
    /// Frame messages since one told the input lead.
    since_lead: u32,
    flow: Flow,
    send_rate: SendRate,
    budget: Budget,
    /// What was wanted and not sent, since it was taken.
    unsent: Unsent,
}

impl FrameSender {
    /// The input lead is told once in so many frame messages at most: it costs four bytes.
    const LEAD_EVERY: u32 = 16;

    /// Makes a sender that has sent nothing but the welcome, for `rate` messages per second; 0 means one per tick.
    pub fn new(now: Moment, start: &SenderStart, rate: u16, features: Features, transport: Transport) -> Self {
        // The state that the client claims to have is trusted until the hash in the first message.
        // But cells may have waited: the client need not have had all that its frame has.
        let has = |zone: ZoneId| if zone < Grid::FIRST { Has::Rows } else { Has::Stale };
        let zones = start.zones.iter().map(|zone| ClientZone::new(*zone, has(*zone), start.tick)).collect();
        let SenderStart { tick, incarnation, commands, epoch, .. } = *start;
        let (consumed, superseded, lead) = (Seq(0), 0, 0);
        Self {
            seat: start.seat,
            seat_generation: start.seat_generation,
            rate: start.rate,
            transport,
            features,
            welcomed: incarnation,
            base: ClientState { tick, incarnation, consumed, superseded, commands, epoch, lead, zones, list: None },
            possible: VecDeque::new(),
            newest: tick,
            events: start.events,
            delivered: commands,
            safe_commands: None,
            since_lead: Self::LEAD_EVERY,
            flow: Flow::new(now, tick, transport),
            send_rate: SendRate::new(rate, start.rate),
            budget: Budget::new(now, 0),
            unsent: Unsent::default(),
        }
    }

    /// The same sender with a budget of so many bytes per second; 0 for any number. When a tick does not fit, cells of the
    /// grid wait: those far from the player first, none longer than [`CELLS_WAIT`](crate::wire::limits::CELLS_WAIT).
    #[must_use]
    pub fn within(self, now: Moment, bytes_per_second: u32) -> Self {
        Self { budget: Budget::new(now, bytes_per_second), ..self }
    }

    /// Passes on what was wanted and not sent since the last call, if there is anything.
    pub fn take_unsent(&mut self, take: impl FnOnce(&Unsent)) {
        if !self.unsent.is_empty() {
            take(&self.unsent);
            self.unsent.clear();
        }
    }

    /// The tick of the newest message.
    pub fn tick(&self) -> Tick {
        self.newest
    }

    /// Whether the client may have seen a frame of this tick. After a restart of the room it may have seen later ones.
    pub fn may_know(&self, tick: Tick) -> bool {
        self.base.incarnation != self.welcomed || !tick.is_after(self.newest)
    }

    /// The tick from which the next message continues: it needs all frames after this one.
    pub fn base(&self) -> Tick {
        self.base.oldest()
    }

    /// Records that a welcome of `bytes` was sent ahead of all frames.
    pub fn welcomed(&mut self, bytes: usize) {
        self.flow.welcomed(bytes);
    }

    /// Times that sending was held back since the last call.
    pub fn take_holds(&mut self) -> u64 {
        self.flow.take_holds()
    }

    /// The flow control.
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    /// Whether to compose a message for `frame` now. Counts a hold when sending stops.
    pub fn readiness(&mut self, now: Moment, frame: &Frame) -> Readiness {
        // The seat may belong to another player by now, or to a newer connection of the same one; and a frame from
        // before the entry is for the connection before.
        let mine = frame.note(self.seat).is_some_and(|note| note.seat_generation == self.seat_generation);
        let newer = frame.tick().is_after(self.newest) || frame.incarnation() != self.base.incarnation;
        if !mine || !newer || !frame.is_for_clients() || !self.send_rate.is_due(self.newest, frame.tick()) {
            return Readiness::Idle;
        }
        if self.flow.may_send(now, frame.tick()) {
            return Readiness::Ready;
        }
        self.budget.held();
        Readiness::Held
    }

    /// The tick of the first frame after the last message that the client wants; `None` if it may be any.
    pub fn next_wanted(&self) -> Option<Tick> {
        self.send_rate.next(self.newest)
    }

    /// The client acknowledges a tick. Returns `false` when no frame of that tick was sent.
    pub fn ack(&mut self, now: Moment, tick: AckedTick) -> bool {
        let acked = self.flow.ack(now, tick);
        if let (Acked::Newly(tick), Transport::Unordered) = (acked, self.transport) {
            let index = self.possible.iter().position(|state| state.tick == tick);
            self.possible.drain(..index.map_or(0, |index| index + 1)).for_each(|state| self.base = state);
        }
        acked != Acked::NeverSent
    }

    /// Whether an event with this number was sent, or is one that the client knew when it entered.
    pub fn has_sent_event(&self, number: Seq) -> bool {
        !number.is_after(self.events)
    }

    /// Marks the client's state of a zone as wrong; the next message restores it.
    pub fn forget(&mut self, zone: ZoneId) {
        for state in std::iter::once(&mut self.base).chain(&mut self.possible) {
            state.zones.iter_mut().filter(|known| known.zone == zone).for_each(|known| known.has = Has::Stale);
        }
    }

    /// From now on the client is told of the commands up to `upto`, whatever frames say: the record of later ones is not
    /// safe yet, and the client must send them again if it is lost.
    pub fn confirm_commands(&mut self, upto: Seq) {
        self.safe_commands = Some(upto);
    }

    /// The newest command that the client may be told of.
    fn commands(&self, note: &SeatNote) -> Seq {
        self.safe_commands.unwrap_or(note.commands)
    }

    /// Composes the message that brings the client to the newest of `frames`. These are all frames after the sender's
    /// base, oldest first; or, when some of them are gone, only the newest. Events of an unordered transport are
    /// delivered apart; see [`Self::deliver`].
    ///
    /// # Panics
    /// When [`Self::readiness`] is not `Ready` for the newest frame.
    pub fn compose(&mut self, now: Moment, frames: &[Arc<Frame>], events: Option<&Batch>) -> Vec<u8> {
        let frame = frames.last().expect("the newest frame is given");
        let note = frame.note(self.seat).expect("a ready sender has a note in the frame");
        let usual = if events.is_none() { self.usual(now, frame, note) } else { None };
        if let Some(bytes) = usual {
            self.since_lead = self.since_lead.saturating_add(1);
            self.base.remember(frame, note);
            self.sent(now, frame.tick(), bytes.len(), 0);
            return bytes;
        }
        let commands = self.commands(note);
        let mut next = (self.transport == Transport::Unordered).then(|| self.certain());
        let gone = self.possibly_known();
        let state = next.as_mut().unwrap_or(&mut self.base);
        let restarted = frame.incarnation() != state.incarnation;
        if restarted {
            // The client forgets them with this message.
            (state.list, state.zones) = (None, Vec::new());
        }
        let (before, at) = ((state.tick, state.consumed), (frame.tick(), note.consumed));
        let stamp = match self.transport {
            Transport::Ordered if !restarted => FrameStamp::long(before, at),
            _ => FrameStamp::Absolute { tick: at.0, consumed: at.1 },
        };
        let lead = lead_news(self.features, self.since_lead, state, note);
        self.since_lead = if lead.is_some() { 0 } else { self.since_lead.saturating_add(1) };
        let mut told = news(state, note, commands, stamp, lead);
        if frame.incarnation() != self.welcomed && matches!(stamp, FrameStamp::Absolute { .. }) {
            told.get_or_insert_default().incarnation = Some(frame.incarnation());
        }
        if self.transport == Transport::Unordered {
            told = told.map(|told| Note { commands: None, ..told }).filter(|told| *told != Note::default());
        }
        let newest = (self.transport == Transport::Unordered).then_some(self.newest);
        let to = Recipient { now, note, gone: &gone, rate: self.rate, told: newest };
        let Parts { list: zones, keyframes } = state.zone_parts(frames, &mut self.budget, &mut self.unsent, &to);
        // However a message is made, its layout depends on nothing but what it tells: the choice must not show what is hidden.
        let is_dense = self.features.contain(Features::DENSE_LIST) && told.is_none() && events.is_none();
        let stamp = if is_dense && can_tell_densely(&zones) { stamp.dense() } else { stamp };
        let message = FrameMessage { stamp, note: told, events: None, zones };
        let bytes = encode_frame(&message, events.map(|batch| batch.encoded(frame.tick())).as_ref());
        (state.lead, state.commands) = (lead.unwrap_or(state.lead), commands);
        state.remember(frame, note);
        self.possible.extend(next);
        self.events = events.map_or(self.events, Batch::last);
        self.sent(now, frame.tick(), bytes.len(), keyframes);
        bytes
    }

    /// Whether the client may be told of events now, between frames: it has a frame of this tick, or gets it soon.
    pub fn may_deliver(&self, frame: &Frame) -> bool {
        let mine = frame.note(self.seat).is_some_and(|note| note.seat_generation == self.seat_generation);
        mine && frame.tick() == self.newest && !self.flow.is_holding()
    }

    /// What the client is told apart from frames: which commands the game has seen, and events. `None` when there is nothing
    /// new. On an unordered transport, where frames may be lost, call it before each frame; on an ordered one only when
    /// there is no newer frame and [`Self::may_deliver`].
    pub fn deliver(&mut self, frame: &Frame, events: Option<&Batch>) -> Option<Vec<u8>> {
        let told = match self.transport {
            Transport::Ordered => self.base.commands,
            Transport::Unordered => self.delivered,
        };
        let seen = frame.note(self.seat).map(|note| self.commands(note)).filter(|seen| *seen != told);
        if seen.is_none() && events.is_none() {
            return None;
        }
        match self.transport {
            Transport::Ordered => self.base.commands = seen.unwrap_or(told),
            Transport::Unordered => self.delivered = seen.unwrap_or(told),
        }
        self.events = events.map_or(self.events, Batch::last);
        Some(encode_delivery(frame.tick(), seen, events.map(|batch| batch.encoded(frame.tick())).as_ref()))
    }

    /// The shortcut of [`Self::compose`] for the message of most ticks; `None` when the message contains anything else.
    fn usual(&mut self, now: Moment, frame: &Frame, note: &SeatNote) -> Option<Vec<u8>> {
        let alone = [ZoneId(0)];
        let before = (self.base.tick, self.base.consumed);
        let follows = frame.tick() == before.0.plus(1) && self.transport == Transport::Ordered;
        let told = lead_news(self.features, self.since_lead, &self.base, note).is_some();
        if !follows || told || self.commands(note) != self.base.commands || is_news(&self.base, frame, note) {
            return None;
        }
        if *note.zones != alone {
            let stamp = FrameStamp::long(before, (frame.tick(), note.consumed));
            let stamp = if self.features.contain(Features::DENSE_LIST) { stamp.dense() } else { stamp };
            let to = Recipient { now, note, gone: &[], rate: self.rate, told: None };
            return if self.budget.is_free() { self.base.steady_message(frame, stamp, &to) } else { None };
        }
        let [known] = &mut self.base.zones[..] else { return None };
        let zone = frame.zone(alone[0]).filter(|zone| zone.rows() > 0)?;
        if known.zone != alone[0] || known.has != Has::Rows {
            return None;
        }
        let stamp = FrameStamp::short(before, (frame.tick(), note.consumed))?;
        self.base.zones[0].at = frame.tick();
        usual_frame(stamp, self.base.zones[0].hash(zone, frame.tick(), self.rate), zone.delta())
    }

    /// On an unordered transport: what the client has whichever messages it gets. A zone that a message in flight makes it
    /// forget is no base for a chain.
    fn certain(&self) -> ClientState {
        let mut state = self.base.clone();
        for known in &mut state.zones {
            let rows = |state: &ClientState| state.has_rows(known.zone);
            let [all, any] = [self.possible.iter().all(rows), self.possible.iter().any(rows)];
            known.may_have_rows = any;
            if known.has == Has::Rows && !all {
                known.has = Has::Stale;
            }
        }
        state
    }

    /// On an unordered transport: zones that the client may have by messages that it has not acknowledged.
    fn possibly_known(&self) -> Vec<ZoneId> {
        let zones = self.possible.iter().flat_map(|state| &state.zones).filter(|known| known.has == Has::Rows);
        let mut zones: Vec<ZoneId> = zones.map(|known| known.zone).filter(|zone| !self.base.has_rows(*zone)).collect();
        zones.sort_unstable();
        zones.dedup();
        zones
    }

    fn sent(&mut self, now: Moment, tick: Tick, bytes: usize, keyframes: usize) {
        self.budget.spend(bytes, keyframes);
        self.newest = tick;
        self.flow.sent(now, tick, bytes);
        self.send_rate.sent(tick);
    }
}

/// Whether the frame tells the seat anything besides rows, inputs consumed and commands.
fn is_news(state: &ClientState, frame: &Frame, note: &SeatNote) -> bool {
    note.epoch != state.epoch || note.superseded != state.superseded || frame.incarnation() != state.incarnation
}

/// The input lead, if it is time to tell it.
fn lead_news(features: Features, since_lead: u32, state: &ClientState, note: &SeatNote) -> Option<i8> {
    let due = since_lead + 1 >= FrameSender::LEAD_EVERY && note.lead != state.lead;
    (due && features.contain(Features::INPUT_LEAD)).then_some(note.lead)
}

fn news(state: &ClientState, note: &SeatNote, commands: Seq, stamp: FrameStamp, lead: Option<i8>) -> Option<Note> {
    let absolute = matches!(stamp, FrameStamp::Absolute { .. });
    let news = Note {
        superseded: if absolute { note.superseded } else { note.superseded.wrapping_sub(state.superseded) },
        commands: (commands != state.commands).then_some(commands),
        correction: (note.epoch != state.epoch).then_some(Correction { epoch: note.epoch, reason: note.reason }),
        incarnation: None,
        lead,
    };
    (news != Note::default()).then_some(news)
}
