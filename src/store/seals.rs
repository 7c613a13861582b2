//! Seals what a journal has of persons with a verified identity, so that they can be forgotten.
//!
//! A checkpoint is sealed part by part. The inputs after it are sealed with a key that is drawn for them; it is in the
//! journal, too, sealed for everybody whom they concern. What concerns guests only is not sealed, and without keys nothing is.

use std::collections::BTreeMap;
use std::io;

use super::entry::{RoomDigest, put_checkpoint, put_inputs, put_key, put_sealed_inputs};
use crate::engine::{Checkpoint, JournalEntry};
use crate::trust::{PersonKeys, TextKey};

/// What texts are sealed under in a folder for rooms.
const FILE: &str = "rooms";

/// The keys of a journal that is written.
pub(super) struct Seals {
    keys: Option<PersonKeys>,
    /// The keys of the inputs of rooms with identities.
    tails: BTreeMap<RoomDigest, TextKey>,
}

impl Seals {
    pub fn new(keys: Option<PersonKeys>) -> Self {
        Self { keys, tails: BTreeMap::new() }
    }

    /// Appends an entry.
    pub fn put(&mut self, out: &mut Vec<u8>, room: RoomDigest, entry: &JournalEntry) -> io::Result<()> {
        if let Some(checkpoint) = &entry.checkpoint {
            let bytes = self.keys.as_ref().map_or_else(|| Ok(checkpoint.encode()), |keys| sealed(keys, checkpoint))?;
            put_checkpoint(out, room, entry.upto(), &bytes);
            let persons: Vec<&str> = checkpoint.identities().collect();
            return self.begin_tail(out, room, &persons);
        }
        if let Some(persons) = &entry.persons {
            self.begin_tail(out, room, &persons.iter().map(String::as_str).collect::<Vec<_>>())?;
        }
        match self.tails.get(&room) {
            // A room's inputs are numbered by their bytes, and each entry has some.
            Some(key) => put_sealed_inputs(out, room, entry, &key.seal(entry.from, &entry.inputs)),
            None => put_inputs(out, room, entry),
        }
        Ok(())
    }

    /// The room has ended.
    pub fn end(&mut self, room: RoomDigest) {
        self.tails.remove(&room);
    }

    fn begin_tail(&mut self, out: &mut Vec<u8>, room: RoomDigest, persons: &[&str]) -> io::Result<()> {
        let Some(keys) = self.keys.as_ref().filter(|_| !persons.is_empty()) else {
            self.tails.remove(&room);
            return Ok(());
        };
        let (key, bytes) = TextKey::draw();
        put_key(out, room, &keys.seal(FILE, persons.iter().copied(), &bytes)?);
        self.tails.insert(room, key);
        Ok(())
    }
}

/// A checkpoint as bytes, with what is personal sealed.
///
/// # Errors
/// The keys cannot be read or written.
pub fn sealed(keys: &PersonKeys, checkpoint: &Checkpoint) -> io::Result<Vec<u8>> {
    checkpoint.encode_sealed(|persons, text| keys.seal(FILE, persons.iter().copied(), text))
}
