//! Seats reserved for a party: tickets, each valid for one join within a short time.
//!
//! A ticket holds a pending join, like a player who is about to arrive. A reserved seat therefore counts as taken and keeps
//! its room open; when the ticket is dropped, the seat is free again.

use std::collections::BTreeMap;

use super::admission::Address;
use super::resume::SecretDigest;
use crate::tick::Moment;
use crate::wire::limits;

/// All tickets of a server, for rooms with keys `K` that keep places `P`.
#[derive(Debug)]
pub struct Reservations<K, P>(BTreeMap<SecretDigest, Reservation<K, P>>);

#[derive(Debug)]
struct Reservation<K, P> {
    room: K,
    pending: P,
    /// The address that asked for the seat; `None` if no limits apply to it.
    maker: Option<Address>,
    until: Moment,
}

impl<K, P> Default for Reservations<K, P> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Copy, P> Reservations<K, P> {
    /// Whether `seats` more tickets can be given, in total and to this address and its networks.
    pub fn has_room_for(&self, seats: usize, maker: Option<Address>) -> bool {
        let makers = || self.0.values().filter_map(|reservation| reservation.maker);
        let few = maker.into_iter().flat_map(Address::networks).all(|network| {
            let theirs = makers().filter(|maker| network.contains(*maker)).count();
            theirs + seats <= limits::RESERVATIONS_PER_ADDRESS * network.share()
        });
        few && self.0.len() + seats <= limits::RESERVATIONS
    }

    /// Reserves a place in `room` until then, for the bearer of a ticket that nobody can guess and that has this digest. It
    /// counts on `maker`.
    pub fn reserve(&mut self, until: Moment, ticket: SecretDigest, maker: Option<Address>, room: K, pending: P) {
        self.0.insert(ticket, Reservation { room, pending, maker, until });
    }

    /// The room of a ticket that has not been used yet.
    pub fn room_of(&self, ticket: &str) -> Option<K> {
        self.0.get(&SecretDigest::of(ticket.as_bytes())).map(|reservation| reservation.room)
    }

    /// Takes the place of a ticket, which is used up by this. An expired ticket stays for [`Self::expire`] to count.
    pub fn redeem(&mut self, now: Moment, ticket: &str) -> Option<(K, P)> {
        let ticket = SecretDigest::of(ticket.as_bytes());
        self.0.get(&ticket).filter(|reservation| now < reservation.until)?;
        self.0.remove(&ticket).map(|reservation| (reservation.room, reservation.pending))
    }

    /// Drops expired tickets. Returns their number.
    pub fn expire(&mut self, now: Moment) -> usize {
        let before = self.0.len();
        self.0.retain(|_, reservation| now < reservation.until);
        before - self.0.len()
    }

    /// Drops all tickets.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_many_addresses_reserves_a_part_of_all_seats() {
        let mut reservations = Reservations::<(), ()>::default();
        let mut reserved = 0;
        for subnet in 0..2048 {
            let maker = Some(Address((0x2001_0db8 << 96) + (subnet << 64)));
            if reservations.has_room_for(limits::PARTY, maker) {
                (0..limits::PARTY).for_each(|seat| {
                    let ticket = SecretDigest::of(format!("{subnet} {seat}").as_bytes());
                    reservations.reserve(Moment(1), ticket, maker, (), ());
                });
                reserved += limits::PARTY;
            }
            if subnet == 255 {
                assert_eq!(reserved, 4 * limits::RESERVATIONS_PER_ADDRESS, "of one /56");
            }
        }
        assert_eq!(reserved, 16 * limits::RESERVATIONS_PER_ADDRESS);
        assert!(reservations.has_room_for(limits::PARTY, Some(Address(0xffff_0102_0304))));
    }
}
