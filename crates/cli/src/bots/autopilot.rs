//! The autopilot of swarms: plays any game by the shapes of its input fields.
//!
//! It decides from an input schema, a seed and the visible state alone. It knows fields by their shape and by the names
//! `run`, `x` and `y`. It returns input values, one per field; the bot decides when and how they are sent.

use std::f64::consts::TAU;

use rand_pcg::Pcg32;

use super::controls::{Controls, takes_places, unit};
use super::pilot::Behaviour;
use tickwire::snapshot::{Field, InputSchema, Shape};
use tickwire::tick::TickRate;
use tickwire::wire::Authority;

/// What an autopilot sees.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct View {
    /// The player's position in metres, if it is known.
    pub own: Option<(f64, f64)>,
    /// The position of the nearest other entity of the same kind, in metres.
    pub nearest: Option<(f64, f64)>,
}

/// Decides the inputs of one player of a swarm, in any game.
#[derive(Debug)]
pub struct Autopilot {
    behaviour: Behaviour,
    fields: Vec<Field>,
    neutral: Vec<i32>,
    controls: Controls,
    /// Whether inputs are positions.
    reports: bool,
    random: Pcg32,
    /// Seconds per input.
    period: f64,
    /// Radians, 0 towards +x, growing towards +y.
    heading: f64,
    /// Radians per second.
    turn: f64,
    /// Inputs left during which it keeps the heading chosen after a correction.
    detour: u32,
    /// The position that the bot reported last, in metres, if the game takes positions.
    place: Option<(f64, f64)>,
    /// Inputs made so far.
    made: usize,
}

impl Autopilot {
    /// The fastest turn of a wanderer, in radians per second.
    const TURN_RATE: f64 = TAU / 2.0;
    /// Walking speed in games of position reports, in metres per second.
    const WALK: f64 = 5.0;
    /// A wanderer chooses another turn at this interval, in seconds.
    const WHIM: f64 = 0.5;

    /// A pilot for a player whose inputs have the layout `schema`.
    pub fn new(behaviour: Behaviour, schema: &InputSchema, authority: Authority, rate: TickRate, seed: u64) -> Self {
        let mut random = Pcg32::new(seed, 5);
        let heading = TAU * unit(&mut random);
        let fields = schema.fields().to_vec();
        let neutral = schema.neutral()[..fields.len()].to_vec();
        let period = 1.0 / f64::from(rate.per_second());
        let (controls, reports) = (Controls::new(schema, authority), takes_places(schema, authority));
        let (turn, detour, place, made) = (0.0, 0, None, 0);
        Self { behaviour, fields, neutral, controls, reports, random, period, heading, turn, detour, place, made }
    }

    /// Whether the pilot needs the state for its decisions.
    pub fn looks(&self) -> bool {
        matches!(self.behaviour, Behaviour::Chase) || (self.reports && !matches!(self.behaviour, Behaviour::Follow(_)))
    }

    /// Whether the pilot has finished its recording.
    pub fn is_done(&self) -> bool {
        matches!(&self.behaviour, Behaviour::Follow(path) if self.made >= path.len())
    }

    /// Handles a correction by the server: takes the position from the next view. A player that reports positions may have
    /// walked into a wall that no schema describes, so it tries another direction for half a second.
    pub fn on_correction(&mut self) {
        self.place = None;
        if self.reports {
            self.heading = TAU * unit(&mut self.random);
            self.detour = (0.5 / self.period) as u32;
        }
    }

    /// The next input, one value per field; `None` while the player's position is not known yet.
    pub fn next(&mut self, view: &View) -> Option<Vec<i32>> {
        self.place = self.place.or(view.own);
        if self.looks() && self.reports && self.place.is_none() {
            return None;
        }
        let input = match &self.behaviour {
            Behaviour::Idle => self.stay(),
            Behaviour::Follow(path) => {
                let at = path.position(self.made).or_else(|| path.position(path.len().saturating_sub(1)));
                self.report(at)
            }
            // A game's own pilot is not driven from here.
            Behaviour::Wander | Behaviour::Own(_) => {
                self.drift();
                self.walk(Self::WALK)
            }
            Behaviour::Chase => {
                let (own, nearest) = (self.place.filter(|_| self.reports).or(view.own), view.nearest);
                let far = own.zip(nearest).map(|(from, to)| self.face(from, to));
                self.walk(far.unwrap_or(Self::WALK).min(Self::WALK))
            }
        };
        self.made += 1;
        Some(input)
    }

