//! Which cells of the grid each player sees.
//!
//! A view is anchored: the world is divided into small squares, and a player sees the cells around the square they are in.
//! They keep that square until they are well outside of it, so who walks along a border changes nothing. A cell that goes
//! out of view stays for a while: who comes back in between needs no keyframe, and nobody is told that it is gone.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::room::Room;
use super::visibility::Visibility;
use crate::game::{Interest, Recipients, Viewpoint};
use crate::id::{EntityId, ZoneId};
use crate::snapshot::{Grid, Places};
use crate::tick::Tick;
use crate::wire::WorldGrid;

/// What all views of a room have in common.
#[derive(Clone, Debug)]
pub(super) struct Views {
    interest: Interest,
    grid: Arc<Grid>,
    /// Which cells are hidden by walls, if there are any.
    visibility: Option<Arc<Visibility>>,
    /// The side of the squares, in quanta.
    square: i32,
    /// How far outside of their square players keep it, in quanta.
    slack: i32,
    /// For how many ticks a cell stays.
    linger: u32,
    /// Whether players see two thirds as far, because of overload.
    is_short: bool,
}

/// What one player sees.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct View {
    /// The square that the player is in, in squares from the grid's origin; `None` before they had a position.
    anchor: Option<[i32; 2]>,
    /// The column and row of the cell that the player is in.
    #[serde(default)]
    cell: Option<[u16; 2]>,
    /// Cells that are out of view and stay until a tick, in the order of those ticks.
    lingering: Vec<(ZoneId, Tick)>,
    /// Whether the cells are those of a shorter sight.
    #[serde(default)]
    is_short: bool,
    /// The zones that the game subscribed the player to.
    #[serde(skip)]
    named: Option<Arc<[ZoneId]>>,
    /// All zones that the player sees, ascending.
    zones: Arc<[ZoneId]>,
}

impl Views {
    /// A view has so many squares per side of a cell: few, because each new one costs a list of cells.
    const SQUARES_PER_CELL: i32 = 4;
    /// The most cells that stay, per cell in view: those of two views.
    const LINGERING_PER_CELL: usize = 2;

    /// `linger` is in ticks.
    pub fn new(interest: Interest, linger: u32) -> Self {
        let square = (interest.grid().side() / Self::SQUARES_PER_CELL).max(1);
        let (grid, slack) = (Arc::new(interest.grid().clone()), square / 2);
        let reach = i64::from(interest.sight()) + i64::from(interest.margin()) + i64::from(slack);
        let visibility = Visibility::new(&interest, reach, slack.into()).map(Arc::new);
        Self { interest, grid, visibility, square, slack, linger, is_short: false }
    }

    pub fn grid(&self) -> &Arc<Grid> {
        &self.grid
    }

    /// Lets players see two thirds as far from their next steps on, or as far as before.
    pub fn shorten(&mut self, is_short: bool) {
        self.is_short = is_short;
    }

    /// What clients are told.
    pub fn world_grid(&self) -> WorldGrid {
        let (grid, sight, margin) = (self.grid(), self.interest.sight(), self.interest.margin());
        WorldGrid { first: Grid::FIRST, origin: grid.origin(), side: grid.side(), size: grid.size(), sight, margin }
    }

    /// Where somebody sees from who has the entity `own`, if that is anywhere.
    pub fn place(&self, from: Viewpoint, own: EntityId, places: &Places) -> Option<[i32; 2]> {
        let of = |entity| places.of_entity(entity).map(|place| place.at);
        match from {
            Viewpoint::Own => of(own),
            Viewpoint::Entity(entity) => of(entity),
            Viewpoint::Place(at) => Some(at),
        }
    }

    /// Brings a view up to date: the player is at this position, if they are anywhere.
    pub fn update(&self, view: &mut View, at: Option<[i32; 2]>, named: &Arc<[ZoneId]>, now: Tick) {
        view.cell = at.map(|at| self.grid.cell_at(at)).or(view.cell);
        let before = view.anchor;
        let moved = at.filter(|at| !before.is_some_and(|anchor| self.holds(anchor, *at)));
        let expired = view.lingering.partition_point(|(_, until)| now.since(*until) >= 0);
        let renamed = !view.named.as_ref().is_some_and(|known| Arc::ptr_eq(known, named));
        let changed = view.is_short != self.is_short;
        if moved.is_none() && expired == 0 && !renamed && !changed {
            return;
        }
        view.lingering.drain(..expired);
        view.anchor = moved.map(|at| self.square_at(at)).or(before);
        let cells = view.anchor.map(|anchor| self.cells(anchor)).unwrap_or_default();
        if let (Some(_), Some(before)) = (moved, before) {
            self.linger(view, &cells, before, now);
        }
        (view.named, view.is_short) = (Some(named.clone()), self.is_short);
        let mut zones: Vec<ZoneId> = named.iter().copied().chain(cells).collect();
        zones.extend(view.lingering.iter().map(|(zone, _)| *zone));
        zones.sort_unstable();
        zones.dedup();
        if *zones != *view.zones {
            view.zones = zones.into();
        }
    }

