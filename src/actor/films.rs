//! Films of rooms for the public: segments of a second, kept for a short while, that any number of viewers may fetch.
//!
//! A room is filmed while somebody asks for parts of it. Requests find the segments here and do not reach the room.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix::{Addr, Context, Handler, Message};
use actix_web::rt::time::timeout;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::watch;

use super::clock::Clock;
use super::directory::Directory;
use super::operator::Find;
use super::room::RoomActor;
use crate::engine::FilmSegment;
use crate::id::Incarnation;
use crate::tick::{Moment, Tick};
use crate::wire::limits;

/// The films of a server, by room.
#[derive(Debug)]
pub struct Films {
    clock: Clock,
    /// The time from the end of a segment until viewers may fetch it.
    delay: Duration,
    tapes: Mutex<BTreeMap<String, Arc<FilmTape>>>,
}

/// The segments of one room's film.
#[derive(Debug)]
pub struct FilmTape {
    clock: Clock,
    delay: Duration,
    state: Mutex<State>,
    /// How many segments there were; changes with each, and at the end.
    news: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    segments: VecDeque<Arc<PublicSegment>>,
    /// The room has ended, or nobody watched it any more.
    is_over: bool,
    asked_at: Moment,
}

/// A segment, and when it may be seen.
#[derive(Debug)]
pub struct PublicSegment {
    pub segment: FilmSegment,
    public_from: Moment,
    event: OnceLock<Bytes>,
}

/// What there is of a film.
#[derive(Debug, Serialize)]
pub struct FilmIndex {
    /// The start of the room that the segments are of.
    pub incarnation: u64,
    /// The first ticks of the segments that can be fetched, oldest first. A segment ends with the first tick of the next.
    pub segments: Vec<u32>,
    /// The first tick of the segment that comes next; a request for it waits. `None`: there is none.
    pub next: Option<u32>,
    /// The delay of the film, in milliseconds.
    pub delay: u64,
}

/// Whether a segment can be fetched.
enum Availability {
    Now(Arc<PublicSegment>),
    /// Later, at this moment if that is known.
    Later(Option<Moment>),
    Never,
}

impl PublicSegment {
    /// The segment as a server-sent event, made once.
    pub fn event(&self) -> Bytes {
        let make = || {
            let FilmSegment { incarnation, first, file, .. } = &self.segment;
            format!("id: {}-{}\ndata: {}\n\n", incarnation.0, first.0, BASE64_STANDARD.encode(file)).into()
        };
        self.event.get_or_init(make).clone()
    }
}

impl Films {
    /// No films yet.
    pub fn new(clock: Clock, delay: Duration) -> Arc<Self> {
        Arc::new(Self { clock, delay, tapes: Mutex::default() })
    }

    /// The film of a room, which is filmed from now on. `None`: there is no such room, nobody may watch it, or too many rooms
    /// are filmed.
    pub async fn open(&self, id: &str, directory: &Addr<Directory>) -> Option<Arc<FilmTape>> {
        let now = self.clock.now();
        let known = self.tapes.lock().get(id).filter(|tape| tape.is_of_use(now)).cloned();
        if let Some(tape) = known.as_ref().filter(|tape| tape.is_rolling()) {
            tape.state.lock().asked_at = now;
            return known;
        }
        // A room that nobody watched for a while is filmed anew; of one that has ended, the last segments may still be fetched.
        let filmed = self.film_anew(id, directory).await;
        filmed.or(known)
    }

    async fn film_anew(&self, id: &str, directory: &Addr<Directory>) -> Option<Arc<FilmTape>> {
        let room = directory.send(Find(id.to_owned())).await.ok()??;
        let now = self.clock.now();
        self.tapes.lock().retain(|_, tape| tape.is_of_use(now));
        if self.tapes.lock().len() >= limits::FILMED_ROOMS {
            return None;
        }
        let tape = room.send(FilmRoom(FilmTape::new(self.clock, self.delay))).await.ok()??;
        self.tapes.lock().insert(id.to_owned(), tape.clone());
        Some(tape)
    }
}

impl FilmTape {
    fn new(clock: Clock, delay: Duration) -> Arc<Self> {
        let state = State { segments: VecDeque::new(), is_over: false, asked_at: clock.now() };
        Arc::new(Self { clock, delay, state: Mutex::new(state), news: watch::Sender::new(0) })
    }

    fn push(&self, segment: FilmSegment) {
        let now = self.clock.now();
        let mut state = self.state.lock();
        // A room that goes on in another process has other ticks.
        state.segments.retain(|kept| kept.segment.incarnation == segment.incarnation && !kept.is_outdated(now));
        let public_from = now.plus(self.delay);
        state.segments.push_back(Arc::new(PublicSegment { segment, public_from, event: OnceLock::new() }));
        drop(state);
        self.news.send_modify(|count| *count += 1);
    }

    fn end(&self) {
        self.state.lock().is_over = true;
        self.news.send_modify(|count| *count += 1);
    }

    fn is_watched(&self) -> bool {
        self.clock.now().since(self.state.lock().asked_at) < limits::FILM_WATCHED + self.delay
    }

