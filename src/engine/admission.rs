//! Admission limits: connections, sessions, attempts and rooms, in total and per address.
//!
//! The caller decides which address a connection has, and whether it is exempt. An address is remembered while it has
//! something open and for 20 seconds after that; the number of remembered addresses is bounded.

use std::collections::BTreeMap;
use std::time::Duration;

use super::bucket::Bucket;
use crate::tick::Moment;
use crate::wire::limits;

/// An address as the limits count it: whatever one person can easily have is one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub u128);

/// The limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Sessions in total.
    pub sessions: usize,
    /// Connections in total, sessions included.
    pub connections: usize,
    /// Connections per address.
    pub connections_per_address: usize,
    /// Attempts to open a session per address and second; the burst is four seconds' worth.
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
    /// Sessions in total.
    Sessions,
    /// Attempts of one address to open a session.
    Attempts,
    /// Addresses that are remembered.
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
    visitors: BTreeMap<Address, Visitor>,
    /// When absent addresses were last forgotten.
    swept: Moment,
}

#[derive(Debug)]
struct Visitor {
    connections: usize,
    rooms: usize,
    attempts: Bucket,
    /// Microseconds of the server's time that rare messages of the address may take.
    work: Bucket,
    seen: Moment,
}

impl Admission {
    const SWEEP_EVERY: Duration = Duration::from_secs(1);
    /// After this long without activity, the buckets of an address are full again.
    const FORGET_AFTER: Duration = limits::ADDRESS_WORK_SAVED;
    /// The most microseconds of work that an address can save up.
    const WORK_SAVED: u32 = limits::ADDRESS_WORK * limits::ADDRESS_WORK_SAVED.as_secs() as u32;
    /// Seconds' worth of attempts in a burst: a page with a lobby reconnects a few times.
    const BURST: u32 = 4;

