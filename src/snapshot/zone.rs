//! The state of one zone at one tick: a table of rows per entity kind, sorted by id.
//!
//! A row is a run of integer cells: the field values in schema order, then the motion cells of each field, from which
//! the next tick is predicted (`motion`). Motion cells are part of the state: a keyframe restores them, so the next
//! delta applies.

use super::motion::advance;
use super::plan::KindPlan;
use super::schema::Schema;
use crate::id::{EntityId, KindId};

/// The most rows of a zone. Well-predicted rows cost almost nothing, so a limit on bytes does not limit rows.
pub(super) const MAX_ROWS: usize = 1 << 16;

/// The rows of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Strictly ascending.
    pub(super) ids: Vec<EntityId>,
    /// `ids.len()` rows of the kind's stride.
    pub(super) cells: Vec<i32>,
}

impl Table {
    pub(super) fn with_capacity(rows: usize, stride: usize) -> Self {
        Self { ids: Vec::with_capacity(rows), cells: Vec::with_capacity(rows * stride) }
    }

    /// The ids, strictly ascending.
    pub fn ids(&self) -> &[EntityId] {
        &self.ids
    }

    pub(super) fn row(&self, index: usize, stride: usize) -> &[i32] {
        &self.cells[index * stride..(index + 1) * stride]
    }

    pub(super) fn at(&self, plan: &KindPlan, index: usize) -> &[i32] {
        self.row(index, plan.stride)
    }

    pub(super) fn row_mut(&mut self, plan: &KindPlan, index: usize) -> &mut [i32] {
        &mut self.cells[index * plan.stride..(index + 1) * plan.stride]
    }

    pub(super) fn push(&mut self, id: EntityId, cells: &[i32]) {
        debug_assert!(self.ids.last().is_none_or(|last| *last < id), "rows are written in id order");
        self.ids.push(id);
        self.cells.extend_from_slice(cells);
    }

    /// Restores id order after rows were added in another order.
    ///
    /// # Errors
    /// An id that is there twice.
    pub(super) fn sort(&mut self, stride: usize) -> Result<(), EntityId> {
        if self.ids.is_sorted_by(|a, b| a < b) {
            return Ok(());
        }
        let mut order: Vec<usize> = (0..self.ids.len()).collect();
        order.sort_unstable_by_key(|index| self.ids[*index]);
        let mut sorted = Self::with_capacity(self.ids.len(), stride);
        for index in order {
            let id = self.ids[index];
            let row = &self.cells[index * stride..(index + 1) * stride];
            sorted.ids.push(id);
            sorted.cells.extend_from_slice(row);
        }
        *self = sorted;
        let twice = self.ids.windows(2).find(|pair| pair[0] == pair[1]);
        twice.map_or(Ok(()), |pair| Err(pair[0]))
    }
}

/// The state of one zone: a table per kind of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    pub(super) tables: Vec<Table>,
}

impl Zone {
    /// A zone without rows.
    pub fn empty(schema: &Schema) -> Self {
        Self { tables: vec![Table::default(); schema.kinds().len()] }
    }

    /// Whether the zone has no rows.
    pub fn is_empty(&self) -> bool {
        self.tables.iter().all(|table| table.ids.is_empty())
    }

    /// The number of rows of all kinds.
    pub fn len(&self) -> usize {
        self.tables.iter().map(|table| table.ids.len()).sum()
    }

    /// The number of rows of each kind, in the order of the schema.
    pub(crate) fn counts(&self) -> impl ExactSizeIterator<Item = usize> {
        self.tables.iter().map(|table| table.ids.len())
    }

    /// Whether the zone has the same rows as `other`, whatever their motion cells.
    pub(super) fn has_values_of(&self, schema: &Schema, other: &Self) -> bool {
        self.tables.iter().zip(&other.tables).zip(schema.plans()).all(|((table, other), plan)| {
            let fields = plan.fields.len();
            let row = |index: usize| table.row(index, plan.stride)[..fields] == other.row(index, plan.stride)[..fields];
            table.ids == other.ids && (0..table.ids.len()).all(row)
        })
    }

