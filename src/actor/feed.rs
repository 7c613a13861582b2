//! The feed: a room's last frames where all threads can read them. Sessions come here only when they fell behind; the
//! newest frame reaches them through their relay.

use std::sync::Arc;

use parking_lot::RwLock;

use crate::engine::History;
use crate::snapshot::Frame;
use crate::tick::{Tick, TickRate};
use crate::wire::limits;

/// A shared history.
#[derive(Debug)]
pub struct Feed(RwLock<History>);

impl Feed {
    /// An empty feed for a room of this rate.
    pub fn new(rate: TickRate) -> Self {
        Self(RwLock::new(History::new(rate.ticks_in(limits::FEED_SPAN), limits::FEED_BYTES)))
    }

    /// Adds the next frame.
    pub fn publish(&self, frame: Arc<Frame>) {
        self.0.write().push(frame);
    }

    /// The frame of one tick, if it is not gone.
    pub fn at(&self, tick: Tick) -> Option<Arc<Frame>> {
        self.0.read().get(tick).cloned()
    }

    /// The frames after `base` up to `newest`; that one alone when some are gone.
    pub fn since(&self, base: Tick, newest: &Arc<Frame>, out: &mut Vec<Arc<Frame>>) {
        out.clear();
        if newest.tick().since(base) > 1 {
            self.0.read().between(base, newest.tick(), out);
        }
        if out.is_empty() {
            out.push(newest.clone());
        }
    }
}
