//! Admission limits: connections, sessions, attempts and rooms, in total and per address.
//!
//! The caller decides which address a connection has, and whether it is exempt. Each is counted on all networks that the
//! address belongs to; see `addresses`.

use std::time::Duration;

pub use super::addresses::Address;
use super::addresses::{Addresses, Holding, Network};
use super::bucket::Bucket;
use crate::tick::Moment;
use crate::wire::limits;

/// The limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Sessions in total.
    pub sessions: usize,
    /// Connections in total, sessions included.
    pub connections: usize,
    /// Connections per address, and TLS handshakes that are under way; viewers of films, also behind a proxy; and seats that are taken by it, held for it or
    /// promised to it.
    pub connections_per_address: usize,
    /// Attempts to open a session per address and second; the burst is four seconds' worth, or one for each connection that an
    /// address may have: all of them begin anew at once when their room moves to another server.
    pub attempts_per_address: u32,
    /// Open rooms per address that made them.
    pub rooms_per_address: usize,
}

/// A limit that a client has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Connections in total.
    Connections,
    /// Connections of one address.
    ConnectionsPerAddress,
    /// Seats of one address.
    SeatsPerAddress,
    /// TLS handshakes of one address.
    HandshakesPerAddress,
    /// Viewers of films of one address.
    ViewersPerAddress,
    /// Sessions in total.
    Sessions,
    /// Attempts of one address to open a session.
    Attempts,
    /// What addresses may have together that the server has no place to remember.
    Addresses,
}

/// How to treat a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Serve it.
    Served,
    /// Tell it to come back later.
    Refused(Limit),
    /// Cut it without an answer: too many others are being refused.
    Cut(Limit),
}

/// Counts connections, sessions and rooms against a quota.
#[derive(Debug)]
pub struct Admission {
    quota: Quota,
    connections: usize,
    sessions: usize,
    visitors: Addresses<Visitor>,
}

#[derive(Debug)]
struct Visitor {
    connections: usize,
    rooms: usize,
    seats: usize,
    handshakes: usize,
    viewers: usize,
    attempts: Bucket,
    /// Microseconds of the server's time that rare messages of the address may take.
    work: Bucket,
    /// Bytes of chat lines.
    chat: Bucket,
}

impl Holding for Visitor {
    fn is_idle(&self) -> bool {
        self.connections + self.rooms + self.seats + self.handshakes + self.viewers == 0
    }
}

impl Admission {
    /// The most microseconds of work that an address can save up.
    const WORK_SAVED: u32 = limits::ADDRESS_WORK * limits::ADDRESS_WORK_SAVED.as_secs() as u32;
    /// Seconds' worth of attempts in a burst: a page with a lobby reconnects a few times.
    const BURST: u32 = 4;

    /// Starts with nothing counted.
    pub fn new(quota: Quota) -> Self {
        Self { quota, connections: 0, sessions: 0, visitors: Addresses::new() }
    }

    /// Open connections.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// Open sessions.
    pub fn sessions(&self) -> usize {
        self.sessions
    }

    /// Counts a new connection until [`Self::hang_up`]. `address` is `None` when the connection is exempt. A connection
    /// that is cut counts only towards the total.
    pub fn connect(&mut self, now: Moment, address: Option<Address>) -> Verdict {
        self.connections += 1;
        let (all, most) = (self.connections, self.quota.connections);
        let own = self.occupy(now, address);
        let limit = if own.times > 0 { own.limit } else { Limit::Connections };
        // A connection over the limit gets a refusal, unless too many are being refused already.
        if all > most + most / 8 || own.times > 1 {
            self.vacate(now, address);
            Verdict::Cut(limit)
        } else if all > most || own.times > 0 {
            Verdict::Refused(limit)
        } else {
            Verdict::Served
        }
    }

    /// A counted connection is gone.
    pub fn hang_up(&mut self, now: Moment, address: Option<Address>) {
        self.connections = self.connections.saturating_sub(1);
        self.vacate(now, address);
    }

    /// Counts an attempt of an address to open a session.
    ///
    /// # Errors
    /// The limit, when the address may not try now.
    pub fn attempt(&mut self, now: Moment, address: Option<Address>) -> Result<(), Limit> {
        for network in networks(address) {
            self.on(now, network, |visitor, place| {
                if visitor.attempts.take(now) { Ok(()) } else { Err(limit(Limit::Attempts, place)) }
            })?;
        }
        Ok(())
    }

    /// Whether a message that costs `micros` [microseconds](super::work) may come from an address now. If it costs more
    /// than can be saved up, it may come when the budget is full.
    pub fn work(&mut self, now: Moment, address: Option<Address>, micros: u32) -> bool {
        let micros = micros.min(Self::WORK_SAVED);
        networks(address).all(|network| self.on(now, network, |visitor, _| visitor.work.take_many(now, micros)))
    }

    /// Whether a chat line of `bytes` bytes may come from an address now.
    pub fn chat(&mut self, now: Moment, address: Option<Address>, bytes: u32) -> bool {
        networks(address).all(|network| self.on(now, network, |visitor, _| visitor.chat.take_many(now, bytes)))
    }

    /// Opens a session if there is room for it, and counts it until [`Self::leave`]. If the connection belongs to
    /// another address, such as a proxy's, `through` is the address of the visitor behind it.
    ///
    /// # Errors
    /// The limit, when there is no room.
    pub fn enter(&mut self, now: Moment, through: Option<Address>) -> Result<(), Limit> {
        if self.sessions >= self.quota.sessions {
            return Err(Limit::Sessions);
        }
        let own = self.occupy(now, through);
        if own.times > 0 {
            self.vacate(now, through);
            return Err(own.limit);
        }
        self.sessions += 1;
        Ok(())
    }

