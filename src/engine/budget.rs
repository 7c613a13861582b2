//! How many bytes a session may send for the cells of a grid, and which cells wait when that is too few.
//!
//! Cells near the player come first, and those with kinds that the game calls important. A cell that waits becomes more
//! urgent with every message, and none waits for long. It keeps the tick that the client has of it, so the next chain or
//! keyframe starts from there: what waits is not queued. Zones that are no cells never wait.

use std::time::Duration;

use crate::snapshot::{Frame, FrameZone, Grid, SeatNote};
use crate::tick::{Moment, TickRate};
use crate::wire::limits;

/// The bytes that a session may send.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    /// Per second; 0 for any number.
    granted: u32,
    /// What the link seems to carry, per second, while that is in question.
    carried: Option<u64>,
    /// What may be sent now; negative after messages that could not wait.
    bytes: i64,
    /// What may be sent of keyframes now.
    keyframes: i64,
    refilled: Moment,
    /// Bytes sent in the current second, and per second of late.
    sent: u64,
    usual: u64,
    /// When the current second began, whether sending stopped in it, and in how many seconds in a row it has.
    began: Moment,
    has_held: bool,
    held_for: u32,
}

/// A cell with something to send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    /// The index among the client's zones.
    pub index: usize,
    /// Approximate size of what is to be sent.
    pub bytes: usize,
    pub is_keyframe: bool,
    /// Whether it must not wait any longer.
    pub is_due: bool,
    pub urgency: u32,
}

/// What was wanted and not sent, of one message or added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unsent {
    /// Cells.
    pub cells: u64,
    /// Bytes of what would have been sent.
    pub bytes: u64,
    /// Rows in the cells, by kind. Kinds beyond the last one that had to wait may be missing.
    pub rows: Vec<u64>,
}

impl Budget {
    /// The most that is saved up.
    const SAVED: Duration = Duration::from_millis(250);
    /// The least that a link is thought to carry: bytes per second.
    const LEAST: u64 = 2048;
    /// So many seconds in a row with stops mean that the link is too slow, and not that it stalled once.
    const SLOW_AFTER: u32 = 3;

    pub fn new(now: Moment, granted: u32) -> Self {
        let keyframes = i64::from(limits::KEYFRAME_BURST);
        let (carried, bytes, sent, usual, has_held, held_for) = (None, i64::from(granted) / 4, 0, 0, false, 0);
        Self { granted, carried, bytes, keyframes, refilled: now, sent, usual, began: now, has_held, held_for }
    }

    /// Sending stopped because the client had not caught up: the link carries less than was sent.
    pub fn held(&mut self) {
        self.has_held = true;
    }

    /// Lets go which of the candidates fit, the most urgent ones first, and returns the indices of those that wait.
    pub fn choose(&mut self, now: Moment, candidates: &mut [Candidate]) -> Vec<usize> {
        self.refill(now);
        let (mut bytes, mut keyframes) = (if self.rate() == 0 { i64::MAX } else { self.bytes }, self.keyframes);
        let total = |keyframes: bool| {
            let those = candidates.iter().filter(|one| one.is_keyframe || !keyframes);
            those.map(|one| one.bytes as i64).sum::<i64>()
        };
        if total(false) <= bytes && total(true) <= keyframes {
            return Vec::new();
        }
        candidates.sort_by_key(|one| (!one.is_due, std::cmp::Reverse(one.urgency), one.index));
        // What does not fit is saved up for: otherwise small cells far away would always pass a large one nearby.
        let (mut saves, mut saves_keyframes) = (false, false);
        let waits = |one: &&Candidate| {
            let size = one.bytes as i64;
            let is_free = !saves && size <= bytes;
            let may_keyframe = !one.is_keyframe || (!saves_keyframes && size <= keyframes);
            let goes = one.is_due || (is_free && may_keyframe);
            if goes {
                bytes -= size;
                keyframes -= if one.is_keyframe { size } else { 0 };
            }
            saves |= !goes && may_keyframe;
            saves_keyframes |= !goes && !may_keyframe;
            !goes
        };
        candidates.iter().filter(waits).map(|one| one.index).collect()
    }

