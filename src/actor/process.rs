//! The resource use of the process, under the names that monitoring tools expect of every program. Read on each request, on
//! Linux from `/proc`; on other systems these metrics are absent.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// Collects the metrics of this process.
#[derive(Debug)]
pub struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let read = |file: &str| std::fs::read_to_string(file).ok();
        if let Some(seconds) = read("/proc/self/stat").as_deref().and_then(cpu_seconds) {
            let (help, counter) = ("Processor time, user and system", ConstCounter::new(seconds));
            let told = encoder.encode_descriptor("process_cpu", help, Some(&Unit::Seconds), counter.metric_type())?;
            counter.encode(told)?;
        }
        if let Some(bytes) = read("/proc/self/status").as_deref().and_then(resident_bytes) {
            let (help, gauge) = ("Memory that is in RAM", ConstGauge::new(bytes));
            let told =
                encoder.encode_descriptor("process_resident_memory", help, Some(&Unit::Bytes), gauge.metric_type())?;
            gauge.encode(told)?;
        }
        Ok(())
    }
}

/// User and system time. Searches for the last `)`, because the process's name, in parentheses, may contain anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    /// `USER_HZ` on every architecture this is likely to run on.
    const PER_SECOND: f64 = 100.0;
    let (_, after) = stat.rsplit_once(')')?;
    let times: Vec<u64> = after.split_whitespace().skip(11).take(2).map_while(|time| time.parse().ok()).collect();
    Some((times.first()? + times.get(1)?) as f64 / PER_SECOND)
}

fn resident_bytes(status: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim_end().parse::<i64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_whatever_the_process_is_called() {
        let stat = "7 (a) b) 1 R 1 7 7 0 -1 4194304 9 0 0 0 150 25 3 4 20 0 5 0 77 1000 2000\n";
        assert_eq!(cpu_seconds(&stat.replace(") 1 R", ") R")), Some(1.75));
        assert_eq!(cpu_seconds("7 (a) R 1"), None);
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t    2048 kB\nVmData:\t 9 kB\n"), Some(2 << 20));
        assert_eq!(resident_bytes("Name:\tx\n"), None);
    }
}
