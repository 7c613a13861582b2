//! How far players see, in games in which not everybody sees everything.

use serde::{Deserialize, Serialize};

use crate::id::{EntityId, KindId, ZoneId};
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
    walls: Vec<Wall>,
}

/// From where somebody sees a large world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Viewpoint {
    /// Players see from their own entity, spectators only the zones that [`Game::spectate`](super::Game::spectate) names.
    #[default]
    Own,
    /// From an entity, wherever it goes. While it has no row, the last view stays.
    Entity(EntityId),
    /// From a position, in quanta.
    Place([i32; 2]),
}

/// A rectangle through which nobody sees, by its least and its greatest corner, in quanta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wall {
    /// The corner with the least coordinates.
    pub least: [i32; 2],
    /// The corner with the greatest coordinates.
    pub most: [i32; 2],
}

impl Wall {
    /// The same wall without its rim, so that those behind it are seen who stick out by less than `width` quanta.
    #[must_use]
    pub fn without_rim(self, width: i32) -> Self {
        Self { least: self.least.map(|at| at + width), most: self.most.map(|at| at - width) }
    }
}

impl Interest {
    /// The most ticks for one of which a far cell is sent.
    pub const SELDOM: u8 = 8;

    /// Players see `sight` quanta far. Cells have that as their side, and the margin is a quarter of it.
    ///
    /// # Errors
    /// `sight` is not positive, no kind has a position, or kinds measure positions in different units.
    pub fn within(schema: &Schema, sight: i32) -> Result<Self, SchemaError> {
        if sight < 1 {
            return Err(SchemaError::new(format!("a sight of {sight} quanta: at least 1")));
        }
        let grid = Grid::about(schema, sight)?;
        Ok(Self { grid, sight, margin: sight / 4, walls: Vec::new() })
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
        Ok(Self { grid: Grid::new(schema, side)?.declared_by(&self.grid), ..self })
    }

    /// Changes how important entities of a kind are, compared with 1 for others. When not everything can be sent, cells that
    /// are near go first, and those in which somebody is important as if they were so many times nearer.
    #[must_use]
    pub fn with_importance(self, kind: KindId, factor: u8) -> Self {
        Self { grid: self.grid.with_importance(kind, factor), ..self }
    }

    /// Sends what is far away less often: cells of which every place is at least `beyond` quanta away from every place of the
    /// player's cell are sent at one of `every` ticks, at most [`Self::SELDOM`]. Each call adds a ring. Clients show what is
    /// there by its motion meanwhile. What is sent later has the same bytes of movement in it, but the framing of one message.
    #[must_use]
    pub fn with_far(self, beyond: i32, every: u8) -> Self {
        Self { grid: self.grid.with_ring(beyond, every.min(Self::SELDOM)), ..self }
    }

    /// Hides what is behind walls: a cell that cannot be seen from any place of a player's cell because of one of the walls is
    /// not sent. The margin is kept around both cells, so that who comes around a corner is there in time. Several walls
    /// together hide no more than each does alone: give a long wall as one. The room computes once which cells see which.
    #[must_use]
    pub fn with_walls(self, walls: impl IntoIterator<Item = Wall>) -> Self {
        Self { walls: walls.into_iter().collect(), ..self }
    }

    /// The cells that are at most `radius` quanta away from a position: for spectators, who have no place of their own.
    pub fn cells_around(&self, position: [i32; 2], radius: i32) -> Vec<ZoneId> {
        self.grid.cells_within(position.map(|at| (at.into(), at.into())), radius.max(0).into())
    }

    /// The cells.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The walls.
    pub fn walls(&self) -> &[Wall] {
        &self.walls
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
