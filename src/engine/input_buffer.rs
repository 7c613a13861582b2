//! The input timeline of one seat: which input the room consumes at which tick.
//!
//! *Server authority*: the room consumes exactly one input per tick, in order. If none has arrived, the last one
//! repeats, and the buffer remembers the repetition: later inputs that turn out equal settle it, so a client need not
//! send inputs that do not change. The buffer holds no more inputs than the jitter of its client needs (`unevenness`): what
//! waits beyond that only adds lag and is trimmed. *Client authority*: the newest report wins.

mod unevenness;

use std::collections::VecDeque;

use self::unevenness::Unevenness;
use serde::{Deserialize, Serialize};

use crate::game::InputValues;
use crate::id::{CorrectionEpoch, Seq};
use crate::tick::{TickRate, ViewTime};
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
    /// The moment that the player was shown when the last of the inputs was made, if the client told it.
    pub view: Option<ViewTime>,
    /// The values.
    pub input: InputValues,
}

/// The input of a seat at one tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TickInput {
    /// The input.
    pub input: InputValues,
    /// Whether it was consumed at this tick; otherwise it is an older one.
    pub fresh: bool,
    /// The moment that the player was shown when it was made, if it is fresh and the client told it.
    pub view: Option<ViewTime>,
}

/// The inputs of one seat between arrival and consumption.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    last: InputValues,
    /// Ticks at which `last` was repeated and that no input has settled yet.
    repeats: u32,
    superseded: u32,
    lead: i8,
    /// The fewest inputs left after a tick in the current window, and the ticks until the window ends.
    spare: u32,
    window: u32,
    /// Ticks so far, and how unevenly inputs came at them; a buffer that an older build saved knows neither.
    #[serde(default)]
    ticks: u32,
    #[serde(default)]
    unevenness: Unevenness,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Queued {
    count: u32,
    /// Superseded inputs of this run; they count, as consumed and as superseded, with its next input.
    extra: u32,
    epoch: CorrectionEpoch,
    /// Of the last input.
    view: Option<ViewTime>,
    input: InputValues,
}

impl InputBuffer {
    /// After so many ticks a buffer that did not run empty is trimmed.
    const WINDOW: u32 = 8;
    /// The most repetitions remembered: ten seconds of a held key at the highest rate.
    const REPEATS: u32 = limits::INPUT_LEAD;

    /// Makes an empty buffer for a room with this rate. The seat's input is `neutral` until something arrives.
    pub fn new(authority: Authority, neutral: InputValues, rate: TickRate) -> Self {
        Self {
            authority,
            queue: VecDeque::new(),
            queued: 0,
            numbered: 0,
            consumed: Seq(0),
            last: neutral,
            repeats: 0,
            superseded: 0,
            lead: 0,
            spare: u32::MAX,
            window: Self::WINDOW,
            ticks: 0,
            unevenness: Unevenness::new(rate.ticks_in(limits::INPUT_JITTER)),
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

    /// How many ticks the newest changed input waited when it arrived; negative when it came that many ticks after the
    /// one that it was meant for. Always 0 with client authority.
    pub fn lead(&self) -> i8 {
        self.lead
    }

    /// How many ticks later than the earliest inputs nine of ten changed ones come: so many inputs may wait.
    pub fn jitter(&self) -> u32 {
        self.unevenness.jitter()
    }

    /// Inputs that wait.
    pub fn len(&self) -> usize {
        self.queued as usize
    }

    /// Whether no input waits.
    pub fn is_empty(&self) -> bool {
        self.queued == 0
    }

    /// Whether the counts agree with the queue, as they do in every buffer that was not damaged in a file.
    pub(super) fn is_sound(&self) -> bool {
        let sum = |count: fn(&Queued) -> u32| self.queue.iter().map(|run| u64::from(count(run))).sum::<u64>();
        let queued = sum(|run| run.count);
        let numbered = queued + sum(|run| run.extra);
        let agree = (queued, numbered) == (u64::from(self.queued), u64::from(self.numbered));
        let whole = self.queue.iter().all(|run| run.count > 0) && (1..=Self::WINDOW).contains(&self.window);
        agree && whole && self.unevenness.is_sound()
    }

    /// Takes in a run. Known inputs are ignored, so duplicated messages do no harm; missing inputs count as repetitions
    /// of the input before them.
    pub fn offer(&mut self, run: &InputRun) {
        let newest = self.consumed.plus(self.numbered);
        // A file may have a run without inputs.
        let Some(more) = u32::from(run.count).checked_sub(1) else { return };
        let end = run.first.plus(more);
        let Ok(mut fresh @ 1..) = u32::try_from(end.since(newest)) else {
            return;
        };
        let missing = fresh.saturating_sub(u32::from(run.count));
        if missing > 0 {
            let (input, epoch) = self.queue.back().map_or((self.last, run.epoch), |q| (q.input, q.epoch));
            self.push(Queued { count: missing, extra: 0, epoch, view: None, input });
            fresh -= missing;
        }
        let changed = self.queue.back().map_or(&self.last, |back| &back.input) != &run.input;
        self.push(Queued { count: fresh, extra: 0, epoch: run.epoch, view: run.view, input: run.input });
        if self.authority == Authority::Server {
            self.settle();
            if changed {
                let waits = i64::from(self.queued) - i64::from(fresh) - i64::from(self.repeats);
                self.lead = waits.clamp(i8::MIN.into(), i8::MAX.into()) as i8;
                let first = end.plus(0_u32.wrapping_sub(fresh - 1));
                self.unevenness.came(Seq(self.ticks).since(first));
            }
            let most = limits::INPUT_BUFFER.max(self.jitter() + 2);
            let over = self.queued.saturating_sub(most);
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
            Some(back) if back.input == run.input && back.epoch == run.epoch => {
                (back.count, back.view) = (back.count + run.count, run.view);
            }
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
        let mut view = None;
        let fresh = if let Some(front) = self.queue.front() {
            self.last = front.input;
            view = front.view.map(|view| view.earlier(front.count - 1));
            self.drop_front(1);
            true
        } else {
            // A seat that has not sent anything yet repeats nothing.
            let started = self.consumed != Seq(0);
            self.repeats = (self.repeats + u32::from(started)).min(Self::REPEATS);
            false
        };
        let taken = TickInput { input: self.last, fresh, view };
        self.trim();
        taken
    }

    fn trim(&mut self) {
        self.ticks = self.ticks.wrapping_add(1);
        self.spare = self.spare.min(self.queued);
        self.window -= 1;
        if self.window == 0 {
            let needed = self.unevenness.end_window();
            self.supersede(self.spare.saturating_sub(needed));
            self.spare = u32::MAX;
            self.window = Self::WINDOW;
        }
    }

    fn take_newest(&mut self, epoch: CorrectionEpoch) -> TickInput {
        let valid = self.queue.iter().rev().find(|run| run.epoch == epoch).map(|run| (run.input, run.view));
        self.consumed = self.consumed.plus(self.numbered);
        self.superseded = self.superseded.wrapping_add(self.queued - u32::from(valid.is_some()));
        (self.queued, self.numbered) = (0, 0);
        self.queue.clear();
        self.last = valid.map_or(self.last, |(input, _)| input);
        TickInput { input: self.last, fresh: valid.is_some(), view: valid.and_then(|(_, view)| view) }
    }
}

#[cfg(test)]
mod tests;
