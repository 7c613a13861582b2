//! Films of rooms for the public: which rooms are filmed, and for how long.
//!
//! A room is filmed while somebody asks for parts of it. Requests find the segments (`film_tape`) and do not reach the room.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{Addr, Context, Handler, Message};
use parking_lot::Mutex;

use super::clock::Clock;
use super::directory::Directory;
use super::film_metrics::{FilmViewers, Outlet, Watching};
use super::film_tape::FilmTape;
use super::metrics::Metrics;
use super::operator::Find;
use super::room::RoomActor;
use crate::engine::FilmSegment;
use crate::wire::limits;

/// The films of a server, by room.
#[derive(Debug)]
pub struct Films {
    clock: Clock,
    /// The time from the end of a segment until viewers may fetch it.
    delay: Duration,
    metrics: Arc<Metrics>,
    tapes: Mutex<BTreeMap<String, Arc<FilmTape>>>,
}

impl Films {
    /// No films yet.
    pub fn new(clock: Clock, delay: Duration, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self { clock, delay, metrics, tapes: Mutex::default() })
    }

    /// Counts somebody who watches by this outlet, until what is returned is dropped.
    pub fn watch(&self, tape: &Arc<FilmTape>, outlet: Outlet) -> Watching {
        Watching::new(tape.clone(), outlet, self.metrics.clone(), self.clock)
    }

    /// Who watches the film of a room, if there is one.
    pub fn viewers(&self, id: &str) -> FilmViewers {
        let tapes = self.tapes.lock();
        tapes.get(id).map(|tape| tape.viewers()).unwrap_or_default()
    }

    /// The film of a room that was restored and goes on with it.
    fn go_on(&self, id: &str, tape: &Arc<FilmTape>) {
        self.tapes.lock().insert(id.to_owned(), tape.clone());
    }

    /// The film of a room, which is filmed from now on. `None`: there is no such room, nobody may watch it, or too many rooms
    /// are filmed.
    pub async fn open(self: &Arc<Self>, id: &str, directory: &Addr<Directory>) -> Option<Arc<FilmTape>> {
        let now = self.clock.now();
        let known = self.tapes.lock().get(id).filter(|tape| tape.is_of_use(now)).cloned();
        if let Some(tape) = known.as_ref().filter(|tape| tape.is_rolling()) {
            tape.ask();
            return known;
        }
        // A room that nobody watched for a while is filmed anew; of one that has ended, the last segments may still be fetched.
        let filmed = self.film_anew(id, directory).await;
        filmed.or(known)
    }

    async fn film_anew(self: &Arc<Self>, id: &str, directory: &Addr<Directory>) -> Option<Arc<FilmTape>> {
        let room = directory.send(Find(id.to_owned())).await.ok()??;
        let now = self.clock.now();
        self.tapes.lock().retain(|_, tape| tape.is_of_use(now));
        if self.tapes.lock().len() >= limits::FILMED_ROOMS {
            return None;
        }
        let tape = room.send(FilmRoom(self.clone())).await.ok()??;
        self.tapes.lock().insert(id.to_owned(), tape.clone());
        Some(tape)
    }
}

/// To a room: film it. Returns the tape that it is filmed on; `None` if nobody may watch the room.
#[derive(Debug, Message)]
#[rtype(result = "Option<Arc<FilmTape>>")]
struct FilmRoom(Arc<Films>);

/// A room's tape, which ends with the room.
#[derive(Debug)]
pub(super) struct Filming(Arc<FilmTape>);

impl Drop for Filming {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Handler<FilmRoom> for RoomActor {
    type Result = Option<Arc<FilmTape>>;

    fn handle(&mut self, FilmRoom(films): FilmRoom, _: &mut Context<Self>) -> Self::Result {
        let host = self.host.as_mut().filter(|host| host.room().config().policy.most_spectators > 0)?;
        // It has the events for the film.
        host.record_from_now();
        host.film(Some(films.delay));
        let tape = || Filming(FilmTape::new(films.clock, films.delay, host.room()));
        Some(self.filming.get_or_insert_with(tape).0.clone())
    }
}

impl RoomActor {
    /// The room was restored: if it was filmed, viewers go on.
    pub(super) fn resume_film(&mut self) {
        let (Some(host), films) = (&mut self.host, &self.files.films) else { return };
        if host.room().film().is_none() {
            return;
        }
        host.film(Some(films.delay));
        let tape = FilmTape::new(films.clock, films.delay, host.room());
        films.go_on(&host.room().config().id, &tape);
        self.filming = Some(Filming(tape));
    }

    /// A second of the room's film is complete.
    pub(super) fn keep_film(&mut self, segment: FilmSegment) {
        let Some(Filming(tape)) = &self.filming else { return };
        tape.push(segment);
        if !tape.is_watched() {
            self.filming = None;
            self.host.iter_mut().for_each(|host| host.film(None));
        }
    }
}
