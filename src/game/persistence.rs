//! Whether rooms outlive their players.

/// What becomes of a room whose last player has left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Persistence {
    /// It ends a moment later.
    #[default]
    Never,
    /// It falls asleep if its creator asked for it, by the room option `persistent`.
    Optional,
    /// It falls asleep.
    Always,
}
