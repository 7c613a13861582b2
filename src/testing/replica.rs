//! A second room that gets nothing but the recorded inputs of the first, and must answer them alike.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::engine::{Admitted, Answer, Event, Room, RoomInput, RoomOutput};
use crate::game::Refused;
use crate::id::Seat;
use crate::snapshot::Frame;
use crate::wire::{ServerMessage, encode_server};

/// A room that repeats another one.
pub(crate) struct Replica {
    room: Room,
    outputs: Vec<RoomOutput>,
    /// What the room required so far.
    pub digest: OutputDigest,
}

/// A hash of all that a room required, in order. Refusals are compared by the tests of rooms themselves.
#[derive(Default)]
pub(crate) struct OutputDigest {
    hasher: DefaultHasher,
}

impl Replica {
    /// A replica in its first state.
    pub fn new(room: Room) -> Self {
        Self { room, outputs: Vec::new(), digest: OutputDigest::default() }
    }

    /// Goes on with another room, which is in the same state.
    pub fn restart(&mut self, room: Room) {
        self.room = room;
    }

    /// Applies the inputs of a record.
    ///
    /// # Panics
    /// When the record cannot be read.
    pub fn apply(&mut self, mut record: &[u8]) {
        while !record.is_empty() {
            let (input, rest) = RoomInput::split_from(record).expect("what was recorded can be read");
            record = rest;
            let answer = self.room.apply(input, &mut self.outputs);
            self.outputs.drain(..).for_each(|output| self.digest.output(&output));
            if let Some(Answer::Ok(admitted)) = answer {
                self.digest.admitted(&admitted);
            }
        }
    }

    /// The room.
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// Compares the replica with the room that it repeats.
    ///
    /// # Panics
    /// When they differ: the game or the room depends on something that is no input.
    pub fn compare(&self, frame: &Frame, digest: &OutputDigest) {
        let mine = self.room.frame();
        let tick = frame.tick();
        assert_eq!(mine.tick(), tick, "a room and its replica have computed as many ticks");
        assert_eq!(mine.notes(), frame.notes(), "the same inputs lead to the same notes at {tick:?}");
        let zones = |frame: &Frame| {
            let zones = frame.zones().iter().map(|zone| (zone.id(), zone.hash(), zone.delta().clone()));
            zones.collect::<Vec<_>>()
        };
        assert_eq!(zones(mine), zones(frame), "the same inputs lead to the same rows at {tick:?}");
        let same = self.digest.hasher.finish() == digest.hasher.finish();
        assert!(same, "the same inputs lead to the same events and welcomes at {tick:?}");
    }
}

impl OutputDigest {
    /// Adds an output. Frames are compared by themselves.
    pub fn output(&mut self, output: &RoomOutput) {
        match output {
            RoomOutput::Event { seats, event } => self.event(seats, event),
            RoomOutput::Frame { .. } => {}
            RoomOutput::Freed { seat, reason, expired } => {
                (2, seat, reason.close(), reason.text(), expired).hash(&mut self.hasher);
            }
            RoomOutput::Listed => 3.hash(&mut self.hasher),
            RoomOutput::Judged(hit) => (7, hit).hash(&mut self.hasher),
            RoomOutput::Record(reason) => (5, reason).hash(&mut self.hasher),
            RoomOutput::Channel(effect) => (11, effect).hash(&mut self.hasher),
            RoomOutput::Reserved => 6.hash(&mut self.hasher),
            RoomOutput::ServerEvent(taken) => (10, taken.as_ref().map_err(Refused::text)).hash(&mut self.hasher),
            RoomOutput::TicketBack { seat, .. } => (9, seat).hash(&mut self.hasher),
            RoomOutput::Tap(entry) => (7, entry.key.to_string()).hash(&mut self.hasher),
            RoomOutput::Over(reason) => (4, reason.close(), reason.text()).hash(&mut self.hasher),
        }
    }

    /// Adds a welcome without its secret.
    pub fn admitted(&mut self, admitted: &Admitted) {
        let Admitted { welcome, start, events } = admitted;
        let mut welcome = welcome.clone();
        welcome.resume = None;
        encode_server(&ServerMessage::Welcome(Box::new(welcome))).hash(&mut self.hasher);
        (start.seat_generation, start.tick.0, &start.zones, events.len()).hash(&mut self.hasher);
    }

    fn event(&mut self, seats: &[Seat], event: &Arc<Event>) {
        (0, seats, event.tick, event.encoded()).hash(&mut self.hasher);
    }
}
