//! What a typed game writes its rows with.

use std::marker::PhantomData;

use super::row::{HasRow, Row};
use crate::game::{Area, SnapshotWriter};
use crate::id::EntityId;

/// Collects the rows of one tick from a game with these types of rows. See [`SnapshotWriter`], which does the work.
pub struct RowWriter<'w, 'a, Rows> {
    out: &'w mut SnapshotWriter<'a>,
    rows: PhantomData<fn(Rows)>,
}

impl<'w, 'a, Rows> RowWriter<'w, 'a, Rows> {
    pub(super) fn new(out: &'w mut SnapshotWriter<'a>) -> Self {
        Self { out, rows: PhantomData }
    }

    /// Writes an entity where its position is; see [`Area::Auto`].
    #[inline]
    #[track_caller]
    pub fn entity<R: Row, At>(&mut self, id: EntityId, row: &R)
    where
        Rows: HasRow<R, At>,
    {
        self.out.entity(Rows::KIND, id, row.to_values().as_ref());
    }

    /// Writes several entities.
    #[inline]
    #[track_caller]
    pub fn entities<'r, R: Row + 'r, At>(&mut self, rows: impl IntoIterator<Item = (EntityId, &'r R)>)
    where
        Rows: HasRow<R, At>,
    {
        for (id, row) in rows {
            self.entity(id, row);
        }
    }

    /// Writes an entity that is visible from `area`, wherever it is; see [`SnapshotWriter::row`].
    ///
    /// # Panics
    /// When `area` is a zone of the [grid](crate::snapshot::Grid::FIRST).
    #[inline]
    #[track_caller]
    pub fn row<R: Row, At>(&mut self, area: impl Into<Area>, id: EntityId, row: &R)
    where
        Rows: HasRow<R, At>,
    {
        self.out.row(area, Rows::KIND, id, row.to_values().as_ref());
    }

    /// Marks an entity that was not moved but placed somewhere else; see [`SnapshotWriter::teleported`].
    pub fn teleported<R: Row, At>(&mut self, id: EntityId)
    where
        Rows: HasRow<R, At>,
    {
        self.out.teleported(Rows::KIND, id);
    }

    /// The writer below, for rows whose kind is known only when the game runs.
    pub fn raw(&mut self) -> &mut SnapshotWriter<'a> {
        self.out
    }
}
