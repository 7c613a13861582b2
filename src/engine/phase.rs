//! The parts of a room's tick, for whoever wants to know where its time goes. The time is the shell's: [`Room::tick_in_phases`]
//! only says when a part is over.
//!
//! [`Room::tick_in_phases`]: super::Room::tick_in_phases

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
