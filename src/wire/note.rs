//! The layout of notes: the parts of a frame for one seat that are rarely sent.

use super::codec::WireError;
use super::cursor::{ByteReader, put, put_u64};
use super::message::{Correction, Note};
use crate::id::{CorrectionEpoch, Incarnation, Seq};

/// The first byte: the inputs superseded (31 means that at least 31 were and the number follows), and the parts present.
const SUPERSEDED: u8 = 0x1f;
const COMMANDS: u8 = 0x20;
const CORRECTION: u8 = 0x40;
/// The second byte follows.
const MORE: u8 = 0x80;
const INCARNATION: u8 = 0x01;
const LEAD: u8 = 0x02;

pub(super) fn write_note(note: &Note, out: &mut Vec<u8>) {
    let superseded = u8::try_from(note.superseded).unwrap_or(u8::MAX).min(SUPERSEDED);
    let flag = |bit, set| if set { bit } else { 0 };
    let more = flag(INCARNATION, note.incarnation.is_some()) | flag(LEAD, note.lead.is_some());
    let parts = flag(COMMANDS, note.commands.is_some()) | flag(CORRECTION, note.correction.is_some());
    out.push(superseded | parts | flag(MORE, more != 0));
    if superseded == SUPERSEDED {
        put(out, note.superseded);
    }
    if let Some(commands) = note.commands {
        put(out, commands.0);
    }
    if let Some(correction) = note.correction {
        out.extend([correction.epoch.0, correction.reason]);
    }
    if more != 0 {
        out.push(more);
    }
    if let Some(incarnation) = note.incarnation {
        put_u64(out, incarnation.0);
    }
    if let Some(lead) = note.lead {
        out.push(lead.cast_unsigned());
    }
}

pub(super) fn read_note(cursor: &mut ByteReader) -> Result<Note, WireError> {
    let first = cursor.u8()?;
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
    let more = if first & MORE == 0 { 0 } else { cursor.u8()? };
    if more & !(INCARNATION | LEAD) != 0 {
        return Err(WireError::Malformed);
    }
    let incarnation = (more & INCARNATION != 0).then(|| cursor.u64().map(Incarnation)).transpose()?;
    let lead = (more & LEAD != 0).then(|| cursor.u8().map(u8::cast_signed)).transpose()?;
    // A byte without content must be left out.
    let empty = first == 0 || (first & MORE != 0 && more == 0);
    if empty { Err(WireError::NotCanonical) } else { Ok(Note { superseded, commands, correction, incarnation, lead }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_has_one_form() {
        let refused: [(&[u8], WireError); 5] = [
            (&[0], WireError::NotCanonical),
            (&[0x80, 0], WireError::NotCanonical),
            (&[0x80, 4], WireError::Malformed),
            (&[0x1f, 30], WireError::NotCanonical),
            (&[0x80, 1, 253, 1, 0, 0, 0, 0, 0, 0, 0], WireError::NotCanonical),
        ];
        for (bytes, error) in refused {
            assert_eq!(read_note(&mut ByteReader::new(bytes)), Err(error), "{bytes:x?}");
        }
        let incarnation = Some(Incarnation(1 << 52));
        let note = Note { superseded: 31, incarnation, lead: Some(-3), ..Note::default() };
        let mut bytes = Vec::new();
        write_note(&note, &mut bytes);
        assert_eq!(read_note(&mut ByteReader::new(&bytes)), Ok(note));
    }
}
