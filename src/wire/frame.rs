//! The layouts of frame messages, which are most of what a server sends. The usual message is one byte and the payload.
//!
//! PROTOCOL.md has the tables. Payloads are borrowed, and the last one needs no length. The general codec encodes events.

use serde_bytes::Bytes as Raw;

use super::codec::{WireError, append, split};
use super::cursor::{ByteReader, put, put_slice};
use super::dense_list;
use super::encoded_events::EncodedEvents;
use super::frame_stamp::FrameStamp;
use super::limits;
use super::message::{FrameMessage, ZoneForm, ZonePart};
use super::note::{read_note, write_note};
use crate::id::{Seq, ZoneId};
use crate::tick::Tick;

/// The first byte of a frame message has one of these bits; other messages of the server start with a small number.
pub(super) const FRAME: u8 = SHORT | LONG;
/// The layout of the usual message: zone 0 alone advances by one tick. The byte contains the stamp.
const SHORT: u8 = 0x80;
const SHORT_TICK: u8 = FrameStamp::SHORT.0 as u8 - 1;
const SHORT_CONSUMED: u32 = 4;
const SHORT_INPUTS: u8 = FrameStamp::SHORT.1 as u8 - 1;
/// In the short layout: a hash follows.
const SHORT_HASH: u8 = 0x40;
/// The layout of all others.
pub(super) const LONG: u8 = 0x40;
const LONG_TICK: u8 = FrameStamp::LONG.0 as u8 - 1;
const LONG_CONSUMED: u32 = 5;
/// The stamp is a wide one.
const WIDE: u8 = 0x01;
const NOTE: u8 = 0x02;
const EVENTS: u8 = 0x04;
/// A hash of zone 0 follows; listed parts have a flag of their own.
const HASH: u8 = 0x08;
/// The zones are listed; without this, they are zone 0 alone with a chain.
pub(super) const LISTED: u8 = 0x10;
/// Without a list: the chain of zone 0 has more than one delta.
const DELTAS: u8 = 0x20;
/// With a list: the stamp is absolute.
const ABSOLUTE: u8 = 0x20;
/// The layout of a dense list. Without it, a list and a hash exclude each other.
pub(super) const DENSE: u8 = LONG | LISTED | HASH;

/// The first byte of a listed part: its form, whether a hash and a lag follow, and the number of deltas less one.
const FORM: u8 = 0x03;
const CHAIN: u8 = 0;
const KEYFRAME: u8 = 1;
const GONE: u8 = 2;
const FRESH: u8 = 3;
pub(super) const PART_HASH: u8 = 0x04;
const PART_LAG: u8 = 0x08;
const DELTAS_SHIFT: u32 = 4;
/// The number of deltas less one is at least this and follows.
const DELTAS_FOLLOW: u8 = 15;

/// Encodes a frame message; `events`, if given, in place of events of its own.
///
/// # Panics
/// When a chain has no delta or more than [`limits::CHAIN`], and when a short or dense stamp is on a message that these
/// layouts cannot tell.
pub fn encode_frame(message: &FrameMessage, events: Option<&EncodedEvents>) -> Vec<u8> {
    if let FrameStamp::Dense { tick, consumed } = message.stamp {
        let alone = message.note.is_none() && message.events.is_none() && events.is_none();
        assert!(alone && dense_list::can_tell(&message.zones), "a dense stamp is for zones that advance by one tick");
        return dense_list::encode(tick, consumed, &message.zones);
    }
    let mut out = Vec::with_capacity(16 + message.zones.iter().map(|part| part.form.weight()).sum::<usize>());
    let absolute = matches!(message.stamp, FrameStamp::Absolute { .. });
    let alone = alone(&message.zones).filter(|_| !absolute);
    let flag = |bit, set| if set { bit } else { 0 };
    let first = flag(NOTE, message.note.is_some())
        | flag(EVENTS, events.is_some() || message.events.is_some())
        | flag(HASH, alone.is_some_and(|(hash, _)| hash.is_some()))
        | flag(LISTED, alone.is_none())
        | flag(DELTAS, alone.is_some_and(|(_, deltas)| deltas.len() > 1));
    match message.stamp {
        FrameStamp::Short { tick, consumed } => {
            assert!(first & !HASH == 0, "a short stamp is for the usual message");
            out.push(SHORT | flag(SHORT_HASH, first == HASH) | consumed << SHORT_CONSUMED | tick);
        }
        FrameStamp::Long { tick, consumed } => out.extend([LONG | first, long_stamp(tick, consumed)]),
        FrameStamp::Dense { .. } => unreachable!("it has a layout of its own"),
        FrameStamp::Wide { tick, consumed } => out.extend([LONG | WIDE | first, tick, consumed]),
        FrameStamp::Absolute { tick, consumed } => {
            out.push(LONG | ABSOLUTE | first);
            put(&mut out, tick.0);
            put(&mut out, consumed.0);
        }
    }
    if let Some(note) = &message.note {
        write_note(note, &mut out);
    }
    match (events, &message.events) {
        (Some(events), _) => events.write(&mut out),
        (None, Some(events)) => append(events, &mut out),
        (None, None) => {}
    }
    match alone {
        Some((hash, deltas)) => {
            write_hash(hash, &mut out);
            if deltas.len() > 1 {
                out.push(count_of(deltas));
            }
            write_deltas(deltas, true, &mut out);
        }
        None => write_listed(&message.zones, &mut out),
    }
    out
}

