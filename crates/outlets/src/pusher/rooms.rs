//! What happens in rooms, as events of channels: `room-ID` of a listed room, `private-room-ID` of a private one, `rooms` for the life of
//! all listed ones, and `presence-room-ID` with the players as members.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tickwire::tap::{Delivery, TapBody, TapEntry, Undelivered};

use super::App;
use super::hub::close;
use crate::config::Target;
use crate::envelope::data;

/// Tells an app.
pub struct Rooms {
    app: Arc<App>,
    /// The members that the server has let in, by room and seat.
    members: BTreeMap<String, BTreeMap<u16, String>>,
}

impl Rooms {
    /// Tells this app.
    pub fn of(app: Arc<App>) -> Self {
        Self { app, members: BTreeMap::new() }
    }

    fn tell(&mut self, entry: &TapEntry) {
        let room = &entry.key.room;
        match &entry.body {
            TapBody::NodeDraining { .. } => return self.app.act(|hub| hub.end(close::COME_BACK)),
            TapBody::PlayerJoined { seat, name, identity } => self.admit(room, seat.0, name, identity.as_deref()),
            TapBody::PlayerLeft { seat, .. } => self.dismiss(room, Some(seat.0)),
            TapBody::RoomMade { .. } | TapBody::RoomStored | TapBody::RoomEnded { .. } => self.dismiss(room, None),
            TapBody::RoomResumed { players } => {
                self.dismiss(room, None);
                players.iter().for_each(|(seat, name, identity)| self.admit(room, seat.0, name, identity.as_deref()));
            }
            _ => {}
        }
        if room.is_empty() {
            return;
        }
        let (kind, data) = (entry.body.kind(), data(entry).to_string());
        let channel = if entry.private { format!("private-room-{room}") } else { format!("room-{room}") };
        self.app.act(|hub| hub.tell_of_room(&channel, kind, &data));
        let is_life = kind.starts_with("room.") || kind.starts_with("player.") || kind == "match.ended";
        if is_life && !entry.private {
            self.app.act(|hub| hub.tell_of_room("rooms", kind, &data));
        }
    }

    fn admit(&mut self, room: &str, seat: u16, name: &str, identity: Option<&str>) {
        let user = identity.map_or_else(|| format!("seat-{seat}"), str::to_owned);
        let info: Value = json!({ "name": name, "seat": seat });
        // An entry that comes twice finds its member here.
        self.dismiss(room, Some(seat));
        self.members.entry(room.to_owned()).or_default().insert(seat, user.clone());
        self.app.act(|hub| hub.admit(&format!("presence-room-{room}"), &user, &info));
    }

    /// A player has gone, or all have.
    fn dismiss(&mut self, room: &str, seat: Option<u16>) {
        let Some(members) = self.members.get_mut(room) else { return };
        let gone: Vec<String> = match seat {
            Some(seat) => members.remove(&seat).into_iter().collect(),
            None => std::mem::take(members).into_values().collect(),
        };
        if members.is_empty() {
            self.members.remove(room);
        }
        gone.iter().for_each(|user| self.app.act(|hub| hub.dismiss(&format!("presence-room-{room}"), user)));
    }
}

/// The room of a channel that tells what happens in it.
pub fn room_of(channel: &str) -> Option<&str> {
    channel.strip_prefix("private-").unwrap_or(channel).strip_prefix("room-")
}

impl Target for Rooms {
    fn deliver(&mut self, deliveries: &[Delivery]) -> Result<(), Undelivered> {
        let tells = self.app.settings.rooms;
        let wanted = |one: &&Delivery| tells || matches!(one.entry.body, TapBody::NodeDraining { .. });
        deliveries.iter().filter(wanted).for_each(|delivery| self.tell(&delivery.entry));
        Ok(())
    }

    fn probe(&mut self) -> Result<String, String> {
        Ok("a client that is connected gets an event once; nothing is promised to others".to_owned())
    }

    fn stop(&mut self) {
        self.app.act(|hub| hub.end(close::COME_BACK));
    }
}
