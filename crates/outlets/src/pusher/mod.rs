//! The Pusher protocol, version 7: apps whose pages use pusher-js or Laravel Echo, and whose servers use a Pusher SDK.
//!
//! `hub` decides, without I/O, and `broadcast` what it makes of what other servers tell; `socket` moves the bytes of clients, `rest` answers servers, `hooks` calls them, and `rooms` tells
//! what happens in rooms. Close codes are those of this protocol, never Tickwire's own: a client of Pusher would give up.

mod broadcast;
mod channel;
mod guard;
mod hooks;
mod hub;
mod rest;
mod rooms;
mod signature;
mod socket;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use actix_web::web;
use serde::Deserialize;
use tickwire::engine::channels::ChannelEvent;
use tickwire::server::{Channels, NotPublished};
use tokio::sync::mpsc::Sender;
use tracing::debug;

use crate::config::{Secret, Target};
use hooks::Hooks;
use hub::{Effect, Hub};
use signature::Signer;

/// The settings of an app.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppSettings {
    /// Digits: some SDKs take nothing else.
    id: String,
    key: String,
    secret: Secret,
    /// Whether clients may send events to each other.
    #[serde(default)]
    client_events: bool,
    #[serde(default = "most_connections")]
    most_connections: usize,
    /// Seconds without a message after which either side asks whether the other is there.
    #[serde(default = "activity_timeout")]
    activity_timeout: u64,
    /// Where to send webhooks; empty for none.
    #[serde(default)]
    webhook: String,
    /// What a proxy takes away from the beginning of a path, which servers have signed.
    #[serde(default)]
    path: String,
    /// Whether channels tell what happens in rooms.
    #[serde(default = "yes")]
    rooms: bool,
}

fn most_connections() -> usize {
    10_000
}

fn activity_timeout() -> u64 {
    120
}

fn yes() -> bool {
    true
}

/// The apps of a server. Clones are handles to the same.
#[derive(Clone, Default)]
pub struct Pusher {
    apps: BTreeMap<String, Arc<App>>,
}

/// An app.
pub(super) struct App {
    settings: AppSettings,
    state: Mutex<State>,
    hooks: Option<Hooks>,
    /// What the names of this app's channels begin with among those of the server.
    prefix: String,
    channels: OnceLock<Channels>,
}

struct State {
    hub: Hub,
    /// The ways to the connections.
    senders: BTreeMap<u64, Sender<Out>>,
}

/// What a connection must do.
#[derive(Clone, Debug)]
pub(super) enum Out {
    Send(Arc<str>),
    Close(u16),
}

impl Pusher {
    /// The apps with these settings.
    ///
    /// # Errors
    /// One line that says what is wrong with them.
    pub(crate) fn new(all: Vec<AppSettings>) -> Result<Self, String> {
        let mut apps = BTreeMap::new();
        for settings in all {
            let named = |why: &str| format!("pusher {:?}: {why}", settings.id);
            if !(1..=20).contains(&settings.id.len()) || !settings.id.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(named("id must be 1 to 20 digits, such as \"1001\": some SDKs take nothing else"));
            }
            if settings.key.is_empty() || !settings.key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(named("key must be letters and digits"));
            }
            if settings.secret.0.len() < 16 {
                return Err(named("secret must have at least 16 bytes"));
            }
            if !(5..=120).contains(&settings.activity_timeout) {
                return Err(named("activity_timeout must be 5 to 120 seconds"));
            }
            let signer = Signer::new(&settings.key, &settings.secret.0);
            let hooks = Some(&settings.webhook).filter(|url| !url.is_empty());
            let hooks = hooks.map(|url| Hooks::start(url, &settings.key, signer.clone())).transpose()?;
            let hub = Hub::new(signer, settings.client_events, settings.most_connections, settings.activity_timeout);
            let (key, twice) = (settings.key.clone(), named("another app has the same key or id"));
            let same_id = |app: &Arc<App>| app.settings.id == settings.id;
            if apps.values().any(same_id) || apps.contains_key(&key) {
                return Err(twice);
            }
            let state = Mutex::new(State { hub, senders: BTreeMap::new() });
            let (prefix, channels) = (format!("pusher-{}/", settings.id), OnceLock::new());
            apps.insert(key, Arc::new(App { settings, state, hooks, prefix, channels }));
        }
        Ok(Self { apps })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.apps.is_empty()
    }

    /// Lets apps speak through the channels of a server, over all nodes of its cluster.
    pub fn attach(&self, channels: &Channels) {
        self.apps.values().for_each(|app| app.attach(channels));
    }

    /// Adds the routes: `app/{key}` for clients, `apps/{id}` for servers.
    pub fn configure(&self, app: &mut web::ServiceConfig) {
        // Routes that were added without channels use those of this process.
        self.attach(&Channels::alone());
        app.app_data(web::Data::new(self.clone()));
        app.service(web::resource("/app/{key}").route(web::get().to(socket::open)));
        app.service(rest::routes());
    }

    /// The outlets that tell what happens in rooms, with their names.
    pub(crate) fn targets(&self) -> impl Iterator<Item = (String, Box<dyn Target>)> {
        self.apps.values().map(|app| {
            let target: Box<dyn Target> = Box::new(rooms::Rooms::of(app.clone()));
            (format!("pusher-{}", app.settings.id), target)
        })
    }

    fn with_key(&self, key: &str) -> Option<Arc<App>> {
        self.apps.get(key).cloned()
    }

    fn with_id(&self, id: &str) -> Option<Arc<App>> {
        self.apps.values().find(|app| app.settings.id == id).cloned()
    }
}

