//! A room's recent frames, readable from all threads. A session reads them only when it is behind; the newest frame reaches
//! it through its relay. Only the newest frame keeps its rows.

use std::sync::Arc;

use parking_lot::RwLock;

use crate::engine::History;
use crate::snapshot::Frame;
use crate::tick::{Tick, TickRate};
use crate::wire::limits;

/// A frame history that threads share.
#[derive(Debug)]
pub struct FrameHistory(RwLock<History>);

impl FrameHistory {
    /// An empty history for a room with tick rate `rate`.
    pub fn new(rate: TickRate) -> Self {
        Self(RwLock::new(History::new(rate.ticks_in(limits::HISTORY_SPAN), limits::HISTORY_BYTES)))
    }

    /// Adds the next frame.
    pub fn publish(&self, frame: Arc<Frame>) {
        self.0.write().push_alone(frame);
    }

    /// The frame of `tick`, if it is still kept, with its notes and deltas but without its rows.
    pub fn at(&self, tick: Tick) -> Option<Arc<Frame>> {
        self.0.read().get(tick).cloned()
    }

    /// Writes to `out` the frames after `base` up to `newest`, or only `newest` when some of them are no longer kept.
    pub fn since(&self, base: Tick, newest: &Arc<Frame>, out: &mut Vec<Arc<Frame>>) {
        out.clear();
        if newest.tick().since(base) > 1 {
            self.0.read().between(base, newest.tick(), out);
        }
        // The room may have published newer frames, so the kept copy of `newest` may have lost its rows.
        out.pop();
        out.push(newest.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Room, RoomConfig};
    use crate::fuzzing::pawns::Pawns;
    use crate::game::RoomSetup;
    use crate::wire::Authority;

    #[test]
    fn who_fell_behind_gets_the_deltas_of_the_past_and_the_rows_of_the_frame_it_is_shown() {
        let setup = RoomSetup { rate: TickRate::DEFAULT, seed: 1, options: Default::default() };
        let config = RoomConfig { id: "r".to_owned(), game: "pawns".to_owned(), setup, capacity: None };
        let mut room = Room::new(config, Box::new(Pawns::new(Authority::Server)));
        room.admit("ada".to_owned(), Default::default()).expect("there is room");
        let history = FrameHistory::new(room.rate());
        let frames: Vec<Arc<Frame>> = (0..10).map(|_| room.tick().frame).collect();
        frames.iter().for_each(|frame| history.publish(frame.clone()));
        let mut found = Vec::new();
        // The relay of a late worker may have an older newest frame than the history.
        for newest in &frames[5..] {
            history.since(Tick(3), newest, &mut found);
            assert!(Arc::ptr_eq(newest, found.last().expect("it is there")));
            assert_eq!(found.len(), newest.tick().since(Tick(3)) as usize);
            for (past, frame) in found.iter().zip(&frames[3..]) {
                assert_eq!((past.tick(), past.notes()), (frame.tick(), frame.notes()));
                let deltas = |frame: &Frame| {
                    frame.zones().iter().map(|zone| (zone.id(), zone.delta().clone())).collect::<Vec<_>>()
                };
                assert_eq!(deltas(past), deltas(frame));
            }
        }
        let weight = |tick| history.at(Tick(tick)).expect("it is there").weight();
        assert!(weight(9) < weight(10), "{} and {} bytes", weight(9), weight(10));
        history.since(Tick(9), &frames[9], &mut found);
        assert_eq!(found.len(), 1);
    }
}
