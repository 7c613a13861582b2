//! What the machine allows: cores and file descriptors. Judges nothing; `doctor.rs` and `serve.rs` do.

use std::fs;
use std::thread::available_parallelism;

use tickwire::Config;
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
        let limits = fs::read_to_string("/proc/self/limits").ok();
        let descriptors = limits.as_deref().and_then(open_files);
        Self { cores: available_parallelism().map_or(1, usize::from), descriptors }
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

/// The soft limit of the line `Max open files  <soft>  <hard>  files`.
fn open_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        soft => soft.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::open_files;

    #[test]
    fn the_soft_limit_is_read() {
        let text = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024      524288     files\n";
        assert_eq!(open_files(text), Some(1024));
        assert_eq!(open_files("Max open files unlimited unlimited files"), Some(u64::MAX));
        assert_eq!(open_files("nothing of the kind"), None);
    }
}
