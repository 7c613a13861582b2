//! Seats of disconnected clients: how they are held, resumed, and finally freed.
//!
//! A held seat counts as taken. Its avatar stays in the game and idles; the shell continues to log its events; its
//! inputs ended with the connection. A seat is held only for a client that has a token and has sent a message since.

use std::time::Duration;

use super::events::{EventLog, ImpossibleAck};
use super::input_buffer::InputBuffer;
use super::resume::{Claim, Key, ResumeToken, Secret};
use super::room::{Admitted, Room};
use super::seat::Away;
use crate::game::Recipients;
use crate::id::Seat;
use crate::snapshot::Frame;
use crate::wire::{Close, Continuity, EventBody, limits};

impl Room {
    /// Holds seats for `span` after a connection is lost; zero, the default, holds none.
    #[must_use]
    pub fn holding_seats_for(mut self, span: Duration) -> Self {
        self.hold_ticks = if span.is_zero() { 0 } else { self.ticks(span) };
        self
    }

    /// Held seats of disconnected players.
    pub fn away(&self) -> usize {
        self.seats.iter().filter(|seated| seated.away.is_some()).count()
    }

    /// Gives a newly admitted player a token, made of `secret`, with which the seat can be resumed. Rooms that hold no
    /// seats give none.
    pub fn give_token(&mut self, admitted: &mut Admitted, secret: Secret) {
        let seat = admitted.entry.seat;
        if let Ok(index) = self.find(seat)
            && self.hold_ticks > 0
        {
            let token = ResumeToken::new(seat, secret);
            self.seats[index].key = Some(Key::new(token));
            admitted.welcome.resume = Some(token.bytes().to_vec().into());
        }
    }

    /// The seat's client sent a message under its newest token: the previous token opens nothing any more.
    pub fn confirm(&mut self, seat: Seat) {
        if let Ok(index) = self.find(seat)
            && let Some(key) = &mut self.seats[index].key
        {
            key.confirm();
        }
    }

    /// The taken seat that a token opens. The seat of a player with a verified identity opens for no other identity.
    pub fn recognise(&self, token: &ResumeToken, identity: Option<&str>) -> Option<Seat> {
        let seated = &self.seats[self.find(token.seat()).ok()?];
        let same = seated.identity.is_none() || seated.identity.as_deref() == identity;
        seated.key.filter(|key| same && key.opens(token)).map(|_| seated.seat)
    }

    /// Handles the end of a seat's connection. Holds the seat if players come back after such a close, and frees it
    /// otherwise. Returns whether it is held.
    pub fn drop_out(&mut self, seat: Seat, close: Close) -> bool {
        let Ok(index) = self.find(seat) else {
            self.leave(seat, close);
            return false;
        };
        let seated = &self.seats[index];
        if seated.away.is_some() {
            return true;
        }
        let known = seated.key.as_ref().is_some_and(Key::is_known);
        let hold = if close == Close::GoingAway { self.ticks(limits::HOLD_PAGE_FOR) } else { self.hold_ticks };
        if !known || !close.keeps_seat() {
            self.leave(seat, close);
            return false;
        }
        let until = self.frame.tick().plus(hold.min(self.hold_ticks));
        self.seats[index].away = Some(Away { until, close });
        self.seats[index].input_buffer = self.empty_input_buffer();
        self.call_hook("disconnected", |game, cx| game.disconnected(seat, cx));
        self.post(&Recipients::Except(seat), EventBody::Disconnected { seat });
        self.apply_effects();
        true
    }

    /// Gives a [recognised](Self::recognise) seat to the client that makes `claim`. If another connection still has the
    /// seat, its session must be ended, and its messages no longer count. `log` must have all events of the seat,
    /// including everything posted so far. `base` is the room's frame of the claimed tick, if the shell still has it.
    /// The next token is made of `secret`.
    ///
    /// # Errors
    /// When the claim names events that were never sent; nothing has changed then.
    ///
    /// # Panics
    /// When the seat is free.
    pub fn resume(
        &mut self,
        seat: Seat,
        claim: &Claim,
        log: &mut EventLog,
        base: Option<&Frame>,
        secret: Secret,
    ) -> Result<Admitted, ImpossibleAck> {
        let rewound = log.rewind(claim.events)?;
        let index = self.find(seat).expect("a recognised seat is taken");
        let (seat_generation, input_buffer) = (self.next_seat_generation(), self.empty_input_buffer());
        let token = ResumeToken::new(seat, secret);
        let seated = &mut self.seats[index];
        (seated.seat_generation, seated.input_buffer) = (seat_generation, input_buffer);
        seated.wake(self.frame.tick());
        if let Some(key) = &mut seated.key {
            key.renew(claim.token, token);
        }
        if seated.away.take().is_some() {
            self.post(&Recipients::Except(seat), EventBody::Reconnected { seat });
        }
        let mut admitted = self.admitted(index);
        let Admitted { entry, welcome } = &mut admitted;
        welcome.continuity = Continuity::Seat;
        welcome.resume = Some(token.bytes().to_vec().into());
        (welcome.events, welcome.listed) = (rewound.events, rewound.newest);
        // The zones are those that the client had at its tick. The hash shows whether its claim is true.
        if let Some(base) = base.filter(|base| Some(base.tick()) == claim.tick)
            && let Some(note) = base.note(seat).filter(|note| note.entity == welcome.entity)
        {
            welcome.continuity = Continuity::State;
            (welcome.tick, entry.tick, entry.zones) = (base.tick(), base.tick(), note.zones.clone());
        }
        self.call_hook("reconnected", |game, cx| game.reconnected(seat, cx));
        self.apply_effects();
        Ok(admitted)
    }

    /// Frees the seats whose hold has expired.
    pub(super) fn release(&mut self) -> Vec<Seat> {
        let now = self.frame.tick();
        let overdue = self.seats.iter().filter_map(|seated| Some((seated.seat, seated.overdue(now)?)));
        let overdue: Vec<(Seat, Close)> = overdue.collect();
        overdue.iter().for_each(|(seat, close)| self.leave(*seat, *close));
        overdue.into_iter().map(|(seat, _)| seat).collect()
    }

    pub(super) fn empty_input_buffer(&self) -> InputBuffer {
        InputBuffer::new(self.spec.authority, self.spec.inputs.neutral())
    }

    fn ticks(&self, span: Duration) -> u32 {
        self.rate().ticks_in(span)
    }
}
