//! How an autopilot drives each field of an input, by its shape and range.

use std::f64::consts::{FRAC_PI_2, TAU};

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;

use tickwire::snapshot::{Field, InputSchema, Shape};
use tickwire::wire::Authority;

/// What an input field is for a bot that walks in some direction.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Control {
    /// The direction, in 2^`bits` parts of a turn.
    Heading { bits: u8 },
    /// Always pressed.
    Held,
    /// Pressed now and then.
    Button,
    /// The part of the direction along an axis, which is `turn` radians from +x; from `min`, below zero, to `max`. `alone`: it
    /// is the only one, and so never at rest.
    Axis { turn: f64, min: i32, max: i32, alone: bool },
    /// A value from `min` to `max` that is kept for a while.
    Dial { min: i32, max: i32, value: i32 },
    /// A coordinate of a position report.
    Place,
    /// A shape that this bot does not know.
    Unknown,
}

/// The controls of a game, one per input field.
#[derive(Debug)]
pub struct Controls(Vec<Control>);

impl Controls {
    /// A dial gets another value at this interval on average, in seconds.
    const WHIM: f64 = 0.5;
    /// One input in this many presses a button.
    const RARELY: u32 = 50;

    /// The controls for inputs with the layout `schema`.
    pub fn new(schema: &InputSchema, authority: Authority) -> Self {
        let places = takes_places(schema, authority);
        let mut controls: Vec<Control> =
            schema.fields().iter().map(|field| Control::of(field, places && is_place(field))).collect();
        let axes = || controls.iter().filter(|control| matches!(control, Control::Axis { .. }));
        let only = axes().count() == 1;
        let mut at = 0.0;
        for control in &mut controls {
            if let Control::Axis { turn, alone, .. } = control {
                // The axes of a second stick have the directions of the first one's.
                (*turn, *alone, at) = (at, only, FRAC_PI_2 - at);
            }
        }
        Self(controls)
    }

    /// Sets all fields of `input` but coordinates of positions, for a bot that walks towards `heading`. `period`: seconds
    /// per input.
    pub fn drive(&mut self, heading: f64, period: f64, random: &mut Pcg32, input: &mut [i32]) {
        for (control, to) in self.0.iter_mut().zip(input) {
            match control {
                Control::Heading { bits } => *to = angle(heading, *bits),
                Control::Held => *to = 1,
                Control::Button => *to = i32::from(random.next_u32().is_multiple_of(Self::RARELY)),
                Control::Axis { turn, min, max, alone } => {
                    let part = (heading - *turn).cos();
                    let part = if *alone { 1_f64.copysign(part) } else { part };
                    *to = (part.abs() * f64::from(if part < 0.0 { *min } else { *max })).round() as i32;
                }
                Control::Dial { min, max, value } => {
                    if unit(random) * Self::WHIM < period {
                        *value = between(random, *min, *max);
                    }
                    *to = *value;
                }
                Control::Place | Control::Unknown => {}
            }
        }
    }
}

impl Control {
    fn of(field: &Field, place: bool) -> Self {
        let dial = |max: usize| Self::Dial { min: 0, max: i32::try_from(max).unwrap_or(0), value: 0 };
        match &field.shape {
            _ if place => Self::Place,
            Shape::Bool if field.name == "run" => Self::Held,
            Shape::Bool => Self::Button,
            Shape::Angle { bits } => Self::Heading { bits: *bits },
            Shape::Int { min, max } | Shape::Fixed { min, max, .. } => match (*min, *max) {
                (min, max) if min < 0 && max > 0 => Self::Axis { turn: 0.0, min, max, alone: false },
                (min, max) => Self::Dial { min, max, value: 0.clamp(min, max) },
            },
            Shape::Enum { labels } => dial(labels.len().saturating_sub(1)),
            Shape::Colour { count } => dial(usize::from(count.saturating_sub(1))),
            _ => Self::Unknown,
        }
    }
}

