//! The health of a log, as its writer reports it to the server. The writer decides where lines go and how they wait.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use super::watchdog::Heartbeat;

/// The health of a log: lines lost, and whether its writer is stuck. Clones refer to the same log. A program whose log has
/// a writer thread passes it to [`Server::log_health`](crate::Server::log_health).
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
    /// The health of a log that has lost no lines and is writing none.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a lost line.
    pub fn lose_line(&self) {
        self.lost.inc();
    }

    /// Lines lost since the start.
    pub fn lines_lost(&self) -> u64 {
        self.lost.get()
    }

    /// Runs `write`, which may block. The writer counts as stuck when `write` takes longer than about a second. Only the
    /// writer thread may call this.
    pub fn writing<R>(&self, write: impl FnOnce() -> R) -> R {
        self.heartbeat.during(write)
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Log lines lost because the log's reader was too slow or the log could not be written";
        registry.register("log_lines_lost", help, self.lost.clone());
    }

    /// The heartbeat for the watchdog.
    pub(crate) fn heartbeat(&self) -> &Arc<Heartbeat> {
        &self.heartbeat
    }
}
