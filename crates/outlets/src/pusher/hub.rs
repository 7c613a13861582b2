//! The connections and channels of one app of the Pusher protocol, without I/O: messages in, effects out.
//!
//! What goes to a channel leaves the hub and comes back from the [channels](tickwire::server::Channels) of the server, which may be those
//! of a whole cluster; `broadcast` has what happens then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::broadcast;
use super::channel::{Channel, Kind};
use super::signature::Signer;

/// Most bytes of a message of a client.
pub const MESSAGE: usize = 10 * 1024 + 512;
/// Most bytes of an event's data.
pub const DATA: usize = 10 * 1024;
/// Most channels of a connection.
const CHANNELS: usize = 200;
/// Most users of a channel with presence.
const MEMBERS: usize = 1000;
/// Most bytes of what is known of a user ...
const USER: usize = 2048;
/// ... and of the id.
pub const USER_ID: usize = 128;
/// Client events per second of a connection.
const CLIENT_EVENTS: u32 = 10;

/// Close codes of the protocol. What clients do: below 4100 they give up, below 4200 they wait, from 4200 on they come back.
pub mod close {
    /// There is no such app.
    pub const NO_APP: u16 = 4001;
    /// The app has too many connections.
    pub const OVER_QUOTA: u16 = 4004;
    /// The client did not say which protocol it speaks.
    pub const NO_VERSION: u16 = 4008;
    /// The client speaks another protocol.
    pub const BAD_VERSION: u16 = 4007;
    /// The connection is not authorized any more.
    pub const UNAUTHORIZED: u16 = 4009;
    /// The client reads too slowly.
    pub const OVER_CAPACITY: u16 = 4100;
    /// The server stops.
    pub const COME_BACK: u16 = 4200;
    /// The client did not answer.
    pub const NO_PONG: u16 = 4201;
}

/// What a hub requires of its shell.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send a message to a connection.
    Send(u64, Arc<str>),
    /// End a connection with a code.
    Close(u64, u16),
    /// Tell the app's servers.
    Webhook(Value),
    /// Tell a channel something.
    Publish(String, String),
    /// One more is present in a channel, as this user or nobody, of whom this is known.
    Enter(String, String, String),
    /// One of them has gone.
    Leave(String, String),
}

/// The connections and channels of an app.
pub struct Hub {
    signer: Signer,
    client_events: bool,
    most: usize,
    /// Seconds without a message after which clients ask whether the connection still works.
    activity_timeout: u64,
    next: u64,
    pub(super) sockets: BTreeMap<u64, Socket>,
    pub(super) channels: BTreeMap<String, Channel>,
    pub(super) effects: Vec<Effect>,
}

pub(super) struct Socket {
    pub id: String,
    channels: BTreeSet<String>,
    /// The user who has signed in.
    pub user: Option<String>,
    /// Client events in this second.
    second: u64,
    events: u32,
}

#[derive(Deserialize)]
struct Message {
    event: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    data: Value,
}

impl Hub {
    /// A hub without connections, which may have `most` of them. Clients that are silent for `activity_timeout` seconds ask
    /// whether the connection still works.
    pub fn new(signer: Signer, client_events: bool, most: usize, activity_timeout: u64) -> Self {
        let (sockets, channels, effects) = Default::default();
        Self { signer, client_events, most, activity_timeout, next: 1, sockets, channels, effects }
    }

    /// What must be done since the last call.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// The signer of the app.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Adds a connection, if the app may have more. `random` makes its id hard to guess.
    pub fn connect(&mut self, random: u32) -> Option<u64> {
        if self.sockets.len() >= self.most {
            return None;
        }
        let number = self.next;
        self.next += 1;
        let id = format!("{random}.{number}");
        let data = json!({ "socket_id": id, "activity_timeout": self.activity_timeout }).to_string();
        self.send(number, "pusher:connection_established", None, &data.into());
        let (channels, user) = Default::default();
        self.sockets.insert(number, Socket { id, channels, user, second: 0, events: 0 });
        Some(number)
    }

    /// A connection is gone.
    pub fn disconnect(&mut self, number: u64) {
        let channels = self.sockets.get(&number).map(|socket| socket.channels.clone()).unwrap_or_default();
        channels.iter().for_each(|channel| self.leave(number, channel));
        self.sockets.remove(&number);
    }

    /// Handles a message of a client. `now` is in seconds.
    pub fn on_message(&mut self, number: u64, text: &str, now: u64) {
        if !self.sockets.contains_key(&number) {
            return;
        }
        let Ok(message) = serde_json::from_str::<Message>(text) else {
            return self.fail(number, None, "a message is an object with event and data");
        };
        let Message { event, channel, data } = message;
        match event.as_str() {
            "pusher:ping" => self.send(number, "pusher:pong", None, &json!({})),
            "pusher:pong" => {}
            "pusher:subscribe" => self.subscribe(number, &data),
            "pusher:unsubscribe" => {
                let channel = data["channel"].as_str().unwrap_or_default().to_owned();
                self.leave(number, &channel);
            }
            "pusher:signin" => self.sign_in(number, &data),
            event if event.starts_with("client-") => self.client_event(number, event, &channel, data, now),
            _ => self.fail(number, None, "the event is unknown; events of clients begin with client-"),
        }
    }

