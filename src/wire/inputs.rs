//! The layout of inputs and acknowledgements, which are most of what a client sends: two bytes, then the values.
//!
//! The first byte says which parts follow; PROTOCOL.md has the table. Values are packed into the ranges of the input
//! schema, which a message does not contain: it carries them as bytes until code with the schema unpacks them.

use serde_bytes::Bytes as Raw;

use super::codec::WireError;
use super::cursor::{ByteReader, put};
use super::limits;
use super::message::{Ack, AckedTick, ClientMessage, Inputs, Run};
use crate::id::{CorrectionEpoch, Seq};
use crate::snapshot::{InputSchema, MAX_INPUT_FIELDS};
use crate::tick::Tick;

/// The first byte of these messages has this bit; other messages of a client start with a small number.
pub(super) const INPUTS: u8 = 0x80;
const EVENTS: u8 = 0x01;
/// The correction epoch is not 0 and follows.
const EPOCH: u8 = 0x02;
const HELD: u8 = 0x04;
/// The runs are not the usual one: a single input.
const COUNTED: u8 = 0x08;
/// The acknowledged tick is told as a whole.
const FULL_TICK: u8 = 0x10;
const VIEW: u8 = 0x20;
const KNOWN: u8 = INPUTS | EVENTS | EPOCH | HELD | COUNTED | FULL_TICK | VIEW;

/// Encodes an acknowledgement alone.
pub(super) fn encode_ack(ack: Ack) -> Vec<u8> {
    let mut out = Vec::with_capacity(8);
    write_ack(INPUTS, ack, &mut out);
    out
}

/// Encodes inputs.
///
/// # Panics
/// When there are no inputs.
pub(super) fn encode(inputs: &Inputs) -> Vec<u8> {
    assert!(inputs.held > 0 || !inputs.runs.is_empty(), "inputs without inputs are an acknowledgement");
    let mut out = Vec::with_capacity(16 + inputs.runs.len());
    let flag = |bit, set| if set { bit } else { 0 };
    let first = INPUTS
        | flag(EPOCH, inputs.epoch.0 != 0)
        | flag(HELD, inputs.held != 0)
        | flag(VIEW, inputs.view.is_some())
        | flag(COUNTED, inputs.counted && !inputs.runs.is_empty());
    write_ack(first, inputs.ack, &mut out);
    if inputs.epoch.0 != 0 {
        out.push(inputs.epoch.0);
    }
    if let Some(view) = inputs.view {
        put(&mut out, view.into());
    }
    if inputs.held != 0 {
        put(&mut out, inputs.held.into());
    }
    out.extend_from_slice(inputs.runs);
    out
}

/// Reads inputs or an acknowledgement, including the first byte.
pub(super) fn decode(bytes: &[u8]) -> Result<ClientMessage<'_>, WireError> {
    let mut cursor = ByteReader::new(bytes);
    let first = cursor.u8()?;
    let has = |bit| first & bit != 0;
    if first & !KNOWN != 0 {
        return Err(WireError::Malformed);
    }
    let tick = if has(FULL_TICK) { AckedTick::Full(Tick(cursor.u32()?)) } else { AckedTick::Low(cursor.u8()?) };
    let events = has(EVENTS).then(|| cursor.u32().map(Seq)).transpose()?;
    let ack = Ack { tick, events };
    let epoch = if has(EPOCH) { cursor.u8()? } else { 0 };
    let view = has(VIEW).then(|| cursor.u16()).transpose()?;
    let held = if has(HELD) { cursor.u16()? } else { 0 };
    if (has(EPOCH) && epoch == 0) || (has(HELD) && held == 0) {
        return Err(WireError::NotCanonical);
    }
    if held > limits::RUN_LENGTH {
        return Err(WireError::OverLimit("length of a run"));
    }
    let (counted, runs) = (has(COUNTED), Raw::new(cursor.rest()));
    match (held, runs.is_empty()) {
        (0, true) if first & !(EVENTS | FULL_TICK) == INPUTS => Ok(ClientMessage::Ack(ack)),
        (0, true) => Err(WireError::NotCanonical),
        (_, true) if counted => Err(WireError::NotCanonical),
        _ => Ok(ClientMessage::Inputs(Inputs { ack, epoch: CorrectionEpoch(epoch), view, held, counted, runs })),
    }
}

