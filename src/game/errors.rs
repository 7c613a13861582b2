//! Why a game does not do what it was asked for.

use crate::snapshot::SchemaError;
use crate::wire::Close;

/// A game's refusal of a player or a call. The text reaches the player.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Refused {
    close: Close,
    text: String,
}

impl Refused {
    /// A refusal with a text for the player. A refused player's session ends with [`Close::Forbidden`].
    pub fn new(text: impl Into<String>) -> Self {
        Self { close: Close::Forbidden, text: text.into() }
    }

    /// The same refusal of a player, with another close code.
    #[must_use]
    pub fn with_close(self, close: Close) -> Self {
        Self { close, ..self }
    }

    /// The close with which a refused player's session ends.
    pub fn close(&self) -> Close {
        self.close
    }

    /// The text for the player.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl From<&str> for Refused {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Refused {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// A game cannot be made with these options of a room. The text reaches whoever wants to make the room.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// An option has a value that the game cannot use.
    #[error("{option} {value:?}: {wanted}")]
    Option {
        /// The name of the option.
        option: String,
        /// Its value.
        value: String,
        /// What would be right, such as "must be 1 to 9".
        wanted: String,
    },
    /// The game made an invalid schema of its options.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl SetupError {
    /// The option has a value that the game cannot use; `wanted` says what would be right, such as "must be 1 to 9".
    pub fn option(option: &str, value: &str, wanted: impl Into<String>) -> Self {
        Self::Option { option: option.to_owned(), value: value.to_owned(), wanted: wanted.into() }
    }
}

impl From<String> for SetupError {
    fn from(text: String) -> Self {
        Self::Other(text)
    }
}

impl From<&str> for SetupError {
    fn from(text: &str) -> Self {
        Self::Other(text.to_owned())
    }
}

/// A game cannot continue from what was saved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The game does not save anything.
    #[error("this game is not saved")]
    NotSaved,
    /// The game does not know how to read this version.
    #[error("version {0} is not known")]
    Version(u32),
    /// The bytes are not what the game saves.
    #[error("{0}")]
    Malformed(String),
}
