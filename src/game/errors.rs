//! Why a game does not do what it was asked for.

use crate::snapshot::SchemaError;

/// A game's refusal of a player or a call. The text reaches the player; a refused player's session ends with
/// [`Close::Forbidden`](crate::Close::Forbidden).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

impl Refused {
    /// A refusal with a text for the player.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text for the player.
    pub fn text(&self) -> &str {
        &self.0
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