    /// Whether any number of bytes may be sent, except for keyframes.
    pub fn is_free(&self) -> bool {
        self.rate() == 0
    }

    /// Records a message of `bytes`, `keyframes` of them in keyframes of cells.
    pub fn spend(&mut self, bytes: usize, keyframes: usize) {
        self.sent += bytes as u64;
        self.bytes -= if self.rate() == 0 { 0 } else { bytes as i64 };
        self.keyframes -= keyframes as i64;
    }

    /// Bytes per second; 0 for any number.
    fn rate(&self) -> u64 {
        match (u64::from(self.granted), self.carried) {
            (0, carried) => carried.unwrap_or(0),
            (granted, carried) => carried.map_or(granted, |carried| carried.min(granted)),
        }
    }

    fn refill(&mut self, now: Moment) {
        let elapsed = now.since(self.refilled);
        self.refilled = now;
        let worth = |rate: u64, span: Duration| (rate * span.as_micros() as u64 / 1_000_000) as i64;
        let rate = self.rate();
        self.bytes = (self.bytes + worth(rate, elapsed)).min(worth(rate, Self::SAVED));
        let fresh = worth(limits::KEYFRAME_RATE.into(), elapsed);
        self.keyframes = (self.keyframes + fresh).min(limits::KEYFRAME_BURST.into());
        if now.since(self.began) >= Duration::from_secs(1) {
            self.judge_link(now);
        }
    }

    /// Once per second: takes back a part of the rate if sending stopped, and otherwise gives some of it back.
    fn judge_link(&mut self, now: Moment) {
        let seconds = now.since(self.began).as_secs().max(1);
        self.usual = (self.usual + self.sent / seconds) / 2;
        self.held_for = if self.has_held { self.held_for + 1 } else { 0 };
        self.carried = match (self.has_held, self.carried) {
            (true, carried) if self.held_for < Self::SLOW_AFTER => carried,
            (true, carried) => Some((carried.unwrap_or(self.usual) * 3 / 4).max(Self::LEAST)),
            // What is sent is no longer limited by it.
            (false, Some(carried)) if carried > self.usual * 2 => None,
            (false, carried) => carried.map(|carried| carried + carried / 4 + 1),
        };
        (self.began, self.sent, self.has_held) = (now, 0, false);
    }
}

/// How urgent a cell is per message that it waits: less with every ring of cells around the player's own, more by the kinds
/// in it.
pub(super) fn urgency(grid: &Grid, zone: &FrameZone, note: &SeatNote) -> u32 {
    const NEAREST: u32 = 1024;
    let distance = |[column, row]: [u16; 2], [from_column, from_row]: [u16; 2]| {
        u32::from(column.abs_diff(from_column).max(row.abs_diff(from_row)))
    };
    let ring = note.focus.zip(grid.cell(zone.id())).map_or(0, |(focus, cell)| distance(focus, cell));
    NEAREST / (1 + ring) * u32::from(grid.importance(zone.zone()))
}

/// The zones of a frame that a seat sees, found in one walk over both lists.
pub(super) struct ZonesSeen<'a> {
    zones: &'a [FrameZone],
}

impl<'a> ZonesSeen<'a> {
    pub fn new(frame: &'a Frame) -> Self {
        Self { zones: frame.zones() }
    }

    /// The next zone, if it has rows. Ids ascend from call to call.
    pub fn find(&mut self, zone: crate::id::ZoneId) -> Option<&'a FrameZone> {
        // Both lists are sorted, and cells that are seen lie close together in each.
        let near = self.zones.iter().take(4).position(|one| one.id() >= zone);
        let skip = near.unwrap_or_else(|| self.zones.partition_point(|one| one.id() < zone));
        self.zones = &self.zones[skip..];
        self.zones.first().filter(|one| one.id() == zone && one.rows() > 0)
    }
}

/// For how many ticks a cell waits at most.
pub(super) fn longest_wait(rate: TickRate) -> u32 {
    rate.ticks_in(limits::CELLS_WAIT).min(limits::CHAIN / 2)
}

impl Unsent {
    /// Whether everything was sent.
    pub fn is_empty(&self) -> bool {
        self.cells == 0
    }

