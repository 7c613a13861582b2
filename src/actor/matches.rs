//! Matches that have ended: what just did, for streams of them, and the archive of those that are kept.
//!
//! Rooms pass on who joins, parts of their film and how they end, and never wait: one thread writes (`match_writer`). What is
//! known of a match is listed from memory; results that name persons are read from its file whenever they are asked for, so
//! that they are gone as soon as one of these persons is forgotten.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use actix_web::rt::time::timeout;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;

use super::match_folder::{MatchFolder, MatchShelf};
use super::match_search::{Eyes, MatchSearch, MatchViewer};
use super::match_writer::{Job, MatchWriter};
use super::metrics::Metrics;
use super::watchdog::Heartbeat;
use crate::engine::{FilmPart, MatchBeginning, PersonMark};
use crate::trust::wall_clock_millis;
use crate::wire::limits;

/// The ended matches of a server.
#[derive(Debug)]
pub struct Matches {
    jobs: Sender<Job>,
    shared: Arc<MatchList>,
    heartbeat: Arc<Heartbeat>,
    metrics: Arc<Metrics>,
}

/// What the writer and those who ask share.
#[derive(Debug)]
pub(super) struct MatchList {
    state: Mutex<State>,
    /// The number of the newest match.
    news: watch::Sender<u64>,
    /// The archive, if there is one.
    pub folder: Option<MatchFolder>,
    /// Bytes of films that wait to be written.
    pub waiting: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    kept: BTreeMap<u64, Arc<EndedMatch>>,
    recent: VecDeque<(Arc<EndedMatch>, Option<Arc<Value>>)>,
}

/// A match that has ended.
#[derive(Clone, Debug)]
pub struct EndedMatch {
    /// Its number. Later ones have greater numbers.
    pub number: u64,
    /// The room's id; shortened if the room was private.
    pub room: String,
    /// The game's name.
    pub game: String,
    /// Whether the room was private.
    pub private: bool,
    /// The last start of the room.
    pub incarnation: u64,
    /// When the room was made, in milliseconds since 1970.
    pub began: u64,
    /// When it ended.
    pub ended: u64,
    /// How many players took a seat.
    pub players: u64,
    /// Whether there is a film.
    pub has_film: bool,
    /// Whether it ended with a result.
    pub has_result: bool,
    pub(super) persons: Persons,
}

/// Who was in a match.
#[derive(Clone, Debug)]
pub(super) enum Persons {
    /// Their identities, which no file has.
    Named(BTreeSet<String>),
    /// What their keys make of the match's number.
    Marked(Vec<PersonMark>),
}

/// A match and its result.
pub type FoundMatch = (Arc<EndedMatch>, Option<Arc<Value>>);

/// A page of matches, newest first.
#[derive(Debug, Default)]
pub struct MatchPage {
    /// The matches.
    pub matches: Vec<FoundMatch>,
    /// The last number that was looked at, if there may be more after it.
    pub next: Option<u64>,
}

impl Matches {
    /// Starts the writer. Without a shelf, only what ended a short while ago is known, and no film is kept.
    ///
    /// # Errors
    /// The folder cannot be used, or another server uses it.
    pub fn start(shelf: Option<MatchShelf>, metrics: Arc<Metrics>) -> io::Result<Self> {
        let folder = shelf.map(MatchFolder::open).transpose()?;
        let (jobs, waiting) = channel();
        let news = watch::Sender::new(0);
        let shared = Arc::new(MatchList { state: Mutex::default(), news, folder, waiting: AtomicUsize::new(0) });
        let heartbeat = Arc::new(Heartbeat::of_writer());
        let writer = MatchWriter::new(shared.clone(), metrics.clone(), heartbeat.clone());
        thread::Builder::new().name("tickwire-matches".to_owned()).spawn(move || writer.run(&waiting))?;
        Ok(Self { jobs, shared, heartbeat, metrics })
    }

