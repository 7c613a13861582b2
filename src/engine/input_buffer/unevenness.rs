//! How unevenly the inputs of one client come, and how many of them must wait so that nearly all are there at their tick.
//! Derived from the arrivals alone, so that a room that runs again derives the same.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// The last changed inputs: others are sent late on purpose.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Unevenness {
    /// The most ticks that inputs may wait.
    most: u32,
    /// By how many ticks each came later than its number says, counted from any tick; oldest first.
    delays: VecDeque<i32>,
    /// The greatest of those in the current window.
    latest: Option<i32>,
    /// How many ticks later than the earliest inputs nine of ten came, at the end of the last window.
    jitter: u32,
}

impl Unevenness {
    /// How many inputs count: at a few changes per second, those of the last ten seconds.
    const REMEMBERED: usize = 32;
    /// While fewer are known, they say nothing.
    const FEW: usize = 8;
    /// One of so many may come too late: a buffer for the rarest delays would make all others wait.
    const TOLERATED: usize = 10;

    pub fn new(most: u32) -> Self {
        Self { most, delays: VecDeque::with_capacity(Self::REMEMBERED), latest: None, jitter: 0 }
    }

    pub fn is_sound(&self) -> bool {
        self.delays.len() <= Self::REMEMBERED
    }

    /// Notes a changed input.
    pub fn came(&mut self, delay: i32) {
        if self.delays.len() == Self::REMEMBERED {
            self.delays.pop_front();
        }
        self.delays.push_back(delay);
        self.latest = self.latest.max(Some(delay));
    }

    /// How many ticks later than the earliest inputs nine of ten come, within the bound.
    pub fn jitter(&self) -> u32 {
        self.jitter
    }

    /// How many inputs had to be spare in the window that ends, so that the latest of them would have come in time, too.
    pub fn end_window(&mut self) -> u32 {
        let latest = self.latest.take();
        let Some([least, high]) = self.high() else { return 0 };
        self.jitter = self.within(high, least);
        self.within(high, latest.unwrap_or(least).max(least))
    }

    fn within(&self, high: i32, low: i32) -> u32 {
        high.wrapping_sub(low).max(0).cast_unsigned().min(self.most)
    }

    /// The least delay, and the one that only one of ten exceeds.
    fn high(&self) -> Option<[i32; 2]> {
        if self.delays.len() < Self::FEW {
            return None;
        }
        let mut sorted = [0; Self::REMEMBERED];
        let sorted = &mut sorted[..self.delays.len()];
        sorted.iter_mut().zip(&self.delays).for_each(|(place, delay)| *place = *delay);
        sorted.sort_unstable();
        let above = (sorted.len() / Self::TOLERATED).max(1);
        Some([*sorted.first()?, *sorted.get(sorted.len() - 1 - above)?])
    }
}