    /// Whether a position is still within reach of a square.
    fn holds(&self, square: [i32; 2], at: [i32; 2]) -> bool {
        let bounds = self.bounds(square);
        (0..2).all(|axis| {
            let (low, high) = bounds[axis];
            (low - i64::from(self.slack)..=high + i64::from(self.slack)).contains(&i64::from(at[axis]))
        })
    }

    fn square_at(&self, at: [i32; 2]) -> [i32; 2] {
        let origin = self.grid().origin();
        [0, 1].map(|axis| at[axis].saturating_sub(origin[axis]).div_euclid(self.square))
    }

    /// The least and the greatest coordinate of a square, by axis.
    fn bounds(&self, square: [i32; 2]) -> [(i64, i64); 2] {
        let (origin, side) = (self.grid().origin(), i64::from(self.square));
        [0, 1].map(|axis| {
            let low = i64::from(origin[axis]) + i64::from(square[axis]) * side;
            (low, low + side - 1)
        })
    }

    /// The cells that can be seen from somewhere within reach of a square, ascending.
    fn cells(&self, square: [i32; 2]) -> Vec<ZoneId> {
        let sight = i64::from(self.interest.sight());
        let sight = if self.is_short { sight * 2 / 3 } else { sight };
        let (bounds, reach) = (self.bounds(square), sight + i64::from(self.interest.margin()) + i64::from(self.slack));
        let mut cells = self.grid.cells_within(bounds, reach);
        if let Some(visibility) = &self.visibility {
            let mut from = self.grid.cells_within(bounds, 0);
            if from.is_empty() {
                // Off the map.
                from.push(self.grid.zone(self.grid.cell_at(bounds.map(|(least, _)| least as i32))));
            }
            visibility.retain_seen(&from, &mut cells);
        }
        cells
    }

    /// Lets the cells stay that `cells` no longer has. After a jump none of them does: what is there is no concern of the
    /// player's any more.
    fn linger(&self, view: &mut View, cells: &[ZoneId], before: [i32; 2], now: Tick) {
        let seen = |zone: &ZoneId| cells.binary_search(zone).is_ok();
        let former = self.cells(before);
        if !former.iter().any(seen) {
            view.lingering.clear();
            return;
        }
        view.lingering.retain(|(zone, _)| !seen(zone));
        let left = former.into_iter().filter(|zone| !seen(zone));
        let left: Vec<ZoneId> = left.filter(|zone| !view.lingering.iter().any(|(known, _)| known == zone)).collect();
        view.lingering.extend(left.into_iter().map(|zone| (zone, now.plus(self.linger))));
        let excess = view.lingering.len().saturating_sub(cells.len() * Self::LINGERING_PER_CELL);
        view.lingering.drain(..excess);
    }
}

impl View {
    /// The column and row of the cell that the player is in.
    pub fn cell(&self) -> Option<[u16; 2]> {
        self.cell
    }

    /// All zones that the player sees, ascending.
    pub fn zones(&self) -> &Arc<[ZoneId]> {
        &self.zones
    }
}

impl Room {
    /// Recipients by where they are, as seats.
    pub(super) fn resolved(&self, to: Recipients) -> Recipients {
        let (Recipients::Around(at), Some(views)) = (&to, &self.views) else { return to };
        let cell = views.grid().zone(views.grid().cell_at(*at));
        let sees = |zones: &[ZoneId]| zones.binary_search(&cell).is_ok();
        let players = self.seats.iter().filter(|seated| sees(seated.seen())).map(|seated| seated.seat);
        let spectators = self.spectators.iter().filter(|one| sees(one.zones())).map(|one| one.seat);
        Recipients::Some(players.chain(spectators).collect())
    }

