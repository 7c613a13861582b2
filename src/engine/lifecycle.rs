//! The room as a whole: whether it is locked or ending, its properties, and players to be kicked.
//!
//! What the game and the operators ask for takes effect at the next tick, which tells the shell which sessions to end.
//! Idle players are found here, too.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;

use super::close_reason::CloseReason;
use super::room::Room;
use super::seat::Seated;
use crate::game::{Effect, Recipients};
use crate::id::Seat;
use crate::tick::Tick;
use crate::wire::{Close, EventBody, PlayerEntry, limits};

/// The state of the room as a whole.
#[derive(Debug, Default)]
pub(super) struct RoomLifecycle {
    locked: bool,
    ending: Option<Ending>,
    /// Length of the match's result in bytes.
    result: Option<usize>,
    /// Something that the list of rooms shows has changed.
    news: bool,
    /// Ticks after which an idle player is kicked; 0 means never.
    idle_after: u32,
    /// The most spectators allowed.
    pub most_spectators: u16,
}

/// The room ends with the frame of this tick.
#[derive(Debug)]
struct Ending {
    at: Tick,
    reason: CloseReason,
}

impl Room {
    /// Kicks players who are idle for `span`; zero, the default, kicks nobody.
    #[must_use]
    pub fn idle_after(mut self, span: Duration) -> Self {
        self.lifecycle.idle_after = if span.is_zero() { 0 } else { self.rate().ticks_in(span) };
        self
    }

    /// Ends a player's or spectator's session with the next tick, which reports the kick. Does nothing when the seat is
    /// free.
    pub fn kick(&mut self, seat: Seat, reason: CloseReason) {
        if self.holds(seat) {
            self.kicks.push((seat, reason));
        }
    }

    /// Locks or unlocks the room. A locked room admits players only if they resume a seat or have reserved one.
    pub fn lock(&mut self, locked: bool) {
        self.lifecycle.news |= self.lifecycle.locked != locked;
        self.lifecycle.locked = locked;
    }

    /// Whether the room is locked.
    pub fn is_locked(&self) -> bool {
        self.lifecycle.locked
    }

    /// Ends the room with the next tick. Only the first ending counts.
    pub fn close(&mut self, reason: CloseReason) {
        self.end_at(self.frame.tick().plus(1), reason);
    }

    /// Ends the match: every client gets `result`, and the room ends a moment later. Only the first ending counts.
    ///
    /// # Panics
    /// When `result` is longer than [`limits::BODY`].
    pub fn end(&mut self, result: Bytes) {
        assert!(result.len() <= limits::BODY, "a result of {} bytes", result.len());
        if self.lifecycle.ending.is_some() {
            return;
        }
        self.lifecycle.result = Some(result.len());
        let grace = self.rate().ticks_in(limits::END_GRACE);
        self.end_at(self.frame.tick().plus(1 + grace), Close::MatchOver.into());
        let result = Cow::Owned(serde_bytes::ByteBuf::from(result.to_vec()));
        self.post(&Recipients::All, EventBody::Ended { result });
    }

    /// Bytes of the match's result, once the match has ended.
    pub fn result(&self) -> Option<usize> {
        self.lifecycle.result
    }

    /// All players who have a seat.
    pub fn roster(&self) -> Vec<PlayerEntry> {
        self.seats.iter().map(Seated::listed).collect()
    }

    /// Why no new player is admitted; `None` when players are.
    pub fn shut(&self) -> Option<Close> {
        let ending = self.lifecycle.ending.as_ref().map(|ending| ending.reason.close());
        ending.or(self.lifecycle.locked.then_some(Close::Locked))
    }

    /// The room's properties, in the order in which they were first set.
    pub fn properties(&self) -> &[(String, String)] {
        self.cx.properties()
    }

    /// Whether the room was locked, unlocked or set to end, or its properties changed, since the last call.
    pub fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.lifecycle.news)
    }

    fn end_at(&mut self, at: Tick, reason: CloseReason) {
        if self.lifecycle.ending.is_none() {
            self.lifecycle.ending = Some(Ending { at, reason });
            self.lifecycle.news = true;
        }
    }

    /// Why the room ends, if it ends with the newest frame.
    pub(super) fn ended(&self) -> Option<CloseReason> {
        let ending = self.lifecycle.ending.as_ref().filter(|ending| self.frame.tick().since(ending.at) >= 0);
        ending.map(|ending| ending.reason.clone())
    }

    /// Applies an effect that concerns the room itself.
    pub(super) fn apply_verb(&mut self, effect: Effect) {
        match effect {
            Effect::Kick { seat, close, words } => self.kick(seat, CloseReason::with_text(close, &words)),
            Effect::Lock(locked) => self.lock(locked),
            Effect::Close { close, words } => self.close(CloseReason::with_text(close, &words)),
            Effect::End { result } => self.end(result),
            Effect::Property { key, value } => {
                self.lifecycle.news = true;
                self.post(&Recipients::All, EventBody::Property { key: key.into(), value: value.into() });
            }
            Effect::Emit { .. } | Effect::Correct { .. } | Effect::Subscribe { .. } => {
                unreachable!("what is about seats is done where seats are")
            }
        }
    }

    /// Kicks players who are idle for too long at the newest frame. Disconnected players have a time limit of their
    /// own.
    pub(super) fn kick_idle(&mut self) {
        let (now, patience) = (self.frame.tick(), self.lifecycle.idle_after);
        if patience > 0 {
            let idle = self.seats.iter().filter(|seated| seated.away.is_none() && seated.idle_for(now) >= patience);
            self.kicks.extend(idle.map(|seated| (seated.seat, Close::Idle.into())));
        }
    }
}
