//! The receiving half of a client: how welcomes and frames change its state.

use super::unseen::Unseen;
use super::{Arrived, Client, ClientError, Depth, Pass};
use crate::snapshot::Zone;
use crate::snapshot::delta::{apply, read_keyframe};
use crate::wire::{
    ClientMessage, Continuity, EventBatch, EventBody, FrameMessage, Resync, Welcome, ZoneForm, encode_client,
};

impl Client {
    pub(super) fn on_welcome(&mut self, welcome: Box<Welcome>) -> Result<(), ClientError> {
        let fresh = welcome.continuity == Continuity::Fresh;
        if !fresh && self.pass.is_none() {
            return Err(ClientError::Unexpected("a seat that was not claimed"));
        }
        if welcome.continuity == Continuity::State {
            if !self.has_state || welcome.tick != self.tick || !self.lost.is_empty() {
                return Err(ClientError::Unexpected("a state that was not claimed"));
            }
        } else {
            self.has_state = false;
            self.zones.clear();
            self.lost.clear();
        }
        match (fresh, self.remembers) {
            // Commands to a lost seat are not for the new one.
            (true, true) => (self.missed, self.commands) = (0, Unseen::default()),
            (_, false) => self.commands.begin(welcome.commands),
            (false, true) => {
                let missed = u32::try_from(welcome.events.since(self.events));
                self.missed += missed.map_err(|_| ClientError::Unexpected("events that came already"))?;
                self.commands.resume(welcome.commands);
            }
        }
        (self.events, self.acked_events, self.remembers) = (welcome.events, welcome.events, true);
        (self.tick, self.epoch) = (welcome.tick, welcome.epoch);
        self.players = welcome.players.len() as u32;
        let pass = |token: &serde_bytes::ByteBuf| Pass { room: welcome.room.clone(), token: token.to_vec() };
        self.pass = welcome.resume.as_ref().map(pass);
        self.welcome = Some(welcome);
        Ok(())
    }

    pub(super) fn on_frame(&mut self, frame: &FrameMessage) -> Result<Arrived, ClientError> {
        let Some(welcome) = &self.welcome else {
            return Err(ClientError::Unexpected("a frame before the welcome"));
        };
        if frame.advance == 0 || frame.advance > i32::MAX.cast_unsigned() {
            return Err(ClientError::Unexpected("a frame that does not advance"));
        }
        let spacing = if self.rate == 0 { 1 } else { welcome.rate.per_second().div_ceil(self.rate).into() };
        let mut arrived = Arrived { advance: frame.advance, ..Arrived::default() };
        // Whatever may fail comes first: events count as known only when they are returned.
        self.has_state = false;
        self.rebuild(frame, &mut arrived)?;
        if let Some(batch) = &frame.events {
            self.on_events(batch, &mut arrived)?;
        }
        self.frames = self.frames.wrapping_add(1);
        self.tick = self.tick.plus(frame.advance);
        self.consumed = self.consumed.plus(frame.consumed);
        (arrived.tick, arrived.consumed) = (self.tick, self.consumed);
        if let Some(note) = frame.note {
            arrived.superseded = note.superseded;
            arrived.correction = note.correction;
            self.epoch = note.correction.map_or(self.epoch, |correction| correction.epoch);
            note.commands.into_iter().for_each(|seen| self.commands.seen(seen));
        }
        arrived.lost += std::mem::take(&mut self.missed);
        arrived.players = self.players;
        (self.has_state, self.ack_due, self.awaited) = (true, true, frame.advance > spacing);
        Ok(arrived)
    }

    fn on_events(&mut self, batch: &EventBatch, arrived: &mut Arrived) -> Result<(), ClientError> {
        if batch.first != self.events.plus(1 + batch.lost) {
            return Err(ClientError::Unexpected("events out of order"));
        }
        arrived.lost += batch.lost;
        self.events = self.events.plus(batch.lost);
        for item in &batch.items {
            self.events = self.events.plus(1);
            // The welcome's list of players already includes the effect of some events.
            let listed = self.welcome.as_ref().is_some_and(|welcome| !self.events.is_after(welcome.listed));
            match item.body {
                EventBody::Joined(_) if !listed => self.players += 1,
                EventBody::Left { .. } if !listed => self.players = self.players.saturating_sub(1),
                _ => {}
            }
            arrived.events.push(item.body.clone().into_owned());
        }
        Ok(())
    }

    fn rebuild(&mut self, frame: &FrameMessage, arrived: &mut Arrived) -> Result<(), ClientError> {
        let Some(welcome) = &self.welcome else { return Ok(()) };
        for part in &frame.zones {
            arrived.payload += part.form.weight();
            if self.depth == Depth::Continuity {
                continue;
            }
            let zone = match &part.form {
                ZoneForm::Gone => {
                    self.zones.remove(&part.zone);
                    self.lost.remove(&part.zone);
                    continue;
                }
                ZoneForm::Keyframe(bytes) => {
                    self.lost.remove(&part.zone);
                    Some(read_keyframe(&welcome.schema, bytes)?)
                }
                ZoneForm::Chain(_) if self.lost.contains(&part.zone) => None,
                ZoneForm::Chain(deltas) => {
                    let known = self.zones.remove(&part.zone);
                    let zone = known.unwrap_or_else(|| Zone::empty(&welcome.schema));
                    // Deltas that do not decode do not start from this state: a desync, as with a wrong hash.
                    deltas.iter().try_fold(zone, |zone, delta| apply(&welcome.schema, &zone, delta)).ok()
                }
            };
            let right = zone.as_ref().is_some_and(|zone| part.hash.is_none_or(|hash| hash == zone.hash()));
            if !right && (part.hash.is_some() || self.lost.insert(part.zone)) {
                self.lost.insert(part.zone);
                arrived.desyncs += 1;
                let resync = Resync { zone: part.zone, tick: self.tick.plus(frame.advance) };
                self.outbox.push(encode_client(&ClientMessage::Resync(resync)));
            }
            if let Some(zone) = zone {
                self.zones.insert(part.zone, zone);
            }
        }
        Ok(())
    }
}
