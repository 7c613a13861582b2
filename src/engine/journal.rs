//! What a host does for a journal: it numbers what it records, and keeps outputs back until their record is safe.
//!
//! A client that was told of something must find it again after a crash: events, welcomes, answers, closes, and that a
//! command was seen. Rows may be seen before their record is safe; after a crash the room shows older ones.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::checkpoint::Checkpoint;
use super::history::FrameStore;
use super::host::{Host, HostOutput, Waiting};
use super::recorder::FlightRecorder;
use super::room_input::RoomInput;
use super::spectator::is_spectator;
use super::vacancies::Occupancy;
use crate::snapshot::{Frame, FrameZone};
use crate::tick::{Tick, TickRate};
use crate::wire::{Continuity, Welcome, limits};

/// An entry of a room's journal.
#[derive(Debug, Default)]
pub struct JournalEntry {
    /// Bytes that were recorded before `inputs`.
    pub from: u64,
    /// The inputs since the entry before, as [`RoomInput::split_from`] reads them.
    pub inputs: Vec<u8>,
    /// The state after `inputs`, when it is time for one. It makes all earlier entries needless.
    pub checkpoint: Option<Arc<Checkpoint>>,
    /// A hash of the rows after `inputs`, once per second.
    pub proof: Option<Proof>,
    /// The verified identities that inputs since the checkpoint concern, when there are more than at the entry before.
    pub persons: Option<Vec<String>>,
    /// What remains of `inputs` when these persons are forgotten; empty when there are none.
    pub open: Vec<u8>,
    /// The room's tick after `inputs`, for histories. It is not written.
    pub tick: Tick,
}

impl JournalEntry {
    /// Bytes that were recorded up to the end of the entry: what [`Host::safe`](super::Host::safe) is told.
    pub fn upto(&self) -> u64 {
        self.from + self.inputs.len() as u64
    }
}

/// A hash of all rows at a tick, by which a replay finds out that it differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The tick.
    pub tick: Tick,
    /// The hash of its rows.
    pub hash: u32,
}

impl Proof {
    /// The proof of a frame.
    pub fn of(frame: &Frame) -> Self {
        const PRIME: u32 = 0x0100_0193;
        let zones = frame.zones().iter().filter(|zone| zone.rows() > 0);
        let mix = |hash: u32, zone: &FrameZone| {
            (hash ^ zone.hash()).wrapping_mul(PRIME) ^ u32::from(zone.id().0).wrapping_mul(PRIME)
        };
        Self { tick: frame.tick(), hash: zones.fold(0x811c_9dc5, mix) }
    }
}

impl<T: Waiting, F: FrameStore> Host<T, F> {
    /// Records every input for a journal, and lets outputs wait until their record is [safe](Self::safe). The journal gets
    /// an entry after each tick, and before the first one. Includes a [recorder](Self::with_recorder).
    #[must_use]
    pub fn with_journal(self) -> Self {
        let mut journaled = self.with_record();
        journaled.outputs = Outbox::waiting();
        journaled.tap.keep();
        journaled.unsafe_ids = Some(UnsafeIds::starting_at(journaled.room.entities_issued()));
        journaled.recorder = Some(FlightRecorder::for_journal(&mut journaled.room));
        journaled
    }

    /// What the journal gets: the inputs since the last call, or the state after them when it is time for one.
    pub fn take_entry(&mut self) -> JournalEntry {
        self.emit_opening();
        let checkpoint = self.recorder.as_mut().and_then(FlightRecorder::take_checkpoint);
        let checkpoint = checkpoint.map(|checkpoint| self.with_unstored_shared(checkpoint));
        let record = self.record.get_or_insert_default();
        let entry = record.entry(self.room.frame(), self.room.rate(), checkpoint);
        if let Some(ids) = &mut self.unsafe_ids {
            ids.used(entry.upto(), self.room.entities_issued());
        }
        entry
    }

    /// The record up to the byte `upto` is safe: what it leads to may leave the process.
    pub fn safe(&mut self, upto: u64) {
        self.outputs.release(upto);
        if let Some(ids) = &mut self.unsafe_ids {
            ids.release(upto);
        }
    }

    /// Whether an output waits for its record.
    pub fn is_waiting(&self) -> bool {
        self.outputs.is_waiting()
    }

    /// Who is in the room, without those who were let in and are not told so yet: their places are still promised to them.
    pub fn occupancy(&self) -> Occupancy {
        let room = &self.room;
        let mut counted = Occupancy { players: room.players(), away: room.away(), spectators: room.spectators() };
        for output in self.outputs.iter() {
            let HostOutput::Answer { answer: Ok(admitted), .. } = output else { continue };
            let Welcome { seat, continuity, .. } = admitted.welcome;
            let places = if is_spectator(seat) { &mut counted.spectators } else { &mut counted.players };
            // Who came back has a place that was counted all the time. Others may have been removed meanwhile.
            *places = places.saturating_sub(usize::from(continuity == Continuity::Fresh));
        }
        counted
    }

    /// Bytes that were recorded so far, safe or not.
    pub(crate) fn recorded(&self) -> u64 {
        self.record.as_ref().map_or(0, Record::position)
    }

    /// Whether the room can be restored, which takes a game that is saved.
    pub fn has_checkpoint(&self) -> bool {
        self.recorder.as_ref().is_some_and(FlightRecorder::has_checkpoint)
    }

