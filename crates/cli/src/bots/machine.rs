//! The load of the machine during a run: processor time of this process, of the server and of others, and time stolen by a
//! hypervisor; and the limit of descriptors.
//!
//! Linux only, from `/proc`; on other systems the figures are absent.

use serde::Serialize;

/// Processor time since the start, in hundredths of a second (the kernel's unit towards user space).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Time of this process.
    own: u64,
    /// Time of the server's process, if it is known and runs on this machine.
    server: Option<u64>,
    /// Time of all processors, idle time included.
    total: u64,
    /// Idle time of all processors.
    idle: u64,
    /// Time of all processors that the hypervisor took.
    stolen: u64,
}

/// Processor use between two readings. Shares of one core may exceed 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Load {
    /// This process, as a share of one core.
    pub bots: f64,
    /// The server's process, as a share of one core, if it is known and runs on this machine.
    pub server: Option<f64>,
    /// Cores of the machine.
    pub cores: f64,
    /// All other processes, as a share of the machine.
    pub others: f64,
    /// Idle time, as a share of the machine.
    pub idle: f64,
    /// Time that the hypervisor took, as a share of the machine.
    pub steal: f64,
}

/// Hundredths of a second: `USER_HZ` on every architecture this is likely to run on.
const PER_SECOND: f64 = 100.0;

impl Usage {
    /// Reads the counters; `None` if the system has none.
    pub fn now(server: Option<u32>) -> Option<Self> {
        let process = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/stat")).ok();
        let server = server.and_then(|pid| process(&pid.to_string()));
        Self::parse(&process("self")?, server.as_deref(), &std::fs::read_to_string("/proc/stat").ok()?)
    }

    fn parse(own: &str, server: Option<&str>, machine: &str) -> Option<Self> {
        let all = machine.lines().next()?.strip_prefix("cpu ")?;
        // user, nice, system, idle, iowait, irq, softirq, steal; the columns after these are included in user and nice
        // already.
        let times: Vec<u64> = all.split_whitespace().take(8).map_while(|time| time.parse().ok()).collect();
        let idle = times.get(3)? + times.get(4)?;
        let server = server.and_then(process_time);
        Some(Self { own: process_time(own)?, server, total: times.iter().sum(), idle, stolen: *times.get(7)? })
    }

    /// The processor use between `earlier`, which was read `seconds` before, and this reading.
    pub fn since(&self, earlier: &Self, seconds: f64) -> Load {
        let server = self.server.zip(earlier.server).map(|(now, then)| now.saturating_sub(then));
        let own = self.own.saturating_sub(earlier.own);
        let idle = self.idle.saturating_sub(earlier.idle);
        let stolen = self.stolen.saturating_sub(earlier.stolen);
        let total = self.total.saturating_sub(earlier.total);
        let share = |part: u64| if total == 0 { 0.0 } else { part as f64 / total as f64 };
        let core = |time: u64| if seconds > 0.0 { time as f64 / PER_SECOND / seconds } else { 0.0 };
        let others = total.saturating_sub(idle + stolen + own + server.unwrap_or(0));
        let (bots, server, cores) = (core(own), server.map(core), core(total));
        Load { bots, server, cores, others: share(others), idle: share(idle), steal: share(stolen) }
    }
}

impl Load {
    /// Sets the server's processor use, `cpu` of one core, from its metrics. `is_here`: it is part of `others` so far.
    pub fn found_server(&mut self, cpu: f64, is_here: bool) {
        self.server = Some(cpu);
        if is_here && self.cores > 0.0 {
            self.others = (self.others - cpu / self.cores).max(0.0);
        }
    }
}

/// User and system time of a process.
fn process_time(stat: &str) -> Option<u64> {
    // The process name, in parentheses, may contain spaces; fields are counted after it.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

/// The number of files and sockets that this process may have open; `None` if it is unknown.
pub fn most_descriptors() -> Option<u64> {
    open_files(&std::fs::read_to_string("/proc/self/limits").ok()?)
}

/// The number of sockets that this process may still open; `None` if it is unknown.
pub(super) fn free_descriptors() -> Option<u64> {
    let open = std::fs::read_dir("/proc/self/fd").ok()?.count() as u64;
    Some(most_descriptors()?.saturating_sub(open))
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
    use super::*;

    #[test]
    fn counters_are_read_by_position() {
        let own = "77 (a (b) c) S 1 77 77 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 100 1 1";
        let machine = "cpu  100 1 50 800 9 0 5 35 7 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
        let usage = Usage { own: 300, server: Some(300), total: 1000, idle: 809, stolen: 35 };
        assert_eq!(Usage::parse(own, Some(own), machine), Some(usage));
        assert_eq!(Usage::parse("", None, ""), None);
    }

    #[test]
    fn the_soft_limit_is_read() {
        let text = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024      524288     files\n";
        assert_eq!(open_files(text), Some(1024));
        assert_eq!(open_files("Max open files unlimited unlimited files"), Some(u64::MAX));
        assert_eq!(open_files("nothing of the kind"), None);
    }

    #[test]
    fn what_was_used_adds_up() {
        let then = Usage { own: 100, server: Some(500), total: 10_000, idle: 5000, stolen: 0 };
        let now = Usage { own: 200, server: Some(650), total: 10_400, idle: 5040, stolen: 20 };
        let load = now.since(&then, 2.0);
        assert_eq!((load.bots, load.server), (0.5, Some(0.75)));
        assert_eq!((load.others, load.idle, load.steal, load.cores), (90.0 / 400.0, 0.1, 0.05, 2.0));
        let (mut here, mut there) = (Load { server: None, ..load }, Load { server: None, ..load });
        here.found_server(0.2, true);
        there.found_server(0.2, false);
        assert!((here.others - 0.125).abs() < 1e-9 && there.others == load.others && there.server == Some(0.2));
    }
}
