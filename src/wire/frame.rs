//! The layout of frame messages, which are most of what a server sends. The usual message is one byte and the payload.
//!
//! The first byte says which parts differ from the usual message; PROTOCOL.md has the table. Payloads are borrowed, and
//! the last one needs no length. The general codec encodes events.

use serde_bytes::Bytes as Raw;

use super::codec::{WireError, append, split};
use super::cursor::{ByteReader, put, put_slice};
use super::limits;
use super::message::{Correction, FrameMessage, Note, ZoneForm, ZonePart};
use crate::id::{CorrectionEpoch, Seq, ZoneId};

/// The first byte of a frame message has this bit; other messages of the server start with a small number.
pub(super) const FRAME: u8 = 0x80;
/// `advance` is not 1 and follows.
const ADVANCE: u8 = 0x01;
/// `consumed` in two bits; 3 means that it is at least 3 and follows.
const CONSUMED: u8 = 0x06;
const CONSUMED_SHIFT: u32 = 1;
const CONSUMED_FOLLOWS: u8 = 3;
const NOTE: u8 = 0x08;
const EVENTS: u8 = 0x10;
/// A hash of the usual zone follows; listed parts have a flag of their own.
const HASH: u8 = 0x20;
/// The zones are not the usual ones: zone 0 alone, with one delta per tick advanced.
const LISTED: u8 = 0x40;

/// The first byte of a note: the inputs superseded (31 means that at least 31 were and the number follows), and the
/// parts present.
const SUPERSEDED: u8 = 0x1f;
const COMMANDS: u8 = 0x20;
const CORRECTION: u8 = 0x40;

/// The first byte of a listed part: its form, whether a hash follows, and the number of deltas less one.
const CHAIN: u8 = 0;
const KEYFRAME: u8 = 1;
const GONE: u8 = 2;
const FORM: u8 = 0x03;
const PART_HASH: u8 = 0x04;
const DELTAS_SHIFT: u32 = 3;

/// Consecutive events of one recipient, whose bodies are encoded already; on the wire as an
/// [`EventBatch`](super::EventBatch).
#[derive(Clone, Debug)]
pub struct EncodedEvents<'a> {
    /// The number of the first event.
    pub first: Seq,
    /// How many events just before it were lost for good.
    pub lost: u32,
    /// The age of each event in ticks, and its body.
    pub items: Vec<(u32, &'a [u8])>,
}

impl EncodedEvents<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        put(out, self.first.0);
        put(out, self.lost);
        put(out, self.items.len() as u32);
        for (age, body) in &self.items {
            put(out, *age);
            out.extend_from_slice(body);
        }
    }
}

/// Encodes a frame message; `events`, if given, in place of events of its own.
///
/// # Panics
/// When a chain has no delta or more than [`limits::CHAIN`].
pub fn encode_frame(message: &FrameMessage, events: Option<&EncodedEvents>) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 + message.zones.iter().map(|part| part.form.weight()).sum::<usize>());
    let usual = is_usual(message.advance, &message.zones);
    let hashed = usual && message.zones[0].hash.is_some();
    let consumed = u8::try_from(message.consumed).unwrap_or(u8::MAX).min(CONSUMED_FOLLOWS);
    let flag = |bit, set| if set { bit } else { 0 };
    out.push(
        FRAME
            | flag(ADVANCE, message.advance != 1)
            | consumed << CONSUMED_SHIFT
            | flag(NOTE, message.note.is_some())
            | flag(EVENTS, events.is_some() || message.events.is_some())
            | flag(HASH, hashed)
            | flag(LISTED, !usual),
    );
    if message.advance != 1 {
        put(&mut out, message.advance);
    }
    if consumed == CONSUMED_FOLLOWS {
        put(&mut out, message.consumed);
    }
    if let Some(note) = &message.note {
        write_note(note, &mut out);
    }
    match (events, &message.events) {
        (Some(events), _) => events.write(&mut out),
        (None, Some(events)) => append(events, &mut out),
        (None, None) => {}
    }
    if usual {
        write_body(&message.zones[0], true, &mut out);
    } else {
        put(&mut out, message.zones.len() as u32);
        for (index, part) in message.zones.iter().enumerate() {
            put(&mut out, part.zone.0.into());
            out.push(first_of(part));
            write_body(part, index + 1 == message.zones.len(), &mut out);
        }
    }
    out
}

/// The message that most sessions get at most ticks: zone 0 alone advances by one tick, and nothing else is sent.
/// `None` when so many inputs were consumed that their number must follow.
pub fn usual_frame(consumed: u32, delta: &[u8]) -> Option<Vec<u8>> {
    let few = u8::try_from(consumed).ok().filter(|few| *few < CONSUMED_FOLLOWS)?;
    let mut out = Vec::with_capacity(1 + delta.len());
    out.push(FRAME | few << CONSUMED_SHIFT);
    out.extend_from_slice(delta);
    Some(out)
}

