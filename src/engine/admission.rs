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
    attempts: Bucket,
    /// Microseconds of the server's time that rare messages of the address may take.
    work: Bucket,
}

impl Holding for Visitor {
    fn is_idle(&self) -> bool {
        self.connections == 0 && self.rooms == 0
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
        let most = self.quota.rooms_per_address;
        let fits = networks(address)
            .all(|network| self.on(now, network, |visitor, place| visitor.rooms < most.saturating_mul(place.share())));
        if fits {
            networks(address).for_each(|network| self.on(now, network, |visitor, _| visitor.rooms += 1));
        }
        fits
    }

    /// A counted room ended.
    pub fn end_room(&mut self, now: Moment, address: Option<Address>) {
        for network in networks(address) {
            self.visitors.give_back(now, network, |visitor| visitor.rooms > 0, |visitor| visitor.rooms -= 1);
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
        for network in networks(address) {
            self.visitors.give_back(
                now,
                network,
                |visitor| visitor.connections > 0,
                |visitor| visitor.connections -= 1,
            );
        }
    }

    /// Acts on what is counted for a network, in its own place or that of all others.
    fn on<R>(&mut self, now: Moment, network: Network, act: impl FnOnce(&mut Visitor, Network) -> R) -> R {
        let rate = self.quota.attempts_per_address.max(1);
        let make = |place: Network| {
            let share = u32::try_from(place.share()).unwrap_or(u32::MAX);
            let bucket = |rate: u32, burst: u32| Bucket::new(Duration::from_secs(1) / rate, burst);
            let rate = rate.saturating_mul(share);
            Visitor {
                connections: 0,
                rooms: 0,
                attempts: bucket(rate, rate.saturating_mul(Self::BURST)),
                work: bucket(limits::ADDRESS_WORK * share, Self::WORK_SAVED * share),
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
mod tests {
    use super::*;

    #[test]
    fn rare_messages_of_an_address_have_a_budget() {
        let (mut admission, ada, start) = (Admission::new(QUOTA), ipv4(7), Moment(0));
        let chat = super::super::work::chat_cost(1000);
        let granted = (0..100_000).filter(|_| admission.work(start, ada, chat)).count() as u32;
        assert_eq!(granted, Admission::WORK_SAVED / chat);
        assert!(admission.work(start, ipv4(8), chat) && admission.work(start, None, u32::MAX));
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
    const ADA: Option<Address> = ipv4(1);
    const BOB: Option<Address> = ipv4(2);

    const fn ipv4(number: u32) -> Option<Address> {
        Some(Address((0xffff << 32) + number as u128))
    }

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
        for number in 100..100 + limits::ADDRESSES as u32 {
            assert_eq!(door.attempt(second(1), ipv4(number)), Ok(()));
        }
        assert!(door.visitors.len() <= limits::ADDRESSES);
        assert_eq!(door.connect(second(1), BOB), Verdict::Served, "who holds nothing makes room");
        door.hang_up(second(1), BOB);
        assert_eq!(door.attempt(second(22), ADA), Ok(()));
        assert_eq!(door.visitors.len(), 1);
    }

    /// The address of a /64 in a /48.
    fn ipv6(network: u128, subnet: u128) -> Option<Address> {
        Some(Address((0x2001 << 112) + (network << 80) + (subnet << 64)))
    }

    #[test]
    fn a_network_of_many_addresses_has_a_few_times_as_much_as_one() {
        let mut door = Admission::new(Quota { connections: usize::MAX / 2, ..QUOTA });
        let served = |door: &mut Admission, network: u128, subnets: std::ops::Range<u128>| {
            let mut connect = |subnet| door.connect(second(1), ipv6(network, subnet));
            subnets.filter(|subnet| (0..3).any(|_| connect(*subnet) == Verdict::Served)).count()
        };
        // A /56 has 256 subnets, and 4 times as many connections as one; a /48 16 times as many.
        assert_eq!(served(&mut door, 1, 0..256), 4 * QUOTA.connections_per_address);
        assert!(served(&mut door, 1, 256..65_536) <= 12 * QUOTA.connections_per_address);
        assert_eq!(served(&mut door, 2, 0..1), 1, "others are not affected");
        let rooms = (0..65_536).filter(|subnet| door.make_room(second(1), ipv6(3, *subnet))).count();
        assert_eq!(rooms, 16 * QUOTA.rooms_per_address);
        let tried = (0..65_536).filter(|subnet| door.attempt(second(1), ipv6(4, *subnet)).is_ok()).count() as u32;
        assert_eq!(tried, 16 * QUOTA.attempts_per_address * Admission::BURST);
        let work = (0..65_536).filter(|subnet| door.work(second(1), ipv6(5, *subnet), Admission::WORK_SAVED)).count();
        assert_eq!(work, 16);
    }

    #[test]
    fn a_table_full_of_open_connections_makes_strangers_slower_and_locks_nobody_out() {
        let mut door = Admission::new(Quota { connections: usize::MAX / 2, ..QUOTA });
        for network in 0..limits::ADDRESSES as u128 {
            door.connect(second(1), ipv6(network, 0));
        }
        assert!(door.visitors.len() <= limits::ADDRESSES + 1);
        let strangers = |door: &mut Admission| {
            (100..2100).filter(|number| door.attempt(second(1), ipv4(*number)).is_ok()).count() as u32
        };
        let tried = strangers(&mut door);
        assert_eq!(tried, 64 * QUOTA.attempts_per_address * Admission::BURST);
        // What the shared place counted is given back, wherever the address is counted by then.
        let shared = |door: &mut Admission| door.connect(second(9), BOB);
        assert_eq!(shared(&mut door), Verdict::Cut(Limit::Addresses));
        for network in 0..limits::ADDRESSES as u128 {
            door.hang_up(second(2), ipv6(network, 0));
        }
        assert_eq!(shared(&mut door), Verdict::Served);
        assert_eq!(door.attempt(second(60), ADA), Ok(()));
        assert!(door.visitors.len() <= 2, "{}", door.visitors.len());
    }
}
