//! The flight recorder: the last minute of a room, from which it can be run again.
//!
//! The recorder keeps segments of half a minute. Each starts with a checkpoint and has the inputs since and what was
//! visible. A game that is not saved has no checkpoints; its room can be run again only from its beginning, so all segments
//! are kept until they take too many bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use super::checkpoint::Checkpoint;
use super::film::{Change, Presence, Reel};
use super::recording::{Recording, Start};
use super::room::Room;
use super::room_input::RoomInput;
use crate::id::{EntityId, Seat, ZoneId};
use crate::snapshot::{Frame, SeatNote};
use crate::wire::limits;

/// The last minute of a room.
pub(super) struct FlightRecorder {
    segments: VecDeque<Segment>,
    /// Whether the first segment starts with the new room.
    from_beginning: bool,
    /// Who has which seat at the newest tick, and the room's properties.
    presence: Presence,
    /// The seats of the newest tick as its frame has them: comparing these with the next frame costs little.
    seats: Vec<SeatOfFrame>,
    /// Ticks of one segment.
    span: u32,
    /// Ticks of the segment that is recorded now.
    until_cut: u32,
    /// The newest checkpoint, if a journal has not taken it.
    fresh: Option<Arc<Checkpoint>>,
}

/// A seat with its entity and the zones that it sees.
type SeatOfFrame = (Seat, EntityId, Arc<[ZoneId]>);

struct Segment {
    checkpoint: Option<Arc<Checkpoint>>,
    reel: Reel,
    inputs: Vec<u8>,
    /// Bytes of everything but the inputs.
    bytes: usize,
}

impl FlightRecorder {
    /// Starts with a room that is new or was restored.
    pub fn new(room: &mut Room) -> Self {
        let span = room.rate().ticks_in(limits::RECORDING_SEGMENT);
        let from_beginning = room.frame().tick() == room.config().counters.tick && room.players() == 0;
        room.film_events.get_or_insert_default();
        let (segments, presence) = (VecDeque::new(), Presence::of(room));
        let (seats, fresh) = (seats_of(room.frame()), None);
        let mut recorder = Self { segments, from_beginning, presence, seats, span, until_cut: span, fresh };
        recorder.cut(room);
        recorder
    }

    /// As [`Self::new`], with shorter segments: a journal needs newer checkpoints.
    pub fn for_journal(room: &mut Room) -> Self {
        const PHASES: u64 = 16;
        let span = room.rate().ticks_in(limits::JOURNAL_SEGMENT);
        // Rooms that recover together must not make all their later checkpoints together.
        let phase = room.config().setup.seed % PHASES + 1;
        let until_cut = (u64::from(span) * phase / PHASES).max(1) as u32;
        Self { span, until_cut, ..Self::new(room) }
    }

    /// The newest checkpoint, if it was not taken before.
    pub fn take_checkpoint(&mut self) -> Option<Arc<Checkpoint>> {
        self.fresh.take()
    }

    /// Makes a checkpoint at the next tick.
    pub fn cut_soon(&mut self) {
        self.until_cut = 0;
    }

    pub fn has_checkpoint(&self) -> bool {
        self.segments.back().is_some_and(|segment| segment.checkpoint.is_some())
    }

    /// Records an input, before it is applied. Inputs without a state before them are of no use.
    pub fn record(&mut self, input: &RoomInput) {
        if let Some(inputs) = self.inputs() {
            input.append_to(inputs);
        }
    }

    /// Records an input that was encoded already.
    pub fn record_encoded(&mut self, input: &[u8]) {
        if let Some(inputs) = self.inputs() {
            inputs.extend_from_slice(input);
        }
    }

    /// Where inputs go, if they are of use.
    fn inputs(&mut self) -> Option<&mut Vec<u8>> {
        let runnable = self.from_beginning || self.segments.front().is_some_and(|first| first.checkpoint.is_some());
        self.segments.back_mut().filter(|_| runnable).map(|segment| &mut segment.inputs)
    }

