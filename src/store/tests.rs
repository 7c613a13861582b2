//! The journal on a disk that forgets, fails and lies: what was said to be safe is there, and what was damaged is named.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;

use super::disk::Disk;
use super::found::Found;
use super::journal::{Journal, RoomJournal, StoreState};
use super::writer::{Durability, StoreFailure};
use crate::engine::{JournalEntry, Proof, Room, RoomConfig, RoomPolicy};
use crate::fuzzing::pawns::Pawns;
use crate::game::RoomSetup;
use crate::tick::{Tick, TickRate};
use crate::trust::PersonKeys;
use crate::wire::Authority;

/// A disk in memory that knows what was synced.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<State>>);

#[derive(Clone, Default)]
struct State {
    files: BTreeMap<String, File>,
    newest: String,
    aside: usize,
    /// Bytes that still fit.
    space: Option<usize>,
    fails_to_sync: bool,
    fails_to_move: bool,
}

#[derive(Clone, Default)]
struct File {
    bytes: Vec<u8>,
    synced: usize,
    /// Whether its name was synced.
    named: bool,
}

impl Memory {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().expect("no test panics with it")
    }

    /// What is left after the process has ended.
    fn after_kill(&self) -> Self {
        Self(Arc::new(Mutex::new(State { files: self.state().files.clone(), ..State::default() })))
    }

    /// What is left after a loss of power: what was synced, and by chance a part of the rest.
    fn after_power_loss(&self, random: &mut Pcg32) -> Self {
        let mut files = self.state().files.clone();
        files.retain(|_, file| file.named || random.next_u32().is_multiple_of(2));
        for file in files.values_mut() {
            let rest = file.bytes.len() - file.synced;
            let kept = file.synced + random.next_u32() as usize % (rest + 1);
            file.bytes.truncate(kept);
            // A block that was not written may hold anything.
            if kept > file.synced && random.next_u32().is_multiple_of(2) {
                let at = file.synced + random.next_u32() as usize % (kept - file.synced);
                file.bytes[at] ^= 1 << (random.next_u32() % 8);
            }
        }
        Self(Arc::new(Mutex::new(State { files, ..State::default() })))
    }
}

impl Disk for Memory {
    fn list(&mut self) -> io::Result<Vec<String>> {
        Ok(self.state().files.keys().cloned().collect())
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        Ok(self.state().files[name].bytes.clone())
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        name.clone_into(&mut state.newest);
        state.files.insert(name.to_owned(), File::default());
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let fits = state.space.map_or(bytes.len(), |space| space.min(bytes.len()));
        state.space = state.space.map(|space| space - fits);
        let newest = state.newest.clone();
        state.files.get_mut(&newest).ok_or(io::ErrorKind::NotFound)?.bytes.extend(&bytes[..fits]);
        if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.state();
        if state.fails_to_sync {
            return Err(io::Error::other("the disk does not answer"));
        }
        let newest = state.newest.clone();
        let file = state.files.get_mut(&newest).ok_or(io::ErrorKind::NotFound)?;
        (file.synced, file.named) = (file.bytes.len(), true);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.state().files.remove(name).map(drop).ok_or(io::ErrorKind::NotFound.into())
    }

    fn keep(&mut self, names: &[String], _: &str) -> io::Result<String> {
        names.iter().for_each(|name| _ = self.state().files.remove(name));
        Ok("elsewhere".to_owned())
    }

    fn set_aside(&mut self, _: &str) -> io::Result<String> {
        let mut state = self.state();
        if state.fails_to_move {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        state.files.clear();
        state.aside += 1;
        Ok("elsewhere".to_owned())
    }
}

fn open(disk: &Memory, durability: Durability, failure: StoreFailure) -> (Journal, Found) {
    Journal::start(Box::new(disk.clone()), durability, failure, "a build", no_keys()).expect("it opens")
}

/// The players of these tests have no identity.
fn no_keys() -> PersonKeys {
    PersonKeys::in_folder("no such folder")
}

/// The start of a room's journal.
fn beginning(id: &str) -> JournalEntry {
    let setup = RoomSetup { rate: TickRate::DEFAULT, seed: 1, options: BTreeMap::new() };
    let game = Pawns::new(Authority::Server);
    let mut room = Room::new(RoomConfig::new(id, "pawns", setup, RoomPolicy::default()), Box::new(game));
    JournalEntry { checkpoint: room.checkpoint().map(Arc::new), ..JournalEntry::default() }
}

fn inputs(from: u64, number: u32) -> JournalEntry {
    let inputs = number.to_le_bytes().repeat(1 + number as usize % 7);
    let proof = number.is_multiple_of(5).then_some(Proof { tick: Tick(number), hash: number });
    JournalEntry { from, inputs, proof, ..JournalEntry::default() }
}

/// A room that is written, and what it was told.
struct Writing {
    journal: Arc<RoomJournal>,
    id: String,
    entries: Vec<JournalEntry>,
    upto: u64,
}

impl Writing {
    fn new(journal: &Journal, id: &str) -> Self {
        let room = journal.room(id, None, || {});
        room.append(beginning(id), false);
        Self { journal: room, id: id.to_owned(), entries: Vec::new(), upto: 0 }
    }

