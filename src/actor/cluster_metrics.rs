//! The metrics of a node of a cluster, read when somebody asks.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use crate::cluster::{Cluster, Rehearsal, Status};
use crate::engine::cluster::LeaseState;

/// Collects the metrics of a node.
#[derive(Debug)]
pub struct ClusterMetrics(pub Arc<Cluster>);

impl Collector for ClusterMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let Status { lease, left, is_connected, nodes, errors, fenced, redirects, passed, rehearsal, .. } =
            self.0.status();
        let mut gauge = |name: &str, help: &str, unit: Option<&Unit>, value: f64| {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, unit, gauge.metric_type())?)
        };
        let left = left.as_secs_f64();
        gauge("tickwire_cluster_lease_left", "Time until rooms stand still", Some(&Unit::Seconds), left)?;
        let held = f64::from(u8::from(lease == LeaseState::Held));
        gauge("tickwire_cluster_lease_held", "Whether this node may run rooms", None, held)?;
        let connected = f64::from(u8::from(is_connected));
        gauge("tickwire_cluster_redis_connected", "Whether there is a connection to Redis", None, connected)?;
        gauge("tickwire_cluster_nodes", "Nodes of the cluster, as this one sees it", None, nodes as f64)?;
        let differ = if let Rehearsal::Failed { rooms, .. } = rehearsal { rooms } else { 0 };
        gauge(
            "tickwire_cluster_rooms_differ",
            "Rooms that this build led elsewhere in its rehearsal",
            None,
            differ as f64,
        )?;
        let mut counter = |name: &str, help: &str, value: u64| {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)
        };
        counter("tickwire_cluster_redis_errors", "Times that Redis did not answer this node's task", errors)?;
        counter("tickwire_cluster_fenced", "Times that the lease ended, and the rooms with it", fenced)?;
        counter("tickwire_cluster_passed", "Connections that were passed on to other nodes", passed)?;
        counter("tickwire_cluster_redirects", "Clients that were sent to other nodes", redirects)
    }
}
