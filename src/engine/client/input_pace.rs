//! How fast a client makes inputs, so that they reach the server just in time. The twin of `web-demo/client/input-pace.js`,
//! which explains how; `tests/golden/prediction.json` keeps the two equal.
//!
//! Times are milliseconds.

use std::collections::VecDeque;

/// How much shorter or longer a client tick may be.
const STRETCH: f64 = 0.1;
const SIGNS: f64 = 3.0;
/// What a lead that is good takes from the signs of lateness: one late input in five is too many.
const FORGIVEN: f64 = 0.25;
/// An input may wait for less than so many ticks; waiting costs less than a correction.
const EARLY: f64 = 2.0;
/// The least step towards an earlier input: a part of a tick often suffices.
const STEP: f64 = 0.5;
/// Ticks beyond which there is no use in hurrying.
const SNAP: f64 = 10.0;
/// Later than a rendered frame: something has stopped the client.
const LATE_MS: f64 = 25.0;
/// How long leads say nothing after the client itself was late: until the server has told another one.
const HITCH_MS: f64 = 1000.0;
/// The server tells a lead that has changed once in so many frames; in silence, the last one is still true.
const TOLD_EVERY: u32 = 16;

#[derive(Clone, Debug)]
pub(super) struct InputPace {
    period: f64,
    /// By how much inputs are still to be made earlier, or later when negative.
    owed: f64,
    /// Corrections within the last round trip: when, and by how much.
    made: VecDeque<(f64, f64)>,
    late: f64,
    early: f64,
    /// The least distance from good of the signs that are counted, in ticks.
    least: f64,
    /// The newest lead, and whether a changed input was made since.
    lead: Option<f64>,
    pub changed: bool,
    frames: u32,
    /// When the client made inputs too late itself.
    hitched_at: f64,
}

impl InputPace {
    pub fn new(period: f64) -> Self {
        Self {
            period,
            owed: 0.0,
            made: VecDeque::new(),
            late: 0.0,
            early: 0.0,
            least: f64::INFINITY,
            lead: None,
            changed: false,
            frames: 0,
            hitched_at: f64::NEG_INFINITY,
        }
    }

    /// Handles a frame, and the lead if it tells one. `rest`: ticks at which the server repeated an input and that no input
    /// will settle.
    pub fn frame(&mut self, lead: Option<i8>, now: f64, rtt: f64, rest: u32) {
        self.frames += 1;
        if let Some(lead) = lead {
            self.lead = Some(f64::from(lead) + (f64::from(rest) - 1.0).max(0.0));
        } else if self.lead.is_none() || !self.changed || self.frames < TOLD_EVERY {
            return;
        }
        (self.frames, self.changed) = (0, false);
        if let Some(lead) = self.lead {
            self.sign(lead, now, rtt);
        }
    }

    /// Notes when an input is made that was due at `due`: what the client delays itself, the lead must not make up for.
    pub fn makes(&mut self, due: f64, now: f64) {
        if now - due > LATE_MS {
            self.hitched_at = now;
        }
    }

    /// The time from an input that is due at `now` to the next one.
    pub fn next(&mut self, now: f64) -> f64 {
        let most = self.period * STRETCH;
        let by = self.owed.clamp(-most, most);
        if by == 0.0 {
            return self.period;
        }
        self.owed -= by;
        self.made.push_back((now, by));
        self.period - by
    }

    /// How many inputs to make at once, or to leave out when negative: beyond ten ticks nothing else would help.
    pub fn snap(&mut self, now: f64) -> i32 {
        if self.owed.abs() <= SNAP * self.period {
            return 0;
        }
        let ticks = (self.owed / self.period).trunc();
        self.owed -= ticks * self.period;
        self.made.push_back((now, ticks * self.period));
        ticks as i32
    }

    fn sign(&mut self, told: f64, now: f64, rtt: f64) {
        if now - self.hitched_at < rtt + HITCH_MS {
            return;
        }
        // A tick passes until an input is made, and the lead was told a frame ago.
        while self.made.pop_front_if(|(at, _)| *at < now - rtt - 2.0 * self.period).is_some() {}
        // What is owed will be corrected anyway.
        let pending = self.made.iter().fold(self.owed, |sum, (_, by)| sum + by) / self.period;
        let lead = told + pending;
        if (0.0..EARLY).contains(&lead) {
            (self.late, self.early) = ((self.late - FORGIVEN).max(0.0), 0.0);
            return;
        }
        let is_late = lead < 0.0;
        if (if is_late { self.late } else { self.early }) == 0.0 {
            self.least = f64::INFINITY;
        }
        (self.late, self.early) = if is_late { (self.late + 1.0, 0.0) } else { (0.0, self.early + 1.0) };
        self.least = self.least.min(if is_late { -lead } else { lead - EARLY + 1.0 });
        if self.late.max(self.early) < SIGNS {
            return;
        }
        self.owed += if is_late { STEP.max(self.least - STEP) * self.period } else { -self.least * self.period };
        (self.late, self.early) = (0.0, 0.0);
    }
}
