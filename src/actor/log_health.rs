//! What the writer of a log tells the server whose log it is. Where lines go and how they wait is the writer's business.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use super::watchdog::Heartbeat;

/// How a log fares: lines lost, and whether its writer is stuck. Clones are of the same log. Given to
/// [`Server::log_health`](crate::Server::log_health) by a program whose log has a writer thread.
#[derive(Clone, Debug)]
pub struct LogHealth {
    lost: Counter<u64, AtomicU64>,
    heartbeat: Arc<Heartbeat>,
}

impl Default for LogHealth {
    fn default() -> Self {
        Self { lost: Counter::default(), heartbeat: Arc::new(Heartbeat::of_writer()) }
    }
}

impl LogHealth {
    /// Nothing was lost yet, and nothing is being written.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one line that will not be written.
    pub fn lose_line(&self) {
        self.lost.inc();
    }

    /// Lines lost since the start.
    pub fn lines_lost(&self) -> u64 {
        self.lost.get()
    }

    /// Runs `write`, which may block. While it does for longer than a second or so, the writer counts as stuck. Only the
    /// writer thread may call this.
    pub fn writing<R>(&self, write: impl FnOnce() -> R) -> R {
        self.heartbeat.during(write)
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Lines of the log that were lost: its reader was too slow, or it could not be written";
        registry.register("log_lines_lost", help, self.lost.clone());
    }

    /// What the watchdog watches.
    pub(crate) fn heartbeat(&self) -> &Arc<Heartbeat> {
        &self.heartbeat
    }
}
