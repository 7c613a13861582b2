//! Maps of the built-in games: a grid of tiles of one metre, read from text.
//!
//! `#` is solid, `.` is floor. Everything outside the map is solid. The games decide what happens at a wall.

use super::PER_METRE;

/// Tiles of one metre, solid or floor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    width: i32,
    height: i32,
    /// Row by row.
    solid: Vec<bool>,
    /// Indices of the floor tiles, ascending.
    floor: Vec<u32>,
}

impl Map {
    /// The longest side in tiles: keeps coordinates in quanta within 16 bits.
    const MAX_SIDE: usize = 1000;

    /// Reads a map, one line per row of tiles.
    ///
    /// # Errors
    /// When rows differ in length, a character is neither `#` nor `.`, or there is no floor; the text names the row.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rows: Vec<&str> = text.lines().collect();
        let width = rows.first().map_or(0, |row| row.len());
        if width > Self::MAX_SIDE || rows.len() > Self::MAX_SIDE {
            return Err(format!("map of {width} x {} tiles: at most {} each", rows.len(), Self::MAX_SIDE));
        }
        let mut solid = Vec::with_capacity(width * rows.len());
        for (number, row) in (1..).zip(&rows) {
            if row.len() != width {
                return Err(format!("map row {number} has {} tiles, the first has {width}", row.len()));
            }
            for tile in row.bytes() {
                match tile {
                    b'#' => solid.push(true),
                    b'.' => solid.push(false),
                    other => return Err(format!("map row {number}: {:?} is no tile", char::from(other))),
                }
            }
        }
        let floor: Vec<u32> = (0..).zip(&solid).filter(|(_, solid)| !**solid).map(|(index, _)| index).collect();
        if floor.is_empty() {
            return Err("map without floor".to_owned());
        }
        Ok(Self { width: width as i32, height: rows.len() as i32, solid, floor })
    }

    /// Width in tiles.
    pub fn width(&self) -> i32 {
        self.width
    }

    /// Height in tiles.
    pub fn height(&self) -> i32 {
        self.height
    }

    /// The number of floor tiles, at least one.
    pub fn floor_tiles(&self) -> u32 {
        self.floor.len() as u32
    }

    /// The centre of floor tile `number` (modulo the number of floor tiles) in quanta, counted row by row.
    pub fn floor_centre(&self, number: u32) -> (i32, i32) {
        let tile = self.floor[number as usize % self.floor.len()] as i32;
        let centre = |tile: i32| tile * PER_METRE + PER_METRE / 2;
        (centre(tile % self.width), centre(tile / self.width))
    }

    /// Whether a tile is solid; all tiles outside the map are.
    pub fn is_solid(&self, column: i32, row: i32) -> bool {
        self.tile(column, row).is_none_or(|tile| self.solid[tile])
    }

    /// Whether the point (`x`, `y`) in quanta lies in a solid tile.
    pub fn is_solid_at(&self, x: i32, y: i32) -> bool {
        self.is_solid(x.div_euclid(PER_METRE), y.div_euclid(PER_METRE))
    }

    /// The index of a tile, row by row; `None` outside the map.
    pub fn tile(&self, column: i32, row: i32) -> Option<usize> {
        let inside = (0..self.width).contains(&column) && (0..self.height).contains(&row);
        inside.then(|| (row * self.width + column) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_named() {
        assert!(Map::parse("##\n#").expect_err("uneven").contains("row 2 has 1"));
        assert!(Map::parse("#.\n#x").expect_err("unknown tile").contains("row 2: 'x'"));
        assert!(Map::parse("##").expect_err("no floor").contains("floor"));
    }

    #[test]
    fn tiles_are_found_by_place() {
        let map = Map::parse("##.\n..#\n").expect("a valid map");
        assert_eq!((map.width(), map.height(), map.floor_tiles()), (3, 2, 3));
        assert_eq!(map.floor_centre(0), (160, 32));
        assert!(map.is_solid_at(127, 63) && !map.is_solid_at(128, 63) && !map.is_solid_at(127, 64));
        assert!(map.is_solid_at(-1, 64) && map.is_solid_at(0, 128));
    }
}
