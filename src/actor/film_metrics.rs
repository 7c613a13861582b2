//! Who watches films of rooms: by outlet, how late they are and what they missed, as metrics and for operators.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use serde::Serialize;

use super::clock::Clock;
use super::film_tape::{FilmTape, PublicSegment};
use super::metrics::Metrics;

/// In seconds: from when a segment may be seen until it is passed to a viewer's connection.
const LAGS: [f64; 10] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// How viewers get a film.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlet {
    /// As server-sent events.
    Events,
    /// Segment by segment, perhaps by a cache.
    Segments,
}

impl Outlet {
    const ALL: [Self; 2] = [Self::Events, Self::Segments];

    fn label(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Segments => "segments",
        }
    }
}

/// Viewers of one film.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FilmViewers {
    /// Streams of server-sent events.
    pub events: usize,
    /// Requests for a segment that are being answered: viewers wait in them nearly all the time. A cache counts as one.
    pub segments: usize,
}

/// The metrics.
#[derive(Debug)]
pub(super) struct FilmMetrics {
    // One for each outlet, in their order: looking up a label costs more than counting.
    viewers: [Gauge; 2],
    sent: [Counter; 2],
    lag: [Histogram; 2],
    /// The lag lately, in microseconds.
    lately: [AtomicU64; 2],
    skipped: Counter,
}

/// How films go out, for operators.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct FilmOutlet {
    outlet: &'static str,
    viewers: i64,
    /// Segments.
    sent: u64,
    /// How late they were lately.
    lag_micros: u64,
    /// Segments that viewers were too slow for.
    skipped: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct By {
    outlet: &'static str,
}

impl FilmMetrics {
    /// Adds them to `registry`.
    pub(super) fn new(registry: &mut Registry) -> Self {
        let by = |outlet: Outlet| By { outlet: outlet.label() };
        let (viewers, sent) = (Family::<By, Gauge>::default(), Family::<By, Counter>::default());
        let lag = Family::<By, Histogram>::new_with_constructor(|| Histogram::new(LAGS));
        let skipped = Counter::default();
        registry.register(
            "film_viewers",
            "Viewers of films of rooms: streams, and requests for segments",
            viewers.clone(),
        );
        registry.register("film_segments_sent", "Segments of films that viewers were sent", sent.clone());
        let help = "From when a segment may be seen until it is passed to a waiting viewer's connection";
        registry.register_with_unit("film_lag", help, Unit::Seconds, lag.clone());
        let help = "Segments that streams left out because their viewer was too slow";
        registry.register("film_segments_skipped", help, skipped.clone());
        Self {
            viewers: Outlet::ALL.map(|outlet| viewers.get_or_create(&by(outlet)).clone()),
            sent: Outlet::ALL.map(|outlet| sent.get_or_create(&by(outlet)).clone()),
            lag: Outlet::ALL.map(|outlet| lag.get_or_create(&by(outlet)).clone()),
            lately: Default::default(),
            skipped,
        }
    }
}

impl Metrics {
    /// How films of rooms go out.
    pub fn film_outlets(&self) -> [FilmOutlet; 2] {
        let FilmMetrics { viewers, sent, lately, skipped, .. } = &self.film;
        Outlet::ALL.map(|outlet| {
            let at = outlet as usize;
            let skipped = if outlet == Outlet::Events { skipped.get() } else { 0 };
            let lag_micros = lately[at].load(Ordering::Relaxed);
            FilmOutlet { outlet: outlet.label(), viewers: viewers[at].get(), sent: sent[at].get(), lag_micros, skipped }
        })
    }
}

/// Somebody who watches; counted until this is dropped.
#[derive(Debug)]
pub struct Watching {
    tape: Arc<FilmTape>,
    outlet: Outlet,
    metrics: Arc<Metrics>,
    clock: Clock,
}

impl Watching {
    pub(super) fn new(tape: Arc<FilmTape>, outlet: Outlet, metrics: Arc<Metrics>, clock: Clock) -> Self {
        tape.enter(outlet);
        metrics.film.viewers[outlet as usize].inc();
        Self { tape, outlet, metrics, clock }
    }

    /// The film.
    pub fn tape(&self) -> &FilmTape {
        &self.tape
    }

    /// The viewer is sent a segment. `waited`: as soon as it may be seen, so that the viewer's lag can be told.
    pub fn sent(&self, segment: &PublicSegment, waited: bool) {
        let metrics = &self.metrics.film;
        metrics.sent[self.outlet as usize].inc();
        if waited {
            let lag = self.clock.now().since(segment.public_from);
            metrics.lag[self.outlet as usize].observe(lag.as_secs_f64());
            // Two that write at the same time may lose one of the samples.
            let lately = &metrics.lately[self.outlet as usize];
            let (before, now) = (lately.load(Ordering::Relaxed), lag.as_micros() as u64);
            lately.store(before - before / 64 + now / 64, Ordering::Relaxed);
        }
    }

    /// The viewer was so slow that segments were left out between these two.
    pub fn skipped(&self, known: &PublicSegment, next: &PublicSegment) {
        let (known, next) = (&known.segment, &next.segment);
        let ticks = next.first.since(known.last).max(1).cast_unsigned();
        let long = next.last.since(next.first).max(1).cast_unsigned();
        self.metrics.film.skipped.inc_by(u64::from(ticks.div_ceil(long)));
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.tape.leave(self.outlet);
        self.metrics.film.viewers[self.outlet as usize].dec();
    }
}
