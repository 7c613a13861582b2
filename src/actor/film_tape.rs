//! One room's film as viewers get it: its segments, from when they may be seen until nobody needs them any more.
//!
//! Viewers wait for the next segment without a timer each: one task per film wakes them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use actix_web::rt;
use actix_web::rt::time::timeout;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::watch;

use super::clock::Clock;
use super::film_metrics::{FilmViewers, Outlet};
use crate::engine::{FilmSegment, Room};
use crate::id::Incarnation;
use crate::tick::{Moment, Tick};
use crate::wire::limits;

/// The segments of one room's film.
#[derive(Debug)]
pub struct FilmTape {
    clock: Clock,
    /// The time from the end of a segment until viewers may fetch it.
    delay: Duration,
    /// The room's game.
    pub game: String,
    /// Whether viewers need a token.
    pub needs_token: bool,
    state: Mutex<State>,
    /// Changes with each segment that may be seen, at the end, and from time to time.
    news: watch::Sender<()>,
    viewers: [AtomicUsize; 2],
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
    pub public_from: Moment,
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
    Later,
    Never,
}

impl PublicSegment {
    fn new(segment: FilmSegment, public_from: Moment) -> Arc<Self> {
        Arc::new(Self { segment, public_from, event: OnceLock::new() })
    }

    /// The segment as a server-sent event, made once.
    pub fn event(&self) -> Bytes {
        let make = || {
            let FilmSegment { incarnation, first, file, .. } = &self.segment;
            format!("id: {}-{}\ndata: {}\n\n", incarnation.0, first.0, BASE64_STANDARD.encode(file)).into()
        };
        self.event.get_or_init(make).clone()
    }

    fn is_outdated(&self, now: Moment) -> bool {
        now.since(self.public_from) > limits::FILM_KEPT
    }
}

impl FilmTape {
    /// The film of a room, with what was filmed of it before it was restored.
    pub(super) fn new(clock: Clock, delay: Duration, room: &Room) -> Arc<Self> {
        let (now, tick, rate) = (clock.now(), room.frame().tick(), room.rate());
        // Ticks stand still while no server runs the room, so no segment can be seen too early.
        let public_from = |segment: &FilmSegment| {
            let ago = rate.period() * tick.since(segment.last).max(0).cast_unsigned();
            now.plus(delay.saturating_sub(ago))
        };
        let restored = room.film().into_iter().flatten();
        let segments = restored.map(|segment| PublicSegment::new(segment.clone(), public_from(segment))).collect();
        let state = Mutex::new(State { segments, is_over: false, asked_at: now });
        let (game, needs_token) = (room.config().game.clone(), room.spectators_need_token());
        let (news, viewers) = (watch::Sender::new(()), Default::default());
        let tape = Arc::new(Self { clock, delay, game, needs_token, state, news, viewers });
        rt::spawn(wake_viewers(Arc::downgrade(&tape)));
        tape
    }

    pub(super) fn push(&self, segment: FilmSegment) {
        let now = self.clock.now();
        let mut state = self.state.lock();
        state.segments.retain(|kept| !kept.is_outdated(now));
        state.segments.push_back(PublicSegment::new(segment, now.plus(self.delay)));
        drop(state);
        // A delayed one is told of when it may be seen; who waits for the first one must know when that is.
        self.news.send_replace(());
    }

    pub(super) fn end(&self) {
        self.state.lock().is_over = true;
        self.news.send_replace(());
    }

    /// Somebody asks for parts.
    pub fn ask(&self) {
        self.state.lock().asked_at = self.clock.now();
    }

    pub(super) fn is_watched(&self) -> bool {
        self.clock.now().since(self.state.lock().asked_at) < limits::FILM_WATCHED + self.delay
    }

    /// Whether the first segment is still to come.
    fn is_awaited(&self) -> bool {
        let state = self.state.lock();
        state.segments.is_empty() && !state.is_over
    }

    /// Whether the room is still filmed here.
    pub fn is_rolling(&self) -> bool {
        !self.state.lock().is_over
    }

    pub(super) fn is_of_use(&self, now: Moment) -> bool {
        let state = self.state.lock();
        !state.is_over || state.segments.back().is_some_and(|last| !last.is_outdated(now))
    }

    /// How many viewers each outlet has.
    pub(super) fn viewers(&self) -> FilmViewers {
        let [events, segments] = self.viewers.each_ref().map(|count| count.load(Ordering::Relaxed));
        FilmViewers { events, segments }
    }

