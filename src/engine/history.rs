//! The last frames of a room, bounded in span and bytes, from which slow clients catch up.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::snapshot::Frame;
use crate::tick::{Tick, TickRate};
use crate::wire::limits;

/// Where a host keeps its recent frames. A shell with several threads shares them behind a lock of its own.
pub trait FrameStore {
    /// Adds the next frame.
    fn push(&mut self, frame: Arc<Frame>);
    /// The frame of `tick`, perhaps without its rows; `None` when it is not kept.
    fn get(&self, tick: Tick) -> Option<Arc<Frame>>;
}

/// A ring of frames with consecutive ticks. Only the newest frame, and those since nothing has changed, have their rows.
#[derive(Debug)]
pub struct History {
    frames: VecDeque<(Arc<Frame>, usize)>,
    span: usize,
    bytes: usize,
}

impl History {
    /// An empty history for a room with this tick rate, bounded in span and bytes.
    pub fn new(rate: TickRate) -> Self {
        let span = rate.ticks_in(limits::HISTORY_SPAN) as usize;
        Self { frames: VecDeque::new(), span, bytes: 0 }
    }

    /// Adds the next frame. When its rows are not those of the previous frame, reduces that and all with the same rows to
    /// what chains and reconnects need, so that a long history takes little memory.
    pub fn push(&mut self, frame: Arc<Frame>) {
        debug_assert!(
            self.newest().is_none_or(|newest| frame.tick().since(newest.tick()) == 1),
            "ticks are consecutive"
        );
        let newest = self.newest().cloned();
        let is_quiet = newest.as_ref().is_some_and(|newest| newest.shares_zones(&frame));
        if let Some(newest) = newest.filter(|_| !is_quiet) {
            let bare = newest.bare_zones();
            let with_rows = self.frames.iter_mut().rev().take_while(|(frame, _)| frame.shares_zones(&newest));
            for (frame, weight) in with_rows {
                *frame = Arc::new(frame.without_rows(&bare));
                let light = frame.weight_without_zones();
                let bare = if *weight > light { frame.weight() } else { light };
                self.bytes = self.bytes - *weight + bare;
                *weight = bare;
            }
        }
        // Shared rows weigh once.
        let weight = if is_quiet { frame.weight_without_zones() } else { frame.weight() };
        self.bytes += weight;
        self.frames.push_back((frame, weight));
        while self.frames.len() > 1 && (self.frames.len() > self.span || self.bytes > limits::HISTORY_BYTES) {
            self.bytes -= self.frames.pop_front().map_or(0, |(_, weight)| weight);
        }
    }

    /// The newest frame.
    pub fn newest(&self) -> Option<&Arc<Frame>> {
        self.frames.back().map(|(frame, _)| frame)
    }

    /// The frame of one tick.
    pub fn get(&self, tick: Tick) -> Option<&Arc<Frame>> {
        let oldest = self.frames.front()?.0.tick();
        let index = usize::try_from(tick.since(oldest)).ok()?;
        self.frames.get(index).map(|(frame, _)| frame)
    }

    /// Writes to `out` the frames after `base` up to `newest`, or only `newest` when some of them are no longer kept. The
    /// last one has its rows, even when the history has newer frames by now.
    pub fn since(&self, base: Tick, newest: &Arc<Frame>, out: &mut Vec<Arc<Frame>>) {
        out.clear();
        let between = newest.tick().since(base) - 1;
        let kept = (1..=between.max(0).cast_unsigned()).map_while(|step| self.get(base.plus(step)).cloned());
        out.extend(kept);
        if out.len() as i32 != between {
            out.clear();
        }
        out.push(newest.clone());
    }
}

impl FrameStore for History {
    fn push(&mut self, frame: Arc<Frame>) {
        Self::push(self, frame);
    }

    fn get(&self, tick: Tick) -> Option<Arc<Frame>> {
        Self::get(self, tick).cloned()
    }
}
