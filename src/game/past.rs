//! The rows of the last moments of a room, as players were shown them: what a shot is judged by.
//!
//! A player aims at what the screen shows, which lies between two frames of a moment ago. The room keeps the rows of that
//! time, and gives the game both frames and how far the moment lies between them.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::id::{EntityId, KindId};
use crate::snapshot::Frame;
use crate::tick::{Tick, ViewTime};
use crate::wire::limits;

/// The newest frames of a room with their rows, in the order of their ticks.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowHistory {
    frames: VecDeque<Arc<Frame>>,
    /// How many frames are kept.
    most: usize,
    rows: usize,
}

impl RowHistory {
    /// Keeps the rows of the newest `most` frames: those by which a tick can be judged that lies so many ticks after the
    /// oldest of them.
    pub(crate) fn of(most: u32) -> Self {
        Self { most: most as usize, ..Self::default() }
    }

    /// Adds the next frame, and drops those that are too old or too many.
    pub(crate) fn push(&mut self, frame: &Arc<Frame>) {
        if self.most == 0 {
            return;
        }
        self.rows += frame.rows();
        self.frames.push_back(frame.clone());
        while self.frames.len() > self.most || (self.rows > limits::REWIND_ROWS && self.frames.len() > 2) {
            self.rows -= self.frames.pop_front().map_or(0, |oldest| oldest.rows());
        }
    }

    /// Forgets all frames.
    pub(crate) fn clear(&mut self) {
        (self.frames, self.rows) = Default::default();
    }

    /// The frames before the newest one.
    pub(crate) fn older(&self) -> impl Iterator<Item = &Arc<Frame>> {
        self.frames.range(..self.frames.len().saturating_sub(1))
    }

    /// The moment nearest to `shown` of which there are rows; `None` when nothing is kept.
    pub(crate) fn clamp(&self, shown: ViewTime) -> Option<ViewTime> {
        let (oldest, newest) = (self.frames.front()?.tick(), self.frames.back()?.tick());
        let whole = |tick| ViewTime { tick, sixteenths: 0 };
        Some(match shown.tick {
            tick if oldest.is_after(tick) => whole(oldest),
            tick if newest.is_after(tick) => shown,
            _ => whole(newest),
        })
    }

    /// The rows at that moment; `None` when they are not kept.
    pub(crate) fn at(&self, shown: ViewTime) -> Option<Past> {
        let index = usize::try_from(shown.tick.since(self.frames.front()?.tick())).ok()?;
        let exact = self.frames.get(index)?;
        if shown.sixteenths == 0 && exact.is_for_clients() {
            return Some(Past { before: exact.clone(), after: exact.clone(), shown });
        }
        let before = self.frames.range(..=index).rev().find(|frame| frame.is_for_clients()).unwrap_or(exact);
        let after = self.frames.range(index + 1..).find(|frame| frame.is_for_clients()).or(self.frames.back())?;
        if before.tick() == after.tick() && shown.sixteenths > 0 {
            return None;
        }
        Some(Past { before: before.clone(), after: after.clone(), shown })
    }
}

/// The rows that a player was shown, between two frames; see [`Context::rewind`](super::Context::rewind).
#[derive(Clone, Debug)]
pub struct Past {
    before: Arc<Frame>,
    after: Arc<Frame>,
    shown: ViewTime,
}

impl Past {
    /// The moment.
    pub fn shown(&self) -> ViewTime {
        self.shown
    }

    /// The ticks of the frames at and before the moment, and at and after it.
    pub fn ticks(&self) -> [Tick; 2] {
        [self.before.tick(), self.after.tick()]
    }

    /// An entity as it was shown; `None` when the frame before the moment does not have it. An entity that the frame after
    /// it no longer has was shown where it was last.
    pub fn row(&self, kind: KindId, id: EntityId) -> Option<PastRow<'_>> {
        let before = self.before.find(kind, id)?;
        let after = self.after.find(kind, id).unwrap_or(before);
        let span = 16 * self.after.tick().since(self.before.tick());
        let passed = 16 * self.shown.tick.since(self.before.tick()) + i32::from(self.shown.sixteenths);
        Some(PastRow { before, after, passed, span })
    }
}

