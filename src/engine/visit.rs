//! A request to enter a room: a hello, sanitized and independent of the message that carried it.

use std::collections::BTreeMap;
use std::fmt;

use super::resume::Claim;
use super::sanitize::sanitize;
use crate::wire::{Hello, Join, Role, limits};

/// A join token as the client sent it. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(not shown)")
    }
}

/// A client's request to enter a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The room to enter.
    pub join: Join,
    /// Sanitized and bounded.
    pub name: String,
    /// Options of the player.
    pub player: BTreeMap<String, String>,
    /// Proves the player's identity.
    pub token: Option<Token>,
    /// The claim to a seat held before.
    pub claim: Option<Claim>,
    /// The role to enter in.
    pub role: Role,
}

impl Visit {
    pub(super) fn new(hello: Hello) -> Self {
        let token = hello.token.map(|token| Token(token.to_owned()));
        // Spectators have no seat that could be held.
        let claim = hello.resume.as_ref().filter(|_| hello.role == Role::Player).and_then(Claim::read);
        let player = hello.player.into_iter().collect();
        let (join, role) = (hello.join, hello.role);
        Self { join, name: String::new(), player, token, claim, role }.named(&hello.name)
    }

    /// The same visit under another name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = sanitize(name, limits::NAME_CHARS);
        if self.name.is_empty() {
            self.name.push_str("player");
        }
        self
    }
}
