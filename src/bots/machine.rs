//! What the machine did meanwhile: the processor time of this process, and the time that a hypervisor took away.
//!
//! Linux only, from `/proc`; elsewhere the figures are absent.

/// Processor time up to now, in hundredths of a second (the kernel's unit towards user space).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Of this process.
    pub own: u64,
    /// Of all processors, idle time included.
    pub total: u64,
    /// Of all processors, taken by the hypervisor.
    pub stolen: u64,
}

/// Hundredths of a second: `USER_HZ` on every architecture this is likely to run on.
pub const PER_SECOND: f64 = 100.0;

impl Usage {
    /// Reads the counters; `None` where there are none.
    pub fn now() -> Option<Self> {
        let own = std::fs::read_to_string("/proc/self/stat").ok()?;
        let machine = std::fs::read_to_string("/proc/stat").ok()?;
        Self::parse(&own, &machine)
    }

    fn parse(own: &str, machine: &str) -> Option<Self> {
        // The process name, in brackets, may contain spaces; fields are counted after it.
        let (_, fields) = own.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let (user, system) = (fields.get(11)?.parse::<u64>().ok()?, fields.get(12)?.parse::<u64>().ok()?);
        let all = machine.lines().next()?.strip_prefix("cpu ")?;
        // user, nice, system, idle, iowait, irq, softirq, steal; what follows is counted in user and nice already.
        let times: Vec<u64> = all.split_whitespace().take(8).map_while(|time| time.parse().ok()).collect();
        Some(Self { own: user + system, total: times.iter().sum(), stolen: *times.get(7)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_by_position() {
        let own = "77 (a (b) c) S 1 77 77 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 100 1 1";
        let machine = "cpu  100 1 50 800 9 0 5 35 7 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
        assert_eq!(Usage::parse(own, machine), Some(Usage { own: 300, total: 1000, stolen: 35 }));
        assert_eq!(Usage::parse("", ""), None);
    }
}
