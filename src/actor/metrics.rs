//! The metrics. Label sets are bounded: close reasons, and the kinds and fields of games; never rooms or players.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use serde::Serialize;

use super::cluster_metrics::ClusterMetrics;
use super::fairness::Fairness;
use super::feel_metrics::FeelMetrics;
use super::film_metrics::FilmMetrics;
use super::journal_metrics::JournalMetrics;
use super::log_health::LogHealth;
use super::per_thread::{Durations, PerThread};
use super::process::Process;
use super::refusals::Refusals;
use super::times::Times;
use super::trace::Trace;
use super::unsent_metrics::UnsentMetrics;
use crate::cluster::Cluster;
use crate::engine::{BandwidthProfiler, CostShare};
use crate::store::Journal;
use crate::tap::{Outbox, OutboxMetrics, SinkReport};
use crate::wire::{Close, Continuity};

/// Most `delta_bits` gauges. A game has few kinds and fields, but it may build its schema from room options.
pub(super) const MOST_SPENT: usize = 1024;

type Bits = Gauge<f64, AtomicU64>;
type Count = Counter<u64, PerThread>;
type Labelled = Counter<u64, AtomicU64>;

/// All metrics of a server.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// How long each phase of a room's tick and of a session's message takes.
    pub(super) times: Times,
    pub(super) tick_duration: Durations,
    pub(super) counts: Counts,
    resumes: Family<Resumed, Labelled>,
    room_crashes: Family<Crash, Labelled>,
    recordings: Family<Recorded, Labelled>,
    endings: Family<Ending, Labelled>,
    /// Refused clients.
    pub refusals: Refusals,
    pub(super) fairness: Fairness,
    pub(super) feel: FeelMetrics,
    pub(super) film: FilmMetrics,
    pub(super) unsent: UnsentMetrics,
    delta_bits: Family<Spent, Bits>,
    tap: Option<Outbox>,
    /// The label sets that have a gauge.
    spent: Mutex<BTreeSet<Spent>>,
}

/// Makes the struct of all metrics that are one number, and registers them.
macro_rules! counts {
    ($($field:ident: $kind:ident = $name:literal, $help:literal;)*) => {
        /// The metrics that are one number.
        #[derive(Debug)]
        pub(super) struct Counts {
            $(pub $field: $kind,)*
        }

        impl Counts {
            fn register(registry: &mut Registry) -> Self {
                let counts = Self { $($field: $kind::default(),)* };
                $(registry.register($name, $help, counts.$field.clone());)*
                counts
            }
        }
    };
}

counts! {
    players: Gauge = "players", "Seats taken";
    seats_held: Gauge = "seats_held", "Seats held for disconnected players";
    spectators: Gauge = "spectators", "Spectators of rooms";
    rooms: Gauge = "rooms", "Rooms open";
    sessions: Gauge = "sessions", "Connections upgraded";
    ticks: Count = "ticks", "Ticks computed";
    late_ticks: Count = "late_ticks", "Ticks computed more than a period late";
    skipped_ticks: Count = "skipped_ticks", "Ticks skipped because the room or the machine was behind";
    bytes_sent: Count = "bytes_sent", "Bytes of messages sent";
    bytes_received: Count = "bytes_received", "Bytes of messages received";
    frames_sent: Count = "frames_sent", "Frame messages sent";
    holds: Count = "holds", "Times that sending to a slow client was held back";
    cells_unsent: Count = "cells_unsent", "Times that a cell was wanted by a client and had to wait";
    bytes_unsent: Count = "bytes_unsent", "Bytes of the changes in those cells";
    rooms_overloaded: Gauge = "rooms_overloaded", "Rooms that save work because their ticks take too long";
    evictions: Count = "evictions", "Sessions cut because their client stopped reading";
    resyncs: Count = "resyncs", "Keyframes that clients requested after a hash mismatch";
    inputs_dropped: Count = "inputs_dropped", "Input runs dropped because too many were pending";
    inputs_superseded: Count = "inputs_superseded", "Inputs that newer ones replaced before they were used";
    over_rate: Count = "messages_over_rate", "Messages dropped by a rate limit";
    values_saturated: Count = "values_saturated", "Values outside their field's range";
    seats_released: Count = "seats_released", "Seats released because their player did not reconnect in time";
    seats_reserved: Count = "seats_reserved", "Seats reserved for parties";
    reservations_expired: Count = "reservations_expired", "Reserved seats whose ticket expired unused";
    rooms_restored: Count = "rooms_restored", "Rooms that were stored when the last server stopped, and went on";
    rooms_asleep: Gauge = "rooms_asleep", "Persistent rooms that nobody is in";
    rooms_woken: Count = "rooms_woken", "Times that a sleeping room was woken";
    rooms_gone_back: Count = "rooms_gone_back", "Rooms that went back to a checkpoint after a crash";
    rooms_recovered: Count = "rooms_recovered", "Rooms that went on after the last server had crashed";
    rooms_moved: Count = "rooms_moved", "Rooms that were handed over to another node";
    rooms_taken_over: Count = "rooms_taken_over", "Rooms of nodes that failed which went on at this one";
    rooms_lost: Count = "rooms_lost", "Rooms of the last server that could not be recovered";
    recordings_lost: Count = "recordings_lost", "Recordings of rooms that could not be written";
    certificate_expires: Gauge = "certificate_expires_seconds", "When the certificate in use expires, in seconds since 1970; 0 without one";
    matches_ended: Count = "matches_ended", "Matches that ended with a result";
    matches_kept: Gauge = "matches_kept", "Ended matches in the archive";
    matches_lost: Count = "matches_lost", "Ended matches that could not be written to the archive";
    match_films_lost: Count = "match_films_lost", "Times that a part of a match's film could not be kept";
}