    /// The channels with somebody in them whose names begin with `prefix`, and what is asked of each.
    pub fn list(&self, prefix: &str, info: &str) -> Value {
        let found = self.channels.iter().filter(|(name, channel)| name.starts_with(prefix) && channel.is_occupied());
        let figures =
            |(name, channel): (&String, &Channel)| Some((name.clone(), channel.figures(Kind::of(name)?, info)));
        json!({ "channels": found.filter_map(figures).collect::<serde_json::Map<_, _>>() })
    }

    /// What is asked of a channel.
    pub fn describe(&self, name: &str, info: &str) -> Value {
        let empty = Channel::default();
        let channel = self.channels.get(name).unwrap_or(&empty);
        let mut figures = Kind::of(name).map_or_else(|| json!({}), |kind| channel.figures(kind, info));
        figures["occupied"] = channel.is_occupied().into();
        figures
    }

    /// The users of a channel with presence.
    pub fn users(&self, name: &str) -> Vec<String> {
        self.channels.get(name).into_iter().flat_map(Channel::users).map(str::to_owned).collect()
    }

    /// Ends all connections.
    pub fn end(&mut self, code: u16) {
        self.effects.extend(self.sockets.keys().map(|number| Effect::Close(*number, code)));
    }

    /// An event of a room goes to the subscribers of its channels.
    pub fn tell_of_room(&mut self, channel: &str, event: &str, data: &str) {
        if self.is_occupied(channel) {
            self.effects.push(Effect::Publish(channel.to_owned(), broadcast::event(channel, event, data, None)));
        }
    }

    /// The server itself lets a user into a channel with presence.
    pub fn admit(&mut self, channel: &str, user: &str, info: &Value) {
        self.effects.push(Effect::Enter(channel.to_owned(), user.to_owned(), info.to_string()));
    }

    /// The server itself lets a user out again.
    pub fn dismiss(&mut self, channel: &str, user: &str) {
        self.effects.push(Effect::Leave(channel.to_owned(), user.to_owned()));
    }

    fn subscribe(&mut self, number: u64, data: &Value) {
        let name = data["channel"].as_str().unwrap_or_default().to_owned();
        let Some(kind) = Kind::of(&name) else { return self.refuse(number, &name, "no channel has such a name") };
        let Some(socket) = self.sockets.get(&number) else { return };
        if socket.channels.contains(&name) {
            return self.refuse(number, &name, "the connection is in this channel already");
        }
        if socket.channels.len() >= CHANNELS {
            return self.refuse(number, &name, "the connection is in too many channels");
        }
        let told = data["channel_data"].as_str().unwrap_or_default();
        if kind.private {
            let signed =
                if kind.presence { format!("{}:{name}:{told}", socket.id) } else { format!("{}:{name}", socket.id) };
            if !self.signer.authorizes(data["auth"].as_str().unwrap_or_default(), &signed) {
                return self.refuse(number, &name, "auth is not a signature for this connection and channel");
            }
        }
        let user = match kind.presence.then(|| user_of(told, "user_id")) {
            None => None,
            Some(Some((user, told))) => Some((user, told["user_info"].clone())),
            Some(None) => return self.refuse(number, &name, "channel_data must have a user_id"),
        };
        let empty = Channel::default();
        let channel = self.channels.get(&name).unwrap_or(&empty);
        if user.as_ref().is_some_and(|(user, _)| !channel.takes(user, MEMBERS)) {
            return self.refuse(number, &name, "the channel has too many members");
        }
        self.enter(number, &name, kind, user);
    }

    /// A connection enters a channel.
    fn enter(&mut self, number: u64, name: &str, kind: Kind, user: Option<(String, Value)>) {
        let channel = self.channels.entry(name.to_owned()).or_default();
        channel.subscribers.insert(number, user.as_ref().map(|(user, _)| user.clone()));
        let presence = channel.presence(user.as_ref().map(|(user, info)| (user.as_str(), info)));
        let cached = channel.cached.clone();
        if let Some(socket) = self.sockets.get_mut(&number) {
            socket.channels.insert(name.to_owned());
        }
        self.effects.push(Effect::Enter(name.to_owned(), String::new(), String::new()));
        if let Some((user, info)) = user {
            self.admit(name, &user, &info);
        }
        let succeeded = if kind.presence { presence } else { json!({}) };
        self.send(number, "pusher_internal:subscription_succeeded", Some(name), &succeeded.to_string().into());
        match cached {
            Some(cached) => self.effects.push(Effect::Send(number, cached)),
            None if kind.cache => {
                self.send(number, "pusher:cache_miss", Some(name), &"".into());
                self.effects.push(Effect::Webhook(json!({ "name": "cache_miss", "channel": name })));
            }
            None => {}
        }
    }

