//! The forecast of a field at the next tick, and what it is computed from: the motion cells of a row.
//!
//! All of it is integer arithmetic on cells that are part of the state, so that every implementation predicts the same
//! and a keyframe restores the cells. A surprise is the difference between forecast and outcome; `model` decides what
//! it costs in bits.
//!
//! `Linear` repeats the last change, so its surprise is the second difference. `Smooth` is an alpha-beta-gamma filter
//! (Kalata 1984) in 64ths of a quantum, with gains 11/16, 1/2 and 3/32 and the acceleration damped by 15/16; a surprise
//! of four quanta restarts it, so that a sharp turn costs one tick. `Along` and `Across` learn a speed along the
//! direction in another field, `Fade` a factor. What each of them saves is in ARCHITECTURE.md.

use super::direction::{ONE, cosine};
use super::plan::{FieldPlan, KindPlan};
use super::schema::Motion;

/// Parts of a quantum in which `Smooth`, `Along` and `Across` compute, as a power of two.
const SUB: u32 = 6;
const UNIT: i32 = 1 << SUB;
/// A surprise of this many parts restarts the filter.
const RESTART: i32 = 4 * UNIT;
/// The fastest movement per tick that `Smooth`, `Along` and `Across` believe, in quanta: keeps sums within 32 bits.
const FASTEST: i32 = 1 << 15;
/// The bound of the motion cells of `Smooth`, `Along` and `Across`.
const BOUND: i32 = FASTEST << SUB;

/// The greatest surprise that `Linear` and `Fade` remember, in quanta: contexts do not distinguish greater ones.
const SURPRISING: i32 = 8;

/// Values this great are not expected to fade: squares stay below 2^52, which every language computes exactly.
const MOST_FADING: u32 = 1 << 26;

/// The forecast of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Forecast {
    /// The expected value, within the field's range.
    pub value: i32,
    /// Contexts: how surprising the last tick was (0 to 7),
    pub unrest: usize,
    /// how far the forecast lies from the middle of its quantum (0 to 3),
    pub lean: usize,
    /// whether it lies below the middle,
    pub below: bool,
    /// and the side of the last surprise: 0 none, 1 above, 2 below.
    pub side: usize,
}

/// A number divided by a power of two, towards zero, so that opposite motions are predicted equally well.
#[inline]
fn part(value: i32, shift: u32) -> i32 {
    if value < 0 { -(-value >> shift) } else { value >> shift }
}

/// The movement that `Smooth` expects, in parts, from its cells: velocity, acceleration and last surprise.
#[inline]
fn course(velocity: i32, acceleration: i32, surprise: i32) -> i32 {
    let lag = if surprise.abs() < RESTART { part(surprise * 5, 4) } else { 0 };
    velocity + part(acceleration, 1) - lag
}

/// The cosine or sine that a field moves by when the row's heading is that in `row`.
#[inline]
fn share(plan: &FieldPlan, row: &[i32]) -> i32 {
    let (heading, quarter) = match plan.motion {
        Motion::Along { heading } => (heading, 0),
        Motion::Across { heading } => (heading, 1 << 14),
        _ => return 0,
    };
    cosine((row[usize::from(heading)] << plan.turn) - quarter)
}

/// The movement of a speed, in parts.
#[inline]
fn way(speed: i32, share: i32) -> i32 {
    ((i64::from(speed) * i64::from(share)) >> 14) as i32
}

/// The value after `value` if it came from `before` and shrinks by the same factor again.
#[inline]
fn faded(value: i32, before: i32) -> i32 {
    let shrinks = value.unsigned_abs() < before.unsigned_abs() && (value < 0) == (before < 0);
    if !shrinks || value.unsigned_abs() >= MOST_FADING {
        return value;
    }
    (i64::from(value) * i64::from(value) / i64::from(before)) as i32
}

/// The forecast of motions that compute below the quantum.
#[inline]
fn sharp(plan: &FieldPlan, value: i32, course: i32, step: i32, surprise: i32) -> Forecast {
    let (off, size) = (course - (step << SUB), surprise.unsigned_abs());
    Forecast {
        value: plan.predict(value, step),
        unrest: unrest(size),
        lean: ((off.unsigned_abs() >> (SUB - 3)) as usize).min(3),
        below: off < 0,
        side: if size < UNIT as u32 / 4 { 0 } else { 1 + usize::from(surprise < 0) },
    }
}

