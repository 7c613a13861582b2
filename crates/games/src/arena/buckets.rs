//! Finds avatars near a point: avatars are sorted into buckets of one tile, rebuilt every tick without allocating.
//!
//! Holds positions only; the caller computes distances.

use crate::PER_METRE;
use crate::map::Map;

/// Indices of points by tile.
#[derive(Debug)]
pub(super) struct Buckets {
    columns: usize,
    rows: usize,
    /// Per tile, row by row: the start of its members in `members`. One more entry ends the last tile.
    starts: Vec<u32>,
    /// Indices of points, grouped by tile and ascending within each.
    members: Vec<u32>,
}

impl Buckets {
    /// Empty buckets for `map`.
    pub(super) fn new(map: &Map) -> Self {
        let (columns, rows) = (map.width() as usize, map.height() as usize);
        Self { columns, rows, starts: vec![0; columns * rows + 1], members: Vec::new() }
    }

    /// Replaces the members by `points`, positions in quanta within the map, numbered from zero.
    pub(super) fn fill(&mut self, points: impl DoubleEndedIterator<Item = (i32, i32)> + ExactSizeIterator + Clone) {
        self.starts.fill(0);
        for point in points.clone() {
            let tile = self.tile(point);
            self.starts[tile] += 1;
        }
        let mut end = 0;
        for start in &mut self.starts {
            end += *start;
            *start = end;
        }
        self.members.clear();
        self.members.resize(points.len(), 0);
        // Iterates backwards, so that the ends become starts and the members of a tile stay in order.
        for (index, point) in points.enumerate().rev() {
            let tile = self.tile(point);
            self.starts[tile] -= 1;
            self.members[self.starts[tile] as usize] = index as u32;
        }
    }

    /// The members in the tile of (`x`, `y`) and the eight around it, which includes everyone within one metre.
    pub(super) fn near(&self, x: i32, y: i32) -> impl Iterator<Item = usize> {
        let (column, row) = self.place((x, y));
        let (left, right) = (column.saturating_sub(1), (column + 1).min(self.columns - 1));
        (row.saturating_sub(1)..=(row + 1).min(self.rows - 1)).flat_map(move |row| {
            let first = self.starts[row * self.columns + left] as usize;
            let end = self.starts[row * self.columns + right + 1] as usize;
            self.members[first..end].iter().map(|index| *index as usize)
        })
    }

    fn tile(&self, point: (i32, i32)) -> usize {
        let (column, row) = self.place(point);
        row * self.columns + column
    }

    fn place(&self, (x, y): (i32, i32)) -> (usize, usize) {
        let within = |quanta: i32, tiles: usize| ((quanta / PER_METRE).max(0) as usize).min(tiles - 1);
        (within(x, self.columns), within(y, self.rows))
    }
}
