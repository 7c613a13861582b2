//! The dense list of a frame: zones that advance by one tick each, in ascending order, in two bytes of framing and their deltas.
//! PROTOCOL.md has the table.

use serde_bytes::Bytes as Raw;

use super::codec::WireError;
use super::cursor::{ByteReader, put};
use super::frame::{DENSE, long_stamp, write_hash};
use super::message::{ZoneForm, ZonePart};
use crate::id::ZoneId;

/// A dense list under construction.
pub(crate) struct DenseList {
    out: Vec<u8>,
    /// The zone of the newest part.
    newest: Option<ZoneId>,
}

impl DenseList {
    /// Begins a message with so many parts and about so many bytes of payload.
    pub fn new(tick: u8, consumed: u8, parts: usize, payload: usize) -> Self {
        let mut out = Vec::with_capacity(8 + 2 * parts + payload);
        out.extend([DENSE, long_stamp(tick, consumed)]);
        Self { out, newest: None }
    }

    /// Adds a zone with the delta that leads to this tick, and its hash if it is time for it. Zones ascend.
    pub fn push(&mut self, zone: ZoneId, hash: Option<u32>, delta: &[u8]) {
        let before = self.newest.replace(zone);
        debug_assert!(before.is_none_or(|before| before < zone), "zones ascend");
        put(&mut self.out, u32::from(zone.0) - before.map_or(0, |before| before.0.into()));
        put(&mut self.out, (delta.len() as u32) << 1 | u32::from(hash.is_some()));
        write_hash(hash, &mut self.out);
        self.out.extend_from_slice(delta);
    }

    pub fn finish(self) -> Vec<u8> {
        self.out
    }
}

/// Whether a dense list can tell these parts.
pub(crate) fn can_tell(zones: &[ZonePart]) -> bool {
    zones.len() > 1 && zones.is_sorted_by(|a, b| a.zone < b.zone) && zones.iter().all(|part| only_delta(part).is_some())
}

/// The delta of a part that advances its zone by one tick.
fn only_delta<'a>(part: &ZonePart<'a>) -> Option<&'a [u8]> {
    match &part.form {
        ZoneForm::Chain(deltas) if part.lag == 0 && deltas.len() == 1 => Some(deltas[0]),
        _ => None,
    }
}

/// The message with a dense stamp and parts that a dense list [can tell](can_tell).
pub(super) fn encode(tick: u8, consumed: u8, zones: &[ZonePart]) -> Vec<u8> {
    let mut list = DenseList::new(tick, consumed, zones.len(), zones.iter().map(|part| part.form.weight()).sum());
    for part in zones {
        list.push(part.zone, part.hash, only_delta(part).expect("zones advance by one tick"));
    }
    list.finish()
}

/// Reads the parts up to the end of the message.
pub(super) fn read<'a>(cursor: &mut ByteReader<'a>) -> Result<Vec<ZonePart<'a>>, WireError> {
    let mut zones: Vec<ZonePart> = Vec::new();
    while !cursor.is_empty() {
        let gap = cursor.u32()?;
        let zone = match zones.last() {
            None => Some(gap),
            Some(before) => u32::from(before.zone.0).checked_add(gap).filter(|_| gap > 0),
        };
        let zone = zone.and_then(|zone| u16::try_from(zone).ok()).ok_or(WireError::Malformed)?;
        let size = cursor.u32()?;
        let hash = (size & 1 == 1).then(|| cursor.fixed()).transpose()?;
        let delta = Raw::new(cursor.take(size as usize >> 1)?);
        zones.push(ZonePart { zone: ZoneId(zone), lag: 0, form: ZoneForm::Chain(vec![delta]), hash });
    }
    if zones.len() > 1 { Ok(zones) } else { Err(WireError::NotCanonical) }
}

#[cfg(test)]
mod tests {
    use super::super::frame::decode;
    use super::*;

    #[test]
    fn a_part_costs_two_bytes_and_its_delta() {
        let mut list = DenseList::new(31, 7, 4, 600);
        let long = [9; 125];
        for (zone, hash, delta) in
            [(8192, None, &[1, 2, 3][..]), (8193, Some(0x0403_0201), &[]), (8443, None, &long), (8694, None, &[4])]
        {
            list.push(ZoneId(zone), hash, delta);
        }
        let bytes = list.finish();
        let parts: [&[u8]; 5] =
            [&[0x58, 0xff, 251, 0, 32, 6, 1, 2, 3], &[1, 1, 1, 2, 3, 4], &[250, 250], &long, &[251, 251, 0, 2, 4]];
        assert_eq!(bytes, parts.concat());
        let message = decode(&bytes).expect("a message");
        assert!(can_tell(&message.zones));
        assert_eq!(encode(31, 7, &message.zones), bytes);
    }

    #[test]
    fn a_list_has_one_form() {
        let refusal = |bytes: &[u8]| decode(&[&[0x58, 0][..], bytes].concat()).err();
        for few in [&[][..], &[7, 0], &[7, 2, 1]] {
            assert_eq!(refusal(few), Some(WireError::NotCanonical), "{few:?}: fewer than two parts");
        }
        // A zone twice, beyond the last zone, a delta beyond the message, half a hash, a number in too many bytes.
        let malformed: [&[u8]; 5] =
            [&[7, 0, 0, 0], &[1, 0, 251, 255, 255, 0], &[7, 0, 1, 4, 9], &[7, 0, 1, 1, 9], &[7]];
        for bytes in malformed {
            assert_eq!(refusal(bytes), Some(WireError::Malformed), "{bytes:?}");
        }
        assert_eq!(refusal(&[7, 0, 251, 9, 0, 0]), Some(WireError::NotCanonical));
    }
}
