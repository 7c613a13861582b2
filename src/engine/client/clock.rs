//! The room's time at a client, from the arrivals of frames and the answers to pings: what the server's time is, and which
//! past moment of others to show. The twin of `web-demo/client/clock.js`, which explains how; `tests/golden/clock.json`
//! keeps the two equal.
//!
//! Times are milliseconds of any monotonic clock. Ticks are counted from any tick and never wrap.

use std::collections::VecDeque;

/// How long a frame counts, and how many of them do at most.
const REMEMBERED_MS: f64 = 20_000.0;
const MOST_FRAMES: f64 = 1024.0;
/// One of so many frames may come too late.
const TOLERATED: usize = 100;
/// Beyond what frames need: timers and pictures are not exact.
const MARGIN_MS: f64 = 2.0;
/// The longest delay at usual rates; a frame that comes later than that belongs to an outage.
const MOST_DELAY_MS: f64 = 500.0;
/// While so few frames are known, the delay is at least two frames.
const FEW_FRAMES: usize = 20;
/// A delay that could be shorter by less than this stays; otherwise it is shortened, by so much per millisecond, after so
/// much time in which it was not needed.
const SPARE_MS: f64 = 4.0;
const CLEAN_MS: f64 = 3000.0;
const SHORTENED: f64 = 0.01;
/// How much slower or faster time may run to get where it should be, and how soon it would without that limit.
const STRETCH: f64 = 0.1;
const CATCH_UP_MS: f64 = 500.0;
/// Playback that is farther behind than this jumps; no change of the delay is as large.
const JUMP_MS: f64 = 600.0;
/// When frames were an outage for so long and so often, they are the new normal: the server's time has moved.
const MOVED_MS: f64 = 150.0;
const MOVED_FRAMES: u32 = 4;
/// A client that did nothing for so long was stopped: what arrived meanwhile was not late.
const STOPPED_MS: f64 = 150.0;
/// Frames that come so soon after one another were held up together, at any rate.
const BURST_MS: f64 = 8.0;
/// Pings among which the least counts.
const PINGS: usize = 8;

/// The time of a room, as one client knows it.
#[derive(Clone, Debug)]
pub struct RoomClock {
    period: f64,
    interval: f64,
    longest: f64,
    most: usize,
    frames: VecDeque<Arrival>,
    last_tick: f64,
    last_arrival: f64,
    /// The transit of a frame without delay.
    least: f64,
    known: bool,
    lateness: f64,
    outage: Option<Outage>,
    awake_at: f64,
    stopped_at: f64,
    target: f64,
    needed_at: f64,
    measured_at: f64,
    trips: VecDeque<f64>,
    /// The server's time less ours, and when it was slewed.
    offset: Option<f64>,
    offset_at: f64,
    moved: bool,
    shown: Option<Shown>,
}

/// When a frame came, that less its tick's time, and that less the time of the tick before.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    at: f64,
    transit: f64,
    reach: f64,
}

/// Frames that come later than any delay could hide.
#[derive(Clone, Copy, Debug)]
struct Outage {
    since: f64,
    frames: u32,
    least: f64,
}

#[derive(Clone, Copy, Debug)]
struct Shown {
    tick: f64,
    at: f64,
}

impl RoomClock {
    /// A clock for frames that come every `interval` milliseconds, in a room that ticks every `period`.
    pub fn new(period: f64, interval: f64) -> Self {
        let interval = interval.max(period);
        Self {
            period,
            interval,
            longest: MOST_DELAY_MS.max(2.0 * interval),
            most: MOST_FRAMES.min((REMEMBERED_MS / interval).ceil()) as usize,
            frames: VecDeque::new(),
            last_tick: f64::NEG_INFINITY,
            last_arrival: f64::NEG_INFINITY,
            least: 0.0,
            known: false,
            lateness: 0.0,
            outage: None,
            awake_at: f64::NEG_INFINITY,
            stopped_at: f64::NEG_INFINITY,
            target: 2.0 * interval,
            needed_at: f64::NEG_INFINITY,
            measured_at: 0.0,
            trips: VecDeque::new(),
            offset: None,
            offset_at: 0.0,
            moved: false,
            shown: None,
        }
    }

    /// Notes that the client runs, so that its own stops do not count as delays.
    pub fn awake(&mut self, now: f64) {
        if self.known && now - self.awake_at > STOPPED_MS {
            self.outage = Some(Outage { since: now, frames: 0, least: f64::INFINITY });
            self.stopped_at = now;
        }
        self.awake_at = self.awake_at.max(now);
    }

    /// After a connection was lost: the server's time may be elsewhere, and may be taken over at once.
    pub fn resumed(&mut self) {
        self.offset = None;
        self.outage = None;
    }

    /// Records the arrival of a frame.
    pub fn arrived(&mut self, tick: f64, now: f64) {
        self.awake(now);
        let transit = now - tick * self.period;
        let mut reach = now - self.last_tick * self.period;
        // The first frame, and one after an outage in which the server sent none, came when it should.
        if reach - self.least > self.longest {
            reach = transit + self.interval;
        }
        let in_burst = now - self.last_arrival.max(self.stopped_at) < BURST_MS.max(self.period / 4.0);
        self.last_tick = tick;
        self.last_arrival = now;
        if self.known && self.is_outage(transit, now, in_burst) {
            return;
        }
        while self.frames.len() == self.most
            || self.frames.front().is_some_and(|oldest| now - oldest.at > REMEMBERED_MS)
        {
            self.frames.pop_front();
        }
        self.frames.push_back(Arrival { at: now, transit, reach });
        self.known = true;
        self.measure(now);
        self.slew(now);
    }

