//! The receiving half of a client: how welcomes and frames change its state.

use std::cmp::Ordering;

use super::super::frame_sender::Transport;
use super::unseen::Unseen;
use super::{Arrived, Client, ClientError, Delivered, Depth, Pass};
use crate::id::{Incarnation, Seq, ZoneId};
use crate::snapshot::Zone;
use crate::snapshot::delta::{apply_marked, read_keyframe};
use crate::tick::Tick;
use crate::wire::{
    ClientMessage, Continuity, Delivery, EventBatch, EventBody, FrameMessage, FrameStamp, Note, Resync, Welcome,
    ZoneForm, ZonePart, encode_client,
};

impl Client {
    /// The tick of what the client has of a zone.
    pub fn zone_tick(&self, zone: ZoneId) -> Option<Tick> {
        self.ticks.get(&zone).copied()
    }

    pub(super) fn on_welcome(&mut self, welcome: Box<Welcome>) -> Result<(), ClientError> {
        let fresh = welcome.continuity == Continuity::Fresh;
        if !fresh && self.pass.is_none() {
            return Err(ClientError::Unexpected("a seat that was not claimed"));
        }
        if welcome.continuity == Continuity::State {
            let known = (self.incarnation, self.tick) == (welcome.incarnation, welcome.tick);
            if !self.has_state || !known || !self.lost.is_empty() {
                return Err(ClientError::Unexpected("a state that was not claimed"));
            }
        } else {
            self.has_state = false;
            self.forget_zones();
        }
        let restarted = welcome.incarnation != self.incarnation;
        match (fresh, self.remembers) {
            // Commands to a lost seat are not for the new one.
            (true, true) => {
                (self.missed, self.commands) = (0, Unseen::default());
                self.commands.begin(welcome.commands);
            }
            (_, false) => self.commands.begin(welcome.commands),
            (false, true) => {
                let missed = u32::try_from(welcome.events.since(self.events));
                let missed = if restarted { missed.or(Ok(0)) } else { missed };
                self.missed += missed.map_err(|_| ClientError::Unexpected("events that came already"))?;
                self.commands.resume(welcome.commands);
            }
        }
        (self.events, self.acked_events, self.remembers) = (welcome.events, welcome.events, true);
        (self.tick, self.incarnation, self.epoch) = (welcome.tick, welcome.incarnation, welcome.epoch);
        self.players = welcome.players.iter().map(|player| player.seat).collect();
        let pass = |token: &serde_bytes::ByteBuf| Pass { room: welcome.room.clone(), token: token.to_vec() };
        self.pass = welcome.resume.as_ref().map(pass);
        self.welcome = Some(welcome);
        Ok(())
    }

    /// Returns `None` for a message that was repeated or overtaken.
    pub(super) fn on_frame(&mut self, frame: &FrameMessage) -> Result<Option<Box<Arrived>>, ClientError> {
        let Some(welcome) = &self.welcome else {
            // Nothing but frames can overtake a welcome.
            let overtook = self.transport == Transport::Unordered;
            return if overtook { Ok(None) } else { Err(ClientError::Unexpected("a frame before the welcome")) };
        };
        let spacing = if self.rate == 0 { 1 } else { welcome.rate.per_second().div_ceil(self.rate).into() };
        let welcomed = welcome.incarnation;
        let Some((tick, consumed)) = self.newer(frame, welcomed) else { return Ok(None) };
        let mut arrived = Arrived { tick, consumed, ..Arrived::default() };
        // A room that was started again may be at an earlier tick.
        arrived.advance = tick.since(self.tick).max(1).cast_unsigned();
        // Whatever may fail comes first: events count as known only when they are returned.
        self.has_state = false;
        self.rebuild(frame, tick, &mut arrived)?;
        Delivered { events: arrived.events, lost: arrived.lost } = self.on_events(frame.events.as_ref())?;
        arrived.players = self.players.len() as u32;
        let note = frame.note.unwrap_or_default();
        self.on_note(&note, frame.stamp, &mut arrived);
        (self.tick, self.consumed) = (tick, consumed);
        (self.has_state, self.ack_due, self.awaited) = (true, true, arrived.advance > spacing);
        Ok(Some(Box::new(arrived)))
    }

    /// The tick of a frame and the inputs consumed; `None` when the frame is not newer than the client's state. Forgets
    /// the zones when the room was started again.
    fn newer(&mut self, frame: &FrameMessage, welcomed: Incarnation) -> Option<(Tick, Seq)> {
        let before = (self.tick, self.consumed);
        let FrameStamp::Absolute { tick, consumed } = frame.stamp else { return frame.stamp.resolve(before) };
        let incarnation = frame.note.and_then(|note| note.incarnation).unwrap_or(welcomed);
        match incarnation.cmp(&self.incarnation) {
            Ordering::Less => None,
            Ordering::Equal => frame.stamp.resolve(before),
            Ordering::Greater => {
                self.incarnation = incarnation;
                self.forget_zones();
                Some((tick, consumed))
            }
        }
    }

    fn forget_zones(&mut self) {
        self.zones.clear();
        self.ticks.clear();
        self.lost.clear();
    }

