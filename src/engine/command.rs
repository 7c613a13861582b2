//! Commands: what a client reliably asks of its room, independent of the message that carried them; and how rooms
//! answer.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::events::Event;
use super::room::Room;
use super::sanitize::sanitize;
use crate::game::Recipients;
use crate::id::{Seat, Seq};
use crate::wire::{CommandBody, EventBody, limits};

/// A client's command.
#[expect(missing_docs, reason = "each variant's text describes its fields")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// A message to the game, of the game's own `kind` and with its own `body`.
    Message { kind: u16, body: Bytes },
    /// A message to the game that the client wants a reply to.
    Call { kind: u16, body: Bytes },
    /// A chat line, sanitized and bounded, to some players; to everyone when `to` is empty.
    Chat { to: Vec<Seat>, text: String },
}

impl Command {
    /// What a chat line counts against the limits of its address, in bytes; `None` for other commands and empty lines.
    pub fn chat_weight(&self) -> Option<u32> {
        match self {
            Self::Chat { text, .. } if !text.is_empty() => Some(text.len() as u32 + Event::OVERHEAD),
            _ => None,
        }
    }

    /// Makes a chat line empty, so that nobody hears it. It keeps its number.
    pub fn silence(&mut self) {
        if let Self::Chat { to, text } = self {
            to.clear();
            text.clear();
        }
    }

    /// The command as a part of a message.
    pub(super) fn as_wire(&self) -> CommandBody<'_> {
        match self {
            Self::Message { kind, body } => CommandBody::Game { kind: *kind, body: serde_bytes::Bytes::new(body) },
            Self::Call { kind, body } => CommandBody::Call { kind: *kind, body: serde_bytes::Bytes::new(body) },
            Self::Chat { to, text } => CommandBody::Chat { to: to.clone(), text },
        }
    }
}

impl From<&CommandBody<'_>> for Command {
    fn from(body: &CommandBody<'_>) -> Self {
        match body {
            CommandBody::Game { kind, body } => Self::Message { kind: *kind, body: Bytes::copy_from_slice(body) },
            CommandBody::Call { kind, body } => Self::Call { kind: *kind, body: Bytes::copy_from_slice(body) },
            CommandBody::Chat { to, text } => {
                Self::Chat { to: to.clone(), text: sanitize(text, limits::CHAT_CHARS, limits::CHAT_BYTES) }
            }
        }
    }
}

impl Room {
    /// Executes a client's command, unless it was executed already.
    pub(super) fn command(&mut self, seat: Seat, seq: Seq, command: &Command) {
        let Ok(index) = self.find(seat) else { return self.spectator_command(seat, seq, command) };
        let (seated, now) = (&mut self.seats[index], self.frame.tick());
        if seated.away.is_some() || !seq.is_after(seated.commands) {
            return;
        }
        seated.commands = seq;
        seated.act(now);
        match command {
            Command::Message { kind, body } => {
                self.call_hook("command", |game, cx| game.command(seat, *kind, body, cx));
                self.apply_effects();
            }
            Command::Call { kind, body } => {
                let answer = self.call_hook("call", |game, cx| game.call(seat, *kind, body, cx));
                self.apply_effects();
                let (done, body) = match &answer {
                    Ok(body) => (true, &body[..]),
                    Err(refused) => (false, refused.text().as_bytes()),
                };
                let body = Cow::Borrowed(serde_bytes::Bytes::new(&body[..body.len().min(limits::BODY)]));
                self.post(&Recipients::Only(seat), &EventBody::Reply { command: seq, done, body });
            }
            Command::Chat { to, text } => {
                let passed = self.call_hook("chat", |game, cx| game.chat(seat, text, cx));
                self.apply_effects();
                if passed && !text.is_empty() {
                    self.say(seat, &self.seats[index].name.clone(), to, text);
                }
            }
        }
    }

    pub(super) fn say(&mut self, seat: Seat, name: &str, to: &[Seat], text: &str) {
        let (name, text, private) = (Cow::Borrowed(name), Cow::Borrowed(text), !to.is_empty());
        // The sender gets the line, too: it confirms that the line was delivered.
        let to = if private { Recipients::Some(to.iter().copied().chain([seat]).collect()) } else { Recipients::All };
        let body = EventBody::Chat { from: seat, name, text, private };
        let line = self.event(&body);
        if !private {
            if !self.chat_history.admits(line.weight()) {
                return;
            }
            let author = self.find(seat).ok().and_then(|index| self.seats[index].identity.clone());
            self.chat_history.push(line.clone(), author);
            self.tap_chat(&body);
        }
        self.post_event(&to, line);
    }
}
