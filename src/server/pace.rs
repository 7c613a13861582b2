//! The least rate of a transfer: how long its other side may keep it waiting. Reads no clock; counts whole seconds of waiting.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::rt::time::{Sleep, sleep};

/// The time that a transfer may still wait. Its bytes earn more, up to what it had at first.
pub struct Pace {
    /// Seconds of waiting at first, and at most.
    most: u64,
    left: u64,
    /// Bytes that earn another second.
    rate: u64,
    /// Bytes that have not earned a second yet.
    earning: u64,
    /// The current second of waiting. It goes on while bytes move, so that a trickle does not start it again.
    second: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    /// A transfer that may wait for `most`, in whole seconds, and earns a second with each `rate` bytes.
    pub fn new(most: Duration, rate: u64) -> Self {
        Self { most: most.as_secs(), left: most.as_secs(), rate, earning: 0, second: None }
    }

    /// The transfer waits. Ready when it has waited for too long.
    pub fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.left > 0 {
            let second = self.second.get_or_insert_with(|| Box::pin(sleep(Duration::from_secs(1))));
            ready!(second.as_mut().poll(cx));
            self.second = None;
            self.left -= 1;
        }
        Poll::Ready(())
    }

    /// This many bytes have moved.
    pub fn moved(&mut self, bytes: usize) {
        self.earning += bytes as u64;
        self.left = self.most.min(self.left + self.earning / self.rate);
        self.earning %= self.rate;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_earn_seconds_up_to_what_there_was_at_first() {
        let mut pace = Pace { left: 1, ..Pace::new(Duration::from_secs(5), 100) };
        (0..199).for_each(|_| pace.moved(1));
        assert_eq!(pace.left, 2);
        pace.moved(1);
        assert_eq!(pace.left, 3);
        pace.moved(10_000);
        assert_eq!(pace.left, 5);
    }
}