/// The forecast of motions that know their last surprise in whole quanta, and the size of something else.
#[inline]
fn coarse(value: i32, surprise: i32, size: u32) -> Forecast {
    let lean = match size {
        0 => 0,
        1 => 1,
        2..8 => 2,
        _ => 3,
    };
    let side = if surprise == 0 { 0 } else { 1 + usize::from(surprise < 0) };
    Forecast { value, unrest: unrest(surprise.unsigned_abs() << SUB), lean, below: false, side }
}

/// Predicts the field at `column` of `row`. `next` is the next row as far as it is known: the heading, if there is one.
#[inline]
pub(super) fn forecast(plan: &FieldPlan, row: &[i32], next: &[i32], column: usize) -> Forecast {
    let value = row[column];
    let still = Forecast { value, unrest: 0, lean: 0, below: false, side: 0 };
    match plan.motion {
        Motion::Hold => still,
        Motion::Linear => {
            let motion = row[plan.slot];
            coarse(plan.predict(value, motion), row[plan.slot + 1], motion.unsigned_abs())
        }
        Motion::Fade => coarse(plan.saturate(faded(value, row[plan.slot])), row[plan.slot + 1], value.unsigned_abs()),
        Motion::Along { .. } | Motion::Across { .. } => {
            let surprise = row[plan.slot + 1];
            let course = way(row[plan.slot], share(plan, next));
            let step = (course + UNIT / 2) >> SUB;
            sharp(plan, value, course, step, surprise)
        }
        Motion::Smooth => {
            let surprise = row[plan.slot + 2];
            let course = course(row[plan.slot], row[plan.slot + 1], surprise);
            let step = (course + UNIT / 2) >> SUB;
            sharp(plan, value, course, step, surprise)
        }
    }
}

/// The class of the last surprise's size, about half an octave each around one quantum.
#[inline]
fn unrest(size: u32) -> usize {
    match size {
        0..8 => 0,
        8..16 => 1,
        16..24 => 2,
        24..40 => 3,
        40..72 => 4,
        72..136 => 5,
        136..512 => 6,
        _ => 7,
    }
}

/// Writes the motion cells of `row` after the field at `column` moved from its value in `old`.
#[inline]
pub(super) fn advance(plan: &FieldPlan, old: &[i32], row: &mut [i32], column: usize) {
    match plan.motion {
        Motion::Hold => {}
        Motion::Linear => {
            let expected = plan.predict(old[column], old[plan.slot]);
            row[plan.slot] = plan.difference(old[column], row[column]);
            row[plan.slot + 1] = plan.difference(expected, row[column]).clamp(-SURPRISING, SURPRISING);
        }
        Motion::Fade => {
            let expected = plan.saturate(faded(old[column], old[plan.slot]));
            row[plan.slot] = old[column];
            row[plan.slot + 1] = plan.difference(expected, row[column]).clamp(-SURPRISING, SURPRISING);
        }
        Motion::Along { .. } | Motion::Across { .. } => {
            let moved = plan.difference(old[column], row[column]).clamp(-FASTEST, FASTEST) << SUB;
            let (speed, share) = (old[plan.slot], share(plan, row));
            let surprise = (moved - way(speed, share)).clamp(-BOUND, BOUND);
            row[plan.slot] = sped(speed, share, surprise);
            row[plan.slot + 1] = surprise;
        }
        Motion::Smooth => {
            let moved = plan.difference(old[column], row[column]).clamp(-FASTEST, FASTEST) << SUB;
            let [velocity, acceleration, last] = [old[plan.slot], old[plan.slot + 1], old[plan.slot + 2]];
            let surprise = (moved - course(velocity, acceleration, last)).clamp(-BOUND, BOUND);
            let cells = if surprise.abs() >= RESTART {
                [moved, 0, surprise]
            } else if moved == 0 && velocity.abs() < UNIT / 8 && surprise.abs() < UNIT / 2 {
                // At rest exactly: a world that stands still has no motion to restore.
                [0; 3]
            } else {
                let gained = part(surprise, 3) - part(surprise, 5);
                [
                    (velocity + acceleration + part(surprise, 1)).clamp(-BOUND, BOUND),
                    acceleration - part(acceleration, 4) + gained,
                    surprise,
                ]
            };
            row[plan.slot..plan.slot + 3].copy_from_slice(&cells);
        }
    }
}

