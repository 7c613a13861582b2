//! Cameras: a room's film, live for the public in segments of a second while somebody watches, and in longer parts for the
//! archive of matches.
//!
//! A live segment is a recording without inputs: it starts with keyframes, so it can be watched alone, and it never changes, so
//! any cache may carry it. Both films show only the zones that the game gives to spectators, and of the seats only who has which
//! entity.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::film::{Change, FilmSeat, Presence, Reel};
use super::history::FrameStore;
use super::host::{Host, HostOutput, Waiting};
use super::recorder::FlightRecorder;
use super::recording::{Header, Recording};
use super::room::Room;
use crate::id::{Incarnation, Seat, ZoneId};
use crate::snapshot::Frame;
use crate::tick::Tick;
use crate::wire::{EventBody, limits};

/// A part of a room's film that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filmed {
    /// A second, for those who watch.
    Live(FilmSegment),
    /// A longer part, for the archive.
    Kept(FilmPart),
}

/// A second of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// A part of the film that is kept of a match. Each starts with the last state of the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilmPart {
    /// The start of the room that it is of.
    pub incarnation: Incarnation,
    /// What was visible.
    pub reel: Reel,
}

/// The cameras of a room.
#[derive(Debug, Default)]
pub(super) struct Cameras {
    live: Option<Camera>,
    archive: Option<Camera>,
}

/// Films a room.
#[derive(Debug)]
struct Camera {
    /// How much a part has, at least.
    span: Duration,
    /// Whether the result of the match is left out. The archive has it elsewhere, sealed for those whom it may name.
    omits_result: bool,
    /// `None` until the first tick.
    shot: Option<Shot>,
}

/// The part that is being filmed.
#[derive(Debug)]
struct Shot {
    /// The zones that are shown, ascending.
    zones: Vec<ZoneId>,
    presence: Presence,
    reel: Reel,
}

impl Cameras {
    /// The room has made a tick. Returns the parts that end with it. To be called before the flight recorder takes the events of
    /// the tick.
    pub fn ticked(&mut self, room: &mut Room) -> [Option<Filmed>; 2] {
        let live = self.live.as_mut().and_then(|camera| camera.ticked(room));
        let kept = self.archive.as_mut().and_then(|camera| camera.ticked(room));
        [live.map(|reel| Filmed::Live(FilmSegment::new(room, reel))), kept.map(|reel| kept_of(room, reel))]
    }
}

fn kept_of(room: &Room, reel: Reel) -> Filmed {
    Filmed::Kept(FilmPart { incarnation: room.config().incarnation, reel })
}

impl FilmSegment {
    fn new(room: &Room, reel: Reel) -> Self {
        let (incarnation, first, last) = (room.config().incarnation, reel.tick, reel.last());
        // Without a first state there are no inputs in it, which are not for the public.
        let recording = Recording::new(room, "film", None, Vec::new(), vec![reel]);
        Self { incarnation, first, last, file: recording.encode().into() }
    }
}

impl Camera {
    /// Starts with the next tick.
    fn new(span: Duration) -> Self {
        Self { span, omits_result: false, shot: None }
    }

    /// Returns the part that ends with this tick.
    fn ticked(&mut self, room: &mut Room) -> Option<Reel> {
        let Some(shot) = &mut self.shot else {
            self.shot = Some(Shot::beginning(room));
            return None;
        };
        shot.ticked(room, self.omits_result);
        let span = room.rate().ticks_in(self.span);
        (shot.ticks() >= span).then(|| shot.cut(room))
    }
}

impl Shot {
    /// The first one.
    fn beginning(room: &mut Room) -> Self {
        let presence = players_of(Presence::of(room));
        Self::starting_now(room, presence)
    }

    fn ticks(&self) -> u32 {
        self.reel.last().since(self.reel.tick).cast_unsigned()
    }

    /// What was filmed. A new part starts with the newest frame.
    fn cut(&mut self, room: &mut Room) -> Reel {
        let presence = self.presence.clone();
        std::mem::replace(self, Self::starting_now(room, presence)).reel
    }

