//! The metrics of the journal, read when somebody asks.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use crate::store::{Journal, JournalReport, StoreState};

/// Collects the metrics of a journal.
#[derive(Debug)]
pub struct JournalMetrics(pub Journal);

impl Collector for JournalMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let JournalReport { state, written, commits, slowest, waiting, files } = self.0.report();
        let failed = i64::from(state != StoreState::Writing);
        let mut gauge = |name: &str, help: &str, unit: Option<&Unit>, value: f64| {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, unit, gauge.metric_type())?)
        };
        gauge("tickwire_journal_failed", "Whether the journal can no longer be written", None, failed as f64)?;
        gauge("tickwire_journal_waiting", "Bytes that wait for the journal", Some(&Unit::Bytes), waiting as f64)?;
        gauge("tickwire_journal_files", "Files of the journal", None, files as f64)?;
        let slow = "The slowest commit of the journal since the last time";
        gauge("tickwire_journal_slowest_commit", slow, Some(&Unit::Seconds), slowest.as_secs_f64())?;
        let mut counter = |name: &str, help: &str, unit: Option<&Unit>, value: u64| {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, unit, counter.metric_type())?)
        };
        counter("tickwire_journal_written", "Bytes written to the journal", Some(&Unit::Bytes), written)?;
        counter("tickwire_journal_commits", "Commits of the journal", None, commits)
    }
}