    /// A session ended.
    pub fn leave(&mut self, now: Moment, through: Option<Address>) {
        self.sessions = self.sessions.saturating_sub(1);
        self.vacate(now, through);
    }

    /// Counts a room for the address that made it, until [`Self::end_room`]. Returns `false` if the address has too
    /// many.
    #[must_use]
    pub fn make_room(&mut self, now: Moment, address: Option<Address>) -> bool {
        self.take(now, address, self.quota.rooms_per_address, |visitor| &mut visitor.rooms)
    }

    /// A counted room ended.
    pub fn end_room(&mut self, now: Moment, address: Option<Address>) {
        self.give_back(now, address, |visitor| &mut visitor.rooms);
    }

    /// Counts a seat for the address that takes it or asks to keep it, until [`Self::free_seat`]. Returns `false` if the
    /// address has too many, with or without a connection.
    #[must_use]
    pub fn take_seat(&mut self, now: Moment, address: Option<Address>) -> bool {
        self.take(now, address, self.quota.connections_per_address, |visitor| &mut visitor.seats)
    }

    /// A counted seat is free.
    pub fn free_seat(&mut self, now: Moment, address: Option<Address>) {
        self.give_back(now, address, |visitor| &mut visitor.seats);
    }

    /// Counts a TLS handshake for the address that begins it, until [`Self::end_handshake`]. Returns `false` if the address
    /// has too many under way.
    #[must_use]
    pub fn begin_handshake(&mut self, now: Moment, address: Option<Address>) -> bool {
        self.take(now, address, self.quota.connections_per_address, |visitor| &mut visitor.handshakes)
    }

    /// A counted handshake is over, one way or the other.
    pub fn end_handshake(&mut self, now: Moment, address: Option<Address>) {
        self.give_back(now, address, |visitor| &mut visitor.handshakes);
    }

    /// Counts a viewer of films for the address that watches, until [`Self::end_viewing`]. Returns `false` if the address has too
    /// many.
    #[must_use]
    pub fn begin_viewing(&mut self, now: Moment, address: Option<Address>) -> bool {
        self.take(now, address, self.quota.connections_per_address, |visitor| &mut visitor.viewers)
    }

    /// A counted viewer is gone.
    pub fn end_viewing(&mut self, now: Moment, address: Option<Address>) {
        self.give_back(now, address, |visitor| &mut visitor.viewers);
    }

    /// Counts one more of something on all networks of an address, unless one of them has `most`.
    fn take(&mut self, now: Moment, address: Option<Address>, most: usize, of: fn(&mut Visitor) -> &mut usize) -> bool {
        let fits = |visitor: &mut Visitor, place: Network| *of(visitor) < most.saturating_mul(place.share());
        let fits = networks(address).all(|network| self.on(now, network, fits));
        if fits {
            networks(address).for_each(|network| self.on(now, network, |visitor, _| *of(visitor) += 1));
        }
        fits
    }

    fn give_back(&mut self, now: Moment, address: Option<Address>, of: fn(&mut Visitor) -> &mut usize) {
        for network in networks(address) {
            self.visitors.give_back(now, network, |visitor| *of(visitor) > 0, |visitor| *of(visitor) -= 1);
        }
    }

    /// Counts one more connection of an address.
    fn occupy(&mut self, now: Moment, address: Option<Address>) -> Over {
        let most = self.quota.connections_per_address;
        let mut worst = Over { times: 0, limit: Limit::ConnectionsPerAddress };
        for network in networks(address) {
            let over = self.on(now, network, |visitor, place| {
                visitor.connections += 1;
                let times = visitor.connections.saturating_sub(1) / most.saturating_mul(place.share()).max(1);
                Over { times, limit: limit(Limit::ConnectionsPerAddress, place) }
            });
            if over.times > worst.times {
                worst = over;
            }
        }
        worst
    }

    fn vacate(&mut self, now: Moment, address: Option<Address>) {
        self.give_back(now, address, |visitor| &mut visitor.connections);
    }

    /// Acts on what is counted for a network, in its own place or that of all others.
    fn on<R>(&mut self, now: Moment, network: Network, act: impl FnOnce(&mut Visitor, Network) -> R) -> R {
        let rate = self.quota.attempts_per_address.max(1);
        let connections = u32::try_from(self.quota.connections_per_address).unwrap_or(u32::MAX);
        let make = |place: Network| {
            let share = u32::try_from(place.share()).unwrap_or(u32::MAX);
            let bucket = |rate: u32, burst: u32| Bucket::new(Duration::from_secs(1) / rate, burst);
            let rate = rate.saturating_mul(share);
            Visitor {
                connections: 0,
                rooms: 0,
                seats: 0,
                handshakes: 0,
                viewers: 0,
                attempts: bucket(rate, rate.saturating_mul(Self::BURST).max(connections.saturating_mul(share))),
                work: bucket(limits::ADDRESS_WORK * share, Self::WORK_SAVED * share),
                chat: bucket(limits::ADDRESS_CHAT_RATE * share, 2 * limits::ADDRESS_CHAT_RATE * share),
            }
        };
        self.visitors.with(now, network, make, act)
    }
}

/// How often the connections of a network fill its limit, besides the first time.
struct Over {
    times: usize,
    limit: Limit,
}

/// The limit that was reached, on its own place or that of all others.
fn limit(own: Limit, place: Network) -> Limit {
    if place.is_others() { Limit::Addresses } else { own }
}

fn networks(address: Option<Address>) -> impl Iterator<Item = Network> {
    address.into_iter().flat_map(Address::networks)
}

#[cfg(test)]
mod tests;
