//! The right of a room to go on. Its actor asks before every tick.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::boottime;

/// The right of one room to go on.
#[derive(Clone, Debug)]
pub struct Tenure {
    incarnation: u64,
    /// The moment at which all rooms of the node stand still.
    until: Arc<AtomicU64>,
    /// The directory has refused this room.
    lost: Arc<AtomicBool>,
}

impl Tenure {
    /// A right that ends at `until`, which may move.
    pub(super) fn new(incarnation: u64, until: Arc<AtomicU64>) -> Self {
        Self { incarnation, until, lost: Arc::default() }
    }

    /// The incarnation for which it was given.
    pub fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// Whether the room may go on now. A process that was stopped, or slept with its machine, must ask again before it shows
    /// anything.
    pub fn holds(&self) -> bool {
        !self.is_lost() && boottime::now().0 < self.until.load(Ordering::Acquire)
    }

    /// Whether the room is somebody else's now, or nobody's.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    pub(super) fn lose(&self) {
        self.lost.store(true, Ordering::Release);
    }
}
