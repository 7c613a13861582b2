//! A taken seat: its player, their inputs, and the notes for it alone. The client may be disconnected.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::events::EventLog;
use super::input_buffer::InputBuffer;
use super::resume::Key;
use super::room::Room;
use super::tickets::Ticket;
use super::views::View;
use crate::game::{InputValues, Player, PlayerInput, SeatEffect, Viewpoint};
use crate::id::{CorrectionEpoch, EntityId, Seat, Seq, ZoneId};
use crate::snapshot::SeatNote;
use crate::tick::{Tick, ViewTime};
use crate::wire::{Close, RosterEntry};

/// A taken seat.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// The ticket of a player who came with one, until their client sent a message.
    #[serde(default)]
    pub ticket: Option<Ticket>,
    /// Set while the client is disconnected and the seat is held.
    pub away: Option<Away>,
    /// The events for the player. A checkpoint has them apart.
    #[serde(skip)]
    pub log: EventLog,
    pub input_buffer: InputBuffer,
    pub commands: Seq,
    pub epoch: CorrectionEpoch,
    pub reason: u8,
    /// The zones that the game subscribed the player to.
    pub zones: Arc<[ZoneId]>,
    /// With a grid: what the player sees.
    #[serde(default)]
    pub view: Option<View>,
    /// With a grid: from where.
    #[serde(default)]
    pub viewpoint: Viewpoint,
    /// The moment that the player was shown last, as their client tells.
    #[serde(default)]
    pub shown: Option<ViewTime>,
    /// How many inputs of the buffer were reported as superseded.
    superseded: u32,
    /// The input of the last tick, and when the player last changed it or sent a command.
    input: InputValues,
    active: Tick,
    /// Whether the player ever changed their input or sent a command.
    #[serde(default)]
    played: bool,
}

/// The hold of a seat whose client is disconnected.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Away {
    /// The seat is free from this tick on.
    pub until: Tick,
    /// How the connection ended.
    pub close: Close,
    /// Until then nobody is told, if the room has moved and its clients are on their way.
    #[serde(default)]
    pub untold_until: Option<Tick>,
}

impl Seated {
    /// A player who sees `zones` until the game subscribes the seat to others.
    pub fn new(
        player: Player,
        entity: EntityId,
        seat_generation: u32,
        input_buffer: InputBuffer,
        zones: Arc<[ZoneId]>,
    ) -> Self {
        let Player { seat, identity, name, .. } = player;
        Self {
            seat,
            entity,
            name,
            identity,
            seat_generation,
            key: None,
            ticket: None,
            away: None,
            log: EventLog::default(),
            input_buffer,
            commands: Seq(0),
            epoch: CorrectionEpoch(0),
            reason: 0,
            zones,
            view: None,
            viewpoint: Viewpoint::Own,
            shown: None,
            superseded: 0,
            input: InputValues::default(),
            active: Tick(0),
            played: false,
        }
    }

    /// Records that the player came at `now`.
    pub fn wake(&mut self, now: Tick) {
        self.active = now;
    }

    /// Records that the player did something at `now`.
    pub fn act(&mut self, now: Tick) {
        (self.active, self.played) = (now, true);
    }

    /// Whether the player ever changed their input or sent a command.
    pub fn has_played(&self) -> bool {
        self.played
    }

    /// Takes the input for the tick `now`. An unchanged input does not count as activity.
    pub fn take_input(&mut self, now: Tick) -> PlayerInput {
        let taken = self.input_buffer.take(self.epoch);
        if taken.input != self.input {
            (self.input, self.active) = (taken.input, now);
            // The first input without a message is neutral, not a player's.
            self.played |= taken.fresh;
        }
        PlayerInput { seat: self.seat, input: taken.input, fresh: taken.fresh, view: taken.view }
    }

    /// Inputs that were superseded since the last call.
    pub fn newly_superseded(&mut self) -> u32 {
        let superseded = self.input_buffer.superseded();
        superseded.wrapping_sub(std::mem::replace(&mut self.superseded, superseded))
    }

    /// Starts the inputs of a new connection, or of none.
    pub fn restart_inputs(&mut self, input_buffer: InputBuffer) {
        (self.input_buffer, self.superseded) = (input_buffer, 0);
    }

    /// Ticks since the player last did something.
    pub fn idle_for(&self, now: Tick) -> u32 {
        u32::try_from(now.since(self.active)).unwrap_or(0)
    }

    /// The player as others see it.
    pub fn listed(&self) -> RosterEntry {
        RosterEntry { seat: self.seat, entity: self.entity, name: self.name.clone(), away: self.is_told_away() }
    }

    /// Whether others know that the player is disconnected.
    pub fn is_told_away(&self) -> bool {
        self.away.is_some_and(|away| away.untold_until.is_none())
    }

    /// All zones that the player sees, ascending.
    pub fn seen(&self) -> &Arc<[ZoneId]> {
        self.view.as_ref().map_or(&self.zones, View::zones)
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
            lead: self.input_buffer.lead(),
            zones: self.seen().clone(),
            focus: self.view.as_ref().and_then(View::cell),
        }
    }

    /// The player did not come along with the room: others are told from now on.
    pub fn stop_waiting(&mut self) -> Seat {
        self.away.iter_mut().for_each(|away| away.untold_until = None);
        self.seat
    }

    /// How the last connection ended, if the hold has expired at `now`.
    pub fn overdue(&self, now: Tick) -> Option<Close> {
        self.away.filter(|away| now.since(away.until) >= 0).map(|away| away.close)
    }
}

impl Room {
    /// Does what the game requests for one seat. Does nothing when the seat is free.
    pub(super) fn apply_to_seat(&mut self, seat: Seat, effect: SeatEffect) {
        match (self.find(seat), effect) {
            (Ok(index), SeatEffect::Correct { reason }) => {
                let seated = &mut self.seats[index];
                (seated.epoch, seated.reason) = (seated.epoch.next(), reason);
            }
            (Ok(index), SeatEffect::Subscribe { zones }) => self.seats[index].zones = zones,
            (Ok(index), SeatEffect::LookFrom(from)) => self.seats[index].viewpoint = from,
            (Err(_), SeatEffect::LookFrom(from)) if self.views.is_some() => {
                self.find_spectator(seat).into_iter().for_each(|index| self.spectators[index].look_from(from));
            }
            (Err(_), _) => {}
        }
    }
}
