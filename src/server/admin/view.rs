//! The JSON that operators receive of nodes and of the contents of a room. Bounded; made by the worker that serves it.

use serde::Serialize;

use crate::actor::{PlayerContents, RoomContents};
use crate::engine::cluster::NodeEntry;
use crate::id::ZoneId;
use crate::snapshot::{Kind, RowRef};
use crate::wire::limits;

/// A node of the cluster.
#[derive(Debug, Serialize)]
pub struct Node {
    name: String,
    address: String,
    version: String,
    epoch: u64,
    /// Milliseconds; negative when the lease has ended and nobody has removed the node yet.
    lease_left: i64,
    rooms: usize,
    players: usize,
    /// Thousandths.
    load: u32,
    draining: bool,
    /// Whether others take its rooms over when it fails.
    takeover: bool,
}

impl From<NodeEntry> for Node {
    fn from(entry: NodeEntry) -> Self {
        let NodeEntry { name, address, version, rooms, players, load, draining, takeover, .. } = entry;
        let (epoch, lease_left) = (entry.epoch.0, entry.lease_left / 1000);
        Self { name, address, version, epoch, lease_left, rooms, players, load, draining, takeover }
    }
}

/// The contents of a room.
#[derive(Debug, Serialize)]
pub struct Inside<'a> {
    tick: u32,
    locked: bool,
    players: &'a [PlayerContents],
    kinds: &'a [Kind],
    rows: Vec<Row<'a>>,
    /// How many rows `rows` leaves out.
    more: usize,
}

/// A row and its zone. Values are in quanta.
#[derive(Debug, Serialize)]
struct Row<'a> {
    zone: u16,
    kind: u8,
    id: u32,
    values: &'a [i32],
}

impl<'a> Inside<'a> {
    /// Takes the rows from the frame.
    pub fn new(insight: &'a RoomContents) -> Self {
        let RoomContents { frame, players, locked } = insight;
        let schema = &**frame.schema();
        let all = || frame.zones().iter().flat_map(|zone| zone.zone().rows(schema).map(|row| (zone.id(), row)));
        let row = |(zone, RowRef { kind, id, values }): (ZoneId, RowRef<'a>)| Row {
            zone: zone.0,
            kind: kind.0,
            id: id.0,
            values,
        };
        let rows: Vec<Row> = all().take(limits::ADMIN_ROWS).map(row).collect();
        let more = frame.zones().iter().map(|zone| zone.zone().len()).sum::<usize>() - rows.len();
        Self { tick: frame.tick().0, locked: *locked, players, kinds: schema.kinds(), rows, more }
    }
}