/// Whether inputs are position reports.
pub fn takes_places(schema: &InputSchema, authority: Authority) -> bool {
    authority == Authority::Client && schema.fields().iter().filter(|field| is_place(field)).count() == 2
}

fn is_place(field: &Field) -> bool {
    ["x", "y"].contains(&field.name.as_str()) && matches!(field.shape, Shape::Fixed { .. })
}

fn angle(radians: f64, bits: u8) -> i32 {
    let parts = f64::from(1_u32 << bits);
    (radians / TAU * parts).round() as i32 & ((1 << bits) - 1)
}

/// A random number, evenly distributed from 0 to 1.
pub fn unit(random: &mut Pcg32) -> f64 {
    f64::from(random.next_u32()) / f64::from(u32::MAX)
}

fn between(random: &mut Pcg32, min: i32, max: i32) -> i32 {
    let span = i64::from(max) - i64::from(min) + 1;
    let offset = (i64::from(random.next_u32()) * span) >> 32;
    (i64::from(min) + offset) as i32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The values of each field while the heading goes around twice, ten seconds each time.
    fn driven(fields: Vec<Field>, authority: Authority) -> Vec<BTreeSet<i32>> {
        let schema = InputSchema::new(fields).expect("a valid schema");
        let (mut controls, mut random) = (Controls::new(&schema, authority), Pcg32::new(7, 5));
        let mut seen = vec![BTreeSet::new(); schema.fields().len()];
        for step in 0..400 {
            let mut input = schema.neutral()[..seen.len()].to_vec();
            controls.drive(TAU * f64::from(step) / 200.0, 0.05, &mut random, &mut input);
            assert!(schema.admits(&input), "{input:?}");
            seen.iter_mut().zip(input).for_each(|(seen, value)| _ = seen.insert(value));
        }
        seen
    }

    fn labels() -> Shape {
        Shape::Enum { labels: ["none", "sword", "bow"].map(str::to_owned).to_vec() }
    }

    #[test]
    fn every_shape_is_driven_over_its_range() {
        let seen = driven(
            vec![
                Field::held("right", Shape::Int { min: -1, max: 1 }),
                Field::held("down", Shape::Int { min: -3, max: 1 }),
                Field::held("weapon", labels()),
                Field::held("jump", Shape::Bool),
                Field::held("aim", Shape::Angle { bits: 4 }),
                Field::held("throttle", Shape::Fixed { min: 0, max: 64, per_unit: 64 }),
                Field::held("slot", Shape::Int { min: 2, max: 5 }),
                Field::held("hat", Shape::Colour { count: 3 }),
            ],
            Authority::Server,
        );
        assert_eq!(seen[0], (-1..=1).collect());
        assert_eq!(seen[1], (-3..=1).collect());
        assert_eq!(seen[2], (0..=2).collect());
        assert_eq!(seen[3], (0..=1).collect());
        assert_eq!(seen[4], (0..=15).collect());
        assert!(seen[5].len() > 15, "{:?}", seen[5]);
        assert_eq!(seen[6], (2..=5).collect());
        assert_eq!(seen[7], (0..=2).collect());
    }

    #[test]
    fn an_axis_alone_is_never_at_rest() {
        let seen = driven(vec![Field::held("right", Shape::Int { min: -1, max: 1 })], Authority::Server);
        assert_eq!(seen, [[-1, 1].into()]);
    }

    #[test]
    fn two_axes_make_a_stick() {
        let stick = || Shape::Fixed { min: -64, max: 64, per_unit: 64 };
        let schema = InputSchema::new(vec![Field::held("x", stick()), Field::held("y", stick())]).expect("valid");
        let mut input = vec![0, 0];
        let mut random = Pcg32::new(7, 5);
        Controls::new(&schema, Authority::Server).drive(FRAC_PI_2 / 3.0, 0.05, &mut random, &mut input);
        assert_eq!(input, [55, 32], "30 degrees from +x");
        input = vec![3, 4];
        Controls::new(&schema, Authority::Client).drive(0.0, 0.05, &mut random, &mut input);
        assert_eq!(input, [3, 4], "positions are no stick");
    }
}