    /// Starts with the newest frame.
    fn starting_now(room: &mut Room, presence: Presence) -> Self {
        let zones = room.spectated();
        let frame = room.frame();
        let seen = frame.zones().iter().filter(|zone| zone.rows() > 0 && zones.binary_search(&zone.id()).is_ok());
        let keyframes = seen.map(|zone| (zone.id(), frame.keyframe(zone).clone())).collect();
        let reel = Reel::opening(frame.tick(), keyframes, presence.clone());
        Self { zones, presence, reel }
    }

    /// Adds the newest frame.
    fn ticked(&mut self, room: &Room, omits_result: bool) {
        let frame = room.frame();
        let zones = || frame.zones().iter().filter(|zone| self.zones.binary_search(&zone.id()).is_ok());
        self.reel.push_zones(zones().count(), zones());
        let due = room.film_events.iter().flatten().take_while(|event| !event.tick.is_after(frame.tick()));
        let told = due.map(|event| match event.body() {
            EventBody::Ended { .. } if omits_result => Change::Event(EventBody::Ended { result: Cow::default() }),
            body => Change::of_event(body),
        });
        for change in changed_seats(&self.presence, frame).into_iter().chain(told) {
            self.presence.apply(&change);
            self.reel.note(&change);
        }
    }
}

impl<T: Waiting, F: FrameStore> Host<T, F> {
    /// Keeps the last minute of the room [as if from its beginning](Self::with_recorder), but from now on.
    pub fn record_from_now(&mut self) {
        if self.recorder.is_none() {
            self.recorder = Some(FlightRecorder::new(&mut self.room));
        }
    }

    /// Films the room for the public from its next tick on, or no longer. With a journal, a segment comes when its inputs are
    /// safe. The film has events only if the last minute of the room [is kept](Self::with_recorder).
    pub fn film(&mut self, on: bool) {
        self.cameras.live = on.then(|| self.cameras.live.take().unwrap_or_else(|| Camera::new(limits::FILM_SEGMENT)));
    }

    /// Films the room for the archive of matches, from its newest frame on. As with [`Self::film`], parts come when they are safe,
    /// and events need a recorder.
    #[must_use]
    pub fn with_archive(mut self) -> Self {
        let shot = Some(Shot::beginning(&mut self.room));
        self.cameras.archive = Some(Camera { span: limits::MATCH_FILM_PART, omits_result: true, shot });
        self
    }

    /// Ends the film for the archive: what is left of it is among the outputs.
    pub fn end_archive(&mut self) {
        let shot = self.cameras.archive.take().and_then(|camera| camera.shot).filter(|shot| shot.ticks() > 0);
        if let Some(Shot { reel, .. }) = shot {
            let kept = kept_of(&self.room, reel);
            self.emit(HostOutput::Filmed(kept));
        }
    }

    /// What a film of the room for the archive is about.
    pub fn film_header(&self) -> Header {
        Recording::new(&self.room, "match", None, Vec::new(), Vec::new()).header
    }
}

/// The players without the zones that they see.
fn players_of(presence: Presence) -> Presence {
    let players = presence.seats.into_iter().filter(|(seat, _)| is_player(*seat));
    let seats = players.map(|(seat, taken)| (seat, FilmSeat { zones: Vec::new(), ..taken })).collect();
    Presence { seats, ..presence }
}

fn is_player(seat: Seat) -> bool {
    seat.0 < limits::SEATS
}

/// What leads to the seats of `frame`, without the zones that their players see.
fn changed_seats(presence: &Presence, frame: &Frame) -> Vec<Change<'static>> {
    let gone = presence.seats.keys().filter(|seat| frame.note(**seat).is_none());
    let mut changes: Vec<_> = gone.map(|seat| Change::Freed(*seat)).collect();
    for note in frame.notes().iter().filter(|note| is_player(note.seat)) {
        if presence.seats.get(&note.seat).is_none_or(|known| known.entity != note.entity) {
            let taken = FilmSeat { entity: note.entity, away: false, zones: Vec::new() };
            changes.push(Change::Seat(note.seat, taken));
        }
    }
    changes
}
