//! The input timeline of one seat: which input the room consumes at which tick.
//!
//! *Server authority*: the room consumes exactly one input per tick, in order. If none has arrived, the last one
//! repeats, and the buffer remembers the repetition: later inputs that turn out equal settle it, so a client need not
//! send inputs that do not change. A buffer that is never empty only adds lag, so it is trimmed. *Client authority*:
//! the newest report wins.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::game::Input;
use crate::id::{CorrectionEpoch, Seq};
use crate::wire::{Authority, limits};

/// Equal inputs in a row, as a session collects them between ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputRun {
    /// The number of the first input.
    pub first: Seq,
    /// How many inputs.
    pub count: u16,
    /// The newest correction epoch that the client knew.
    pub epoch: CorrectionEpoch,
    /// The values.
    pub input: Input,
}

/// The input of a seat at one tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TickInput {
    /// The input.
    pub input: Input,
    /// Whether it was consumed at this tick; otherwise it is an older one.
    pub fresh: bool,
}

/// The inputs of one seat between arrival and consumption.
#[derive(Debug)]
pub struct InputBuffer {
    authority: Authority,
    /// Runs after `consumed`, without gaps.
    queue: VecDeque<Queued>,
    /// Inputs in the queue that will get a tick of their own; and the numbers that the queue covers: those of these
    /// inputs and of the ones superseded among them.
    queued: u32,
    numbered: u32,
    /// The last input consumed; the newest known input is `numbered` later.
    consumed: Seq,
    last: Input,
    /// Ticks at which `last` was repeated and that no input has settled yet.
    repeats: u32,
    superseded: u32,
    /// The fewest inputs left after a tick in the current window, and the ticks until the window ends.
    spare: u32,
    window: u32,
}

#[derive(Clone, Copy, Debug)]
struct Queued {
    count: u32,
    /// Superseded inputs of this run; they count, as consumed and as superseded, with its next input.
    extra: u32,
    epoch: CorrectionEpoch,
    input: Input,
}

impl InputBuffer {
    /// A buffer that did not run empty for this many ticks is lagging and is trimmed.
    const WINDOW: u32 = 8;
    /// The most repetitions remembered: ten seconds of a held key at the highest rate.
    const REPEATS: u32 = limits::INPUT_LEAD;

    /// Makes an empty buffer. The seat's input is `neutral` until something arrives.
    pub fn new(authority: Authority, neutral: Input) -> Self {
        Self {
            authority,
            queue: VecDeque::new(),
            queued: 0,
            numbered: 0,
            consumed: Seq(0),
            last: neutral,
            repeats: 0,
            superseded: 0,
            spare: u32::MAX,
            window: Self::WINDOW,
        }
    }

    /// The last input consumed.
    pub fn consumed(&self) -> Seq {
        self.consumed
    }

    /// Inputs dropped unused so far, modulo 2^32.
    pub fn superseded(&self) -> u32 {
        self.superseded
    }

    /// Inputs that wait.
    pub fn len(&self) -> usize {
        self.queued as usize
    }

    /// Whether no input waits.
    pub fn is_empty(&self) -> bool {
        self.queued == 0
    }

    /// Takes in a run. Known inputs are ignored, so duplicated messages do no harm; missing inputs count as repetitions
    /// of the input before them.
    pub fn offer(&mut self, run: &InputRun) {
        let newest = self.consumed.plus(self.numbered);
        let end = run.first.plus(u32::from(run.count) - 1);
        let Ok(mut fresh @ 1..) = u32::try_from(end.since(newest)) else {
            return;
        };
        let missing = fresh.saturating_sub(u32::from(run.count));
        if missing > 0 {
            let (input, epoch) = self.queue.back().map_or((self.last, run.epoch), |q| (q.input, q.epoch));
            self.push(Queued { count: missing, extra: 0, epoch, input });
            fresh -= missing;
        }
        self.push(Queued { count: fresh, extra: 0, epoch: run.epoch, input: run.input });
        if self.authority == Authority::Server {
            self.settle();
            let over = self.queued.saturating_sub(limits::INPUT_BUFFER);
            self.supersede(over);
        }
    }

    /// The seat's input at this tick. A position report counts only if its client knew `epoch`.
    pub fn take(&mut self, epoch: CorrectionEpoch) -> TickInput {
        match self.authority {
            Authority::Server => self.take_next(),
            Authority::Client => self.take_newest(epoch),
        }
    }

    fn push(&mut self, run: Queued) {
        self.queued += run.count;
        self.numbered += run.count;
        match self.queue.back_mut() {
            Some(back) if back.input == run.input && back.epoch == run.epoch => back.count += run.count,
            _ => self.queue.push_back(run),
        }
    }

    /// Consumes, without a tick, inputs that equal what the room already repeated.
    fn settle(&mut self) {
        while let Some(front) = self.queue.front()
            && self.repeats > 0
            && front.input == self.last
        {
            let settled = front.count.min(self.repeats);
            self.repeats -= settled;
            self.drop_front(settled);
        }
    }

