//! The one place that reads the monotonic clock.

use std::time::Instant;

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
        Moment(0).plus(self.start.elapsed())
    }
}
