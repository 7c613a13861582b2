//! A request to enter a room: a hello, sanitized and independent of the message that carried it.

use std::collections::BTreeMap;
use std::fmt;

use super::admission::Address;
use super::resume::Claim;
use super::sanitize::sanitize;
use crate::wire::{Hello, Join, Role, RoomRecipe, limits};

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
pub struct JoinRequest {
    /// The room to enter.
    pub join: Join,
    /// The role to enter in.
    pub role: Role,
    /// Sanitized and bounded.
    pub name: String,
    /// Options of the player.
    pub options: BTreeMap<String, String>,
    /// How the room can be made again, if the server does not know it any more.
    pub recipe: Option<RoomRecipe>,
    /// The claim to a seat held before.
    pub claim: Option<Claim>,
    /// Proves the player's identity.
    pub token: Option<Token>,
    /// The identity, after the shell has verified the token; `None` for guests.
    pub identity: Option<String>,
    /// The only game that the token is valid for, after the shell has verified it.
    pub only_game: Option<String>,
    /// The address that pays for a new room and for joining, set by the shell; `None` if no limits apply to it.
    pub address: Option<Address>,
}

impl JoinRequest {
    /// The request of a guest without options or a claim, for this room.
    pub fn guest(join: Join, role: Role, name: &str) -> Self {
        let (options, recipe, claim, token) = (BTreeMap::new(), None, None, None);
        let (identity, only_game, address) = (None, None, None);
        Self { join, role, name: String::new(), options, recipe, claim, token, identity, only_game, address }
            .named(name)
    }

    /// The id of the room that the client wants to enter, if it names one.
    pub fn room(&self) -> Option<&str> {
        match &self.join {
            Join::ById { room } | Join::Return { room } => Some(room),
            _ => None,
        }
    }

    /// The same request under another name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = sanitize(name, limits::NAME_CHARS, limits::NAME_BYTES);
        if self.name.is_empty() {
            self.name.push_str("player");
        }
        self
    }

    /// Whether the client wants the seat that it claims, and no other.
    pub fn only_returns(&self) -> bool {
        matches!(self.join, Join::Return { .. })
    }
}

impl From<Hello<'_>> for JoinRequest {
    fn from(hello: Hello) -> Self {
        // Spectators have no seat that could be held.
        let claim = hello.resume.as_ref().filter(|_| hello.role == Role::Player).and_then(Claim::read);
        let token = hello.token.map(|token| Token(token.to_owned()));
        let options = hello.player.into_iter().collect();
        let recipe = RoomRecipe::find(&hello.extensions);
        Self { options, recipe, claim, token, ..Self::guest(hello.join, hello.role, &hello.name) }
    }
}
