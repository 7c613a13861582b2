//! The message that most clients of a large world get at most ticks: each of their zones advances by one tick, and nothing else is
//! told. The bytes are those of [`encode_frame`](super::encode_frame), without a list of parts in between.

use super::cursor::{put, put_slice};
use super::frame::{LISTED, LONG, LONG_CONSUMED, PART_HASH};
use super::frame_stamp::FrameStamp;
use crate::id::ZoneId;

/// A message under construction.
pub(crate) struct SteadyFrame<'a> {
    out: Vec<u8>,
    /// The newest part, which is written when it is known whether it is the last one.
    newest: Option<(ZoneId, Option<u32>, &'a [u8])>,
}

impl<'a> SteadyFrame<'a> {
    /// Begins a message with so many zones and about so many bytes of payload. `None` when the stamp is not a long one.
    pub fn new(stamp: FrameStamp, zones: u32, payload: usize) -> Option<Self> {
        let FrameStamp::Long { tick, consumed } = stamp else { return None };
        let mut out = Vec::with_capacity(8 + 5 * zones as usize + payload);
        out.extend([LONG | LISTED, consumed << LONG_CONSUMED | tick]);
        put(&mut out, zones);
        Some(Self { out, newest: None })
    }

    /// Adds a zone with the delta that leads to this tick, and its hash if it is time for it.
    pub fn push(&mut self, zone: ZoneId, hash: Option<u32>, delta: &'a [u8]) {
        if let Some((_, _, delta)) = self.begin() {
            put_slice(&mut self.out, delta);
        }
        self.newest = Some((zone, hash, delta));
    }

    /// The whole message.
    pub fn finish(mut self) -> Vec<u8> {
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
        let stamp = FrameStamp::Long { tick: 5, consumed: 3 };
        let deltas: [(u16, Option<u32>, &[u8]); 4] =
            [(0, None, &[]), (8192, Some(7), &[1, 2]), (8193, None, &[3; 300]), (9, Some(0), &[4])];
        for count in 2..=deltas.len() {
            let mut steady = SteadyFrame::new(stamp, count as u32, 9).expect("a long stamp");
            let part = |(zone, hash, delta): &(u16, Option<u32>, &'static [u8])| ZonePart {
                zone: ZoneId(*zone),
                lag: 0,
                form: ZoneForm::Chain(vec![Bytes::new(delta)]),
                hash: *hash,
            };
            deltas[..count].iter().for_each(|(zone, hash, delta)| steady.push(ZoneId(*zone), *hash, delta));
            let zones = deltas[..count].iter().map(part).collect();
            let message = FrameMessage { stamp, note: None, events: None, zones };
            assert_eq!(steady.finish(), encode_frame(&message, None));
        }
        assert!(SteadyFrame::new(FrameStamp::Wide { tick: 1, consumed: 1 }, 2, 9).is_none());
    }
}
