//! Which cells of the grid can be seen from which, when walls are in between: computed once, from the walls that a game
//! declares.
//!
//! A cell is out of sight of another one if a single wall stands between every place of the one and every place of the other.
//! For a convex wall that holds as soon as it holds for the corners of both: the shadow that a convex wall throws from a point is
//! convex, so it has the whole cell in it if it has the corners.

use std::sync::OnceLock;

use crate::game::{Interest, Wall};
use crate::id::ZoneId;
use crate::snapshot::Grid;

/// The cells that can be seen from each cell.
#[derive(Clone, Debug)]
pub(super) struct Visibility {
    grid: Grid,
    walls: Vec<Rectangle>,
    /// How far away cells may be to be seen at all, how far around both cells nothing is hidden, and how far outside of a cell
    /// somebody is still said to be in it. All in quanta.
    reach: i64,
    margin: i64,
    slack: i64,
    /// By cell, row by row: the zones that are out of sight although they are within reach, ascending. Computed when somebody is
    /// there for the first time: few rooms are visited everywhere.
    hidden: Vec<OnceLock<Box<[ZoneId]>>>,
}

/// The least and the greatest place of a rectangle, in quanta.
#[derive(Clone, Copy, Debug)]
struct Rectangle {
    least: [i64; 2],
    most: [i64; 2],
}

impl Visibility {
    /// `reach` is how far away cells may be to be seen at all; `slack` is how far outside of a cell somebody is still said to
    /// be in it. Both are in quanta. `None` if there are no walls.
    pub fn new(interest: &Interest, reach: i64, slack: i64) -> Option<Self> {
        let walls: Vec<Rectangle> = interest.walls().iter().filter_map(Rectangle::of_wall).collect();
        if walls.is_empty() {
            return None;
        }
        let (grid, margin) = (interest.grid().clone(), i64::from(interest.margin()));
        let cells = grid.size().map(usize::from).iter().product();
        let hidden = std::iter::repeat_with(OnceLock::new).take(cells).collect();
        Some(Self { grid, walls, reach, margin, slack, hidden })
    }

    /// Leaves those of `cells` that can be seen from at least one of the cells `from`.
    pub fn retain_seen(&self, from: &[ZoneId], cells: &mut Vec<ZoneId>) {
        let hidden: Vec<&[ZoneId]> = from.iter().map(|from| self.hidden_from(*from)).collect();
        cells.retain(|cell| hidden.iter().any(|hidden| hidden.binary_search(cell).is_err()));
    }

    /// What cannot be seen from a cell of the grid.
    fn hidden_from(&self, from: ZoneId) -> &[ZoneId] {
        let index = usize::from(from.0 - Grid::FIRST.0);
        self.hidden[index].get_or_init(|| {
            let Some(cell) = self.grid.cell(from) else { return Box::default() };
            let from = Rectangle::of_cell(&self.grid, cell);
            let (eye, around) =
                (from.widened(self.margin + self.slack), from.widened(self.reach + i64::from(self.grid.side())));
            let near: Vec<&Rectangle> = self.walls.iter().filter(|wall| wall.meets(&around)).collect();
            let is_hidden = |zone: &ZoneId| {
                let to = self.grid.cell(*zone).map(|cell| Rectangle::of_cell(&self.grid, cell).widened(self.margin));
                to.is_some_and(|to| near.iter().any(|wall| wall.hides(&to, &eye)))
            };
            if near.is_empty() {
                return Box::default();
            }
            self.grid.cells_within(from.bounds(), self.reach).into_iter().filter(is_hidden).collect()
        })
    }
}

impl Rectangle {
    fn of_cell(grid: &Grid, cell: [u16; 2]) -> Self {
        let (origin, side) = (grid.origin(), i64::from(grid.side()));
        let least = [0, 1].map(|axis| i64::from(origin[axis]) + i64::from(cell[axis]) * side);
        Self { least, most: least.map(|least| least + side - 1) }
    }

    /// `None` if nothing is left of the wall.
    fn of_wall(wall: &Wall) -> Option<Self> {
        let (least, most) = (wall.least.map(i64::from), wall.most.map(i64::from));
        (least[0] <= most[0] && least[1] <= most[1]).then_some(Self { least, most })
    }

    fn bounds(&self) -> [(i64, i64); 2] {
        [0, 1].map(|axis| (self.least[axis], self.most[axis]))
    }

    fn widened(&self, by: i64) -> Self {
        Self { least: self.least.map(|least| least - by), most: self.most.map(|most| most + by) }
    }

