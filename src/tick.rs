//! Time in a room: ticks, moments, and the clock that decides when to step.
//!
//! Nothing here reads a clock. Callers pass a [`Moment`] from a monotonic clock of their own (the shells use the
//! process clock, tests a counter), so that hours of play take milliseconds in tests.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A step of a room's simulation. Tick numbers rise by one per step and may wrap; see [`Tick::since`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tick(pub u32);

impl Tick {
    /// The tick `steps` later.
    pub fn plus(self, steps: u32) -> Self {
        Self(self.0.wrapping_add(steps))
    }

    /// How many ticks `self` is later than `other`; negative when it is earlier. Valid for ticks less than 2^31 apart.
    pub fn since(self, other: Self) -> i32 {
        self.0.wrapping_sub(other.0).cast_signed()
    }

    /// Whether `self` is later than `other`.
    pub fn is_after(self, other: Self) -> bool {
        self.since(other) > 0
    }
}

/// The moment that a player was shown: between two ticks, in 16ths of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewTime {
    /// The tick at or before that moment.
    pub tick: Tick,
    /// 16ths of a tick since then, 0 to 15.
    pub sixteenths: u8,
}

impl ViewTime {
    /// The moment `sixteenths` of a tick before `tick`.
    pub fn before(tick: Tick, sixteenths: u16) -> Self {
        let whole = u32::from(sixteenths).div_ceil(16);
        let rest = (whole * 16 - u32::from(sixteenths)) as u8;
        Self { tick: Tick(tick.0.wrapping_sub(whole)), sixteenths: rest }
    }

    /// The moment `ticks` later.
    #[must_use]
    pub fn later(self, ticks: u32) -> Self {
        Self { tick: self.tick.plus(ticks), ..self }
    }

    /// The moment `ticks` earlier.
    #[must_use]
    pub fn earlier(self, ticks: u32) -> Self {
        Self { tick: Tick(self.tick.0.wrapping_sub(ticks)), ..self }
    }
}

/// A point on a monotonic clock: microseconds since a start that only the clock's owner knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

impl Moment {
    /// The moment `span` later (saturating).
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }

    /// The time from `earlier` to `self`; zero when `earlier` is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// Ticks per second, 1 to 120.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct TickRate(u16);

impl TickRate {
    /// The default rate.
    pub const DEFAULT: Self = Self(20);
    /// The highest rate, in ticks per second.
    pub const MAX: u16 = 120;

    /// A rate of `per_second` ticks.
    ///
    /// # Errors
    /// When the rate is not within 1 to 120.
    pub fn new(per_second: u16) -> Result<Self, RateError> {
        if (1..=Self::MAX).contains(&per_second) { Ok(Self(per_second)) } else { Err(RateError(per_second)) }
    }

    /// Ticks per second.
    pub fn per_second(self) -> u16 {
        self.0
    }

    /// The time from one tick to the next, rounded down to a microsecond. Deadlines do not accumulate it; see
    /// [`TickClock`].
    pub fn period(self) -> Duration {
        Duration::from_micros(1_000_000 / u64::from(self.0))
    }

    /// How many ticks fit into `span`; at least one.
    pub fn ticks_in(self, span: Duration) -> u32 {
        let ticks = span.as_micros() * u128::from(self.0) / 1_000_000;
        u32::try_from(ticks).unwrap_or(u32::MAX).max(1)
    }
}

/// A tick rate outside 1 to 120.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tick rate {0} per second: must be 1 to 120")]
pub struct RateError(pub u16);

impl TryFrom<u16> for TickRate {
    type Error = RateError;
    fn try_from(per_second: u16) -> Result<Self, RateError> {
        Self::new(per_second)
    }
}

impl From<TickRate> for u16 {
    fn from(rate: TickRate) -> u16 {
        rate.0
    }
}

/// The result of [`TickClock::advance`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Steps to run now, at most [`TickClock::CATCH_UP`] + 1.
    pub steps: u32,
    /// Ticks that will never run, because too many were missed or the room was in debt.
    pub skipped: u64,
    /// Steps of this batch that start more than one period after their deadline.
    pub late: u32,
}

