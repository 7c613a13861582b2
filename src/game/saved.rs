//! What a game saves, and the encoding of saved state: CBOR (RFC 8949), in which fields have names.
//!
//! A later build can therefore read what an earlier one wrote: it ignores fields that it does not know, and fields that
//! are new to it need only `#[serde(default)]`.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::errors::LoadError;

/// What a game needs to continue later, perhaps in a newer build of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// The version of the game's own format.
    pub version: u32,
    /// The game's own bytes.
    pub bytes: Bytes,
}

impl Saved {
    /// Encodes the state of a game. Raise `version` when an older build could not read the state, or would misunderstand
    /// it.
    ///
    /// # Panics
    /// When `T` cannot be serialized; derived implementations always can.
    pub fn new<T: Serialize>(version: u32, state: &T) -> Self {
        Self { version, bytes: encode(state).into() }
    }

    /// Decodes what [`Self::new`] encoded.
    ///
    /// # Errors
    /// The bytes are no `T`.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, LoadError> {
        decode(&self.bytes)
    }
}

pub(crate) fn encode<T: Serialize>(state: &T) -> Vec<u8> {
    cbor4ii::serde::to_vec(Vec::new(), state).expect("state can be serialized")
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, LoadError> {
    cbor4ii::serde::from_slice(bytes).map_err(|error| LoadError::Malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Old {
        score: i32,
        gone: u8,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct New {
        score: i32,
        #[serde(default)]
        lives: u8,
    }

    #[test]
    fn a_newer_build_reads_what_an_older_one_saved() {
        let saved = Saved::new(1, &Old { score: -7, gone: 1 });
        assert_eq!(saved.read::<New>(), Ok(New { score: -7, lives: 0 }));
    }

    #[test]
    fn what_is_no_state_is_an_error() {
        let saved = Saved::new(1, &Old { score: 3, gone: 1 });
        for length in 0..saved.bytes.len() {
            let cut = Saved { bytes: saved.bytes.slice(..length), ..saved.clone() };
            assert!(matches!(cut.read::<Old>(), Err(LoadError::Malformed(_))), "{length}");
        }
    }
}
