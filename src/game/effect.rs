//! What a game requests from its room, one type per part of the room that does it.

use std::sync::Arc;

use bytes::Bytes;

use super::{ChannelEffect, Recipients, Viewpoint};
use crate::id::{Seat, ZoneId};
use crate::tick::ViewTime;
use crate::wire::Close;

/// A request from a game to its room; see the methods of [`Context`](super::Context).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Sends an event.
    Emit {
        /// The recipients.
        to: Recipients,
        /// The game's own event type.
        kind: u16,
        /// The game's own bytes.
        body: Bytes,
    },
    /// Concerns one seat. Has no effect when the seat is free.
    Seat(Seat, SeatEffect),
    /// Concerns the room, its list entry or somebody who must go.
    Room(RoomEffect),
    /// Concerns a channel between rooms.
    Channel(ChannelEffect),
}

/// A request that concerns one seat.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SeatEffect {
    /// Opens a new correction epoch.
    Correct {
        /// The game's own reason code.
        reason: u8,
    },
    /// Sets the zones that the player sees.
    Subscribe {
        /// Ascending, without duplicates.
        zones: Arc<[ZoneId]>,
    },
    /// Sets from where the player or spectator sees a large world.
    LookFrom(Viewpoint),
}

/// A request that the room carries out after the tick.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomEffect {
    /// Ends a player's session after the tick.
    Kick {
        /// The player's seat.
        seat: Seat,
        /// The close code.
        close: Close,
        /// A reason for the player; empty for the usual text.
        words: String,
    },
    /// Locks or unlocks the room.
    Lock(
        /// Whether to lock it.
        bool,
    ),
    /// Ends the room after the tick.
    Close {
        /// The close code.
        close: Close,
        /// A reason for every player; empty for the usual text.
        words: String,
    },
    /// Ends the match.
    End {
        /// The game's own bytes.
        result: Bytes,
    },
    /// The last minute of the room shall be recorded.
    Record {
        /// Why.
        reason: String,
    },
    /// A hit was judged by what its shooter was shown.
    Judged {
        /// Who shot.
        shooter: Seat,
        /// Who was hit.
        victim: Seat,
        /// The moment that the shooter was shown.
        shown: ViewTime,
    },
    /// A property of the room has changed.
    Property {
        /// Its name.
        key: String,
        /// Its value; empty when the property was removed.
        value: String,
    },
}