/// Decides when a room steps. Deadlines are multiples of the period from a fixed origin, so they do not drift. The
/// clock catches up on a few missed deadlines and skips the others, so there are no bursts.
///
/// A step that costs more than its share of the period puts the room into debt; a room in debt skips its *own* ticks.
/// Skipping its own ticks bounds how long such a room delays the others on its thread.
#[derive(Debug)]
pub struct TickClock {
    rate: TickRate,
    /// When deadline number zero was due.
    origin: Moment,
    /// The number of the next deadline.
    next: u64,
    /// Time in microseconds that the room may spend before it is in debt; negative while it is.
    credit: i64,
}

impl TickClock {
    /// The most missed ticks that are caught up at once; others are skipped.
    pub const CATCH_UP: u32 = 3;
    /// Periods for which unspent time is kept: one slow tick is forgiven, constant slowness is not.
    const CREDIT_PERIODS: i64 = 8;
    /// The greatest debt in microseconds: a pause of the whole machine is not the room's fault.
    const MOST_OWED: i64 = 1_000_000;
    /// In the long run, a room may use 1/`SHARE` of its thread's time.
    const SHARE: i64 = 2;

    /// Makes a clock whose first tick is due one period after `now`.
    pub fn new(rate: TickRate, now: Moment) -> Self {
        let mut clock = Self { rate, origin: now, next: 1, credit: 0 };
        clock.credit = clock.credit_cap();
        clock
    }

    /// The clock's rate.
    pub fn rate(&self) -> TickRate {
        self.rate
    }

    /// When the next tick is due.
    pub fn deadline(&self) -> Moment {
        self.deadline_of(self.next)
    }

    /// The next tick is due now, and the others follow it at the clock's rate. For a room whose time nobody was watching.
    pub fn restart(&mut self, now: Moment) {
        (self.origin, self.next) = (now, 0);
    }

    /// Takes every deadline up to `now` and returns how many steps to run for them.
    pub fn advance(&mut self, now: Moment) -> Due {
        // Enough for thousands of years.
        let elapsed = now.0.saturating_sub(self.origin.0);
        let passed = elapsed.saturating_mul(self.rate.0.into()) / 1_000_000;
        if passed < self.next {
            return Due::default();
        }
        let missed = passed - self.next + 1;
        let first = self.next;
        self.next = passed + 1;
        let deposit = self.period_us() / Self::SHARE;
        self.credit = self.credit.saturating_add(deposit.saturating_mul(missed.try_into().unwrap_or(i64::MAX)));
        self.credit = self.credit.min(self.credit_cap());
        if self.credit < 0 {
            return Due { steps: 0, skipped: missed, late: 0 };
        }
        let steps = u32::try_from(missed).unwrap_or(u32::MAX).min(Self::CATCH_UP + 1);
        let period = self.rate.period();
        let late = (0..steps).filter(|n| now.since(self.deadline_of(first + u64::from(*n))) > period).count();
        Due { steps, skipped: missed - u64::from(steps), late: u32::try_from(late).unwrap_or(u32::MAX) }
    }

    /// Records the cost of a batch of steps. Cost above the room's share becomes debt, which skipped ticks repay.
    pub fn spent(&mut self, cost: Duration) {
        let left = self.credit.saturating_sub(i64::try_from(cost.as_micros()).unwrap_or(i64::MAX));
        self.credit = left.max(-Self::MOST_OWED);
    }

    fn deadline_of(&self, number: u64) -> Moment {
        // Rounded up: a deadline must not be earlier than the instant at which `advance` counts it.
        let offset = number.saturating_mul(1_000_000).div_ceil(self.rate.0.into());
        Moment(self.origin.0.saturating_add(offset))
    }

    fn period_us(&self) -> i64 {
        1_000_000 / i64::from(self.rate.0)
    }

