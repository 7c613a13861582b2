//! The room as a whole: whether it is locked or ending, its properties, and players to be kicked.
//!
//! What the game and the operators ask for takes effect at the next tick, whose outputs name the sessions to end.
//! Idle players are found here, too.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::close_reason::CloseReason;
use super::overload::OverloadStep;
use super::room::{Room, RoomOutput};
use super::seat::Seated;
use super::tap::TapBody;
use crate::game::{Persistence, Recipients, RoomEffect};
use crate::id::Seat;
use crate::tick::Tick;
use crate::wire::{Close, EventBody, RosterEntry, limits};

/// The state of the room as a whole.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct RoomLifecycle {
    locked: bool,
    ending: Option<Ending>,
    /// Length of the match's result in bytes.
    result: Option<usize>,
    /// The result as it is told outside. It may name persons, so sealed checkpoints have it elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) public: Option<Value>,
    /// Something that the list of rooms shows has changed since the last tick.
    news: bool,
}

/// The room ends with the frame of this tick.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Ending {
    at: Tick,
    reason: CloseReason,
}

impl Room {
    /// Whether the room falls asleep when nobody is in it, instead of ending.
    pub fn outlives_players(&self) -> bool {
        match self.game.persistence() {
            Persistence::Never => false,
            Persistence::Optional => self.config.setup.options.get("persistent").is_some_and(|text| text == "true"),
            Persistence::Always => true,
        }
    }

    /// Removes a player or spectator at the next tick. Does nothing when the seat is free.
    pub(super) fn kick(&mut self, seat: Seat, reason: CloseReason) {
        if self.holds(seat) {
            self.kicks.push((seat, reason));
        }
    }

    /// A locked room admits players only if they resume a seat or have reserved one.
    pub(super) fn lock(&mut self, locked: bool) {
        self.lifecycle.news |= self.lifecycle.locked != locked;
        self.lifecycle.locked = locked;
    }

    /// Whether the room is locked.
    pub fn is_locked(&self) -> bool {
        self.lifecycle.locked
    }

    /// Ends the room at the next tick. Only the first ending counts.
    pub(super) fn close(&mut self, reason: CloseReason) {
        self.end_at(self.frame.tick().plus(1), reason);
    }

    /// Ends the match: every client gets `result`, and the room ends a moment later. Only the first ending counts.
    fn end(&mut self, result: &Bytes) {
        if self.lifecycle.ending.is_some() {
            return;
        }
        self.lifecycle.result = Some(result.len());
        let public = self.call_hook("public_result", |game, _| game.public_result(result));
        self.tap(|| TapBody::MatchEnded { result: public.clone() });
        self.lifecycle.public = Some(public);
        let grace = self.rate().ticks_in(limits::END_GRACE);
        self.end_at(self.frame.tick().plus(1 + grace), Close::MatchOver.into());
        let result = Cow::Borrowed(serde_bytes::Bytes::new(result));
        self.post(&Recipients::All, &EventBody::Ended { result });
    }

    /// Bytes of the match's result, once the match has ended.
    pub fn result(&self) -> Option<usize> {
        self.lifecycle.result
    }

    /// The match's [result](crate::Game::public_result) as systems outside are told, once the match has ended.
    pub fn public_result(&self) -> Option<&Value> {
        self.lifecycle.public.as_ref()
    }

    /// The verified identity of the player who has the seat.
    pub fn identity(&self, seat: Seat) -> Option<&str> {
        self.find(seat).ok().and_then(|index| self.seats[index].identity.as_deref())
    }

    /// All players who have a seat.
    pub fn roster(&self) -> Vec<RosterEntry> {
        self.seats.iter().map(Seated::listed).collect()
    }

    /// Why no new player is admitted; `None` when players are.
    pub fn shut(&self) -> Option<Close> {
        let ending = self.lifecycle.ending.as_ref().map(|ending| ending.reason.close());
        let overloaded = self.overload >= OverloadStep::NoJoins;
        ending.or(self.lifecycle.locked.then_some(Close::Locked)).or(overloaded.then_some(Close::TryLater))
    }

    /// The room's properties, in the order in which they were first set.
    pub fn properties(&self) -> &[(String, String)] {
        self.cx.properties()
    }

    fn end_at(&mut self, at: Tick, reason: CloseReason) {
        if self.lifecycle.ending.is_none() {
            self.lifecycle.ending = Some(Ending { at, reason });
            self.lifecycle.news = true;
        }
    }

    /// Reports, after a tick, what the list of rooms shows and whether the room ends with the newest frame.
    pub(super) fn report_lifecycle(&mut self) {
        if std::mem::take(&mut self.lifecycle.news) {
            self.outputs.push(RoomOutput::Listed);
        }
        if let Some(ending) = self.lifecycle.ending.as_ref().filter(|ending| self.frame.tick().since(ending.at) >= 0) {
            self.outputs.push(RoomOutput::Over(ending.reason.clone()));
        }
    }

    pub(super) fn apply_to_room(&mut self, effect: RoomEffect) {
        match effect {
            RoomEffect::Kick { seat, close, words } => self.kick(seat, CloseReason::with_text(close, &words)),
            RoomEffect::Lock(locked) => self.lock(locked),
            RoomEffect::Close { close, words } => self.close(CloseReason::with_text(close, &words)),
            RoomEffect::End { result } => self.end(&result),
            RoomEffect::Record { reason } => self.outputs.push(RoomOutput::Record(reason)),
            RoomEffect::Judged { shooter, victim, shown } => self.judge(shooter, victim, shown),
            RoomEffect::Property { key, value } => {
                self.lifecycle.news = true;
                self.tap(|| TapBody::Property { key: key.clone(), value: value.clone() });
                self.post(&Recipients::All, &EventBody::Property { key: key.into(), value: value.into() });
            }
        }
    }

    /// Frees the seats of those who were kicked, and of players who are idle for too long at the newest frame.
    /// Disconnected players have a time limit of their own.
    pub(super) fn remove_kicked(&mut self) {
        let (now, idle_after) = (self.frame.tick(), self.ticks(self.config.policy.idle_after));
        let mut kicks = std::mem::take(&mut self.kicks);
        if idle_after > 0 {
            let idle = self.seats.iter().filter(|seated| seated.away.is_none() && seated.idle_for(now) >= idle_after);
            kicks.extend(idle.map(|seated| (seated.seat, Close::Idle.into())));
        }
        kicks.into_iter().for_each(|(seat, reason)| self.free(seat, reason, false));
    }
}
