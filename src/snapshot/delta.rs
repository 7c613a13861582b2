//! Deltas and keyframes of one zone. A delta leads from tick T-1 to T; there are no deltas against other bases.
//!
//! Encoder and decoder extrapolate every field the same way; a delta holds who left, who came and, for the others, the
//! surprises. `apply(base, diff(base, next)) == next` for all states. The layout is in PROTOCOL.md.

use super::codec::{DecodeError, Reader, put, put_signed};
use super::schema::{KindPlan, Schema};
use super::zone::{Table, Zone, write_motion};
use crate::id::EntityId;

/// Appends the delta from `base` to `next` to `out`.
pub fn diff(schema: &Schema, base: &Zone, next: &Zone, out: &mut Vec<u8>) {
    for ((base, next), plan) in base.tables.iter().zip(&next.tables).zip(schema.plans()) {
        write_removed(base, next, out);
        write_added(plan, base, next, out);
        write_changed(plan, base, next, out);
    }
}

/// The state that `bytes` lead to from `base`.
///
/// # Errors
/// When the bytes are not a delta that [`diff`] could have written for this base. Time and memory are bounded by the
/// size of base and bytes.
pub fn apply(schema: &Schema, base: &Zone, bytes: &[u8]) -> Result<Zone, DecodeError> {
    let mut reader = Reader::new(bytes);
    let mut tables = Vec::with_capacity(base.tables.len());
    for (base, plan) in base.tables.iter().zip(schema.plans()) {
        let removed = read_rising(&mut reader, base.ids.len())?;
        let added = read_added(&mut reader, plan)?;
        let mut table = extrapolate(plan, base, &removed);
        read_changed(&mut reader, plan, &mut table)?;
        finish_motion(plan, base, &mut table);
        tables.push(merge(plan, base, table, added)?);
    }
    reader.finish()?;
    Ok(Zone { tables })
}

/// Appends the whole state to `out`.
pub fn write_keyframe(schema: &Schema, zone: &Zone, out: &mut Vec<u8>) {
    for (table, plan) in zone.tables.iter().zip(schema.plans()) {
        put(out, table.ids.len() as u32);
        let mut ids = Gaps::default();
        for (index, id) in table.ids.iter().enumerate() {
            put(out, ids.gap(id.0));
            write_row(plan, table.row(index, plan.stride), out);
        }
    }
}

/// The state that [`write_keyframe`] wrote.
///
/// # Errors
/// When the bytes are not a keyframe under this schema.
pub fn read_keyframe(schema: &Schema, bytes: &[u8]) -> Result<Zone, DecodeError> {
    let mut reader = Reader::new(bytes);
    let mut tables = Vec::with_capacity(schema.plans().len());
    for plan in schema.plans() {
        let rows = reader.take_count(1 + plan.stride)?;
        let mut table = Table::with_capacity(rows, plan.stride);
        let mut ids = Gaps::default();
        for _ in 0..rows {
            table.ids.push(EntityId(ids.id(reader.take()?)?));
            read_row(&mut reader, plan, &mut table.cells)?;
        }
        tables.push(table);
    }
    reader.finish()?;
    Ok(Zone { tables })
}

/// Strictly ascending numbers as the gaps between them: each is the previous plus one plus the gap.
#[derive(Default)]
struct Gaps {
    /// The smallest number that may come next; `None` after the largest of all.
    floor: Option<u32>,
    started: bool,
}

impl Gaps {
    fn floor(&self) -> Option<u32> {
        if self.started { self.floor } else { Some(0) }
    }

    fn gap(&mut self, number: u32) -> u32 {
        let gap = number - self.floor().expect("numbers rise");
        (self.floor, self.started) = (number.checked_add(1), true);
        gap
    }

    fn id(&mut self, gap: u32) -> Result<u32, DecodeError> {
        let number = self.floor().and_then(|floor| floor.checked_add(gap)).ok_or(DecodeError::OutOfRange)?;
        (self.floor, self.started) = (number.checked_add(1), true);
        Ok(number)
    }
}