    fn credit_cap(&self) -> i64 {
        Self::CREDIT_PERIODS * self.period_us() / Self::SHARE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_time_lies_before_its_tick() {
        let at = |tick, sixteenths| ViewTime { tick: Tick(tick), sixteenths };
        assert_eq!(ViewTime::before(Tick(9), 0), at(9, 0));
        assert_eq!(ViewTime::before(Tick(9), 1), at(8, 15));
        assert_eq!(ViewTime::before(Tick(9), 32), at(7, 0));
        assert_eq!(ViewTime::before(Tick(1), 33).earlier(1), at(u32::MAX - 2, 15));
    }

    #[test]
    fn a_restarted_clock_ticks_at_once_and_then_at_its_rate() {
        let mut clock = clock(20);
        clock.advance(Moment(130_000));
        clock.restart(Moment(134_000));
        assert_eq!(clock.deadline(), Moment(134_000));
        let steps = |clock: &mut TickClock, now| clock.advance(Moment(now)).steps;
        assert_eq!([134_000, 134_000, 183_999, 184_000].map(|now| steps(&mut clock, now)), [1, 0, 0, 1]);
    }

    #[test]
    fn a_restart_forgives_no_debt() {
        let mut clock = clock(20);
        clock.advance(Moment(50_000));
        clock.spent(Duration::from_secs(3));
        clock.restart(Moment(60_000));
        assert_eq!(clock.advance(Moment(60_000)), Due { steps: 0, skipped: 1, late: 0 });
    }

    fn clock(rate: u16) -> TickClock {
        TickClock::new(TickRate::new(rate).expect("a valid rate"), Moment(0))
    }

    #[test]
    fn an_hour_of_awkward_rates_has_no_drift() {
        for rate in [1, 7, 20, 30, 60, 113, 120] {
            let mut clock = clock(rate);
            let mut steps = 0;
            while clock.deadline() <= Moment(3_600_000_000) {
                let due = clock.advance(clock.deadline());
                assert_eq!((due.steps, due.skipped, due.late), (1, 0, 0));
                steps += u64::from(due.steps);
            }
            assert_eq!(steps, 3600 * u64::from(rate));
        }
    }

    #[test]
    fn a_deadline_runs_once() {
        let mut clock = clock(20);
        assert_eq!(clock.advance(Moment(49_999)).steps, 0);
        assert_eq!(clock.advance(Moment(50_000)).steps, 1);
        assert_eq!(clock.advance(Moment(50_000)).steps, 0);
    }

    #[test]
    fn a_ten_second_stop_is_skipped_and_counted() {
        let mut clock = clock(20);
        clock.advance(Moment(50_000));
        let due = clock.advance(Moment(10_050_000));
        assert_eq!(due.steps, 4);
        assert_eq!(due.skipped, 196);
        assert_eq!(clock.deadline(), Moment(10_100_000));
    }

    #[test]
    fn a_room_three_times_over_its_share_runs_a_third_of_its_ticks() {
        let mut clock = clock(20);
        let (mut run, mut skipped) = (0, 0);
        for n in 1..=2000_u64 {
            let due = clock.advance(Moment(n * 50_000));
            run += u64::from(due.steps);
            skipped += due.skipped;
            clock.spent(Duration::from_millis(75) * due.steps);
        }
        assert_eq!(run + skipped, 2000);
        assert!((640..700).contains(&run), "{run} ran");
    }

    #[test]
    fn a_pause_within_a_tick_does_not_become_an_outage() {
        let mut clock = clock(20);
        clock.advance(Moment(50_000));
        clock.spent(Duration::from_secs(60));
        clock.advance(Moment(60_050_000));
        let skipped = (1..=200_u64).filter(|n| clock.advance(Moment(60_050_000 + n * 50_000)).steps == 0).count();
        assert!(skipped <= 40, "{skipped} ticks skipped after the pause");
    }

    #[test]
    fn one_hiccup_is_forgiven() {
        let mut clock = clock(20);
        clock.advance(Moment(50_000));
        clock.spent(Duration::from_millis(120));
        assert_eq!(clock.advance(Moment(170_000)).steps, 2);
        clock.spent(Duration::from_millis(1));
        assert_eq!(clock.advance(Moment(200_000)).skipped, 0);
    }
}
