//! What happened in a room, as one recipient is told: in order, exactly once, losses said.
//!
//! The enum is append-only.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_bytes::Bytes as Raw;

use super::hello::PlayerEntry;
use crate::id::{Seat, Seq};

/// Consecutive events of one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventBatch<'a> {
    /// The number of the first one.
    pub first: Seq,
    /// How many just before it were lost for good, because the recipient was too slow.
    pub lost: u32,
    /// The events.
    #[serde(borrow)]
    pub items: Vec<EventItem<'a>>,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventItem<'a> {
    /// Ticks between the event and the frame that carries it.
    pub age: u32,
    /// What happened.
    #[serde(borrow)]
    pub body: EventBody<'a>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventBody<'a> {
    /// A player came.
    Joined(PlayerEntry),
    /// A player went.
    Left {
        /// Whose seat is free.
        seat: Seat,
        /// The close code of their session.
        code: u16,
    },
    /// The game says something.
    Game {
        /// The game's own event type.
        kind: u16,
        /// The game's own bytes.
        #[serde(borrow)]
        body: Cow<'a, Raw>,
    },
    /// A player's connection is gone; the seat is held for them.
    Disconnected {
        /// Whose.
        seat: Seat,
    },
    /// A player who was away is back.
    Reconnected {
        /// Who.
        seat: Seat,
    },
    /// A player says something.
    Chat {
        /// Who; by now, they may be gone or the seat be another's.
        from: Seat,
        /// Their name when they said it. Untrusted text.
        name: Cow<'a, str>,
        /// Untrusted text.
        text: Cow<'a, str>,
        /// Not everyone was told.
        private: bool,
    },
    /// Answers a call.
    Reply {
        /// The command that called.
        command: Seq,
        /// Whether the game did it; otherwise the body says why not, as text.
        done: bool,
        /// The game's own bytes.
        #[serde(borrow)]
        body: Cow<'a, Raw>,
    },
    /// A property of the room changed.
    Property {
        /// Its name.
        key: Cow<'a, str>,
        /// Its value; it is gone when empty.
        value: Cow<'a, str>,
    },
    /// The match is over; sessions end soon.
    Ended {
        /// The game's own bytes: the result.
        #[serde(borrow)]
        result: Cow<'a, Raw>,
    },
}

impl EventBody<'_> {
    /// The same, on loan.
    pub fn borrowed(&self) -> EventBody<'_> {
        match self {
            Self::Joined(entry) => EventBody::Joined(entry.clone()),
            Self::Left { seat, code } => EventBody::Left { seat: *seat, code: *code },
            Self::Game { kind, body } => EventBody::Game { kind: *kind, body: Cow::Borrowed(body) },
            Self::Disconnected { seat } => EventBody::Disconnected { seat: *seat },
            Self::Reconnected { seat } => EventBody::Reconnected { seat: *seat },
            Self::Chat { from, name, text, private } => {
                EventBody::Chat { from: *from, name: Cow::Borrowed(name), text: Cow::Borrowed(text), private: *private }
            }
            Self::Reply { command, done, body } => {
                EventBody::Reply { command: *command, done: *done, body: Cow::Borrowed(body) }
            }
            Self::Property { key, value } => {
                EventBody::Property { key: Cow::Borrowed(key), value: Cow::Borrowed(value) }
            }
            Self::Ended { result } => EventBody::Ended { result: Cow::Borrowed(result) },
        }
    }

    /// The same, free of the message it came in.
    pub fn into_owned(self) -> EventBody<'static> {
        fn text(text: Cow<str>) -> Cow<'static, str> {
            Cow::Owned(text.into_owned())
        }
        fn bytes(bytes: Cow<Raw>) -> Cow<'static, Raw> {
            Cow::Owned(bytes.into_owned())
        }
        match self {
            Self::Joined(entry) => EventBody::Joined(entry),
            Self::Left { seat, code } => EventBody::Left { seat, code },
            Self::Game { kind, body } => EventBody::Game { kind, body: bytes(body) },
            Self::Disconnected { seat } => EventBody::Disconnected { seat },
            Self::Reconnected { seat } => EventBody::Reconnected { seat },
            Self::Chat { from, name, text: said, private } => {
                EventBody::Chat { from, name: text(name), text: text(said), private }
            }
            Self::Reply { command, done, body } => EventBody::Reply { command, done, body: bytes(body) },
            Self::Property { key, value } => EventBody::Property { key: text(key), value: text(value) },
            Self::Ended { result } => EventBody::Ended { result: bytes(result) },
        }
    }

    /// Bytes of what varies in length.
    pub fn weight(&self) -> usize {
        match self {
            Self::Joined(entry) => entry.name.len(),
            Self::Game { body, .. } | Self::Reply { body, .. } | Self::Ended { result: body } => body.len(),
            Self::Chat { name, text, .. } => name.len() + text.len(),
            Self::Property { key, value } => key.len() + value.len(),
            Self::Left { .. } | Self::Disconnected { .. } | Self::Reconnected { .. } => 0,
        }
    }
}
