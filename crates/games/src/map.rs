//! Maps of the built-in games: a grid of tiles of one metre, read from text.
//!
//! `#` is solid, `.` is floor. A first line `repeat 40 30` makes a large map: the tiles that follow are a block, which is repeated 40
//! times in each row and 30 times in each column. Everything outside the map is solid. The games decide what happens at a wall.

use super::PER_METRE;

/// Tiles of one metre, solid or floor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// Of the block that is repeated.
    width: i32,
    height: i32,
    /// How often the block stands side by side and one below the other.
    repeats: [i32; 2],
    /// Row by row.
    solid: Vec<bool>,
    /// Indices of the floor tiles, ascending.
    floor: Vec<u32>,
}

impl Map {
    /// The longest side of a block in tiles.
    const MAX_SIDE: usize = 1000;
    /// The longest side of a map in tiles: keeps squares of distances along it within 64 bits, and coordinates well within 32.
    const MAX_WHOLE: i32 = 10_000;

    /// Reads a map, one line per row of tiles.
    ///
    /// # Errors
    /// When rows differ in length, a character is neither `#` nor `.`, or there is no floor; the text names the row.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rows: Vec<&str> = text.lines().collect();
        let header = rows.first().and_then(|row| row.strip_prefix("repeat "));
        let repeats = match header {
            Some(words) => {
                repeats(words).ok_or_else(|| format!("\"repeat {words}\": must be such as \"repeat 40 30\""))?
            }
            None => [1, 1],
        };
        if header.is_some() {
            rows.remove(0);
        }
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
        let map = Self { width: width as i32, height: rows.len() as i32, repeats, solid, floor };
        if map.width() > Self::MAX_WHOLE || map.height() > Self::MAX_WHOLE {
            return Err(format!("map of {} x {} tiles: at most {} each", map.width(), map.height(), Self::MAX_WHOLE));
        }
        Ok(map)
    }

    /// Width in tiles.
    pub fn width(&self) -> i32 {
        self.width * self.repeats[0]
    }

    /// Height in tiles.
    pub fn height(&self) -> i32 {
        self.height * self.repeats[1]
    }

    /// The number of floor tiles, at least one.
    pub fn floor_tiles(&self) -> u32 {
        self.floor.len() as u32 * (self.repeats[0] * self.repeats[1]) as u32
    }

    /// The centre of floor tile `number` (modulo the number of floor tiles) in quanta, counted row by row in each block, and
    /// block by block.
    pub fn floor_centre(&self, number: u32) -> (i32, i32) {
        let (block, tile) = (number / self.floor.len() as u32, number as usize % self.floor.len());
        let (block, tile) = (block as i32 % (self.repeats[0] * self.repeats[1]), self.floor[tile] as i32);
        let column = block % self.repeats[0] * self.width + tile % self.width;
        let row = block / self.repeats[0] * self.height + tile / self.width;
        (Self::centre(column), Self::centre(row))
    }

    /// The coordinate of the middle of a column or row of tiles, in quanta.
    pub fn centre(tile: i32) -> i32 {
        tile * PER_METRE + PER_METRE / 2
    }

    /// Whether a tile is solid; all tiles outside the map are.
    pub fn is_solid(&self, column: i32, row: i32) -> bool {
        let in_block = |column, row| (row % self.height * self.width + column % self.width) as usize;
        self.tile(column, row).is_none() || self.solid[in_block(column, row)]
    }

    /// Whether the point (`x`, `y`) in quanta lies in a solid tile.
    pub fn is_solid_at(&self, x: i32, y: i32) -> bool {
        self.is_solid(x.div_euclid(PER_METRE), y.div_euclid(PER_METRE))
    }

    /// The index of a tile, row by row; `None` outside the map.
    pub fn tile(&self, column: i32, row: i32) -> Option<u32> {
        let inside = (0..self.width()).contains(&column) && (0..self.height()).contains(&row);
        inside.then(|| (row * self.width() + column) as u32)
    }
}

/// Reads how often a block is repeated.
fn repeats(words: &str) -> Option<[i32; 2]> {
    let (columns, rows) = words.split_once(' ')?;
    let count = |text: &str| text.parse().ok().filter(|count| (1..=1000).contains(count));
    Some([count(columns)?, count(rows)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_named() {
        assert!(Map::parse("##\n#").expect_err("uneven").contains("row 2 has 1"));
        assert!(Map::parse("#.\n#x").expect_err("unknown tile").contains("row 2: 'x'"));
        assert!(Map::parse("##").expect_err("no floor").contains("floor"));
        assert!(Map::parse("repeat 0 9\n.").expect_err("none").contains("\"repeat 0 9\""));
        assert!(Map::parse("repeat 1000 9\n...........").expect_err("too wide").contains("11000 x 9"));
    }

    #[test]
    fn tiles_are_found_by_place() {
        let map = Map::parse("##.\n..#\n").expect("a valid map");
        assert_eq!((map.width(), map.height(), map.floor_tiles()), (3, 2, 3));
        assert_eq!(map.floor_centre(0), (160, 32));
        assert!(map.is_solid_at(127, 63) && !map.is_solid_at(128, 63) && !map.is_solid_at(127, 64));
        assert!(map.is_solid_at(-1, 64) && map.is_solid_at(0, 128));
    }
    #[test]
    fn a_block_is_repeated() {
        let (block, map) = (Map::parse("#.\n..").expect("a map"), Map::parse("repeat 3 2\n#.\n..").expect("a map"));
        assert_eq!((map.width(), map.height(), map.floor_tiles()), (6, 4, 18));
        for (column, row) in (0..6).flat_map(|column| (0..4).map(move |row| (column, row))) {
            assert_eq!(map.is_solid(column, row), block.is_solid(column % 2, row % 2));
            assert_eq!(map.tile(column, row), Some((row * 6 + column) as u32));
        }
        let centres: std::collections::BTreeSet<(i32, i32)> = (0..18).map(|number| map.floor_centre(number)).collect();
        assert_eq!(centres.len(), 18);
        assert!(centres.iter().all(|(x, y)| !map.is_solid_at(*x, *y)));
        assert!(map.is_solid(6, 0) && map.is_solid(0, -1));
        assert_eq!(Map::parse("repeat 1 1\n#.\n.."), Map::parse("#.\n.."));
    }
}
