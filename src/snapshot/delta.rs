//! Deltas of one zone. A delta leads from tick T-1 to tick T; deltas against other bases do not exist.
//!
//! Encoder and decoder predict every field in the same way (`motion`). A delta contains the rows that were removed or
//! added and, for the others, the surprises (prediction errors), coded by `model`. For all states, `apply(base,
//! diff(base, next)) == next`, and no other bytes lead there. The layout is in PROTOCOL.md; whole states are in
//! `keyframe`.

use super::codec::{Coder, DecodeError, Decoder, Encoder, Part};
use super::marks::Marks;
use super::model::{self, BLOCK, Model};
use super::motion::admits;
use super::plan::KindPlan;
use super::row::{Row, code_row, code_values, foresee, surprises};
use super::schema::{MAX_FIELDS, Schema};
use super::zone::{MAX_ROWS, Table, Zone, absent, advance_row, pairs};
use crate::id::{EntityId, KindId};

pub use super::costs::{Costs, costs};
pub use super::keyframe::{read_keyframe, write_keyframe};

/// Appends the delta from `base` to `next` to `out`; appends nothing when every field is as predicted. Marks of rows that
/// the delta does not tell have no effect.
pub fn diff(schema: &Schema, base: &Zone, next: &Zone, marks: &Marks, out: &mut Vec<u8>) {
    diff_with(&mut Model::new(), schema, base, next, marks, out);
}

/// As [`diff`], with a reused model, which pays off with many small zones.
pub(super) fn diff_with(
    model: &mut Model,
    schema: &Schema,
    base: &Zone,
    next: &Zone,
    marks: &Marks,
    out: &mut Vec<u8>,
) {
    let mut encoder = Encoder::new(out);
    write(model, schema, base, next, marks, &mut encoder);
    encoder.finish();
}

/// Whether every row is as predicted, so that the delta is empty.
pub(super) fn is_foretold(schema: &Schema, base: &Zone, next: &Zone) -> bool {
    base.tables.iter().zip(&next.tables).zip(schema.plans()).all(|((base, next), plan)| {
        base.ids == next.ids
            && !pairs(base, next).any(|(old, new)| surprises(plan, base.at(plan, old), next.at(plan, new)))
    })
}

/// Passes the decisions of a delta to a coder.
pub(super) fn write(
    model: &mut Model,
    schema: &Schema,
    base: &Zone,
    next: &Zone,
    marks: &Marks,
    coder: &mut impl Coder,
) {
    model.restart_kind();
    coder.about(Part::Presence);
    if !model.flag(coder, model::BUSY, !is_foretold(schema, base, next)) {
        return;
    }
    let mut newest = newest(base);
    for (kind, ((base, next), plan)) in base.tables.iter().zip(&next.tables).zip(schema.plans()).enumerate() {
        model.restart_kind();
        write_leavers(model, base, next, coder);
        write_comers(model, base, next, &mut newest, coder);
        write_surprises(model, (kind, plan), base, next, marks, coder);
        coder.about(Part::Added);
        let mut comers = absent(next, base).peekable();
        if comers.peek().is_some() {
            model.restart_wholes(plan);
        }
        let mut before = Row::blank(plan);
        for index in comers {
            let crossed = model.flag(coder, model::CROSSED, marks.has_crossed(kind, next.ids[index]));
            code_values(model, plan, coder, &mut before, next.at(plan, index), crossed).expect("numbers in range");
        }
    }
}

/// Returns the state that `bytes` lead to from `base`.
///
/// # Errors
/// When the bytes are not what [`diff`] writes for this base and some state. Time and memory are bounded by the schema
/// and the most rows that a zone may have, however short the bytes are.
pub fn apply(schema: &Schema, base: &Zone, bytes: &[u8]) -> Result<Zone, DecodeError> {
    apply_marked(schema, base, bytes).map(|(zone, _)| zone)
}

/// As [`apply`]; also returns the marks.
///
/// # Errors
/// As [`apply`].
pub fn apply_marked(schema: &Schema, base: &Zone, bytes: &[u8]) -> Result<(Zone, Marks), DecodeError> {
    let mut decoder = Decoder::new(bytes);
    let coder = &mut decoder;
    let mut model = Model::new();
    let busy = model.flag(coder, model::BUSY, false);
    let (mut news, mut marks) = (false, Marks::default());
    let mut newest = newest(base);
    let mut fresh = 0;
    let mut tables = Vec::with_capacity(base.tables.len());
    for ((base, plan), kind) in base.tables.iter().zip(schema.plans()).zip(0..) {
        let kind = (KindId(kind), plan);
        model.restart_kind();
        let leavers = if busy { read_leavers(&mut model, base, coder)? } else { Vec::new() };
        let comers = if busy { read_comers(&mut model, base, &mut newest, &mut fresh, coder)? } else { Vec::new() };
        news |= !leavers.is_empty() || !comers.is_empty();
        let (kept, surprised) = read_surprises(&mut model, kind, base, &leavers, busy, &mut marks, coder)?;
        news |= surprised;
        let merged =
            if comers.is_empty() { kept } else { read_added(&mut model, kind, kept, comers, &mut marks, coder)? };
        tables.push(merged);
    }
    decoder.finish()?;
    let zone = Zone { tables };
    if busy && !news {
        return Err(DecodeError::NotCanonical);
    }
    if zone.len() > MAX_ROWS { Err(DecodeError::OutOfRange) } else { Ok((zone, marks)) }
}