/// The speed after a surprise. Rounding explains small surprises, so they teach nothing; nor does a direction that
/// barely points along this axis.
#[inline]
fn sped(speed: i32, share: i32, surprise: i32) -> i32 {
    if surprise.abs() <= UNIT / 2 || share.abs() < ONE / 4 {
        return speed;
    }
    let beyond = if surprise.abs() >= RESTART { surprise } else { surprise - surprise.signum() * (UNIT / 2 - 4) };
    let change = i64::from(beyond) * i64::from(ONE) / i64::from(share);
    (i64::from(speed) + change).clamp(-i64::from(BOUND), i64::from(BOUND)) as i32
}

/// Whether the motion cells in `row` are possible for this field.
pub(super) fn admits(plan: &FieldPlan, row: &[i32]) -> bool {
    if plan.min == plan.max {
        return row[plan.slot..plan.slot + plan.motion_cells()].iter().all(|cell| *cell == 0);
    }
    match plan.motion {
        Motion::Hold => true,
        Motion::Linear => plan.admits_motion(row[plan.slot]) && row[plan.slot + 1].abs() <= SURPRISING,
        Motion::Fade => (row[plan.slot] == 0 || plan.admits(row[plan.slot])) && row[plan.slot + 1].abs() <= SURPRISING,
        Motion::Along { .. } | Motion::Across { .. } | Motion::Smooth => row
            [plan.slot..plan.slot + plan.motion_cells()]
            .iter()
            .all(|cell| cell.unsigned_abs() <= BOUND.unsigned_abs()),
    }
}

/// Writes the row that is expected at the next tick, with its motion.
pub(crate) fn expect_row(plan: &KindPlan, row: &[i32], next: &mut [i32]) {
    next.copy_from_slice(row);
    for column in &plan.moving {
        next[*column] = forecast(&plan.fields[*column], row, next, *column).value;
    }
    for column in &plan.moving {
        advance(&plan.fields[*column], row, next, *column);
    }
}

/// Makes directions that have just jumped stay: the coder expects another such jump, which is unlikely to come and would be
/// seen.
pub(crate) fn steady(plan: &KindPlan, row: &mut [i32]) {
    for field in plan.moving.iter().map(|column| &plan.fields[*column]).filter(|field| field.wraps) {
        let cells = &mut row[field.slot..field.slot + field.motion_cells()];
        let least = if field.motion == Motion::Smooth { RESTART } else { SURPRISING };
        if cells.last().is_some_and(|surprise| surprise.abs() >= least) {
            cells.fill(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Field, Kind, Schema, Shape};

    fn follow(path: &[i32]) -> Vec<i32> {
        let shape = Shape::Int { min: -1_000_000, max: 1_000_000 };
        let schema = Schema::new(vec![Kind::new("k", vec![Field::smooth("x", shape)])]).expect("a valid schema");
        let plan = &schema.plans()[0].fields[0];
        let mut row = [path[0], 0, 0, 0];
        let surprises = path[1..].iter().map(|next| {
            let expected = forecast(plan, &row, &row, 0).value;
            let old = row;
            row[0] = *next;
            advance(plan, &old, &mut row, 0);
            assert!(admits(plan, &row));
            next - expected
        });
        surprises.collect()
    }

    fn surprising(path: &[i32]) -> usize {
        follow(path).iter().filter(|surprise| **surprise != 0).count()
    }

    /// How often the second difference is not zero.
    fn bent(path: &[i32]) -> usize {
        path.windows(3).filter(|places| places[2] - places[1] != places[1] - places[0]).count()
    }

    #[test]
    fn a_steady_course_is_foreseen() {
        let whole: Vec<i32> = (0..50).map(|n| 7 * n).collect();
        assert_eq!(surprising(&whole), 1);
        let fraction: Vec<i32> = (0..700).map(|n| n * 9 / 7).collect();
        assert!(surprising(&fraction) * 5 < bent(&fraction) * 4, "{} of {}", surprising(&fraction), bent(&fraction));
    }

    #[test]
    fn a_thrown_ball_is_foreseen() {
        let path: Vec<i32> = (0..200).map(|n| 60 * n - n * n * 2 / 7).collect();
        assert!(surprising(&path) * 5 < bent(&path) * 4, "{} of {}", surprising(&path), bent(&path));
    }

    #[test]
    fn rest_is_exact_and_extremes_do_not_overflow() {
        let mut path = vec![0; 3];
        path.extend([9; 60]);
        assert!(follow(&path)[6..].iter().all(|surprise| *surprise == 0));
        let path: Vec<i32> = (0..200).map(|n| if n % 2 == 0 { 1_000_000 } else { -1_000_000 }).collect();
        assert_eq!(follow(&path).len(), 199);
    }
}