    /// Counts one viewer more.
    pub(super) fn enter(&self, outlet: Outlet) {
        self.viewers[outlet as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one viewer less.
    pub(super) fn leave(&self, outlet: Outlet) {
        self.viewers[outlet as usize].fetch_sub(1, Ordering::Relaxed);
    }

    /// The moment at which viewers must be woken next, at the latest after a while; `None` when there will be no more.
    fn next_waking(&self) -> Option<Moment> {
        const BEAT: Duration = limits::FILM_WAIT.checked_div(4).expect("four is not zero");
        let (now, state) = (self.clock.now(), self.state.lock());
        let next = state.segments.iter().map(|kept| kept.public_from).find(|moment| *moment > now);
        let beat = now.plus(BEAT);
        if state.is_over && next.is_none() { None } else { Some(next.map_or(beat, |next| next.min(beat))) }
    }

    /// What can be fetched now, after the first segment is there; sooner if that takes longer than a request may.
    pub async fn index(&self) -> FilmIndex {
        let (mut news, until) = (self.news.subscribe(), self.clock.now().plus(limits::FILM_WAIT));
        while self.is_awaited() && self.clock.now() < until && news.changed().await.is_ok() {}
        let (now, state) = (self.clock.now(), self.state.lock());
        let public = state.segments.iter().rfind(|kept| kept.public_from <= now);
        let waiting = state.segments.iter().find(|kept| kept.public_from > now);
        // Viewers begin with the newest incarnation of which they may see something, and go on from there.
        let shown = public.or(waiting).map_or(Incarnation(0), |kept| kept.segment.incarnation);
        let of_shown = || state.segments.iter().filter(|kept| kept.segment.incarnation == shown);
        let next = match (public, waiting) {
            (Some(newest), _) if !state.is_over || waiting.is_some() => Some(newest.segment.last),
            (None, Some(kept)) => Some(kept.segment.first),
            _ => None,
        };
        FilmIndex {
            incarnation: shown.0,
            segments: of_shown().filter(|kept| kept.public_from <= now).map(|kept| kept.segment.first.0).collect(),
            next: next.map(|tick| tick.0),
            delay: self.delay.as_millis() as u64,
        }
    }

    /// The segment that starts with this tick; waits for the next one. Where the room went on in another process, that of the next
    /// incarnation. `None`: it is not there, and will not be soon.
    pub async fn segment(&self, incarnation: Incarnation, first: Tick) -> Option<Arc<PublicSegment>> {
        let (mut news, until) = (self.news.subscribe(), self.clock.now().plus(limits::FILM_WAIT));
        loop {
            match self.availability(incarnation, first) {
                Availability::Now(segment) => return Some(segment),
                Availability::Later if self.clock.now() < until => news.changed().await.ok()?,
                Availability::Later | Availability::Never => return None,
            }
        }
    }

    /// The segment that a viewer gets who has this one, or none.
    pub async fn after(&self, known: Option<&PublicSegment>) -> Option<Arc<PublicSegment>> {
        self.ask();
        match known {
            Some(PublicSegment { segment, .. }) => self.segment(segment.incarnation, segment.last).await,
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
        let starts =
            |kept: &&Arc<PublicSegment>| (kept.segment.incarnation, kept.segment.first) == (incarnation, first);
        let ends = |kept: &Arc<PublicSegment>| (kept.segment.incarnation, kept.segment.last) == (incarnation, first);
        let follows = || state.segments.iter().skip_while(|kept| !ends(kept)).nth(1);
        let follows = || follows().filter(|kept| kept.segment.first == first);
        match state.segments.iter().find(starts).or_else(follows) {
            Some(kept) if kept.public_from <= now => Availability::Now(kept.clone()),
            Some(_) => Availability::Later,
            None if state.segments.back().is_some_and(ends) && !state.is_over => Availability::Later,
            None => Availability::Never,
        }
    }
}

/// Wakes the viewers of a film when a segment may be seen that was delayed, and from time to time, so that none waits for too long.
async fn wake_viewers(tape: Weak<FilmTape>) {
    let Some(mut news) = tape.upgrade().map(|tape| tape.news.subscribe()) else { return };
    while let Some(wait) = tape.upgrade().and_then(|tape| Some(tape.next_waking()?.since(tape.clock.now()))) {
        match timeout(wait, news.changed()).await {
            // There is another segment to wait for, or none any more.
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => tape.upgrade().into_iter().for_each(|tape| tape.news.send_replace(())),
        }
        news.mark_unchanged();
    }
}