/// A number above all ids of a zone: the lowest id that the game may have issued next.
pub(super) fn newest(zone: &Zone) -> u32 {
    let last = zone.tables.iter().filter_map(|table| table.ids.last()).max();
    last.map_or(0, |id| id.0.saturating_add(1))
}

fn write_leavers(model: &mut Model, base: &Table, next: &Table, coder: &mut impl Coder) {
    if base.ids.is_empty() {
        return;
    }
    coder.about(Part::Removed);
    let count = absent(base, next).count();
    if model.flag(coder, model::LEAVE, count > 0) {
        write_indices(model, count, absent(base, next), coder);
    }
}

fn read_leavers(model: &mut Model, base: &Table, coder: &mut Decoder) -> Result<Vec<usize>, DecodeError> {
    if base.ids.is_empty() || !model.flag(coder, model::LEAVE, false) {
        return Ok(Vec::new());
    }
    read_indices(model, base.ids.len(), coder)
}

/// Writes ascending indices: at least one.
fn write_indices(model: &mut Model, count: usize, indices: impl Iterator<Item = usize>, coder: &mut impl Coder) {
    model.restart_numbers(model::LEAVERS..model::COMERS);
    model.whole(coder, model::LEAVERS, count as u32 - 1).expect("an encoder takes every number");
    let mut floor = 0;
    for index in indices {
        model.whole(coder, model::LEAVER, (index - floor) as u32).expect("an encoder takes every number");
        floor = index + 1;
    }
}

/// Reads ascending indices below `rows`.
fn read_indices(model: &mut Model, rows: usize, coder: &mut Decoder) -> Result<Vec<usize>, DecodeError> {
    model.restart_numbers(model::LEAVERS..model::COMERS);
    let count = model.whole(coder, model::LEAVERS, 0)? as usize;
    if count >= rows {
        return Err(DecodeError::WrongBase);
    }
    let mut indices = Vec::with_capacity(count + 1);
    let mut floor = 0;
    for _ in 0..=count {
        let gap = model.whole(coder, model::LEAVER, 0)? as usize;
        if gap >= rows - floor {
            return Err(DecodeError::WrongBase);
        }
        indices.push(floor + gap);
        floor += gap + 1;
    }
    Ok(indices)
}

/// Writes the ids of rows that `base` lacks: the first relative to the newest known id, or absolute when it is lower.
fn write_comers(model: &mut Model, base: &Table, next: &Table, newest: &mut u32, coder: &mut impl Coder) {
    coder.about(Part::Ids);
    let count = absent(next, base).count();
    if !model.flag(coder, model::COME, count > 0) {
        return;
    }
    model.restart_numbers(model::COMERS..BLOCK);
    model.whole(coder, model::COMERS, count as u32 - 1).expect("an encoder takes every number");
    let mut before = None;
    for index in absent(next, base) {
        let id = next.ids[index].0;
        match before {
            None if model.flag(coder, model::FIRST_ID, id < *newest) => _ = model.whole(coder, model::ANY_ID, id),
            None => _ = model.whole(coder, model::FIRST_ID, id - *newest),
            Some(before) => _ = model.whole(coder, model::NEXT_ID, id - before - 1),
        }
        before = Some(id);
    }
    *newest = before.map_or(*newest, |id| id.saturating_add(1).max(*newest));
}

fn read_comers(
    model: &mut Model,
    base: &Table,
    newest: &mut u32,
    fresh: &mut usize,
    coder: &mut Decoder,
) -> Result<Vec<EntityId>, DecodeError> {
    if !model.flag(coder, model::COME, false) {
        return Ok(Vec::new());
    }
    model.restart_numbers(model::COMERS..BLOCK);
    let count = model.whole(coder, model::COMERS, 0)? as usize;
    if count >= MAX_ROWS - *fresh {
        return Err(DecodeError::OutOfRange);
    }
    *fresh += count + 1;
    let mut ids: Vec<EntityId> = Vec::with_capacity(count + 1);
    for _ in 0..=count {
        let id = match ids.last() {
            None if model.flag(coder, model::FIRST_ID, false) => {
                Some(model.whole(coder, model::ANY_ID, 0)?).filter(|id| id < newest)
            }
            None => newest.checked_add(model.whole(coder, model::FIRST_ID, 0)?),
            Some(before) => {
                let gap = model.whole(coder, model::NEXT_ID, 0)?;
                before.0.checked_add(gap).and_then(|id| id.checked_add(1))
            }
        };
        let id = EntityId(id.ok_or(DecodeError::OutOfRange)?);
        // A row must not be removed and added in one delta: that is a change.
        if base.ids.binary_search(&id).is_ok() {
            return Err(DecodeError::WrongBase);
        }
        ids.push(id);
    }
    *newest = ids.last().map_or(*newest, |id| id.0.saturating_add(1).max(*newest));
    Ok(ids)
}

