//! Counters that many threads count with, millions of times per second: each thread has a place of its own, so that no two
//! of them write to the same cache line or wait for a lock.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Atomic;

/// More threads than this share places.
const PLACES: usize = 32;

thread_local! {
    static PLACE: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed) % PLACES
    };
}

/// What one thread writes. Processors fetch cache lines in pairs.
#[repr(align(128))]
#[derive(Debug, Default)]
struct Place<T>(T);

/// A value for each place.
#[derive(Debug, Default)]
struct Places<T>([Place<T>; PLACES]);

impl<T> Places<T> {
    /// That of this thread.
    fn own(&self) -> &T {
        &self.0[PLACE.with(|place| *place)].0
    }

    fn sum(&self, value: impl Fn(&T) -> u64) -> u64 {
        self.0.iter().map(|place| value(&place.0)).fold(0, u64::wrapping_add)
    }
}

/// The value of a counter.
#[derive(Debug, Default)]
pub struct PerThread(Places<AtomicU64>);

impl Atomic<u64> for PerThread {
    fn inc(&self) -> u64 {
        self.inc_by(1)
    }

    fn inc_by(&self, by: u64) -> u64 {
        self.0.own().fetch_add(by, Ordering::Relaxed)
    }

    fn get(&self) -> u64 {
        self.0.sum(|count| count.load(Ordering::Relaxed))
    }
}

/// A histogram of durations. Each bucket reaches twice as far as the one before, and the first [`Self::LEAST`].
#[derive(Clone, Debug, Default)]
pub struct Durations(Arc<Places<Observed>>);

#[derive(Debug, Default)]
struct Observed {
    nanoseconds: AtomicU64,
    /// The last one has what is longer than all others.
    buckets: [AtomicU64; Durations::BUCKETS + 1],
}

impl Durations {
    const LEAST: Duration = Duration::from_micros(50);
    /// The last bucket ends at 1.6 s.
    const BUCKETS: usize = 16;

    /// Adds a duration.
    pub fn observe(&self, span: Duration) {
        let nanoseconds = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let least = Self::LEAST.as_nanos() as u64;
        let doublings = nanoseconds.div_ceil(least).max(1).next_power_of_two().trailing_zeros() as usize;
        let observed = self.0.own();
        observed.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        observed.buckets[doublings.min(Self::BUCKETS)].fetch_add(1, Ordering::Relaxed);
    }

    /// The end of each bucket in seconds, and how many durations are in it.
    fn buckets(&self) -> Vec<(f64, u64)> {
        let bound = |index: usize| match index {
            Self::BUCKETS => f64::INFINITY,
            _ => Self::LEAST.as_secs_f64() * (1_u64 << index) as f64,
        };
        let count = |index: usize| self.0.sum(|observed| observed.buckets[index].load(Ordering::Relaxed));
        (0..=Self::BUCKETS).map(|index| (bound(index), count(index))).collect()
    }
}

impl EncodeMetric for Durations {
    fn encode(&self, mut encoder: MetricEncoder) -> fmt::Result {
        let nanoseconds = self.0.sum(|observed| observed.nanoseconds.load(Ordering::Relaxed));
        let buckets = self.buckets();
        let count = buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(nanoseconds as f64 / 1e9, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::{Registry, Unit};

    use super::*;

    #[test]
    fn what_threads_count_apart_is_one_sum() {
        let count = PerThread::default();
        thread::scope(|scope| {
            for _ in 0..PLACES + 3 {
                scope.spawn(|| (0..100).for_each(|_| _ = count.inc()));
            }
        });
        count.inc_by(5);
        assert_eq!(count.get(), 100 * (PLACES as u64 + 3) + 5);
        let used = count.0.0.iter().filter(|place| place.0.load(Ordering::Relaxed) > 0).count();
        assert!(used > 1, "all threads wrote to one place");
    }

    #[test]
    fn durations_are_in_the_buckets_that_reach_so_far() {
        let (durations, mut registry, mut text) = (Durations::default(), Registry::default(), String::new());
        registry.register_with_unit("took", "Time", Unit::Seconds, durations.clone());
        for microseconds in [0, 50, 51, 100, 101, 1_638_400, 1_638_401, 90_000_000] {
            durations.observe(Duration::from_micros(microseconds));
        }
        durations.observe(Duration::from_nanos(50_001));
        encode(&mut text, &registry).expect("text");
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
        let upto = |bound: &str| value(&format!("took_seconds_bucket{{le=\"{bound}\"}}"));
        let wanted =
            [("0.00005", 2.0), ("0.0001", 5.0), ("0.0002", 6.0), ("0.8192", 6.0), ("1.6384", 7.0), ("+Inf", 9.0)];
        for (bound, count) in wanted {
            assert_eq!(upto(bound), Some(count), "{bound} in {text}");
        }
        assert_eq!(value("took_seconds_count"), Some(9.0));
        assert!(value("took_seconds_sum").is_some_and(|sum| (sum - 93.277_153).abs() < 1e-6), "{text}");
    }
}
