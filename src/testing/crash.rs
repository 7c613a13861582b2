//! Crashes: the journal of a playtest's room, whose records are safe some ticks late, and what comes back after one.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::plan::Sabotage;
use super::player::{Player, PlayerId};
use super::playtest::Playtest;
use super::replica::{OutputDigest, Replica};
use crate::engine::{
    Checkpoint, History, Host, JournalEntry, Proof, ResumeToken, Room, RoomInput, RoomOutput, recover,
};
use crate::id::EntityId;
use crate::snapshot::Frame;
use crate::tick::Tick;
use crate::wire::{Close, limits};

/// The journal of a playtest's room.
pub(super) struct Journal {
    /// A record is safe so many ticks after it was made.
    late: usize,
    /// The newest safe checkpoint, and how many bytes were recorded before it.
    checkpoint: Option<(Arc<Checkpoint>, u64)>,
    /// The safe entries after it.
    tail: Vec<JournalEntry>,
    /// Entries that are not safe yet, each with its tick.
    pending: VecDeque<(Tick, JournalEntry)>,
    /// Entities of frames that were made and forgotten. Clients may have seen them, so their ids must not come back.
    ghosts: BTreeSet<EntityId>,
}

impl Journal {
    /// A journal with the state from which its room starts, which is safe before anybody is served.
    pub fn starting_with(entry: JournalEntry, late: u32) -> Self {
        let (late, checkpoint) = (late as usize, None);
        let (tail, pending, ghosts) = Default::default();
        let mut journal = Self { late, checkpoint, tail, pending, ghosts };
        journal.keep(entry);
        journal
    }

    fn keep(&mut self, entry: JournalEntry) {
        match &entry.checkpoint {
            Some(checkpoint) => {
                self.checkpoint = Some((checkpoint.clone(), entry.upto()));
                self.tail.clear();
            }
            None => self.tail.push(entry),
        }
    }
}

impl Playtest {
    /// Ends the server without a warning, and starts it again. The room goes on from its journal: it has what happened up to
    /// the record that was safe, and the next `survived` ticks, whose records were written but not known to be safe. Clients
    /// may have seen later frames. Every connection breaks. Does nothing when there is no [journal](super::Plan::journal).
    ///
    /// # Panics
    /// When the room cannot be rebuilt, or the game is not saved.
    pub fn crash(&mut self, survived: usize) {
        if self.journal.is_none() {
            return;
        }
        let honest = self.honest_claims();
        self.break_all();
        for _ in 0..survived {
            self.make_safe();
        }
        self.lose_all();
        let [mut room, mut second] = [(); 2].map(|()| self.recovered());
        for (token, entity) in honest {
            // Who was removed since has no seat to come to.
            let is_there = room.entity(token.seat()) == Some(entity);
            assert!(!is_there || room.opens(token.seat(), &token.digest(), None), "an honest claim opens no seat");
        }
        let followed = self.replica.room();
        assert_eq!(Proof::of(room.frame()), Proof::of(followed.frame()), "what was replayed is what was followed");
        assert_eq!(room.roster(), followed.roster(), "what was replayed is what was followed");
        let forgotten = self.frames.split_off(self.plan.index_of(room.frame().tick()).map_or(0, |newest| newest + 1));
        let mut ghosts = self.journal.take().map(|journal| journal.ghosts).unwrap_or_default();
        let next = room.entities_issued();
        // A game may also have ids of its own, which it chooses as it did before.
        let spared = |id: &EntityId| id.0.wrapping_sub(next) < limits::SPARE_IDS;
        ghosts.extend(forgotten.iter().flat_map(|(_, frame)| entities(frame)).filter(spared));
        let spare_ids = if self.plan.sabotage == Some(Sabotage::ReusedIds) { 0 } else { limits::SPARE_IDS };
        let input = RoomInput::Recovered { incarnation: room.config().incarnation.next(), spare_ids };
        second.apply(input.clone(), &mut Vec::new());
        let mut outputs = Vec::new();
        room.apply(input, &mut outputs);
        outputs.into_iter().for_each(|output| self.note_for_absent(output));
        self.host = Host::new(self.now, room, History::new(self.plan.rate)).with_journal();
        (self.replica, self.digest) = (Replica::new(second), OutputDigest::default());
        let journal = Journal::starting_with(self.host.take_entry(), self.plan.journal.unwrap_or_default());
        self.journal = Some(Journal { ghosts, ..journal });
    }

