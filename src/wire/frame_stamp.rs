//! What a frame message tells of its tick: as few bits as its client needs.

use serde::{Deserialize, Serialize};

use crate::id::Seq;
use crate::tick::Tick;

/// The tick of a frame and the number of inputs consumed since the welcome, or their lowest bits. From its newest frame
/// message a client knows the others; a message that was repeated or overtaken shows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FrameStamp {
    /// For the usual message.
    Short {
        /// Modulo 16.
        tick: u8,
        /// Modulo 4.
        consumed: u8,
    },
    /// For most others.
    Long {
        /// Modulo 32.
        tick: u8,
        /// Modulo 8.
        consumed: u8,
    },
    /// For several zones that advance by one tick, where nothing else is told; with the feature
    /// [`DENSE_LIST`](super::Features::DENSE_LIST).
    Dense {
        /// Modulo 32.
        tick: u8,
        /// Modulo 8.
        consumed: u8,
    },
    /// Where few bits would not do: for clients that want few frames, and after a pause.
    Wide {
        /// Modulo 256.
        tick: u8,
        /// Modulo 256.
        consumed: u8,
    },
    /// Where bits would not do: after a long pause, and on unordered transports.
    Absolute {
        /// The tick.
        tick: Tick,
        /// The inputs consumed.
        consumed: Seq,
    },
}

/// How many values the parts of a stamp can have: the tick's and that of the inputs.
type Values = (u32, u32);

impl FrameStamp {
    pub(super) const SHORT: Values = (16, 4);
    pub(super) const LONG: Values = (32, 8);
    const WIDE: Values = (256, 256);

    /// The short stamp of a frame, for a client whose newest frame is the one before; `None` when too many inputs were
    /// consumed since.
    pub fn short(before: (Tick, Seq), now: (Tick, Seq)) -> Option<Self> {
        let (tick, consumed) = low_bits(Self::SHORT, before, now)?;
        Some(Self::Short { tick, consumed })
    }

    /// The stamp of a frame that is not the usual one, for a client whose newest frame has the tick and inputs `before`.
    pub fn long(before: (Tick, Seq), now: (Tick, Seq)) -> Self {
        if let Some((tick, consumed)) = low_bits(Self::LONG, before, now) {
            Self::Long { tick, consumed }
        } else if let Some((tick, consumed)) = low_bits(Self::WIDE, before, now) {
            Self::Wide { tick, consumed }
        } else {
            Self::Absolute { tick: now.0, consumed: now.1 }
        }
    }

    /// The same stamp for a dense list, if it is one of few bits.
    #[must_use]
    pub fn dense(self) -> Self {
        match self {
            Self::Long { tick, consumed } => Self::Dense { tick, consumed },
            other => other,
        }
    }

    /// The tick and the inputs consumed, for a client whose newest frame has those of `before`; `None` when this frame is
    /// not newer.
    pub fn resolve(self, (newest, before): (Tick, Seq)) -> Option<(Tick, Seq)> {
        let ((ticks, inputs), tick, consumed) = match self {
            Self::Short { tick, consumed } => (Self::SHORT, tick, consumed),
            Self::Long { tick, consumed } | Self::Dense { tick, consumed } => (Self::LONG, tick, consumed),
            Self::Wide { tick, consumed } => (Self::WIDE, tick, consumed),
            Self::Absolute { tick, consumed } => return tick.is_after(newest).then_some((tick, consumed)),
        };
        let ahead = |low: u8, known: u32, values: u32| u32::from(low).wrapping_sub(known) % values;
        let since = ahead(tick, newest.0, ticks);
        let more = ahead(consumed, before.0, inputs);
        (1..=ticks / 2).contains(&since).then(|| (newest.plus(since), before.plus(more)))
    }
}

/// The lowest bits of a frame's tick and inputs, if they are enough for a client that has those of `before`.
#[inline]
fn low_bits((ticks, inputs): Values, before: (Tick, Seq), (tick, consumed): (Tick, Seq)) -> Option<(u8, u8)> {
    let (since, more) = (tick.0.wrapping_sub(before.0.0), consumed.0.wrapping_sub(before.1.0));
    (since <= ticks / 2 && more < inputs).then(|| ((tick.0 % ticks) as u8, (consumed.0 % inputs) as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_follows_knows_every_tick_and_every_input() {
        for start in [0, 5, 13, u32::MAX - 20] {
            let steps = [1, 2, 8, 9, 16, 17, 100, 128, 129, 1000];
            let counts = [0, 1, 3, 4, 7, 8, 255, 256, 70_000];
            for (since, more) in steps.iter().flat_map(|since| counts.map(move |more| (*since, more))) {
                let before = (Tick(start), Seq(start.wrapping_mul(3)));
                let next = (before.0.plus(since), before.1.plus(more));
                let long = FrameStamp::long(before, next);
                assert_eq!(long.resolve(before), Some(next), "{since} ticks, {more} inputs");
                assert_eq!(matches!(long, FrameStamp::Long { .. }), since <= 16 && more <= 7);
                assert_eq!(matches!(long, FrameStamp::Absolute { .. }), since > 128 || more > 255);
                if since == 1 {
                    let short = FrameStamp::short(before, next);
                    assert_eq!(short.is_some(), more < 4);
                    assert!(short.is_none_or(|short| short.resolve(before) == Some(next)));
                    assert!(short.is_none_or(|short| short.resolve(next).is_none()), "a repeated message");
                }
                assert_eq!(long.resolve(next), None, "a repeated message");
                assert_eq!(long.resolve((next.0.plus(3), next.1.plus(3))), None, "an overtaken message");
            }
        }
    }
}
