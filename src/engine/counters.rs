//! Where the counters of a new room start.

use serde::{Deserialize, Serialize};

use crate::id::{CorrectionEpoch, Seq};
use crate::tick::Tick;

/// Where the counters of a new room start: at zero, unless somebody wants to see them wrap. Inputs are numbered by each
/// connection, from 1 on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomCounters {
    /// The tick before the first one.
    pub tick: Tick,
    /// Entity ids that count as used.
    pub entities: u32,
    /// Entries into seats that count as made.
    pub seat_generations: u32,
    /// The number before that of each client's first event.
    pub events: Seq,
    /// The number before that of each client's first command.
    pub commands: Seq,
    /// The first correction epoch of each seat.
    pub epoch: CorrectionEpoch,
}

impl RoomCounters {
    /// Counters that wrap after `steps` more: ticks, events and the others alike, epochs at once.
    pub fn before_wrap(steps: u32) -> Self {
        let near = u32::MAX.wrapping_sub(steps);
        Self {
            tick: Tick(near),
            entities: near,
            seat_generations: near,
            events: Seq(near),
            commands: Seq(near),
            epoch: CorrectionEpoch(u8::MAX),
        }
    }
}
