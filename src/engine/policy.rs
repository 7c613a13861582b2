//! What is decided about a room from outside: by the server's configuration and by the room's creator.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The policy of a room. It stays the same as long as the room exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomPolicy {
    /// Seats, if fewer than the game's own number are wanted.
    pub capacity: Option<u16>,
    /// How long the seat of a player who lost the connection is held; zero holds none.
    pub hold: Duration,
    /// How long a player may keep the same input and send no commands; zero means no limit.
    pub idle_after: Duration,
    /// How long the room stays open while it is empty. Spectators, such as a shared screen, keep it open.
    pub empty_for: Duration,
    /// The most spectators, at most [`SPECTATORS`](crate::wire::limits::SPECTATORS).
    pub most_spectators: u16,
    /// What happens when an identity enters that has a seat already.
    #[serde(default)]
    pub second_device: SecondDevice,
}

/// What happens when a player enters a room in which the same verified identity has a seat. A valid claim to that seat is
/// always granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecondDevice {
    /// Both play.
    #[default]
    Allow,
    /// The second device is refused while the first is connected. A held seat is given up for it.
    Refuse,
    /// The first device is told that it was replaced, and loses its seat.
    Replace,
}