    /// Turns towards `to`. Returns the speed that leads there within one input, in metres per second.
    fn face(&mut self, from: (f64, f64), to: (f64, f64)) -> f64 {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        if (dx, dy) != (0.0, 0.0) {
            self.heading = dy.atan2(dx).rem_euclid(TAU);
        }
        dx.hypot(dy) / self.period
    }

    fn drift(&mut self) {
        if unit(&mut self.random) * Self::WHIM < self.period {
            self.turn = Self::TURN_RATE * (2.0 * unit(&mut self.random) - 1.0);
        }
        self.heading = (self.heading + self.turn * self.period).rem_euclid(TAU);
    }

    fn stay(&self) -> Vec<i32> {
        if self.reports { self.report(self.place) } else { self.neutral.clone() }
    }

    /// Continues in the direction of the heading.
    fn walk(&mut self, speed: f64) -> Vec<i32> {
        if let Some((x, y)) = self.place.filter(|_| self.reports) {
            let step = speed * self.period;
            let ahead = |heading: f64| (x + step * heading.cos(), y + step * heading.sin());
            self.detour = self.detour.saturating_sub(1);
            if self.detour == 0
                && let Some((to_x, to_y)) = self.way_back(ahead(self.heading))
            {
                self.heading = (to_y - y).atan2(to_x - x).rem_euclid(TAU);
            }
            self.place = Some(ahead(self.heading));
        }
        let mut input = self.report(self.place);
        self.controls.drive(self.heading, self.period, &mut self.random, &mut input);
        input
    }

    /// An input that only reports the player's position.
    fn report(&self, at: Option<(f64, f64)>) -> Vec<i32> {
        let mut input = self.neutral.clone();
        let Some((x, y)) = at else { return input };
        for (value, field) in input.iter_mut().zip(&self.fields) {
            match field.name.as_str() {
                "x" => *value = quanta(&field.shape, x).unwrap_or(*value),
                "y" => *value = quanta(&field.shape, y).unwrap_or(*value),
                _ => {}
            }
        }
        input
    }

    /// The middle of the range, if the position is outside or so near the edge that games tend to have walls there.
    fn way_back(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        const EDGE: f64 = 0.05;
        let range = |name: &str| {
            let field = self.fields.iter().find(|field| field.name == name)?;
            match field.shape {
                Shape::Fixed { min, max, .. } => Some((metres(&field.shape, min)?, metres(&field.shape, max)?)),
                _ => None,
            }
        };
        let outside = |at: f64, (min, max): (f64, f64)| {
            let edge = EDGE * (max - min);
            at < min + edge || at > max - edge
        };
        let (x_range, y_range) = (range("x")?, range("y")?);
        let middle = |(min, max): (f64, f64)| f64::midpoint(min, max);
        (outside(x, x_range) || outside(y, y_range)).then(|| (middle(x_range), middle(y_range)))
    }
}

/// Converts metres to a value of a fixed-point field, rounded to the nearest within its range; `None` for other shapes.
pub fn quanta(shape: &Shape, metres: f64) -> Option<i32> {
    match shape {
        Shape::Fixed { min, max, per_unit } => {
            let exact = (metres * f64::from(*per_unit)).round();
            Some((exact.clamp(f64::from(*min), f64::from(*max))) as i32)
        }
        _ => None,
    }
}