    fn meets(&self, other: &Self) -> bool {
        (0..2).all(|axis| self.least[axis] <= other.most[axis] && other.least[axis] <= self.most[axis])
    }

    fn corners(&self) -> [[i64; 2]; 4] {
        let ([left, top], [right, bottom]) = (self.least, self.most);
        [[left, top], [right, top], [left, bottom], [right, bottom]]
    }

    /// Whether this wall is between every place of one rectangle and every place of the other.
    fn hides(&self, one: &Self, other: &Self) -> bool {
        one.corners().iter().all(|from| other.corners().iter().all(|to| self.cuts(*from, *to)))
    }

    /// Whether the straight line between two places touches the rectangle.
    fn cuts(&self, from: [i64; 2], to: [i64; 2]) -> bool {
        let reaches =
            |axis: usize| from[axis].min(to[axis]) <= self.most[axis] && from[axis].max(to[axis]) >= self.least[axis];
        // The line passes the rectangle if all corners are on the same side of it.
        let side = |corner: [i64; 2]| {
            let [dx, dy] = [0, 1].map(|axis| i128::from(to[axis] - from[axis]));
            let [x, y] = [0, 1].map(|axis| i128::from(corner[axis] - from[axis]));
            (dx * y - dy * x).signum()
        };
        let sides = self.corners().map(side);
        reaches(0) && reaches(1) && !(sides.iter().all(|side| *side > 0) || sides.iter().all(|side| *side < 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Field, Kind, Schema, Shape};

    fn interest(walls: Vec<Wall>) -> Interest {
        let field = |name| Field::linear(name, Shape::Fixed { min: 0, max: 4999, per_unit: 10 });
        let kinds = vec![Kind::new("dot", vec![field("x"), field("y")]).at("x", "y")];
        let schema = Schema::new(kinds).expect("a valid schema");
        let interest = Interest::within(&schema, 2000).expect("a valid interest").with_margin(0);
        interest.with_cells(&schema, 250).expect("a valid grid").with_walls(walls)
    }

    fn below(random: &mut u64, bound: i64) -> i64 {
        *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((*random >> 33) as i64) % bound
    }

    #[test]
    fn no_line_that_no_wall_touches_leads_to_a_hidden_cell() {
        let mut random = 7;
        let (mut hidden, mut clear) = (0, 0);
        for _ in 0..12 {
            let walls: Vec<Wall> = (0..8)
                .map(|_| {
                    let least = [(); 2].map(|()| below(&mut random, 4500) as i32);
                    let long = below(&mut random, 2) as usize;
                    let most = [0, 1].map(|axis| least[axis] + if axis == long { 1500 } else { 40 });
                    Wall { least, most }
                })
                .collect();
            let interest = interest(walls.clone());
            let visibility = Visibility::new(&interest, 2000, 0).expect("there are walls");
            let blocks: Vec<Rectangle> = walls.iter().filter_map(Rectangle::of_wall).collect();
            for _ in 0..4000 {
                let [from, to] = [(); 2].map(|()| [(); 2].map(|()| below(&mut random, 5000)));
                let zone = |at: [i64; 2]| interest.grid().zone(interest.grid().cell_at(at.map(|at| at as i32)));
                let mut seen = vec![zone(to)];
                visibility.retain_seen(&[zone(from)], &mut seen);
                let is_clear = !blocks.iter().any(|wall| wall.cuts(from, to));
                assert!(!is_clear || !seen.is_empty(), "{to:?} is seen from {from:?}");
                hidden += u32::from(seen.is_empty());
                clear += u32::from(is_clear);
            }
        }
        assert!(hidden > 4000 && clear > 4000, "{hidden} pairs of cells are hidden, {clear} lines are clear");
    }

    #[test]
    fn a_long_wall_hides_what_is_behind_it_and_not_what_is_beside() {
        let interest = interest(vec![Wall { least: [1000, 1240], most: [4000, 1260] }]);
        let visibility = Visibility::new(&interest, 2000, 0).expect("there are walls");
        let zone = |at| interest.grid().zone(interest.grid().cell_at(at));
        let sees = |from, to| {
            let mut seen = vec![zone(to)];
            visibility.retain_seen(&[zone(from)], &mut seen);
            !seen.is_empty()
        };
        assert!(!sees([2500, 900], [2500, 1600]) && !sees([2500, 1600], [2500, 900]));
        assert!(sees([2500, 900], [2500, 1100]) && sees([500, 900], [600, 1600]) && sees([2500, 1250], [2500, 1600]));
        assert!(Visibility::new(&super::tests::interest(Vec::new()), 2000, 0).is_none());
    }
}