    /// Drops inputs unused. Inputs that equal their neighbours go first: they are missed least, and a press of a single
    /// tick most. When all differ, the oldest goes. The work depends on the number of runs, not on their lengths.
    fn supersede(&mut self, mut count: u32) {
        while count > 0 {
            let idle = self.queue.front().is_some_and(|front| front.count == 1 && front.input == self.last);
            match self.queue.iter_mut().find(|run| run.count > 1).filter(|_| !idle) {
                Some(held) => {
                    let dropped = count.min(held.count - 1);
                    held.count -= dropped;
                    held.extra += dropped;
                    self.queued -= dropped;
                    count -= dropped;
                }
                None => {
                    self.drop_front(1);
                    self.superseded = self.superseded.wrapping_add(1);
                    count -= 1;
                }
            }
        }
    }

    fn drop_front(&mut self, count: u32) {
        let front = self.queue.front_mut().expect("only queued inputs are dropped");
        let extra = std::mem::take(&mut front.extra);
        let numbers = count + extra;
        front.count -= count;
        if front.count == 0 {
            self.queue.pop_front();
        }
        self.queued -= count;
        self.numbered -= numbers;
        self.consumed = self.consumed.plus(numbers);
        self.superseded = self.superseded.wrapping_add(extra);
    }

    fn take_next(&mut self) -> TickInput {
        let fresh = if let Some(front) = self.queue.front() {
            self.last = front.input;
            self.drop_front(1);
            true
        } else {
            // A seat that has not sent anything yet repeats nothing.
            let started = self.consumed != Seq(0);
            self.repeats = (self.repeats + u32::from(started)).min(Self::REPEATS);
            false
        };
        let taken = TickInput { input: self.last, fresh };
        self.trim();
        taken
    }

    fn trim(&mut self) {
        self.spare = self.spare.min(self.queued);
        self.window -= 1;
        if self.window == 0 {
            self.supersede(self.spare);
            self.spare = u32::MAX;
            self.window = Self::WINDOW;
        }
    }

