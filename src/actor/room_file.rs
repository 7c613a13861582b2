//! The file of a room that is not running: a label, by which it is found, and its checkpoint.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::engine::registry::RoomOptions;
use crate::engine::{Checkpoint, RoomConfig};
use crate::game::saved;
use crate::id::Incarnation;
use crate::store::sealed;
use crate::trust::PersonKeys;

/// What the file of a room starts with.
const MAGIC: &[u8; 8] = b"tickroo\x02";
/// Bytes of a checksum.
const CHECKSUM: usize = 32;
/// Most bytes of a label: the options of a room are bounded.
const MOST_LABEL: usize = 1 << 16;

/// What finds a room that is not running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The room's id.
    pub id: String,
    /// The game's name.
    pub game: String,
    /// The room's options.
    pub options: BTreeMap<String, String>,
    /// Whether the room can only be joined by its id.
    pub private: bool,
    /// The start of the room that was stored.
    pub incarnation: Incarnation,
    /// Since when it sleeps, in seconds since 1970; `None` if it was stopped with its server.
    pub asleep_since: Option<u64>,
}

impl Label {
    /// The label of a room that is stored.
    pub fn of(config: &RoomConfig, asleep_since: Option<u64>) -> Self {
        let options = config.setup.options.clone();
        let private =
            RoomOptions::read(&options, config.setup.rate, config.setup.rate).is_ok_and(|options| options.private);
        let (id, game) = (config.id.clone(), config.game.clone());
        Self { id, game, options, private, incarnation: config.incarnation, asleep_since }
    }

    /// The label in a file, of which little is read.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let read = || {
            let mut head = Vec::new();
            let most = MAGIC.len() + size_of::<u32>() + CHECKSUM + MOST_LABEL;
            File::open(path)?.take(most as u64).read_to_end(&mut head).map(|_| head)
        };
        let head = read().map_err(|error: io::Error| error.to_string())?;
        split(&head).map(|(label, _)| label)
    }
}

/// A room that is not running.
#[derive(Debug)]
pub struct StoredRoom {
    /// What finds it.
    pub label: Label,
    /// Its state.
    pub checkpoint: Checkpoint,
}

impl StoredRoom {
    /// The room as a file, in which persons are sealed with `keys`.
    ///
    /// # Errors
    /// The keys cannot be read or written.
    pub(super) fn encode(&self, keys: &PersonKeys) -> io::Result<Vec<u8>> {
        let (label, state) = (saved::encode(&self.label), sealed(keys, &self.checkpoint)?);
        let mut bytes = MAGIC.to_vec();
        bytes.extend((label.len() as u32).to_le_bytes());
        bytes.extend(Sha256::digest(&label));
        bytes.extend(&label);
        bytes.extend(Sha256::digest(&state));
        bytes.extend(&state);
        Ok(bytes)
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// The file is damaged.
    pub(super) fn decode(bytes: &[u8], keys: &PersonKeys) -> Result<Self, String> {
        let (label, rest) = split(bytes)?;
        let (sum, state) = rest.split_first_chunk().ok_or("it is cut off")?;
        let state = checked(sum, state)?;
        let checkpoint = Checkpoint::decode_sealed(state, |text| keys.open(text)).map_err(|error| error.to_string())?;
        Ok(Self { label, checkpoint })
    }
}

fn split(bytes: &[u8]) -> Result<(Label, &[u8]), String> {
    let rest = bytes.strip_prefix(MAGIC).ok_or("it is no stored room, or one of another version")?;
    let (length, rest) = rest.split_first_chunk().ok_or("it is cut off")?;
    let (sum, rest) = rest.split_first_chunk().ok_or("it is cut off")?;
    let (label, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or("it is cut off")?;
    let label = saved::decode(checked(sum, label)?).map_err(|error| error.to_string())?;
    Ok((label, rest))
}

fn checked<'a>(sum: &[u8; CHECKSUM], content: &'a [u8]) -> Result<&'a [u8], String> {
    let sound = Sha256::digest(content)[..] == sum[..];
    sound.then_some(content).ok_or_else(|| "it is damaged".to_owned())
}
