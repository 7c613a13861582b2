//! What operators are shown, as JSON: totals and rooms, and a room from inside. Bounded, and made where it is asked for.

use serde::Serialize;

use crate::actor::{Insight, Survey, Totals};
use crate::id::ZoneId;
use crate::snapshot::{Kind, RowRef};
use crate::tick::Moment;
use crate::wire::{PlayerEntry, limits};

/// How everything is.
#[derive(Debug, Serialize)]
pub struct Vitals {
    /// Milliseconds since the server's start; what rates are computed over.
    at: u64,
    totals: Totals,
    #[serde(flatten)]
    survey: Survey,
}

impl Vitals {
    /// Puts it together.
    pub fn new(now: Moment, totals: Totals, survey: Survey) -> Self {
        Self { at: now.0 / 1000, totals, survey }
    }
}

/// A room from inside.
#[derive(Debug, Serialize)]
pub struct Inside<'a> {
    tick: u32,
    locked: bool,
    players: &'a [PlayerEntry],
    kinds: &'a [Kind],
    rows: Vec<Row<'a>>,
    /// Rows that are not among them.
    more: usize,
}

/// A row with the zone that it is in. Its values are in quanta.
#[derive(Debug, Serialize)]
struct Row<'a> {
    zone: u16,
    kind: u8,
    id: u32,
    values: &'a [i32],
}

impl<'a> Inside<'a> {
    /// Looks at the frame.
    pub fn new(insight: &'a Insight) -> Self {
        let Insight { frame, players, locked } = insight;
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
