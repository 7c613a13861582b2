//! Who may come in at all: connections, sessions, attempts and rooms, in all and per address.
//!
//! Counts what it is told; whose address it is, and who is exempt, is decided before. An address is remembered while it
//! has something open and for a few seconds after, and the number of those remembered is bounded.

use std::collections::BTreeMap;
use std::time::Duration;

use super::bucket::Bucket;
use crate::tick::Moment;
use crate::wire::limits;

/// An address as limits count it: all that one person can easily have is one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub u128);

/// How much is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Sessions in all.
    pub sessions: usize,
    /// Connections in all, sessions included.
    pub connections: usize,
    /// Connections of one address.
    pub connections_per_address: usize,
    /// Attempts of one address to open a session, per second; the burst is four seconds' worth.
    pub attempts_per_address: u32,
    /// Rooms made from one address and still open.
    pub rooms_per_address: usize,
}

/// What a new connection may expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// To be served.
    Served,
    /// To be told to come back later.
    Refused,
    /// To be cut: it is one of too many to be told anything.
    Cut,
}

/// Counts.
#[derive(Debug)]
pub struct Admission {
    quota: Quota,
    connections: usize,
    sessions: usize,
    visitors: BTreeMap<Address, Visitor>,
    /// When the absent were last forgotten.
    swept: Moment,
}

#[derive(Debug)]
struct Visitor {
    connections: usize,
    rooms: usize,
    attempts: Bucket,
    /// Microseconds of the server's time that its rare messages may take.
    work: Bucket,
    seen: Moment,
}

impl Admission {
    const SWEEP_EVERY: Duration = Duration::from_secs(1);
    /// The buckets of an address that did nothing for so long are full again.
    const FORGET_AFTER: Duration = limits::ADDRESS_WORK_SAVED;
    /// Microseconds of work at the most that an address has saved up.
    const WORK_SAVED: u32 = limits::ADDRESS_WORK * limits::ADDRESS_WORK_SAVED.as_secs() as u32;
    /// Seconds of attempts that may come at once: a page with a lobby reconnects a few times.
    const BURST: u32 = 4;

    /// Nobody is there yet.
    pub fn new(quota: Quota) -> Self {
        Self { quota, connections: 0, sessions: 0, visitors: BTreeMap::new(), swept: Moment(0) }
    }

    /// Connections open.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// Sessions open.
    pub fn sessions(&self) -> usize {
        self.sessions
    }

    /// A connection came, from an address unless it is exempt. It counts until [`Self::hang_up`], but for one that is cut
    /// only in all.
    pub fn connect(&mut self, now: Moment, address: Option<Address>) -> Verdict {
        self.connections += 1;
        let (all, most) = (self.connections, self.quota.connections);
        let (own, most_own) = (self.occupy(now, address), self.quota.connections_per_address);
        let Some(own) = own else { return Verdict::Cut };
        // Whoever is over the limit is told so, as long as there are not too many to be told.
        if all > most + most / 8 || own > most_own.saturating_mul(2) {
            self.vacate(now, address);
            Verdict::Cut
        } else if all > most || own > most_own {
            Verdict::Refused
        } else {
            Verdict::Served
        }
    }

    /// A connection that was counted is gone.
    pub fn hang_up(&mut self, now: Moment, address: Option<Address>) {
        self.connections = self.connections.saturating_sub(1);
        self.vacate(now, address);
    }

    /// Whether an address may try to open a session now.
    pub fn attempt(&mut self, now: Moment, address: Option<Address>) -> bool {
        address.is_none_or(|address| self.visitor(now, address).is_some_and(|visitor| visitor.attempts.take(now)))
    }

    /// Whether a message that costs so many [microseconds](super::work) may come from an address now. One that costs more than
    /// can be saved up may come when all is saved up.
    pub fn work(&mut self, now: Moment, address: Option<Address>, micros: u32) -> bool {
        let micros = micros.min(Self::WORK_SAVED);
        address
            .is_none_or(|address| self.visitor(now, address).is_some_and(|visitor| visitor.work.take_many(now, micros)))
    }

