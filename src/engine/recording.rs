//! A recording: a part of a room's life, to be run again and to be watched.
//!
//! The file is a sequence of blocks, each with its length and the beginning of its SHA-256. Blocks hold CBOR (RFC 8949). The
//! inputs and the state contain names, chat and commands; they are a block of their own, which can be sealed. Header and film
//! contain nothing personal.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::checkpoint::Checkpoint;
use super::film::{self, Reel};
use super::room::{Room, RoomConfig};
use super::room_input::RoomInput;
use crate::game::saved;
use crate::id::Incarnation;
use crate::snapshot::{InputSchema, Schema};
use crate::tick::{Tick, TickRate};
use crate::wire::limits;

/// What every recording starts with.
pub(super) const MAGIC: &[u8; 8] = b"tickrec\x01";
/// Bytes of a block's checksum.
const CHECKSUM: usize = 8;

/// The revision of the engine: inputs that were recorded under another one may lead elsewhere.
pub const REVISION: u32 = 2;

/// A part of a room's life.
#[derive(Debug)]
pub struct Recording {
    /// What it is about.
    pub header: Header,
    /// The way to run it again.
    pub rerun: Rerun,
    /// What was visible.
    pub film: Vec<Reel>,
}

/// What a recording is about. Contains nothing personal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The room's id.
    pub room: String,
    /// The game's name.
    pub game: String,
    /// Ticks per second.
    pub rate: TickRate,
    /// The start of the room that was recorded.
    pub incarnation: Incarnation,
    /// The [`REVISION`] of the engine that recorded it.
    pub revision: u32,
    /// The version of what the game saves, if it is saved.
    pub game_version: Option<u32>,
    /// Why it was recorded.
    pub reason: String,
    /// The first and the last tick that can be watched.
    pub ticks: (Tick, Tick),
    /// The layout of rows.
    pub schema: Schema,
    /// The layout of inputs.
    pub inputs: InputSchema,
}

/// The way to run a recording again.
#[derive(Debug)]
pub enum Rerun {
    /// It can be run again.
    Possible(Box<Inputs>),
    /// What it takes is sealed.
    Sealed(Bytes),
    /// The game is not saved, and its room ran for too long to keep all of its inputs.
    Unknown,
}

/// A first state of a room, and the inputs that follow.
#[derive(Debug, Serialize, Deserialize)]
pub struct Inputs {
    /// The first state.
    pub start: Start,
    /// As [`RoomInput::split_from`](super::RoomInput::split_from) reads them.
    #[serde(with = "serde_bytes")]
    pub inputs: Vec<u8>,
}

/// The first state of a recording.
#[derive(Debug, Serialize, Deserialize)]
pub enum Start {
    /// The new room.
    Beginning(RoomConfig),
    /// A state in between.
    Checkpoint(Box<Checkpoint>),
}

/// Why a recording cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The bytes do not begin as a recording does.
    #[error("this is no recording, or one of another version")]
    Magic,
    /// A block is cut off, was changed, or is not there.
    #[error("damaged at byte {0}")]
    Damaged(
        /// Where the block begins.
        usize,
    ),
}

impl Recording {
    pub(super) fn new(room: &Room, reason: &str, start: Option<Start>, inputs: Vec<u8>, film: Vec<Reel>) -> Self {
        let config = room.config();
        let newest = room.frame().tick();
        let game_version = match &start {
            Some(Start::Checkpoint(checkpoint)) => Some(checkpoint.game_version()),
            _ => None,
        };
        let header = Header {
            room: config.id.clone(),
            game: config.game.clone(),
            rate: room.rate(),
            incarnation: config.incarnation,
            revision: REVISION,
            game_version,
            reason: reason.to_owned(),
            ticks: (film.first().map_or(newest, |reel| reel.tick), film.last().map_or(newest, Reel::last)),
            schema: Schema::clone(&room.spec().schema),
            inputs: room.spec().inputs.clone(),
        };
        let rerun = start.map_or(Rerun::Unknown, |start| Rerun::Possible(Box::new(Inputs { start, inputs })));
        Self { header, rerun, film }
    }

    /// Replaces what is personal by its sealed form, if it is there.
    ///
    /// # Errors
    /// Those of `seal`.
    pub fn seal<E>(&mut self, seal: impl FnOnce(&Inputs, &[u8]) -> Result<Vec<u8>, E>) -> Result<(), E> {
        if let Rerun::Possible(inputs) = &self.rerun {
            self.rerun = Rerun::Sealed(seal(inputs, &saved::encode(inputs))?.into());
        }
        Ok(())
    }

    /// Opens what is sealed, if `open` can.
    ///
    /// # Errors
    /// What was sealed is damaged.
    pub fn open(&mut self, open: impl FnOnce(&[u8]) -> Option<Vec<u8>>) -> Result<(), RecordingError> {
        if let Rerun::Sealed(sealed) = &self.rerun
            && let Some(opened) = open(sealed)
        {
            self.rerun = Rerun::Possible(Box::new(read(0, &opened)?));
        }
        Ok(())
    }

