//! What a journal says when it is opened: the rooms that had not ended.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::disk::Disk;
use super::entry::{Entry, RoomDigest, entries};
use super::segment::{End, Segment, number_of};
use crate::engine::JournalEntry;
use crate::trust::{PersonKeys, TextKey};

/// What was found in a journal.
#[derive(Debug, Default)]
pub struct Found {
    /// Rooms that had not ended.
    pub rooms: Vec<FoundRoom>,
    /// What was damaged. Rooms that it may concern name it, too.
    pub damages: Vec<Damage>,
    /// Rooms of which there are inputs and no state, because of a damage.
    pub headless: usize,
    /// Bytes of batches that were not finished. What they led to was not told to anybody.
    pub torn: usize,
    /// The files, in order.
    pub(super) files: Vec<String>,
    /// The number of the next segment.
    pub(super) next: u64,
}

/// A room that had not ended.
#[derive(Debug)]
pub struct FoundRoom {
    /// The build that wrote its newest entry.
    pub build: String,
    /// The newest checkpoint.
    pub checkpoint: Vec<u8>,
    /// Bytes that were recorded before the checkpoint.
    pub from: u64,
    /// The inputs since.
    pub tail: Vec<JournalEntry>,
    /// Whether of some of those only a part can be read, because a person was forgotten.
    pub forgotten: bool,
    /// What may have taken inputs away.
    pub damage: Option<Damage>,
}

/// A part of a journal that cannot be read although it was finished.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file} is damaged at byte {at}")]
pub struct Damage {
    /// The name of the file.
    pub file: String,
    /// Where the damage begins; 0 for a file that is missing.
    pub at: usize,
}

impl FoundRoom {
    /// Adds the next inputs, or what remains of those that cannot be read. What follows cannot be run again.
    fn follow(&mut self, entry: JournalEntry, is_whole: bool) {
        self.forgotten |= !is_whole;
        self.tail.push(entry);
    }
}

impl Found {
    /// The build that wrote the newest inputs after a checkpoint; `None` when there are none.
    pub fn build_of_tails(&self) -> Option<&str> {
        let with_tail = self.rooms.iter().filter(|room| !room.tail.is_empty());
        with_tail.map(|room| &*room.build).next_back()
    }

    /// Reads the journal on `disk`, one segment at a time.
    pub(super) fn read(disk: &mut dyn Disk, keys: Option<&PersonKeys>) -> io::Result<Self> {
        let mut names = disk.list()?;
        names.retain(|name| number_of(name).is_some());
        names.sort_by_key(|name| number_of(name));
        let mut reading = Reading::default();
        for name in &names {
            let bytes = disk.read(name)?;
            reading.add(name, &Segment::read(&bytes), bytes.len(), keys);
        }
        let next = names.last().and_then(|name| number_of(name)).map_or(1, |newest| newest + 1);
        let Reading { rooms, damages, headless, torn, .. } = reading;
        let rooms = rooms.into_values().collect();
        Ok(Self {
            rooms,
            damages,
            headless: headless.len(),
            torn: torn.map_or(0, |(_, bytes)| bytes),
            files: names,
            next,
        })
    }
}

/// The rooms of another node's journal that had not ended.
#[cfg(feature = "cluster")]
#[derive(Debug)]
pub struct Remains(BTreeMap<RoomDigest, std::sync::Arc<FoundRoom>>);

#[cfg(feature = "cluster")]
impl Remains {
    /// Reads a journal in which nobody is sealed from the contents of its files, by name.
    pub fn read(files: &BTreeMap<String, Vec<u8>>) -> Self {
        let mut reading = Reading::default();
        for (name, bytes) in files.iter().filter(|(name, _)| number_of(name).is_some()) {
            reading.add(name, &Segment::read(bytes), bytes.len(), None);
        }
        Self(reading.rooms.into_iter().map(|(room, found)| (room, std::sync::Arc::new(found))).collect())
    }

    /// All of them.
    pub fn rooms(&self) -> impl Iterator<Item = &FoundRoom> {
        self.0.values().map(|found| &**found)
    }

