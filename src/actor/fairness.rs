//! The fairness ledger as metrics: how old the world was that shooters and their victims were shown when a hit was judged.

use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::engine::Hit;

/// In seconds: from a player next door to one whom no rewinding helps.
const BUCKETS: [f64; 9] = [0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 1.0];

/// The two histograms.
#[derive(Debug)]
pub(super) struct Fairness {
    shooter: Histogram,
    victim: Histogram,
}

impl Fairness {
    /// Adds them to `registry`.
    pub(super) fn new(registry: &mut Registry) -> Self {
        let (shooter, victim) = (Histogram::new(BUCKETS), Histogram::new(BUCKETS));
        let help = "Age of the world by which a hit was judged, because its shooter was shown it";
        registry.register_with_unit("hit_shooter_behind", help, Unit::Seconds, shooter.clone());
        let help = "Age of the world that the victim was shown when a hit was judged";
        registry.register_with_unit("hit_victim_behind", help, Unit::Seconds, victim.clone());
        Self { shooter, victim }
    }

    /// Adds a hit.
    pub(super) fn judged(&self, hit: &Hit) {
        self.shooter.observe(hit.shooter_behind.as_secs_f64());
        hit.victim_behind.into_iter().for_each(|behind| self.victim.observe(behind.as_secs_f64()));
    }
}