/// The message that most sessions get at most ticks: zone 0 alone advances by one tick, and nothing else is sent. `None`
/// when the stamp is not a short one.
pub fn usual_frame(stamp: FrameStamp, hash: Option<u32>, delta: &[u8]) -> Option<Vec<u8>> {
    let FrameStamp::Short { tick, consumed } = stamp else { return None };
    // Exact, so that the buffer becomes the message without another allocation.
    let mut out = Vec::with_capacity(1 + hash.map_or(0, |_| 4) + delta.len());
    out.push(SHORT | if hash.is_some() { SHORT_HASH } else { 0 } | consumed << SHORT_CONSUMED | tick);
    write_hash(hash, &mut out);
    out.extend_from_slice(delta);
    Some(out)
}

/// Reads a frame message, its first byte included.
pub(super) fn decode(bytes: &[u8]) -> Result<FrameMessage<'_>, WireError> {
    let mut cursor = ByteReader::new(bytes);
    let first = cursor.u8()?;
    let has = |bit| first & bit != 0;
    if has(SHORT) {
        let (tick, consumed) = (first & SHORT_TICK, first >> SHORT_CONSUMED & SHORT_INPUTS);
        let hash = has(SHORT_HASH).then(|| cursor.fixed()).transpose()?;
        let form = ZoneForm::Chain(vec![Raw::new(cursor.rest())]);
        let zones = vec![ZonePart { zone: ZoneId(0), lag: 0, form, hash }];
        return Ok(FrameMessage { stamp: FrameStamp::Short { tick, consumed }, note: None, events: None, zones });
    }
    if first == DENSE {
        let low = cursor.u8()?;
        let stamp = FrameStamp::Dense { tick: low & LONG_TICK, consumed: low >> LONG_CONSUMED };
        return Ok(FrameMessage { stamp, note: None, events: None, zones: dense_list::read(&mut cursor)? });
    }
    let stamp = read_stamp(first, &mut cursor)?;
    let note = has(NOTE).then(|| read_note(&mut cursor)).transpose()?;
    let absolute = matches!(stamp, FrameStamp::Absolute { .. });
    if !absolute && note.is_some_and(|note| note.incarnation.is_some()) {
        return Err(WireError::NotCanonical);
    }
    let events = has(EVENTS).then(|| split(cursor.rest())).transpose()?.map(|(events, rest)| {
        cursor.resume_at(rest);
        events
    });
    let zones = if has(LISTED) {
        let zones = read_listed(&mut cursor)?;
        if has(HASH) || (!absolute && alone(&zones).is_some()) {
            return Err(WireError::NotCanonical);
        }
        zones
    } else {
        let hash = has(HASH).then(|| cursor.fixed()).transpose()?;
        let deltas = if has(DELTAS) { read_count(&mut cursor, 1)? } else { 1 };
        let form = ZoneForm::Chain(read_deltas(&mut cursor, deltas, true)?);
        vec![ZonePart { zone: ZoneId(0), lag: 0, form, hash }]
    };
    if cursor.is_empty() { Ok(FrameMessage { stamp, note, events, zones }) } else { Err(WireError::Trailing) }
}

fn read_stamp(first: u8, cursor: &mut ByteReader) -> Result<FrameStamp, WireError> {
    let (wide, absolute) = (first & WIDE != 0, first & (LISTED | ABSOLUTE) == LISTED | ABSOLUTE);
    Ok(match (wide, absolute) {
        (true, true) => return Err(WireError::NotCanonical),
        (true, false) => FrameStamp::Wide { tick: cursor.u8()?, consumed: cursor.u8()? },
        (false, true) => FrameStamp::Absolute { tick: Tick(cursor.u32()?), consumed: Seq(cursor.u32()?) },
        (false, false) => {
            let low = cursor.u8()?;
            FrameStamp::Long { tick: low & LONG_TICK, consumed: low >> LONG_CONSUMED }
        }
    })
}