    fn write(&mut self, number: u32) {
        let (entry, copy) = (inputs(self.upto, number), inputs(self.upto, number));
        self.upto = entry.upto();
        self.entries.push(copy);
        self.journal.append(entry, true);
    }

    fn checkpoint(&mut self) {
        let start = JournalEntry { from: self.upto, ..beginning(&self.id) };
        self.journal.append(start, true);
    }

    /// Compares what was found with what was written: all that was safe is there, and nothing that was not written.
    fn check(&self, found: &Found, safe: u64) {
        let mut rooms = found.rooms.iter().filter(|room| room.checkpoint == self.bytes());
        let room = rooms.next().unwrap_or_else(|| panic!("{} is there", self.id));
        assert_eq!(room.damage, None);
        let upto = room.tail.last().map_or(room.from, JournalEntry::upto);
        assert!(upto >= safe, "{}: {upto} is there of {safe} that were safe", self.id);
        let written = self.entries.iter().skip_while(|entry| entry.from < room.from);
        for (found, written) in room.tail.iter().zip(written) {
            let parts = |entry: &JournalEntry| (entry.from, entry.inputs.clone(), entry.proof);
            assert_eq!(parts(found), parts(written));
        }
    }

    fn bytes(&self) -> Vec<u8> {
        beginning(&self.id).checkpoint.expect("pawns are saved").encode()
    }
}

#[test]
fn what_was_safe_survives_a_kill_and_a_loss_of_power() {
    for seed in 0..60 {
        let mut random = Pcg32::new(seed, 4);
        let durability = if seed % 2 == 0 { Durability::Process } else { Durability::Disk };
        let disk = Memory::default();
        let (journal, found) = open(&disk, durability, StoreFailure::GoOn);
        assert!(found.rooms.is_empty());
        let mut rooms: Vec<Writing> = (0..4).map(|number| Writing::new(&journal, &format!("room {number}"))).collect();
        journal.flush();
        for number in 0..30 {
            for room in &mut rooms {
                match random.next_u32() % 12 {
                    0 => room.checkpoint(),
                    1 => _ = journal.flush(),
                    _ => room.write(number),
                }
            }
        }
        let safe: Vec<u64> = rooms.iter().map(|room| room.journal.safe()).collect();
        let left = match durability {
            Durability::Process => disk.after_kill(),
            Durability::Disk => disk.after_power_loss(&mut random),
        };
        let (_, found) = open(&left, durability, StoreFailure::GoOn);
        assert_eq!((&found.damages[..], found.headless), (&[][..], 0), "seed {seed}");
        assert_eq!(found.rooms.len(), rooms.len(), "seed {seed}");
        rooms.iter().zip(safe).for_each(|(room, safe)| room.check(&found, safe));
    }
}

#[test]
fn a_room_that_ended_is_not_found_and_needless_files_are_deleted() {
    let disk = Memory::default();
    let (journal, _) = open(&disk, Durability::Process, StoreFailure::GoOn);
    let rooms = ["stays", "ends"].map(|id| Writing::new(&journal, id));
    rooms[1].journal.end();
    journal.flush();
    let (journal, found) = open(&disk.after_kill(), Durability::Process, StoreFailure::GoOn);
    assert_eq!(found.rooms.iter().map(|room| &room.checkpoint).collect::<Vec<_>>(), [&rooms[0].bytes()]);
    assert_eq!(journal.report().files, 2, "the old file is there until it is not needed");
    let again = Writing::new(&journal, "stays");
    journal.flush();
    journal.forget(found);
    journal.flush();
    assert_eq!((journal.report().files, again.journal.safe()), (1, 0));
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let disk = Memory::default();
    let (journal, _) = open(&disk, Durability::Process, StoreFailure::GoOn);
    let mut room = Writing::new(&journal, "one");
    for number in 0..12 {
        room.write(number);
        journal.flush();
    }
    let whole = disk.state().files.clone();
    let (name, file) = whole.iter().next().expect("a file");
    let read = |bytes: Vec<u8>| {
        let file = File { bytes, ..File::default() };
        let mut disk = Memory(Arc::new(Mutex::new(State { files: [(name.clone(), file)].into(), ..State::default() })));
        Found::read(&mut disk, None).expect("it can be read")
    };
    let all = read(file.bytes.clone());
    assert_eq!(all.rooms[0].tail.len(), 12);
    let last = file.bytes.len() - 28 - all.rooms[0].tail[11].inputs.len() - 29;
    for at in 0..file.bytes.len() {
        let mut flipped = file.bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        let found = read(flipped);
        let entries = found.rooms.first().map_or(0, |room| room.tail.len());
        let named = !found.damages.is_empty() || found.rooms.is_empty();
        assert!(entries < 12 && (named || at >= last), "a flipped bit at {at} of {}: {found:?}", file.bytes.len());
        let cut = read(file.bytes[..at].to_vec());
        room.check_part(&cut);
        assert!(cut.damages.is_empty(), "a cut at {at}: nothing follows it");
    }
}

impl Writing {
    /// What was found is a beginning of what was written.
    fn check_part(&self, found: &Found) {
        for room in &found.rooms {
            assert!(room.tail.iter().zip(&self.entries).all(|(found, written)| found.inputs == written.inputs));
        }
    }
}

#[test]
fn doubled_swapped_and_missing_files_are_named() {
    let disk = Memory::default();
    let mut names = Vec::new();
    // Each start leaves one file.
    for _ in 0..3 {
        let (journal, _) = open(&disk, Durability::Process, StoreFailure::GoOn);
        let _room = Writing::new(&journal, "one");
        journal.close();
        names = disk.state().files.keys().cloned().collect();
    }
    assert_eq!(names.len(), 3);
    let mut without = disk.after_kill();
    without.remove(&names[1]).expect("it is there");
    let found = Found::read(&mut without, None).expect("it can be read");
    assert_eq!(found.damages.len(), 1, "a file is missing");
    assert_eq!(found.rooms[0].damage, None, "a newer checkpoint does not depend on it");
}

#[test]
fn a_journal_that_fails_is_given_up_or_ends_its_rooms_and_is_never_tried_again() {
    for (fault, failure, moves) in [
        ("full", StoreFailure::GoOn, true),
        ("full", StoreFailure::End, true),
        ("sync", StoreFailure::GoOn, true),
        ("sync", StoreFailure::GoOn, false),
    ] {
        let disk = Memory::default();
        let (journal, _) = open(&disk, Durability::Disk, failure);
        let mut room = Writing::new(&journal, "one");
        room.write(1);
        assert_eq!(journal.flush(), StoreState::Writing);
        let safe = room.journal.safe();
        {
            let mut state = disk.state();
            state.space = (fault == "full").then_some(10);
            (state.fails_to_sync, state.fails_to_move) = (fault == "sync", !moves);
        }
        room.write(2);
        let state = journal.flush();
        let goes_on = failure == StoreFailure::GoOn && moves;
        assert_eq!(matches!(state, StoreState::GivenUp(_)), goes_on, "{fault} {failure:?}: {state:?}");
        assert_eq!(room.journal.has_failed(), !goes_on);
        assert_eq!(room.journal.safe(), if goes_on { u64::MAX } else { safe });
        assert_eq!(disk.state().aside, usize::from(goes_on), "an old state must not come back");
        {
            let mut state = disk.state();
            (state.fails_to_sync, state.space) = (false, None);
        }
        room.write(3);
        assert_eq!(journal.flush(), state, "a failed sync is not tried again");
        let (_, found) = open(&disk.after_kill(), Durability::Disk, failure);
        assert_eq!(found.rooms.len(), usize::from(!goes_on), "what was safe stays if the rooms ended");
    }
}

#[test]
fn a_disk_that_is_too_slow_is_a_failed_one() {
    let disk = Memory::default();
    let (journal, _) = open(&disk, Durability::Process, StoreFailure::GoOn);
    let room = Writing::new(&journal, "one");
    journal.flush();
    let stuck = disk.state();
    // The writer is stuck with what it took at once, at most what may wait; as much waits behind that, and more.
    for number in 0..80 {
        room.journal.append(JournalEntry { inputs: vec![number; 2 << 20], ..JournalEntry::default() }, false);
    }
    drop(stuck);
    let state = journal.flush();
    assert!(matches!(&state, StoreState::GivenUp(why) if why.contains("too slow")), "{state:?}");
}
