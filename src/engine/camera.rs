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

/// Films a room, from its next tick on.
#[derive(Debug, Default)]
pub(super) struct Camera(Option<Shot>);

/// The segment that is being filmed.
#[derive(Debug)]
struct Shot {
    /// The zones that are shown, ascending.
    zones: Vec<ZoneId>,
    presence: Presence,
    reel: Reel,
}

impl Camera {
    /// The room has made a tick. Returns the segment that ends with it. To be called before the flight recorder takes the
    /// events of the tick.
    pub fn ticked(&mut self, room: &mut Room) -> Option<FilmSegment> {
        let Some(shot) = &mut self.0 else {
            let presence = players_of(Presence::of(room));
            self.0 = Some(Shot::starting_now(room, presence));
            return None;
        };
        shot.ticked(room);
        let span = room.rate().ticks_in(limits::FILM_SEGMENT);
        if shot.reel.last().since(shot.reel.tick).cast_unsigned() < span {
            return None;
        }
        let presence = shot.presence.clone();
        let Shot { reel, .. } = std::mem::replace(shot, Shot::starting_now(room, presence));
        let (first, last) = (reel.tick, reel.last());
        // Without a first state there are no inputs in it, which are not for the public.
        let recording = Recording::new(room, "film", None, Vec::new(), vec![reel]);
        Some(FilmSegment { incarnation: room.config().incarnation, first, last, file: recording.encode().into() })
    }
}

impl Shot {
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
    fn ticked(&mut self, room: &Room) {
        let frame = room.frame();
        let zones = || frame.zones().iter().filter(|zone| self.zones.binary_search(&zone.id()).is_ok());
        self.reel.push_zones(zones().count(), zones());
        let due = room.film_events.iter().flatten().take_while(|event| !event.tick.is_after(frame.tick()));
        let told = due.map(|event| Change::of_event(event.body()));
        for change in changed_seats(&self.presence, frame).into_iter().chain(told) {
            self.presence.apply(&change);
            self.reel.note(&change);
        }
    }
}

impl<T: Waiting, F: FrameStore> Host<T, F> {
    /// Films the room for the public from its next tick on, or no longer. With a journal, a segment comes when its inputs are
    /// safe. The film has events only if the last minute of the room [is kept](Self::with_recorder).
    pub fn film(&mut self, on: bool) {
        self.camera = on.then(|| self.camera.take().unwrap_or_default());
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