    /// Whether clients may see the newest frame. After a crash, a room skips a bounded number of entity ids; a room that has
    /// used more of them since its safe record must wait.
    pub fn may_show(&self) -> bool {
        self.unsafe_ids.as_ref().is_none_or(|ids| ids.are_spared(self.room.entities_issued()))
    }
}

/// The inputs of a room, numbered by their bytes.
#[derive(Debug, Default)]
pub(super) struct Record {
    inputs: Vec<u8>,
    taken: u64,
    proven: Option<Tick>,
    open: Vec<u8>,
    persons: BTreeSet<String>,
    has_more_persons: bool,
}

impl Record {
    /// Adds an input, and returns its bytes.
    pub fn add(&mut self, input: &RoomInput) -> &[u8] {
        let identity = match input {
            RoomInput::Enter(enter) => enter.identity.as_ref(),
            RoomInput::Return(back) => back.identity.as_ref(),
            _ => None,
        };
        self.has_more_persons |= identity.is_some_and(|identity| self.persons.insert(identity.clone()));
        if let Some(open) = input.open_part().filter(|_| !self.persons.is_empty()) {
            open.append_to(&mut self.open);
        }
        let before = self.inputs.len();
        input.append_to(&mut self.inputs);
        &self.inputs[before..]
    }

    /// Bytes that were recorded so far.
    pub fn position(&self) -> u64 {
        self.taken + self.inputs.len() as u64
    }

    pub fn take(&mut self) -> Vec<u8> {
        self.taken = self.position();
        std::mem::take(&mut self.inputs)
    }

    /// The next entry of the journal, after the tick of `frame`.
    pub fn entry(&mut self, frame: &Frame, rate: TickRate, checkpoint: Option<Arc<Checkpoint>>) -> JournalEntry {
        let tick = frame.tick();
        let due = self.proven.is_none_or(|proven| tick.since(proven) >= rate.per_second().into());
        let proof = due.then(|| Proof::of(frame));
        self.proven = proof.map(|proof| proof.tick).or(self.proven);
        let mut persons = std::mem::take(&mut self.has_more_persons).then(|| self.persons.iter().cloned().collect());
        if let Some(checkpoint) = &checkpoint {
            // The inputs before it are needed no more.
            self.persons = checkpoint.identities().map(str::to_owned).collect();
            persons = None;
        }
        let open = std::mem::take(&mut self.open);
        JournalEntry { from: self.taken, inputs: self.take(), checkpoint, proof, persons, open, tick }
    }
}

/// How many entity ids a room has used that a recovery would not know of.
#[derive(Debug, Default)]
pub(super) struct UnsafeIds {
    /// The next id according to the safe record.
    safe: u32,
    /// The next ids after entries that are not safe yet, with the ends of these entries.
    ahead: VecDeque<(u64, u32)>,
}

impl UnsafeIds {
    pub fn starting_at(next: u32) -> Self {
        Self { safe: next, ahead: VecDeque::new() }
    }

    /// After the entry that ends at `upto`, the next id is `next`.
    pub fn used(&mut self, upto: u64, next: u32) {
        if self.ahead.back().map_or(self.safe, |(_, last)| *last) != next {
            self.ahead.push_back((upto, next));
        }
    }

    pub fn release(&mut self, upto: u64) {
        while let Some((_, next)) = self.ahead.pop_front_if(|(after, _)| *after <= upto) {
            self.safe = next;
        }
    }

    /// Whether a recovery would skip all ids below `next`.
    pub fn are_spared(&self, next: u32) -> bool {
        next.wrapping_sub(self.safe) < limits::SPARE_IDS
    }
}

/// Outputs, oldest first, that wait until their record is safe.
#[derive(Debug)]
pub(super) struct Outbox<T> {
    ready: VecDeque<T>,
    /// With the end of the record that leads to each.
    waiting: VecDeque<(u64, T)>,
    safe: u64,
    /// Whether outputs ever wait.
    has_journal: bool,
}

impl<T> Outbox<T> {
    /// Nothing waits.
    pub fn open() -> Self {
        Self { ready: VecDeque::new(), waiting: VecDeque::new(), safe: u64::MAX, has_journal: false }
    }

    /// Outputs wait until they are released.
    pub fn waiting() -> Self {
        Self { safe: 0, has_journal: true, ..Self::open() }
    }

    pub fn has_journal(&self) -> bool {
        self.has_journal
    }

    /// Adds an output to which the record up to `after` leads.
    pub fn push(&mut self, after: u64, output: T) {
        if self.safe >= after && self.waiting.is_empty() {
            self.ready.push_back(output);
        } else {
            self.waiting.push_back((after, output));
        }
    }

    /// Adds an output that waits for nothing.
    pub fn push_at_once(&mut self, output: T) {
        self.ready.push_back(output);
    }

    pub fn release(&mut self, upto: u64) {
        self.safe = self.safe.max(upto);
        while let Some((_, output)) = self.waiting.pop_front_if(|(after, _)| *after <= upto) {
            self.ready.push_back(output);
        }
    }

    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.ready.iter().chain(self.waiting.iter().map(|(_, output)| output))
    }

    pub fn pop(&mut self) -> Option<T> {
        self.ready.pop_front()
    }
}