    fn take_newest(&mut self, epoch: CorrectionEpoch) -> TickInput {
        let valid = self.queue.iter().rev().find(|run| run.epoch == epoch).map(|run| run.input);
        self.consumed = self.consumed.plus(self.numbered);
        self.superseded = self.superseded.wrapping_add(self.queued - u32::from(valid.is_some()));
        (self.queued, self.numbered) = (0, 0);
        self.queue.clear();
        self.last = valid.unwrap_or(self.last);
        TickInput { input: self.last, fresh: valid.is_some() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: CorrectionEpoch = CorrectionEpoch(0);

    fn input(value: i32) -> Input {
        [value, 0, 0, 0, 0, 0, 0, 0]
    }

    fn lay(input_buffer: &mut InputBuffer, first: u32, count: u16, value: i32) {
        input_buffer.offer(&InputRun { first: Seq(first), count, epoch: P, input: input(value) });
    }

    fn steer() -> InputBuffer {
        InputBuffer::new(Authority::Server, input(0))
    }

    /// Random numbers below a bound, the same in every run.
    fn random() -> impl FnMut(u32) -> u32 {
        let mut state = 1_u32;
        move |bound| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state % bound
        }
    }

    #[test]
    fn one_input_per_tick_in_order() {
        let mut input_buffer = steer();
        lay(&mut input_buffer, 1, 1, 7);
        lay(&mut input_buffer, 2, 1, 8);
        assert_eq!(input_buffer.take(P), TickInput { input: input(7), fresh: true });
        assert_eq!(input_buffer.consumed(), Seq(1));
        assert_eq!(input_buffer.take(P), TickInput { input: input(8), fresh: true });
        assert_eq!(input_buffer.take(P), TickInput { input: input(8), fresh: false });
        assert_eq!(input_buffer.consumed(), Seq(2));
    }

    #[test]
    fn silence_of_a_held_key_is_settled_by_its_run() {
        let mut input_buffer = steer();
        lay(&mut input_buffer, 1, 1, 7);
        (0..5).for_each(|_| assert_eq!(input_buffer.take(P).input, input(7)));
        lay(&mut input_buffer, 2, 4, 7);
        lay(&mut input_buffer, 6, 1, 9);
        assert_eq!(input_buffer.consumed(), Seq(5));
        assert_eq!(input_buffer.take(P), TickInput { input: input(9), fresh: true });
        assert_eq!((input_buffer.consumed(), input_buffer.superseded()), (Seq(6), 0));
    }

    #[test]
    fn an_overfull_buffer_drops_the_oldest_and_says_so() {
        let mut input_buffer = steer();
        (1..=5).for_each(|n| lay(&mut input_buffer, n, 1, n.cast_signed()));
        assert_eq!((input_buffer.consumed(), input_buffer.superseded()), (Seq(2), 2));
        assert_eq!(input_buffer.take(P).input, input(3));
    }

    #[test]
    fn a_press_of_one_tick_survives_a_late_burst_of_held_inputs() {
        for press_at in 1..=7 {
            let mut input_buffer = steer();
            lay(&mut input_buffer, 1, 1, 7);
            input_buffer.take(P);
            (2..=9).for_each(|n| lay(&mut input_buffer, n, 1, if n == press_at + 1 { 99 } else { 7 }));
            let taken: Vec<i32> = (0..4).map(|_| input_buffer.take(P).input[0]).collect();
            assert_eq!(taken.iter().filter(|value| **value == 99).count(), 1, "{press_at}: {taken:?}");
            assert_eq!((input_buffer.consumed(), input_buffer.superseded()), (Seq(9), 5));
        }
    }

    #[test]
    fn a_buffer_that_never_empties_is_trimmed() {
        let mut input_buffer = steer();
        lay(&mut input_buffer, 1, 1, 1);
        lay(&mut input_buffer, 2, 1, 2);
        for n in 3..40 {
            input_buffer.take(P);
            lay(&mut input_buffer, n, 1, n.cast_signed());
        }
        assert_eq!(input_buffer.take(P).input, input(39));
        assert_eq!(input_buffer.superseded(), 1);
    }

    #[test]
    fn doubled_and_old_inputs_count_once_also_across_the_wrap() {
        let mut input_buffer = steer();
        input_buffer.consumed = Seq(u32::MAX - 1);
        lay(&mut input_buffer, u32::MAX, 2, 5);
        lay(&mut input_buffer, u32::MAX, 2, 6);
        lay(&mut input_buffer, 3, 1, 4);
        assert_eq!(input_buffer.len(), 3);
        let taken: Vec<i32> = (0..3).map(|_| input_buffer.take(P).input[0]).collect();
        // Inputs MAX and 0 are known, 1 and 2 are missing and presumed equal, the oldest of five was dropped.
        assert_eq!(taken, [5, 5, 4]);
        assert_eq!((input_buffer.consumed(), input_buffer.superseded()), (Seq(3), 2));
    }

    #[test]
    fn the_newest_report_of_the_right_epoch_wins() {
        let mut input_buffer = InputBuffer::new(Authority::Client, input(0));
        lay(&mut input_buffer, 1, 1, 1);
        lay(&mut input_buffer, 2, 1, 2);
        assert_eq!(input_buffer.take(P), TickInput { input: input(2), fresh: true });
        lay(&mut input_buffer, 3, 1, 3);
        assert_eq!(input_buffer.take(P.next()), TickInput { input: input(2), fresh: false });
        assert_eq!((input_buffer.consumed(), input_buffer.superseded()), (Seq(3), 2));
    }

    /// As [`InputBuffer::supersede`], one input at a time.
    fn supersede_slowly(input_buffer: &mut InputBuffer, count: u32) {
        for _ in 0..count {
            input_buffer.supersede(1);
        }
    }

    #[test]
    fn runs_are_dropped_as_their_inputs_would_be_one_by_one() {
        let mut random = random();
        for _ in 0..10_000 {
            let (mut input_buffer, mut slow) = (steer(), steer());
            let runs: Vec<Queued> = (0..1 + random(5))
                .map(|_| {
                    let (count, input) = (1 + random(4), input(random(3).cast_signed()));
                    Queued { count, extra: random(3), epoch: P, input }
                })
                .collect();
            for input_buffer in [&mut input_buffer, &mut slow] {
                input_buffer.queue = runs.iter().copied().collect();
                input_buffer.queued = runs.iter().map(|run| run.count).sum();
                input_buffer.numbered = runs.iter().map(|run| run.count + run.extra).sum();
            }
            let count = random(input_buffer.queued + 1);
            input_buffer.supersede(count);
            supersede_slowly(&mut slow, count);
            assert_eq!(format!("{input_buffer:?}"), format!("{slow:?}"), "{count} of {runs:?}");
        }
    }

    #[test]
    fn every_input_is_consumed_once_or_superseded_whatever_arrives() {
        let mut random = random();
        let mut input_buffer = steer();
        let (mut made, mut fresh, mut settled_or_taken) = (0_u32, 0_u32, 0);
        for _ in 0..10_000 {
            for _ in 0..random(3) {
                let count = 1 + random(4);
                lay(&mut input_buffer, made + 1, count as u16, random(2).cast_signed());
                made += count;
            }
            let before = input_buffer.consumed().0;
            fresh += u32::from(input_buffer.take(P).fresh);
            settled_or_taken += input_buffer.consumed().0 - before;
            assert!(input_buffer.len() <= 3);
        }
        assert_eq!(input_buffer.consumed().0 + input_buffer.numbered, made);
        assert!(fresh <= settled_or_taken + input_buffer.superseded());
    }
}