/// The second byte of a long or dense layout.
pub(super) fn long_stamp(tick: u8, consumed: u8) -> u8 {
    consumed << LONG_CONSUMED | tick
}

/// The hash and the chain of zone 0, if that is all.
fn alone<'m, 'a>(zones: &'m [ZonePart<'a>]) -> Option<(Option<u32>, &'m [&'a Raw])> {
    match zones {
        [ZonePart { zone: ZoneId(0), lag: 0, form: ZoneForm::Chain(deltas), hash }] => Some((*hash, deltas)),
        _ => None,
    }
}

/// The number of deltas less one.
fn count_of(deltas: &[&Raw]) -> u8 {
    assert!((1..=limits::CHAIN as usize).contains(&deltas.len()), "a chain has 1 to 32 deltas");
    (deltas.len() - 1) as u8
}

pub(super) fn write_hash(hash: Option<u32>, out: &mut Vec<u8>) {
    if let Some(hash) = hash {
        out.extend_from_slice(&hash.to_le_bytes());
    }
}

fn write_listed(zones: &[ZonePart], out: &mut Vec<u8>) {
    put(out, zones.len() as u32);
    for (index, part) in zones.iter().enumerate() {
        let last = index + 1 == zones.len();
        put(out, part.zone.0.into());
        let (form, deltas) = match &part.form {
            ZoneForm::Chain(deltas) => (CHAIN, &deltas[..]),
            ZoneForm::Fresh(deltas) => (FRESH, &deltas[..]),
            ZoneForm::Keyframe(_) => (KEYFRAME, &[][..]),
            ZoneForm::Gone => (GONE, &[][..]),
        };
        let count = if matches!(form, CHAIN | FRESH) { count_of(deltas) } else { 0 };
        let flag = |bit, set| if set { bit } else { 0 };
        debug_assert!(form != GONE || part.hash.is_none(), "a zone that is gone has no hash");
        let flags = flag(PART_HASH, part.hash.is_some()) | flag(PART_LAG, part.lag > 0);
        out.push(form | flags | count.min(DELTAS_FOLLOW) << DELTAS_SHIFT);
        write_hash(part.hash, out);
        if part.lag > 0 {
            put(out, part.lag);
        }
        if count >= DELTAS_FOLLOW {
            out.push(count);
        }
        match &part.form {
            ZoneForm::Keyframe(bytes) => write_slice(bytes, last, out),
            ZoneForm::Chain(deltas) | ZoneForm::Fresh(deltas) => write_deltas(deltas, last, out),
            ZoneForm::Gone => {}
        }
    }
}

fn write_deltas(deltas: &[&Raw], last: bool, out: &mut Vec<u8>) {
    let (newest, older) = deltas.split_last().expect("a chain has 1 to 32 deltas");
    older.iter().for_each(|delta| put_slice(out, delta));
    write_slice(newest, last, out);
}

/// The slice at the very end needs no length.
fn write_slice(bytes: &[u8], last: bool, out: &mut Vec<u8>) {
    if last { out.extend_from_slice(bytes) } else { put_slice(out, bytes) }
}

fn read_listed<'a>(cursor: &mut ByteReader<'a>) -> Result<Vec<ZonePart<'a>>, WireError> {
    let count = cursor.u32()? as usize;
    let mut zones: Vec<ZonePart> = Vec::new();
    for index in 1..=count {
        zones.push(read_part(cursor, index == count)?);
    }
    let mut numbers: Vec<ZoneId> = zones.iter().map(|part| part.zone).collect();
    numbers.sort_unstable();
    let twice = numbers.windows(2).any(|pair| pair[0] == pair[1]);
    if twice { Err(WireError::Malformed) } else { Ok(zones) }
}

fn read_part<'a>(cursor: &mut ByteReader<'a>, last: bool) -> Result<ZonePart<'a>, WireError> {
    let zone = ZoneId(cursor.u16()?);
    let first = cursor.u8()?;
    let hash = (first & PART_HASH != 0).then(|| cursor.fixed()).transpose()?;
    let lag = if first & PART_LAG != 0 { cursor.at_least(1)? } else { 0 };
    let form = match (first & FORM, first >> DELTAS_SHIFT) {
        (form @ (CHAIN | FRESH), count) => {
            let deltas =
                if count == DELTAS_FOLLOW { read_count(cursor, DELTAS_FOLLOW)? } else { usize::from(count) + 1 };
            let deltas = read_deltas(cursor, deltas, last)?;
            if form == CHAIN { ZoneForm::Chain(deltas) } else { ZoneForm::Fresh(deltas) }
        }
        (KEYFRAME, 0) => ZoneForm::Keyframe(read_slice(cursor, last)?),
        (GONE, 0) if hash.is_none() => ZoneForm::Gone,
        _ => return Err(WireError::NotCanonical),
    };
    Ok(ZonePart { zone, lag, form, hash })
}

