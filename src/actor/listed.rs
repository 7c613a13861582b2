//! A room as the directory knows it: what the list shows of it, and who may be announced to it.
//!
//! It reads the room's status and writes no letters but through the address that it holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::Addr;

use super::door::Ground;
use super::message::{Found, RoomEntry, RoomKey};
use super::room::RoomActor;
use super::status::{Expected, Face, Status};
use crate::engine::CloseReason;
use crate::wire::{Close, Role};

/// A room as the directory knows it.
pub struct Listed {
    pub entry: RoomEntry,
    /// Only who knows its id finds it.
    pub private: bool,
    pub options: BTreeMap<String, String>,
    pub room: Addr<RoomActor>,
    pub status: Arc<Status>,
    pub arbiter: usize,
    pub most_spectators: u16,
    /// Counts it on its maker's address while it is listed.
    pub _ground: Ground,
}

impl Listed {
    pub fn expect(&self, key: RoomKey, role: Role) -> Result<Found, CloseReason> {
        let most = match role {
            Role::Player => self.entry.capacity,
            Role::Spectator => self.most_spectators,
        };
        let expected = self.status.expect(role, most.into())?;
        Ok(Found { key, room: self.room.clone(), expected })
    }

    /// Whether it is of the game that somebody may play, if there is only one.
    ///
    /// # Errors
    /// Their token is for another one.
    pub fn suits(&self, only_game: Option<&str>) -> Result<(), Close> {
        if only_game.is_none_or(|only| only == self.entry.game) { Ok(()) } else { Err(Close::BadToken) }
    }

    pub fn expect_back(&self, key: RoomKey) -> Option<Found> {
        let expected = self.status.expect_back()?;
        Some(Found { key, room: self.room.clone(), expected })
    }

    /// Announces a whole party, or nobody.
    pub fn expect_all(&self, seats: usize) -> Result<Vec<Expected>, Close> {
        (0..seats).map(|_| self.status.expect(Role::Player, self.entry.capacity.into())).collect()
    }

    /// Brings the entry up to date.
    pub fn look(&mut self) {
        let heads = self.status.heads();
        (self.entry.players, self.entry.away, self.entry.spectators) = (heads.players, heads.away, heads.spectators);
        if let Some(Face { locked, properties }) = self.status.take_face() {
            (self.entry.locked, self.entry.properties) = (locked, properties.into_iter().collect());
        }
    }
}

/// The option of every game that keeps a room from being found.
pub fn is_private(options: &BTreeMap<String, String>) -> Result<bool, String> {
    let private =
        options.get("private").map(|text| text.parse().map_err(|_| format!("private {text:?}: must be true or false")));
    private.unwrap_or(Ok(false))
}
