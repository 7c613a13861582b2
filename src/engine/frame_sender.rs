//! Composes the messages of one session: the fewest bytes that bring its client to the newest frame.
//!
//! A sender remembers what it sent last, not what it should have sent: there is no queue of snapshots. All zone bytes
//! belong to the frame and are shared by every sender; a sender makes only the small header.

use std::sync::Arc;

use bytes::Bytes;

use super::events::Batch;
use super::flow::Flow;
use super::send_rate::SendRate;
use crate::id::{CorrectionEpoch, Seat, Seq, ZoneId};
use crate::snapshot::{Frame, FrameZone, SeatNote};
use crate::tick::{Moment, Tick, TickRate};
use crate::wire::{Correction, FrameMessage, Note, ZoneForm, ZonePart, encode_frame, limits, usual_frame};

/// Where a client's frames start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderStart {
    /// The seat.
    pub seat: Seat,
    /// The generation of the entry into the seat: only notes of this generation are for the client.
    pub seat_generation: u32,
    /// The tick of the welcome.
    pub tick: Tick,
    /// The room's rate.
    pub rate: TickRate,
    /// The first correction epoch.
    pub epoch: CorrectionEpoch,
    /// The newest command that the game has seen.
    pub commands: Seq,
    /// The number before that of the first event.
    pub events: Seq,
    /// The zones whose state at `tick` the client has, ascending.
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
    /// The tick of the client's state.
    tick: Tick,
    zones: Vec<Subscription>,
    consumed: Seq,
    superseded: u32,
    commands: Seq,
    epoch: CorrectionEpoch,
    /// The newest event that was sent.
    events: Seq,
    flow: Flow,
    send_rate: SendRate,
}

#[derive(Clone, Copy, Debug)]
struct Subscription {
    zone: ZoneId,
    /// Whether the client has the zone's state at the sender's tick.
    current: bool,
    /// Whether the client may have some state of the zone, right or wrong.
    told: bool,
    /// When the client last got the zone's hash, which is sent once per second.
    proven: Option<Tick>,
    /// The last keyframe of the zone that was considered.
    keyframe: Option<Weighed>,
}

/// The size of a keyframe, from which that of another tick is estimated: making one costs more than a tick does.
#[derive(Clone, Copy, Debug)]
struct Weighed {
    bytes: usize,
    rows: usize,
}

impl Subscription {
    fn new(zone: ZoneId, known: bool) -> Self {
        Self { zone, current: known, told: known, proven: None, keyframe: None }
    }

    fn is_due(&self, tick: Tick, rate: TickRate) -> bool {
        self.proven.is_none_or(|at| tick.since(at) >= rate.per_second().into())
    }

    /// The keyframe, made if necessary.
    fn keyframe<'a>(&mut self, frame: &Frame, zone: &'a FrameZone) -> &'a Bytes {
        let keyframe = frame.keyframe(zone);
        self.keyframe = Some(Weighed { bytes: keyframe.len(), rows: zone.zone().len() });
        keyframe
    }

    /// The keyframe, if it is shorter than `chained` bytes. It is made only if the estimate says that it will be.
    fn shorter_keyframe<'a>(&mut self, frame: &Frame, zone: &'a FrameZone, chained: usize) -> Option<&'a Bytes> {
        let foretold = self.keyframe.map_or(0, |last| last.bytes.saturating_mul(zone.zone().len()) / last.rows.max(1));
        let worth = zone.made_keyframe().is_some() || foretold < chained;
        worth.then(|| self.keyframe(frame, zone)).filter(|keyframe| keyframe.len() < chained)
    }
}

impl FrameSender {
    /// Makes a sender that has sent nothing but the welcome, for `rate` messages per second; 0 means one per tick.
    pub fn new(now: Moment, start: &SenderStart, rate: u16) -> Self {
        // The state that the client claims to have is trusted until the hash in the first message.
        let known = |zone: &ZoneId| Subscription::new(*zone, true);
        Self {
            seat: start.seat,
            seat_generation: start.seat_generation,
            rate: start.rate,
            tick: start.tick,
            zones: start.zones.iter().map(known).collect(),
            consumed: Seq(0),
            superseded: 0,
            commands: start.commands,
            epoch: start.epoch,
            events: start.events,
            flow: Flow::new(now),
            send_rate: SendRate::new(rate, start.rate),
        }
    }

    /// The tick of the client's state.
    pub fn tick(&self) -> Tick {
        self.tick
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
        if !mine || !frame.tick().is_after(self.tick) {
            return Readiness::Idle;
        }
        if !self.send_rate.is_due(self.tick, frame.tick()) {
            return Readiness::Idle;
        }
        if self.flow.may_send(now) { Readiness::Ready } else { Readiness::Held }
    }

    /// The client acknowledges `messages` messages so far, modulo 256. Returns `false` when that many were never sent.
    pub fn ack(&mut self, now: Moment, messages: u8) -> bool {
        self.flow.ack(now, messages)
    }

    /// Whether an event with this number was sent, or is one that the client knew when it entered.
    pub fn has_sent_event(&self, number: Seq) -> bool {
        !number.is_after(self.events)
    }

    /// Marks the client's state of a zone as wrong; the next message restores it.
    pub fn forget(&mut self, zone: ZoneId) {
        for subscription in self.zones.iter_mut().filter(|subscription| subscription.zone == zone) {
            subscription.current = false;
        }
    }

