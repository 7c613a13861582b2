//! Ids and randomness for what not everybody may see.
//!
//! An ascending id tells how many came before it. Hidden entities get ids from the upper half of all ids, in an order that
//! nobody can foresee: the number of the entity, encrypted with the room's seed.

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::context::scale;
use crate::id::EntityId;

/// The hidden entities of a room.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Hidden {
    key: u64,
    /// Ids that were handed out or skipped, modulo 2^32.
    issued: u32,
    random: Pcg32,
    /// Ids that must not be spawned, ascending.
    used: Vec<EntityId>,
}

impl Default for Hidden {
    /// That of a room whose checkpoint was made before there were hidden entities.
    fn default() -> Self {
        Self::new(0)
    }
}

impl Hidden {
    /// All ids of hidden entities are at least this.
    const FIRST: u32 = 1 << 31;
    /// So close to [`Self::FIRST`], ids that ascend are compared with the hidden ones.
    const NEAR: u32 = 1 << 24;
    const ROUNDS: u8 = 4;

    pub fn new(seed: u64) -> Self {
        const STREAM: u64 = 0x5851_f42d_4c95_7f2d;
        let mut random = Pcg32::new(seed, STREAM);
        Self { key: random.next_u64(), issued: 0, random, used: Vec::new() }
    }

    pub fn spawn(&mut self) -> EntityId {
        loop {
            let id = EntityId(Self::FIRST | self.permuted(self.issued & !Self::FIRST));
            self.issued = self.issued.wrapping_add(1);
            if self.used.binary_search(&id).is_err() {
                return id;
            }
        }
    }

    pub fn random_below(&mut self, bound: u32) -> u32 {
        scale(self.random.next_u32(), bound)
    }

    pub fn issued(&self) -> u32 {
        self.issued
    }

    /// Leaves out the next `count` ids.
    pub fn skip(&mut self, count: u32) {
        self.issued = self.issued.wrapping_add(count);
    }

    /// Whether an id may be spawned that was used before.
    pub fn may_repeat(&self) -> bool {
        self.issued >= Self::FIRST - Self::NEAR
    }

    /// Whether ids that ascend, `next` being the next one, may meet hidden ones.
    pub fn meets(&self, next: u32) -> bool {
        self.issued > 0 && next >= Self::FIRST - Self::NEAR
    }

    /// Keeps ids from being spawned that are in use now.
    pub fn reserve(&mut self, used: &[EntityId]) {
        self.used = used.iter().copied().filter(|id| id.0 >= Self::FIRST).collect();
        self.used.sort_unstable();
    }

    /// A permutation of the numbers below 2^31: a Feistel network on 32 bits, which is repeated while its result is too large.
    fn permuted(&self, number: u32) -> u32 {
        let mut number = number;
        loop {
            number = (0..Self::ROUNDS).fold(number, |number, round| {
                let (left, right) = (number >> 16, number & 0xffff);
                right << 16 | (left ^ self.mixed(round, right))
            });
            if number < Self::FIRST {
                return number;
            }
        }
    }

    /// Sixteen bits that depend on the key.
    fn mixed(&self, round: u8, half: u32) -> u32 {
        let mut hasher = Sha256::new();
        hasher.update(self.key.to_le_bytes());
        hasher.update([round]);
        hasher.update(half.to_le_bytes());
        let digest = hasher.finalize();
        u32::from(u16::from_le_bytes([digest[0], digest[1]]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_all_different_and_tell_no_order() {
        let mut hidden = Hidden::new(7);
        let ids: Vec<u32> = (0..4000).map(|_| hidden.spawn().0).collect();
        assert!(ids.iter().all(|id| *id >= Hidden::FIRST));
        let ascending = ids.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((1800..2200).contains(&ascending), "{ascending} of 3,999 ascend");
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), ids.len());
        assert_eq!(
            ids,
            (0..4000)
                .map({
                    let mut same = Hidden::new(7);
                    move |_| same.spawn().0
                })
                .collect::<Vec<_>>()
        );
        assert_ne!(Hidden::new(8).spawn().0, ids[0]);
    }

    #[test]
    fn what_is_in_use_is_not_spawned() {
        let (mut hidden, mut other) = (Hidden::new(7), Hidden::new(7));
        let first = other.spawn();
        hidden.reserve(&[EntityId(5), first]);
        assert_eq!(hidden.spawn(), other.spawn());
        hidden.skip(u32::MAX - 2);
        assert!(hidden.may_repeat() && hidden.meets(u32::MAX) && !other.may_repeat() && !other.meets(1000));
    }
}
