//! The body of the fuzz target of journals: bytes as what a process did to its journal and what then happened to the files.
//!
//! Hidden from the documentation, as all of `fuzzing`. A finding is a panic.

use std::collections::BTreeMap;
use std::io;
use std::sync::OnceLock;

use super::disk::Disk;
use super::entry::{RoomDigest, put_checkpoint, put_end, put_inputs};
use super::found::Found;
use super::segment::{Chain, Header};
use crate::engine::{Checkpoint, JournalEntry, Room, RoomConfig, RoomInput, RoomPolicy, recover};
use crate::fuzzing::pawns::Pawns;
use crate::game::RoomSetup;
use crate::tick::TickRate;
use crate::wire::Authority;

/// Rooms that write.
const ROOMS: usize = 3;

/// Bytes as the file of a journal, or as a story: two for each step.
pub fn journal(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    if first % 2 == 0 {
        let files =
            BTreeMap::from([(Header { number: 1, continues: false, build: String::new() }.name(), rest.to_vec())]);
        check(&mut Files(files));
        return;
    }
    let mut story = Story::new();
    rest.chunks_exact(2).take(256).for_each(|step| story.go_on(step[0], step[1]));
    story.finish_batch();
    let Story { files, damaged, rooms, .. } = story;
    let found = check(&mut Files(files));
    if damaged {
        return;
    }
    // Nothing happened to the files, so everything is found.
    assert_eq!((&found.damages[..], found.headless, found.torn), (&[][..], 0, 0));
    let mut expected: Vec<u64> = rooms.iter().filter(|room| room.is_open).map(|room| room.upto).collect();
    let mut ends: Vec<u64> =
        found.rooms.iter().map(|room| room.tail.last().map_or(room.from, JournalEntry::upto)).collect();
    expected.sort_unstable();
    ends.sort_unstable();
    assert_eq!(ends, expected);
}

/// Reads the journal, and recovers every room that was not damaged.
fn check(files: &mut Files) -> Found {
    // Nobody is known by name in it, so it needs no keys.
    let found = Found::read(files, None).expect("this disk does not fail");
    for room in found.rooms.iter().filter(|room| room.damage.is_none()) {
        let Ok(checkpoint) = Checkpoint::decode(&room.checkpoint) else { continue };
        let _ = recover(checkpoint, room.from, &room.tail, Box::new(Pawns::new(Authority::Server)));
    }
    found
}

/// A room as its journal knows it.
#[derive(Default)]
struct Writer {
    upto: u64,
    is_open: bool,
}

/// What is written and damaged.
struct Story {
    files: BTreeMap<String, Vec<u8>>,
    /// The segment that is written, and its file.
    chain: Chain,
    newest: String,
    number: u64,
    /// Entries that are not in a batch yet.
    batch: Vec<u8>,
    rooms: [Writer; ROOMS],
    /// Whether anything happened to the files.
    damaged: bool,
}

impl Story {
    fn new() -> Self {
        let header = Header { number: 1, continues: false, build: "a build".to_owned() };
        let (chain, bytes) = Chain::start(&header, 1_u64.to_le_bytes());
        let newest = header.name();
        let files = BTreeMap::from([(newest.clone(), bytes)]);
        Self { files, chain, newest, number: 1, batch: Vec::new(), rooms: Default::default(), damaged: false }
    }

    fn go_on(&mut self, what: u8, how: u8) {
        let index = usize::from(how) % ROOMS;
        let digest = RoomDigest([index as u8; 16]);
        match what % 16 {
            0 | 1 => self.checkpoint(index, digest),
            2..=5 => self.write(index, digest, usize::from(how / 3 % 8)),
            6 if self.rooms[index].is_open => {
                put_end(&mut self.batch, digest);
                self.rooms[index].is_open = false;
            }
            7..=9 => {}
            10 => return self.rotate(how),
            _ => return self.damage(what, how),
        }
        // A batch has the entries of some rooms.
        if what & 16 == 0 {
            self.finish_batch();
        }
    }

    fn checkpoint(&mut self, index: usize, digest: RoomDigest) {
        let room = &mut self.rooms[index];
        room.is_open = true;
        put_checkpoint(&mut self.batch, digest, room.upto, state());
        self.finish_batch();
    }

    fn write(&mut self, index: usize, digest: RoomDigest, ticks: usize) {
        let room = &mut self.rooms[index];
        if !room.is_open {
            return;
        }
        let mut inputs = Vec::new();
        (0..=ticks).for_each(|_| RoomInput::Tick.append_to(&mut inputs));
        let entry = JournalEntry { from: room.upto, inputs, ..JournalEntry::default() };
        room.upto = entry.upto();
        put_inputs(&mut self.batch, digest, &entry);
    }

    fn finish_batch(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        if !batch.is_empty() {
            let bytes = self.chain.batch(&batch);
            self.newest_file().extend(bytes);
        }
    }

    /// Starts another segment, of this process or of another one.
    fn rotate(&mut self, how: u8) {
        self.finish_batch();
        self.number += 1 + u64::from(how == 255);
        self.damaged |= how == 255;
        let header =
            Header { number: self.number, continues: how.is_multiple_of(2), build: format!("build {}", how % 3) };
        let (chain, bytes) = Chain::start(&header, self.number.to_le_bytes());
        (self.chain, self.newest) = (chain, header.name());
        self.files.insert(self.newest.clone(), bytes);
    }

    /// What happens to the newest file.
    fn damage(&mut self, what: u8, how: u8) {
        self.finish_batch();
        self.damaged = true;
        let file = self.newest_file();
        let at = file.len() * usize::from(how) / 256;
        match what % 4 {
            0 => file.truncate(at),
            1 if !file.is_empty() => file[at] ^= 1 << (what / 16 % 8),
            2 if file.len() < 1 << 20 => file.extend_from_within(at..),
            2 => {}
            _ => _ = file.drain(at / 2..at),
        }
    }

    fn newest_file(&mut self) -> &mut Vec<u8> {
        self.files.entry(self.newest.clone()).or_default()
    }
}

/// The state of a new room.
fn state() -> &'static [u8] {
    static STATE: OnceLock<Vec<u8>> = OnceLock::new();
    STATE.get_or_init(|| {
        let setup = RoomSetup { rate: TickRate::DEFAULT, seed: 1, options: BTreeMap::new() };
        let game = Box::new(Pawns::new(Authority::Server));
        let mut room = Room::new(RoomConfig::new("room", "pawns", setup, RoomPolicy::default()), game);
        room.checkpoint().expect("pawns are saved").encode()
    })
}

/// A disk in memory that is only read.
struct Files(BTreeMap<String, Vec<u8>>);

impl Disk for Files {
    fn list(&mut self) -> io::Result<Vec<String>> {
        Ok(self.0.keys().cloned().collect())
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        self.0.get(name).cloned().ok_or(io::ErrorKind::NotFound.into())
    }

    fn create(&mut self, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn append(&mut self, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn remove(&mut self, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn keep(&mut self, _: &[String], _: &str) -> io::Result<String> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn set_aside(&mut self, _: &str) -> io::Result<String> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}