    /// The room has made a tick.
    pub fn ticked(&mut self, room: &mut Room) {
        let frame = room.frame().clone();
        let Some(segment) = self.segments.back_mut() else { return };
        segment.bytes += segment.reel.push(&frame);
        if !are_seats_of(&self.seats, &frame) {
            for change in self.presence.changes_to(&frame) {
                self.presence.apply(&change);
                segment.bytes += segment.reel.note(&change);
            }
            self.seats = seats_of(&frame);
        }
        for event in room.take_film_events() {
            let change = Change::of_event(event.body());
            self.presence.apply(&change);
            segment.bytes += segment.reel.note(&change);
        }
        if frame.tick().since(segment.reel.tick).cast_unsigned() >= self.until_cut {
            self.until_cut = self.span;
            self.cut(room);
        } else {
            self.shed(room);
        }
    }

    fn cut(&mut self, room: &mut Room) {
        let checkpoint = room.checkpoint().map(Arc::new);
        self.fresh.clone_from(&checkpoint);
        let saved = checkpoint.is_some();
        let bytes = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.weight());
        let reel = Reel::starting_with(room.frame(), self.presence.clone());
        self.segments.push_back(Segment { checkpoint, reel, inputs: Vec::new(), bytes });
        let kept = room.rate().ticks_in(limits::RECORDING_SPAN).div_ceil(self.span) as usize + 1;
        while saved && self.segments.len() > kept {
            self.segments.pop_front();
            self.from_beginning = false;
        }
        self.shed(room);
    }

    /// Drops the oldest segments while all take too many bytes. A segment that takes too many alone begins anew, without a
    /// checkpoint until the next cut: checkpoints must not become frequent in the rooms where they cost most.
    fn shed(&mut self, room: &Room) {
        while self.weight() > limits::RECORDING_BYTES {
            self.from_beginning = false;
            if self.segments.len() > 1 {
                self.segments.pop_front();
            } else if let Some(last) = self.segments.back_mut() {
                *last = Segment {
                    checkpoint: None,
                    reel: Reel::starting_with(room.frame(), self.presence.clone()),
                    inputs: Vec::new(),
                    bytes: 0,
                };
                return;
            }
        }
    }

    fn weight(&self) -> usize {
        self.segments.iter().map(Segment::weight).sum()
    }

    /// What can be run again and watched of the time until now.
    pub fn recording(&self, room: &Room, reason: &str) -> Recording {
        let first = self.segments.front();
        let start = match first.and_then(|segment| segment.checkpoint.as_deref()) {
            _ if self.from_beginning => Some(Start::Beginning(room.config().clone())),
            Some(checkpoint) => Some(Start::Checkpoint(Box::new(checkpoint.clone().without_film()))),
            None => None,
        };
        let inputs = self.segments.iter().flat_map(|segment| segment.inputs.iter().copied()).collect();
        let film = self.segments.iter().map(|segment| segment.reel.clone()).collect();
        Recording::new(room, reason, start, inputs, film)
    }
}

fn seats_of(frame: &Frame) -> Vec<SeatOfFrame> {
    frame.notes().iter().map(|note| (note.seat, note.entity, note.zones.clone())).collect()
}

fn are_seats_of(seats: &[SeatOfFrame], frame: &Frame) -> bool {
    // Zones that do not change are the same allocation.
    let same = |(seat, entity, zones): &SeatOfFrame, note: &SeatNote| {
        (*seat, *entity) == (note.seat, note.entity) && (Arc::ptr_eq(zones, &note.zones) || *zones == note.zones)
    };
    seats.len() == frame.notes().len() && seats.iter().zip(frame.notes()).all(|(seat, note)| same(seat, note))
}

impl Segment {
    fn weight(&self) -> usize {
        self.bytes + self.inputs.len()
    }
}