    /// A connection leaves a channel.
    fn leave(&mut self, number: u64, name: &str) {
        if !self.sockets.get_mut(&number).is_some_and(|socket| socket.channels.remove(name)) {
            return;
        }
        let user = self.channels.get_mut(name).and_then(|channel| channel.subscribers.remove(&number)).flatten();
        if let Some(user) = user {
            self.dismiss(name, &user);
        }
        self.effects.push(Effect::Leave(name.to_owned(), String::new()));
        self.forget_if_needless(name);
    }

    pub(super) fn forget_if_needless(&mut self, name: &str) {
        if self.channels.get(name).is_some_and(Channel::is_needless) {
            self.channels.remove(name);
        }
    }

    fn sign_in(&mut self, number: u64, data: &Value) {
        let Some(socket) = self.sockets.get(&number) else { return };
        let told = data["user_data"].as_str().unwrap_or_default();
        let signed = format!("{}::user::{told}", socket.id);
        if !self.signer.authorizes(data["auth"].as_str().unwrap_or_default(), &signed) {
            self.fail(number, Some(close::UNAUTHORIZED), "auth is not a signature for this connection and user");
            return self.effects.push(Effect::Close(number, close::UNAUTHORIZED));
        }
        let Some((user, _)) = user_of(told, "id") else { return self.fail(number, None, "user_data must have an id") };
        if let Some(socket) = self.sockets.get_mut(&number) {
            socket.user = Some(user);
        }
        self.send(number, "pusher:signin_success", None, &json!({ "user_data": told }).to_string().into());
    }

    fn client_event(&mut self, number: u64, event: &str, name: &str, data: Value, now: u64) {
        let fits = Kind::of(name).is_some_and(|kind| kind.private && !kind.encrypted);
        let Some(socket) = self.sockets.get_mut(&number) else { return };
        let refusal = if !self.client_events {
            Some("the app does not enable client events")
        } else if !fits || !socket.channels.contains(name) {
            Some("client events need a private channel or one with presence, and a subscription")
        } else if event.len() > 200 {
            Some("the name of an event has at most 200 bytes")
        } else {
            socket.events = if socket.second == now { socket.events + 1 } else { 1 };
            socket.second = now;
            (socket.events > CLIENT_EVENTS).then_some("a connection may send ten client events per second")
        };
        if let Some(why) = refusal {
            return self.fail(number, Some(4301), why);
        }
        let (id, channel) = (socket.id.clone(), self.channels.get(name));
        let user = channel.and_then(|channel| channel.subscribers.get(&number)).cloned().flatten();
        let mut message = json!({ "event": event, "channel": name, "data": data });
        let text = if let Value::String(text) = &message["data"] { text.clone() } else { message["data"].to_string() };
        let mut hook =
            json!({ "name": "client_event", "channel": name, "event": event, "data": text, "socket_id": id });
        if let Some(user) = user {
            (message["user_id"], hook["user_id"]) = (user.clone().into(), user.into());
        }
        self.effects.push(Effect::Publish(name.to_owned(), broadcast::body(Some(&id), &message.to_string())));
        self.effects.push(Effect::Webhook(hook));
    }

    /// Tells a client that it did not get into a channel.
    fn refuse(&mut self, number: u64, channel: &str, why: &str) {
        let data = json!({ "type": "AuthError", "error": why, "status": 401 }).to_string();
        self.send(number, "pusher:subscription_error", Some(channel), &data.into());
    }

    fn fail(&mut self, number: u64, code: Option<u16>, why: &str) {
        self.send(number, "pusher:error", None, &json!({ "code": code, "message": why }));
    }

    fn send(&mut self, number: u64, event: &str, channel: Option<&str>, data: &Value) {
        let mut message = json!({ "event": event, "data": data });
        if let Some(channel) = channel {
            message["channel"] = channel.into();
        }
        self.effects.push(Effect::Send(number, message.to_string().into()));
    }
}

/// The user in signed data, whose id may be a text or a number; `None` when there is none, or too much.
fn user_of(text: &str, key: &str) -> Option<(String, Value)> {
    let told: Value = serde_json::from_str(text).ok().filter(|_| text.len() <= USER)?;
    let id = match &told[key] {
        Value::String(id) if !id.is_empty() && id.len() <= USER_ID => id.clone(),
        Value::Number(id) => id.to_string(),
        _ => return None,
    };
    Some((id, told))
}
