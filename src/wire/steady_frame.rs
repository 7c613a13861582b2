//! The message that most clients of a large world get at most ticks: each of their zones advances by one tick, and nothing else is
//! told. The bytes are those of [`encode_frame`](super::encode_frame), without a list of parts in between.

use super::cursor::{put, put_slice};
use super::dense_list::DenseList;
use super::frame::{LISTED, LONG, PART_HASH, long_stamp};
use super::frame_stamp::FrameStamp;
use crate::id::ZoneId;

/// A message under construction.
pub(crate) enum SteadyFrame<'a> {
    /// For clients that know dense lists.
    Dense(DenseList),
    /// For others.
    Listed(Listed<'a>),
}

/// A message in the long layout.
pub(crate) struct Listed<'a> {
    out: Vec<u8>,
    /// The newest part, which is written when it is known whether it is the last one.
    newest: Option<(ZoneId, Option<u32>, &'a [u8])>,
}

impl<'a> SteadyFrame<'a> {
    /// Begins a message with so many zones and about so many bytes of payload. `None` when the stamp needs more bits.
    pub fn new(stamp: FrameStamp, zones: usize, payload: usize) -> Option<Self> {
        match stamp {
            FrameStamp::Dense { tick, consumed } => Some(Self::Dense(DenseList::new(tick, consumed, zones, payload))),
            FrameStamp::Long { tick, consumed } => {
                let mut out = Vec::with_capacity(8 + 5 * zones + payload);
                out.extend([LONG | LISTED, long_stamp(tick, consumed)]);
                put(&mut out, zones as u32);
                Some(Self::Listed(Listed { out, newest: None }))
            }
            _ => None,
        }
    }

    /// Adds a zone with the delta that leads to this tick, and its hash if it is time for it. Zones ascend.
    pub fn push(&mut self, zone: ZoneId, hash: Option<u32>, delta: &'a [u8]) {
        match self {
            Self::Dense(list) => list.push(zone, hash, delta),
            Self::Listed(list) => list.push(zone, hash, delta),
        }
    }

    /// The whole message.
    pub fn finish(self) -> Vec<u8> {
        match self {
            Self::Dense(list) => list.finish(),
            Self::Listed(list) => list.finish(),
        }
    }
}

impl<'a> Listed<'a> {
    fn push(&mut self, zone: ZoneId, hash: Option<u32>, delta: &'a [u8]) {
        if let Some((_, _, delta)) = self.begin() {
            put_slice(&mut self.out, delta);
        }
        self.newest = Some((zone, hash, delta));
    }

    fn finish(mut self) -> Vec<u8> {
        if let Some((_, _, delta)) = self.begin() {
            // The part at the very end needs no length.
            self.out.extend_from_slice(delta);
        }
        self.out
    }

    /// Writes what precedes the delta of the newest part.
    fn begin(&mut self) -> Option<(ZoneId, Option<u32>, &'a [u8])> {
        let part = self.newest.take()?;
        put(&mut self.out, part.0.0.into());
        // A chain of one delta has the form 0.
        self.out.push(if part.1.is_some() { PART_HASH } else { 0 });
        part.1.iter().for_each(|hash| self.out.extend_from_slice(&hash.to_le_bytes()));
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use serde_bytes::Bytes;

    use super::*;
    use crate::wire::{FrameMessage, ZoneForm, ZonePart, encode_frame};

    #[test]
    fn the_bytes_are_those_of_the_general_encoder() {
        let deltas: [(u16, Option<u32>, &[u8]); 4] =
            [(0, None, &[]), (9, Some(0), &[4]), (8192, Some(7), &[1, 2]), (8193, None, &[3; 300])];
        let part = |(zone, hash, delta): &(u16, Option<u32>, &'static [u8])| ZonePart {
            zone: ZoneId(*zone),
            lag: 0,
            form: ZoneForm::Chain(vec![Bytes::new(delta)]),
            hash: *hash,
        };
        for stamp in [FrameStamp::Long { tick: 5, consumed: 3 }, FrameStamp::Dense { tick: 5, consumed: 3 }] {
            for count in 2..=deltas.len() {
                let mut steady = SteadyFrame::new(stamp, count, 9).expect("few bits");
                deltas[..count].iter().for_each(|(zone, hash, delta)| steady.push(ZoneId(*zone), *hash, delta));
                let zones = deltas[..count].iter().map(part).collect();
                let message = FrameMessage { stamp, note: None, events: None, zones };
                assert_eq!(steady.finish(), encode_frame(&message, None));
            }
        }
        assert!(SteadyFrame::new(FrameStamp::Wide { tick: 1, consumed: 1 }, 2, 9).is_none());
    }
}
