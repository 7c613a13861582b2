//! A speed limit for games in which clients report positions.

use serde::{Deserialize, Serialize};

/// Checks reported positions against a top speed. The distance that a player may move grows with the room's ticks, not
/// with what the client claims; up to six ticks of it accumulate, to absorb jitter.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct SpeedGate {
    /// Top speed in quanta per tick.
    top: i64,
    /// Distance in quanta that the player may move now.
    budget: i64,
}

impl SpeedGate {
    /// Ticks of movement that accumulate at most, for a late report to catch up with.
    const BURST: i64 = 6;

    /// A gate for a top speed of `top` quanta per tick, with a full budget of six ticks.
    pub fn new(top: u32) -> Self {
        let top = i64::from(top);
        Self { top, budget: top * Self::BURST }
    }

    /// Adds one tick of movement to the budget. Call it once per tick, whether a report arrived or not.
    pub fn tick(&mut self) {
        self.budget = (self.budget + self.top).min(self.top * Self::BURST);
    }

    /// Whether the budget covers a move by (`dx`, `dy`) quanta; if so, deducts the distance.
    pub fn admit(&mut self, dx: i32, dy: i32) -> bool {
        let square = i64::from(dx).pow(2) + i64::from(dy).pow(2);
        let distance = square.isqrt() + i64::from(square.isqrt().pow(2) < square);
        let admitted = distance <= self.budget;
        if admitted {
            self.budget -= distance;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_hack_gains_nothing_in_the_long_run() {
        let mut gate = SpeedGate::new(10);
        let mut moved = 0;
        for _ in 0..1000 {
            gate.tick();
            if gate.admit(30, 0) {
                moved += 30;
            }
        }
        assert!(moved <= 10 * 1000 + 60, "{moved}");
    }

    #[test]
    fn honest_jitter_passes() {
        let mut gate = SpeedGate::new(10);
        for tick in 0..1000 {
            gate.tick();
            if tick % 5 == 4 {
                assert!(gate.admit(30, 40));
            }
        }
    }
}