    /// Opens a session, if there is room for it. It counts until [`Self::leave`]. `through` is the address of a visitor
    /// whose connection is another one's, such as a proxy's.
    #[must_use]
    pub fn enter(&mut self, now: Moment, through: Option<Address>) -> bool {
        if self.sessions >= self.quota.sessions {
            return false;
        }
        let fits = self.occupy(now, through).is_some_and(|own| own <= self.quota.connections_per_address);
        if fits {
            self.sessions += 1;
        } else {
            self.vacate(now, through);
        }
        fits
    }

    /// A session ended.
    pub fn leave(&mut self, now: Moment, through: Option<Address>) {
        self.sessions = self.sessions.saturating_sub(1);
        self.vacate(now, through);
    }

    /// Counts a room for whoever made it, if they may have one more. It counts until [`Self::end_room`].
    #[must_use]
    pub fn make_room(&mut self, now: Moment, address: Option<Address>) -> bool {
        let most = self.quota.rooms_per_address;
        let Some(address) = address else { return true };
        let Some(visitor) = self.visitor(now, address) else { return false };
        let fits = visitor.rooms < most;
        visitor.rooms += usize::from(fits);
        fits
    }

    /// A room that was counted ended.
    pub fn end_room(&mut self, now: Moment, address: Option<Address>) {
        if let Some(visitor) = address.and_then(|address| self.visitors.get_mut(&address)) {
            visitor.rooms = visitor.rooms.saturating_sub(1);
            visitor.seen = now;
        }
    }

    /// One more connection of an address. Returns how many it has, 0 for those exempt; `None` when nobody new can be
    /// remembered.
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
        let chat = super::super::work::chat(1000);
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
        use Verdict::{Cut, Refused, Served};
        assert_eq!(answers, [Served, Served, Refused, Refused, Cut]);
        assert_eq!(ask(&mut door, BOB), Served);
        (0..4).for_each(|_| door.hang_up(second(1), ADA));
        assert_eq!(ask(&mut door, ADA), Served);
        // Those exempt count in all only.
        let answers: Vec<Verdict> = (0..15).map(|_| ask(&mut door, None)).collect();
        assert_eq!(answers[..13], [Served; 13]);
        assert_eq!(answers[13..], [Refused; 2]);
        assert_eq!(ask(&mut door, None), Cut);
    }

    #[test]
    fn sessions_are_counted_in_all_and_through_proxies() {
        let mut door = Admission::new(QUOTA);
        assert!(door.enter(second(1), ADA) && door.enter(second(1), ADA));
        assert!(!door.enter(second(1), ADA), "one address");
        assert!(door.enter(second(1), None));
        assert!(!door.enter(second(1), BOB), "in all");
        door.leave(second(1), ADA);
        assert!(door.enter(second(1), BOB));
        assert_eq!(door.sessions(), 3);
    }

    #[test]
    fn attempts_come_back_with_time() {
        let mut door = Admission::new(QUOTA);
        let granted = |door: &mut Admission, at| (0..100).filter(|_| door.attempt(second(at), ADA)).count();
        assert_eq!(granted(&mut door, 1), 20);
        assert_eq!(granted(&mut door, 2), 5);
        assert_eq!(granted(&mut door, 60), 20);
        assert!((0..100).all(|_| door.attempt(second(1), None)));
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
            assert!(door.attempt(second(1), Some(Address(number))));
        }
        assert_eq!(door.connect(second(1), Some(Address(u128::MAX))), Verdict::Cut);
        door.hang_up(second(1), Some(Address(u128::MAX)));
        assert_eq!(door.connect(second(1), None), Verdict::Served);
        assert!(door.attempt(second(22), Some(Address(u128::MAX))));
        assert_eq!(door.visitors.len(), 1);
    }
}
