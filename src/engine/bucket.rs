//! A token bucket that also measures how long a client has been over its rate, so that persistent offenders can be
//! ended.

use std::time::Duration;

use crate::tick::Moment;

/// Limits how often something happens.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// Microseconds in which one token comes back.
    refill: u64,
    /// Microseconds' worth of tokens in a full bucket.
    depth: u64,
    /// The microsecond at which the bucket will be full again; in the past when it is full.
    full_at: u64,
    /// When the current series of refusals began.
    over_since: Option<Moment>,
    /// The last refusal.
    refused_at: Moment,
}

impl Bucket {
    /// Refusals further apart than this belong to different series.
    const FORGIVE: Duration = Duration::from_secs(1);

    /// Makes a full bucket of `burst` tokens that gains one token every `refill`.
    pub fn new(refill: Duration, burst: u32) -> Self {
        let refill = u64::try_from(refill.as_micros()).unwrap_or(u64::MAX).max(1);
        let depth = refill.saturating_mul(u64::from(burst.max(1)));
        Self { refill, depth, full_at: 0, over_since: None, refused_at: Moment(0) }
    }

    /// Makes a bucket that gains `rate` tokens per second and holds one second's worth.
    pub fn per_second(rate: u32) -> Self {
        Self::new(Duration::from_secs(1) / rate.max(1), rate)
    }

    /// Takes a token if there is one.
    pub fn take(&mut self, now: Moment) -> bool {
        self.take_many(now, 1)
    }

    /// Whether there is a token to take.
    pub fn has(&self, now: Moment) -> bool {
        self.full_at.max(now.0).saturating_add(self.refill) <= now.0.saturating_add(self.depth)
    }

    /// Takes `count` tokens if there are that many; otherwise takes none.
    pub fn take_many(&mut self, now: Moment, count: u32) -> bool {
        let full_at = self.full_at.max(now.0).saturating_add(self.refill.saturating_mul(count.into()));
        let granted = full_at <= now.0.saturating_add(self.depth);
        if granted {
            self.full_at = full_at;
        } else {
            let apart = now.since(self.refused_at) > Self::FORGIVE;
            if apart || self.over_since.is_none() {
                self.over_since = Some(now);
            }
            self.refused_at = now;
        }
        granted
    }

    /// How long the current series of refusals has lasted.
    pub fn over_for(&self, now: Moment) -> Duration {
        match self.over_since {
            Some(since) if now.since(self.refused_at) <= Self::FORGIVE => now.since(since),
            _ => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_passes_at_the_rate_and_is_noticed() {
        let mut bucket = Bucket::per_second(100);
        let granted = (0..60_000_u64).filter(|n| bucket.take(Moment(n * 100))).count();
        assert!((690..=710).contains(&granted), "{granted}");
        assert!(bucket.over_for(Moment(6_000_000)) > Duration::from_secs(4));
        assert_eq!(bucket.over_for(Moment(9_000_000)), Duration::ZERO);
    }

    #[test]
    fn many_tokens_are_taken_at_once_or_not_at_all() {
        let mut bucket = Bucket::per_second(10);
        assert!(bucket.take_many(Moment(0), 8) && !bucket.take_many(Moment(0), 3) && bucket.take_many(Moment(0), 2));
        assert!(!bucket.take_many(Moment(60_000_000), 11), "more than it ever holds");
    }

    #[test]
    fn the_rate_itself_is_never_refused() {
        let mut bucket = Bucket::per_second(20);
        assert!((0..1000_u64).all(|n| bucket.take(Moment(n * 50_000))));
    }
}
