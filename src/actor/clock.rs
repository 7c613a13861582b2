//! The one place that reads the monotonic clock.

use std::time::{Duration, Instant};

use crate::tick::Moment;

/// Moments since a start, shared by all actors of a server.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that starts now.
    #[expect(clippy::disallowed_methods, reason = "the shell's clock is where time enters")]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// The moment now.
    pub fn now(&self) -> Moment {
        Moment(0).plus(self.elapsed())
    }

    /// The instant of a moment, for timers.
    pub(super) fn instant_of(&self, moment: Moment) -> tokio::time::Instant {
        (self.start + Duration::from_micros(moment.0)).into()
    }

    /// Now, for timers that are not of one clock.
    #[expect(clippy::disallowed_methods, reason = "the shell's clock is where time enters")]
    pub(super) fn instant() -> tokio::time::Instant {
        Instant::now().into()
    }

    /// The time since the start, at the resolution of the machine's clock; for measuring.
    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}
