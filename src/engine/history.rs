//! The last frames of a room, bounded in span and bytes, from which slow clients catch up.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::snapshot::Frame;
use crate::tick::Tick;

/// A ring of frames with consecutive ticks.
#[derive(Debug)]
pub struct History {
    frames: VecDeque<(Arc<Frame>, usize)>,
    span: usize,
    bytes: usize,
    most_bytes: usize,
}

impl History {
    /// Keeps the last `span` frames while they weigh at most `most_bytes`; always keeps the newest.
    pub fn new(span: u32, most_bytes: usize) -> Self {
        Self { frames: VecDeque::with_capacity(span as usize + 1), span: span as usize, bytes: 0, most_bytes }
    }

    /// Adds the next frame.
    pub fn push(&mut self, frame: Arc<Frame>) {
        debug_assert!(
            self.newest().is_none_or(|newest| frame.tick().since(newest.tick()) == 1),
            "ticks are consecutive"
        );
        let weight = frame.weight();
        self.bytes += weight;
        self.frames.push_back((frame, weight));
        while self.frames.len() > 1 && (self.frames.len() > self.span || self.bytes > self.most_bytes) {
            self.bytes -= self.frames.pop_front().map_or(0, |(_, weight)| weight);
        }
    }

    /// As [`Self::push`], but reduces the previous frame to what chains and reconnects need, so that a long ring takes
    /// little memory. Messages can then be composed only for the newest frame here; for an older one, the caller must
    /// supply it.
    pub fn push_alone(&mut self, frame: Arc<Frame>) {
        if let Some((newest, weight)) = self.frames.back_mut() {
            *newest = Arc::new(newest.without_rows());
            let bare = newest.weight();
            self.bytes = self.bytes - *weight + bare;
            *weight = bare;
        }
        self.push(frame);
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

    /// Appends the frames after `base`, up to and including `last`, to `out`; appends nothing when one of them is gone.
    pub fn between(&self, base: Tick, last: Tick, out: &mut Vec<Arc<Frame>>) {
        if self.get(base.plus(1)).is_none() || self.get(last).is_none() {
            return;
        }
        let mut tick = base.plus(1);
        while let Some(frame) = self.get(tick).filter(|frame| !frame.tick().is_after(last)) {
            out.push(frame.clone());
            tick = tick.plus(1);
        }
    }
}
