//! A room's recent frames, readable from all threads. A session reads them only when it is behind; the newest frame reaches
//! it through its relay.

use std::sync::Arc;

use parking_lot::RwLock;

use crate::engine::{FrameStore, History};
use crate::snapshot::Frame;
use crate::tick::{Tick, TickRate};

/// A frame history that threads share.
#[derive(Clone, Debug)]
pub struct FrameHistory(Arc<RwLock<History>>);

impl FrameHistory {
    /// An empty history for a room with tick rate `rate`.
    pub fn new(rate: TickRate) -> Self {
        Self(Arc::new(RwLock::new(History::new(rate))))
    }

    /// As [`History::since`]. Takes no lock when the base is the frame before the newest.
    pub fn since(&self, base: Tick, newest: &Arc<Frame>, out: &mut Vec<Arc<Frame>>) {
        if newest.tick().since(base) > 1 {
            return self.0.read().since(base, newest, out);
        }
        out.clear();
        out.push(newest.clone());
    }
}

impl FrameStore for FrameHistory {
    fn push(&mut self, frame: Arc<Frame>) {
        self.0.write().push(frame);
    }

    fn get(&self, tick: Tick) -> Option<Arc<Frame>> {
        self.0.read().get(tick)
    }
}
