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

/// A ring of frames with consecutive ticks. Only the newest frame, and those since nothing has changed, have their rows; only
/// the newest has notes that are all its own.
#[derive(Debug)]
pub struct History {
    frames: VecDeque<Kept>,
    span: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    frame: Arc<Frame>,
    /// Bytes of its zones; 0 if it shares them with the frame before.
    zones: usize,
    /// Bytes of its notes; 0 if it shares them with the frame before.
    notes: usize,
}

impl Kept {
    fn weight(&self) -> usize {
        size_of::<Frame>() + self.zones + self.notes
    }
}

impl History {
    /// An empty history for a room with this tick rate, bounded in span and bytes.
    pub fn new(rate: TickRate) -> Self {
        let span = rate.ticks_in(limits::HISTORY_SPAN) as usize;
        Self { frames: VecDeque::new(), span, bytes: 0 }
    }

    /// Adds the next frame. The frames before it are reduced to what chains and reconnects need, so that a long history
    /// takes little memory.
    pub fn push(&mut self, frame: Arc<Frame>) {
        debug_assert!(
            self.newest().is_none_or(|newest| frame.tick().since(newest.tick()) == 1),
            "ticks are consecutive"
        );
        self.share_notes();
        let newest = self.newest().cloned();
        let is_quiet = newest.as_ref().is_some_and(|newest| newest.shares_zones(&frame));
        if let Some(newest) = newest.filter(|_| !is_quiet) {
            self.drop_rows_of(&newest);
        }
        let zones = if is_quiet { 0 } else { frame.weight_of_zones() };
        let kept = Kept { zones, notes: frame.weight_of_notes(), frame };
        self.bytes += kept.weight();
        self.frames.push_back(kept);
        while self.frames.len() > 1 && (self.frames.len() > self.span || self.bytes > limits::HISTORY_BYTES) {
            self.bytes -= self.frames.pop_front().map_or(0, |kept| kept.weight());
        }
    }

    /// Takes the rows from the newest frame and from those before it that share them.
    fn drop_rows_of(&mut self, newest: &Frame) {
        let bare = newest.bare_zones();
        for kept in self.frames.iter_mut().rev().take_while(|kept| kept.frame.shares_zones(newest)) {
            kept.frame = Arc::new(kept.frame.without_rows(&bare));
            let zones = if kept.zones > 0 { kept.frame.weight_of_zones() } else { 0 };
            self.bytes = self.bytes - kept.zones + zones;
            kept.zones = zones;
        }
    }

    /// Lets the newest frame have the notes of the one before it, if they agree in what a reconnect needs. With notes of
    /// their own, 3 s of frames would be a fifth of what a connection takes.
    fn share_notes(&mut self) {
        let Some(before) = self.frames.len().checked_sub(2).map(|index| self.frames[index].frame.clone()) else {
            return;
        };
        let Some(kept) = self.frames.back_mut() else { return };
        if let Some(shared) = kept.frame.with_notes_of(&before) {
            kept.frame = Arc::new(shared);
            self.bytes -= std::mem::take(&mut kept.notes);
        }
    }

    /// The newest frame.
    pub fn newest(&self) -> Option<&Arc<Frame>> {
        self.frames.back().map(|kept| &kept.frame)
    }

    /// The frame of one tick.
    pub fn get(&self, tick: Tick) -> Option<&Arc<Frame>> {
        let oldest = self.frames.front()?.frame.tick();
        let index = usize::try_from(tick.since(oldest)).ok()?;
        self.frames.get(index).map(|kept| &kept.frame)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{CorrectionEpoch, EntityId, KindId, Seat, Seq, ZoneId};
    use crate::snapshot::{Field, Kind, Schema, SeatNote, Shape};

    fn note(consumed: u32, zones: &[u16]) -> SeatNote {
        SeatNote {
            seat: Seat(0),
            entity: EntityId(7),
            seat_generation: 1,
            consumed: Seq(consumed),
            superseded: 0,
            epoch: CorrectionEpoch(0),
            reason: 0,
            commands: Seq(0),
            lead: 0,
            zones: zones.iter().map(|zone| ZoneId(*zone)).collect(),
            focus: None,
        }
    }

    /// A history of frames whose one row has these values and whose one seat sees these zones.
    fn history(ticks: &[(i32, &[u16])]) -> History {
        let shape = Shape::Int { min: 0, max: 9 };
        let schema = Schema::new(vec![Kind::new("dot", vec![Field::smooth("x", shape)])]).expect("a schema");
        let mut history = History::new(TickRate::DEFAULT);
        let mut frame = Arc::new(Frame::initial(schema.into(), Tick(0)));
        for (tick, (value, zones)) in (1..).zip(ticks) {
            let notes = vec![note(tick, zones)];
            frame = Arc::new(frame.freeze(notes, |out| out.entity(KindId(0), EntityId(7), &[*value])));
            history.push(frame.clone());
        }
        history
    }

    #[test]
    fn past_frames_share_notes_until_a_seat_sees_other_zones() {
        let all: &[u16] = &[0];
        let history = history(&[(1, all), (2, all), (2, all), (2, &[0, 3]), (2, &[0, 3]), (5, all), (5, all)]);
        let notes = |tick| history.get(Tick(tick)).expect("it is kept").notes();
        let zones: Vec<usize> = (1..=7).map(|tick| notes(tick)[0].zones.len()).collect();
        assert_eq!(zones, [1, 1, 1, 2, 2, 1, 1]);
        let shared: Vec<bool> = (2..=7).map(|tick| std::ptr::eq(notes(tick), notes(tick - 1))).collect();
        assert_eq!(shared, [true, true, false, true, false, false], "the newest frame has notes of its own");
        assert_eq!(notes(7)[0].consumed, Seq(7));
        let frames = history.frames.iter();
        assert_eq!(history.bytes, frames.map(Kept::weight).sum::<usize>());
        assert_eq!(history.frames.iter().map(|kept| kept.notes > 0).collect::<Vec<_>>()[1..3], [false, false]);
    }

    #[test]
    fn what_is_dropped_at_the_end_of_the_span_leaves_the_sum_right() {
        let ticks: Vec<(i32, &[u16])> = (0..200).map(|tick| (tick / 3 % 9, &[0][..])).collect();
        let history = history(&ticks);
        assert_eq!(history.frames.len(), history.span);
        assert_eq!(history.bytes, history.frames.iter().map(Kept::weight).sum::<usize>());
    }
}
