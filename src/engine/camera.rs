//! Cameras: what is filmed of a room, live for the public (`live_film`) and in longer parts for the archive of matches.
//!
//! Both films show only the zones that the game gives to spectators, and of the seats only who has which entity.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::film::{Change, FilmSeat, Presence, Reel};
use super::history::FrameStore;
use super::host::{Host, HostOutput, Waiting};
use super::live_film::FilmSegment;
use super::recording::{Header, Recording};
use super::room::Room;
use crate::id::{Incarnation, Seat, ZoneId};
use crate::snapshot::Frame;
use crate::wire::{EventBody, limits};

/// A part of a room's film that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filmed {
    /// A second, for those who watch.
    Live(FilmSegment),
    /// A longer part, for the archive.
    Kept(Box<FilmPart>),
}

/// A part of the film that is kept of a match. Each starts with the last state of the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilmPart {
    /// The start of the room that it is of.
    pub incarnation: Incarnation,
    /// What was visible.
    pub reel: Reel,
}

/// Films a room for the archive of matches.
#[derive(Debug)]
pub(super) struct Archive {
    shot: Shot,
}

/// The part that is being filmed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Shot {
    /// The zones that are shown, ascending.
    zones: Vec<ZoneId>,
    presence: Presence,
    reel: Reel,
}

impl Archive {
    /// The room has made a tick. Returns the part that ends with it. To be called before the flight recorder takes the events of
    /// the tick.
    pub fn ticked(&mut self, room: &mut Room) -> Option<Filmed> {
        // The archive has the result elsewhere, sealed for those whom it may name.
        self.shot.ticked(room, true);
        let span = room.rate().ticks_in(limits::MATCH_FILM_PART);
        (self.shot.ticks() >= span).then(|| {
            let reel = self.shot.cut(room);
            kept_of(room, reel)
        })
    }
}

fn kept_of(room: &Room, reel: Reel) -> Filmed {
    Filmed::Kept(Box::new(FilmPart { incarnation: room.config().incarnation, reel }))
}

impl Shot {
    /// The first one.
    pub fn beginning(room: &mut Room) -> Self {
        let presence = players_of(Presence::of(room));
        Self::starting_now(room, presence)
    }

    pub fn reel_mut(&mut self) -> &mut Reel {
        &mut self.reel
    }

    pub fn ticks(&self) -> u32 {
        self.reel.last().since(self.reel.tick).cast_unsigned()
    }

    /// What was filmed. A new part starts with the newest frame.
    pub fn cut(&mut self, room: &mut Room) -> Reel {
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
    pub fn ticked(&mut self, room: &Room, omits_result: bool) {
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
    /// Films the room for the archive of matches, from its newest frame on. As with [`Self::film`], parts come when they are safe,
    /// and events need a recorder.
    #[must_use]
    pub fn with_archive(mut self) -> Self {
        self.archive = Some(Archive { shot: Shot::beginning(&mut self.room) });
        self
    }

    /// Ends the film for the archive: what is left of it is among the outputs.
    pub fn end_archive(&mut self) {
        let shot = self.archive.take().map(|archive| archive.shot).filter(|shot| shot.ticks() > 0);
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