    /// The room with this id.
    pub fn room(&self, id: &str) -> Option<std::sync::Arc<FoundRoom>> {
        self.0.get(&RoomDigest::of(id)).cloned()
    }
}

#[derive(Default)]
struct Reading {
    rooms: BTreeMap<RoomDigest, FoundRoom>,
    /// The keys of the inputs that follow; `None` for those that cannot be opened.
    tail_keys: BTreeMap<RoomDigest, Option<TextKey>>,
    /// What remains of the next sealed inputs.
    open: BTreeMap<RoomDigest, JournalEntry>,
    damages: Vec<Damage>,
    headless: BTreeSet<RoomDigest>,
    /// The number of the last segment.
    last: Option<u64>,
    /// The damage that the unfinished end of the last segment is if the same process went on writing, and its bytes.
    torn: Option<(Damage, usize)>,
}

impl Reading {
    fn add(&mut self, name: &str, segment: &Segment, length: usize, keys: Option<&PersonKeys>) {
        let number = number_of(name).expect("only segments are read");
        let continues = segment.header.as_ref().is_some_and(|header| header.continues);
        if let Some((damage, _)) = self.torn.take().filter(|_| continues) {
            self.damage(damage);
        }
        // The oldest segments are deleted when no room needs them, but none between others.
        if self.last.is_some_and(|last| last + 1 != number) {
            self.damage(Damage { file: name.to_owned(), at: 0 });
        }
        self.last = Some(number);
        let build = segment.header.as_ref().map_or("", |header| &header.build);
        for batch in &segment.batches {
            match entries(batch) {
                Some(entries) => entries.into_iter().for_each(|entry| self.take(entry, build, keys)),
                None => self.damage(Damage { file: name.to_owned(), at: 0 }),
            }
        }
        match segment.end {
            End::Whole => {}
            End::Torn(at) => self.torn = Some((Damage { file: name.to_owned(), at }, length - at)),
            End::Damaged(at) => self.damage(Damage { file: name.to_owned(), at }),
        }
    }

    /// Every room known so far may miss inputs, unless a checkpoint follows.
    fn damage(&mut self, damage: Damage) {
        self.rooms.values_mut().for_each(|room| _ = room.damage.get_or_insert_with(|| damage.clone()));
        self.damages.push(damage);
    }

    fn take(&mut self, entry: Entry, build: &str, keys: Option<&PersonKeys>) {
        match entry {
            Entry::Checkpoint(room, from, bytes) => {
                let (build, checkpoint) = (build.to_owned(), bytes.to_vec());
                self.headless.remove(&room);
                let found = FoundRoom { build, checkpoint, from, tail: Vec::new(), forgotten: false, damage: None };
                self.tail_keys.remove(&room);
                self.rooms.insert(room, found);
            }
            Entry::Inputs(room, entry) => match self.rooms.get_mut(&room) {
                Some(found) => found.follow(entry, true),
                None => _ = self.headless.insert(room),
            },
            Entry::Open(room, entry) => _ = self.open.insert(room, entry),
            Entry::Key(room, sealed) => {
                let key = keys.and_then(|keys| keys.open(sealed)).and_then(|bytes| TextKey::read(&bytes));
                self.tail_keys.insert(room, key);
            }
            Entry::Sealed(room, entry) => {
                let key = self.tail_keys.get(&room).and_then(Option::as_ref);
                let inputs = key.and_then(|key| key.open(entry.from, &entry.inputs));
                let (open, is_whole) = (self.open.remove(&room).unwrap_or_default(), inputs.is_some());
                let entry = inputs.map_or(open, |inputs| JournalEntry { inputs, ..entry });
                match self.rooms.get_mut(&room) {
                    Some(found) => found.follow(entry, is_whole),
                    None => _ = self.headless.insert(room),
                }
            }
            Entry::Ended(room) => {
                self.tail_keys.remove(&room);
                self.rooms.remove(&room);
                self.headless.remove(&room);
            }
        }
    }
}