/// Reads a number of deltas, told as one less, which has another form below `least`.
fn read_count(cursor: &mut ByteReader, least: u8) -> Result<usize, WireError> {
    match cursor.u8()? {
        few if few < least => Err(WireError::NotCanonical),
        many if u32::from(many) >= limits::CHAIN => Err(WireError::Malformed),
        count => Ok(usize::from(count) + 1),
    }
}

fn read_deltas<'a>(cursor: &mut ByteReader<'a>, count: usize, last: bool) -> Result<Vec<&'a Raw>, WireError> {
    let mut deltas = Vec::with_capacity(count);
    for _ in 1..count {
        deltas.push(Raw::new(cursor.slice()?));
    }
    deltas.push(read_slice(cursor, last)?);
    Ok(deltas)
}

fn read_slice<'a>(cursor: &mut ByteReader<'a>, last: bool) -> Result<&'a Raw, WireError> {
    if last { Ok(Raw::new(cursor.rest())) } else { cursor.slice().map(Raw::new) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> Option<WireError> {
        decode(bytes).err()
    }

    #[test]
    fn the_usual_frame_costs_one_byte() {
        let delta = Raw::new(&[7, 8, 9]);
        let before = (Tick(20), Seq(6));
        for (more, hash) in (0..5).flat_map(|more| [(more, None), (more, Some(1))]) {
            let now = (before.0.plus(1), before.1.plus(more));
            let part = ZonePart { zone: ZoneId(0), lag: 0, form: ZoneForm::Chain(vec![delta]), hash };
            let stamp = FrameStamp::short(before, now);
            assert_eq!(stamp.is_some(), more < 4);
            let Some(stamp) = stamp else { continue };
            let usual = usual_frame(stamp, hash, delta);
            let message = FrameMessage { stamp, note: None, events: None, zones: vec![part] };
            let bytes = encode_frame(&message, None);
            assert_eq!(decode(&bytes), Ok(message));
            assert_eq!(bytes.len(), 4 + if hash.is_some() { 4 } else { 0 });
            assert_eq!(Some(bytes), usual);
        }
    }

    #[test]
    fn a_frame_has_one_form() {
        let not_canonical: [&[u8]; 11] = [
            // Zone 0 alone in a list, a hash before a list with a note, two stamps, deltas of a keyframe, deltas of a zone that is
            // gone, its hash, no lag, a number longer than necessary, an incarnation without a tick, few deltas in a byte of
            // their own, an empty note.
            &[0x50, 0, 1, 0, 0x00, 9],
            &[0x5a, 0, 1, 0],
            &[0x71, 0, 0, 0],
            &[0x50, 0, 1, 7, 0x11],
            &[0x50, 0, 1, 7, 0x12],
            &[0x50, 0, 1, 7, 0x06, 1, 2, 3, 4],
            &[0x50, 0, 1, 7, 0x0a, 0],
            &[0x70, 251, 2, 0, 0, 0],
            &[0x52, 0, 0x80, 1, 5, 0],
            &[0x50, 0, 1, 7, 0xf0, 14],
            &[0x42, 0, 0],
        ];
        for bytes in not_canonical {
            assert_eq!(refusal(bytes), Some(WireError::NotCanonical), "{bytes:x?}");
        }
        assert_eq!(refusal(&[0x60, 0, 0, 1]), Some(WireError::NotCanonical), "one delta, counted");
        let long_chain = [&[0x60, 0, 32][..], &[0; 33]].concat();
        assert_eq!(refusal(&[0x50, 0, 2, 7, 2, 7, 2]), Some(WireError::Malformed), "a zone that is there twice");
        let malformed: [&[u8]; 5] = [&[], &[0x40], &long_chain, &[0xc0, 1, 2, 3], &[0x50, 0, 252, 255, 255, 255, 255]];
        for bytes in malformed {
            assert_eq!(refusal(bytes), Some(WireError::Malformed), "{bytes:x?}");
        }
        assert_eq!(refusal(&[0x50, 0, 1, 7, 2, 0]), Some(WireError::Trailing));
        assert_eq!(refusal(&[0x50, 0, 0, 0]), Some(WireError::Trailing));
    }
}