    /// The heartbeat for the watchdog.
    pub fn heartbeat(&self) -> &Arc<Heartbeat> {
        &self.heartbeat
    }

    /// Whether films are kept.
    pub fn keeps_films(&self) -> bool {
        self.shared.folder.is_some()
    }

    /// A room starts, perhaps again.
    pub fn begin(&self, id: &str, beginning: MatchBeginning) {
        self.send(Job::Begin { id: id.to_owned(), beginning: Box::new(beginning) });
    }

    /// A player has taken a seat.
    pub fn joined(&self, id: &str, identity: Option<String>) {
        self.send(Job::Joined { id: id.to_owned(), identity });
    }

    /// A part of a film is complete. If too much waits, it is lost.
    pub fn film(&self, id: &str, part: Box<FilmPart>) {
        let bytes = part.reel.weight();
        if self.shared.waiting.load(Ordering::Relaxed) + bytes > limits::MATCH_FILMS_WAITING {
            self.metrics.counts.match_films_lost.inc();
            return;
        }
        self.shared.waiting.fetch_add(bytes, Ordering::Relaxed);
        self.send(Job::Film { id: id.to_owned(), part, bytes });
    }

    /// A room has ended for good.
    pub fn end(&self, id: &str, incarnation: u64, result: Option<Value>) {
        self.send(Job::End { id: id.to_owned(), incarnation, result, ended: wall_clock_millis() });
    }

    /// All rooms that go on after a start have begun; those with these ids may go on later. What else the archive has of matches
    /// that had not ended was left behind by a crash.
    pub fn settle(&self, later: BTreeSet<String>) {
        self.send(Job::Settle { later });
    }

    /// Waits until all that was passed on is written, but at most for `most`, and lets another server have the folder.
    pub fn close(&self, most: Duration) {
        let (done, written) = channel();
        self.send(Job::Then(Box::new(move || _ = done.send(()))));
        let _ = written.recv_timeout(most);
        self.shared.folder.iter().for_each(MatchFolder::release);
    }

    /// The thread ends with the process.
    fn send(&self, job: Job) {
        let _ = self.jobs.send(job);
    }

    /// The matches that are found, newest first: at most `most` of those with numbers below `after`. Reads files.
    pub fn list(&self, viewer: &MatchViewer, search: &MatchSearch, after: Option<u64>, most: usize) -> MatchPage {
        let eyes = self.shared.eyes(viewer);
        let mut page = MatchPage::default();
        let mut read = 0;
        let known = self.shared.known(after.unwrap_or(u64::MAX));
        for (ended, result) in known {
            if page.matches.len() >= most || read >= limits::MATCHES_READ {
                page.next = page.next.or(after);
                return page;
            }
            page.next = Some(ended.number);
            if eyes.see(&ended, search) {
                read += 1;
                let result = self.shared.result(&ended, result);
                if search.finds_result(result.as_deref()) {
                    page.matches.push((ended, result));
                }
            }
        }
        MatchPage { next: None, ..page }
    }

    /// The film of a match that the viewer may see, as a file. Reads files.
    pub fn film_of(&self, viewer: &MatchViewer, number: u64) -> Option<Vec<u8>> {
        let (ended, _) =
            self.shared.known(number.checked_add(1)?).next().filter(|(ended, _)| ended.number == number)?;
        let eyes = self.shared.eyes(viewer);
        if !ended.has_film || !eyes.see(&ended, &MatchSearch::default()) {
            return None;
        }
        self.shared.folder.as_ref()?.film(number).ok()
    }

    /// The number of the newest match.
    pub fn newest(&self) -> u64 {
        *self.shared.news.borrow()
    }

