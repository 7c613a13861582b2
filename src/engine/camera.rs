//! The camera: a room's film for the public, in segments of a second, while somebody watches.
//!
//! A segment is a recording without inputs: it starts with keyframes, so it can be watched alone, and it never changes, so any
//! cache may carry it. It shows only the zones that the game gives to spectators, and of the seats only who has which entity.

use bytes::Bytes;

use super::film::{Change, FilmSeat, Presence, Reel};
use super::history::FrameStore;
use super::host::{Host, Waiting};
use super::recording::Recording;
use super::room::Room;
use crate::id::{Incarnation, Seat, ZoneId};
use crate::snapshot::Frame;
use crate::tick::Tick;
use crate::wire::limits;

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

/// Films a room.
#[derive(Debug)]
pub(super) struct Camera {
    /// The zones that are shown, ascending.
    zones: Vec<ZoneId>,
    presence: Presence,
    reel: Reel,
    span: u32,
}

impl Camera {
    /// Starts with the newest frame.
    pub fn new(room: &Room) -> Self {
        let whole = Presence::of(room);
        let players = whole.seats.into_iter().filter(|(seat, _)| is_player(*seat));
        let seats = players.map(|(seat, taken)| (seat, FilmSeat { zones: Vec::new(), ..taken })).collect();
        let (zones, presence) = (shown(room), Presence { seats, ..whole });
        let reel = opening(room.frame(), &zones, &presence);
        Self { zones, presence, reel, span: room.rate().ticks_in(limits::FILM_SEGMENT) }
    }

    /// The room has made a tick. Returns the segment that ends with it. To be called before the flight recorder takes the
    /// events of the tick.
    pub fn ticked(&mut self, room: &Room) -> Option<FilmSegment> {
        let frame = room.frame();
        let zones = || frame.zones().iter().filter(|zone| self.zones.contains(&zone.id()));
        self.reel.push_zones(zones().count(), zones());
        let due = room.film_events.iter().flatten().take_while(|event| !event.tick.is_after(frame.tick()));
        let told = due.map(|event| Change::of_event(event.body()));
        for change in changed_seats(&self.presence, frame).into_iter().chain(told) {
            self.presence.apply(&change);
            self.reel.note(&change);
        }
        if frame.tick().since(self.reel.tick).cast_unsigned() < self.span {
            return None;
        }
        self.zones = shown(room);
        let reel = std::mem::replace(&mut self.reel, opening(frame, &self.zones, &self.presence));
        let (first, last) = (reel.tick, reel.last());
        // Without a first state there are no inputs in it, which are not for the public.
        let recording = Recording::new(room, "film", None, Vec::new(), vec![reel]);
        Some(FilmSegment { incarnation: room.config().incarnation, first, last, file: recording.encode().into() })
    }
}

impl<T: Waiting, F: FrameStore> Host<T, F> {
    /// Films the room for the public from now on, or no longer. With a journal, a segment comes when its inputs are safe. The
    /// film has events only if the last minute of the room [is kept](Self::with_recorder).
    pub fn film(&mut self, on: bool) {
        self.camera = on.then(|| self.camera.take().unwrap_or_else(|| Camera::new(&self.room)));
    }
}

fn is_player(seat: Seat) -> bool {
    seat.0 < limits::SEATS
}

/// The zones that spectators see.
fn shown(room: &Room) -> Vec<ZoneId> {
    room.game.spectate()
}

fn opening(frame: &Frame, zones: &[ZoneId], presence: &Presence) -> Reel {
    let seen = frame.zones().iter().filter(|zone| zone.rows() > 0 && zones.contains(&zone.id()));
    let keyframes = seen.map(|zone| (zone.id(), frame.keyframe(zone).clone())).collect();
    Reel::opening(frame.tick(), keyframes, presence.clone())
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
