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
/// the newest has notes that are all its own. Frames in a row that differ in nothing that is asked of past frames take the
/// memory of one.
#[derive(Debug)]
pub struct History {
    runs: VecDeque<Run>,
    span: usize,
    bytes: usize,
}

/// Frames in a row that differ in their tick, and in what nobody asks of past frames.
#[derive(Debug)]
struct Run {
    /// The newest of them.
    frame: Arc<Frame>,
    /// How many they are.
    length: u32,
    /// Bytes of its zones; 0 if it shares them with the frame before.
    zones: usize,
    /// Bytes of its notes; 0 if it shares them with the frame before.
    notes: usize,
}

impl Run {
    fn weight(&self) -> usize {
        size_of::<Frame>() + self.zones + self.notes
    }

    fn first(&self) -> Tick {
        Tick(self.frame.tick().0.wrapping_sub(self.length - 1))
    }

    fn get(&self, tick: Tick) -> Option<Arc<Frame>> {
        match u32::try_from(self.frame.tick().since(tick)).ok()? {
            0 => Some(self.frame.clone()),
            earlier => (earlier < self.length).then(|| Arc::new(self.frame.repeated_at(tick))),
        }
    }
}

impl History {
    /// An empty history for a room with this tick rate, bounded in span and bytes.
    pub fn new(rate: TickRate) -> Self {
        let span = rate.ticks_in(limits::HISTORY_SPAN) as usize;
        Self { runs: VecDeque::new(), span, bytes: 0 }
    }

    /// Adds the next frame. The frames before it are reduced to what chains and reconnects need, so that a long history
    /// takes little memory.
    pub fn push(&mut self, frame: Arc<Frame>) {
        debug_assert!(
            self.newest().is_none_or(|newest| frame.tick().since(newest.tick()) == 1),
            "ticks are consecutive"
        );
        match self.runs.back_mut().filter(|run| run.frame.is_quiet_until(&frame)) {
            Some(run) => {
                if !run.frame.shares_notes(&frame) {
                    let notes = std::mem::replace(&mut run.notes, frame.weight_of_notes());
                    self.bytes = self.bytes - notes + run.notes;
                }
                (run.frame, run.length) = (frame, run.length + 1);
            }
            None => self.begin_run(frame),
        }
        self.forget_oldest();
    }

    fn begin_run(&mut self, frame: Arc<Frame>) {
        self.share_notes();
        let newest = self.newest().cloned();
        let is_quiet = newest.as_ref().is_some_and(|newest| newest.shares_zones(&frame));
        if let Some(newest) = newest.filter(|_| !is_quiet) {
            self.drop_rows_of(&newest);
        }
        let zones = if is_quiet { 0 } else { frame.weight_of_zones() };
        let run = Run { length: 1, zones, notes: frame.weight_of_notes(), frame };
        self.bytes += run.weight();
        self.runs.push_back(run);
    }

    /// Forgets what is too old or too much.
    fn forget_oldest(&mut self) {
        /// Capacity that is worth keeping, in runs.
        const SPARE: usize = 4;
        let Some(newest) = self.newest().map(|newest| newest.tick()) else { return };
        loop {
            let is_alone = self.runs.len() == 1;
            let Some(oldest) = self.runs.front_mut() else { return };
            let frames = newest.since(oldest.first()).cast_unsigned() + 1;
            let over = frames.saturating_sub(self.span as u32);
            if is_alone || (over < oldest.length && self.bytes <= limits::HISTORY_BYTES) {
                oldest.length -= over;
                break;
            }
            self.bytes -= self.runs.pop_front().map_or(0, |run| run.weight());
        }
        // What a lively time took is given back in a quiet one.
        if self.runs.capacity() > SPARE.max(4 * self.runs.len()) {
            self.runs.shrink_to(2 * self.runs.len());
        }
    }

    /// Takes the rows from the newest frame and from those before it that share them.
    fn drop_rows_of(&mut self, newest: &Frame) {
        let bare = newest.bare_zones();
        for run in self.runs.iter_mut().rev().take_while(|run| run.frame.shares_zones(newest)) {
            run.frame = Arc::new(run.frame.without_rows(&bare));
            let zones = if run.zones > 0 { run.frame.weight_of_zones() } else { 0 };
            self.bytes = self.bytes - run.zones + zones;
            run.zones = zones;
        }
    }

