//! Generated movement: seeded clips of the kinds that games have, in metres on a square of 100 by 100.
//!
//! They help to choose steps and motions before there is a game; the coder was not fitted to them.

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;

use super::clip::{Clip, Sample};

/// How the entities of a clip move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// They steer towards places with inertia: vehicles, players of physics games.
    Smooth,
    /// The same, measured by a sensor with noise of a few centimetres.
    Noisy,
    /// They stand, then run at once at full speed, then stand.
    StopGo,
    /// They walk in eight directions at one speed, as keys make them.
    Walk,
}

/// Metres on each side.
const SIDE: f64 = 100.0;
/// Top speed in metres per second.
const SPEED: f64 = 7.0;

/// Generates the movement of `entities` entities: `frames` frames, `rate` of them per second. The same seed gives the same
/// clip.
pub fn generate(style: Style, entities: u32, frames: u32, rate: u16, seed: u64) -> Clip {
    let period = 1.0 / f64::from(rate.max(1));
    let mut random = Random(Pcg32::new(seed, 21));
    let mut movers: Vec<Mover> = (0..entities).map(|_| Mover::new(&mut random)).collect();
    let mut frame = |_| {
        let sample = |(entity, mover): (u64, &mut Mover)| {
            mover.step(style, period, &mut random);
            Sample { entity, values: mover.seen(style, &mut random).to_vec() }
        };
        (0..).zip(&mut movers).map(sample).collect()
    };
    Clip { fields: vec!["x".to_owned(), "y".to_owned()], frames: (0..frames).map(&mut frame).collect() }
}

struct Random(Pcg32);

impl Random {
    /// A random number, evenly distributed from 0 to 1.
    fn part(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / f64::from(u32::MAX)
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.part()
    }

    /// A random number, nearly normally distributed, with a deviation of 1.
    fn tremble(&mut self) -> f64 {
        (0..12).map(|_| self.part()).sum::<f64>() - 6.0
    }

    fn place(&mut self) -> [f64; 2] {
        [self.between(5.0, SIDE - 5.0), self.between(5.0, SIDE - 5.0)]
    }
}

struct Mover {
    at: [f64; 2],
    velocity: [f64; 2],
    goal: [f64; 2],
    /// Speed towards the goal, in metres per second.
    pace: f64,
    /// Seconds until it chooses another goal.
    left: f64,
}

impl Mover {
    fn new(random: &mut Random) -> Self {
        let (at, goal) = (random.place(), random.place());
        Self { at, velocity: [0.0; 2], goal, pace: SPEED / 2.0, left: random.between(0.0, 2.0) }
    }

    fn step(&mut self, style: Style, period: f64, random: &mut Random) {
        self.left -= period;
        if self.left <= 0.0 {
            self.decide(style, random);
        }
        match style {
            Style::Smooth | Style::Noisy => {
                let wanted = self.towards_goal(self.pace);
                // The velocity follows within about half a second.
                for (velocity, wanted) in self.velocity.iter_mut().zip(wanted) {
                    *velocity += (wanted - *velocity) * (period / 0.5).min(1.0);
                }
            }
            Style::StopGo => self.velocity = self.towards_goal(self.pace),
            Style::Walk => {}
        }
        for (at, velocity) in self.at.iter_mut().zip(self.velocity) {
            *at = (*at + velocity * period).clamp(0.0, SIDE);
        }
    }

    fn decide(&mut self, style: Style, random: &mut Random) {
        self.goal = random.place();
        match style {
            Style::Smooth | Style::Noisy => {
                self.pace = random.between(0.5, SPEED);
                self.left = random.between(1.0, 4.0);
            }
            Style::StopGo => {
                let runs = self.pace == 0.0;
                self.pace = if runs { SPEED } else { 0.0 };
                self.left = if runs { random.between(0.3, 1.5) } else { random.between(0.5, 3.0) };
            }
            Style::Walk => {
                let eighth = (random.part() * 8.0).floor() * std::f64::consts::FRAC_PI_4;
                // One choice in six is a stop.
                let pace = if random.part() < 1.0 / 6.0 { 0.0 } else { SPEED / 2.0 };
                self.velocity = [eighth.cos() * pace, eighth.sin() * pace];
                self.left = random.between(0.3, 2.0);
            }
        }
    }

    fn towards_goal(&self, pace: f64) -> [f64; 2] {
        let way = [self.goal[0] - self.at[0], self.goal[1] - self.at[1]];
        let far = way[0].hypot(way[1]);
        // An entity that has arrived stays there.
        if far < 0.5 { [0.0; 2] } else { way.map(|part| part / far * pace) }
    }

    fn seen(&self, style: Style, random: &mut Random) -> [f64; 2] {
        match style {
            Style::Noisy => self.at.map(|at| at + random.tremble() * 0.03),
            Style::Smooth | Style::StopGo | Style::Walk => self.at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clips_follow_from_their_seed_and_move_as_they_should() {
        for style in [Style::Smooth, Style::Noisy, Style::StopGo, Style::Walk] {
            let clip = generate(style, 10, 200, 20, 7);
            assert_eq!(clip, generate(style, 10, 200, 20, 7));
            assert_ne!(clip, generate(style, 10, 200, 20, 8));
            assert!(clip.frames.iter().all(|frame| frame.len() == 10));
            let still = clip.frames.windows(2).map(|pair| {
                pair[0].iter().zip(&pair[1]).filter(|(before, after)| before.values == after.values).count()
            });
            let still = still.sum::<usize>() as f64 / 1990.0;
            let expected = match style {
                Style::Smooth => 0.0..0.05,
                Style::Noisy => 0.0..0.001,
                Style::StopGo => 0.3..0.9,
                Style::Walk => 0.02..0.5,
            };
            assert!(expected.contains(&still), "{style:?}: {still}");
        }
    }
}
