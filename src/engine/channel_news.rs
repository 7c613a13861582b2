//! What a room hears of channels between rooms.

use super::history::FrameStore;
use super::host::{Host, Waiting};
use super::room::Room;
use super::room_input::RoomInput;
use crate::game::{ChannelEffect, ChannelNews};

impl Room {
    pub(super) fn channel_news(&mut self, news: &ChannelNews) {
        self.call_hook("channel_news", |game, cx| game.channel_news(news, cx));
        self.apply_effects();
    }

    /// What leads from no channels to those that the room listens to, and to who is present by it: for a shell that restores the room.
    pub fn channels(&self) -> impl Iterator<Item = ChannelEffect> {
        self.cx.channels().effects()
    }
}

impl<T: Waiting, F: FrameStore> Host<T, F> {
    /// Something has happened in a channel that the room [listens](crate::Context::listen) to.
    pub fn channel_news(&mut self, news: ChannelNews) {
        self.apply(RoomInput::ChannelNews(news));
    }
}
