//! From the values of a struct's fields to integers and back. Floats are rounded here; below, everything is integers.

use std::f64::consts::TAU;

use crate::id::Seat;
use crate::snapshot::Shape;

/// A type whose values need no range: it has one of its own.
#[diagnostic::on_unimplemented(
    message = "a field of the type `{Self}` needs attributes",
    label = "clients do not know which values it can have",
    note = "give numbers a range, `#[row(range = 0..=9)]` (an input: `#[input(...)]`), floats a step, too: `step = 1/64`; derive `Labels` for an enum; what clients do not see is `#[row(skip)]`"
)]
pub trait Plain: Sized {
    /// The values that it can have.
    fn shape() -> Shape;

    /// The integer that stands for a value.
    fn to_quanta(&self) -> i32;

    /// The value for which an integer stands.
    fn from_quanta(quanta: i32) -> Self;
}

impl Plain for bool {
    fn shape() -> Shape {
        Shape::Bool
    }

    #[inline]
    fn to_quanta(&self) -> i32 {
        i32::from(*self)
    }

    fn from_quanta(quanta: i32) -> Self {
        quanta != 0
    }
}

impl Plain for Seat {
    fn shape() -> Shape {
        <u16 as Plain>::shape()
    }

    #[inline]
    fn to_quanta(&self) -> i32 {
        self.0.into()
    }

    fn from_quanta(quanta: i32) -> Self {
        Self(<u16 as Plain>::from_quanta(quanta))
    }
}

macro_rules! small {
    ($($int:ty),+) => {$(
        impl Plain for $int {
            fn shape() -> Shape {
                Shape::Int { min: <$int>::MIN.into(), max: <$int>::MAX.into() }
            }

            #[inline]
            fn to_quanta(&self) -> i32 {
                (*self).into()
            }

            fn from_quanta(quanta: i32) -> Self {
                <Self as Number>::from_quanta(quanta, 1)
            }
        }
    )+};
}

small!(u8, i8, u16, i16);

/// A number, which needs a range.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a number",
    note = "range, angle and colours are for integers and floats"
)]
pub trait Number: Copy {
    /// Whether its values are in units, and not in steps.
    const IS_FLOAT: bool;

    /// In steps; a value that has no such number becomes the nearest one, what is no number [`i32::MIN`].
    fn to_quanta(self, per_unit: u16) -> i32;

    /// From steps.
    fn from_quanta(quanta: i32, per_unit: u16) -> Self;

    /// A direction in 2^`bits` parts of a turn. May be any equivalent number.
    fn to_parts(self, bits: u8) -> i32;

    /// From parts of a turn.
    fn from_parts(parts: i32, bits: u8) -> Self;
}

macro_rules! integers {
    ($($int:ty),+) => {$(
        impl Number for $int {
            const IS_FLOAT: bool = false;

            #[inline]
            fn to_quanta(self, _: u16) -> i32 {
                #[allow(unused_comparisons, reason = "some of the types have no sign")]
                i32::try_from(self).unwrap_or(if self < 0 { i32::MIN + 1 } else { i32::MAX })
            }

            #[inline]
            fn from_quanta(quanta: i32, _: u16) -> Self {
                <$int>::try_from(quanta).unwrap_or(if quanta < 0 { <$int>::MIN } else { <$int>::MAX })
            }

            #[inline]
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole turns do not count")]
            fn to_parts(self, bits: u8) -> i32 {
                (self as i64 & ((1 << bits) - 1)) as i32
            }

            fn from_parts(parts: i32, _: u8) -> Self {
                <Self as Number>::from_quanta(parts, 1)
            }
        }
    )+};
}

integers!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);

