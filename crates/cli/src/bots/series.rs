//! The samples of a run, for charts. Bounded: when there are too many, every other sample is dropped.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::machine::Load;
use super::outside::ServerFigures;
use super::report::Quantiles;

/// About one second of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// The end of the sample, in seconds since the start.
    pub at: f64,
    /// Honest bots in a room at the end of the sample.
    pub live: u64,
    /// From making an input to the first state that covers it.
    pub latency: Quantiles,
    /// The same times as counts per millisecond: below how many milliseconds, and how many there were. Counts of
    /// several samples can be added, quantiles cannot.
    pub latency_counts: Vec<(u64, u64)>,
    /// How late the bots' own timers were.
    pub lateness: Quantiles,
    /// Bytes on the wire per second that one bot received.
    pub down_per_second: f64,
    /// Bytes on the wire per second that one bot sent.
    pub up_per_second: f64,
    /// Failures.
    pub failures: u64,
    /// Processor use; Linux only.
    pub load: Option<Load>,
    /// The server's metrics.
    pub server: Option<ServerFigures>,
}

/// The samples of a run.
#[derive(Debug, Default)]
pub struct Series {
    samples: Vec<Sample>,
    /// One of this many samples is kept.
    every: usize,
    offered: usize,
}

impl Series {
    /// More than a chart has pixels.
    const MOST: usize = 1800;

    /// Adds a sample.
    pub fn push(&mut self, sample: Sample) {
        let every = self.every.max(1);
        if self.offered.is_multiple_of(every) {
            self.samples.push(sample);
        }
        self.offered += 1;
        if self.samples.len() >= Self::MOST {
            let mut index = 0;
            self.samples.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.every = every * 2;
        }
    }

    /// The samples that were kept, in order.
    pub fn into_samples(self) -> Vec<Sample> {
        self.samples
    }
}

/// A distribution of times, of the whole run and of the current sample.
#[derive(Debug)]
pub struct Times {
    whole: Histogram<u64>,
    recent: Histogram<u64>,
    closed: bool,
}

impl Default for Times {
    fn default() -> Self {
        Self { whole: histogram(), recent: histogram(), closed: false }
    }
}

impl Times {
    /// Records a time, unless closed.
    pub fn record(&mut self, took: Duration) {
        if !self.closed {
            self.recent.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        }
    }

    /// Ignores later times.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// The current sample as counts per millisecond, without those of zero.
    pub fn counts(&self) -> Vec<(u64, u64)> {
        let millis = self.recent.iter_linear(1000).map(|step| step.count_since_last_iteration());
        (1..).zip(millis).filter(|(_, count)| *count > 0).collect()
    }

    /// Ends the current sample and returns its quantiles.
    pub fn cut(&mut self) -> Quantiles {
        let quantiles = Quantiles::from(&self.recent);
        self.whole.add(&self.recent).expect("both have the same bounds");
        self.recent.reset();
        quantiles
    }

    /// Drops all times.
    pub fn reset(&mut self) {
        self.whole.reset();
        self.recent.reset();
    }

    /// All times so far, in microseconds.
    pub fn whole(&mut self) -> &Histogram<u64> {
        self.cut();
        &self.whole
    }
}

/// An empty histogram of microseconds.
pub fn histogram() -> Histogram<u64> {
    // One minute is more than any time here; larger values saturate.
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("1 to a minute at 3 digits is valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_fits() {
        let mut series = Series::default();
        let none = Quantiles::from(&histogram());
        for second in 0..86_400 {
            let (at, server, load) = (f64::from(second), None, None);
            let (down_per_second, up_per_second, live, failures) = (0.0, 0.0, 1, 0);
            let (latency, latency_counts, lateness) = (none, Vec::new(), none);
            let per_bot = Sample {
                at,
                live,
                latency,
                latency_counts,
                lateness,
                down_per_second,
                up_per_second,
                failures,
                load,
                server,
            };
            series.push(per_bot);
        }
        let samples = series.into_samples();
        assert!((900..1800).contains(&samples.len()), "{}", samples.len());
        let gaps: Vec<f64> = samples.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
        assert!(gaps.iter().all(|gap| *gap == gaps[0]), "evenly spread");
    }

    #[test]
    fn a_sample_is_a_part_of_the_whole() {
        let mut times = Times::default();
        times.record(Duration::from_millis(5));
        times.record(Duration::from_micros(5100));
        assert_eq!(times.counts(), [(6, 2)]);
        assert_eq!(times.cut().count, 2);
        assert_eq!(times.counts(), []);
        times.record(Duration::from_millis(50));
        assert_eq!((times.whole().len(), times.cut().count), (3, 0));
        times.close();
        times.record(Duration::from_millis(500));
        assert_eq!(times.whole().len(), 3);
    }
}
