//! Histories of a cluster, and their check afterwards, in the manner of Jepsen: what nodes and players noted while it ran is
//! searched for a room with two owners, for ticks that go back, and for commands that were done twice or lost.
//!
//! Owners are judged by records that were safe, not by frames: a process that is stopped right after it has looked at its lease
//! can still send one frame. A record became safe at some moment between its sending and its confirmation, so only an order that
//! no such moments allow is a violation.

#![allow(dead_code, reason = "each test needs a part of it")]

mod owners;
mod players;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What somebody noted. Nodes name rooms by a digest, players by their number in the test. Times are in microseconds of one clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "lowercase")]
pub enum Note {
    /// A node: a room begins here.
    Begins { room: String, incarnation: u64, at: u64 },
    /// A node: the record of this tick is safe.
    Safe { room: String, incarnation: u64, tick: u32, sent: u64, at: u64 },
    /// A player has a seat; `fresh`: as a new player.
    Welcomed { room: usize, player: usize, incarnation: u64, fresh: bool },
    /// A player has a frame.
    Frame { room: usize, player: usize, tick: u32 },
    /// A player has sent a command that is answered.
    Called { room: usize, player: usize, command: u32 },
    /// The answer.
    Replied { room: usize, player: usize, command: u32 },
    /// A player has said its line of this number.
    Said { room: usize, player: usize, line: u32 },
    /// A player has heard a line.
    Heard { room: usize, player: usize, speaker: usize, line: u32 },
}

/// Notes with where they are from: each node that was started, and all players together, have a source each.
pub type History = Vec<(usize, Note)>;

/// What a check has found.
#[derive(Debug, Default)]
pub struct Findings {
    pub faults: Vec<String>,
    pub records: usize,
    pub frames: usize,
    pub commands: usize,
    /// Incarnations of each room, at most.
    pub incarnations: usize,
}

/// Reads the notes of these files, one source each. Other lines, such as those of a log, are left out, and so is a last line that
/// was cut off.
pub fn read(files: &[PathBuf]) -> History {
    let mut history = History::new();
    for (source, path) in files.iter().enumerate() {
        let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let lines = BufReader::new(file).lines().map_while(Result::ok);
        let notes = lines.filter_map(|line| serde_json::from_str(&line).ok());
        history.extend(notes.map(|note| (source, note)));
    }
    history
}

/// The files of a folder, in order.
pub fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a readable folder");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

/// Checks a history. `complete`: whether it goes to an end at which every command must have been answered and every line heard.
pub fn check(history: &History, complete: bool) -> Findings {
    let mut findings = Findings::default();
    owners::check(history, &mut findings);
    players::check(history, complete, &mut findings);
    findings
}

/// Rooms with what somebody noted of them.
fn by_room<'h, T>(notes: impl Iterator<Item = (&'h str, T)>) -> BTreeMap<&'h str, Vec<T>> {
    let mut rooms = BTreeMap::<&str, Vec<T>>::new();
    notes.for_each(|(room, note)| rooms.entry(room).or_default().push(note));
    rooms
}