macro_rules! floats {
    ($($float:ty),+) => {$(
        #[allow(clippy::cast_possible_truncation, reason = "casts of floats saturate")]
        impl Number for $float {
            const IS_FLOAT: bool = true;

            #[inline]
            fn to_quanta(self, per_unit: u16) -> i32 {
                if self.is_nan() {
                    return i32::MIN;
                }
                let steps = f64::from(self) * f64::from(per_unit);
                ((steps + 0.5_f64.copysign(steps)) as i32).max(i32::MIN + 1)
            }

            fn from_quanta(quanta: i32, per_unit: u16) -> Self {
                (f64::from(quanta) / f64::from(per_unit)) as Self
            }

            #[inline]
            fn to_parts(self, bits: u8) -> i32 {
                let turns = f64::from(self) / TAU;
                let parts = (turns - turns.floor()) * f64::from(1_u32 << bits);
                (parts + 0.5) as i32 & ((1 << bits) - 1)
            }

            fn from_parts(parts: i32, bits: u8) -> Self {
                (f64::from(parts) * TAU / f64::from(1_u32 << bits)) as Self
            }
        }
    )+};
}

floats!(f32, f64);

/// The shape of numbers from `min` to `max`, in units.
///
/// # Panics
/// When an end is not a whole number of steps that an integer of 32 bits can count.
pub fn number_shape(min: f64, max: f64, per_unit: Option<u16>) -> Shape {
    let steps = |end: f64| {
        let steps = end * f64::from(per_unit.unwrap_or(1));
        let whole = steps.round();
        let fits = (steps - whole).abs() < 1e-6 && whole.abs() <= f64::from(i32::MAX);
        assert!(fits, "the range {min} to {max}: {end} is no whole number of steps, at most {}", i32::MAX);
        #[allow(clippy::cast_possible_truncation, reason = "it was checked")]
        let whole = whole as i32;
        whole
    };
    match per_unit {
        None => Shape::Int { min: steps(min), max: steps(max) },
        Some(per_unit) => Shape::Fixed { min: steps(min), max: steps(max), per_unit },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_rounded_to_steps_and_never_overflow() {
        assert_eq!([0.0, 0.49, 0.5, -0.49, -0.5, 1.51].map(|units: f64| units.to_quanta(1)), [0, 0, 1, 0, -1, 2]);
        assert_eq!(2.5_f32.to_quanta(64), 160);
        assert_eq!(f64::INFINITY.to_quanta(1), i32::MAX);
        assert_eq!((-1e30_f64).to_quanta(1), i32::MIN + 1);
        assert_eq!(f32::NAN.to_quanta(64), i32::MIN);
        assert_eq!(<f32 as Number>::from_quanta(-96, 64), -1.5);
    }

    #[test]
    fn integers_count_steps_and_saturate() {
        assert_eq!(7_u8.to_quanta(64), 7);
        assert_eq!((i64::MAX.to_quanta(1), i64::MIN.to_quanta(1)), (i32::MAX, i32::MIN + 1));
        assert_eq!((<u8 as Number>::from_quanta(300, 1), <u8 as Number>::from_quanta(-1, 1)), (255, 0));
    }

    #[test]
    fn angles_wrap() {
        assert_eq!(
            [0.0, TAU / 4.0, -TAU / 4.0, TAU, 9.0 * TAU].map(|angle: f64| angle.to_parts(8)),
            [0, 64, 192, 0, 0]
        );
        assert_eq!((TAU * 255.8 / 256.0).to_parts(8), 0);
        assert_eq!(f32::NAN.to_parts(8), 0);
        assert_eq!((-1_i32).to_parts(8), 255);
        assert!((f64::from_parts(64, 8) - TAU / 4.0).abs() < 1e-12);
    }

    #[test]
    fn ranges_are_in_units() {
        assert_eq!(number_shape(-64.0, 64.0, Some(64)), Shape::Fixed { min: -4096, max: 4096, per_unit: 64 });
        assert_eq!(number_shape(0.0, 9.0, None), Shape::Int { min: 0, max: 9 });
        let panic = std::panic::catch_unwind(|| number_shape(0.0, 0.3, Some(64))).expect_err("no whole number");
        let text = panic.downcast_ref::<String>().expect("a formatted panic");
        assert!(text.contains("0.3 is no whole number of steps"), "{text}");
    }
}