    /// Starts with nothing counted.
    pub fn new(quota: Quota) -> Self {
        Self { quota, connections: 0, sessions: 0, visitors: BTreeMap::new(), swept: Moment(0) }
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
        let (own, most_own) = (self.occupy(now, address), self.quota.connections_per_address);
        let Some(own) = own else { return Verdict::Cut(Limit::Addresses) };
        let limit = if own > most_own { Limit::ConnectionsPerAddress } else { Limit::Connections };
        // A connection over the limit gets a refusal, unless too many are being refused already.
        if all > most + most / 8 || own > most_own.saturating_mul(2) {
            self.vacate(now, address);
            Verdict::Cut(limit)
        } else if all > most || own > most_own {
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
        let Some(address) = address else { return Ok(()) };
        let visitor = self.visitor(now, address).ok_or(Limit::Addresses)?;
        if visitor.attempts.take(now) { Ok(()) } else { Err(Limit::Attempts) }
    }

    /// Whether a message that costs `micros` [microseconds](super::work) may come from an address now. If it costs more
    /// than can be saved up, it may come when the budget is full.
    pub fn work(&mut self, now: Moment, address: Option<Address>, micros: u32) -> bool {
        let micros = micros.min(Self::WORK_SAVED);
        address
            .is_none_or(|address| self.visitor(now, address).is_some_and(|visitor| visitor.work.take_many(now, micros)))
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
        if self.occupy(now, through).ok_or(Limit::Addresses)? > self.quota.connections_per_address {
            self.vacate(now, through);
            return Err(Limit::ConnectionsPerAddress);
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
        let most = self.quota.rooms_per_address;
        let Some(address) = address else { return true };
        let Some(visitor) = self.visitor(now, address) else { return false };
        let fits = visitor.rooms < most;
        visitor.rooms += usize::from(fits);
        fits
    }

    /// A counted room ended.
    pub fn end_room(&mut self, now: Moment, address: Option<Address>) {
        if let Some(visitor) = address.and_then(|address| self.visitors.get_mut(&address)) {
            visitor.rooms = visitor.rooms.saturating_sub(1);
            visitor.seen = now;
        }
    }

    /// Counts one more connection of an address. Returns how many the address has, 0 if it is exempt; `None` when no
    /// new address can be remembered.
    fn occupy(&mut self, now: Moment, address: Option<Address>) -> Option<usize> {
        let Some(address) = address else { return Some(0) };
        let visitor = self.visitor(now, address)?;
        visitor.connections += 1;
        Some(visitor.connections)
    }

    fn vacate(&mut self, now: Moment, address: Option<Address>) {
        if let Some(visitor) = address.and_then(|address| self.visitors.get_mut(&address)) {
            visitor.connections = visitor.connections.saturating_sub(1);
            visitor.seen = now;
        }
    }

    fn visitor(&mut self, now: Moment, address: Address) -> Option<&mut Visitor> {
        if now.since(self.swept) >= Self::SWEEP_EVERY {
            self.swept = now;
            let absent = |visitor: &Visitor| visitor.connections == 0 && visitor.rooms == 0;
            self.visitors.retain(|_, visitor| !absent(visitor) || now.since(visitor.seen) < Self::FORGET_AFTER);
        }
        if self.visitors.len() >= limits::ADDRESSES && !self.visitors.contains_key(&address) {
            return None;
        }
        let rate = self.quota.attempts_per_address.max(1);
        let visitor = self.visitors.entry(address).or_insert_with(|| Visitor {
            connections: 0,
            rooms: 0,
            attempts: Bucket::new(Duration::from_secs(1) / rate, rate.saturating_mul(Self::BURST)),
            work: Bucket::new(Duration::from_secs(1) / limits::ADDRESS_WORK, Self::WORK_SAVED),
            seen: now,
        });
        visitor.seen = now;
        Some(visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_messages_of_an_address_have_a_budget() {
        let (mut admission, ada, start) = (Admission::new(QUOTA), Some(Address(7)), Moment(0));
        let chat = super::super::work::chat_cost(1000);
        let granted = (0..100_000).filter(|_| admission.work(start, ada, chat)).count() as u32;
        assert_eq!(granted, Admission::WORK_SAVED / chat);
        assert!(admission.work(start, Some(Address(8)), chat) && admission.work(start, None, u32::MAX));
        let second = start.plus(Duration::from_secs(1));
        let more = (0..1000).filter(|_| admission.work(second, ada, chat)).count() as u32;
        assert!(more.abs_diff(limits::ADDRESS_WORK / chat) <= 1, "{more}");
        assert!(admission.work(start.plus(Duration::from_secs(60)), ada, u32::MAX), "at worst, once in a while");
    }

    const QUOTA: Quota = Quota {
        sessions: 3,
        connections: 16,
        connections_per_address: 2,
        attempts_per_address: 5,
        rooms_per_address: 1,
    };
    const ADA: Option<Address> = Some(Address(1));
    const BOB: Option<Address> = Some(Address(2));

    fn second(second: u64) -> Moment {
        Moment(1_000_000 * second)
    }

    #[test]
    fn an_address_has_its_connections_and_no_more() {
        let mut door = Admission::new(QUOTA);
        let ask = |door: &mut Admission, who| door.connect(second(1), who);
        let answers: Vec<Verdict> = (0..5).map(|_| ask(&mut door, ADA)).collect();
        use Limit::{Connections, ConnectionsPerAddress};
        use Verdict::{Cut, Refused, Served};
        let refused = Refused(ConnectionsPerAddress);
        assert_eq!(answers, [Served, Served, refused, refused, Cut(ConnectionsPerAddress)]);
        assert_eq!(ask(&mut door, BOB), Served);
        (0..4).for_each(|_| door.hang_up(second(1), ADA));
        assert_eq!(ask(&mut door, ADA), Served);
        // Exempt connections count only towards the total.
        let answers: Vec<Verdict> = (0..15).map(|_| ask(&mut door, None)).collect();
        assert_eq!(answers[..13], [Served; 13]);
        assert_eq!(answers[13..], [Refused(Connections); 2]);
        assert_eq!(ask(&mut door, None), Cut(Connections));
    }

    #[test]
    fn sessions_are_counted_in_all_and_through_proxies() {
        let mut door = Admission::new(QUOTA);
        assert_eq!([(); 2].map(|()| door.enter(second(1), ADA)), [Ok(()); 2]);
        assert_eq!(door.enter(second(1), ADA), Err(Limit::ConnectionsPerAddress));
        assert_eq!(door.enter(second(1), None), Ok(()));
        assert_eq!(door.enter(second(1), BOB), Err(Limit::Sessions));
        door.leave(second(1), ADA);
        assert_eq!(door.enter(second(1), BOB), Ok(()));
        assert_eq!(door.sessions(), 3);
    }

    #[test]
    fn attempts_come_back_with_time() {
        let mut door = Admission::new(QUOTA);
        let granted = |door: &mut Admission, at| (0..100).filter(|_| door.attempt(second(at), ADA).is_ok()).count();
        assert_eq!(granted(&mut door, 1), 20);
        assert_eq!(granted(&mut door, 2), 5);
        assert_eq!(granted(&mut door, 60), 20);
        assert!((0..100).all(|_| door.attempt(second(1), None).is_ok()));
    }

    #[test]
    fn rooms_are_counted_while_they_last() {
        let mut door = Admission::new(QUOTA);
        assert!(door.make_room(second(1), ADA) && !door.make_room(second(100), ADA));
        assert!(door.make_room(second(1), BOB));
        door.end_room(second(100), ADA);
        assert!(door.make_room(second(100), ADA));
    }

    #[test]
    fn a_flood_of_addresses_is_bounded_and_forgotten() {
        let mut door = Admission::new(Quota { connections: usize::MAX / 2, ..QUOTA });
        for number in 0..limits::ADDRESSES as u128 {
            assert_eq!(door.attempt(second(1), Some(Address(number))), Ok(()));
        }
        assert_eq!(door.connect(second(1), Some(Address(u128::MAX))), Verdict::Cut(Limit::Addresses));
        door.hang_up(second(1), Some(Address(u128::MAX)));
        assert_eq!(door.connect(second(1), None), Verdict::Served);
        assert_eq!(door.attempt(second(22), Some(Address(u128::MAX))), Ok(()));
        assert_eq!(door.visitors.len(), 1);
    }
}
