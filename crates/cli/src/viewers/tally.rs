//! The figures of all viewers.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::time::Instant;

/// What viewers have seen.
#[derive(Debug)]
pub struct Tally {
    /// Viewers who get the film now.
    pub open: usize,
    /// Times that a viewer lost its connection or was refused.
    pub failures: u64,
    /// Segments that came.
    pub segments: u64,
    /// Ticks that were missing between segments; segments, where they are not decoded.
    pub missing: u64,
    /// Ticks or segments that came twice.
    pub twice: u64,
    /// States that were decoded ...
    pub states: u64,
    /// ... and segments that could not be, or began with other rows than those with which the one before ended.
    pub wrong: u64,
    /// Bytes that came.
    pub bytes: u64,
    /// One of the faults.
    pub fault: Option<String>,
    /// Microseconds after the first viewer to get a segment, for every other.
    late: Histogram<u64>,
    /// When the first viewer got each of the newest segments.
    first: BTreeMap<(u64, u32), Instant>,
    /// The last ticks of these.
    ends: BTreeMap<(u64, u32), u32>,
}

impl Tally {
    /// Segments whose first arrival is remembered: a viewer who is further behind is counted as late as the oldest.
    const REMEMBERED: usize = 64;

    /// Nothing was seen yet.
    pub fn new() -> Self {
        let late = Histogram::new_with_bounds(1, 60_000_000, 2).expect("these bounds are good");
        let (open, fault, first, ends) = (0, None, BTreeMap::new(), BTreeMap::new());
        let (failures, segments, missing, twice, states, wrong, bytes) = Default::default();
        Self { open, failures, segments, missing, twice, states, wrong, bytes, fault, late, first, ends }
    }

    /// Remembers what was wrong.
    pub fn fault(&mut self, why: String) {
        self.fault.get_or_insert(why);
    }

    /// A viewer lost its connection, or was refused.
    pub fn fail(&mut self, why: String) {
        self.failures += 1;
        self.fault(why);
    }

    /// A viewer got a segment.
    pub fn arrived(&mut self, place: (u64, u32), now: Instant) {
        let first = *self.first.entry(place).or_insert(now);
        self.late.saturating_record(now.saturating_duration_since(first).as_micros().max(1) as u64);
        if self.first.len() > Self::REMEMBERED {
            self.first.pop_first();
        }
    }

    /// How long after the first viewer the slowest of this share of arrivals was, for a share of at most 1.
    pub fn late(&self, share: f64) -> Duration {
        Duration::from_micros(self.late.value_at_quantile(share))
    }

    /// A segment ends with this tick.
    pub fn ends(&mut self, place: (u64, u32), tick: u32) {
        self.ends.insert(place, tick);
        if self.ends.len() > Self::REMEMBERED {
            self.ends.pop_first();
        }
    }

    /// The last tick of a segment, if a viewer has decoded it lately.
    pub fn end_of(&self, place: (u64, u32)) -> Option<u32> {
        self.ends.get(&place).copied()
    }

    /// Begins to count, with the viewers that are there.
    pub fn restart(&mut self) {
        let (first, ends) = (std::mem::take(&mut self.first), std::mem::take(&mut self.ends));
        *self = Self { open: self.open, first, ends, ..Self::new() };
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}