    /// Records a round trip.
    pub fn answered(&mut self, trip: f64, now: f64) {
        if self.trips.len() == PINGS {
            self.trips.pop_front();
        }
        self.trips.push_back(trip);
        if self.known {
            self.slew(now);
        }
    }

    /// The least of the last round trips; 0 until one was measured.
    pub fn rtt(&self) -> f64 {
        self.trips.iter().copied().reduce(f64::min).unwrap_or(0.0)
    }

    /// How much later than the fastest frames 99 of 100 come.
    pub fn jitter(&self) -> f64 {
        self.lateness
    }

    /// The server's time, since the tick from which ticks are counted.
    pub fn server(&self, now: f64) -> f64 {
        now + self.offset.unwrap_or(-self.least)
    }

    /// How long after an undelayed arrival others are to be shown.
    pub fn target(&self) -> f64 {
        self.target
    }

    /// How long after an undelayed arrival others were shown last.
    pub fn delay(&self) -> f64 {
        match self.shown {
            Some(shown) if self.known => (self.newest(shown.at) - shown.tick) * self.period,
            _ => self.target,
        }
    }

    /// How long ago the moment that was shown last was at the server; 0 when none was shown.
    pub fn age(&self, now: f64) -> f64 {
        self.shown.map_or(0.0, |shown| self.server(now) - shown.tick * self.period - (now - shown.at))
    }

    /// How many ticks the moment that was shown last lies before this tick; negative when it lies after it, `None` when none
    /// was shown.
    pub fn behind(&self, tick: f64) -> Option<f64> {
        self.shown.map(|shown| tick - shown.tick)
    }

    /// The tick that should be arriving now if nothing delayed it, as a fraction.
    pub fn newest(&self, now: f64) -> f64 {
        (now - self.least) / self.period
    }

    /// The tick of others to show now, as a fraction; never decreases unless the server's time has moved. `None` before the
    /// first frame.
    pub fn show(&mut self, now: f64) -> Option<f64> {
        self.awake(now);
        if !self.known {
            return None;
        }
        let goal = self.newest(now) - self.target / self.period;
        let tick = match self.shown {
            Some(shown) if !self.moved => {
                let elapsed = (now - shown.at).max(0.0);
                let steady = shown.tick + elapsed / self.period;
                let off = (goal - steady) * self.period;
                if off < JUMP_MS { steady + slewed(off, elapsed) / self.period } else { goal }
            }
            _ => goal,
        };
        self.moved = false;
        self.shown = Some(Shown { tick, at: self.shown.map_or(now, |shown| shown.at.max(now)) });
        Some(tick)
    }

    /// Whether a frame belongs to an outage, or came with others that do.
    fn is_outage(&mut self, transit: f64, now: f64, in_burst: bool) -> bool {
        if transit - self.least <= self.longest {
            self.outage = self.outage.filter(|_| in_burst).map(|outage| Outage { frames: 0, ..outage });
            return self.outage.is_some();
        }
        let begun = self.outage.filter(|outage| outage.frames > 0);
        let mut outage = begun.unwrap_or(Outage { since: now, frames: 0, least: f64::INFINITY });
        outage.frames += 1;
        outage.least = outage.least.min(transit);
        self.outage = Some(outage);
        if outage.frames < MOVED_FRAMES || now - outage.since < MOVED_MS {
            return true;
        }
        self.frames.clear();
        self.least = outage.least;
        self.outage = None;
        self.offset = None;
        self.moved = true;
        false
    }

    fn measure(&mut self, now: f64) {
        self.least = self.frames.iter().map(|frame| frame.transit).fold(f64::INFINITY, f64::min);
        self.lateness = self.high(|frame| frame.transit) - self.least;
        let need = self.high(|frame| frame.reach) - self.least;
        let start = if self.frames.len() < FEW_FRAMES { 2.0 * self.interval } else { 0.0 };
        let wanted = self.longest.min(start.max(need + MARGIN_MS));
        if wanted >= self.target - SPARE_MS {
            self.needed_at = now;
        }
        if wanted > self.target {
            self.target = wanted;
        } else if now - self.needed_at > CLEAN_MS {
            self.target = wanted.max(self.target - SHORTENED * (now - self.measured_at));
        }
        self.measured_at = now;
    }

    /// What all but one of a hundred frames are at most.
    fn high(&self, value: impl Fn(&Arrival) -> f64) -> f64 {
        let mut values: Vec<f64> = self.frames.iter().map(value).collect();
        let above = values.len() / TOLERATED;
        *values.select_nth_unstable_by(above, |a, b| b.total_cmp(a)).1
    }

    fn slew(&mut self, now: f64) {
        let goal = self.rtt() / 2.0 - self.least;
        let elapsed = (now - self.offset_at).max(0.0);
        self.offset = Some(self.offset.map_or(goal, |offset| offset + slewed(goal - offset, elapsed)));
        self.offset_at = now;
    }
}

/// How far time may be moved towards where it should be, after `elapsed` milliseconds.
fn slewed(off: f64, elapsed: f64) -> f64 {
    let most = off.abs().min(elapsed * STRETCH.min(off.abs() / CATCH_UP_MS));
    if off < 0.0 { -most } else { most }
}