fn write_ack(first: u8, ack: Ack, out: &mut Vec<u8>) {
    let first = if ack.events.is_some() { first | EVENTS } else { first };
    match ack.tick {
        AckedTick::Low(tick) => out.extend([first, tick]),
        AckedTick::Full(tick) => {
            out.push(first | FULL_TICK);
            put(out, tick.0);
        }
    }
    if let Some(events) = ack.events {
        put(out, events.0);
    }
}

/// Packs inputs under a schema. Returns whether the runs are counted, and their bytes, for [`Inputs`].
///
/// # Panics
/// When a value is outside its field's range.
pub fn pack_runs(schema: &InputSchema, runs: &[Run]) -> (bool, Vec<u8>) {
    let counted = !runs.is_empty() && !matches!(runs, [Run { count: 1, .. }]);
    let mut out = Vec::new();
    for run in runs {
        assert!(schema.admits(&run.values), "only admitted inputs are sent");
        if counted {
            put(&mut out, run.count.into());
        }
        pack(schema, &run.values, &mut out);
    }
    (counted, out)
}

/// The runs in packed bytes: each run's length and input. Ends after the first error.
pub fn unpack_runs<'a>(
    schema: &'a InputSchema,
    inputs: &Inputs<'a>,
) -> impl Iterator<Item = Result<(u16, [i32; MAX_INPUT_FIELDS]), WireError>> + 'a {
    let counted = inputs.counted;
    let mut cursor = ByteReader::new(inputs.runs);
    let mut read = 0;
    std::iter::from_fn(move || {
        if cursor.is_empty() {
            return None;
        }
        read += 1;
        let run = unpack_run(schema, &mut cursor, counted, read);
        if run.is_err() {
            cursor.rest();
        }
        Some(run)
    })
}

fn unpack_run(
    schema: &InputSchema,
    cursor: &mut ByteReader,
    counted: bool,
    read: usize,
) -> Result<(u16, [i32; MAX_INPUT_FIELDS]), WireError> {
    let count = if counted { cursor.u16()? } else { 1 };
    let input = unpack(schema, cursor.take(width(schema))?)?;
    if !(1..=limits::RUN_LENGTH).contains(&count) {
        return Err(WireError::OverLimit("length of a run"));
    }
    if read > limits::RUNS {
        return Err(WireError::OverLimit("number of runs"));
    }
    if !cursor.is_empty() && !counted {
        return Err(WireError::Trailing);
    }
    // A single input must have no count.
    if counted && read == 1 && count == 1 && cursor.is_empty() {
        return Err(WireError::NotCanonical);
    }
    Ok((count, input))
}

/// Bits that a field's values take.
fn bits((min, max): (i32, i32)) -> u32 {
    u32::BITS - max.abs_diff(min).leading_zeros()
}

/// Bytes of one packed input: at least one, so that every input takes up space.
fn width(schema: &InputSchema) -> usize {
    let bits: u32 = schema.bounds().map(bits).sum();
    bits.div_ceil(8).max(1) as usize
}

/// Packs each value minus its minimum into as many bits as its range needs, lowest bits first.
fn pack(schema: &InputSchema, values: &[i32], out: &mut Vec<u8>) {
    let end = out.len() + width(schema);
    let (mut waiting, mut filled) = (0_u64, 0);
    for (value, bounds) in values.iter().zip(schema.bounds()) {
        waiting |= u64::from(value.abs_diff(bounds.0)) << filled;
        filled += bits(bounds);
        while filled >= 8 {
            out.push(waiting as u8);
            (waiting, filled) = (waiting >> 8, filled - 8);
        }
    }
    if out.len() < end {
        out.push(waiting as u8);
    }
}

fn unpack(schema: &InputSchema, bytes: &[u8]) -> Result<[i32; MAX_INPUT_FIELDS], WireError> {
    let mut input = [0; MAX_INPUT_FIELDS];
    let (mut waiting, mut filled, mut bytes) = (0_u64, 0, bytes.iter());
    for (value, (min, max)) in input.iter_mut().zip(schema.bounds()) {
        let width = bits((min, max));
        while filled < width {
            waiting |= u64::from(*bytes.next().ok_or(WireError::Malformed)?) << filled;
            filled += 8;
        }
        let offset = waiting & ((1 << width) - 1);
        (waiting, filled) = (waiting >> width, filled - width);
        if offset > u64::from(max.abs_diff(min)) {
            return Err(WireError::Malformed);
        }
        *value = min.wrapping_add((offset as u32).cast_signed());
    }
    // The padding of the last byte must be zero, so that an input has only one form.
    if waiting != 0 || bytes.any(|byte| *byte != 0) { Err(WireError::NotCanonical) } else { Ok(input) }
}
