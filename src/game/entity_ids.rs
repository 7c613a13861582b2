//! How a room hands out entity ids: ascending, and anew when they are used up, but none that is in use.

use serde::{Deserialize, Serialize};

use crate::id::EntityId;

/// The entity ids of a room.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct EntityIds {
    /// The next id, if it is free.
    next: u32,
    /// Whether ids were used up and have begun anew.
    is_reusing: bool,
    /// Ids that are in use while new ones run out, ascending.
    used: Vec<EntityId>,
}

impl EntityIds {
    /// So many ids before the last one, a room starts to look which are in use: more than a game spawns in one tick.
    const NEAR: u32 = 1 << 24;

    /// The ids after so many that count as used.
    pub fn after(count: u32) -> Self {
        Self { next: count.wrapping_add(1), is_reusing: false, used: Vec::new() }
    }

    /// The next id, if it is free.
    pub fn next(&self) -> u32 {
        self.next
    }

    /// Leaves out the next `count` ids.
    pub fn skip(&mut self, count: u32) {
        let (next, begins_anew) = self.next.overflowing_add(count);
        self.next = next;
        self.is_reusing |= begins_anew;
    }

    pub fn spawn(&mut self) -> EntityId {
        loop {
            let id = EntityId(self.next);
            self.next = self.next.wrapping_add(1);
            self.is_reusing |= self.next == 0;
            // Id 0 stands for no entity.
            if id.0 != 0 && self.used.binary_search(&id).is_err() {
                return id;
            }
        }
    }

    /// Whether an id may be spawned before the next tick that was used before.
    pub fn may_repeat(&self) -> bool {
        self.is_reusing || self.next > u32::MAX - Self::NEAR
    }

    /// Keeps ids from being spawned that are in use now.
    pub fn reserve(&mut self, mut used: Vec<EntityId>) {
        used.sort_unstable();
        self.used = used;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_begin_anew_without_those_in_use_and_without_zero() {
        let mut ids = EntityIds::after(u32::MAX - 2);
        assert!(ids.may_repeat() && !EntityIds::after(0).may_repeat());
        ids.reserve([4, 1, 2, u32::MAX].map(EntityId).to_vec());
        let spawned: Vec<u32> = (0..4).map(|_| ids.spawn().0).collect();
        assert_eq!(spawned, [u32::MAX - 1, 3, 5, 6]);
        assert!(ids.may_repeat());
        assert_eq!(EntityIds::after(u32::MAX).spawn(), EntityId(1), "nothing is left of the first round");
    }
}
