//! Where a session's player sits, from the welcome to the goodbye.

use std::sync::Arc;

use super::desk::Sitting;
use super::feed::Feed;
use super::message::RoomKey;
use crate::wire::{Close, Continuity, Welcome};

/// Where the player sits.
pub struct Place {
    pub room: RoomKey,
    /// The room's id and its game.
    pub name: (String, String),
    pub desk: Sitting,
    pub feed: Arc<Feed>,
    continuity: Continuity,
    /// The room knows that the client was heard from.
    heard: bool,
}

impl Place {
    /// The place that `welcome` speaks of.
    pub fn new(room: RoomKey, welcome: &Welcome, desk: Sitting, feed: Arc<Feed>) -> Self {
        let name = (welcome.room.clone(), welcome.game.clone());
        Self { room, name, desk, feed, continuity: welcome.continuity, heard: false }
    }

    /// The client was heard from.
    pub fn hear(&mut self) {
        if !self.heard {
            self.heard = true;
            self.desk.hear();
        }
    }

    /// Tells the room how the session ended. A client that never said anything may not have seen that it is back: it gave up,
    /// and will come again.
    pub fn leave(&self, close: Close) {
        let gave_up = close == Close::Left && !self.heard && self.continuity != Continuity::Fresh;
        self.desk.leave(if gave_up { Close::Lost } else { close });
    }
}
