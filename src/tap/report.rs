//! How sinks do: for the operators' page and as metrics, read when somebody asks.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use serde::Serialize;

use super::outbox::Outbox;

/// How a sink does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SinkReport {
    /// Its name.
    pub name: String,
    /// Entries of the outbox that it has not seen yet.
    pub lag: u64,
    /// How old the entry is that it works on, in milliseconds.
    pub lag_millis: u64,
    /// Entries delivered since the start.
    pub delivered: u64,
    /// Entries lost, because it was too far behind.
    pub dropped: u64,
    /// Attempts that failed and were repeated.
    pub retries: u64,
    /// Entries that its target will not take.
    pub dead_letters: u64,
    /// Why the last attempt failed; empty when it did not.
    pub trouble: String,
}

/// Collects the metrics of an outbox.
#[derive(Debug)]
pub(crate) struct OutboxMetrics(pub Outbox);

impl Collector for OutboxMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let (bytes, entries, lost, failing) = self.0.figures();
        let mut gauge = |name: &str, help: &str, value: u64| {
            let gauge = ConstGauge::new(value as i64);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
        };
        gauge("tickwire_outbox_bytes", "Bytes of the entries that the outbox keeps", bytes)?;
        gauge("tickwire_outbox_failing", "Whether the outbox cannot be written", u64::from(failing))?;
        let mut counter = |name: &str, help: &str, value: u64| {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)
        };
        counter("tickwire_outbox_entries", "Entries that the outbox ever got", entries)?;
        counter("tickwire_outbox_lost", "Entries that the outbox could not store", lost)?;
        let reports = self.0.reports();
        type Figure = (&'static str, &'static str, MetricType, fn(&SinkReport) -> u64);
        let figures: [Figure; 7] = [
            ("tickwire_sink_lag", "Entries that a sink has not seen yet", MetricType::Gauge, |one| one.lag),
            ("tickwire_sink_lag_millis", "Age of the entry that a sink works on", MetricType::Gauge, |one| {
                one.lag_millis
            }),
            ("tickwire_sink_failing", "Whether the last attempt of a sink failed", MetricType::Gauge, |one| {
                u64::from(!one.trouble.is_empty())
            }),
            ("tickwire_sink_delivered", "Entries delivered by a sink", MetricType::Counter, |one| one.delivered),
            ("tickwire_sink_dropped", "Entries lost by a sink that was too far behind", MetricType::Counter, |one| {
                one.dropped
            }),
            ("tickwire_sink_retries", "Attempts of a sink that failed", MetricType::Counter, |one| one.retries),
            ("tickwire_sink_dead_letters", "Entries that a sink's target will not take", MetricType::Counter, |one| {
                one.dead_letters
            }),
        ];
        for (name, help, kind, figure) in figures {
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for report in &reports {
                let labels = [("sink", report.name.as_str())];
                let metric = family.encode_family(&labels)?;
                match kind {
                    MetricType::Counter => ConstCounter::new(figure(report)).encode(metric)?,
                    _ => ConstGauge::new(figure(report) as i64).encode(metric)?,
                }
            }
        }
        Ok(())
    }
}
