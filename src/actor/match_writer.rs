//! The thread that writes the archive of matches, and tells what has ended.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use serde_bytes::ByteBuf;
use serde_json::Value;
use tracing::{error, info, warn};

use super::match_folder::MatchFolder;
use super::matches::{EndedMatch, MatchList, Persons};
use super::metrics::Metrics;
use super::watchdog::Heartbeat;
use crate::engine::{FilmPart, GoingMatch, MatchBeginning, MatchRecord, SavedResult, encode_join, encode_part};
use crate::trust::wall_clock_millis;
use crate::wire::limits;

/// What the writer is asked to do. `id` is that of a room.
pub(super) enum Job {
    Begin { id: String, beginning: Box<MatchBeginning> },
    Joined { id: String, identity: Option<String> },
    Film { id: String, part: Box<FilmPart>, bytes: usize },
    End { id: String, incarnation: u64, result: Option<Value>, ended: u64 },
    Settle { later: BTreeSet<String> },
    Then(Box<dyn FnOnce() + Send>),
}

/// The writer.
pub(super) struct MatchWriter {
    shared: Arc<MatchList>,
    metrics: Arc<Metrics>,
    heartbeat: Arc<Heartbeat>,
    /// Matches that go on, by the names of their files.
    going: BTreeMap<String, Going>,
    /// The bytes of the files of ended matches, by number.
    files: BTreeMap<u64, u64>,
}

/// A match that goes on.
struct Going {
    beginning: MatchBeginning,
    players: u64,
    persons: BTreeSet<String>,
    /// Whether somebody was forgotten who was in it: the result may name them.
    has_forgotten: bool,
    /// The whole bytes of its file; 0 before there is one.
    whole: u64,
    /// Whether something could not be written. The file is not written any more, then.
    is_cut: bool,
    /// Whether its room runs.
    runs: bool,
    /// When it was last heard of, in milliseconds since 1970.
    heard: u64,
}

impl MatchWriter {
    /// How often what is too old is looked for.
    const SWEEP_EVERY: Duration = Duration::from_secs(60);

    pub fn new(shared: Arc<MatchList>, metrics: Arc<Metrics>, heartbeat: Arc<Heartbeat>) -> Self {
        Self { shared, metrics, heartbeat, going: BTreeMap::new(), files: BTreeMap::new() }
    }

