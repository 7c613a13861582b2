//! What comes to a hub from the channels of the server: events for subscribers, and who is present, at all servers together.

use std::sync::Arc;

use serde_json::{Value, json};
use tickwire::engine::channels::{ChannelEvent, Presence};

use super::channel::{Channel, Kind};
use super::hub::{Effect, Hub, close};

/// What the channel of a user's events begins with, as SDKs know it ...
pub const TO_USER: &str = "#server-to-user-";
/// ... and that by which servers are told to end the connections of a user.
const TERMINATE: &str = "#terminate-";

/// An event of a server for all in a channel but `except`, a socket id, as the channel carries it. Its data is a text.
pub fn event(channel: &str, event: &str, data: &str, except: Option<&str>) -> String {
    body(except, &json!({ "event": event, "channel": channel, "data": data }).to_string())
}

/// A message for all in a channel but `except`, as the channel carries it.
pub fn body(except: Option<&str>, message: &str) -> String {
    [except.unwrap_or_default(), message].join("\n")
}

/// What ends the connections of a user who has signed in: a channel, and what it carries.
pub fn termination(user: &str) -> (String, &'static str) {
    ([TERMINATE, user].concat(), "")
}

impl Hub {
    /// Something has happened in a channel. `name`: without what marks the channels of this app.
    pub fn hear(&mut self, name: &str, event: &ChannelEvent) {
        match event {
            ChannelEvent::Message { body, .. } => {
                if let Some(user) = name.strip_prefix(TERMINATE) {
                    let of_user = self.sockets.iter().filter(|(_, socket)| socket.user.as_deref() == Some(user));
                    self.effects.extend(of_user.map(|(number, _)| Effect::Close(*number, close::UNAUTHORIZED)));
                } else if let Some((except, message)) = body.split_once('\n') {
                    self.deliver(name, except, message.into());
                }
            }
            ChannelEvent::Presence { presence, before, is_ours } => {
                self.note_presence(name, presence, *before, *is_ours)
            }
            ChannelEvent::Missed => self.tell_of_gap(),
        }
    }

    fn deliver(&mut self, name: &str, except: &str, message: Arc<str>) {
        if let Some(user) = name.strip_prefix(TO_USER) {
            let of_user = self.sockets.iter().filter(|(_, socket)| socket.user.as_deref() == Some(user));
            self.effects.extend(of_user.map(|(number, _)| Effect::Send(*number, message.clone())));
            return;
        }
        if Kind::of(name).is_some_and(|kind| kind.cache) {
            self.channels.entry(name.to_owned()).or_default().cached = Some(message.clone());
        }
        let Some(found) = self.channels.get(name) else { return };
        let others = found.subscribers.keys().filter(|number| {
            let id = self.sockets.get(number).map(|socket| socket.id.as_str());
            except.is_empty() || id != Some(except)
        });
        self.effects.extend(others.map(|number| Effect::Send(*number, message.clone())));
    }

    fn note_presence(&mut self, name: &str, presence: &Presence, before: u32, is_ours: bool) {
        let Presence { member, info, count, .. } = presence;
        let was_occupied = self.is_occupied(name);
        let channel = self.channels.entry(name.to_owned()).or_default();
        let change = if member.is_empty() {
            channel.count(*count);
            None
        } else if before == 0 {
            let info: Value = serde_json::from_str(info).unwrap_or_default();
            channel.admit(member, info.clone());
            Some(("member_added", json!({ "user_id": member, "user_info": info })))
        } else if *count == 0 {
            channel.dismiss(member);
            Some(("member_removed", json!({ "user_id": member })))
        } else {
            None
        };
        let mut hook = |name_of_event: &str, user: Option<&str>| {
            let mut event = json!({ "name": name_of_event, "channel": name });
            if let Some(user) = user {
                event["user_id"] = user.into();
            }
            if is_ours {
                self.effects.push(Effect::Webhook(event));
            }
        };
        let is_occupied = channel.is_occupied();
        if is_occupied && !was_occupied {
            hook("channel_occupied", None);
        }
        if let Some((change, _)) = &change {
            hook(change, Some(member));
        }
        if was_occupied && !is_occupied {
            hook("channel_vacated", None);
        }
        if let Some((change, data)) = change {
            self.tell_members(name, member, &format!("pusher_internal:{change}"), &data.to_string());
        }
        self.forget_if_needless(name);
    }

    /// Tells a change of presence to all but the user themself, whose connections learn of it otherwise.
    fn tell_members(&mut self, name: &str, user: &str, event: &str, data: &str) {
        let message: Arc<str> = json!({ "event": event, "channel": name, "data": data }).to_string().into();
        let subscribers = self.channels.get(name).into_iter().flat_map(|channel| &channel.subscribers);
        let others = subscribers.filter(|(_, other)| other.as_deref() != Some(user));
        self.effects.extend(others.map(|(number, _)| Effect::Send(*number, message.clone())));
    }

    /// This server was away from the others for so long that events are lost.
    fn tell_of_gap(&mut self) {
        for (name, channel) in &mut self.channels {
            channel.cached = None;
            let message = json!({ "event": "tickwire:missed", "channel": name, "data": "{}" }).to_string();
            let message: Arc<str> = message.into();
            self.effects.extend(channel.subscribers.keys().map(|number| Effect::Send(*number, message.clone())));
        }
        self.channels.retain(|_, channel| !channel.is_needless());
    }

    /// Whether anybody is in a channel, at any server.
    pub fn is_occupied(&self, name: &str) -> bool {
        self.channels.get(name).is_some_and(Channel::is_occupied)
    }
}
