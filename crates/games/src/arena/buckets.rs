//! Finds avatars near a point: avatars are sorted by tile, anew every tick and without allocating. Costs nothing for a map without
//! avatars, however large it is.
//!
//! Holds positions only; the caller computes distances.

use crate::PER_METRE;
use crate::map::Map;

/// Indices of points by tile.
#[derive(Debug)]
pub(super) struct Buckets {
    columns: u32,
    rows: u32,
    /// The tile of each point, row by row, and its index; ascending.
    members: Vec<(u32, u32)>,
}

impl Buckets {
    /// Empty buckets for `map`.
    pub(super) fn new(map: &Map) -> Self {
        Self { columns: map.width() as u32, rows: map.height() as u32, members: Vec::new() }
    }

    /// Replaces the members by `points`, positions in quanta within the map, numbered from zero.
    pub(super) fn fill(&mut self, points: impl Iterator<Item = (i32, i32)>) {
        let mut members = std::mem::take(&mut self.members);
        members.clear();
        members.extend(points.zip(0..).map(|(point, index)| {
            let (column, row) = self.place(point);
            (row * self.columns + column, index)
        }));
        members.sort_unstable();
        self.members = members;
    }

    /// The members in the tile of (`x`, `y`) and the eight around it, which includes everyone within one metre.
    pub(super) fn near(&self, x: i32, y: i32) -> impl Iterator<Item = usize> {
        let (column, row) = self.place((x, y));
        let (left, right) = (column.saturating_sub(1), (column + 1).min(self.columns - 1));
        (row.saturating_sub(1)..=(row + 1).min(self.rows - 1)).flat_map(move |row| {
            let (first, last) = (row * self.columns + left, row * self.columns + right);
            let start = self.members.partition_point(|(tile, _)| *tile < first);
            let found = self.members[start..].iter().take_while(move |(tile, _)| *tile <= last);
            found.map(|(_, index)| *index as usize)
        })
    }

    fn place(&self, (x, y): (i32, i32)) -> (u32, u32) {
        let within = |quanta: i32, tiles: u32| ((quanta / PER_METRE).max(0) as u32).min(tiles - 1);
        (within(x, self.columns), within(y, self.rows))
    }
}
