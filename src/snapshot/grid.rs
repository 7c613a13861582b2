//! A grid over the world: which zone the row of an entity belongs to, by its position.
//!
//! Every cell of the grid is a zone. Only cells with rows cost anything, so a large world is as cheap as its population.
//! Who sees which cells is decided in `engine/views`.

use super::schema::{Schema, SchemaError, Shape};
use super::zone::Zone;
use crate::id::{KindId, ZoneId};

/// A world of square cells, each of which is a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    /// The least position, in quanta.
    origin: [i32; 2],
    /// The side of a cell, in quanta.
    side: i32,
    /// The number of columns and of rows.
    size: [u16; 2],
    /// By kind, which fields are the position.
    positions: Vec<Option<[usize; 2]>>,
    /// By kind, how important its rows are.
    importance: Vec<u8>,
    /// From where on cells are sent less often, ascending.
    rings: Vec<Ring>,
}

/// The part of a world that is farther away than a distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ring {
    /// In quanta.
    beyond: i32,
    /// Cells are sent at one of so many ticks.
    every: u32,
}

impl Grid {
    /// The zone of the first cell. Zones below it are the game's own.
    pub const FIRST: ZoneId = ZoneId(1 << 13);
    /// The most cells.
    pub const MOST_CELLS: u32 = (1 << 16) - Self::FIRST.0 as u32;

    /// Lays cells with a side of `side` quanta over all positions that the kinds of `schema` can have.
    ///
    /// # Errors
    /// No kind has a [position](super::Kind::at), two kinds measure positions in different units, `side` is not positive, or
    /// there would be more than [`Self::MOST_CELLS`] cells; the text names what would be right.
    pub fn new(schema: &Schema, side: i32) -> Result<Self, SchemaError> {
        let (origin, span) = extent(schema)?;
        if side < 1 {
            return Err(SchemaError(format!("cells of {side} quanta: at least 1")));
        }
        let [columns, rows] = span.map(|span| span / side.cast_unsigned() + 1);
        if u64::from(columns) * u64::from(rows) > u64::from(Self::MOST_CELLS) {
            let (most, least) = (Self::MOST_CELLS, least_side(span));
            return Err(SchemaError(format!(
                "cells of {side} quanta: {columns} x {rows} cells, but at most {most}; cells of {least} quanta fit"
            )));
        }
        let positions = schema.kinds().iter().map(super::Kind::position).collect();
        let importance = vec![1; schema.kinds().len()];
        Ok(Self { origin, side, size: [columns as u16, rows as u16], positions, importance, rings: Vec::new() })
    }

    /// As [`Self::new`], with cells of `side` quanta or, where that would be too many, the smallest ones that are possible.
    ///
    /// # Errors
    /// As [`Self::new`], except for too many cells.
    pub fn about(schema: &Schema, side: i32) -> Result<Self, SchemaError> {
        let (_, span) = extent(schema)?;
        Self::new(schema, side.max(least_side(span)))
    }

    /// The least position, in quanta.
    pub fn origin(&self) -> [i32; 2] {
        self.origin
    }

    /// The side of a cell, in quanta.
    pub fn side(&self) -> i32 {
        self.side
    }

    /// The number of columns and of rows.
    pub fn size(&self) -> [u16; 2] {
        self.size
    }

    /// The position of an entity with these values, if its kind has one.
    pub fn position(&self, kind: KindId, values: &[i32]) -> Option<[i32; 2]> {
        Some(self.columns(kind)?.map(|column| values[column]))
    }

    /// Which fields of this kind are its position.
    pub(super) fn columns(&self, kind: KindId) -> Option<[usize; 2]> {
        self.positions.get(usize::from(kind.0)).copied().flatten()
    }

    /// Changes how important the rows of a kind are, compared with 1 for others.
    pub(crate) fn with_importance(mut self, kind: KindId, factor: u8) -> Self {
        self.importance.iter_mut().skip(kind.0.into()).take(1).for_each(|known| *known = factor);
        self
    }

    /// How important a zone is: as its most important row.
    pub(crate) fn importance(&self, zone: &Zone) -> u8 {
        let present = zone.tables.iter().zip(&self.importance).filter(|(table, _)| !table.ids.is_empty());
        present.map(|(_, importance)| *importance).max().unwrap_or(1)
    }

