//! The checks on each frame that arrives: the client's state must equal the server's frame of that tick, and its
//! events, consumed inputs and corrections those that the server sent.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::engine::{Arrived, Client, Event};
use crate::id::{CorrectionEpoch, EntityId, Seq, ZoneId};
use crate::snapshot::{Frame, FrameZone, SeatNote};
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
    /// The cells that the client lacks, those of which it has an older state, and since when.
    lacking: BTreeMap<ZoneId, Tick>,
    behind: BTreeMap<ZoneId, Tick>,
    /// Whether cells may wait without bound, because messages are lost.
    pub is_patient: bool,
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
    pub fn check<'a>(&mut self, client: &Client, arrived: &Arrived, frame_at: impl Fn(Tick) -> Option<&'a Frame>) {
        let frame = frame_at(arrived.tick).expect("the server made the frame that it sent");
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
        self.check_zones(client, frame, note, frame_at);
        self.check_events(&arrived.events, arrived.lost, Some(arrived.tick));
        self.tick = arrived.tick;
    }

    /// Compares each zone with the server's at the tick that the client has of it. Only cells may be behind.
    fn check_zones<'a>(
        &mut self,
        client: &Client,
        frame: &Frame,
        note: &SeatNote,
        frame_at: impl Fn(Tick) -> Option<&'a Frame>,
    ) {
        let zones = client.zones();
        let may_wait = |id: ZoneId| frame.grid().is_some_and(|grid| grid.cell(id).is_some());
        let wrong = note.zones.iter().find(|id| {
            let at = client.zone_tick(**id).unwrap_or(frame.tick());
            let original = frame_at(at).and_then(|frame| frame.zone(**id)).map(FrameZone::zone);
            let original = original.filter(|zone| !zone.is_empty());
            match zones.get(id) {
                Some(rebuilt) => original.is_none_or(|original| rebuilt != original),
                None => original.is_some() && !(may_wait(**id) && self.may_lack(**id, frame.tick())),
            }
        });
        let equal = wrong.is_none();
        let has_rows = |id: &ZoneId| frame.zone(*id).is_some_and(|zone| zone.rows() > 0);
        self.lacking.retain(|id, _| note.zones.contains(id) && !zones.contains_key(id) && has_rows(id));
        let at = wrong.and_then(|id| client.zone_tick(*id));
        assert!(self.tampered || equal, "{wrong:?} of {at:?} differs from the server's at {:?}", frame.tick());
        let behind = |id: &ZoneId| client.zone_tick(*id).is_some_and(|at| at != frame.tick());
        self.behind.retain(|id, _| zones.contains_key(id) && behind(id));
        for id in zones.keys().filter(|id| behind(id)) {
            let since = *self.behind.entry(*id).or_insert(frame.tick());
            assert!(may_wait(*id), "{id:?} is behind at {:?}", frame.tick());
            let waits = frame.tick().since(since);
            assert!(self.is_patient || waits < limits::CHAIN.cast_signed(), "{id:?} waits for {waits} ticks");
        }
        self.tampered &= !equal;
        assert!(zones.keys().all(|id| note.zones.contains(id)), "zones that are not subscribed to are gone");
    }

    /// Whether the client may still lack a cell that its player sees.
    fn may_lack(&mut self, id: ZoneId, now: Tick) -> bool {
        let since = *self.lacking.entry(id).or_insert(now);
        self.is_patient || now.since(since) < limits::CHAIN.cast_signed()
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