    /// The recording as a file.
    pub fn encode(&self) -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        append(&mut file, b'H', &saved::encode(&self.header));
        let span = self.header.rate.ticks_in(limits::FILM_KEYFRAMES);
        append(&mut file, b'F', &saved::encode(&film::with_keyframes(&self.header.schema, &self.film, span)));
        match &self.rerun {
            Rerun::Possible(inputs) => append(&mut file, b'R', &saved::encode(inputs)),
            Rerun::Sealed(bytes) => append(&mut file, b'S', bytes),
            Rerun::Unknown => {}
        }
        append(&mut file, b'E', &[]);
        file
    }

    /// Reads the header of a file, of which the beginning is enough.
    ///
    /// # Errors
    /// The bytes are no beginning of a recording, or damaged.
    pub fn decode_header(beginning: &[u8]) -> Result<Header, RecordingError> {
        if !beginning.starts_with(MAGIC) {
            return Err(RecordingError::Magic);
        }
        Blocks { file: beginning, at: MAGIC.len() }.content(b'H')
    }

    /// Reads a file.
    ///
    /// # Errors
    /// The bytes are no recording, or damaged.
    pub fn decode(file: &[u8]) -> Result<Self, RecordingError> {
        if !file.starts_with(MAGIC) {
            return Err(RecordingError::Magic);
        }
        let mut blocks = Blocks { file, at: MAGIC.len() };
        let (header, film) = (blocks.content(b'H')?, blocks.content(b'F')?);
        let mut recording = Self { header, rerun: Rerun::Unknown, film };
        loop {
            let at = blocks.at;
            match blocks.next()? {
                (b'R', bytes) => recording.rerun = Rerun::Possible(Box::new(read(at, bytes)?)),
                (b'S', bytes) => recording.rerun = Rerun::Sealed(Bytes::copy_from_slice(bytes)),
                (b'E', []) if blocks.at == file.len() => return Ok(recording),
                _ => return Err(RecordingError::Damaged(at)),
            }
        }
    }
}

impl Inputs {
    /// The verified identities of all whom something in it concerns.
    pub fn identities(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        if let Start::Checkpoint(checkpoint) = &self.start {
            found.extend(checkpoint.persons().into_iter().map(str::to_owned));
        }
        let mut rest = &self.inputs[..];
        while let Ok((input, others)) = RoomInput::split_from(rest) {
            rest = others;
            match input {
                RoomInput::Enter(enter) => found.extend(enter.identity),
                RoomInput::Return(back) => found.extend(back.identity),
                _ => {}
            }
        }
        found
    }
}

/// The same file with changed contents of its blocks, each with the checksum of what it contains now: so a fuzzer reaches what
/// checksums keep from it. What is no block stays as it is.
pub(crate) fn with_changed_blocks(file: &[u8], mut change: impl FnMut(u8, &mut Vec<u8>)) -> Vec<u8> {
    let (mut blocks, mut changed) = (Blocks { file, at: MAGIC.len().min(file.len()) }, MAGIC.to_vec());
    while let Ok((kind, content)) = blocks.next() {
        let mut content = content.to_vec();
        change(kind, &mut content);
        append(&mut changed, kind, &content);
    }
    changed.extend(&file[blocks.at..]);
    changed
}

/// Appends a block.
pub(super) fn append(file: &mut Vec<u8>, kind: u8, content: &[u8]) {
    file.push(kind);
    file.extend((content.len() as u32).to_le_bytes());
    file.extend(&checksum(kind, content));
    file.extend(content);
}

fn checksum(kind: u8, content: &[u8]) -> [u8; CHECKSUM] {
    let digest: [u8; 32] = Sha256::new().chain_update([kind]).chain_update(content).finalize().into();
    *digest.first_chunk().expect("a digest is longer")
}

pub(super) fn read<T: DeserializeOwned>(at: usize, bytes: &[u8]) -> Result<T, RecordingError> {
    saved::decode(bytes).map_err(|_| RecordingError::Damaged(at))
}

/// The blocks of a file.
pub(super) struct Blocks<'a> {
    pub file: &'a [u8],
    /// Where the next one begins.
    pub at: usize,
}

impl<'a> Blocks<'a> {
    pub fn next(&mut self) -> Result<(u8, &'a [u8]), RecordingError> {
        let damaged = RecordingError::Damaged(self.at);
        let split = |rest: &'a [u8]| {
            let (&kind, rest) = rest.split_first()?;
            let (&length, rest) = rest.split_first_chunk()?;
            let (sum, rest) = rest.split_first_chunk::<CHECKSUM>()?;
            let content = rest.get(..u32::from_le_bytes(length) as usize)?;
            (*sum == checksum(kind, content)).then_some((kind, content))
        };
        let (kind, content) = split(&self.file[self.at..]).ok_or(damaged)?;
        self.at += 1 + size_of::<u32>() + CHECKSUM + content.len();
        Ok((kind, content))
    }

    pub fn content<T: DeserializeOwned>(&mut self, wanted: u8) -> Result<T, RecordingError> {
        let at = self.at;
        match self.next()? {
            (kind, bytes) if kind == wanted => read(at, bytes),
            _ => Err(RecordingError::Damaged(at)),
        }
    }
}
