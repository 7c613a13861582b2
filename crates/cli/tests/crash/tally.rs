//! What all players of a run share: where to connect to, and what they have found so far.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tickwire::tick::Moment;

use super::PATIENT;
use crate::history::Note;

/// What all players share.
pub struct Shared {
    /// Addresses of servers that have the rooms or know where they are.
    pub urls: Mutex<Vec<String>>,
    pub port: u16,
    start: Instant,
    tally: Mutex<Tally>,
    /// Where players note what they see, if anywhere.
    history: Option<Mutex<BufWriter<File>>>,
}

/// What all players found so far.
#[derive(Default)]
pub struct Tally {
    /// Players who have a frame of this server.
    pub playing: usize,
    /// Players who returned after the last kill.
    pub back: usize,
    /// Chat lines and replies that were told.
    pub lines: u64,
    pub replies: u64,
    /// Reservations that were told, and those of them that were good.
    pub promised: u64,
    pub kept: u64,
    /// Of these, seats of players whose session the server ended as too slow before it had heard of them.
    pub dismissed: u64,
    /// The time without a frame of each player and kill.
    pub gaps: Vec<Duration>,
    /// The longest time without a frame of each player, by room and player, since the last fault.
    pub pauses: BTreeMap<(usize, usize), Duration>,
    /// Welcomes so far.
    pub welcomes: usize,
    pub(super) latencies: Vec<Duration>,
    /// By room.
    pub(super) rooms: BTreeMap<usize, String>,
    /// Lines that each player said, by room and player. Who has said something returns to the seat.
    pub said: BTreeMap<(usize, usize), u32>,
    /// The newest line heard, by room, hearer and speaker.
    pub(super) heard: BTreeMap<(usize, usize, usize), u32>,
    /// Calls without a reply.
    pub(super) open_calls: usize,
    pub(super) crashes: usize,
    pub(super) quiet: bool,
    pub(super) over: bool,
}

impl Tally {
    /// Whether every line was heard by everybody in its room, every call answered, and every reservation good.
    pub fn is_complete(&self) -> bool {
        let everybody = self.said.keys();
        let hears_all = |(room, hearer): &(usize, usize)| {
            let said = self.said.iter().filter(|((other, _), _)| other == room);
            said.into_iter().all(|((_, speaker), said)| self.heard.get(&(*room, *hearer, *speaker)) == Some(said))
        };
        self.open_calls == 0 && self.promised == self.kept && everybody.into_iter().all(hears_all)
    }

    /// From calls to their replies, sorted; without those that a kill came in between.
    pub fn latencies(&self) -> Vec<Duration> {
        let mut sorted = self.latencies.clone();
        sorted.sort();
        sorted
    }
}

impl Shared {
    pub fn new(port: u16) -> Self {
        let urls = Mutex::new(vec![format!("ws://127.0.0.1:{port}/play")]);
        Self { urls, port, start: Instant::now(), tally: Mutex::default(), history: None }
    }

    /// As [`Self::new`], with a file for a history.
    pub fn noting(port: u16, file: &Path) -> Self {
        let file = File::create(file).expect("a writable folder");
        Self { history: Some(Mutex::new(BufWriter::new(file))), ..Self::new(port) }
    }

    /// Adds to the history.
    pub fn note(&self, note: &Note) {
        if let Some(history) = &self.history {
            let line = serde_json::to_string(note).expect("a note can be written");
            writeln!(history.lock().expect("no player fails"), "{line}").expect("the disk takes it");
        }
    }

    /// Everything that was noted is in the file.
    pub fn finish_history(&self) {
        if let Some(history) = &self.history {
            history.lock().expect("no player fails").flush().expect("the disk takes it");
        }
    }

    pub fn url(&self, which: usize) -> String {
        let urls = self.urls.lock().expect("no player fails");
        urls[which % urls.len()].clone()
    }

    pub fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().expect("no player fails")
    }

    /// Waits until `reached`.
    pub fn wait(&self, what: &str, reached: impl Fn(&Tally) -> bool) {
        let start = Instant::now();
        loop {
            let tally = self.tally();
            if reached(&tally) {
                return;
            }
            let Tally { playing, back, open_calls, .. } = &*tally;
            assert!(
                start.elapsed() < PATIENT,
                "{what}: not after {PATIENT:?}; {playing} play, {back} are back, {open_calls} open"
            );
            // The players need it meanwhile.
            drop(tally);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The server was killed.
    pub fn crashed(&self) {
        let mut tally = self.tally();
        (tally.back, tally.crashes) = (0, tally.crashes + 1);
    }

    /// Something fails now: pauses count from here.
    pub fn faults(&self) {
        self.tally().pauses.clear();
    }

    /// Players say nothing new from now on.
    pub fn hush(&self) {
        self.tally().quiet = true;
    }

    pub fn end(&self) {
        self.tally().over = true;
    }

    pub fn is_quiet(&self) -> bool {
        self.tally().quiet
    }

    /// The id of a room, once it is there.
    pub fn room(&self, room: usize) -> Option<String> {
        self.tally().rooms.get(&room).cloned()
    }

    pub fn now(&self) -> Moment {
        Moment(0).plus(self.start.elapsed())
    }
}
