//! What a journal tells of records that are safe, for histories of a cluster: events of `tracing` with the target
//! `tickwire::history` at the level `trace`. `src/cluster` adds which rooms begin at a node.
//!
//! Whoever collects these events from all nodes of one machine can check them: no room may have two owners at a time, and
//! (incarnation, tick) never goes back. Their times are microseconds of the clock of leases, which all processes share.

use std::fmt;

use tracing::trace;

use super::entry::RoomDigest;
use super::journal::RoomJournal;
use crate::tick::{Moment, Tick};

/// The clock of histories. Servers that are alone have none.
pub fn now() -> Moment {
    #[cfg(feature = "cluster")]
    let now = crate::cluster::boottime::now();
    #[cfg(not(feature = "cluster"))]
    let now = Moment(0);
    now
}

/// The record of this tick is safe. It became so between `sent` and now. Records of a room that is not this node's any more count
/// for nothing, wherever they are.
pub fn safe(room: &RoomJournal, tick: Tick, sent: Moment) {
    let Some(tenure) = room.tenure.as_ref().filter(|tenure| !tenure.is_lost()) else { return };
    let (incarnation, tick) = (tenure.incarnation(), tick.0);
    trace!(target: "tickwire::history", room = %Hex(room.room), incarnation, tick, sent = sent.0, at = now().0, "safe");
}

/// A digest in hexadecimal digits.
struct Hex(RoomDigest);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
