//! Where players are and whom they should see: everyone on one pitch, or those around them in a world that grows with their
//! number.

use crate::walker::SIDES;

/// How far players of a wide world see, in metres.
pub const SIGHT: f64 = 24.0;
/// How many others each of them sees on average, and how many players a plain room beside it has.
pub const SEEN: usize = 50;

/// Players turn away from the sides of the field: so many metres of both its width and its height are hardly used.
const RIM: f64 = 10.0;

/// The field of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// The same pitch for any number of players, all of whom see each other.
    Pitch,
    /// A square in which each player sees [`SEEN`] others, however many there are.
    Wide,
}

impl World {
    /// Its sides for so many players, in metres.
    pub fn sides(self, players: usize) -> (f64, f64) {
        match self {
            Self::Pitch => SIDES,
            Self::Wide => {
                let others = players.saturating_sub(1).max(1) as f64;
                // The larger the square, the fewer are within sight.
                let (mut low, mut high) = (SIGHT, SIGHT * 1000.0);
                for _ in 0..60 {
                    let middle = (low + high) / 2.0;
                    if others * within(SIGHT / middle) > SEEN as f64 { low = middle } else { high = middle }
                }
                (high + RIM, high + RIM)
            }
        }
    }

    /// How many players an update shows.
    pub fn shown(self, players: usize) -> usize {
        match self {
            Self::Pitch => players,
            Self::Wide => SEEN,
        }
    }
}

/// How likely two places in a square with a side of 1 are at most `distance` apart, which is at most 1.
fn within(distance: f64) -> f64 {
    let square = distance * distance;
    square * (std::f64::consts::PI - distance * 8.0 / 3.0 + square / 2.0)
}

/// How many others are within sight, on average.
pub fn seen(places: &[(i32, i32)], per_metre: i32) -> f64 {
    let sight = (SIGHT * f64::from(per_metre)) as i64;
    let near = |one: &(i32, i32), other: &(i32, i32)| {
        let (x, y) = (i64::from(one.0 - other.0), i64::from(one.1 - other.1));
        x * x + y * y <= sight * sight
    };
    let pairs = places.iter().map(|one| places.iter().filter(|other| near(one, other)).count() - 1);
    pairs.sum::<usize>() as f64 / places.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::walker::{PER_METRE, Walker};

    #[test]
    fn players_of_a_wide_world_see_about_fifty_however_many_there_are() {
        for players in [400, 800, 1600] {
            let sides = World::Wide.sides(players);
            let mut walkers: Vec<Walker> = (0..players).map(|number| Walker::new(1, number, sides)).collect();
            for _ in 0..200 {
                walkers.iter_mut().for_each(|walker| _ = walker.step());
            }
            let places: Vec<(i32, i32)> = walkers.iter().map(Walker::place).collect();
            let seen = seen(&places, PER_METRE);
            assert!((47.0..=56.0).contains(&seen), "{seen} of {players}");
        }
    }
}
