//! What is compared whenever a frame arrives: the client's state with the server's frame of that tick, and what it was
//! told besides with what happened.

use std::sync::Arc;

use crate::engine::{Arrived, Client, Event};
use crate::id::PlacementEpoch;
use crate::snapshot::{Frame, SeatNote};
use crate::tick::Tick;
use crate::wire::Welcome;

/// What one client must have been told by now.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    /// Every event addressed to this session, in order.
    expected: Vec<Arc<Event>>,
    /// How many of them came or were said to be lost.
    events: usize,
    tick: Tick,
    superseded: u32,
    placement: PlacementEpoch,
    /// The state may be wrong, because a message was changed.
    pub tampered: bool,
}

impl Oracle {
    pub fn expect(&mut self, event: Arc<Event>) {
        self.expected.push(event);
    }

    pub fn welcome(&mut self, welcome: &Welcome) {
        (self.tick, self.placement) = (welcome.tick, welcome.placement);
        assert!(welcome.players.iter().any(|player| player.seat == welcome.seat), "the roster has the player");
    }

    /// Compares what arrived with the server's frame of that tick.
    pub fn check(&mut self, client: &Client, arrived: &Arrived, frame: &Frame) {
        assert!(arrived.tick.is_after(self.tick), "ticks strictly increase");
        assert_eq!((arrived.tick, arrived.tick), (self.tick.plus(arrived.advance), frame.tick()));
        let welcome = client.welcome().expect("frames follow the welcome");
        let note = frame.note(welcome.seat).expect("the frame has a note for a seat that it is sent to");
        self.superseded = self.superseded.wrapping_add(arrived.superseded);
        if let Some(correction) = arrived.correction {
            assert_ne!(correction.placement, self.placement, "a correction is told once");
            self.placement = correction.placement;
            assert_eq!(correction.reason, note.reason, "the reason of a correction");
        }
        assert_eq!(
            (arrived.consumed, self.superseded, self.placement),
            (note.consumed, note.superseded, note.placement),
            "consumed, superseded, placement"
        );
        assert!(self.tampered || arrived.desyncs == 0, "a hash mismatches at {:?}", arrived.tick);
        self.check_zones(client, frame, note);
        self.check_events(arrived);
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

    fn check_events(&mut self, arrived: &Arrived) {
        self.events += arrived.lost as usize;
        for body in &arrived.events {
            let event = self.expected.get(self.events).expect("an event that nobody sent");
            assert_eq!(*body, event.body, "events come once and in order");
            assert!(!event.tick.is_after(arrived.tick), "an event before its tick");
            self.events += 1;
        }
    }

    /// Whether everything due at `tick` has been heard.
    pub fn has_heard(&self, tick: Tick) -> bool {
        let due = self.expected.iter().filter(|event| !event.tick.is_after(tick)).count();
        self.events >= due
    }
}
