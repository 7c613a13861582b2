//! The film of a room for the public: segments of a second, made while somebody watches.
//!
//! A segment is a recording without inputs: it starts with keyframes, so it can be watched alone, and it never changes, so any
//! cache may carry it. Checkpoints have what viewers may still lack, so the film goes on where the room does: after a crash,
//! a stop or a move.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::camera::Shot;
use super::events::Event;
use super::film::{Change, Reel};
use super::history::FrameStore;
use super::host::{Host, Waiting};
use super::recorder::FlightRecorder;
use super::recording::Recording;
use super::room::Room;
use crate::id::Incarnation;
use crate::tick::Tick;
use crate::wire::{limits, split};

/// A second of a room, or less where the room went on in another process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilmSegment {
    /// The start of the room that it is of.
    pub incarnation: Incarnation,
    /// The tick of its first state.
    pub first: Tick,
    /// That of its last state, with which the next segment starts.
    pub last: Tick,
    /// The segment as a file; see [`Recording::encode`].
    pub file: Bytes,
}

/// Films a room for the public.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct LiveFilm {
    /// `None` until the first tick.
    shot: Option<Shot>,
    /// The newest segments, oldest first.
    recent: VecDeque<FilmSegment>,
    /// The ticks that they have at least, once they are there.
    kept: u32,
    /// In a checkpoint: events of the tick that comes next.
    pending: Vec<Event>,
}

impl FilmSegment {
    fn new(room: &Room, reel: Reel) -> Self {
        let (incarnation, first, last) = (room.config().incarnation, reel.tick, reel.last());
        // Without a first state there are no inputs in it, which are not for the public.
        let recording = Recording::new(room, "film", None, Vec::new(), vec![reel]);
        Self { incarnation, first, last, file: recording.encode().into() }
    }
}

impl LiveFilm {
    /// Returns the segment that ends with this tick.
    fn ticked(&mut self, room: &mut Room) -> Option<FilmSegment> {
        let Some(shot) = &mut self.shot else {
            self.shot = Some(Shot::beginning(room));
            return None;
        };
        shot.ticked(room, false);
        if shot.ticks() < room.rate().ticks_in(limits::FILM_SEGMENT) {
            return None;
        }
        let reel = shot.cut(room);
        let segment = FilmSegment::new(room, reel);
        self.keep(segment.clone());
        Some(segment)
    }

    /// Ends the segment of this incarnation. The next one starts with the same state.
    fn interrupt(&mut self, room: &mut Room) {
        if let Some(mut shot) = self.shot.take().filter(|shot| shot.ticks() > 0) {
            let reel = shot.cut(room);
            let segment = FilmSegment::new(room, reel);
            self.keep(segment);
        }
        self.shot = Some(Shot::beginning(room));
    }

    /// Adds what is not saved. `None`: something cannot be read.
    fn restored(mut self: Box<Self>) -> Option<Box<Self>> {
        if let Some(shot) = &mut self.shot {
            let reel = shot.reel_mut();
            let mut changes = &reel.changes[..];
            while !changes.is_empty() {
                let (after, rest) = split::<u32>(changes).ok()?;
                (_, changes) = split::<Change>(rest).ok()?;
                reel.changed = reel.changed.checked_add(after)?;
            }
        }
        self.pending.iter().all(Event::is_sound).then_some(self)
    }

    fn keep(&mut self, segment: FilmSegment) {
        let last = segment.last;
        self.recent.push_back(segment);
        while self.recent.front().is_some_and(|oldest| last.since(oldest.last).cast_unsigned() >= self.kept) {
            self.recent.pop_front();
        }
    }
}

impl Room {
    /// The room has made a tick. Returns the segment of its film that ends with it. To be called before the flight recorder takes
    /// the events of the tick.
    pub(super) fn film_tick(&mut self) -> Option<FilmSegment> {
        let mut film = self.film.take()?;
        let segment = film.ticked(self);
        self.film = Some(film);
        segment
    }

    /// The room goes on with another incarnation.
    pub(super) fn interrupt_film(&mut self) {
        if let Some(mut film) = self.film.take() {
            film.interrupt(self);
            self.film = Some(film);
        }
    }

    /// The film as a checkpoint has it.
    pub(super) fn film_to_save(&self) -> Option<Box<LiveFilm>> {
        let nameless = |event: &Arc<Event>| match Change::of_event(event.body()) {
            Change::Event(body) => Event::new(event.tick, &body),
            _ => Event::clone(event),
        };
        let pending = self.film_events.iter().flatten().map(nameless).collect();
        self.film.as_ref().map(|film| Box::new(LiveFilm { pending, ..LiveFilm::clone(film) }))
    }

    /// Goes on with the film of a checkpoint, unless it is damaged: then it begins anew.
    pub(super) fn restore_film(&mut self, film: Option<Box<LiveFilm>>) {
        self.film = film.and_then(|film| film.restored());
        let pending = self.film.as_mut().map(|film| std::mem::take(&mut film.pending));
        self.film_events = pending.map(|events| events.into_iter().map(Arc::new).collect());
    }

    /// The events for the film up to the newest frame. Those of what happened after it was frozen belong to the next one.
    pub(super) fn take_film_events(&mut self) -> Vec<Arc<Event>> {
        let tick = self.frame.tick();
        let events = self.film_events.get_or_insert_default();
        let due = events.iter().take_while(|event| !event.tick.is_after(tick)).count();
        events.drain(..due).collect()
    }

    /// The newest segments of the room's film, oldest first; `None` if it is not filmed. A room that was restored has those that
    /// viewers may still lack.
    pub fn film(&self) -> Option<impl Iterator<Item = &FilmSegment>> {
        self.film.as_ref().map(|film| film.recent.iter())
    }
}

impl<T: Waiting, F: FrameStore> Host<T, F> {
    /// Keeps the last minute of the room [as if from its beginning](Self::with_recorder), but from now on.
    pub fn record_from_now(&mut self) {
        if self.recorder.is_none() {
            self.recorder = Some(FlightRecorder::new(&mut self.room));
        }
    }

    /// Films the room for the public from its next tick on, for viewers who see it with this delay; `None`: no longer. With a
    /// journal, a segment comes when its inputs are safe. Checkpoints have the film, and a restored room goes on with it. The film
    /// has events only if the last minute of the room [is kept](Self::with_recorder).
    pub fn film(&mut self, delay: Option<Duration>) {
        let Some(delay) = delay else { return self.room.film = None };
        let kept = self.room.rate().ticks_in(delay + limits::FILM_GOES_ON);
        if self.room.film.is_none() {
            // The film goes on after a crash only from a checkpoint that has it.
            self.recorder.iter_mut().for_each(FlightRecorder::cut_soon);
        }
        let fresh = || Box::new(LiveFilm { shot: None, recent: VecDeque::new(), kept, pending: Vec::new() });
        self.room.film.get_or_insert_with(fresh).kept = kept;
    }
}