    /// Adds a zone that waits.
    pub(super) fn add(&mut self, zone: &FrameZone) {
        (self.cells, self.bytes) = (self.cells + 1, self.bytes + zone.delta().len() as u64);
        let counts = zone.zone().counts();
        self.rows.resize(self.rows.len().max(counts.len()), 0);
        self.rows.iter_mut().zip(counts).for_each(|(sum, rows)| *sum += rows as u64);
    }

    /// Forgets everything, and keeps the memory.
    pub fn clear(&mut self) {
        (self.cells, self.bytes) = (0, 0);
        self.rows.iter_mut().for_each(|rows| *rows = 0);
    }
}

impl std::ops::AddAssign<&Self> for Unsent {
    fn add_assign(&mut self, other: &Self) {
        (self.cells, self.bytes) = (self.cells + other.cells, self.bytes + other.bytes);
        self.rows.resize(self.rows.len().max(other.rows.len()), 0);
        self.rows.iter_mut().zip(&other.rows).for_each(|(sum, rows)| *sum += rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(index: usize, bytes: usize, urgency: u32) -> Candidate {
        Candidate { index, bytes, is_keyframe: false, is_due: false, urgency }
    }

    fn at(ms: u64) -> Moment {
        Moment(ms * 1000)
    }

    #[test]
    fn what_is_urgent_goes_first_and_what_is_due_always() {
        let mut budget = Budget::new(at(0), 4000);
        let mut all = [candidate(0, 50, 1), candidate(1, 600, 9), candidate(2, 300, 5), candidate(3, 900, 2)];
        assert_eq!(budget.choose(at(0), &mut all), [3, 0], "what would fit does not pass what does not");
        all.iter_mut().for_each(|one| one.is_due = one.index == 3);
        assert_eq!(budget.choose(at(0), &mut all), [1, 2, 0]);
        budget.spend(3000, 0);
        assert_eq!(budget.choose(at(250), &mut [candidate(0, 1, 1)]), [0], "the debt is paid first");
        assert_eq!(budget.choose(at(750), &mut [candidate(0, 900, 1)]), [0; 0]);
        assert_eq!(Budget::new(at(0), 0).choose(at(0), &mut [candidate(0, 1 << 30, 1)]), [0; 0]);
    }

    #[test]
    fn keyframes_have_a_budget_of_their_own() {
        let mut budget = Budget::new(at(0), 0);
        let burst = limits::KEYFRAME_BURST as usize;
        let keyframe = |index, bytes| Candidate { is_keyframe: true, ..candidate(index, bytes, 1) };
        let mut all = [keyframe(0, burst / 2), keyframe(1, burst), candidate(2, 1 << 20, 0), keyframe(3, 100)];
        assert_eq!(budget.choose(at(0), &mut all), [1, 3]);
        budget.spend(burst, burst);
        assert_eq!(budget.choose(at(10), &mut [keyframe(0, limits::KEYFRAME_RATE as usize / 50)]), [0]);
        assert_eq!(budget.choose(at(40), &mut [keyframe(0, limits::KEYFRAME_RATE as usize / 50)]), [0; 0]);
    }

    #[test]
    fn a_slow_link_lowers_the_rate_and_gets_it_back() {
        let mut budget = Budget::new(at(0), 0);
        let mut second = |number: u64, held: bool| {
            let waits = budget.choose(at(number * 1000 + 999), &mut [candidate(0, 1000, 1)]);
            budget.spend(10_000, 0);
            if held {
                budget.held();
            }
            (!waits.is_empty(), budget.choose(at(number * 1000 + 1000), &mut []).len(), budget.rate())
        };
        assert_eq!(second(0, false).2, 0);
        assert_eq!((1..3).map(|number| second(number, true).2).max(), Some(0), "it may have stalled once");
        let rates: Vec<u64> = (3..14).map(|number| second(number, true).2).collect();
        assert!(rates.is_sorted_by(|a, b| a >= b) && rates[10] == Budget::LEAST, "{rates:?}");
        let rates: Vec<u64> = (14..60).map(|number| second(number, false).2).collect();
        assert!(rates[0] > Budget::LEAST && rates[45] == 0, "{rates:?}");
    }
}