    /// The matches after the one with the number `known`, oldest first, of those that ended a short while ago; and the newest
    /// number. Waits for one that is found; not for ever.
    pub async fn after(&self, known: u64, viewer: &MatchViewer, search: &MatchSearch) -> (Vec<FoundMatch>, u64) {
        const QUIET: Duration = Duration::from_secs(10);
        let (mut news, mut known) = (self.shared.news.subscribe(), known);
        let wait = async {
            loop {
                let newest = *news.borrow_and_update();
                let found = self.shared.recent(known, viewer, search);
                if !found.is_empty() {
                    return (found, newest);
                }
                known = known.max(newest);
                if news.changed().await.is_err() {
                    return (Vec::new(), known);
                }
            }
        };
        timeout(QUIET, wait).await.unwrap_or_else(|_| (Vec::new(), self.newest()))
    }
}

impl MatchList {
    /// A match has ended, and is in the archive or not.
    pub fn add(&self, ended: EndedMatch, result: Option<Value>, is_kept: bool) {
        let (ended, now) = (Arc::new(ended), wall_clock_millis());
        let mut state = self.state.lock();
        if is_kept {
            state.kept.insert(ended.number, ended.clone());
        }
        let number = ended.number;
        state.recent.push_back((ended, result.map(Arc::new)));
        drop(state);
        self.forget_recent(now);
        self.news.send_replace(number);
    }

    /// A match that ended before the server started is in the archive.
    pub fn load(&self, ended: EndedMatch) {
        self.news.send_if_modified(|newest| {
            *newest = ended.number.max(*newest);
            false
        });
        self.state.lock().kept.insert(ended.number, Arc::new(ended));
    }

    /// A match is not in the archive any more.
    pub fn drop_kept(&self, number: u64) {
        let mut state = self.state.lock();
        state.kept.remove(&number);
        if let Some((ended, _)) = state.recent.iter_mut().find(|(ended, _)| ended.number == number) {
            *ended = Arc::new(EndedMatch { has_film: false, ..EndedMatch::clone(ended) });
        }
    }

    /// How many are in the archive.
    pub fn kept(&self) -> usize {
        self.state.lock().kept.len()
    }

    /// The number of the newest match.
    pub fn newest(&self) -> u64 {
        *self.news.borrow()
    }

    /// Forgets those that ended too long ago to be told.
    pub fn forget_recent(&self, now: u64) {
        let for_millis = limits::MATCHES_RECENT_FOR.as_millis() as u64;
        let mut state = self.state.lock();
        while state.recent.len() > limits::MATCHES_RECENT
            || state.recent.front().is_some_and(|(first, _)| now.saturating_sub(first.ended) > for_millis)
        {
            state.recent.pop_front();
        }
    }

    /// All with numbers below this one, newest first.
    fn known(&self, below: u64) -> impl Iterator<Item = FoundMatch> {
        let state = self.state.lock();
        let known: Vec<FoundMatch> = match &self.folder {
            Some(_) => state.kept.range(..below).rev().map(|(_, ended)| (ended.clone(), None)).collect(),
            None => state.recent.iter().rev().filter(|(ended, _)| ended.number < below).cloned().collect(),
        };
        known.into_iter()
    }

    fn recent(&self, known: u64, viewer: &MatchViewer, search: &MatchSearch) -> Vec<FoundMatch> {
        let eyes = self.eyes(viewer);
        let state = self.state.lock();
        let later = state.recent.iter().filter(|(ended, _)| ended.number > known);
        let found = later.filter(|(ended, result)| eyes.see(ended, search) && search.finds_result(result.as_deref()));
        found.cloned().collect()
    }

    fn result(&self, ended: &EndedMatch, known: Option<Arc<Value>>) -> Option<Arc<Value>> {
        match &self.folder {
            Some(folder) if ended.has_result => folder.result(ended.number).map(Arc::new),
            _ => known,
        }
    }

    fn eyes<'a>(&self, viewer: &'a MatchViewer) -> Eyes<'a> {
        let key = match (viewer, &self.folder) {
            (MatchViewer::Person { identity, .. }, Some(folder)) => folder.keys().marks_of(identity).ok().flatten(),
            _ => None,
        };
        Eyes::new(viewer, key)
    }
}
