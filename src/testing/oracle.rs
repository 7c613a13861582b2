//! The checks on each frame that arrives: the client's state must equal the server's frame of that tick, and its
//! events, consumed inputs and corrections those that the server sent.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::engine::{Arrived, Client, Event};
use crate::id::{CorrectionEpoch, EntityId, Seq};
use crate::snapshot::{Frame, SeatNote};
use crate::tick::Tick;
use crate::wire::{Continuity, EventBody, Welcome, limits};

/// Every event addressed to a seat since it was taken, in order; shared by all sessions of the seat.
pub(super) type Addressed = Rc<RefCell<Vec<Arc<Event>>>>;

/// What one client must know by now.
#[derive(Clone, Debug, Default)]
pub(super) struct Oracle {
    addressed: Addressed,
    /// The generation of the client's entry into the room.
    seat_generation: u32,
    /// How many of `addressed` arrived or were reported lost; `None` when the client has no memory of them.
    events: Option<usize>,
    /// How many of those that were reported lost are not known yet: they may be any before the next one that arrives.
    gap: usize,
    /// The number before that of the first event.
    first: Seq,
    tick: Tick,
    superseded: u32,
    epoch: CorrectionEpoch,
    /// Whether the state may be wrong because a message was changed.
    pub tampered: bool,
}

impl Oracle {
    /// The oracle for the next connection of the client of `before`.
    pub fn following(before: &Self) -> Self {
        Self { events: before.events, gap: before.gap, tampered: before.tampered, ..Self::default() }
    }

    /// Records that the server gave the client a seat.
    pub fn seated(&mut self, seat_generation: u32, addressed: Addressed, first: Seq) {
        (self.seat_generation, self.addressed, self.first) = (seat_generation, addressed, first);
    }

    pub fn welcome(&mut self, welcome: &Welcome) {
        (self.tick, self.epoch) = (welcome.tick, welcome.epoch);
        let me = welcome.players.iter().find(|player| player.seat == welcome.seat);
        if welcome.seat.0 >= limits::SEATS {
            assert!(me.is_none() && welcome.entity == EntityId(0), "a spectator is nobody: {me:?}");
        } else {
            let present = me.is_some_and(|me| !me.away && me.entity == welcome.entity);
            assert!(present, "the roster has the player: {me:?}");
        }
        let before = welcome.events.since(self.first).unsigned_abs() as usize;
        (self.events, self.gap) = match (welcome.continuity, self.events) {
            (Continuity::Fresh, _) => (Some(0), 0),
            (_, None) => (Some(before), before),
            (_, known) => (known, self.gap),
        };
        self.tampered &= welcome.continuity == Continuity::State;
    }

    /// Compares a frame that arrived with the server's frame of that tick.
    pub fn check(&mut self, client: &Client, arrived: &Arrived, frame: &Frame) {
        assert!(arrived.tick.is_after(self.tick), "ticks strictly increase");
        assert_eq!((arrived.tick, arrived.tick), (self.tick.plus(arrived.advance), frame.tick()));
        let welcome = client.welcome().expect("frames follow the welcome");
        let note = frame.note(welcome.seat).expect("the frame has a note for a seat that it is sent to");
        assert_eq!(note.seat_generation, self.seat_generation, "the frame speaks to another connection");
        self.superseded = self.superseded.wrapping_add(arrived.superseded);
        if let Some(correction) = arrived.correction {
            assert_ne!(correction.epoch, self.epoch, "a correction is told once");
            self.epoch = correction.epoch;
            assert_eq!(correction.reason, note.reason, "the reason of a correction");
        }
        assert_eq!(
            (arrived.consumed, self.superseded, self.epoch),
            (note.consumed, note.superseded, note.epoch),
            "consumed, superseded, epoch"
        );
        assert!(self.tampered || arrived.desyncs == 0, "a hash mismatches at {:?}", arrived.tick);
        self.check_zones(client, frame, note);
        self.check_events(&arrived.events, arrived.lost, Some(arrived.tick));
        self.tick = arrived.tick;
    }

    fn check_zones(&mut self, client: &Client, frame: &Frame, note: &SeatNote) {
        let zones = client.zones();
        let equal = note.zones.iter().all(|id| match (zones.get(id), frame.zone(*id)) {
            (Some(rebuilt), Some(original)) => rebuilt == original.zone(),
            (Some(rebuilt), None) => rebuilt.is_empty(),
            (None, original) => original.is_none_or(|original| original.zone().is_empty()),
        });
        assert!(self.tampered || equal, "a zone differs from the server's at {:?}", frame.tick());
        self.tampered &= !equal;
        assert!(zones.keys().all(|id| note.zones.contains(id)), "zones that are not subscribed to are gone");
    }

    /// Checks events that came with the frame of `tick`, or apart.
    pub fn check_events(&mut self, events: &[EventBody], lost: u32, tick: Option<Tick>) {
        let addressed = self.addressed.borrow();
        let heard = self.events.as_mut().expect("frames follow the welcome");
        *heard += lost as usize;
        self.gap += lost as usize;
        for body in events {
            let mut event = addressed.get(*heard - self.gap).expect("an event that nobody sent");
            while self.gap > 0 && *body != event.body() {
                self.gap -= 1;
                event = addressed.get(*heard - self.gap).expect("an event that nobody sent");
            }
            assert_eq!(*body, event.body(), "events come once and in order");
            assert!(tick.is_none_or(|tick| !event.tick.is_after(tick)), "an event before its tick");
            *heard += 1;
        }
    }

    /// Whether every event due at `tick` arrived or was reported lost.
    pub fn has_heard(&self, tick: Tick) -> bool {
        let due = self.addressed.borrow().iter().filter(|event| !event.tick.is_after(tick)).count();
        self.events.is_some_and(|heard| heard >= due)
    }
}
