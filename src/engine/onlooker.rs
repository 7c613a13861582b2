//! Observers: they see frames and events as players do, and do nothing.
//!
//! An observer has a seat number beyond those of players, so that viewers, desks and events treat both alike. The game
//! is never told of them, but for what they would like to say; they have no entity and are in no list of players.

use std::borrow::Cow;
use std::sync::Arc;

use super::command::Ask;
use super::room::{Admitted, Post, Refusal, Room};
use super::viewer::Entry;
use crate::game::To;
use crate::id::{EntityId, PlacementEpoch, Seat, Seq, ZoneId};
use crate::snapshot::SeatNote;
use crate::wire::{Close, EventBody, limits};

/// Whether a seat is an observer's.
pub(super) fn looks_on(seat: Seat) -> bool {
    seat.0 >= limits::SEATS
}

/// Somebody who looks on.
#[derive(Debug)]
pub(super) struct Onlooker {
    pub seat: Seat,
    sitting: u32,
    name: String,
    commands: Seq,
    zones: Arc<[ZoneId]>,
}

impl Room {
    /// The same, with room for so many observers; as made, for none.
    #[must_use]
    pub fn with_observers(mut self, most: u16) -> Self {
        self.standing.most_observers = most.min(limits::OBSERVERS);
        self
    }

    /// Who looks on.
    pub fn observers(&self) -> usize {
        self.onlookers.len()
    }

    /// Lets somebody look on, who sees the zones that the game shows to observers now. A locked room can be watched.
    ///
    /// # Errors
    /// [`Refusal::Full`], or [`Refusal::Shut`] when the room is ending.
    pub fn admit_observer(&mut self, name: String) -> Result<Admitted, Refusal> {
        if let Some(close) = self.shut().filter(|close| *close != Close::Locked) {
            return Err(Refusal::Shut(close));
        }
        if self.onlookers.len() >= usize::from(self.standing.most_observers) {
            return Err(Refusal::Full);
        }
        let index = self.onlookers.iter().zip(limits::SEATS..).position(|(onlooker, number)| onlooker.seat.0 != number);
        let index = index.unwrap_or(self.onlookers.len());
        let seat = Seat(limits::SEATS + index as u16);
        let mut zones = self.ask("spectate", |game, _| game.spectate());
        zones.sort_unstable();
        zones.dedup();
        let (sitting, commands, placement) = (self.next_sitting(), Seq(0), PlacementEpoch(0));
        self.onlookers.insert(index, Onlooker { seat, sitting, name, commands, zones: zones.into() });
        self.greet_with_chat(seat);
        let (rate, tick) = (self.rate(), self.frame.tick());
        let entry = Entry { seat, sitting, tick, rate, placement, commands, zones: [].into() };
        Ok(Admitted { entry, welcome: self.welcome(seat, EntityId(0), placement, commands) })
    }

    /// An observer is gone. Does nothing when nobody looks on from there.
    pub(super) fn look_away(&mut self, seat: Seat) {
        self.onlookers.retain(|onlooker| onlooker.seat != seat);
        self.kicks.retain(|(kicked, _)| *kicked != seat);
    }

    /// What an observer asks has no effect, but for what the game lets them say.
    pub(super) fn overhear(&mut self, seat: Seat, seq: Seq, ask: &Ask) {
        let Some(onlooker) = self.onlookers.iter_mut().find(|onlooker| onlooker.seat == seat) else { return };
        if !seq.is_after(onlooker.commands) {
            return;
        }
        onlooker.commands = seq;
        match ask {
            Ask::Tell { .. } => {}
            Ask::Call { .. } => {
                let body = Cow::Owned(serde_bytes::ByteBuf::from(*b"observers look on only"));
                self.post(&To::Only(seat), EventBody::Reply { command: seq, done: false, body });
            }
            // What is said to some would reach everyone: observers speak to all or not at all.
            Ask::Chat { to, .. } if !to.is_empty() => {}
            Ask::Chat { text, .. } => {
                let name = onlooker.name.clone();
                let passed = self.ask("observer_chat", |game, cx| game.observer_chat(&name, text, cx));
                self.apply_effects();
                if passed && !text.is_empty() {
                    self.say(seat, name, &[], text);
                }
            }
        }
    }

    /// The latest lines of chat, for who came just now.
    pub(super) fn greet_with_chat(&mut self, seat: Seat) {
        self.posts.extend(self.chat.iter().map(|line| Post { seats: vec![seat], event: line.clone() }));
    }
}

impl Onlooker {
    /// What the next frame says to them alone: nearly nothing.
    pub fn note(&self) -> SeatNote {
        SeatNote {
            seat: self.seat,
            entity: EntityId(0),
            sitting: self.sitting,
            consumed: Seq(0),
            superseded: 0,
            placement: PlacementEpoch(0),
            reason: 0,
            commands: self.commands,
            zones: self.zones.clone(),
        }
    }
}
