//! Seats reserved for a party: tickets, each valid for one join within a short time.
//!
//! A ticket holds a pending join, like a player who is about to arrive. A reserved seat therefore counts as taken and keeps
//! its room open; when the ticket is dropped, the seat is free again.

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
    /// The address that asked for the seat; `None` if no limits apply to it.
    maker: Option<Address>,
    until: Moment,
}

impl Reservations {
    /// How long a ticket is valid.
    pub const GOOD_FOR: Duration = limits::RESERVED_FOR;

    /// Whether `seats` more tickets can be given, in total and to this address.
    pub fn has_room_for(&self, seats: usize, maker: Option<Address>) -> bool {
        let theirs = || self.0.values().filter(|promise| promise.maker == maker).count();
        let few = maker.is_none() || theirs() + seats <= limits::RESERVATIONS_PER_ADDRESS;
        few && self.0.len() + seats <= limits::RESERVATIONS
    }

    /// Reserves the seat in `found`, counted on `maker`. Returns the ticket.
    pub fn promise(&mut self, now: Moment, maker: Option<Address>, found: RoomSlot) -> String {
        let ticket = names::secret();
        let seat = RoomSlot { expected: found.expected.reserved(), ..found };
        self.0.insert(ticket.clone(), Promise { seat, maker, until: now.plus(Self::GOOD_FOR) });
        ticket
    }

    /// The room of a ticket that has not been used yet.
    pub fn room_of(&self, ticket: &str) -> Option<RoomKey> {
        self.0.get(ticket).map(|promise| promise.seat.key)
    }

    /// Takes the seat of a ticket, which is used up by this. An expired ticket stays for [`Self::forget`] to count.
    pub fn redeem(&mut self, now: Moment, ticket: &str) -> Option<RoomSlot> {
        self.0.get(ticket).filter(|promise| now < promise.until)?;
        self.0.remove(ticket).map(|promise| promise.seat)
    }

    /// Drops expired tickets. Returns their number.
    pub fn forget(&mut self, now: Moment) -> usize {
        let before = self.0.len();
        self.0.retain(|_, promise| now < promise.until);
        before - self.0.len()
    }

    /// Drops all tickets.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
