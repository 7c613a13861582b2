//! The limits of the machine: cores and file descriptors. `doctor.rs` and `serve.rs` judge them.

use std::thread::available_parallelism;

use tickwire::Config;
use tickwire::wire::limits;
use tickwire_cli::bots::most_descriptors;

/// The machine as this process sees it.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// Cores that this process may use.
    pub cores: usize,
    /// Files and sockets that this process may have open; `None` if it is unknown.
    pub descriptors: Option<u64>,
}

impl Machine {
    /// The machine that this process runs on.
    pub fn here() -> Self {
        Self { cores: available_parallelism().map_or(1, usize::from), descriptors: most_descriptors() }
    }
}

/// Descriptors that a server with this configuration may need: two per connection, of which the second ends it from
/// outside, and some for its threads and listeners.
pub fn needed(config: &Config) -> u64 {
    const PER_CONNECTION: usize = 2;
    const PER_THREAD: usize = 8;
    const OTHERS: usize = 128;
    let connections = config.most_sessions + limits::OTHER_CONNECTIONS;
    (PER_CONNECTION * connections + PER_THREAD * (config.workers + config.room_threads) + OTHERS) as u64
}
