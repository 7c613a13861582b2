//! Events of a room, as sent to one recipient: in order, exactly once, with losses reported.
//!
//! The enum is append-only.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_bytes::Bytes as Raw;

use super::hello::RosterEntry;
use crate::id::{Seat, Seq};

/// Consecutive events of one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventBatch<'a> {
    /// The number of the first event.
    pub first: Seq,
    /// How many events just before it were lost for good, because the recipient was too slow.
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
    /// A player entered.
    Joined(RosterEntry),
    /// A player left.
    Left {
        /// The seat that is free now.
        seat: Seat,
        /// The close code of the player's session.
        code: u16,
    },
    /// An event of the game's own.
    Game {
        /// The game's own event type.
        kind: u16,
        /// The game's own bytes.
        #[serde(borrow)]
        body: Cow<'a, Raw>,
    },
    /// A player's connection was lost; the seat is held.
    Disconnected {
        /// The player's seat.
        seat: Seat,
    },
    /// A disconnected player is back.
    Reconnected {
        /// The player's seat.
        seat: Seat,
    },
    /// A chat line.
    Chat {
        /// The seat of the sender, who may have left since; another player may have the seat.
        from: Seat,
        /// The sender's name at that time. Untrusted text.
        name: Cow<'a, str>,
        /// Untrusted text.
        text: Cow<'a, str>,
        /// Whether the line was sent to some players only.
        private: bool,
    },
    /// The reply to a call.
    Reply {
        /// The number of the call.
        command: Seq,
        /// Whether the game granted the call; otherwise the body is the reason, as text.
        done: bool,
        /// The game's own bytes.
        #[serde(borrow)]
        body: Cow<'a, Raw>,
    },
    /// A property of the room changed.
    Property {
        /// Its name.
        key: Cow<'a, str>,
        /// Its value; empty when the property was removed.
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
    /// The same event, independent of the message that carried it.
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
}