/// Reads a frame message, its first byte included.
pub(super) fn decode(bytes: &[u8]) -> Result<FrameMessage<'_>, WireError> {
    let mut cursor = ByteReader::new(bytes);
    let first = cursor.u8()?;
    let has = |bit| first & bit != 0;
    let advance = if has(ADVANCE) { cursor.u32()? } else { 1 };
    if has(ADVANCE) && advance == 1 {
        return Err(WireError::NotCanonical);
    }
    let consumed = match (first & CONSUMED) >> CONSUMED_SHIFT {
        CONSUMED_FOLLOWS => cursor.at_least(CONSUMED_FOLLOWS.into())?,
        few => few.into(),
    };
    let note = has(NOTE).then(|| read_note(&mut cursor)).transpose()?;
    let events = has(EVENTS).then(|| split(cursor.rest())).transpose()?.map(|(events, rest)| {
        cursor.resume_at(rest);
        events
    });
    let zones = if has(LISTED) {
        let zones = read_listed(&mut cursor)?;
        if has(HASH) || is_usual(advance, &zones) {
            return Err(WireError::NotCanonical);
        }
        zones
    } else {
        if advance == 0 || advance > limits::CHAIN {
            return Err(WireError::Malformed);
        }
        vec![read_part(&mut cursor, ZoneId(0), (CHAIN, advance as usize), has(HASH), true)?]
    };
    if cursor.is_empty() {
        Ok(FrameMessage { advance, consumed, note, events, zones })
    } else {
        Err(WireError::Trailing)
    }
}

/// Whether the short form can express the zones.
fn is_usual(advance: u32, zones: &[ZonePart]) -> bool {
    match zones {
        [ZonePart { zone: ZoneId(0), form: ZoneForm::Chain(deltas), .. }] => {
            (1..=limits::CHAIN).contains(&advance) && deltas.len() == advance as usize
        }
        _ => false,
    }
}

fn first_of(part: &ZonePart) -> u8 {
    let form = match &part.form {
        ZoneForm::Chain(deltas) => {
            assert!((1..=limits::CHAIN as usize).contains(&deltas.len()), "a chain has 1 to 32 deltas");
            CHAIN | ((deltas.len() - 1) as u8) << DELTAS_SHIFT
        }
        ZoneForm::Keyframe(_) => KEYFRAME,
        ZoneForm::Gone => GONE,
    };
    if part.hash.is_some() { form | PART_HASH } else { form }
}

/// Hash and payload; the payload at the very end needs no length.
fn write_body(part: &ZonePart, last: bool, out: &mut Vec<u8>) {
    if let Some(hash) = part.hash {
        out.extend_from_slice(&hash.to_le_bytes());
    }
    let final_bytes = |bytes: &[u8], out: &mut Vec<u8>| {
        if last { out.extend_from_slice(bytes) } else { put_slice(out, bytes) }
    };
    match &part.form {
        ZoneForm::Chain(deltas) => {
            let (newest, older) = deltas.split_last().expect("a chain has 1 to 32 deltas");
            older.iter().for_each(|delta| put_slice(out, delta));
            final_bytes(newest, out);
        }
        ZoneForm::Keyframe(bytes) => final_bytes(bytes, out),
        ZoneForm::Gone => {}
    }
}

fn read_listed<'a>(cursor: &mut ByteReader<'a>) -> Result<Vec<ZonePart<'a>>, WireError> {
    let count = cursor.u32()? as usize;
    let mut zones = Vec::new();
    for index in 1..=count {
        let zone = ZoneId(cursor.u16()?);
        let first = cursor.u8()?;
        let (form, deltas) = (first & FORM, usize::from(first >> DELTAS_SHIFT));
        if form != CHAIN && deltas != 0 {
            return Err(WireError::NotCanonical);
        }
        zones.push(read_part(cursor, zone, (form, deltas + 1), first & PART_HASH != 0, index == count)?);
    }
    Ok(zones)
}

fn read_part<'a>(
    cursor: &mut ByteReader<'a>,
    zone: ZoneId,
    (form, deltas): (u8, usize),
    hashed: bool,
    last: bool,
) -> Result<ZonePart<'a>, WireError> {
    let hash = hashed.then(|| cursor.fixed()).transpose()?;
    let form = match form {
        CHAIN => {
            let mut chain = Vec::with_capacity(deltas);
            for _ in 1..deltas {
                chain.push(Raw::new(cursor.slice()?));
            }
            chain.push(read_final(cursor, last)?);
            ZoneForm::Chain(chain)
        }
        KEYFRAME => ZoneForm::Keyframe(read_final(cursor, last)?),
        GONE => ZoneForm::Gone,
        _ => return Err(WireError::Malformed),
    };
    Ok(ZonePart { zone, form, hash })
}

fn read_final<'a>(cursor: &mut ByteReader<'a>, last: bool) -> Result<&'a Raw, WireError> {
    if last { Ok(Raw::new(cursor.rest())) } else { cursor.slice().map(Raw::new) }
}

