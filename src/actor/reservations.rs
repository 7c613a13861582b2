//! Seats promised to a party: tickets, each good for one join within a short time.
//!
//! A ticket holds the same announcement that a player on the way has, so a promised seat counts as taken and keeps its
//! room open; when the ticket is forgotten, the seat is free.

use std::collections::BTreeMap;
use std::time::Duration;

use super::message::{RoomKey, RoomSlot};
use super::names;
use crate::engine::Address;
use crate::tick::Moment;
use crate::wire::limits;

/// All tickets of a server.
#[derive(Debug, Default)]
pub struct Reservations(BTreeMap<String, Promise>);

#[derive(Debug)]
struct Promise {
    seat: RoomSlot,
    /// Who asked for it; `None`: nobody whom limits apply to.
    maker: Option<Address>,
    until: Moment,
}

impl Reservations {
    /// How long a ticket is good.
    pub const GOOD_FOR: Duration = limits::RESERVED_FOR;

    /// Whether so many more tickets can be given, in all and to this address.
    pub fn has_room_for(&self, seats: usize, maker: Option<Address>) -> bool {
        let theirs = || self.0.values().filter(|promise| promise.maker == maker).count();
        let few = maker.is_none() || theirs() + seats <= limits::RESERVATIONS_PER_ADDRESS;
        few && self.0.len() + seats <= limits::RESERVATIONS
    }

    /// Promises the seat that was found, to a friend of `maker`.
    pub fn promise(&mut self, now: Moment, maker: Option<Address>, found: RoomSlot) -> String {
        let ticket = names::secret();
        let seat = RoomSlot { expected: found.expected.reserved(), ..found };
        self.0.insert(ticket.clone(), Promise { seat, maker, until: now.plus(Self::GOOD_FOR) });
        ticket
    }

    /// In which room a ticket promises a seat, as long as nobody used it.
    pub fn room_of(&self, ticket: &str) -> Option<RoomKey> {
        self.0.get(ticket).map(|promise| promise.seat.key)
    }

    /// The seat of a ticket, which is good for nothing from now on. A late one is left to be [forgotten](Self::forget) and
    /// counted there.
    pub fn redeem(&mut self, now: Moment, ticket: &str) -> Option<RoomSlot> {
        self.0.get(ticket).filter(|promise| now < promise.until)?;
        self.0.remove(ticket).map(|promise| promise.seat)
    }

    /// Forgets tickets that nobody used in time. Returns how many.
    pub fn forget(&mut self, now: Moment) -> usize {
        let before = self.0.len();
        self.0.retain(|_, promise| now < promise.until);
        before - self.0.len()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