fn write_row(plan: &KindPlan, row: &[i32], out: &mut Vec<u8>) {
    for (index, field) in plan.fields.iter().enumerate() {
        put(out, row[index].wrapping_sub(field.min).cast_unsigned());
        if let Some(slot) = field.motion {
            put_signed(out, row[slot]);
        }
    }
}

fn read_row(reader: &mut Reader, plan: &KindPlan, cells: &mut Vec<i32>) -> Result<(), DecodeError> {
    let start = cells.len();
    cells.resize(start + plan.stride, 0);
    for (index, field) in plan.fields.iter().enumerate() {
        cells[start + index] = read_value(reader, field.min, field.max)?;
        if let Some(slot) = field.motion {
            let motion = reader.take_signed()?;
            if !field.admits_motion(motion) {
                return Err(DecodeError::OutOfRange);
            }
            cells[start + slot] = motion;
        }
    }
    Ok(())
}

fn read_value(reader: &mut Reader, min: i32, max: i32) -> Result<i32, DecodeError> {
    let offset = reader.take()?;
    if offset > max.abs_diff(min) {
        return Err(DecodeError::OutOfRange);
    }
    Ok(min.wrapping_add(offset.cast_signed()))
}

/// Which rows of `base` are missing in `next`, as rising indices.
fn removed_rows<'a>(base: &'a Table, next: &'a Table) -> impl Iterator<Item = u32> + 'a {
    let mut cursor = 0;
    base.ids.iter().zip(0..).filter_map(move |(id, index)| {
        while next.ids.get(cursor).is_some_and(|other| other < id) {
            cursor += 1;
        }
        (next.ids.get(cursor) != Some(id)).then_some(index)
    })
}

fn write_removed(base: &Table, next: &Table, out: &mut Vec<u8>) {
    put(out, removed_rows(base, next).count() as u32);
    let mut gaps = Gaps::default();
    for index in removed_rows(base, next) {
        put(out, gaps.gap(index));
    }
}

fn read_rising(reader: &mut Reader, bound: usize) -> Result<Vec<usize>, DecodeError> {
    let count = reader.take_count(1)?;
    if count > bound {
        return Err(DecodeError::WrongBase);
    }
    let mut gaps = Gaps::default();
    let mut indices = Vec::with_capacity(count);
    for _ in 0..count {
        let index = gaps.id(reader.take()?)? as usize;
        if index >= bound {
            return Err(DecodeError::WrongBase);
        }
        indices.push(index);
    }
    Ok(indices)
}

/// Rows of `next` that `base` lacks. Their motion is zero, so only values are written.
fn write_added(plan: &KindPlan, base: &Table, next: &Table, out: &mut Vec<u8>) {
    put(out, removed_rows(next, base).count() as u32);
    let mut gaps = Gaps::default();
    for index in removed_rows(next, base) {
        let index = index as usize;
        put(out, gaps.gap(next.ids[index].0));
        for (value, field) in next.row(index, plan.stride).iter().zip(&plan.fields) {
            put(out, value.wrapping_sub(field.min).cast_unsigned());
        }
    }
}

fn read_added(reader: &mut Reader, plan: &KindPlan) -> Result<Table, DecodeError> {
    let rows = reader.take_count(1 + plan.fields.len())?;
    let mut table = Table::with_capacity(rows, plan.stride);
    let mut gaps = Gaps::default();
    for row in 1..=rows {
        table.ids.push(EntityId(gaps.id(reader.take()?)?));
        for field in &plan.fields {
            table.cells.push(read_value(reader, field.min, field.max)?);
        }
        table.cells.resize(row * plan.stride, 0);
    }
    Ok(table)
}

/// The rows that stay, with every field moved on as predicted.
fn extrapolate(plan: &KindPlan, base: &Table, removed: &[usize]) -> Table {
    let mut table = Table::with_capacity(base.ids.len() - removed.len(), plan.stride);
    let mut gone = removed.iter().copied().peekable();
    for (index, id) in base.ids.iter().enumerate() {
        if gone.next_if_eq(&index).is_some() {
            continue;
        }
        table.push(*id, base.row(index, plan.stride));
        let start = table.cells.len() - plan.stride;
        for (column, field) in plan.fields.iter().enumerate() {
            if let Some(slot) = field.motion {
                let row = &mut table.cells[start..];
                row[column] = field.predict(row[column], row[slot]);
            }
        }
    }
    table
}

