//! A session's seat, from the welcome to the end of the session.

use super::frame_history::FrameHistory;
use super::message::RoomKey;
use super::metrics::Metrics;
use super::seat_channel::SeatHandle;
use crate::engine::{FeelDigest, close_for_seat};
use crate::wire::{Close, Continuity, Welcome};

/// The seat of a session's player.
pub struct SessionSeat {
    pub room: RoomKey,
    /// The room's id and its game.
    pub name: (String, String),
    pub channel: SeatHandle,
    pub history: FrameHistory,
    continuity: Continuity,
    /// Whether the room knows that the client has sent a message.
    heard: bool,
}

impl SessionSeat {
    /// The seat that `welcome` describes.
    pub fn new(room: RoomKey, welcome: &Welcome, channel: SeatHandle, history: FrameHistory) -> Self {
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

    /// Notes how the game feels at the client.
    pub fn felt(&self, digest: FeelDigest, metrics: &Metrics) {
        metrics.feel.felt(&digest);
        self.channel.felt(digest);
    }

    /// Tells the room how the session ended.
    pub fn leave(&self, close: Close) {
        self.channel.leave(close_for_seat(close, self.continuity, self.heard));
    }
}
