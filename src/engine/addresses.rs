//! What is remembered of each address, and of the networks that it belongs to: a bounded table.
//!
//! Whoever has an IPv6 network has very many addresses. A /48 has 65,536 times as many as a /64, but its limits are only 16
//! times as high. The limits themselves are in `admission`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::tick::Moment;
use crate::wire::limits;

/// An address as the limits count it: whatever one person can easily have is one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub u128);

/// A network, or a single IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    bits: u128,
    length: u8,
    share: u8,
}

impl Network {
    /// Stands for all networks that the table has no place for.
    const OTHERS: Self = Self { bits: 0, length: 0, share: 64 };

    /// Whether an address belongs to this network.
    pub fn contains(self, address: Address) -> bool {
        (address.0 ^ self.bits).leading_zeros() >= self.length.into()
    }

    /// How many times as much it may have as one address.
    pub fn share(self) -> usize {
        self.share.into()
    }

    /// Whether this is the place of all networks that have none of their own.
    pub fn is_others(self) -> bool {
        self == Self::OTHERS
    }
}

impl Address {
    /// The networks on which an address is counted, the smallest first.
    pub fn networks(self) -> impl Iterator<Item = Network> {
        const OF_IPV4: &[(u8, u8)] = &[(128, 1)];
        const OF_IPV6: &[(u8, u8)] = &[(64, 1), (56, 4), (48, 16)];
        let is_ipv4 = self.0 >> 32 == 0xffff;
        let levels = if is_ipv4 { OF_IPV4 } else { OF_IPV6 };
        levels.iter().map(move |&(length, share)| {
            let rest = 128 - u32::from(length);
            Network { bits: self.0 >> rest << rest, length, share }
        })
    }
}

/// What a network has.
pub trait Holding {
    /// Whether nothing is open: the entry may be forgotten after a while.
    fn is_idle(&self) -> bool;
}

/// Entries by network. Those that hold nothing are forgotten, and make room for others. Networks that find no room share an
/// entry, so that they are served more slowly, but are served.
#[derive(Debug)]
pub struct Addresses<T> {
    entries: BTreeMap<Network, Entry<T>>,
    /// The idle entries by the time at which they were last used.
    idle: BTreeSet<(Moment, Network)>,
}

#[derive(Debug)]
struct Entry<T> {
    holding: T,
    used: Moment,
}

impl<T: Holding> Addresses<T> {
    pub fn new() -> Self {
        Self { entries: BTreeMap::new(), idle: BTreeSet::new() }
    }

    /// Uses the entry of a network, which `make` makes if it is new.
    pub fn with<R>(
        &mut self,
        now: Moment,
        network: Network,
        make: impl FnOnce(Network) -> T,
        act: impl FnOnce(&mut T, Network) -> R,
    ) -> R {
        self.forget(now);
        let place = if self.has_place(network) { network } else { Network::OTHERS };
        let entry = self.entries.entry(place).or_insert_with(|| Entry { holding: make(place), used: now });
        self.idle.remove(&(entry.used, place));
        entry.used = now;
        let result = act(&mut entry.holding, place);
        if entry.holding.is_idle() {
            self.idle.insert((now, place));
        }
        result
    }

    /// Gives something back: to the entry of the network if it holds anything, otherwise to the shared one.
    pub fn give_back(
        &mut self,
        now: Moment,
        network: Network,
        holds: impl Fn(&mut T) -> bool,
        act: impl FnOnce(&mut T),
    ) {
        for place in [network, Network::OTHERS] {
            let Some(entry) = self.entries.get_mut(&place) else { continue };
            if !holds(&mut entry.holding) {
                continue;
            }
            act(&mut entry.holding);
            entry.used = now;
            if entry.holding.is_idle() {
                self.idle.insert((now, place));
            }
            return;
        }
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Forgets what has been idle for long enough.
    fn forget(&mut self, now: Moment) {
        while let Some(&(used, network)) = self.idle.first()
            && now.since(used) >= Self::FORGET_AFTER
        {
            self.idle.pop_first();
            self.entries.remove(&network);
        }
    }

    /// After this long without activity, the budgets of an entry are full again.
    const FORGET_AFTER: Duration = limits::ADDRESS_WORK_SAVED;

    /// Whether the network has an entry or may get one, for which the entry goes that has been idle for longest.
    fn has_place(&mut self, network: Network) -> bool {
        if self.entries.len() < limits::ADDRESSES || self.entries.contains_key(&network) {
            return true;
        }
        let oldest = self.idle.pop_first();
        oldest.is_some_and(|(_, oldest)| self.entries.remove(&oldest).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_belongs_to_three_networks_and_an_ipv4_address_to_itself() {
        let ipv6 = Address(0x2001_0db8_1234_5678 << 64);
        let found: Vec<_> =
            ipv6.networks().map(|network| (network.bits >> 64, network.length, network.share)).collect();
        assert_eq!(
            found,
            [(0x2001_0db8_1234_5678, 64, 1), (0x2001_0db8_1234_5600, 56, 4), (0x2001_0db8_1234_0000, 48, 16)]
        );
        let ipv4 = Address(0xffff_0102_0304);
        let found: Vec<_> = ipv4.networks().collect();
        assert_eq!(found, [Network { bits: 0xffff_0102_0304, length: 128, share: 1 }]);
    }
}
