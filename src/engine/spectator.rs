//! Spectators: they receive frames and events as players do, but do not take part.
//!
//! A spectator has a seat number above those of players, so that sessions, channels and events treat both alike. The
//! game learns that they come, and of what they send; they have no entity and are in no list of players. In a large world the
//! game may give them a view.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::command::Command;
use super::events::EventLog;
use super::room::{Answer, Refusal, Room};
use super::room_input::Enter;
use super::views::{View, Views};
use crate::game::{Player, Recipients, Viewpoint};
use crate::id::{CorrectionEpoch, EntityId, Seat, Seq, ZoneId};
use crate::snapshot::{Places, SeatNote};
use crate::tick::Tick;
use crate::wire::{Close, EventBody, limits};

/// Whether a seat is a spectator's.
pub(crate) fn is_spectator(seat: Seat) -> bool {
    seat.0 >= limits::SEATS
}

/// A spectator of a room.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Spectator {
    pub seat: Seat,
    pub seat_generation: u32,
    name: String,
    commands: Seq,
    /// The zones that the game shows to all spectators.
    zones: Arc<[ZoneId]>,
    /// With a grid: from where the spectator sees it, and what.
    #[serde(default)]
    viewpoint: Viewpoint,
    #[serde(default)]
    view: Option<View>,
    /// The events for the spectator. A checkpoint has them apart.
    #[serde(skip)]
    pub log: EventLog,
}

impl Room {
    pub(super) fn find_spectator(&self, seat: Seat) -> Result<usize, usize> {
        self.spectators.binary_search_by_key(&seat, |spectator| spectator.seat)
    }

    /// Spectators in the room.
    pub fn spectators(&self) -> usize {
        self.spectators.len()
    }

    /// The zones that the game shows to spectators now, ascending.
    pub(super) fn spectated(&mut self) -> Vec<ZoneId> {
        let mut zones = self.call_hook("spectate", |game, _| game.spectate());
        zones.sort_unstable();
        zones.dedup();
        zones
    }

    /// Whether the game wants a token of spectators.
    pub fn spectators_need_token(&self) -> bool {
        self.needs_token
    }

    /// Admits a spectator, who sees the zones that the game shows to spectators now. A locked room can be watched.
    pub(super) fn enter_spectator(&mut self, enter: Enter) -> Answer {
        let Enter { name, identity, options, .. } = enter;
        if identity.is_none() && self.spectators_need_token() {
            return Err(Refusal::NoToken);
        }
        if let Some(close) = self.shut().filter(|close| *close != Close::Locked) {
            return Err(Refusal::Shut(close));
        }
        if self.spectators.len() >= usize::from(self.config.policy.most_spectators.min(limits::SPECTATORS)) {
            return Err(Refusal::Full);
        }
        let index =
            self.spectators.iter().zip(limits::SEATS..).position(|(spectator, number)| spectator.seat.0 != number);
        let index = index.unwrap_or(self.spectators.len());
        let seat = Seat(limits::SEATS + index as u16);
        let zones = self.spectated();
        let (seat_generation, commands, log) =
            (self.next_seat_generation(), self.config.counters.commands, self.log_of_newcomer());
        let player = Player { seat, identity, name: name.clone(), options };
        let (zones, viewpoint, view) = (zones.into(), Viewpoint::Own, None);
        self.spectators.insert(index, Spectator { seat, seat_generation, name, commands, zones, viewpoint, view, log });
        self.call_hook("spectator_joined", |game, cx| game.spectator_joined(&player, cx));
        self.apply_effects();
        let welcome = self.welcome(seat, EntityId(0), CorrectionEpoch(0), commands);
        Ok(Box::new(self.admitted_with(welcome, seat_generation, &self.spectators[index].log)))
    }

    /// Handles a spectator's command: chat lines, if the game passes them on, and what the game hears of spectators.
    pub(super) fn spectator_command(&mut self, seat: Seat, seq: Seq, command: &Command) {
        let Ok(index) = self.find_spectator(seat) else { return };
        let spectator = &mut self.spectators[index];
        if !seq.is_after(spectator.commands) {
            return;
        }
        spectator.commands = seq;
        match command {
            Command::Message { kind, body } => {
                self.call_hook("spectator_command", |game, cx| game.spectator_command(seat, *kind, body, cx));
                self.apply_effects();
            }
            Command::Call { .. } => {
                let body = Cow::Borrowed(serde_bytes::Bytes::new(b"spectators look on only"));
                self.post(&Recipients::Only(seat), &EventBody::Reply { command: seq, done: false, body });
            }
            // A line to some would reach everyone: spectators chat with everyone or not at all.
            Command::Chat { to, .. } if !to.is_empty() => {}
            Command::Chat { text, .. } => {
                let name = spectator.name.clone();
                let passed = self.call_hook("spectator_chat", |game, cx| game.spectator_chat(&name, text, cx));
                self.apply_effects();
                if passed && !text.is_empty() {
                    self.say(seat, &name, &[], text);
                }
            }
        }
    }
}

impl Spectator {
    /// The zones that the spectator sees, ascending.
    pub fn zones(&self) -> &Arc<[ZoneId]> {
        self.view.as_ref().map_or(&self.zones, View::zones)
    }

    /// Sets from where the spectator sees a large world.
    pub fn look_from(&mut self, from: Viewpoint) {
        self.viewpoint = from;
        if from == Viewpoint::Own {
            self.view = None;
        }
    }

    /// Brings the view up to date with where everybody is now.
    pub fn update_view(&mut self, views: &Views, places: &Places, now: Tick) {
        if self.viewpoint != Viewpoint::Own {
            let at = views.place(self.viewpoint, EntityId(0), places);
            views.update(self.view.get_or_insert_default(), at, &self.zones, now);
        }
    }

    /// What the next frame tells the spectator alone: almost nothing.
    pub fn note(&self) -> SeatNote {
        SeatNote {
            seat: self.seat,
            entity: EntityId(0),
            seat_generation: self.seat_generation,
            consumed: Seq(0),
            superseded: 0,
            epoch: CorrectionEpoch(0),
            reason: 0,
            commands: self.commands,
            lead: 0,
            zones: self.zones().clone(),
            focus: self.view.as_ref().and_then(View::cell),
        }
    }
}
