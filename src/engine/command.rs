//! What a client asks of its room reliably, free of the message it came in.

use bytes::Bytes;

use super::tidy::tidy;
use crate::id::Seat;
use crate::wire::{CommandBody, limits};

/// What a client asks.
#[expect(missing_docs, reason = "each variant's text describes its fields")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Tells the game something of the game's own `kind` and `body`.
    Tell { kind: u16, body: Bytes },
    /// Asks the game something and waits for the answer.
    Call { kind: u16, body: Bytes },
    /// Says `text`, tidied and bounded, to some players; to everyone when `to` is empty.
    Chat { to: Vec<Seat>, text: String },
}

impl Ask {
    /// As a part of a message.
    pub(super) fn as_wire(&self) -> CommandBody<'_> {
        match self {
            Self::Tell { kind, body } => CommandBody::Game { kind: *kind, body: serde_bytes::Bytes::new(body) },
            Self::Call { kind, body } => CommandBody::Call { kind: *kind, body: serde_bytes::Bytes::new(body) },
            Self::Chat { to, text } => CommandBody::Chat { to: to.clone(), text },
        }
    }
}

impl From<&CommandBody<'_>> for Ask {
    fn from(body: &CommandBody<'_>) -> Self {
        match body {
            CommandBody::Game { kind, body } => Self::Tell { kind: *kind, body: Bytes::copy_from_slice(body) },
            CommandBody::Call { kind, body } => Self::Call { kind: *kind, body: Bytes::copy_from_slice(body) },
            CommandBody::Chat { to, text } => Self::Chat { to: to.clone(), text: tidy(text, limits::CHAT_CHARS) },
        }
    }
}
