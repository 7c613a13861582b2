//! A session's seat, from the welcome to the end of the session.

use std::sync::Arc;

use super::frame_history::FrameHistory;
use super::message::RoomKey;
use super::seat_channel::SeatHandle;
use crate::wire::{Close, Continuity, Welcome};

/// The seat of a session's player.
pub struct SessionSeat {
    pub room: RoomKey,
    /// The room's id and its game.
    pub name: (String, String),
    pub channel: SeatHandle,
    pub history: Arc<FrameHistory>,
    continuity: Continuity,
    /// Whether the room knows that the client has sent a message.
    heard: bool,
}

impl SessionSeat {
    /// The place that `welcome` describes.
    pub fn new(room: RoomKey, welcome: &Welcome, channel: SeatHandle, history: Arc<FrameHistory>) -> Self {
        let name = (welcome.room.clone(), welcome.game.clone());
        Self { room, name, channel, history, continuity: welcome.continuity, heard: false }
    }

    /// Records that the client has sent a message.
    pub fn hear(&mut self) {
        if !self.heard {
            self.heard = true;
            self.channel.hear();
        }
    }

    /// Tells the room how the session ended. A reconnected client that left without sending a message may not have received
    /// the welcome: it gave up and will try again, so its close reason becomes [`Close::Lost`], which keeps the seat.
    pub fn leave(&self, close: Close) {
        let gave_up = close == Close::Left && !self.heard && self.continuity != Continuity::Fresh;
        self.channel.leave(if gave_up { Close::Lost } else { close });
    }
}
