//! Codes one row of a payload: its surprises against the forecast, or the whole row against the row before.
//!
//! The same functions serve both directions: each offers the wanted value to the coder and returns the coded one.

use super::codec::{Coder, DecodeError, Part};
use super::model::{self, Model};
use super::motion::forecast;
use super::plan::KindPlan;
use super::schema::MAX_FIELDS;

/// Whether `new` differs from the forecast made from `old`.
pub(super) fn surprises(plan: &KindPlan, old: &[i32], new: &[i32]) -> bool {
    plan.held.iter().any(|column| old[*column] != new[*column])
        || plan.moving.iter().any(|column| forecast(&plan.fields[*column], old, new, *column).value != new[*column])
}

pub(super) fn foresee(plan: &KindPlan, old: &[i32], values: &mut [i32; MAX_FIELDS]) {
    values[..plan.fields.len()].copy_from_slice(&old[..plan.fields.len()]);
    for column in &plan.moving {
        values[*column] = forecast(&plan.fields[*column], old, &values[..], *column).value;
    }
}

/// Codes the surprises of one row: first the moving fields, then, behind one flag, the held ones. Writes the coded
/// values to `values`; returns whether there was any surprise. `held` is the flag of the row before.
pub(super) fn code_row(
    model: &mut Model,
    (kind, plan): (usize, &KindPlan),
    coder: &mut impl Coder,
    old: &[i32],
    new: &[i32],
    values: &mut [i32; MAX_FIELDS],
    held: &mut bool,
) -> Result<bool, DecodeError> {
    values[..plan.fields.len()].copy_from_slice(&old[..plan.fields.len()]);
    let (mut near, mut any) = (0, false);
    for &column in &plan.moving {
        let field = &plan.fields[column];
        coder.about(Part::Field { kind, column });
        let seen = forecast(field, old, &values[..], column);
        let found = model.surprise(coder, field, &seen, near, false, field.difference(seen.value, new[column]))?;
        values[column] = field.moved(seen.value, found);
        near = 1 + found.unsigned_abs().min(2) as usize;
        any |= found != 0;
    }
    let Some(last) = plan.held.last() else { return Ok(any) };
    coder.about(Part::Presence);
    let context = model::HELD + 2 * usize::from(any) + usize::from(*held);
    *held = model.flag(coder, context, plan.held.iter().any(|column| old[*column] != new[*column]));
    if !*held {
        return Ok(any);
    }
    let mut before = false;
    for &column in &plan.held {
        let field = &plan.fields[column];
        coder.about(Part::Field { kind, column });
        let seen = forecast(field, old, &values[..], column);
        let sure = column == *last && !before;
        let wanted = field.difference(seen.value, new[column]);
        let found = model.surprise(coder, field, &seen, usize::from(before), sure, wanted)?;
        values[column] = field.moved(seen.value, found);
        before |= found != 0;
    }
    Ok(true)
}

/// The row before the one being coded, to which the latter's values are compared.
pub(super) struct Row(pub [i32; MAX_FIELDS]);

impl Row {
    /// The row to which the first one is compared.
    pub fn blank(plan: &KindPlan) -> Self {
        let mut row = Self([0; MAX_FIELDS]);
        for (value, field) in row.0.iter_mut().zip(&plan.fields) {
            *value = field.saturate(0);
        }
        row
    }
}

/// Codes the values of a whole row as differences from the row before, which becomes this one; codes the motion cells,
/// too, if `motion` is set.
pub(super) fn code_values(
    model: &mut Model,
    plan: &KindPlan,
    coder: &mut impl Coder,
    before: &mut Row,
    row: &[i32],
    motion: bool,
) -> Result<[i32; 4 * MAX_FIELDS], DecodeError> {
    let mut cells = [0; 4 * MAX_FIELDS];
    for (column, field) in plan.fields.iter().enumerate() {
        let last = &mut before.0[column];
        let step = model.signed(coder, Model::cell(field, 0), field.difference(*last, row[column]))?;
        let (low, high) = field.room(*last);
        if step < low || step > high {
            return Err(DecodeError::OutOfRange);
        }
        *last = field.moved(*last, step);
        cells[column] = *last;
        if motion {
            for cell in 0..field.motion_cells() {
                let slot = field.slot + cell;
                cells[slot] = model.signed(coder, Model::cell(field, 1 + cell), row[slot])?;
            }
        }
    }
    Ok(cells)
}
