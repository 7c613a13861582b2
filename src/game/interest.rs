//! How far players see, in games in which not everybody sees everything.

use crate::id::{KindId, ZoneId};
use crate::snapshot::{Grid, Schema, SchemaError};

/// How far the players of a game see.
///
/// The room lays a grid over all positions that the game's kinds [can have](crate::snapshot::Kind::at). A row that is
/// written by its position goes into its cell. Each player sees the cells around their own entity: all that are within sight,
/// and those within a margin beyond it, so that what comes into sight is there in time. Each cell is encoded once, however
/// many see it.
#[derive(Clone, Debug)]
pub struct Interest {
    grid: Grid,
    sight: i32,
    margin: i32,
}

impl Interest {
    /// Players see `sight` quanta far. Cells have that as their side, and the margin is a quarter of it.
    ///
    /// # Errors
    /// `sight` is not positive, no kind has a position, or kinds measure positions in different units.
    pub fn within(schema: &Schema, sight: i32) -> Result<Self, SchemaError> {
        if sight < 1 {
            return Err(SchemaError::new(format!("a sight of {sight} quanta: at least 1")));
        }
        let grid = Grid::about(schema, sight)?;
        Ok(Self { grid, sight, margin: sight / 4 })
    }

    /// Changes the margin: at least as far as two players approach each other in the time that a message takes to arrive and
    /// to be shown, a quarter of a second for most. In quanta; negative values count as 0.
    #[must_use]
    pub fn with_margin(self, margin: i32) -> Self {
        Self { margin: margin.max(0), ..self }
    }

    /// Changes the side of cells, in quanta. Small cells show less of what is out of sight; large ones cost fewer bytes of
    /// overhead for each.
    ///
    /// # Errors
    /// As [`Grid::new`].
    pub fn with_cells(self, schema: &Schema, side: i32) -> Result<Self, SchemaError> {
        Ok(Self { grid: Grid::new(schema, side)?, ..self })
    }

    /// Changes how important entities of a kind are, compared with 1 for others. When not everything can be sent, cells that
    /// are near go first, and those in which somebody is important as if they were so many times nearer.
    #[must_use]
    pub fn with_importance(self, kind: KindId, factor: u8) -> Self {
        Self { grid: self.grid.with_importance(kind, factor), ..self }
    }

    /// The cells that are at most `radius` quanta away from a position: for spectators, who have no place of their own.
    pub fn cells_around(&self, position: [i32; 2], radius: i32) -> Vec<ZoneId> {
        self.grid.cells_within(position.map(|at| (at.into(), at.into())), radius.max(0).into())
    }

    /// The cells.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// How far players see, in quanta.
    pub fn sight(&self) -> i32 {
        self.sight
    }

    /// How far beyond their sight players get rows, in quanta.
    pub fn margin(&self) -> i32 {
        self.margin
    }
}