/// Current counts, and counts since the start.
#[derive(Clone, Debug, Serialize)]
pub struct Totals {
    pub players: i64,
    /// Seats held for disconnected players.
    pub away: i64,
    pub spectators: i64,
    pub rooms: i64,
    pub sessions: i64,
    pub ticks: u64,
    pub late_ticks: u64,
    pub skipped_ticks: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub frames_sent: u64,
    /// Times that sending to a slow client was held back.
    pub holds: u64,
    /// Ended sessions by close reason.
    pub endings: BTreeMap<&'static str, u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ending {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Resumed {
    continuity: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Recorded {
    why: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Crash {
    hook: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
struct Spent {
    game: String,
    /// Empty for costs that belong to no kind, such as presence and departures.
    kind: String,
    field: String,
}

/// The gauges of one room's costs, share by share; `None` where there are too many gauges.
#[derive(Debug, Default)]
pub(super) struct Spending(Box<[Option<Bits>]>);

fn tick_durations(registry: &mut Registry) -> Durations {
    let durations = Durations::default();
    registry.register_with_unit("tick_duration", "Time to compute one tick", Unit::Seconds, durations.clone());
    durations
}

fn delta_bits(registry: &mut Registry) -> Family<Spent, Bits> {
    let bits = Family::default();
    let help = "Bits of deltas per tick and player, by kind and field, averaged over samples of the game's rooms";
    registry.register("delta_bits", help, bits.clone());
    bits
}

impl Metrics {
    /// Metrics with all counts at zero. Phases are also recorded in `trace`, lines that `log` lost are counted, and
    /// `journal`, `cluster` and `tap` are reported on, if given.
    pub fn new(
        trace: Option<Trace>,
        log: Option<&LogHealth>,
        journal: Option<&Journal>,
        cluster: Option<&Arc<Cluster>>,
        tap: Option<&Outbox>,
    ) -> Self {
        let mut whole = Registry::default();
        whole.register_collector(Box::new(Process));
        if let Some(journal) = journal {
            whole.register_collector(Box::new(JournalMetrics(journal.clone())));
        }
        if let Some(cluster) = cluster {
            whole.register_collector(Box::new(ClusterMetrics(cluster.clone())));
        }
        if let Some(tap) = tap {
            whole.register_collector(Box::new(OutboxMetrics(tap.clone())));
        }
        let registry = whole.sub_registry_with_prefix("tickwire");
        let times = Times::new(registry, trace);
        log.into_iter().for_each(|log| log.register(registry));
        let (tick_duration, counts) = (tick_durations(registry), Counts::register(registry));
        let (endings, resumes, room_crashes) = (Family::default(), Family::default(), Family::default());
        let recordings = Family::default();
        registry.register("recordings", "Recordings of rooms written, by why they were made", recordings.clone());
        registry.register("resumes", "Claims to an earlier seat, by outcome", resumes.clone());
        registry.register("room_crashes", "Rooms closed because their game panicked, by hook", room_crashes.clone());
        registry.register("session_endings", "Sessions ended, by reason", endings.clone());
        let (refusals, fairness, delta_bits) = (Refusals::new(registry), Fairness::new(registry), delta_bits(registry));
        let (feel, film) = (FeelMetrics::new(registry), FilmMetrics::new(registry));
        let unsent = UnsentMetrics::new(registry);
        Self {
            registry: whole,
            times,
            tick_duration,
            counts,
            resumes,
            room_crashes,
            recordings,
            endings,
            refusals,
            fairness,
            feel,
            film,
            unsent,
            delta_bits,
            tap: tap.cloned(),
            spent: Mutex::default(),
        }
    }

    /// Counts an ended session.
    pub(super) fn ended(&self, close: Close) {
        self.endings.get_or_create(&Ending { reason: close.label() }).inc();
    }

    /// Counts a claim to a seat by its outcome.
    pub(super) fn resumed(&self, continuity: Continuity) {
        let continuity = match continuity {
            Continuity::Fresh => "fresh",
            Continuity::Seat => "seat",
            Continuity::State => "state",
        };
        self.resumes.get_or_create(&Resumed { continuity }).inc();
    }

    /// Counts a room whose game panicked.
    pub(super) fn crashed(&self, hook: &'static str) {
        self.room_crashes.get_or_create(&Crash { hook }).inc();
    }

    /// Counts a recording.
    pub(super) fn recorded(&self, why: &'static str) {
        self.recordings.get_or_create(&Recorded { why }).inc();
    }

    /// Updates the gauges of the bits that rooms of a game spend. `spending` keeps the gauges from one call to the next.
    pub(super) fn explain(&self, game: &str, profiler: &BandwidthProfiler, spending: &mut Spending) {
        if !spending.0.is_empty() {
            for (gauge, bits) in spending.0.iter().zip(profiler.bits()) {
                gauge.iter().for_each(|gauge| _ = gauge.inc_by((bits - gauge.get()) / 8.0));
            }
            return;
        }
        let mut spent = self.spent.lock();
        let gauge_of = |share: CostShare| {
            let kind = share.kind.unwrap_or_default();
            let label = Spent { game: game.to_owned(), kind, field: share.field };
            if spent.contains(&label) {
                let gauge = self.delta_bits.get_or_create(&label).clone();
                gauge.inc_by((share.bits - gauge.get()) / 8.0);
                Some(gauge)
            } else if spent.len() < MOST_SPENT {
                let gauge = self.delta_bits.get_or_create(&label).clone();
                gauge.set(share.bits);
                spent.insert(label);
                Some(gauge)
            } else {
                None
            }
        };
        spending.0 = profiler.costs().shares.into_iter().map(gauge_of).collect();
    }

    /// The trace, if one is written.
    pub fn trace(&self) -> Option<&Trace> {
        self.times.trace()
    }

    /// When the certificate in use expires, in seconds since 1970.
    pub fn set_certificate_expiry(&self, expires: Option<u64>) {
        self.counts.certificate_expires.set(expires.map_or(0, u64::cast_signed));
    }

    /// Ends the trace, if there is one. Blocks until its file is written, but at most for one second.
    pub fn finish_trace(&self) {
        self.times.trace().into_iter().for_each(Trace::finish);
    }

    /// How the sinks of the tap do.
    pub fn sinks(&self) -> Vec<SinkReport> {
        self.tap.as_ref().map(Outbox::reports).unwrap_or_default()
    }

    /// The totals for operators.
    pub fn totals(&self) -> Totals {
        let ending = |close: &Close| {
            let count = self.endings.get(&Ending { reason: close.label() })?.get();
            Some((close.label(), count))
        };
        Totals {
            players: self.counts.players.get(),
            away: self.counts.seats_held.get(),
            spectators: self.counts.spectators.get(),
            rooms: self.counts.rooms.get(),
            sessions: self.counts.sessions.get(),
            ticks: self.counts.ticks.get(),
            late_ticks: self.counts.late_ticks.get(),
            skipped_ticks: self.counts.skipped_ticks.get(),
            bytes_sent: self.counts.bytes_sent.get(),
            bytes_received: self.counts.bytes_received.get(),
            frames_sent: self.counts.frames_sent.get(),
            holds: self.counts.holds.get(),
            endings: Close::ALL.iter().filter_map(ending).collect(),
        }
    }

    /// All metrics in the OpenMetrics text format.
    pub fn text(&self) -> String {
        let mut out = String::new();
        encode(&mut out, &self.registry).expect("writing to a string cannot fail");
        out
    }
}
