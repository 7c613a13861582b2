//! What all sessions of one worker share.

use std::sync::Arc;

use actix::Addr;

use super::clock::Clock;
use super::directory::Directory;
use super::gatekeeper::Gatekeeper;
use super::metrics::Metrics;
use super::relay::RelayHandle;
use crate::cluster::Cluster;

/// What a session needs from its server.
#[derive(Clone)]
pub struct SessionContext {
    /// Finds rooms.
    pub directory: Addr<Directory>,
    /// The relay of this thread.
    pub relay: RelayHandle,
    /// The time.
    pub clock: Clock,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Bytes per second for a player of a large world; 0 for any number.
    pub player_bytes: u32,
    /// Admission control.
    pub gatekeeper: Arc<Gatekeeper>,
    /// This server as a node, in a cluster.
    pub cluster: Option<Arc<Cluster>>,
}
