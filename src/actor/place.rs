//! Where a session's player sits, from the welcome to the goodbye.

use std::sync::Arc;

use super::frame_history::FrameHistory;
use super::message::RoomKey;
use super::seat_channel::SeatHandle;
use crate::wire::{Close, Continuity, Welcome};

/// Where the player sits.
pub struct Place {
    pub room: RoomKey,
    /// The room's id and its game.
    pub name: (String, String),
    pub channel: SeatHandle,
    pub history: Arc<FrameHistory>,
    continuity: Continuity,
    /// The room knows that the client was heard from.
    heard: bool,
}

impl Place {
    /// The place that `welcome` speaks of.
    pub fn new(room: RoomKey, welcome: &Welcome, channel: SeatHandle, history: Arc<FrameHistory>) -> Self {
        let name = (welcome.room.clone(), welcome.game.clone());
        Self { room, name, channel, history, continuity: welcome.continuity, heard: false }
    }

    /// The client was heard from.
    pub fn hear(&mut self) {
        if !self.heard {
            self.heard = true;
            self.channel.hear();
        }
    }

    /// Tells the room how the session ended. A client that never said anything may not have seen that it is back: it gave up,
    /// and will come again.
    pub fn leave(&self, close: Close) {
        let gave_up = close == Close::Left && !self.heard && self.continuity != Continuity::Fresh;
        self.channel.leave(if gave_up { Close::Lost } else { close });
    }
}
