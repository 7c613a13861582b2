//! The parts of a room's tick, for measuring where its time goes. The shell reads the clock: [`Room::apply_in_phases`]
//! only reports when a part ends.
//!
//! [`Room::apply_in_phases`]: super::Room::apply_in_phases

/// A part of a tick, in the order in which they end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// One input per seat was taken, and the game was stepped.
    Step,
    /// The game wrote its rows.
    WriteSnapshot,
    /// Every zone's delta was made and encoded.
    Freeze,
}
