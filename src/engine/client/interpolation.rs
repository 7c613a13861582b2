//! Values between two others: straight or curved, angles the short way round. The twin of `web-demo/client/interpolation.js`.

use crate::snapshot::FieldPlan;

/// The value between `from` and `to`: the first at 0, the other at 1.
pub(super) fn between(field: &FieldPlan, from: f64, to: f64, part: f64) -> f64 {
    match () {
        () if from == to => from,
        () if field.continuous => on_circle(field, from + gap(field, from, to) * part),
        () if part < 1.0 => from,
        () => to,
    }
}

/// The change from one value to another, the short way round on a circle; for fractional values too.
pub(super) fn gap(field: &FieldPlan, from: f64, to: f64) -> f64 {
    let difference = to - from;
    if !field.wraps {
        return difference;
    }
    let turn = f64::from(field.max) + 1.0;
    difference - (difference / turn + 0.5).floor() * turn
}

/// Wraps a fractional value of a wrapping field into its range.
pub(super) fn on_circle(field: &FieldPlan, value: f64) -> f64 {
    if !field.wraps {
        return value;
    }
    let turn = f64::from(field.max) + 1.0;
    value - (value / turn).floor() * turn
}

/// The value on the curve from `from` to `to` with these changes per span at its ends, which are limited so that the curve
/// never leaves the range between both values.
pub(super) fn curved(field: &FieldPlan, (from, to): (f64, f64), (leaving, reaching): (f64, f64), part: f64) -> f64 {
    let whole = gap(field, from, to);
    let (start, end) = (limited(leaving, whole), limited(reaching, whole));
    let rest = 1.0 - part;
    let way = part * part * (3.0 - 2.0 * part) * whole + part * rest * rest * start - part * part * rest * end;
    on_circle(field, from + way)
}

/// Beyond three times the whole way, a curve would swing out.
fn limited(slope: f64, whole: f64) -> f64 {
    match () {
        () if slope * whole <= 0.0 => 0.0,
        () if slope.abs() > 3.0 * whole.abs() => 3.0 * whole,
        () => slope,
    }
}