    /// The newest token of every client that plays, with its entity.
    fn honest_claims(&self) -> Vec<(ResumeToken, EntityId)> {
        let claim = |id: &PlayerId| {
            let client = self[*id].client();
            let token = ResumeToken::read(&client.pass()?.token)?;
            let welcome = client.welcome().filter(|welcome| welcome.seat == token.seat())?;
            Some((token, welcome.entity))
        };
        self.seats.values().filter_map(claim).collect()
    }

    fn recovered(&mut self) -> Room {
        let journal = self.journal.as_ref().expect("there is one");
        let (checkpoint, from) = journal.checkpoint.as_ref().expect("a journal starts with a checkpoint");
        let checkpoint = Checkpoint::decode(&checkpoint.encode()).expect("a checkpoint can be read");
        let game = (self.factory)(&checkpoint.config().setup).expect("the game was made before");
        match recover(checkpoint, *from, &journal.tail, game) {
            Ok(recovery) => recovery.room,
            Err(error) => panic!("the room cannot be recovered: {error}"),
        }
    }

    /// Adds the record of a step to the journal, if there is one, and lets older ones become safe.
    pub(super) fn write_journal(&mut self) {
        let Some(journal) = &mut self.journal else { return };
        let ghost = entities(self.host.room().frame()).find(|entity| journal.ghosts.contains(entity));
        assert_eq!(ghost, None, "the id of an entity that was forgotten has come back");
        journal.pending.push_back((self.host.room().frame().tick(), self.host.take_entry()));
        while self.journal.as_ref().is_some_and(|journal| journal.pending.len() > journal.late) {
            self.make_safe();
        }
    }

    /// The oldest record that is not safe becomes safe. The replica follows.
    fn make_safe(&mut self) {
        let Some((tick, entry)) = self.journal.as_mut().and_then(|journal| journal.pending.pop_front()) else { return };
        self.host.safe(entry.upto());
        self.follow_outputs();
        self.replica.apply(&entry.inputs);
        let frame = self.frame_at(tick).expect("a record is of a step").clone();
        // Who tells too early tells what the replica does not expect, which is not the point of that fault.
        if self.plan.sabotage != Some(Sabotage::EarlyTokens) {
            self.replica.compare(&frame, &self.digest);
        }
        if let Some(journal) = &mut self.journal {
            journal.keep(entry);
        }
    }

    /// What a room requires while nobody is connected: its clients learn of it when they come back.
    fn note_for_absent(&mut self, output: RoomOutput) {
        match output {
            RoomOutput::Event { seats, event } => {
                for seat in seats {
                    self.addressed.entry(seat).or_default().borrow_mut().push(event.clone());
                }
            }
            RoomOutput::Freed { seat, .. } => _ = self.addressed.remove(&seat),
            _ => {}
        }
    }

    /// Breaks every connection.
    fn break_all(&mut self) {
        self.players.iter_mut().filter(|player| player.is_open()).for_each(Player::sever);
    }

    /// Ends every session without a word to the room.
    fn lose_all(&mut self) {
        for player in self.players.iter_mut().filter(|player| player.server.is_some()) {
            (player.server, player.ended) = (None, Some(Close::Lost));
        }
        self.seats.clear();
        self.retired.clear();
    }
}

fn entities(frame: &Frame) -> impl Iterator<Item = EntityId> {
    frame.zones().iter().flat_map(|zone| zone.zone().rows(frame.schema())).map(|row| row.id)
}
