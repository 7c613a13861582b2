//! What is personal in a checkpoint, sealed apart from the rest, so that a person can be forgotten and the room goes on.
//!
//! The name and the identity of a player are sealed for that person. What was said and told is sealed for all whom it may
//! concern: its parts cannot be told apart, as a game may put a player's words into any event. Guests have no identity, so
//! nobody can ask for their part; it lives and dies with the file. A game's own state is its own affair: when a seat is freed,
//! it drops what it has of the player.

use std::collections::BTreeSet;
use std::io;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_json::Value;

use super::checkpoint::{Checkpoint, RestoreError, SavedLog};
use super::events::Event;
use super::live_film::LiveFilm;
use super::room::Room;
use super::tap::TapEntry;
use crate::game::saved;
use crate::id::Seat;
use crate::tick::Tick;
use crate::wire::Close;

/// What a sealed checkpoint starts with.
const MAGIC: &[u8; 8] = b"tickseal";

/// What cannot be read in a checkpoint any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Forgotten {
    /// The seats of persons who were forgotten.
    seats: Vec<Seat>,
    /// Whether the events and the chat are gone.
    words: bool,
}

#[derive(Serialize, Deserialize)]
struct SealedCheckpoint {
    /// A checkpoint without what is sealed.
    open: ByteBuf,
    /// The sealed names of players with an identity, by index.
    players: Vec<(u32, ByteBuf)>,
    words: ByteBuf,
}

/// What was said and told.
#[derive(Serialize, Deserialize)]
struct Words {
    logs: Vec<SavedLog>,
    chat: Vec<u32>,
    authors: Vec<Option<String>>,
    departed: Vec<(String, Tick)>,
    events: Vec<Event>,
    #[serde(default)]
    unstored: Vec<TapEntry>,
    /// The result of the match.
    #[serde(default)]
    result: Option<Value>,
    #[serde(default)]
    film: Option<Box<LiveFilm>>,
}

impl Checkpoint {
    /// The verified identities of all whom something in it concerns.
    pub fn persons(&self) -> BTreeSet<&str> {
        let authors = self.authors.iter().flatten().map(String::as_str);
        let departed = self.departed.iter().map(|(identity, _)| identity.as_str());
        let unstored = self.unstored.iter().filter_map(|entry| entry.body.identity());
        self.identities().chain(authors).chain(departed).chain(unstored).collect()
    }

    /// The checkpoint as bytes, in which `seal` has sealed what is personal for these identities.
    ///
    /// # Errors
    /// Those of `seal`.
    pub fn encode_sealed(
        &self,
        mut seal: impl FnMut(&BTreeSet<&str>, &[u8]) -> io::Result<Vec<u8>>,
    ) -> io::Result<Vec<u8>> {
        let persons = self.persons();
        if persons.is_empty() {
            return Ok(self.encode());
        }
        let Self { logs, chat, authors, departed, events, unstored, .. } = self.clone();
        let (result, film) = (self.lifecycle.public.clone(), self.film.clone());
        let words = saved::encode(&Words { logs, chat, authors, departed, events, unstored, result, film });
        let words = ByteBuf::from(seal(&persons, &words)?);
        let mut open = self.clone();
        (open.chat, open.authors, open.departed, open.events, open.unstored) = Default::default();
        (open.lifecycle.public, open.film) = (None, None);
        open.logs.iter_mut().for_each(SavedLog::clear);
        let mut players = Vec::new();
        for (index, seated) in (0..).zip(&mut open.seats) {
            if let Some(identity) = seated.identity.take() {
                let own = saved::encode(&(&identity, std::mem::take(&mut seated.name)));
                players.push((index, ByteBuf::from(seal(&BTreeSet::from([identity.as_str()]), &own)?)));
            }
        }
        let sealed = SealedCheckpoint { open: ByteBuf::from(open.encode()), players, words };
        Ok([&MAGIC[..], &saved::encode(&sealed)].concat())
    }

    /// Reads what [`Self::encode_sealed`] or [`Self::encode`] wrote. What `open` cannot open is forgotten: the room that is
    /// restored frees the seats of these persons, and tells the others that they lost events.
    ///
    /// # Errors
    /// The bytes are no checkpoint.
    pub fn decode_sealed(bytes: &[u8], open: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Result<Self, RestoreError> {
        let Some(sealed) = bytes.strip_prefix(MAGIC) else { return Self::decode(bytes) };
        let sealed: SealedCheckpoint = saved::decode(sealed)?;
        let mut checkpoint = Self::decode(&sealed.open)?;
        for (index, own) in sealed.players {
            let missing = RestoreError::Contradiction("the players");
            let seated = checkpoint.seats.get_mut(index as usize).ok_or(missing)?;
            match open(&own) {
                Some(own) => {
                    let (identity, name) = saved::decode(&own)?;
                    (seated.identity, seated.name) = (Some(identity), name);
                }
                None => checkpoint.forgotten.seats.push(seated.seat),
            }
        }
        match open(&sealed.words) {
            Some(words) => {
                let Words { logs, chat, authors, departed, events, unstored, result, film } = saved::decode(&words)?;
                (checkpoint.logs, checkpoint.chat, checkpoint.events) = (logs, chat, events);
                (checkpoint.lifecycle.public, checkpoint.film) = (result, film);
                (checkpoint.authors, checkpoint.departed, checkpoint.unstored) = (authors, departed, unstored);
            }
            None => checkpoint.forgotten.words = true,
        }
        Ok(checkpoint)
    }

    /// Whether somebody was forgotten whom it concerns.
    pub fn has_forgotten(&self) -> bool {
        self.forgotten != Forgotten::default()
    }
}

impl Room {
    pub(super) fn forget(&mut self, Forgotten { seats, words }: &Forgotten) {
        if *words {
            self.lose_events();
        }
        seats.iter().for_each(|seat| self.free(*seat, Close::Left.into(), false));
        // Nobody is connected.
        self.outputs.clear();
    }
}
