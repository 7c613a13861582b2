//! What a session finds around itself: the same for all of a worker.

use std::sync::Arc;

use actix::Addr;

use super::clock::Clock;
use super::directory::Directory;
use super::gatekeeper::Gatekeeper;
use super::metrics::Metrics;
use super::relay::RelayHandle;

/// What every session of a worker needs.
#[derive(Clone)]
pub struct SessionContext {
    /// Finds rooms.
    pub directory: Addr<Directory>,
    /// The relay of this thread.
    pub relay: RelayHandle,
    /// The time.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Who may come in.
    pub gatekeeper: Arc<Gatekeeper>,
}