    /// Removes all rows and keeps the memory.
    pub(super) fn clear(&mut self) {
        for table in &mut self.tables {
            table.ids.clear();
            table.cells.clear();
        }
    }

    /// The table of `kind`; `None` when the schema has no such kind.
    pub fn table(&self, kind: KindId) -> Option<&Table> {
        self.tables.get(usize::from(kind.0))
    }

    /// All rows in (kind, id) order.
    pub fn rows<'a>(&'a self, schema: &'a Schema) -> impl Iterator<Item = RowRef<'a>> {
        let values = |(kind, plan, id, cells): (_, &KindPlan, _, &'a [i32])| RowRef {
            kind,
            id,
            values: &cells[..plan.fields.len()],
        };
        self.rows_with_motion(schema).map(values)
    }

    /// All rows in (kind, id) order, as values in field order followed by motion cells.
    pub(crate) fn rows_with_motion<'a>(
        &'a self,
        schema: &'a Schema,
    ) -> impl Iterator<Item = (KindId, &'a KindPlan, EntityId, &'a [i32])> {
        self.tables.iter().zip(schema.plans()).zip(0..).flat_map(|((table, plan), kind)| {
            let rows = table.ids.iter().enumerate();
            rows.map(move |(index, id)| (KindId(kind), plan, *id, table.row(index, plan.stride)))
        })
    }

    /// The values of one entity in field order.
    pub fn find<'a>(&'a self, schema: &'a Schema, kind: KindId, id: EntityId) -> Option<&'a [i32]> {
        let plan = schema.plans().get(usize::from(kind.0))?;
        self.cells(schema, kind, id).map(|cells| &cells[..plan.fields.len()])
    }

    /// The values of one entity in field order, and its motion cells.
    pub(crate) fn cells<'a>(&'a self, schema: &'a Schema, kind: KindId, id: EntityId) -> Option<&'a [i32]> {
        let plan = schema.plans().get(usize::from(kind.0))?;
        let table = self.table(kind)?;
        let index = table.ids.binary_search(&id).ok()?;
        Some(table.row(index, plan.stride))
    }

    /// A 32-bit fingerprint of all rows with their motion; see PROTOCOL.md. Equal states have equal hashes on every
    /// machine and in every implementation.
    pub fn hash(&self) -> u32 {
        super::hash::zone_hash(self)
    }
}

/// One row of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowRef<'a> {
    /// Its kind.
    pub kind: KindId,
    /// Its id.
    pub id: EntityId,
    /// Its values in field order, in quanta.
    pub values: &'a [i32],
}

/// Rows of `table` that `other` lacks, as ascending indices.
pub(super) fn absent<'a>(table: &'a Table, other: &'a Table) -> impl Iterator<Item = usize> + 'a {
    let mut cursor = 0;
    table.ids.iter().enumerate().filter_map(move |(index, id)| {
        while other.ids.get(cursor).is_some_and(|other| other < id) {
            cursor += 1;
        }
        (other.ids.get(cursor) != Some(id)).then_some(index)
    })
}

/// Rows in both tables, as indices into each.
pub(super) fn pairs<'a>(base: &'a Table, next: &'a Table) -> impl Iterator<Item = (usize, usize)> + 'a {
    let mut cursor = 0;
    base.ids.iter().enumerate().filter_map(move |(index, id)| {
        while next.ids.get(cursor).is_some_and(|other| other < id) {
            cursor += 1;
        }
        (next.ids.get(cursor) == Some(id)).then_some((index, cursor))
    })
}

/// Computes the motion cells of a row from the row of the tick before.
pub(super) fn advance_row(plan: &KindPlan, old: &[i32], row: &mut [i32]) {
    for column in &plan.moving {
        advance(&plan.fields[*column], old, row, *column);
    }
}
