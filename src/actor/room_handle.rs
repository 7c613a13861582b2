//! A room as the directory sees it: its entry in the list, and its status.
//!
//! A handle reads the room's status and sends the room no messages itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::Addr;

use super::gatekeeper::RoomPermit;
use super::message::{RoomEntry, RoomKey};
use super::room::RoomActor;
use super::status::{Listing, PendingJoin, Status};
use crate::cluster::Tenure;
use crate::engine::{JoinKind, RoomRegistry};
use crate::wire::Close;

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
    /// The right to go on, in a cluster.
    pub tenure: Option<Tenure>,
    /// What the cluster's directory knows of it.
    pub reported: Option<Reported>,
}

/// What a cluster's directory knows of a room: seats taken, and why it admits nobody new.
pub type Reported = (usize, Option<Close>);

impl RoomHandle {
    /// The most clients of a kind.
    pub fn most(&self, kind: JoinKind) -> usize {
        usize::from(match kind {
            JoinKind::Newcomer | JoinKind::Returning => self.entry.capacity,
            JoinKind::Spectator => self.most_spectators,
        })
    }

    /// Updates the entry from the room's status.
    pub fn refresh(&mut self) {
        let occupancy = self.status.occupancy();
        (self.entry.players, self.entry.away, self.entry.spectators) =
            (occupancy.players, occupancy.away, occupancy.spectators);
        if let Some(Listing { locked, properties }) = self.status.take_listing() {
            (self.entry.locked, self.entry.properties) = (locked, properties.into_iter().collect());
        }
    }
}

/// The rooms of a server. Rooms that have ended may still be there.
#[derive(Default)]
pub struct LocalRooms(pub BTreeMap<RoomKey, RoomHandle>);

impl RoomRegistry for LocalRooms {
    type Key = RoomKey;
    type Pending = PendingJoin;

    fn find(&self, id: &str) -> Option<RoomKey> {
        // Ids are compared first: whether a room is closed is behind a lock.
        let found = self.0.iter().find(|(_, listed)| listed.entry.id == id && !listed.status.is_closed());
        found.map(|(key, _)| *key)
    }

    fn matching(&self, game: &str, options: &BTreeMap<String, String>) -> impl Iterator<Item = RoomKey> {
        let listed = self.0.iter().filter(|(_, listed)| !listed.private);
        listed.filter(move |(_, l)| l.entry.game == game && l.options == *options).map(|(key, _)| *key)
    }

    fn game(&self, room: RoomKey) -> Option<&str> {
        self.0.get(&room).map(|listed| &*listed.entry.game)
    }

    fn announce(&self, room: RoomKey, kind: JoinKind) -> Result<PendingJoin, Close> {
        let listed = self.0.get(&room).ok_or(Close::RoomClosed)?;
        listed.status.announce(kind, listed.most(kind))
    }
}