    /// Sends cells that are at least `beyond` quanta away at one of `every` ticks.
    pub(crate) fn with_ring(mut self, beyond: i32, every: u8) -> Self {
        let ring = Ring { beyond: beyond.max(0), every: u32::from(every).max(1) };
        self.rings.retain(|known| known.beyond != ring.beyond);
        self.rings.push(ring);
        self.rings.sort_unstable_by_key(|ring| ring.beyond);
        self
    }

    /// The same cells, with what `other` says of kinds and distances.
    pub(crate) fn declared_by(self, other: &Self) -> Self {
        Self { importance: other.importance.clone(), rings: other.rings.clone(), ..self }
    }

    /// Whether some cells are sent less often than others.
    pub(crate) fn has_rings(&self) -> bool {
        !self.rings.is_empty()
    }

    /// At one of how many ticks a cell is sent to who is in the cell `from`: by the distance between their nearest places.
    pub(crate) fn every(&self, from: [u16; 2], cell: [u16; 2]) -> u32 {
        let gap = |axis: usize| (i64::from(from[axis].abs_diff(cell[axis])) - 1).max(0) * i64::from(self.side);
        let distance = gap(0).pow(2) + gap(1).pow(2);
        let ring = self.rings.iter().rev().find(|ring| distance >= i64::from(ring.beyond).pow(2));
        ring.filter(|_| from != cell).map_or(1, |ring| ring.every)
    }

    /// The column and row of the cell at a position. A position off the map belongs to the nearest cell.
    pub fn cell_at(&self, position: [i32; 2]) -> [u16; 2] {
        [0, 1].map(|axis| {
            let cell = position[axis].saturating_sub(self.origin[axis]).div_euclid(self.side);
            cell.clamp(0, i32::from(self.size[axis]) - 1) as u16
        })
    }

    /// The zone of the cell in this column and row.
    pub fn zone(&self, [column, row]: [u16; 2]) -> ZoneId {
        debug_assert!(column < self.size[0] && row < self.size[1], "a cell of the grid");
        ZoneId(Self::FIRST.0 + (u32::from(row) * u32::from(self.size[0]) + u32::from(column)) as u16)
    }

    /// The cells that are at most `reach` away from a rectangle, which is given by the least and the greatest coordinate of each
    /// axis, in quanta. Ascending.
    pub fn cells_within(&self, bounds: [(i64, i64); 2], reach: i64) -> Vec<ZoneId> {
        let side = i64::from(self.side);
        let low = |axis: usize, cell: u16| i64::from(self.origin[axis]) + i64::from(cell) * side;
        let range = |axis: usize| {
            let last = i64::from(self.size[axis]) - 1;
            let cell = |at: i64| (at - i64::from(self.origin[axis])).div_euclid(side).clamp(0, last) as u16;
            cell(bounds[axis].0 - reach)..=cell(bounds[axis].1 + reach)
        };
        let gap = |axis: usize, cell: u16| {
            let low = low(axis, cell);
            (low - bounds[axis].1).max(bounds[axis].0 - (low + side - 1)).max(0)
        };
        let mut cells = Vec::with_capacity(range(0).len() * range(1).len());
        for row in range(1) {
            let left = reach.pow(2) - gap(1, row).pow(2);
            let near = range(0).filter(|column| gap(0, *column).pow(2) <= left);
            cells.extend(near.map(|column| self.zone([column, row])));
        }
        cells
    }

    /// The column and row of a zone that is a cell of the grid.
    pub fn cell(&self, zone: ZoneId) -> Option<[u16; 2]> {
        let index = zone.0.checked_sub(Self::FIRST.0)?;
        let cell = [index % self.size[0], index / self.size[0]];
        (cell[1] < self.size[1]).then_some(cell)
    }
}

/// The least position of any kind, and how far the greatest one is from it, in quanta.
fn extent(schema: &Schema) -> Result<([i32; 2], [u32; 2]), SchemaError> {
    let mut bounds: Option<[(i32, i32); 2]> = None;
    let mut unit = None;
    for kind in schema.kinds() {
        let Some(columns) = kind.position() else { continue };
        for (axis, column) in columns.into_iter().enumerate() {
            let (min, max, per_unit) = match kind.fields[column].shape {
                Shape::Fixed { min, max, per_unit } => (min, max, per_unit),
                Shape::Int { min, max } => (min, max, 1),
                _ => unreachable!("a position is made of numbers"),
            };
            if *unit.get_or_insert(per_unit) != per_unit {
                let name = &kind.name;
                return Err(SchemaError(format!(
                    "kind {name:?}: its position has another unit than that of other kinds"
                )));
            }
            let both = bounds.get_or_insert([(i32::MAX, i32::MIN); 2]);
            both[axis] = (both[axis].0.min(min), both[axis].1.max(max));
        }
    }
    let bounds = bounds.ok_or_else(|| SchemaError("no kind has a position: see Kind::at".to_owned()))?;
    Ok((bounds.map(|(min, _)| min), bounds.map(|(min, max)| max.abs_diff(min))))
}