    /// The grid over the game's world, if it has one.
    pub(super) fn grid(&self) -> Option<&Arc<Grid>> {
        self.views.as_ref().map(Views::grid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Field, Kind, Schema, Shape};

    fn views(sight: i32) -> Views {
        let field = |name| Field::linear(name, Shape::Fixed { min: -1000, max: 9000, per_unit: 10 });
        let kinds = vec![Kind::new("dot", vec![field("x"), field("y")]).at("x", "y")];
        let schema = Schema::new(kinds).expect("a valid schema");
        let interest = Interest::within(&schema, sight).expect("a valid interest");
        Views::new(interest.with_cells(&schema, sight / 2).expect("a valid grid"), 20)
    }

    fn update(views: &Views, view: &mut View, at: [i32; 2], now: u32) {
        let named: Arc<[ZoneId]> = [ZoneId(0)].into();
        views.update(view, Some(at), &named, Tick(now));
    }

    /// The distance from a position to the nearest point of a cell, in quanta.
    fn gap(views: &Views, zone: ZoneId, at: [i32; 2]) -> f64 {
        let (grid, cell) = (views.grid(), views.grid().cell(zone).expect("a cell"));
        let axis = |axis: usize| {
            let low = grid.origin()[axis] + i32::from(cell[axis]) * grid.side();
            f64::from((low - at[axis]).max(at[axis] - (low + grid.side() - 1)).max(0))
        };
        axis(0).hypot(axis(1))
    }

    #[test]
    fn all_in_sight_is_seen_and_nothing_far_beyond() {
        let views = views(800);
        let (mut view, mut random) = (View::default(), 1_u64);
        let mut at = [0, 0];
        for tick in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let step = |shift: u32| ((random >> shift) % 61) as i32 - 30;
            // Now and then somewhere else, also off the map.
            at = if random >> 40 & 0xff == 0 {
                [step(33) * 400, step(50) * 400]
            } else {
                [at[0] + step(33), at[1] + step(50)]
            };
            update(&views, &mut view, at, tick);
            let named = view.zones().iter().filter(|zone| views.grid().cell(**zone).is_none());
            assert_eq!(named.count(), 1, "the game's own zone stays");
            let columns = 0..views.grid().size()[0];
            let all = columns.flat_map(|column| (0..views.grid().size()[1]).map(move |row| [column, row]));
            for zone in all.map(|cell| views.grid().zone(cell)) {
                let (gap, seen) = (gap(&views, zone, at), view.zones().contains(&zone));
                assert!(gap > 1000.0 || seen, "{zone:?} is {gap} from {at:?}");
                let stays = view.lingering.iter().any(|(known, _)| *known == zone);
                // The margin, and twice the slack and the diagonal of a square.
                assert!(gap < 1000.0 + 100.0 + 142.0 + 50.0 || !seen || stays, "{zone:?} is {gap} from {at:?}");
            }
        }
    }

    #[test]
    fn who_walks_along_a_border_changes_nothing() {
        let views = views(800);
        let (mut view, mut lists) = (View::default(), Vec::new());
        for tick in 0..400 {
            // Over the border between two cells, and between two squares.
            update(&views, &mut view, [1000 + if tick % 2 == 0 { -45 } else { 45 }, 50], tick);
            lists.push(Arc::as_ptr(view.zones()));
        }
        lists.dedup();
        assert_eq!(lists.len(), 1);
    }

    #[test]
    fn cells_stay_for_a_while_except_after_a_jump() {
        let views = views(800);
        let mut view = View::default();
        update(&views, &mut view, [0, 0], 1);
        let before = view.zones().clone();
        update(&views, &mut view, [600, 0], 2);
        assert!(before.iter().all(|zone| view.zones().contains(zone)) && view.zones().len() > before.len());
        update(&views, &mut view, [600, 0], 21);
        assert!(before.iter().all(|zone| view.zones().contains(zone)));
        update(&views, &mut view, [600, 0], 22);
        assert!(!before.iter().all(|zone| view.zones().contains(zone)));
        assert!(view.lingering.is_empty());
        update(&views, &mut view, [8500, 8500], 23);
        assert!(view.zones()[1..].iter().all(|zone| gap(&views, *zone, [8500, 8500]) < 1300.0));
    }

    #[test]
    fn a_restored_view_goes_on() {
        let views = views(800);
        let (mut view, named) = (View::default(), Arc::from([ZoneId(3)]));
        views.update(&mut view, Some([0, 0]), &named, Tick(1));
        views.update(&mut view, Some([500, 0]), &named, Tick(2));
        let mut restored = View { named: None, ..view.clone() };
        for tick in 3..30 {
            let at = (tick < 10).then_some([500 + 20 * tick as i32, 0]);
            views.update(&mut view, at, &named, Tick(tick));
            views.update(&mut restored, at, &named, Tick(tick));
            assert_eq!(
                (view.zones(), &view.lingering, view.anchor),
                (restored.zones(), &restored.lingering, restored.anchor)
            );
        }
    }
}