    fn on_note(&mut self, note: &Note, stamp: FrameStamp, arrived: &mut Arrived) {
        let absolute = matches!(stamp, FrameStamp::Absolute { .. });
        let before = if absolute { 0 } else { self.superseded };
        let total = before.wrapping_add(note.superseded);
        arrived.superseded = total.wrapping_sub(self.superseded).cast_signed().max(0).cast_unsigned();
        self.superseded = total;
        arrived.correction = note.correction.filter(|correction| correction.epoch != self.epoch);
        self.epoch = arrived.correction.map_or(self.epoch, |correction| correction.epoch);
        arrived.lead = note.lead;
        note.commands.into_iter().for_each(|seen| self.commands.seen(seen));
    }

    pub(super) fn on_delivery(&mut self, delivery: &Delivery) -> Result<Delivered, ClientError> {
        if self.welcome.is_none() {
            return Err(ClientError::Unexpected("a delivery before the welcome"));
        }
        let delivered = self.on_events(delivery.events.as_ref())?;
        delivery.commands.into_iter().for_each(|seen| self.commands.seen(seen));
        self.ack_due = true;
        Ok(delivered)
    }

    fn on_events(&mut self, batch: Option<&EventBatch>) -> Result<Delivered, ClientError> {
        let mut delivered = Delivered::default();
        if let Some(batch) = batch {
            if batch.first != self.events.plus(1 + batch.lost) {
                return Err(ClientError::Unexpected("events out of order"));
            }
            delivered.lost = batch.lost;
            self.events = self.events.plus(batch.lost);
        }
        for item in batch.map_or(&[][..], |batch| &batch.items) {
            self.events = self.events.plus(1);
            // The list of players that a client got as it came back includes the effect of some events already.
            let listed = self.welcome.as_ref().is_some_and(|welcome| {
                welcome.continuity != Continuity::Fresh && !self.events.is_after(welcome.listed)
            });
            match &item.body {
                EventBody::Joined(player) if !listed => _ = self.players.insert(player.seat),
                EventBody::Left { seat, .. } if !listed => _ = self.players.remove(seat),
                _ => {}
            }
            delivered.events.push(item.body.clone().into_owned());
        }
        delivered.lost += std::mem::take(&mut self.missed);
        Ok(delivered)
    }

    fn rebuild(&mut self, frame: &FrameMessage, tick: Tick, arrived: &mut Arrived) -> Result<(), ClientError> {
        self.placed.clear();
        for part in &frame.zones {
            arrived.payload += part.form.weight();
            if self.depth == Depth::Continuity {
                continue;
            }
            let at = Tick(tick.0.wrapping_sub(part.lag));
            let waits = self.lost.contains(&part.zone) && !matches!(part.form, ZoneForm::Chain(_));
            if !waits && self.ticks.get(&part.zone).is_some_and(|known| !at.is_after(*known)) {
                continue;
            }
            let zone = self.follow(part, at)?;
            let right = zone.as_ref().is_some_and(|zone| part.hash.is_none_or(|hash| hash == zone.hash()));
            if !right && (part.hash.is_some() || self.lost.insert(part.zone)) {
                self.lost.insert(part.zone);
                arrived.desyncs += 1;
                self.outbox.push(encode_client(&ClientMessage::Resync(Resync { zone: part.zone, tick })));
            }
            match zone.filter(|zone| !zone.is_empty()) {
                Some(zone) => {
                    self.zones.insert(part.zone, zone);
                    self.ticks.insert(part.zone, at);
                }
                None => {
                    self.zones.remove(&part.zone);
                    self.ticks.remove(&part.zone);
                }
            }
        }
        Ok(())
    }

    /// The zone after a part, which leads to the tick `at`; `None` when the part does not start from the client's state.
    fn follow(&mut self, part: &ZonePart, at: Tick) -> Result<Option<Zone>, ClientError> {
        let Some(welcome) = &self.welcome else { return Ok(None) };
        let empty = || Zone::empty(&welcome.schema);
        let (base, deltas) = match &part.form {
            ZoneForm::Gone => {
                self.lost.remove(&part.zone);
                return Ok(Some(empty()));
            }
            ZoneForm::Keyframe(bytes) => {
                self.lost.remove(&part.zone);
                return Ok(Some(read_keyframe(&welcome.schema, bytes)?));
            }
            ZoneForm::Fresh(deltas) => {
                self.lost.remove(&part.zone);
                (Some(empty()), &deltas[..])
            }
            ZoneForm::Chain(_) if self.lost.contains(&part.zone) => return Ok(None),
            ZoneForm::Chain(deltas) => {
                let missing = self.ticks.get(&part.zone).map(|known| at.0.wrapping_sub(known.0) as usize);
                let Some(missing) = missing.filter(|missing| *missing <= deltas.len()) else { return Ok(None) };
                (self.zones.remove(&part.zone), &deltas[deltas.len() - missing..])
            }
        };
        // Deltas that do not decode do not start from this state: a desync, as with a wrong hash.
        let placed = &mut self.placed;
        let apply = |zone: Zone, delta: &&serde_bytes::Bytes| {
            let (next, marks) = apply_marked(&welcome.schema, &zone, delta).ok()?;
            placed.extend(marks.all_placed(&zone, &next).map(|(kind, id)| (part.zone, kind, id)));
            Some(next)
        };
        Ok(base.and_then(|zone| deltas.iter().try_fold(zone, apply)))
    }
}