/// Surprises of the rows that stay: how many rows have one; per row the gap in its index, a mask of the surprising
/// fields, and per field the difference between prediction and truth.
fn write_changed(plan: &KindPlan, base: &Table, next: &Table, out: &mut Vec<u8>) {
    let start = out.len();
    let (mut count, mut gaps, mut kept, mut cursor) = (0, Gaps::default(), 0, 0);
    for (index, id) in base.ids.iter().enumerate() {
        while next.ids.get(cursor).is_some_and(|other| other < id) {
            cursor += 1;
        }
        if next.ids.get(cursor) != Some(id) {
            continue;
        }
        let (old, new) = (base.row(index, plan.stride), next.row(cursor, plan.stride));
        let mut surprises = [0; 16];
        let mut mask = 0_u32;
        for (column, field) in plan.fields.iter().enumerate() {
            let expected = field.motion.map_or(old[column], |slot| field.predict(old[column], old[slot]));
            surprises[column] = field.difference(expected, new[column]);
            mask |= u32::from(surprises[column] != 0) << column;
        }
        if mask != 0 {
            count += 1;
            put(out, gaps.gap(kept));
            put(out, mask);
            surprises.iter().filter(|surprise| **surprise != 0).for_each(|surprise| put_signed(out, *surprise));
        }
        kept += 1;
    }
    let end = out.len();
    put(out, count);
    let written = out.len() - end;
    out[start..].rotate_right(written);
}

fn read_changed(reader: &mut Reader, plan: &KindPlan, table: &mut Table) -> Result<(), DecodeError> {
    let count = reader.take_count(3)?;
    let mut gaps = Gaps::default();
    for _ in 0..count {
        let index = gaps.id(reader.take()?)? as usize;
        if index >= table.ids.len() {
            return Err(DecodeError::WrongBase);
        }
        let mask = reader.take()?;
        if mask == 0 || mask >> plan.fields.len() != 0 {
            return Err(DecodeError::NotCanonical);
        }
        let row = &mut table.cells[index * plan.stride..(index + 1) * plan.stride];
        for (column, field) in plan.fields.iter().enumerate().filter(|(column, _)| mask >> column & 1 == 1) {
            let surprise = reader.take_signed()?;
            let value = row[column].checked_add(surprise).ok_or(DecodeError::OutOfRange)?;
            let value = if field.wraps { field.saturate(value) } else { value };
            if surprise == 0 || !field.admits(value) || field.difference(row[column], value) != surprise {
                return Err(DecodeError::OutOfRange);
            }
            row[column] = value;
        }
    }
    Ok(())
}

/// Sets the motion of the rows that stay to the change they just made.
fn finish_motion(plan: &KindPlan, base: &Table, table: &mut Table) {
    if plan.stride == plan.fields.len() {
        return;
    }
    let mut cursor = 0;
    for (index, id) in table.ids.iter().enumerate() {
        while base.ids[cursor] != *id {
            cursor += 1;
        }
        let row = &mut table.cells[index * plan.stride..(index + 1) * plan.stride];
        write_motion(plan, base.row(cursor, plan.stride), row);
    }
}

fn merge(plan: &KindPlan, base: &Table, kept: Table, added: Table) -> Result<Table, DecodeError> {
    if added.ids.is_empty() {
        return Ok(kept);
    }
    let mut merged = Table::with_capacity(kept.ids.len() + added.ids.len(), plan.stride);
    let mut cursor = 0;
    for (index, id) in added.ids.iter().enumerate() {
        while kept.ids.get(cursor).is_some_and(|other| other < id) {
            merged.push(kept.ids[cursor], kept.row(cursor, plan.stride));
            cursor += 1;
        }
        // Nor may a row be removed and added at once: that is a change.
        if base.ids.binary_search(id).is_ok() {
            return Err(DecodeError::WrongBase);
        }
        merged.push(*id, added.row(index, plan.stride));
    }
    for index in cursor..kept.ids.len() {
        merged.push(kept.ids[index], kept.row(index, plan.stride));
    }
    Ok(merged)
}
