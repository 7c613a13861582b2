//! The whole state of one zone as bytes: values and motion cells, each row relative to the row before.
//!
//! Rows are in id order or in the order of a space-filling curve (G. M. Morton, 1966) over their first two coordinates,
//! whichever is smaller. In a crowd, a neighbour in space predicts more; among few rows, the ids cost more than that
//! saves.

use super::codec::{Coder, DecodeError, Decoder, Encoder, Part};
use super::model::{self, BLOCK, Model};
use super::motion::admits;
use super::plan::KindPlan;
use super::row::{Row, code_values};
use super::schema::{MAX_FIELDS, Schema};
use super::zone::{MAX_ROWS, Table, Zone};
use crate::id::EntityId;

/// Appends the whole state to `out`.
pub fn write_keyframe(schema: &Schema, zone: &Zone, out: &mut Vec<u8>) {
    let start = out.len();
    write(schema, zone, false, out);
    let places = zone.tables.iter().zip(schema.plans());
    if places.filter(|(_, plan)| plan.place.is_some()).all(|(table, _)| table.ids.len() < 2) {
        return;
    }
    let middle = out.len();
    write(schema, zone, true, out);
    if out.len() - middle < middle - start {
        out.drain(start..middle);
    } else {
        out.truncate(middle);
    }
}

fn write(schema: &Schema, zone: &Zone, by_place: bool, out: &mut Vec<u8>) {
    let mut encoder = Encoder::new(out);
    let coder = &mut encoder;
    coder.even(1, u32::from(by_place));
    let mut model = Model::new();
    for (table, plan) in zone.tables.iter().zip(schema.plans()) {
        write_table(&mut model, plan, table, by_place, coder);
    }
    encoder.finish();
}

pub(super) fn write_table(model: &mut Model, plan: &KindPlan, table: &Table, by_place: bool, coder: &mut impl Coder) {
    model.restart_numbers(model::COMERS..BLOCK);
    model.restart_wholes(plan);
    coder.about(Part::Ids);
    let place = plan.place.filter(|_| by_place);
    model.whole(coder, model::ROWS, table.ids.len() as u32).expect("an encoder takes every number");
    let mut order: Vec<usize> = (0..table.ids.len()).collect();
    if let Some(place) = place {
        order.sort_by_cached_key(|index| morton(plan, place, table.at(plan, *index)));
    }
    let (mut before, mut floor) = (Row::blank(plan), 0);
    for index in order {
        let id = table.ids[index].0;
        if place.is_some() {
            model.signed(coder, model::ANY_ID, id.wrapping_sub(floor).cast_signed()).expect("an encoder takes all");
        } else {
            model.whole(coder, model::NEXT_ID, id - floor).expect("an encoder takes every number");
        }
        floor = id.saturating_add(1);
        code_values(model, plan, coder, &mut before, table.at(plan, index), true).expect("numbers in range");
    }
}

/// Reads the state that [`write_keyframe`] wrote.
///
/// # Errors
/// When the bytes are not a keyframe under this schema. Time and memory are bounded by the schema and the most rows that
/// a zone may have.
pub fn read_keyframe(schema: &Schema, bytes: &[u8]) -> Result<Zone, DecodeError> {
    let mut decoder = Decoder::new(bytes);
    let by_place = decoder.even(1, 0) == 1;
    let mut model = Model::new();
    let mut left = MAX_ROWS;
    let mut tables = Vec::with_capacity(schema.plans().len());
    for plan in schema.plans() {
        let mut table = read_table(&mut model, plan, by_place && plan.place.is_some(), left, &mut decoder)?;
        left -= table.ids.len();
        if table.sort(plan.stride).is_err() {
            return Err(DecodeError::NotCanonical);
        }
        tables.push(table);
    }
    decoder.finish()?;
    Ok(Zone { tables })
}

fn read_table(
    model: &mut Model,
    plan: &KindPlan,
    by_place: bool,
    left: usize,
    coder: &mut Decoder,
) -> Result<Table, DecodeError> {
    model.restart_numbers(model::COMERS..BLOCK);
    model.restart_wholes(plan);
    let rows = model.whole(coder, model::ROWS, 0)? as usize;
    if rows > left {
        return Err(DecodeError::OutOfRange);
    }
    let mut table = Table::with_capacity(rows, plan.stride);
    let (mut before, mut floor) = (Row::blank(plan), Some(0_u32));
    let blank = [0; 4 * MAX_FIELDS];
    for _ in 0..rows {
        let id = if by_place {
            let step = model.signed(coder, model::ANY_ID, 0)?;
            floor.unwrap_or(u32::MAX).wrapping_add(step.cast_unsigned())
        } else {
            let gap = model.whole(coder, model::NEXT_ID, 0)?;
            floor.and_then(|floor| floor.checked_add(gap)).ok_or(DecodeError::OutOfRange)?
        };
        floor = id.checked_add(1);
        let cells = code_values(model, plan, coder, &mut before, &blank, true)?;
        if !plan.fields.iter().all(|field| admits(field, &cells)) {
            return Err(DecodeError::OutOfRange);
        }
        table.ids.push(EntityId(id));
        table.cells.extend_from_slice(&cells[..plan.stride]);
    }
    Ok(table)
}

/// Interleaves the bits of the first two coordinates: rows that are near in this order are mostly near in space.
fn morton(plan: &KindPlan, place: [usize; 2], row: &[i32]) -> u64 {
    let spread = |column: usize| {
        let offset = u64::from(row[column].wrapping_sub(plan.fields[column].min).cast_unsigned());
        (0..31).fold(0, |key, bit| key | (offset >> bit & 1) << (2 * bit))
    };
    spread(place[0]) | spread(place[1]) << 1
}
