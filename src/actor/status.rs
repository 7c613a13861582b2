//! What a room lets others see of it without a letter: counts, costs, and whether it still takes players.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::engine::RoomCosts;

/// The outside of a room.
#[derive(Debug, Default)]
pub struct Status {
    players: AtomicUsize,
    costs: Mutex<Arc<RoomCosts>>,
    door: Mutex<Door>,
}

#[derive(Debug, Default)]
struct Door {
    /// Players sent here who have not arrived yet.
    expected: usize,
    /// Those who say that they have a seat already.
    claiming: usize,
    closed: bool,
}

impl Status {
    /// Seats taken after the last tick.
    pub fn players(&self) -> usize {
        self.players.load(Ordering::Relaxed)
    }

    /// Tells the number of seats taken.
    pub fn set_players(&self, players: usize) {
        self.players.store(players, Ordering::Relaxed);
    }

    /// What the room's deltas cost, as far as it was weighed.
    pub fn costs(&self) -> Arc<RoomCosts> {
        self.costs.lock().clone()
    }

    /// Tells what the room's deltas cost.
    pub fn set_costs(&self, costs: RoomCosts) {
        *self.costs.lock() = Arc::new(costs);
    }

    /// Whether the room has ended.
    pub fn is_closed(&self) -> bool {
        self.door.lock().closed
    }

    /// Announces a player, if fewer than `capacity` are there or announced.
    pub fn expect(self: &Arc<Self>, capacity: usize) -> Option<Expected> {
        let mut door = self.door.lock();
        if door.closed || self.players() + door.expected >= capacity {
            return None;
        }
        door.expected += 1;
        Some(Expected { status: self.clone(), claiming: false })
    }

    /// Announces a player who claims to have a seat, however many are there: a claim takes no seat from others.
    pub fn expect_back(self: &Arc<Self>) -> Option<Expected> {
        let mut door = self.door.lock();
        if door.closed {
            return None;
        }
        door.claiming += 1;
        Some(Expected { status: self.clone(), claiming: true })
    }

    /// Closes the door, whoever is expected.
    pub fn close(&self) {
        self.door.lock().closed = true;
    }

    /// Closes the door unless somebody is expected.
    pub fn close_if_idle(&self) -> bool {
        let mut door = self.door.lock();
        door.closed |= door.expected == 0 && door.claiming == 0;
        door.closed
    }
}

/// A player on the way to a room; the room stays open for them.
#[derive(Debug)]
pub struct Expected {
    status: Arc<Status>,
    claiming: bool,
}

impl Drop for Expected {
    fn drop(&mut self) {
        let mut door = self.status.door.lock();
        *(if self.claiming { &mut door.claiming } else { &mut door.expected }) -= 1;
    }
}
