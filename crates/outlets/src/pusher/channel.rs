//! Channels of the Pusher protocol: what a name says of one, who is in it, and what it remembers.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

/// The longest name of a channel, in bytes.
const NAME: usize = 200;

/// What a name says of its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Whether subscriptions are signed.
    pub private: bool,
    /// Whether those who are in it know each other.
    pub presence: bool,
    /// Whether the server cannot read its events.
    pub encrypted: bool,
    /// Whether it remembers its last event.
    pub cache: bool,
}

impl Kind {
    /// The kind of a channel; `None` when no channel can have the name.
    pub fn of(name: &str) -> Option<Self> {
        let known = |c: char| c.is_ascii_alphanumeric() || "_-=@,.;".contains(c);
        if name.is_empty() || name.len() > NAME || !name.chars().all(known) {
            return None;
        }
        let (rest, presence) = (name.strip_prefix("presence-"), name.starts_with("presence-"));
        let rest = rest.or(name.strip_prefix("private-"));
        let private = rest.is_some();
        let rest = rest.unwrap_or(name);
        let encrypted = !presence && private && rest.starts_with("encrypted-");
        let rest = if encrypted { &rest["encrypted-".len()..] } else { rest };
        Some(Self { private, presence, encrypted, cache: rest.starts_with("cache-") })
    }
}

/// Who is in a channel, and what it remembers.
#[derive(Debug, Default)]
pub struct Channel {
    /// Connections to this server that are subscribed, each with its user in a channel with presence.
    pub subscribers: BTreeMap<u64, Option<String>>,
    /// Subscriptions, at all servers together.
    subscriptions: u32,
    /// Users at all servers together, by id: what is known of each.
    members: BTreeMap<String, Value>,
    /// The last event of a channel that remembers it.
    pub cached: Option<Arc<str>>,
}

impl Channel {
    /// So many subscriptions there are at all servers together.
    pub fn count(&mut self, subscriptions: u32) {
        self.subscriptions = subscriptions;
    }

    /// A user is here.
    pub fn admit(&mut self, user: &str, info: Value) {
        self.members.insert(user.to_owned(), info);
    }

    /// A user is not here any more.
    pub fn dismiss(&mut self, user: &str) {
        self.members.remove(user);
    }

    /// Whether one more user may come: one who is here may.
    pub fn takes(&self, user: &str, most: usize) -> bool {
        self.members.len() < most || self.members.contains_key(user)
    }

    /// The ids of the users.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// Whether anybody is in it, at any server.
    pub fn is_occupied(&self) -> bool {
        self.subscriptions > 0 || !self.members.is_empty()
    }

    /// Whether there is nothing to know about it here.
    pub fn is_needless(&self) -> bool {
        !self.is_occupied() && self.subscribers.is_empty() && self.cached.is_none()
    }

    /// What a new subscriber of a channel with presence learns, who is the user `me` already.
    pub fn presence(&self, me: Option<(&str, &Value)>) -> Value {
        let mut hash: Map<String, Value> = self.members.iter().map(|(id, info)| (id.clone(), info.clone())).collect();
        if let Some((id, info)) = me {
            hash.entry(id).or_insert_with(|| info.clone());
        }
        let ids: Vec<&String> = hash.keys().collect();
        json!({ "presence": { "count": hash.len(), "ids": ids, "hash": hash } })
    }

    /// What a server learns that asks for it.
    pub fn figures(&self, kind: Kind, wanted: &str) -> Value {
        let mut figures = Map::new();
        for name in wanted.split(',') {
            match name {
                "user_count" if kind.presence => _ = figures.insert(name.to_owned(), self.members.len().into()),
                "subscription_count" => _ = figures.insert(name.to_owned(), self.subscriptions.into()),
                "cache" if kind.cache => _ = figures.insert(name.to_owned(), self.cached.as_deref().into()),
                _ => {}
            }
        }
        Value::Object(figures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_kinds() {
        let of = |name| Kind::of(name).map(|kind| (kind.private, kind.presence, kind.encrypted, kind.cache));
        assert_eq!(of("news"), Some((false, false, false, false)));
        assert_eq!(of("cache-news"), Some((false, false, false, true)));
        assert_eq!(of("private-cache-news"), Some((true, false, false, true)));
        assert_eq!(of("private-encrypted-cache-news"), Some((true, false, true, true)));
        assert_eq!(of("presence-cache-news"), Some((true, true, false, true)));
        assert_eq!(of("presence-encrypted-news"), Some((true, true, false, false)));
        for name in ["", "a b", "a/b", "ä", &"x".repeat(201)] {
            assert_eq!(of(name), None, "{name}");
        }
    }
}
