//! How the game feels at the clients, as metrics: what their digests tell, summed up over all of them.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::engine::FeelDigest;

/// In seconds: the age and the silence that digests can tell.
const AGES: [f64; 9] = [0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0];
const SILENCES: [f64; 8] = [0.05, 0.1, 0.25, 0.4, 0.75, 1.5, 3.0, 4.0];

/// The metrics.
#[derive(Debug)]
pub(super) struct FeelMetrics {
    digests: Family<Felt, Counter>,
    jumps: Counter,
    moves_back: Counter,
    long_pictures: Counter,
    corrections: Counter,
    age: Histogram,
    silence: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Felt {
    /// What was wrong: `nothing`, `link`, `machine` or `server`.
    cause: &'static str,
}

impl FeelMetrics {
    /// Adds them to `registry`.
    pub(super) fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            digests: Family::default(),
            jumps: Counter::default(),
            moves_back: Counter::default(),
            long_pictures: Counter::default(),
            corrections: Counter::default(),
            age: Histogram::new(AGES),
            silence: Histogram::new(SILENCES),
        };
        let help = "Ten seconds of one player, by what was wrong with the pictures";
        registry.register("feel_digests", help, metrics.digests.clone());
        let counters = [
            ("feel_jumps", "Entities that jumped in a picture", &metrics.jumps),
            ("feel_moves_back", "Entities that moved against their way", &metrics.moves_back),
            ("feel_long_pictures", "Pictures that came 50 ms or more after the one before", &metrics.long_pictures),
            ("feel_corrections", "Corrections of players' own entities", &metrics.corrections),
        ];
        counters.into_iter().for_each(|(name, help, counter)| registry.register(name, help, counter.clone()));
        let help = "99th percentile, per player and ten seconds, of the age of what was shown of others";
        registry.register_with_unit("feel_age_p99", help, Unit::Seconds, metrics.age.clone());
        let help = "Longest time, per player and ten seconds, without a newer frame to show";
        registry.register_with_unit("feel_silence", help, Unit::Seconds, metrics.silence.clone());
        metrics
    }

    /// Adds a digest.
    pub(super) fn felt(&self, digest: &FeelDigest) {
        let cause = digest.cause().map_or("nothing", |cause| cause.label());
        self.digests.get_or_create(&Felt { cause }).inc();
        self.jumps.inc_by(digest.jumps.into());
        self.moves_back.inc_by(digest.moves_back.into());
        self.long_pictures.inc_by(digest.long_pictures.into());
        self.corrections.inc_by(digest.corrections.into());
        self.age.observe(digest.age_p99.as_secs_f64());
        self.silence.observe(digest.silence.as_secs_f64());
    }
}
