//! A room as the directory sees it: its entry in the list, and its status.
//!
//! A handle reads the room's status and sends the room no messages itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::Addr;

use super::gatekeeper::RoomPermit;
use super::message::RoomEntry;
use super::room::RoomActor;
use super::status::{Listing, Status};
use crate::cluster::Tenure;
use crate::engine::JoinKind;
use crate::wire::Close;

/// A room as the directory sees it.
pub struct RoomHandle {
    pub entry: RoomEntry,
    /// Whether the room can only be joined by its id.
    pub private: bool,
    pub options: Arc<BTreeMap<String, String>>,
    pub room: Addr<RoomActor>,
    pub status: Arc<Status>,
    pub arbiter: usize,
    /// As it is counted on its thread.
    pub load: usize,
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

    /// Updates the entry from the room's status. Later changes are reported anew.
    pub fn refresh(&mut self) {
        self.status.heed();
        let occupancy = self.status.occupancy();
        (self.entry.players, self.entry.away, self.entry.spectators) =
            (occupancy.players, occupancy.away, occupancy.spectators);
        if let Some(Listing { locked, properties }) = self.status.take_listing() {
            (self.entry.locked, self.entry.properties) = (locked, Arc::new(properties.into_iter().collect()));
        }
    }
}
