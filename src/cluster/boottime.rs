//! The one place that reads the clock of leases, which goes on while the machine sleeps.

use crate::tick::Moment;

/// Time since the machine was started, suspension included. `Instant` stands still meanwhile, and a lease does not.
pub fn now() -> Moment {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let id = rustix::time::ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let id = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(id);
    Moment(time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1000)
}
