//! What the machine allows: cores and file descriptors. Judges nothing; `doctor.rs` and `serve.rs` do.

use std::thread::available_parallelism;

use tickwire::Config;
use tickwire::bots::most_descriptors;
use tickwire::wire::limits;

/// The machine as this process sees it.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// Cores this process may use.
    pub cores: usize,
    /// Files and sockets it may have open; `None` where that cannot be known.
    pub descriptors: Option<u64>,
}

impl Machine {
    /// This one.
    pub fn here() -> Self {
        Self { cores: available_parallelism().map_or(1, usize::from), descriptors: most_descriptors() }
    }
}

/// Descriptors a server of this configuration may come to need: two per connection, by the second of which it is ended
/// from outside, and some for its threads and listeners.
pub fn needed(config: &Config) -> u64 {
    const PER_CONNECTION: usize = 2;
    const PER_THREAD: usize = 8;
    const OTHERS: usize = 128;
    let connections = config.most_sessions + limits::OTHER_CONNECTIONS;
    (PER_CONNECTION * connections + PER_THREAD * (config.workers + config.room_threads) + OTHERS) as u64
}