/// The smallest side with which cells cover so many quanta without being too many.
fn least_side(span: [u32; 2]) -> i32 {
    let cells = |side: u32| span.map(|span| u64::from(span / side + 1)).iter().product::<u64>();
    let (mut low, mut high) = (1, span[0].max(span[1]) + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if cells(middle) <= u64::from(Grid::MOST_CELLS) { high = middle } else { low = middle + 1 }
    }
    low.cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Field, Kind};

    fn schema(width: i32, height: i32) -> Schema {
        let field = |name, max| Field::linear(name, Shape::Fixed { min: -100, max, per_unit: 64 });
        let dot = Kind::new("dot", vec![Field::held("on", Shape::Bool), field("x", width), field("y", height)]);
        Schema::new(vec![dot.at("x", "y"), Kind::new("rock", vec![])]).expect("a valid schema")
    }

    #[test]
    fn every_position_has_a_cell_and_every_cell_a_zone() {
        let grid = Grid::new(&schema(1000, 500), 100).expect("a valid grid");
        assert_eq!((grid.size(), grid.origin(), grid.side()), ([12, 7], [-100, -100], 100));
        assert_eq!(grid.position(KindId(0), &[1, 20, 30]), Some([20, 30]));
        assert_eq!((grid.position(KindId(1), &[]), grid.position(KindId(2), &[])), (None, None));
        for (position, cell) in [([-100, -100], [0, 0]), ([-1, 0], [0, 1]), ([1000, 500], [11, 6])] {
            assert_eq!(grid.cell_at(position), cell);
            assert_eq!(grid.cell(grid.zone(cell)), Some(cell));
        }
        assert_eq!([[i32::MIN; 2], [i32::MAX; 2]].map(|far| grid.cell_at(far)), [[0, 0], [11, 6]]);
        assert_eq!([0, 8191, 8192 + 12 * 7].map(|zone| grid.cell(ZoneId(zone))), [None; 3]);
    }

    #[test]
    fn cells_are_sent_less_often_the_farther_they_are() {
        let grid = Grid::new(&schema(1000, 500), 100).expect("a valid grid").with_ring(400, 4).with_ring(200, 2);
        let every = |cell| grid.every([2, 2], cell);
        assert_eq!(
            [[2, 2], [3, 3], [4, 4], [4, 2]].map(every),
            [1; 4],
            "there may be less than 200 between two places"
        );
        assert_eq!([[5, 2], [2, 5], [5, 5], [6, 4]].map(every), [2; 4]);
        assert_eq!([[7, 2], [11, 6], [6, 5]].map(every), [4, 4, 2]);
        let own = grid.with_ring(0, 8);
        assert_eq!([[2, 2], [2, 3]].map(|cell| own.every([2, 2], cell)), [1, 8], "the own cell is always sent");
    }

    #[test]
    fn faults_are_named() {
        let wide = schema(1_000_000, 1_000_000);
        let text = Grid::new(&wide, 64).expect_err("too many").to_string();
        assert!(text.contains("15627 x 15627 cells, but at most 57344; cells of 4185 quanta fit"), "{text}");
        assert_eq!(Grid::about(&wide, 64).expect("fits").side(), 4185);
        assert!(Grid::new(&wide, 4184).is_err() && Grid::new(&wide, 4185).is_ok());
        assert!(Grid::new(&wide, 0).is_err());
        let bare = Schema::new(vec![Kind::new("rock", vec![])]).expect("a valid schema");
        assert!(Grid::about(&bare, 64).expect_err("no position").to_string().contains("no kind has a position"));
        let [metres, feet] = [64, 10].map(|per_unit| {
            let field = |name| Field::held(name, Shape::Fixed { min: 0, max: 9, per_unit });
            Kind::new(&format!("in {per_unit}"), vec![field("x"), field("y")]).at("x", "y")
        });
        let mixed = Schema::new(vec![metres, feet]).expect("a valid schema");
        assert!(Grid::about(&mixed, 1).expect_err("two units").to_string().contains("kind \"in 10\""));
    }
}
