//! Events that servers outside of a room send into it, where its game takes them.

use super::history::FrameStore;
use super::host::{Host, Waiting};
use super::room::Room;
use super::room_input::RoomInput;
use super::room_output::RoomOutput;

impl Room {
    pub(super) fn server_event(&mut self, name: &str, data: &str) {
        let taken = self.call_hook("server_event", |game, cx| game.server_event(name, data, cx));
        self.apply_effects();
        self.outputs.push(RoomOutput::ServerEvent(taken));
    }
}

impl<T: Waiting, F: FrameStore> Host<T, F> {
    /// A server outside of the room sent an event; see [`Game::server_event`](crate::Game::server_event).
    /// [`RoomOutput::ServerEvent`] has the game's answer. It comes once per call, in order, when the record of the event is
    /// safe.
    pub fn server_event(&mut self, name: String, data: String) {
        self.apply(RoomInput::ServerEvent { name, data });
    }
}