fn write_note(note: &Note, out: &mut Vec<u8>) {
    let superseded = u8::try_from(note.superseded).unwrap_or(u8::MAX).min(SUPERSEDED);
    let flag = |bit, set| if set { bit } else { 0 };
    out.push(superseded | flag(COMMANDS, note.commands.is_some()) | flag(CORRECTION, note.correction.is_some()));
    if superseded == SUPERSEDED {
        put(out, note.superseded);
    }
    if let Some(commands) = note.commands {
        put(out, commands.0);
    }
    if let Some(correction) = note.correction {
        out.extend([correction.epoch.0, correction.reason]);
    }
}

fn read_note(cursor: &mut ByteReader) -> Result<Note, WireError> {
    let first = cursor.u8()?;
    if first & !(SUPERSEDED | COMMANDS | CORRECTION) != 0 {
        return Err(WireError::Malformed);
    }
    let superseded = match first & SUPERSEDED {
        SUPERSEDED => cursor.at_least(SUPERSEDED.into())?,
        few => few.into(),
    };
    let commands = (first & COMMANDS != 0).then(|| cursor.u32().map(Seq)).transpose()?;
    let correction = if first & CORRECTION == 0 {
        None
    } else {
        Some(Correction { epoch: CorrectionEpoch(cursor.u8()?), reason: cursor.u8()? })
    };
    // A note without content must be left out.
    if first == 0 { Err(WireError::NotCanonical) } else { Ok(Note { superseded, commands, correction }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Seat;
    use crate::wire::{EventBatch, EventBody, EventItem};

    fn refusal(bytes: &[u8]) -> Option<WireError> {
        decode(bytes).err()
    }

    #[test]
    fn the_usual_frame_costs_one_byte() {
        let delta = Raw::new(&[7, 8, 9]);
        let part = ZonePart { zone: ZoneId(0), form: ZoneForm::Chain(vec![delta]), hash: None };
        let message = FrameMessage { advance: 1, consumed: 1, note: None, events: None, zones: vec![part] };
        assert_eq!(encode_frame(&message, None), [0x82, 7, 8, 9]);
        assert_eq!(decode(&[0x82, 7, 8, 9]), Ok(message.clone()));
        for consumed in 0..5 {
            let general = encode_frame(&FrameMessage { consumed, ..message.clone() }, None);
            assert_eq!(usual_frame(consumed, delta), (consumed < 3).then_some(general));
        }
    }

    #[test]
    fn a_frame_has_one_form() {
        let not_canonical: [&[u8]; 8] = [
            // An explicit advance of 1, a small number of inputs written out, the usual zone in a list, a hash without
            // a zone, deltas of a keyframe, deltas of nothing, a number longer than necessary, an empty note.
            &[0x81, 1],
            &[0x86, 2],
            &[0xc0, 1, 0, 0, 9],
            &[0xe0, 0],
            &[0xc0, 1, 0, 9],
            &[0xc0, 1, 7, 10],
            &[0x81, 251, 2, 0],
            &[0x88, 0],
        ];
        for bytes in not_canonical {
            assert_eq!(refusal(bytes), Some(WireError::NotCanonical), "{bytes:x?}");
        }
        let long_chain = [&[0x81, 33][..], &[0; 33]].concat();
        let malformed: [&[u8]; 6] =
            [&[], &[0x81, 0], &long_chain, &[0xc0, 1, 7, 3], &[0xa0, 1, 2, 3], &[0xc0, 252, 255, 255, 255, 255]];
        for bytes in malformed {
            assert_eq!(refusal(bytes), Some(WireError::Malformed), "{bytes:x?}");
        }
        assert_eq!(refusal(&[0xc0, 1, 7, 2, 0]), Some(WireError::Trailing));
        assert_eq!(refusal(&[0xc0, 0, 0]), Some(WireError::Trailing));
    }

    #[test]
    fn events_that_were_encoded_before_are_written_as_others_are() {
        let bodies = [EventBody::Left { seat: Seat(300), code: 1000 }, EventBody::Disconnected { seat: Seat(2) }];
        let encoded = bodies.clone().map(|body| {
            let mut bytes = Vec::new();
            append(&body, &mut bytes);
            bytes
        });
        let ages = [0, 70_000];
        let (first, lost) = (Seq(u32::MAX), 251);
        let items = ages.into_iter().zip(bodies).map(|(age, body)| EventItem { age, body }).collect();
        let own = FrameMessage {
            advance: 1,
            consumed: 0,
            note: None,
            events: Some(EventBatch { first, lost, items }),
            zones: Vec::new(),
        };
        let items = ages.into_iter().zip(encoded.iter().map(Vec::as_slice)).collect();
        let events = EncodedEvents { first, lost, items };
        let without = FrameMessage { events: None, ..own.clone() };
        assert_eq!(encode_frame(&without, Some(&events)), encode_frame(&own, None));
    }
}
