//! A room's part in the archive of matches: what it passes on of its players, its film and its end.

use std::sync::Arc;

use super::matches::Matches;
use super::names;
use super::room::RoomActor;
use crate::engine::{Filmed, MatchBeginning, Room, is_spectator};
use crate::id::Seat;
use crate::trust::wall_clock_millis;

/// What a room needs for that.
pub struct RoomMatch {
    matches: Arc<Matches>,
    id: String,
    private: bool,
    /// Whether the room may go on in another process, so that its match has not ended.
    pub(super) goes_on: bool,
}

impl RoomMatch {
    /// That of a room that starts.
    pub fn new(matches: Arc<Matches>, id: String, private: bool) -> Self {
        Self { matches, id, private, goes_on: false }
    }

    /// Whether the room's film is kept.
    pub fn keeps_film(&self) -> bool {
        self.matches.keeps_films()
    }
}

impl RoomActor {
    /// The room starts.
    pub(super) fn begin_match(&self) {
        let (Some(host), RoomMatch { matches, id, private, .. }) = (&self.host, &self.files.matches) else { return };
        let room = if *private { names::for_logs(id).into_owned() } else { id.clone() };
        let (began, header) = (wall_clock_millis(), host.film_header());
        matches.begin(id, MatchBeginning { room, private: *private, began, header });
    }

    /// A client was given a seat that it did not have.
    pub(super) fn count_in_match(&self, seat: Seat) {
        let Some(room) = self.room().filter(|_| !is_spectator(seat)) else { return };
        let identity = room.identity(seat).map(str::to_owned);
        self.files.matches.matches.joined(&self.files.matches.id, identity);
    }

    /// A part of the room's film is complete.
    pub(super) fn keep_filmed(&mut self, filmed: Filmed) {
        match filmed {
            Filmed::Live(segment) => self.keep_film(segment),
            Filmed::Kept(part) => self.files.matches.matches.film(&self.files.matches.id, part),
        }
    }

    /// The room has ended, unless it may go on in another process.
    pub(super) fn end_match(&self, room: Option<&Room>) {
        let RoomMatch { matches, id, goes_on, .. } = &self.files.matches;
        if let Some(room) = room.filter(|_| !goes_on) {
            matches.end(id, room.config().incarnation.0, room.public_result().cloned());
        }
    }
}