    /// Lets the newest frame have the notes of the one before it, if they agree in what a reconnect needs. With notes of
    /// their own, 3 s of frames would be a fifth of what a connection takes.
    fn share_notes(&mut self) {
        let Some(before) = self.runs.len().checked_sub(2).map(|index| self.runs[index].frame.clone()) else {
            return;
        };
        let Some(run) = self.runs.back_mut() else { return };
        if let Some(shared) = run.frame.with_notes_of(&before) {
            run.frame = Arc::new(shared);
            self.bytes -= std::mem::take(&mut run.notes);
        }
    }

    /// The newest frame.
    pub fn newest(&self) -> Option<&Arc<Frame>> {
        self.runs.back().map(|run| &run.frame)
    }

    /// The frame of one tick.
    pub fn get(&self, tick: Tick) -> Option<Arc<Frame>> {
        let index = self.runs.partition_point(|run| tick.is_after(run.frame.tick()));
        self.runs.get(index)?.get(tick)
    }

    /// Writes to `out` the frames after `base` up to `newest`, or only `newest` when some of them are no longer kept. The
    /// last one has its rows, even when the history has newer frames by now.
    pub fn since(&self, base: Tick, newest: &Arc<Frame>, out: &mut Vec<Arc<Frame>>) {
        out.clear();
        let between = newest.tick().since(base) - 1;
        let kept = (1..=between.max(0).cast_unsigned()).map_while(|step| self.get(base.plus(step)));
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
        Self::get(self, tick)
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
        let frame = |tick| history.get(Tick(tick)).expect("it is kept");
        let zones: Vec<usize> = (1..=7).map(|tick| frame(tick).notes()[0].zones.len()).collect();
        assert_eq!(zones, [1, 1, 1, 2, 2, 1, 1]);
        let shared: Vec<bool> = (2..=7).map(|tick| frame(tick).shares_notes(&frame(tick - 1))).collect();
        assert_eq!(shared, [true, true, false, true, false, false], "the newest frame has notes of its own");
        assert_eq!(frame(7).notes()[0].consumed, Seq(7));
        assert_eq!(history.bytes, history.runs.iter().map(Run::weight).sum::<usize>());
        assert_eq!(history.runs[1].notes, 0);
    }

    #[test]
    fn what_is_dropped_at_the_end_of_the_span_leaves_the_sum_right() {
        let ticks: Vec<(i32, &[u16])> = (0..200).map(|tick| (tick / 3 % 9, &[0][..])).collect();
        let history = history(&ticks);
        assert_eq!(history.runs.iter().map(|run| run.length as usize).sum::<usize>(), history.span);
        assert_eq!(history.bytes, history.runs.iter().map(Run::weight).sum::<usize>());
        assert_eq!(history.get(Tick(140)).map(|frame| frame.tick()), None);
        for tick in 141..=200 {
            assert_eq!(history.get(Tick(tick)).map(|frame| frame.tick()), Some(Tick(tick)));
        }
    }

    #[test]
    fn a_quiet_time_takes_the_memory_of_one_frame_and_every_tick_of_it_can_be_had() {
        let lively: Vec<(i32, &[u16])> = (0..100).map(|tick| (tick % 9, &[0][..])).collect();
        let then = |quiet: usize| [&lively[..], &vec![(4, &[0][..]); quiet][..]].concat();
        let (busy, history) = (history(&lively), history(&then(150)));
        assert_eq!((busy.runs.len(), history.runs.len()), (60, 1));
        assert!(history.bytes * 20 < busy.bytes && history.runs.capacity() <= 8);
        let newest = history.newest().expect("a frame").clone();
        let mut frames = Vec::new();
        history.since(newest.tick().plus(0_u32.wrapping_sub(60)), &newest, &mut frames);
        let ticks: Vec<u32> = frames.iter().map(|frame| frame.tick().0).collect();
        assert_eq!(ticks, (191..=250).collect::<Vec<_>>());
        assert!(frames.iter().all(|frame| frame.zones()[0].delta().is_empty()));
        assert_eq!(history.get(Tick(190)).map(|frame| frame.tick()), None, "it is three seconds old");
    }

    #[test]
    fn who_comes_and_goes_in_a_quiet_time_is_told_apart() {
        let (one, both): (&[u16], &[u16]) = (&[0], &[0, 3]);
        let history = history(&[vec![(1, one); 20], vec![(1, both); 9], vec![(1, one); 5]].concat());
        let seen = |tick| history.get(Tick(tick)).map(|frame| (frame.tick().0, frame.notes()[0].zones.len()));
        assert_eq!(
            [18, 20, 21, 29, 30, 34].map(seen),
            [(18, 1), (20, 1), (21, 2), (29, 2), (30, 1), (34, 1)].map(Some)
        );
        assert_eq!(history.bytes, history.runs.iter().map(Run::weight).sum::<usize>());
    }
}