    /// Composes the message that brings the client to the newest of `frames`. These are all frames after the sender's
    /// tick, oldest first; or, when some of them are gone, only the newest.
    ///
    /// # Panics
    /// When [`Self::readiness`] is not `Ready` for the newest frame.
    pub fn compose(&mut self, now: Moment, frames: &[Arc<Frame>], events: Option<&Batch>) -> Vec<u8> {
        let frame = frames.last().expect("the newest frame is given");
        let note = frame.note(self.seat).expect("a ready sender has a note in the frame");
        if let (None, Some(bytes)) = (events, self.usual(frame, note)) {
            self.sent(now, note, frame.tick(), bytes.len());
            return bytes;
        }
        let unbroken = frames[0].tick() == self.tick.plus(1) && frames.len() as u32 <= limits::CHAIN;
        let chain = if unbroken { frames } else { &[] };
        let message = FrameMessage {
            advance: frame.tick().since(self.tick).cast_unsigned(),
            consumed: note.consumed.since(self.consumed).cast_unsigned(),
            note: self.news(note),
            events: None,
            zones: self.zone_parts(frame, chain, note),
        };
        let bytes = encode_frame(&message, events.map(|batch| batch.encoded(frame.tick())).as_ref());
        self.events = events.map_or(self.events, Batch::last);
        self.sent(now, note, frame.tick(), bytes.len());
        bytes
    }

    /// The shortcut of [`Self::compose`] for the message of most ticks; `None` when the message contains anything else.
    fn usual(&self, frame: &Frame, note: &SeatNote) -> Option<Vec<u8>> {
        let alone = [ZoneId(0)];
        let ([known], true) = (&self.zones[..], *note.zones == alone) else { return None };
        let next = known.zone == alone[0] && known.current && known.told && frame.tick() == self.tick.plus(1);
        if !next || known.is_due(frame.tick(), self.rate) || self.news(note).is_some() {
            return None;
        }
        usual_frame(note.consumed.since(self.consumed).cast_unsigned(), frame.zone(known.zone)?.delta())
    }

    fn sent(&mut self, now: Moment, note: &SeatNote, tick: Tick, bytes: usize) {
        self.tick = tick;
        self.flow.sent(now, bytes);
        self.send_rate.sent(tick);
        self.remember(note);
    }

    fn news(&self, note: &SeatNote) -> Option<Note> {
        let moved = note.epoch != self.epoch;
        let news = Note {
            superseded: note.superseded.wrapping_sub(self.superseded),
            commands: (note.commands != self.commands).then_some(note.commands),
            correction: moved.then_some(Correction { epoch: note.epoch, reason: note.reason }),
        };
        (moved || news.superseded != 0 || news.commands.is_some()).then_some(news)
    }

    fn remember(&mut self, note: &SeatNote) {
        self.consumed = note.consumed;
        self.superseded = note.superseded;
        self.commands = note.commands;
        self.epoch = note.epoch;
    }

    fn zone_parts<'a>(&mut self, frame: &'a Frame, chain: &'a [Arc<Frame>], note: &SeatNote) -> Vec<ZonePart<'a>> {
        let mut parts = Vec::with_capacity(note.zones.len());
        self.zones.retain(|old| {
            let kept = note.zones.binary_search(&old.zone).is_ok();
            if !kept {
                parts.push(ZonePart { zone: old.zone, form: ZoneForm::Gone, hash: None });
            }
            kept
        });
        for (index, zone) in note.zones.iter().enumerate() {
            if self.zones.get(index).is_none_or(|known| known.zone != *zone) {
                self.zones.insert(index, Subscription::new(*zone, false));
            }
            let subscription = &mut self.zones[index];
            let form = zone_form(frame, chain, subscription);
            subscription.current = true;
            let Some(form) = form else { continue };
            subscription.told = true;
            let due = subscription.is_due(frame.tick(), self.rate);
            let hash = frame.zone(*zone).filter(|_| due).map(FrameZone::hash);
            subscription.proven = if due { Some(frame.tick()) } else { subscription.proven };
            parts.push(ZonePart { zone: *zone, form, hash });
        }
        parts
    }
}

/// The chain or the keyframe, whichever is smaller as far as is known; `None` when the zone is and was empty.
fn zone_form<'a>(frame: &'a Frame, chain: &'a [Arc<Frame>], known: &mut Subscription) -> Option<ZoneForm<'a>> {
    let zone = frame.zone(known.zone);
    if !known.current || chain.is_empty() {
        return match zone {
            Some(zone) => Some(ZoneForm::Keyframe(raw(known.keyframe(frame, zone)))),
            // A client without state of the zone assumes that it is empty; a client with old state must forget it.
            None => (known.current || known.told).then_some(ZoneForm::Gone),
        };
    }
    let deltas: Vec<_> = chain.iter().filter_map(|frame| frame.zone(known.zone)).map(FrameZone::delta).collect();
    match (zone, deltas.len()) {
        (_, 0) => None,
        (Some(zone), 2..) => {
            let chained = deltas.iter().map(|delta| delta.len() + 1).sum();
            let keyframe = known.shorter_keyframe(frame, zone, chained);
            Some(keyframe.map_or_else(|| chain_form(&deltas), |keyframe| ZoneForm::Keyframe(raw(keyframe))))
        }
        _ => Some(chain_form(&deltas)),
    }
}

fn chain_form<'a>(deltas: &[&'a Bytes]) -> ZoneForm<'a> {
    ZoneForm::Chain(deltas.iter().map(|delta| raw(delta)).collect())
}

fn raw(bytes: &[u8]) -> &serde_bytes::Bytes {
    serde_bytes::Bytes::new(bytes)
}
