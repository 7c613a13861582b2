//! Newtypes for ids and numbers. Every id is a plain integer on the wire; none has a sentinel value.

use serde::{Deserialize, Serialize};

/// An entity of a room. A room hands out ids in ascending order and does not reuse them, until all are used up: then they begin anew
/// with those that are free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntityId(pub u32);

/// A player's place in a room. A seat can outlive a session; it goes to another player only after it was freed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Seat(pub u16);

/// A part of a frame; a session subscribes to whole zones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ZoneId(pub u16);

/// An entity kind: its index in the room's schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KindId(pub u8);

/// Counts the server-side moves of one seat, modulo 256. A position report counts only if it echoes the newest epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorrectionEpoch(pub u8);

impl CorrectionEpoch {
    /// The epoch that the next server-side move opens.
    pub fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// Which start of a room this is. Each start has a number greater than all before, so that (incarnation, tick) orders the
/// states of a room, also when a later start begins with an older state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incarnation(pub u64);

impl Incarnation {
    /// The start of a room that was made anew.
    pub const FIRST: Self = Self(1);

    /// The start after this one.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Default for Incarnation {
    fn default() -> Self {
        Self::FIRST
    }
}

/// A position in a numbered stream (inputs, commands, events). Streams may wrap: numbers are compared by serial-number
/// arithmetic (RFC 1982), which is valid for numbers less than 2^31 apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Seq(pub u32);

impl Seq {
    /// The number `steps` later.
    pub fn plus(self, steps: u32) -> Self {
        Self(self.0.wrapping_add(steps))
    }

    /// How far `self` is ahead of `other`; negative when it is behind.
    pub fn since(self, other: Self) -> i32 {
        self.0.wrapping_sub(other.0).cast_signed()
    }

    /// Whether `self` is newer than `other`.
    pub fn is_after(self, other: Self) -> bool {
        self.since(other) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_compare_across_the_wrap() {
        let before = Seq(u32::MAX - 1);
        let after = before.plus(3);
        assert_eq!(after, Seq(1));
        assert!(after.is_after(before));
        assert!(!before.is_after(after));
        assert_eq!(before.since(after), -3);
    }
}
