//! Seats of disconnected clients: how they are held, resumed, and finally freed.
//!
//! A held seat counts as taken. Its avatar stays in the game and idles; its log goes on to collect events; its inputs
//! ended with the connection. A seat is held only for a client that has a token and has sent a message since.

use std::sync::Arc;
use std::time::Duration;

use super::resume::{Key, SecretDigest};
use super::room::{Answer, Refusal, Room};
use super::room_input::{Base, Return};
use super::seat::Away;
use super::seat::Seated;
use crate::game::Recipients;
use crate::id::{EntityId, Incarnation, Seat};
use crate::snapshot::Frame;
use crate::tick::Tick;
use crate::wire::{Close, Continuity, EventBody, limits};

impl Room {
    /// Whether seats of disconnected players are held.
    pub fn holds_seats(&self) -> bool {
        !self.config.policy.hold.is_zero()
    }

    /// Held seats of disconnected players.
    pub fn away(&self) -> usize {
        self.seats.iter().filter(|seated| seated.away.is_some()).count()
    }

    /// The seat's client sent a message under its newest token: the previous token opens nothing any more.
    pub(super) fn confirm(&mut self, seat: Seat) {
        if let Some(seated) = self.present(seat) {
            seated.ticket = None;
            seated.key.iter_mut().for_each(Key::confirm);
        }
    }

    /// Whether the seat's client has not yet shown that it knows of its seat, or its newest token.
    pub(super) fn awaits_confirmation(&self, seat: Seat) -> bool {
        let Ok(index) = self.find(seat) else { return false };
        let Seated { key, ticket, .. } = &self.seats[index];
        ticket.is_some() || key.as_ref().is_some_and(Key::awaits_confirmation)
    }

    /// The entity of a player; `None` for spectators and free seats.
    pub fn entity(&self, seat: Seat) -> Option<EntityId> {
        self.find(seat).ok().map(|index| self.seats[index].entity)
    }

    /// Whether a secret opens a taken seat. The seat of a player with a verified identity opens for no other identity.
    pub fn opens(&self, seat: Seat, presented: &SecretDigest, identity: Option<&str>) -> bool {
        let Ok(index) = self.find(seat) else { return false };
        let seated = &self.seats[index];
        let same = seated.identity.is_none() || seated.identity.as_deref() == identity;
        same && seated.key.is_some_and(|key| key.opens(presented))
    }

    /// Handles the end of a seat's connection: holds the seat if players come back after such a close, and frees it
    /// otherwise.
    pub(super) fn disconnect(&mut self, seat: Seat, close: Close) {
        self.part_from(seat, close, None);
    }

    /// As [`Self::disconnect`]. If there is a time until which nobody is told, the client is expected back before.
    fn part_from(&mut self, seat: Seat, close: Close, untold_until: Option<Tick>) {
        let Ok(index) = self.find(seat) else { return self.free(seat, close.into(), false) };
        let seated = &self.seats[index];
        if seated.away.is_some() {
            return;
        }
        if !seated.key.as_ref().is_some_and(Key::is_known) || !close.keeps_seat() {
            // Who leaves without having said anything may have given up before the welcome came.
            if close.keeps_seat() || close == Close::Left {
                self.give_back_ticket(index);
            }
            return self.free(seat, close.into(), false);
        }
        let most = self.ticks(self.config.policy.hold);
        let briefly = close == Close::GoingAway || !seated.has_played();
        let hold = if briefly { self.ticks(limits::HOLD_BRIEFLY_FOR).min(most) } else { most };
        let until = self.frame.tick().plus(hold);
        let input_buffer = self.empty_input_buffer();
        self.seats[index].away = Some(Away { until, close, untold_until });
        self.seats[index].restart_inputs(input_buffer);
        if untold_until.is_none() {
            self.tell_away(seat);
        }
    }

    fn tell_away(&mut self, seat: Seat) {
        self.call_hook("disconnected", |game, cx| game.disconnected(seat, cx));
        self.post(&Recipients::Except(seat), &EventBody::Disconnected { seat });
        self.apply_effects();
    }