    /// Whether the first segment is still to come.
    fn is_awaited(&self) -> bool {
        let state = self.state.lock();
        state.segments.is_empty() && !state.is_over
    }

    fn is_rolling(&self) -> bool {
        !self.state.lock().is_over
    }

    fn is_of_use(&self, now: Moment) -> bool {
        let state = self.state.lock();
        !state.is_over || state.segments.back().is_some_and(|last| !last.is_outdated(now))
    }

    /// What can be fetched now, after the first segment is public; sooner if that takes longer than a request may.
    pub async fn index(&self) -> FilmIndex {
        let mut news = self.news.subscribe();
        let _ = timeout(limits::FILM_WAIT, async { while self.is_awaited() && news.changed().await.is_ok() {} }).await;
        let (now, state) = (self.clock.now(), self.state.lock());
        let public = || state.segments.iter().filter(|kept| kept.public_from <= now);
        let waiting = state.segments.iter().find(|kept| kept.public_from > now);
        let next = waiting.map(|kept| kept.segment.first);
        let next = next.or_else(|| state.segments.back().filter(|_| !state.is_over).map(|kept| kept.segment.last));
        FilmIndex {
            incarnation: state.segments.back().map_or(0, |kept| kept.segment.incarnation.0),
            segments: public().map(|kept| kept.segment.first.0).collect(),
            next: next.map(|tick| tick.0),
            delay: self.delay.as_millis() as u64,
        }
    }

    /// The segment that starts with this tick; waits for the next one. `None`: it is not there, and will not be soon.
    pub async fn segment(&self, incarnation: Incarnation, first: Tick) -> Option<Arc<PublicSegment>> {
        let mut news = self.news.subscribe();
        let search = async {
            loop {
                news.mark_unchanged();
                let wait = match self.availability(incarnation, first) {
                    Availability::Now(segment) => return Some(segment),
                    Availability::Never => return None,
                    Availability::Later(None) => limits::FILM_WAIT,
                    Availability::Later(Some(moment)) => moment.since(self.clock.now()),
                };
                let _ = timeout(wait, news.changed()).await;
            }
        };
        timeout(limits::FILM_WAIT, search).await.ok().flatten()
    }

    /// The segment that a viewer gets who has this one, or none.
    pub async fn after(&self, known: Option<&PublicSegment>) -> Option<Arc<PublicSegment>> {
        let next = known.map(|known| (known.segment.incarnation, known.segment.last));
        self.state.lock().asked_at = self.clock.now();
        match next {
            Some((incarnation, first)) => self.segment(incarnation, first).await,
            None => {
                let FilmIndex { incarnation, segments, next, .. } = self.index().await;
                let first = segments.last().copied().or(next)?;
                self.segment(Incarnation(incarnation), Tick(first)).await
            }
        }
    }

    /// Whether the segment after this one is there, or may still come.
    pub fn goes_on_from(&self, known: &PublicSegment) -> bool {
        let FilmSegment { incarnation, last, .. } = known.segment;
        !matches!(self.availability(incarnation, last), Availability::Never)
    }

    /// Whether no further segment will be public.
    pub fn is_over(&self) -> bool {
        let (now, state) = (self.clock.now(), self.state.lock());
        state.is_over && state.segments.back().is_none_or(|last| last.public_from <= now)
    }

    fn availability(&self, incarnation: Incarnation, first: Tick) -> Availability {
        let (now, state) = (self.clock.now(), self.state.lock());
        let of_this = || state.segments.iter().filter(|kept| kept.segment.incarnation == incarnation);
        if let Some(kept) = of_this().find(|kept| kept.segment.first == first) {
            let is_public = kept.public_from <= now;
            return if is_public {
                Availability::Now(kept.clone())
            } else {
                Availability::Later(Some(kept.public_from))
            };
        }
        match of_this().next_back() {
            Some(newest) if newest.segment.last == first && !state.is_over => Availability::Later(None),
            _ => Availability::Never,
        }
    }
}

impl PublicSegment {
    fn is_outdated(&self, now: Moment) -> bool {
        now.since(self.public_from) > limits::FILM_KEPT
    }
}

/// To a room: film it on this tape. Returns the tape that it is filmed on; `None` if nobody may watch the room.
#[derive(Debug, Message)]
#[rtype(result = "Option<Arc<FilmTape>>")]
struct FilmRoom(Arc<FilmTape>);

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

    fn handle(&mut self, FilmRoom(tape): FilmRoom, _: &mut Context<Self>) -> Self::Result {
        let host = self.host.as_mut().filter(|host| host.room().config().policy.most_spectators > 0)?;
        // It has the events for the film.
        host.record_from_now();
        host.film(true);
        Some(self.filming.get_or_insert_with(|| Filming(tape)).0.clone())
    }
}

impl RoomActor {
    /// A second of the room's film is complete.
    pub(super) fn keep_film(&mut self, segment: FilmSegment) {
        let Some(Filming(tape)) = &self.filming else { return };
        tape.push(segment);
        if !tape.is_watched() {
            self.filming = None;
            self.host.iter_mut().for_each(|host| host.film(false));
        }
    }
}
