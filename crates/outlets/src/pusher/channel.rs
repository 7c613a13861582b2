//! Channels of the Pusher protocol: what a name says of one, who is in it, and what it remembers.

use std::collections::BTreeMap;

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
    /// Subscribed connections, each with its user in a channel with presence.
    pub subscribers: BTreeMap<u64, Option<String>>,
    /// Users by id: what is known of each, and by how many subscriptions they are here.
    members: BTreeMap<String, (Value, usize)>,
    /// The last event of a channel that remembers it.
    pub cached: Option<String>,
}

impl Channel {
    /// Adds a subscription of a user. Returns whether the user was not here before.
    pub fn enter(&mut self, user: &str, info: Value) -> bool {
        let member = self.members.entry(user.to_owned()).or_insert((info, 0));
        member.1 += 1;
        member.1 == 1
    }

    /// Removes a subscription of a user. Returns whether it was the last one.
    pub fn leave(&mut self, user: &str) -> bool {
        let Some((_, count)) = self.members.get_mut(user) else { return false };
        *count -= 1;
        let is_last = *count == 0;
        if is_last {
            self.members.remove(user);
        }
        is_last
    }

    /// The ids of the users.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// How many users there are.
    pub fn user_count(&self) -> usize {
        self.members.len()
    }

    /// Whether anybody is in it.
    pub fn is_occupied(&self) -> bool {
        !self.subscribers.is_empty() || !self.members.is_empty()
    }

    /// What a new subscriber of a channel with presence learns.
    pub fn presence(&self) -> Value {
        let hash: Map<String, Value> = self.members.iter().map(|(id, (info, _))| (id.clone(), info.clone())).collect();
        let ids: Vec<&String> = self.members.keys().collect();
        json!({ "presence": { "count": self.members.len(), "ids": ids, "hash": hash } })
    }

    /// What a server learns that asks for it.
    pub fn figures(&self, kind: Kind, wanted: &str) -> Value {
        let mut figures = Map::new();
        for name in wanted.split(',') {
            match name {
                "user_count" if kind.presence => _ = figures.insert(name.to_owned(), self.user_count().into()),
                "subscription_count" => _ = figures.insert(name.to_owned(), self.subscribers.len().into()),
                "cache" if kind.cache => _ = figures.insert(name.to_owned(), self.cached.clone().into()),
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

    #[test]
    fn a_user_with_two_tabs_is_one_member() {
        let mut channel = Channel::default();
        assert!(channel.enter("ada", json!({})) && !channel.enter("ada", json!({})) && channel.enter("bob", json!({})));
        assert_eq!(channel.user_count(), 2);
        assert!(!channel.leave("ada") && channel.leave("ada") && !channel.leave("ada"));
        assert_eq!(channel.users().collect::<Vec<_>>(), ["bob"]);
    }
}
