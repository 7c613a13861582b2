//! A room as the directory sees it: its entry in the list, and the pending joins that are announced to it.
//!
//! A handle reads the room's status and sends the room no messages itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::Addr;

use super::gatekeeper::RoomPermit;
use super::message::{RoomEntry, RoomKey, RoomSlot};
use super::room::RoomActor;
use super::status::{Listing, PendingJoin, Status};
use crate::engine::CloseReason;
use crate::wire::{Close, Role};

/// A room as the directory sees it.
pub struct RoomHandle {
    pub entry: RoomEntry,
    /// Whether the room can only be joined by its id.
    pub private: bool,
    pub options: BTreeMap<String, String>,
    pub room: Addr<RoomActor>,
    pub status: Arc<Status>,
    pub arbiter: usize,
    pub most_spectators: u16,
    /// Counts the room on its maker's address while it is listed.
    pub _permit: RoomPermit,
}

impl RoomHandle {
    pub fn expect(&self, key: RoomKey, role: Role) -> Result<RoomSlot, CloseReason> {
        let most = match role {
            Role::Player => self.entry.capacity,
            Role::Spectator => self.most_spectators,
        };
        let expected = self.status.expect(role, most.into())?;
        Ok(RoomSlot { key, room: self.room.clone(), expected })
    }

    /// Checks that the room runs the only game that the client's token is valid for, if there is one.
    ///
    /// # Errors
    /// The token is for another game.
    pub fn suits(&self, only_game: Option<&str>) -> Result<(), Close> {
        if only_game.is_none_or(|only| only == self.entry.game) { Ok(()) } else { Err(Close::BadToken) }
    }

    pub fn expect_back(&self, key: RoomKey) -> Option<RoomSlot> {
        let expected = self.status.expect_back()?;
        Some(RoomSlot { key, room: self.room.clone(), expected })
    }

    /// Announces a whole party, or nobody.
    pub fn expect_all(&self, seats: usize) -> Result<Vec<PendingJoin>, Close> {
        (0..seats).map(|_| self.status.expect(Role::Player, self.entry.capacity.into())).collect()
    }

    /// Updates the entry from the room's status.
    pub fn look(&mut self) {
        let occupancy = self.status.occupancy();
        (self.entry.players, self.entry.away, self.entry.spectators) =
            (occupancy.players, occupancy.away, occupancy.spectators);
        if let Some(Listing { locked, properties }) = self.status.take_listing() {
            (self.entry.locked, self.entry.properties) = (locked, properties.into_iter().collect());
        }
    }
}

/// Reads the option `private`, which every game has: a private room is not listed.
pub fn is_private(options: &BTreeMap<String, String>) -> Result<bool, String> {
    let private =
        options.get("private").map(|text| text.parse().map_err(|_| format!("private {text:?}: must be true or false")));
    private.unwrap_or(Ok(false))
}