    /// Gives a seat to the client that claims it. If another connection still has the seat, its session must be ended,
    /// and its messages no longer count.
    pub(super) fn take_back(&mut self, back: &Return) -> Answer {
        let index = self.find(back.seat).map_err(|_| Refusal::NoSeat)?;
        if !self.opens(back.seat, &back.presented, back.identity.as_deref()) {
            return Err(Refusal::NoSeat);
        }
        let rewound = self.seats[index].log.rewind(back.events).map_err(|_| Refusal::ImpossibleClaim)?;
        let (seat_generation, input_buffer) = (self.next_seat_generation(), self.empty_input_buffer());
        let now = self.frame.tick();
        let seated = &mut self.seats[index];
        seated.seat_generation = seat_generation;
        seated.restart_inputs(input_buffer);
        seated.wake(now);
        if let Some(key) = &mut seated.key {
            key.renew(back.presented, back.secret);
        }
        let away = seated.away.take();
        // To the others and to the game, who comes along with the room was never away.
        let comes_along = away.is_some_and(|away| away.untold_until.is_some());
        if away.is_some() && !comes_along {
            self.post(&Recipients::Except(back.seat), &EventBody::Reconnected { seat: back.seat });
        }
        let mut admitted = self.admitted(index);
        let (welcome, start) = (&mut admitted.welcome, &mut admitted.start);
        welcome.continuity = Continuity::Seat;
        (welcome.events, welcome.listed, start.events) = (rewound.events, rewound.newest, rewound.events);
        // The zones are those that the client had at its tick. The hash shows whether its claim is true.
        if let Some(Base { tick, zones }) = &back.base {
            (welcome.continuity, welcome.tick) = (Continuity::State, *tick);
            (start.tick, start.zones) = (*tick, zones.as_slice().into());
        }
        if !comes_along {
            self.call_hook("reconnected", |game, cx| game.reconnected(back.seat, cx));
            self.apply_effects();
        }
        if let Ok(index) = self.find(back.seat) {
            admitted.events = self.seats[index].log.queue_after(rewound.events);
        }
        Ok(Box::new(admitted))
    }

    /// A client got a new token for its seat, in a time that the room has lost otherwise.
    pub(super) fn renew_key(&mut self, back: &Return) {
        let key = self.find(back.seat).ok().and_then(|index| self.seats[index].key.as_mut());
        if let Some(key) = key.filter(|key| key.opens(&back.presented)) {
            key.renew(back.presented, back.secret);
        }
    }

    /// Clients may know events that the room does not: it goes on with numbers above theirs, and what is between them counts as
    /// lost.
    pub(super) fn lose_events(&mut self) {
        let logs = self.seats.iter_mut().map(|seated| &mut seated.log);
        logs.chain(self.spectators.iter_mut().map(|one| &mut one.log)).for_each(|log| log.skip(limits::SPARE_EVENTS));
    }

    /// Goes on in another process: every client has lost its connection.
    pub(super) fn recover(&mut self, incarnation: Incarnation, spare_ids: u32) {
        self.go_on(incarnation, spare_ids, None);
    }

    /// Goes on in another process, which all clients have been told.
    pub(super) fn arrive(&mut self, incarnation: Incarnation) {
        let until = self.frame.tick().plus(self.ticks(limits::COMES_ALONG_WITHIN));
        self.go_on(incarnation, 0, Some(until));
    }

    fn go_on(&mut self, incarnation: Incarnation, spare_ids: u32, untold_until: Option<Tick>) {
        self.interrupt_film();
        self.cx.skip_entities(spare_ids);
        self.give_back_tickets();
        self.config.incarnation = incarnation;
        self.frame = Arc::new(Frame::clone(&self.frame).of(incarnation));
        let players = self.seats.iter().map(|seated| seated.seat);
        let all: Vec<Seat> = players.chain(self.spectators.iter().map(|spectator| spectator.seat)).collect();
        let mut present = self.present_players();
        all.into_iter().for_each(|seat| self.part_from(seat, Close::Lost, untold_until));
        if !self.tapped {
            present.retain(|(seat, ..)| self.find(*seat).is_err());
            self.lost = present;
        }
    }

    /// Frees the seats whose hold has expired, and forgets tickets that have.
    pub(super) fn release(&mut self) {
        let now = self.frame.tick();
        self.tickets.expire(now);
        let longest = self.ticks(self.config.policy.hold + limits::SILENCE);
        self.departed.retain(|(_, since)| now.since(*since).cast_unsigned() <= longest);
        let is_late = |seated: &&mut Seated| {
            let until = seated.away.and_then(|away| away.untold_until);
            until.is_some_and(|until| now.since(until) >= 0)
        };
        let late: Vec<Seat> = self.seats.iter_mut().filter(is_late).map(Seated::stop_waiting).collect();
        late.into_iter().for_each(|seat| self.tell_away(seat));
        let overdue = self.seats.iter().filter_map(|seated| Some((seated.seat, seated.overdue(now)?)));
        let overdue: Vec<(Seat, Close)> = overdue.collect();
        overdue.into_iter().for_each(|(seat, close)| self.free(seat, close.into(), true));
    }

    /// The ticks in `span`: 0 for zero, otherwise at least one.
    pub(super) fn ticks(&self, span: Duration) -> u32 {
        if span.is_zero() { 0 } else { self.rate().ticks_in(span) }
    }
}
