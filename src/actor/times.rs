//! The durations of the phases of a room's tick and of a session's message: a histogram per phase, and trace spans if a
//! trace is written. The engine defines the phases of a tick; the clock is read here.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::clock::Clock;
use super::trace::{Lane, Span, Trace};
use crate::engine;
use crate::tick::Tick;

/// A phase of a tick or of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The room reads its seat channels and answers joins.
    Merge,
    Step,
    WriteSnapshot,
    Freeze,
    /// The room sends out the frame and events, and frees seats.
    Publish,
    /// A session composes a message.
    Compose,
    /// The session passes the message to the connection. The HTTP layer writes it to the socket later.
    Send,
}

impl Phase {
    const ALL: [Self; 7] =
        [Self::Merge, Self::Step, Self::WriteSnapshot, Self::Freeze, Self::Publish, Self::Compose, Self::Send];

    fn name(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Step => "step",
            Self::WriteSnapshot => "write_snapshot",
            Self::Freeze => "freeze",
            Self::Publish => "publish",
            Self::Compose => "compose",
            Self::Send => "send",
        }
    }
}

impl From<engine::Phase> for Phase {
    fn from(phase: engine::Phase) -> Self {
        match phase {
            engine::Phase::Step => Self::Step,
            engine::Phase::WriteSnapshot => Self::WriteSnapshot,
            engine::Phase::Freeze => Self::Freeze,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    phase: &'static str,
}

/// The histograms, and the trace if one is written.
#[derive(Debug)]
pub struct Times {
    /// Indexed by [`Phase`].
    phases: [Histogram; Phase::ALL.len()],
    trace: Option<Trace>,
}

impl Times {
    /// Rooms and sessions are timed at one tick in this many: reading the clock and locking a histogram that all threads share
    /// is a noticeable part of a message's cost, and of a quiet tick's. The number is prime, so that periodic events are
    /// sampled in proportion.
    const SAMPLE_EVERY: u32 = 17;

    /// Adds the histograms to `registry`.
    pub fn new(registry: &mut Registry, trace: Option<Trace>) -> Self {
        let new: fn() -> Histogram = || Histogram::new(exponential_buckets(1e-6, 2.0, 19));
        let (tick, session) = (Family::new_with_constructor(new), Family::new_with_constructor(new));
        let help = "Time of the phases of a tick, at one tick of 17";
        registry.register_with_unit("tick_phase", help, Unit::Seconds, tick.clone());
        let help = "Time of the phases of a message to a client, at one tick of 17";
        registry.register_with_unit("session_phase", help, Unit::Seconds, session.clone());
        trace.iter().for_each(|trace| trace.register(registry));
        let phases = Phase::ALL.map(|phase| {
            let family: &Family<Label, Histogram, fn() -> Histogram> =
                if matches!(phase, Phase::Compose | Phase::Send) { &session } else { &tick };
            family.get_or_create(&Label { phase: phase.name() }).clone()
        });
        Self { phases, trace }
    }

    /// Starts timing the work on `lane` for `tick`.
    pub fn start(&self, clock: Clock, lane: Lane, tick: Tick) -> Stopwatch<'_> {
        let now = clock.elapsed();
        Stopwatch { times: self, clock, lane, tick, start: now, lap: now }
    }

    /// Whether a room's tick is timed: one in [`Self::SAMPLE_EVERY`], and all of them while a trace is written.
    pub fn are_timed(&self, tick: Tick) -> bool {
        self.trace.is_some() || tick.0.is_multiple_of(Self::SAMPLE_EVERY)
    }

    /// Like [`Self::start`], but only at one tick in [`Self::SAMPLE_EVERY`].
    pub fn sample(&self, clock: Clock, lane: Lane, tick: Tick) -> Option<Stopwatch<'_>> {
        tick.0.is_multiple_of(Self::SAMPLE_EVERY).then(|| self.start(clock, lane, tick))
    }

    /// The trace, if one is written.
    pub fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }
}

/// Measures consecutive phases.
#[derive(Debug)]
pub struct Stopwatch<'a> {
    times: &'a Times,
    clock: Clock,
    lane: Lane,
    tick: Tick,
    start: Duration,
    /// The end of the last phase.
    lap: Duration,
}

impl Stopwatch<'_> {
    /// Ends `phase` and begins the next one.
    pub fn lap(&mut self, phase: Phase) {
        let now = self.clock.elapsed();
        let from = std::mem::replace(&mut self.lap, now);
        self.times.phases[phase as usize].observe(now.saturating_sub(from).as_secs_f64());
        self.tell(phase.name(), from);
    }

    /// Ends the measurement and records one span around all phases, in the trace only.
    pub fn stop(self, name: &'static str) {
        self.tell(name, self.start);
    }

    fn tell(&self, name: &'static str, from: Duration) {
        if let Some(trace) = &self.times.trace {
            trace.tell(Span { lane: self.lane, name, tick: self.tick, from, until: self.lap });
        }
    }
}
