//! How players move: wanderers on a pitch, the same ones for every candidate. No sockets here.

use std::f64::consts::{PI, TAU};

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;

use crate::RATE;

/// Positions are whole multiples of 1/64 m.
pub const PER_METRE: i32 = 64;
/// The pitch, in metres.
pub const SIDES: (f64, f64) = (105.0, 68.0);

/// Somebody on the way to nowhere in particular.
#[derive(Debug)]
pub struct Walker {
    dice: Pcg32,
    /// Of the field, in metres.
    sides: (f64, f64),
    x: f64,
    y: f64,
    heading: f64,
    speed: f64,
    turn: f64,
    /// Metres per second and radians per second to change to, and the steps until the next change of mind.
    wish: (f64, f64),
    until: u32,
}

impl Walker {
    /// Player `number` of a run with this seed, on a field with these sides in metres.
    pub fn new(seed: u64, number: usize, sides: (f64, f64)) -> Self {
        let mut dice = Pcg32::new(seed, number as u64);
        let (x, y) = (unit(&mut dice) * sides.0, unit(&mut dice) * sides.1);
        let heading = unit(&mut dice) * TAU;
        Self { dice, sides, x, y, heading, speed: 2.0, turn: 0.0, wish: (3.0, 0.0), until: 0 }
    }

    /// The position in quanta.
    pub fn place(&self) -> (i32, i32) {
        let quanta = |metres: f64| (metres * f64::from(PER_METRE)).round() as i32;
        (quanta(self.x), quanta(self.y))
    }

    /// One tick further, at 1 to 6 m/s; nobody ever stands still.
    pub fn step(&mut self) -> (i32, i32) {
        let (period, sides) = (1.0 / f64::from(RATE), self.sides);
        if self.until == 0 {
            self.until = 10 + self.dice.next_u32() % 40;
            self.wish = (1.0 + 5.0 * unit(&mut self.dice), (unit(&mut self.dice) - 0.5) * 2.0);
        }
        self.until -= 1;
        self.speed += (self.wish.0 - self.speed) * 0.15;
        let (to_x, to_y) = (sides.0 / 2.0 - self.x, sides.1 / 2.0 - self.y);
        // Near a side, towards the middle.
        let outside = to_x.abs() > sides.0 / 2.0 - 6.0 || to_y.abs() > sides.1 / 2.0 - 6.0;
        let wish = if outside { 3.0 * wrapped(to_y.atan2(to_x) - self.heading).clamp(-1.0, 1.0) } else { self.wish.1 };
        self.turn += (wish - self.turn) * 0.3;
        self.heading = wrapped(self.heading + self.turn * period);
        self.x = (self.x + self.heading.cos() * self.speed * period).clamp(0.0, sides.0);
        self.y = (self.y + self.heading.sin() * self.speed * period).clamp(0.0, sides.1);
        self.place()
    }
}

fn unit(dice: &mut Pcg32) -> f64 {
    f64::from(dice.next_u32()) / f64::from(u32::MAX)
}

fn wrapped(angle: f64) -> f64 {
    (angle + PI).rem_euclid(TAU) - PI
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_moves_nearly_every_tick_and_stays_on_the_pitch() {
        let mut still = 0;
        for number in 0..200 {
            let mut walker = Walker::new(1, number, SIDES);
            let mut last = walker.place();
            for _ in 0..400 {
                let place = walker.step();
                still += u32::from(place == last);
                assert!((0..=105 * PER_METRE).contains(&place.0) && (0..=68 * PER_METRE).contains(&place.1));
                last = place;
            }
        }
        // Only who is pushed into a corner of the pitch.
        assert!(still < 80, "{still} of 80000 steps went nowhere");
    }
}