    pub fn run(mut self, jobs: &Receiver<Job>) {
        let heartbeat = self.heartbeat.clone();
        // A large archive takes a while, and nobody waits for it.
        self.load();
        loop {
            match jobs.recv_timeout(Self::SWEEP_EVERY) {
                Ok(job) => heartbeat.during(|| self.handle(job)),
                Err(RecvTimeoutError::Timeout) => heartbeat.during(|| self.sweep()),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn load(&mut self) {
        let Some(folder) = &self.shared.folder else { return };
        let (files, ended) = folder.read();
        self.files = files;
        ended.into_iter().for_each(|ended| self.shared.load(ended));
        for (stem, going) in folder.read_going() {
            let (mut persons, mut has_forgotten) = (BTreeSet::new(), false);
            for sealed in going.joins.iter().filter(|sealed| !sealed.is_empty()) {
                let identity = folder.keys().open(sealed).and_then(|identity| String::from_utf8(identity).ok());
                has_forgotten |= identity.is_none();
                persons.extend(identity);
            }
            let (players, whole) = (going.joins.len() as u64, going.whole as u64);
            let heard = going.beginning.began;
            let beginning = going.beginning;
            self.going.insert(
                stem,
                Going { beginning, players, persons, has_forgotten, whole, is_cut: false, runs: false, heard },
            );
        }
        self.sweep();
    }

    fn handle(&mut self, job: Job) {
        match job {
            Job::Begin { id, beginning } => self.begin(&MatchFolder::stem(&id), *beginning),
            Job::Joined { id, identity } => self.join(&MatchFolder::stem(&id), identity),
            Job::Film { id, part, bytes } => {
                self.shared.waiting.fetch_sub(bytes, Ordering::Relaxed);
                self.film(&MatchFolder::stem(&id), &part);
            }
            Job::End { id, incarnation, result, ended } => {
                self.end(&MatchFolder::stem(&id), Some(incarnation), result, ended);
            }
            Job::Settle { later } => self.settle(&later),
            Job::Then(then) => then(),
        }
    }

    fn begin(&mut self, stem: &str, beginning: MatchBeginning) {
        let heard = wall_clock_millis();
        if let Some(going) = self.going.get_mut(stem) {
            (going.runs, going.heard) = (true, heard);
            going.beginning.header = beginning.header;
            let block = going.beginning.encode(false);
            if going.whole > 0 {
                self.append(stem, &block);
            }
            return;
        }
        let (players, persons, has_forgotten, is_cut) = (0, BTreeSet::new(), false, false);
        let going = Going { beginning, players, persons, has_forgotten, whole: 0, is_cut, runs: true, heard };
        self.going.insert(stem.to_owned(), going);
    }

    fn join(&mut self, stem: &str, identity: Option<String>) {
        let Some(going) = self.going.get_mut(stem) else { return };
        going.players += 1;
        going.heard = wall_clock_millis();
        if going.players > limits::MATCH_JOINS as u64 {
            return;
        }
        let sealed = match (&self.shared.folder, &identity) {
            (Some(folder), Some(identity)) => folder.seal([identity.as_str()], identity.as_bytes()),
            _ => Ok(Vec::new()),
        };
        going.persons.extend(identity);
        match sealed {
            Ok(sealed) => self.append(stem, &encode_join(&sealed)),
            Err(error) => self.cut(stem, &error),
        }
    }

    fn film(&mut self, stem: &str, part: &FilmPart) {
        // Before somebody has joined there is nothing to see.
        let Some(going) = self.going.get_mut(stem).filter(|going| going.whole > 0 && !going.is_cut) else { return };
        going.heard = wall_clock_millis();
        let block = encode_part(part);
        if going.whole + block.len() as u64 > limits::MATCH_FILM {
            warn!(room = going.beginning.room, "the film of a match has become too long: its rest is not kept");
            going.is_cut = true;
            return;
        }
        self.append(stem, &block);
    }

    /// Appends to the file of a match, which it begins if it is not there.
    fn append(&mut self, stem: &str, block: &[u8]) {
        let (Some(folder), Some(going)) = (&self.shared.folder, self.going.get_mut(stem)) else { return };
        if going.is_cut {
            return;
        }
        let mut bytes = if going.whole == 0 { going.beginning.encode(true) } else { Vec::new() };
        bytes.extend(block);
        match folder.append(stem, going.whole, &bytes) {
            Ok(whole) => going.whole = whole,
            Err(error) => self.cut(stem, &error),
        }
    }

    fn cut(&mut self, stem: &str, error: &io::Error) {
        let Some(going) = self.going.get_mut(stem) else { return };
        going.is_cut = true;
        self.metrics.counts.match_films_lost.inc();
        error!(%error, room = going.beginning.room, "the film of a match cannot be written; its rest is not kept");
    }

    fn settle(&mut self, later: &BTreeSet<String>) {
        let later: BTreeSet<String> = later.iter().map(|id| MatchFolder::stem(id)).collect();
        let left: Vec<(String, u64)> = self
            .going
            .iter()
            .filter(|(stem, going)| !going.runs && !later.contains(*stem))
            .map(|(stem, going)| (stem.clone(), going.heard))
            .collect();
        for (stem, heard) in left {
            self.end(&stem, None, None, heard);
        }
    }

    fn end(&mut self, stem: &str, incarnation: Option<u64>, result: Option<Value>, ended: u64) {
        let Some(going) = self.going.remove(stem) else { return };
        if going.players > 0 {
            // Numbers are in order, also of matches that end together and when the clock was set back.
            let number = wall_clock_millis().max(self.shared.newest() + 1);
            self.keep(stem, &going, number, incarnation, result, ended);
        }
        self.shared.folder.iter().for_each(|folder| folder.forget_going(stem));
        self.sweep();
    }

    fn keep(
        &mut self,
        stem: &str,
        going: &Going,
        number: u64,
        incarnation: Option<u64>,
        result: Option<Value>,
        ended: u64,
    ) {
        let Going { beginning, players, persons, has_forgotten, .. } = going;
        let may_keep = |result: &Value| !has_forgotten && result.to_string().len() <= limits::MATCH_RESULT;
        let result = result.filter(may_keep);
        let incarnation = incarnation.unwrap_or(beginning.header.incarnation.0);
        let mut known = EndedMatch {
            number,
            room: beginning.room.clone(),
            game: beginning.header.game.clone(),
            private: beginning.private,
            incarnation,
            began: beginning.began,
            ended: ended.max(beginning.began),
            players: *players,
            has_film: false,
            has_result: result.is_some(),
            persons: Persons::Named(persons.clone()),
        };
        let mut is_kept = false;
        if let Some(folder) = &self.shared.folder {
            let film = folder.going_match(stem).ok().and_then(GoingMatch::recording);
            let film = film.map(|film| film.encode_kept()).unwrap_or_default();
            match record(folder, &known, persons, result.as_ref(), !film.is_empty())
                .and_then(|record| Ok((folder.write(&record, &film)?, record)))
            {
                Ok((bytes, record)) => {
                    info!(room = known.room, number, bytes, "a match is kept");
                    self.files.insert(number, bytes);
                    (known, is_kept) = (EndedMatch::of(record), true);
                }
                Err(error) => {
                    self.metrics.counts.matches_lost.inc();
                    error!(%error, room = known.room, "a match could not be kept");
                }
            }
        }
        self.shared.add(known, result, is_kept);
    }

    /// Deletes what is too old, or too much.
    fn sweep(&mut self) {
        self.shared.forget_recent(wall_clock_millis());
        let Some(folder) = &self.shared.folder else { return };
        for number in folder.surplus(&self.files, wall_clock_millis()) {
            if let Err(error) = folder.delete(number) {
                error!(%error, number, "a match that is too old cannot be deleted");
            }
            self.files.remove(&number);
            self.shared.drop_kept(number);
        }
        self.metrics.counts.matches_kept.set(self.shared.kept() as i64);
    }
}

/// What the file of a match tells.
fn record(
    folder: &MatchFolder,
    known: &EndedMatch,
    persons: &BTreeSet<String>,
    result: Option<&Value>,
    has_film: bool,
) -> io::Result<MatchRecord> {
    let EndedMatch { number, room, game, private, incarnation, began, ended, players, .. } = known.clone();
    let mut marks = Vec::new();
    for person in persons {
        // Of a person who was forgotten a short while ago there is none.
        let key = folder.keys().marks_of(person)?;
        marks.extend(key.map(|key| key.mark(&number.to_le_bytes())));
    }
    let json = result.map(|result| result.to_string().into_bytes());
    let result = match json {
        None => SavedResult::None,
        Some(json) if persons.is_empty() => SavedResult::Open(ByteBuf::from(json)),
        Some(json) => SavedResult::Sealed(ByteBuf::from(folder.seal(persons.iter().map(String::as_str), &json)?)),
    };
    Ok(MatchRecord {
        number,
        room,
        game,
        private,
        incarnation,
        began,
        ended,
        players,
        persons: marks,
        result,
        has_film,
    })
}
