//! The lease of a node, as the node sees it: until when its rooms may go on.
//!
//! The directory counts a lease from when it hears a beat, by its own clock. The node counts from when it *sent* the last beat
//! that was confirmed, and freezes its rooms after three quarters of the lease. So its rooms stand still before the directory
//! may give them to somebody else, however long the beat and its answer took, unless one clock is a third faster than the
//! other. Moments must come from a clock that goes on while the machine sleeps.

use std::time::Duration;

use super::Epoch;
use crate::tick::Moment;

/// The times that follow from the length of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTimes {
    /// How long the directory waits for a beat.
    pub lease: Duration,
}

impl LeaseTimes {
    /// How often a node beats: 1.5 s with the usual lease of 8 s.
    pub fn beat(self) -> Duration {
        self.lease * 3 / 16
    }

    /// The time until the next beat of the node `epoch`, when the next lease of another one ends in so many microseconds; 0 if there is
    /// none. Usually leases are renewed long before. When one is not, its node's rooms wait for this beat, and not all nodes need to beat
    /// in the same millisecond.
    pub fn beat_before(self, ends_in: u64, epoch: Epoch) -> Duration {
        const SPREAD: u64 = 30;
        let end = Duration::from_micros(ends_in) + Duration::from_millis(1 + epoch.0 % SPREAD);
        if ends_in == 0 { self.beat() } else { end.min(self.beat()) }
    }

    /// How long after sending its last confirmed beat a node goes on: 6 s with the usual lease.
    pub fn freeze(self) -> Duration {
        self.lease * 3 / 4
    }

    /// How long a node waits for an answer of the directory.
    pub fn patience(self) -> Duration {
        self.lease / 8
    }
}

/// What a node may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseState {
    /// It runs its rooms.
    Held,
    /// The last confirmed beat is too long ago: its rooms stand still, and may go on later.
    Frozen,
    /// The directory has refused the epoch, or there was none yet: the node has no rooms.
    None,
}

/// A node's lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    times: LeaseTimes,
    /// When the last confirmed beat was sent.
    sent: Option<Moment>,
}

impl Lease {
    /// No lease yet.
    pub fn new(times: LeaseTimes) -> Self {
        Self { times, sent: None }
    }

    /// A beat that was sent then is confirmed. Answers may arrive in any order.
    pub fn confirm(&mut self, sent: Moment) {
        self.sent = self.sent.max(Some(sent));
    }

    /// The directory has refused the epoch.
    pub fn lose(&mut self) {
        self.sent = None;
    }

    /// Until when rooms may go on; `None` without a lease.
    pub fn until(&self) -> Option<Moment> {
        self.sent.map(|sent| sent.plus(self.times.freeze()))
    }

    /// What the node may do now.
    pub fn state(&self, now: Moment) -> LeaseState {
        match self.until() {
            Some(until) if now < until => LeaseState::Held,
            Some(_) => LeaseState::Frozen,
            None => LeaseState::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_lease_that_is_not_renewed_is_looked_at_when_it_ends() {
        let times = LeaseTimes { lease: 8 * SECOND };
        let beat = |ends_in| times.beat_before(ends_in, Epoch(37)).as_millis();
        assert_eq!([0, 6_500_000, 1_492_000, 1_491_000, 300, 1].map(beat), [1500, 1500, 1500, 1499, 8, 8]);
    }

    #[test]
    fn rooms_stand_still_before_the_lease_can_have_ended() {
        let times = LeaseTimes { lease: 8 * SECOND };
        assert_eq!((times.beat(), times.freeze()), (Duration::from_millis(1500), 6 * SECOND));
        let mut lease = Lease::new(times);
        let at = |seconds| Moment(0).plus(seconds * SECOND);
        assert_eq!(lease.state(at(1)), LeaseState::None);
        // Sent at 1, answered at 4: it counts from 1.
        lease.confirm(at(1));
        assert_eq!((lease.state(at(6)), lease.state(at(7))), (LeaseState::Held, LeaseState::Frozen));
        lease.confirm(at(3));
        lease.confirm(at(2));
        assert_eq!(lease.state(at(8)), LeaseState::Held, "an older answer takes nothing back");
        assert_eq!(lease.state(at(9)), LeaseState::Frozen);
        lease.confirm(at(10));
        assert_eq!(lease.state(at(10)), LeaseState::Held, "nobody has removed the node");
        lease.lose();
        assert_eq!(lease.state(at(10)), LeaseState::None);
    }
}