fn write_surprises(
    model: &mut Model,
    (kind, plan): (usize, &KindPlan),
    base: &Table,
    next: &Table,
    marks: &Marks,
    coder: &mut impl Coder,
) {
    if pairs(base, next).next().is_none() {
        return;
    }
    coder.about(Part::Presence);
    let surprising = |(old, new): (usize, usize)| surprises(plan, base.at(plan, old), next.at(plan, new));
    if !model.flag(coder, model::SURPRISE, pairs(base, next).any(surprising)) {
        return;
    }
    let placed = |(_, pair): &(usize, (usize, usize))| marks.placed(kind, next.ids[pair.1]) && surprising(*pair);
    let teleported = || pairs(base, next).enumerate().filter(placed).map(|(index, _)| index);
    let count = if marks.teleported.is_empty() { 0 } else { teleported().count() };
    if model.flag(coder, model::TELEPORT, count > 0) {
        write_indices(model, count, teleported(), coder);
    }
    model.restart_surprises(plan);
    let (mut values, mut held) = ([0; MAX_FIELDS], false);
    for (old, new) in pairs(base, next) {
        let (old, new) = (base.at(plan, old), next.at(plan, new));
        code_row(model, (kind, plan), coder, old, new, &mut values, &mut held).expect("numbers in range");
    }
}

/// Reads the rows that stay, as they are at the next tick. Returns whether any differs from its forecast.
fn read_surprises(
    model: &mut Model,
    (kind, plan): (KindId, &KindPlan),
    base: &Table,
    leavers: &[usize],
    busy: bool,
    marks: &mut Marks,
    coder: &mut Decoder,
) -> Result<(Table, bool), DecodeError> {
    let rows = base.ids.len() - leavers.len();
    let mut table = Table::with_capacity(rows, plan.stride);
    let any = busy && rows > 0 && model.flag(coder, model::SURPRISE, false);
    let mut teleported = Vec::new();
    if any {
        if model.flag(coder, model::TELEPORT, false) {
            teleported = read_indices(model, rows, coder)?;
        }
        model.restart_surprises(plan);
    }
    let (mut values, mut held, mut surprised) = ([0; MAX_FIELDS], false, false);
    let (mut leavers, mut teleported) = (leavers.iter().peekable(), teleported.into_iter().peekable());
    for (index, id) in base.ids.iter().enumerate() {
        if leavers.next_if_eq(&&index).is_some() {
            continue;
        }
        let old = base.at(plan, index);
        let placed = teleported.next_if_eq(&table.ids.len()).is_some();
        if any {
            let surprising = code_row(model, (0, plan), coder, old, old, &mut values, &mut held)?;
            if placed && !surprising {
                return Err(DecodeError::NotCanonical);
            }
            surprised |= surprising;
        } else {
            foresee(plan, old, &mut values);
        }
        let start = table.cells.len();
        table.push(*id, old);
        let row = &mut table.cells[start..];
        row[..plan.fields.len()].copy_from_slice(&values[..plan.fields.len()]);
        if placed {
            row[plan.fields.len()..].fill(0);
            marks.teleported.push((kind, *id));
        } else {
            advance_row(plan, old, row);
        }
    }
    if any && !surprised { Err(DecodeError::NotCanonical) } else { Ok((table, surprised)) }
}

/// Reads the added rows of `ids` and merges them into the rows that stay.
fn read_added(
    model: &mut Model,
    (kind, plan): (KindId, &KindPlan),
    kept: Table,
    ids: Vec<EntityId>,
    marks: &mut Marks,
    coder: &mut Decoder,
) -> Result<Table, DecodeError> {
    model.restart_wholes(plan);
    let mut merged = Table::with_capacity(kept.ids.len() + ids.len(), plan.stride);
    let mut before = Row::blank(plan);
    let blank = [0; 4 * MAX_FIELDS];
    let mut cursor = 0;
    for id in ids {
        while kept.ids.get(cursor).is_some_and(|other| *other < id) {
            merged.push(kept.ids[cursor], kept.at(plan, cursor));
            cursor += 1;
        }
        let crossed = model.flag(coder, model::CROSSED, false);
        let cells = code_values(model, plan, coder, &mut before, &blank, crossed)?;
        if crossed {
            marks.crossed.push((kind, id));
            if !plan.fields.iter().all(|field| admits(field, &cells)) {
                return Err(DecodeError::OutOfRange);
            }
        }
        merged.push(id, &cells[..plan.stride]);
    }
    for index in cursor..kept.ids.len() {
        merged.push(kept.ids[index], kept.at(plan, index));
    }
    Ok(merged)
}
