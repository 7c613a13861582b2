//! The age of a room's state on arrival, measured without the server's clock.
//!
//! Ticks come at a fixed rate. The earliest arrival relative to that rate, over all bots of the room, marks when ticks are
//! due; every other arrival is late by the difference. The mark is renewed every few seconds. If it has moved by whole
//! ticks, the room has skipped some.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use tickwire::tick::{Moment, Tick, TickRate};

/// The arrivals of one room.
#[derive(Debug)]
pub struct RoomTally {
    rate: TickRate,
    first_tick: Tick,
    newest: Tick,
    window_ends: Moment,
    /// The number of arrivals by lateness, in bins of [`BIN`]; of the current window only.
    bins: BTreeMap<i64, u64>,
    first_mark: Option<i64>,
    last_mark: i64,
}

/// In microseconds.
const BIN: i64 = 100;
/// Long enough that some arrival is prompt, short enough that skipped ticks do not distort the figures.
const WINDOW: Duration = Duration::from_secs(10);

impl RoomTally {
    /// A room whose first frame arrived at `now`.
    pub fn new(rate: TickRate, tick: Tick, now: Moment) -> Self {
        Self {
            rate,
            first_tick: tick,
            newest: tick,
            window_ends: now.plus(WINDOW),
            bins: BTreeMap::new(),
            first_mark: None,
            last_mark: 0,
        }
    }

    /// Records the arrival of a frame. Adds values that are final to `staleness`, in microseconds.
    pub fn arrived(&mut self, now: Moment, tick: Tick, staleness: &mut Histogram<u64>) {
        if now > self.window_ends {
            self.settle(staleness);
            self.window_ends = now.plus(WINDOW);
        }
        if tick.is_after(self.newest) {
            self.newest = tick;
        }
        let due = i64::from(tick.since(self.first_tick)) * 1_000_000 / i64::from(self.rate.per_second());
        let offset = now.0.cast_signed() - due;
        *self.bins.entry(offset.div_euclid(BIN)).or_default() += 1;
    }

    /// Evaluates the arrivals of the current window.
    pub fn settle(&mut self, staleness: &mut Histogram<u64>) {
        let Some((mark, _)) = self.bins.first_key_value() else { return };
        let mark = *mark;
        for (bin, count) in std::mem::take(&mut self.bins) {
            staleness.saturating_record_n((BIN * (bin - mark)).unsigned_abs(), count);
        }
        self.first_mark.get_or_insert(mark);
        self.last_mark = mark;
    }

    /// How many ticks the newest frame of any bot is ahead of `tick`.
    pub fn ahead_of(&self, tick: Tick) -> u32 {
        u32::try_from(self.newest.since(tick)).unwrap_or(0)
    }

    /// The rate of the room.
    pub fn rate(&self) -> TickRate {
        self.rate
    }

    /// Ticks that the room has skipped, according to the evaluated windows.
    pub fn skipped(&self) -> u64 {
        let moved = (self.last_mark - self.first_mark.unwrap_or(self.last_mark)) * BIN;
        let period = 1_000_000.0 / f64::from(self.rate.per_second());
        (moved as f64 / period).round().max(0.0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram() -> Histogram<u64> {
        Histogram::new_with_bounds(1, 60_000_000, 3).expect("valid bounds")
    }

    #[test]
    fn lateness_is_judged_by_the_earliest_of_all() {
        let mut staleness = histogram();
        let mut room = RoomTally::new(TickRate::DEFAULT, Tick(100), Moment(5_000_000));
        for n in 0..100_u32 {
            let due = Moment(5_003_000 + u64::from(n) * 50_000);
            room.arrived(due, Tick(100 + n), &mut staleness);
            room.arrived(due.plus(Duration::from_millis(20)), Tick(100 + n), &mut staleness);
        }
        room.settle(&mut staleness);
        assert_eq!((staleness.len(), staleness.min(), room.skipped()), (200, 0, 0));
        assert!((19_900..=20_100).contains(&staleness.max()), "{}", staleness.max());
        assert_eq!(room.ahead_of(Tick(190)), 9);
    }

    #[test]
    fn ticks_left_out_are_counted() {
        let mut staleness = histogram();
        let mut room = RoomTally::new(TickRate::DEFAULT, Tick(0), Moment(0));
        for n in 0..1000_u32 {
            let skipped = if n > 300 { 7 } else { 0 };
            room.arrived(Moment(u64::from(n + skipped) * 50_000), Tick(n), &mut staleness);
        }
        room.settle(&mut staleness);
        assert_eq!(room.skipped(), 7);
        assert!(staleness.value_at_quantile(0.5) <= 100);
    }
}
