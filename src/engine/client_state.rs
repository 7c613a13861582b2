//! What a sender knows of its client's state, and how the client gets from there to a newer frame.

use std::sync::Arc;

use bytes::Bytes;
use serde_bytes::Bytes as Raw;

use crate::id::{CorrectionEpoch, Incarnation, Seq, ZoneId};
use crate::snapshot::{Frame, FrameZone, SeatNote};
use crate::tick::{Tick, TickRate};
use crate::wire::{ZoneForm, ZonePart};

/// The state of a client that has applied the message of a tick.
#[derive(Clone, Debug)]
pub(super) struct ClientState {
    pub tick: Tick,
    pub incarnation: Incarnation,
    pub consumed: Seq,
    pub superseded: u32,
    pub commands: Seq,
    pub epoch: CorrectionEpoch,
    /// The input lead that the client was told last.
    pub lead: i8,
    /// Ascending.
    pub zones: Vec<ClientZone>,
}

/// What a client has of one zone.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientZone {
    pub zone: ZoneId,
    pub has: Has,
    /// Whether a message in flight may give it rows, whatever it has.
    pub may_have_rows: bool,
    /// When the client last got the zone's hash, which is sent once per second.
    proven: Option<Tick>,
    /// The last keyframe of the zone that was considered.
    keyframe: Option<Weighed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Has {
    /// Nothing, but the zone may have rows.
    Nothing,
    /// Nothing, and the zone has no rows.
    Empty,
    /// The zone's rows at the tick of the state.
    Rows,
    /// Rows that may be wrong.
    Stale,
}

/// The size of a keyframe, from which that of another tick is estimated: making one costs more than a tick does.
#[derive(Clone, Copy, Debug)]
struct Weighed {
    bytes: usize,
    rows: usize,
}

impl ClientState {
    /// Takes over what a frame tells the seat.
    pub fn remember(&mut self, frame: &Frame, note: &SeatNote) {
        (self.tick, self.incarnation) = (frame.tick(), frame.incarnation());
        (self.consumed, self.superseded) = (note.consumed, note.superseded);
        self.epoch = note.epoch;
    }

    /// Whether the client has rows of a zone, and the right ones.
    pub fn has_rows(&self, zone: ZoneId) -> bool {
        let found = self.zones.binary_search_by_key(&zone, |known| known.zone);
        found.is_ok_and(|index| self.zones[index].has == Has::Rows)
    }

    /// The parts that bring the client's zones to `frame`, and become its state. `chain` are all frames after the state's
    /// tick, or none when some of them are gone; `gone` are zones that the client may have besides.
    pub fn zone_parts<'a>(
        &mut self,
        frame: &'a Frame,
        chain: &'a [Arc<Frame>],
        note: &SeatNote,
        gone: &[ZoneId],
        rate: TickRate,
    ) -> Vec<ZonePart<'a>> {
        let mut parts = Vec::with_capacity(note.zones.len());
        let subscribed = |zone: &ZoneId| note.zones.binary_search(zone).is_ok();
        let forget = |zone| ZonePart { zone, lag: 0, form: ZoneForm::Gone, hash: None };
        self.zones.retain(|old| {
            let kept = subscribed(&old.zone);
            if !kept && matches!(old.has, Has::Rows | Has::Stale) {
                parts.push(forget(old.zone));
            }
            kept
        });
        parts.extend(gone.iter().filter(|zone| !subscribed(zone)).map(|zone| forget(*zone)));
        for (index, zone) in note.zones.iter().enumerate() {
            if self.zones.get(index).is_none_or(|known| known.zone != *zone) {
                let has = if gone.contains(zone) { Has::Stale } else { Has::Nothing };
                self.zones.insert(index, ClientZone::new(*zone, has));
            }
            let known = &mut self.zones[index];
            if let Some(form) = known.form(frame, chain) {
                parts.push(ZonePart { zone: *zone, lag: 0, form, hash: known.hash(frame, rate) });
            }
        }
        parts
    }
}

impl ClientZone {
    pub fn new(zone: ZoneId, has: Has) -> Self {
        Self { zone, has, may_have_rows: false, proven: None, keyframe: None }
    }

    /// The zone's hash, if it is time to send it.
    pub fn hash(&mut self, frame: &Frame, rate: TickRate) -> Option<u32> {
        if self.proven.is_some_and(|at| frame.tick().since(at) < rate.per_second().into()) {
            return None;
        }
        let zone = frame.zone(self.zone).filter(|zone| zone.rows() > 0)?;
        self.proven = Some(frame.tick());
        Some(zone.hash())
    }

    /// How the client gets to the zone's state in `frame`, which it then has; `None` when the zone has no rows and the
    /// client knows none.
    fn form<'a>(&mut self, frame: &'a Frame, chain: &'a [Arc<Frame>]) -> Option<ZoneForm<'a>> {
        let Some(zone) = frame.zone(self.zone).filter(|zone| zone.rows() > 0) else {
            let had = std::mem::replace(&mut self.has, Has::Empty);
            return (self.may_have_rows || matches!(had, Has::Rows | Has::Stale)).then_some(ZoneForm::Gone);
        };
        let had = std::mem::replace(&mut self.has, Has::Rows);
        let in_frame = |frame: &'a Arc<Frame>| frame.zone(self.zone).filter(|zone| zone.rows() > 0);
        // The deltas since the zone was empty for the last time, or since the client's state.
        let tail = chain.iter().rev().map_while(in_frame).count();
        let deltas = || chain[chain.len() - tail..].iter().filter_map(in_frame).map(|zone| raw(zone.delta()));
        let (whole, since_empty) = (tail == chain.len(), tail < chain.len());
        let form = match had {
            Has::Rows if whole && tail > 0 => ZoneForm::Chain(deltas().collect()),
            Has::Empty if whole && tail > 0 => ZoneForm::Fresh(deltas().collect()),
            _ if since_empty && tail > 0 => ZoneForm::Fresh(deltas().collect()),
            _ => return Some(ZoneForm::Keyframe(raw(self.made(frame, zone)))),
        };
        let shorter = if tail > 1 { self.shorter_keyframe(frame, zone, form.weight() + tail) } else { None };
        Some(shorter.map_or(form, |keyframe| ZoneForm::Keyframe(raw(keyframe))))
    }

    /// The keyframe, made if necessary.
    fn made<'a>(&mut self, frame: &Frame, zone: &'a FrameZone) -> &'a Bytes {
        let keyframe = frame.keyframe(zone);
        self.keyframe = Some(Weighed { bytes: keyframe.len(), rows: zone.rows() });
        keyframe
    }

    /// The keyframe, if it is shorter than `chained` bytes. It is made only if the estimate says that it will be.
    fn shorter_keyframe<'a>(&mut self, frame: &Frame, zone: &'a FrameZone, chained: usize) -> Option<&'a Bytes> {
        let foretold = self.keyframe.map_or(0, |last| last.bytes.saturating_mul(zone.rows()) / last.rows.max(1));
        // Whether somebody else had it made already must not show in what this client gets.
        (foretold < chained).then(|| self.made(frame, zone)).filter(|keyframe| keyframe.len() < chained)
    }
}

fn raw(bytes: &[u8]) -> &Raw {
    Raw::new(bytes)
}
