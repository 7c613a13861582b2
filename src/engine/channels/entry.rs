//! What the log of channels has, and how it is written as texts.

use crate::engine::cluster::Epoch;

/// The place of an entry in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The start of the log's server under which it was written.
    pub era: u64,
    /// Counts entries, without gaps.
    pub number: u64,
}

/// So many of a process' clients are present in a channel as this member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// The channel.
    pub channel: String,
    /// The member's id; empty for those who have none and are only counted.
    pub member: String,
    /// What there is to know of the member, as text.
    pub info: String,
    /// How many; none when the last one has gone.
    pub count: u32,
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A message.
    Message {
        /// The channel.
        channel: String,
        /// What is told.
        body: String,
    },
    /// A presence has changed.
    Presence {
        /// The node whose clients they are.
        node: Epoch,
        /// What it is now.
        presence: Presence,
    },
    /// A node is gone, and with it all presences that it had announced.
    NodeGone {
        /// The node.
        node: Epoch,
        /// The one that speaks for it, if there is one.
        heir: Option<Epoch>,
    },
}

const MESSAGE: &str = "message";
const PRESENCE: &str = "presence";
const GONE: &str = "gone";

impl Entry {
    /// The entry as the scripts write it.
    pub fn texts(&self) -> Vec<String> {
        match self {
            Self::Message { channel, body } => vec![MESSAGE.to_owned(), channel.clone(), body.clone()],
            Self::Presence { node, presence } => {
                [PRESENCE.to_owned(), node.0.to_string()].into_iter().chain(presence.texts()).collect()
            }
            Self::NodeGone { node, heir } => {
                let heir = heir.map_or_else(String::new, |heir| heir.0.to_string());
                vec![GONE.to_owned(), node.0.to_string(), heir]
            }
        }
    }

    /// Reads what [`Self::texts`] has written.
    pub fn read(texts: &[String]) -> Option<Self> {
        let (kind, rest) = texts.split_first()?;
        match (kind.as_str(), rest) {
            (MESSAGE, [channel, body]) => Some(Self::Message { channel: channel.clone(), body: body.clone() }),
            (PRESENCE, [node, presence @ ..]) => {
                Some(Self::Presence { node: Epoch(node.parse().ok()?), presence: Presence::read(presence)? })
            }
            (GONE, [node, heir]) => {
                let heir = (!heir.is_empty()).then(|| heir.parse().map(Epoch)).transpose().ok()?;
                Some(Self::NodeGone { node: Epoch(node.parse().ok()?), heir })
            }
            _ => None,
        }
    }
}

impl Presence {
    /// Texts per presence.
    pub const FIELDS: usize = 4;

    /// As the scripts write it.
    pub fn texts(&self) -> [String; Self::FIELDS] {
        [self.channel.clone(), self.member.clone(), self.count.to_string(), self.info.clone()]
    }

    /// Reads what [`Self::texts`] has written.
    pub fn read(texts: &[String]) -> Option<Self> {
        let [channel, member, count, info] = texts else { return None };
        let (channel, member, info) = (channel.clone(), member.clone(), info.clone());
        Some(Self { channel, member, info, count: count.parse().ok()? })
    }
}