/// Converts a value of a number to metres; `None` for other shapes.
pub fn metres(shape: &Shape, value: i32) -> Option<f64> {
    match shape {
        Shape::Int { .. } => Some(f64::from(value)),
        Shape::Fixed { per_unit, .. } => Some(f64::from(value) / f64::from(*per_unit)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::bots::recording::Path;

    fn pilot(behaviour: Behaviour, fields: Vec<Field>) -> Autopilot {
        let schema = InputSchema::new(fields).expect("a valid schema");
        Autopilot::new(behaviour, &schema, Authority::Client, TickRate::DEFAULT, 3)
    }

    fn steered() -> Vec<Field> {
        let bool = |name| Field::held(name, Shape::Bool);
        vec![Field::held("heading", Shape::Angle { bits: 8 }), bool("run"), bool("throw")]
    }

    fn placed() -> Vec<Field> {
        let place = || Shape::Fixed { min: 0, max: 6400, per_unit: 64 };
        vec![Field::held("x", place()), Field::held("y", place())]
    }

    #[test]
    fn a_wanderer_turns_no_faster_than_stated_and_runs() {
        let mut pilot = pilot(Behaviour::Wander, steered());
        let inputs: Vec<_> = (0..400).map(|_| pilot.next(&View::default()).expect("it needs no view")).collect();
        let turned = |pair: &[Vec<i32>]| (pair[1][0] - pair[0][0] + 128).rem_euclid(256) - 128;
        assert!(inputs.windows(2).all(|pair| turned(pair).abs() <= 8), "half a turn in 20 inputs");
        assert!(inputs.windows(2).filter(|pair| turned(pair) != 0).count() > 200);
        assert!(inputs.iter().all(|input| input[1] == 1));
        assert!((1..40).contains(&inputs.iter().filter(|input| input[2] == 1).count()));
    }

    #[test]
    fn a_wanderer_who_reports_starts_where_it_is_and_walks() {
        let mut pilot = pilot(Behaviour::Wander, placed());
        assert_eq!(pilot.next(&View::default()), None);
        let view = View { own: Some((10.0, 20.0)), nearest: None };
        let mut last = vec![640, 1280];
        for _ in 0..2000 {
            let input = pilot.next(&view).expect("it knows where it is");
            let (dx, dy) = (f64::from(input[0] - last[0]), f64::from(input[1] - last[1]));
            assert!(dx.hypot(dy) <= 5.0 * 64.0 / 20.0 + 1.5);
            assert!(input.iter().all(|value| (304..=6096).contains(value)));
            last = input;
        }
        pilot.on_correction();
        let back = pilot.next(&view).expect("it knows where it is");
        assert!((back[0] - 640).abs() <= 16 && (back[1] - 1280).abs() <= 16);
        pilot.on_correction();
        let view = View { own: Some((0.5, 99.5)), nearest: None };
        let inward = (0..60).filter_map(|_| pilot.next(&view)).last().expect("it knows where it is");
        assert!(inward[0] > 300 && inward[1] < 6100, "it walks in from the edge: {inward:?}");
    }

    #[test]
    fn a_chaser_heads_for_the_nearest() {
        let mut pilot = pilot(Behaviour::Chase, steered());
        let view = View { own: Some((1.0, 1.0)), nearest: Some((1.0, 5.0)) };
        assert_eq!(pilot.next(&view).map(|input| input[0]), Some(64));
        let view = View { own: Some((1.0, 1.0)), nearest: Some((-3.0, 1.0)) };
        assert_eq!(pilot.next(&view).map(|input| input[0]), Some(128));
    }

    #[test]
    fn a_follower_reports_each_position_once() {
        let path = Arc::new(Path::new(7, vec![(1.0, 2.0), (1.01, 2.0), (1.5, 2.5)]));
        let mut pilot = pilot(Behaviour::Follow(path), placed());
        let inputs: Vec<_> = (0..3).filter_map(|_| pilot.next(&View::default())).collect();
        assert_eq!(inputs, [[64, 128], [65, 128], [96, 160]]);
        assert!(pilot.is_done());
        assert_eq!(pilot.next(&View::default()), Some(vec![96, 160]));
    }

    #[test]
    fn the_same_seed_makes_the_same_inputs() {
        let run = || {
            let mut pilot = pilot(Behaviour::Wander, steered());
            (0..50).map(|_| pilot.next(&View::default())).collect::<Vec<_>>()
        };
        assert_eq!(run(), run());
        let mut idle = pilot(Behaviour::Idle, steered());
        assert_eq!(idle.next(&View::default()), Some(vec![0, 0, 0]));
    }
}