impl App {
    fn attach(self: &Arc<Self>, channels: &Channels) {
        if self.channels.set(channels.clone()).is_err() {
            return;
        }
        let (app, prefix) = (Arc::downgrade(self), self.prefix.clone());
        channels.listen(&self.prefix, move |event| {
            let name = match event {
                ChannelEvent::Message { channel, .. } => channel,
                ChannelEvent::Presence { presence, .. } => &presence.channel,
                ChannelEvent::Missed => "",
            };
            let name = name.strip_prefix(&prefix).unwrap_or_default();
            app.upgrade().iter().for_each(|app| app.act(|hub| hub.hear(name, event)));
        });
    }

    /// Lets the hub decide something, and does what it requires.
    fn act<T>(&self, decide: impl FnOnce(&mut Hub) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = decide(&mut state.hub);
        let outward = self.follow(&mut state);
        drop(state);
        self.speak(outward);
        answer
    }

    /// Publishes an event. Returns when it cannot be lost any more.
    async fn publish(&self, channel: &str, body: &str) -> Result<(), NotPublished> {
        match self.channels.get() {
            Some(channels) => channels.publish(&self.full(channel), body).await,
            None => Ok(()),
        }
    }

    /// The name of one of its channels among those of the server.
    fn full(&self, channel: &str) -> String {
        format!("{}{channel}", self.prefix)
    }

    /// What concerns other servers, too: without the lock, because it may come back at once.
    fn speak(&self, effects: Vec<Effect>) {
        let Some(channels) = self.channels.get() else { return };
        for effect in effects {
            match effect {
                Effect::Publish(channel, body) => {
                    if let Err(why) = channels.publish_soon(&self.full(&channel), &body) {
                        debug!(%why, "an event of an app is lost");
                    }
                }
                Effect::Enter(channel, user, info) => {
                    if let Err(why) = channels.enter(&self.full(&channel), &user, &info) {
                        debug!(?why, "a member of a channel is not told to others");
                    }
                }
                Effect::Leave(channel, user) => channels.leave(&self.full(&channel), &user),
                _ => {}
            }
        }
    }

    /// Adds a connection.
    fn connect(&self, random: u32, sender: Sender<Out>) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let number = state.hub.connect(random)?;
        state.senders.insert(number, sender);
        let outward = self.follow(&mut state);
        drop(state);
        self.speak(outward);
        Some(number)
    }

    fn disconnect(&self, number: u64) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).senders.remove(&number);
        self.act(|hub| hub.disconnect(number));
    }

    /// Does what concerns this server. Returns the rest.
    fn follow(&self, state: &mut State) -> Vec<Effect> {
        let mut outward = Vec::new();
        for effect in state.hub.take_effects() {
            match effect {
                Effect::Send(number, text) => state.pass(number, Out::Send(text)),
                Effect::Close(number, code) => state.pass(number, Out::Close(code)),
                Effect::Webhook(event) => self.hooks.iter().for_each(|hooks| hooks.push(event.clone())),
                effect => outward.push(effect),
            }
        }
        outward
    }
}

impl State {
    /// A connection that is too far behind loses its way, and is closed by its own task.
    fn pass(&mut self, number: u64, out: Out) {
        if self.senders.get(&number).is_some_and(|sender| sender.try_send(out).is_err()) {
            self.senders.remove(&number);
        }
    }
}
