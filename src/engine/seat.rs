//! A taken seat: its player, their inputs, and the notes for it alone. The client may be disconnected.

use std::sync::Arc;

use super::frame_sender::Entry;
use super::input_buffer::InputBuffer;
use super::resume::Key;
use crate::game::{Input, Player};
use crate::id::{CorrectionEpoch, EntityId, Seat, Seq, ZoneId};
use crate::snapshot::SeatNote;
use crate::tick::{Tick, TickRate};
use crate::wire::{Close, PlayerEntry};

/// A taken seat.
#[derive(Debug)]
pub(super) struct Seated {
    pub seat: Seat,
    pub entity: EntityId,
    pub name: String,
    /// The verified identity of the player.
    pub identity: Option<String>,
    /// The generation of the client's entry into the room.
    pub seat_generation: u32,
    /// Opens the seat for a returning client. A seat without a key is not held.
    pub key: Option<Key>,
    /// Set while the client is disconnected and the seat is held.
    pub away: Option<Away>,
    pub input_buffer: InputBuffer,
    pub commands: Seq,
    pub epoch: CorrectionEpoch,
    pub reason: u8,
    pub zones: Arc<[ZoneId]>,
    /// The input of the last tick, and when the player last changed it or sent a command.
    input: Input,
    active: Tick,
}

/// The hold of a seat whose client is disconnected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Away {
    /// The seat is free from this tick on.
    pub until: Tick,
    /// How the connection ended.
    pub close: Close,
}

impl Seated {
    pub fn new(player: Player, entity: EntityId, seat_generation: u32, input_buffer: InputBuffer) -> Self {
        let Player { seat, identity, name, .. } = player;
        Self {
            seat,
            entity,
            name,
            identity,
            seat_generation,
            key: None,
            away: None,
            input_buffer,
            commands: Seq(0),
            epoch: CorrectionEpoch(0),
            reason: 0,
            zones: [ZoneId(0)].into(),
            input: Input::default(),
            active: Tick(0),
        }
    }

    /// Records that the player did something at `now`.
    pub fn wake(&mut self, now: Tick) {
        self.active = now;
    }

    /// Records the input of a tick. An unchanged input does not count as activity.
    pub fn notice(&mut self, input: &Input, now: Tick) {
        if *input != self.input {
            (self.input, self.active) = (*input, now);
        }
    }

    /// Ticks since the player last did something.
    pub fn idle_for(&self, now: Tick) -> u32 {
        u32::try_from(now.since(self.active)).unwrap_or(0)
    }

    /// The player as others see it.
    pub fn listed(&self) -> PlayerEntry {
        PlayerEntry { seat: self.seat, entity: self.entity, name: self.name.clone(), away: self.away.is_some() }
    }

    /// The entry of a client that has the state of `tick` in `zones`.
    pub fn entry(&self, rate: TickRate, tick: Tick, zones: Arc<[ZoneId]>) -> Entry {
        let Self { seat, seat_generation, commands, epoch, .. } = *self;
        Entry { seat, seat_generation, tick, rate, epoch, commands, zones }
    }

    /// What the next frame tells this seat alone.
    pub fn note(&self) -> SeatNote {
        SeatNote {
            seat: self.seat,
            entity: self.entity,
            seat_generation: self.seat_generation,
            consumed: self.input_buffer.consumed(),
            superseded: self.input_buffer.superseded(),
            epoch: self.epoch,
            reason: self.reason,
            commands: self.commands,
            zones: self.zones.clone(),
        }
    }

    /// How the last connection ended, if the hold has expired at `now`.
    pub fn overdue(&self, now: Tick) -> Option<Close> {
        self.away.filter(|away| now.since(away.until) >= 0).map(|away| away.close)
    }
}