/// An entity at a moment between two frames.
#[derive(Clone, Copy, Debug)]
pub struct PastRow<'a> {
    before: &'a [i32],
    after: &'a [i32],
    /// 16ths of a tick from the first frame to the moment, and to the other frame.
    passed: i32,
    span: i32,
}

impl<'a> PastRow<'a> {
    /// The values in the frame before the moment, in quanta.
    pub fn before(&self) -> &'a [i32] {
        self.before
    }

    /// The values in the frame after the moment, in quanta.
    pub fn after(&self) -> &'a [i32] {
        self.after
    }

    /// The value of a field on the straight line between the two frames, in quanta, rounded towards the first. For an angle
    /// or a field that does not move, take one of the ends.
    ///
    /// # Panics
    /// When the kind has no such field.
    pub fn between(&self, field: usize) -> i32 {
        let (from, to) = (i64::from(self.before[field]), i64::from(self.after[field]));
        let moved = if self.span > 0 { (to - from) * i64::from(self.passed) / i64::from(self.span) } else { 0 };
        (from + moved) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ZoneId;
    use crate::snapshot::{Field, Kind, Schema, Shape};

    const RUNNER: KindId = KindId(0);

    fn shown(tick: u32, sixteenths: u8) -> ViewTime {
        ViewTime { tick: Tick(tick), sixteenths }
    }

    /// Somebody who runs ten quanta per tick, and is at ten times the tick.
    fn run(ticks: u32, kept: u32, every: u8) -> RowHistory {
        let shape = Shape::Int { min: 0, max: 100_000 };
        let schema = Schema::new(vec![Kind::new("runner", vec![Field::linear("x", shape)])]).expect("a valid schema");
        let mut frame = Arc::new(Frame::initial(Arc::new(schema), Tick(0)));
        let mut history = RowHistory::of(kept);
        for tick in 1..=ticks {
            let next = frame.freeze(Vec::new(), |out| out.row(ZoneId(0), RUNNER, EntityId(1), &[10 * tick as i32]));
            frame = Arc::new(next.for_clients_every(every));
            history.push(&frame);
        }
        history
    }

    fn x(history: &RowHistory, at: ViewTime) -> Option<i32> {
        history.at(at)?.row(RUNNER, EntityId(1)).map(|row| row.between(0))
    }

    #[test]
    fn a_moment_between_two_frames_is_on_the_line_between_their_rows() {
        let history = run(9, 6, 1);
        let found = [shown(6, 0), shown(6, 8), shown(8, 15), shown(9, 0)].map(|at| x(&history, at));
        assert_eq!(found, [Some(60), Some(65), Some(89), Some(90)]);
        assert_eq!(history.at(shown(6, 8)).expect("kept").ticks(), [Tick(6), Tick(7)]);
    }

    #[test]
    fn a_room_keeps_no_more_than_it_was_asked_for_and_no_rows_of_the_future() {
        let history = run(9, 6, 1);
        assert_eq!([shown(3, 15), shown(9, 1), shown(10, 0)].map(|at| x(&history, at)), [None; 3]);
        let clamped = [shown(1, 3), shown(5, 3), shown(9, 1), shown(12, 0)].map(|at| history.clamp(at));
        assert_eq!(clamped, [shown(4, 0), shown(5, 3), shown(9, 0), shown(9, 0)].map(Some));
        assert_eq!(run(9, 0, 1).clamp(shown(9, 0)), None);
    }

    #[test]
    fn clients_that_get_every_third_frame_were_shown_the_lines_between_those() {
        let history = run(12, 9, 3);
        assert_eq!(history.at(shown(7, 8)).expect("kept").ticks(), [Tick(6), Tick(9)]);
        assert_eq!(x(&history, shown(7, 8)), Some(75));
    }

    #[test]
    fn who_came_after_the_moment_was_not_shown_and_who_left_was_shown_where_they_were() {
        let history = run(5, 6, 1);
        let last = history.frames.back().expect("a frame").clone();
        let gone = Arc::new(last.freeze(Vec::new(), |out| out.row(ZoneId(0), RUNNER, EntityId(2), &[7])));
        let mut history = history;
        history.push(&gone);
        let past = history.at(shown(5, 8)).expect("kept");
        assert!(past.row(RUNNER, EntityId(2)).is_none());
        assert_eq!(past.row(RUNNER, EntityId(1)).map(|row| row.between(0)), Some(50));
    }
}
