//! What a game writes its rows with.

use super::grid::Grid;
use super::places::{Place, Places};
use super::saturation::Saturation;
use super::schema::Schema;
use super::zone::{MAX_ROWS, Table, Zone};
use crate::id::{EntityId, KindId, ZoneId};

/// From where an entity can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Area {
    /// From around its position, if its [kind](super::Kind::at) has one and the game declares its
    /// [interest](crate::game::Game::interest). Otherwise this is zone 0, which everybody sees.
    Auto,
    /// From this zone, by those who are [subscribed](crate::game::Context::subscribe) to it.
    Zone(ZoneId),
}

impl From<ZoneId> for Area {
    fn from(zone: ZoneId) -> Self {
        Self::Zone(zone)
    }
}

/// Collects the rows of one tick from a game and quantises them into zones.
///
/// Rows may be written in any order; ascending id order is fastest. Values outside their range are clamped and counted.
/// An entity must not be written twice into one zone; it may be written into several. A zone has at most 65,536 rows.
pub struct SnapshotWriter<'a> {
    schema: &'a Schema,
    grid: Option<&'a Grid>,
    /// Sorted by zone.
    drafts: Vec<(ZoneId, Zone)>,
    /// The index of the draft written last: consecutive rows mostly belong to the same zone.
    current: usize,
    places: Places,
    placed: Vec<(KindId, EntityId)>,
    /// The number of values that were outside their range, and the first of them.
    saturated: Option<Box<(u64, Saturation)>>,
}

/// The rows of one tick.
pub(super) struct Written {
    /// The zones with their rows, both sorted by id, with motion cells still zero.
    pub zones: Vec<(ZoneId, Zone)>,
    /// Where the entities in the grid's cells are.
    pub places: Places,
    /// The entities that were placed, ascending.
    pub placed: Vec<(KindId, EntityId)>,
    /// The number of values that were outside their range, and the first of them.
    pub saturated: Option<Box<(u64, Saturation)>>,
}

impl<'a> SnapshotWriter<'a> {
    /// `places` are empty. `drafts` are zones of earlier ticks, ascending, whose memory can be used again.
    pub(super) fn new(
        schema: &'a Schema,
        grid: Option<&'a Grid>,
        places: Places,
        mut drafts: Vec<(ZoneId, Zone)>,
    ) -> Self {
        drafts.iter_mut().for_each(|(_, zone)| zone.clear());
        Self { schema, grid, drafts, current: 0, places, placed: Vec::new(), saturated: None }
    }

    /// Writes one entity where its position is, with `values` in field order and in quanta. See [`Area::Auto`].
    ///
    /// # Panics
    /// When the schema has no such kind, or the number of values is not the kind's number of fields: a bug of the game.
    #[track_caller]
    pub fn entity(&mut self, kind: KindId, id: EntityId, values: &[i32]) {
        self.row(Area::Auto, kind, id, values);
    }

    /// As [`Self::entity`], for an entity that is visible from `area`, wherever it is.
    ///
    /// # Panics
    /// As [`Self::entity`], and when `area` is a zone of the [grid](Grid::FIRST), whose rows are written by their position.
    #[track_caller]
    pub fn row(&mut self, area: impl Into<Area>, kind: KindId, id: EntityId, values: &[i32]) {
        let zone = self.zone_of(area.into(), kind, id, values);
        let Some(plan) = self.schema.plans().get(usize::from(kind.0)) else {
            let kinds = self.schema.kinds().len();
            panic!("entity {} in zone {}: there is no kind {}, the schema has {kinds}", id.0, zone.0, kind.0);
        };
        let (given, wanted) = (values.len(), plan.fields.len());
        assert!(
            given == wanted,
            "entity {} of kind {:?} in zone {}: {given} values, but the kind has {wanted} fields",
            id.0,
            self.schema.kinds()[usize::from(kind.0)].name,
            zone.0
        );
        let table = &mut self.draft(zone).tables[usize::from(kind.0)];
        table.ids.push(id);
        let mut saturated = 0;
        for (field, value) in plan.fields.iter().zip(values) {
            let kept = field.saturate(*value);
            saturated += u64::from(kept != *value && !field.wraps);
            table.cells.push(kept);
        }
        table.cells.resize(table.ids.len() * plan.stride, 0);
        if saturated > 0 {
            match &mut self.saturated {
                Some(known) => known.0 += saturated,
                None => {
                    let first = Saturation::find(plan, kind, id, values);
                    self.saturated = first.map(|first| Box::new((saturated, first)));
                }
            }
        }
    }

    /// The zone of a row, which is noted where it has a position.
    #[track_caller]
    fn zone_of(&mut self, area: Area, kind: KindId, id: EntityId, values: &[i32]) -> ZoneId {
        let grid = match (area, self.grid) {
            (Area::Zone(zone), grid) => {
                let first = Grid::FIRST.0;
                assert!(grid.is_none() || zone.0 < first, "zone {}: those from {first} on are the grid's", zone.0);
                return zone;
            }
            (Area::Auto, None) => return ZoneId(0),
            (Area::Auto, Some(grid)) => grid,
        };
        // A wrong number of values is reported by the caller.
        let Some(plan) = self.schema.plans().get(usize::from(kind.0)).filter(|plan| plan.fields.len() == values.len())
        else {
            return ZoneId(0);
        };
        let Some(columns) = grid.columns(kind) else { return ZoneId(0) };
        let at = columns.map(|column| plan.fields[column].saturate(values[column]));
        let cell = grid.zone(grid.cell_at(at));
        self.places.push(kind, Place { id, at, cell });
        cell
    }

    /// Marks an entity that was not moved but placed somewhere else, in all areas that it is written into at this tick.
    /// Clients do not show it on the way to its new place. Entities that were not there at the tick before need no mark.
    pub fn teleported(&mut self, kind: KindId, id: EntityId) {
        self.placed.push((kind, id));
    }

    pub(super) fn draft(&mut self, zone: ZoneId) -> &mut Zone {
        if self.drafts.get(self.current).is_none_or(|(id, _)| *id != zone) {
            self.current = match self.drafts.binary_search_by_key(&zone, |(id, _)| *id) {
                Ok(index) => index,
                Err(index) => {
                    self.drafts.insert(index, (zone, Zone::empty(self.schema)));
                    index
                }
            };
        }
        &mut self.drafts[self.current].1
    }

    /// Reserves space for as many rows as `like` has, so that a steady world is written without growing a buffer, and gives back
    /// what a crowd has left.
    pub(super) fn reserve(&mut self, zone: ZoneId, like: &Zone) {
        let plans = self.schema.plans();
        let draft = self.draft(zone);
        for ((table, like), plan) in draft.tables.iter_mut().zip(&like.tables).zip(plans) {
            let rows = like.ids.len();
            if !(rows..=4 * rows + 16).contains(&table.ids.capacity()) {
                *table = Table::with_capacity(rows + rows / 8 + 1, plan.stride);
            }
        }
    }

    pub(super) fn finish(mut self) -> Written {
        self.placed.sort_unstable();
        for (id, zone) in &mut self.drafts {
            let (number, rows) = (id.0, zone.len());
            for ((table, plan), kind) in zone.tables.iter_mut().zip(self.schema.plans()).zip(self.schema.kinds()) {
                if let Err(twice) = table.sort(plan.stride) {
                    panic!("entity {} of kind {:?} is written into zone {number} twice", twice.0, kind.name);
                }
            }
            assert!(rows <= MAX_ROWS, "zone {number} has {rows} rows: at most {MAX_ROWS}");
        }
        if let Err((kind, id)) = self.places.sort() {
            let kind = &self.schema.kinds()[usize::from(kind.0)].name;
            panic!("entity {} of kind {kind:?} is written at two positions", id.0);
        }
        let Self { drafts: zones, places, placed, saturated, .. } = self;
        Written { zones, places, placed, saturated }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Field, Kind, Shape};

    fn written(write: fn(&mut SnapshotWriter)) -> String {
        written_on(false, write)
    }

    fn written_on(on_grid: bool, write: fn(&mut SnapshotWriter)) -> String {
        let field = |name| Field::held(name, Shape::Int { min: 0, max: 9 });
        let kinds = vec![Kind::new("dot", vec![field("x"), field("y")]).at("x", "y")];
        let schema = Schema::new(kinds).expect("a valid schema");
        let result = std::panic::catch_unwind(|| {
            let grid = on_grid.then(|| Grid::new(&schema, 5).expect("a valid grid"));
            let places = Places::with_room_for(&Places::default(), &schema);
            let mut out = SnapshotWriter::new(&schema, grid.as_ref(), places, Vec::new());
            write(&mut out);
            format!("{:?}", out.finish().zones.iter().map(|(zone, rows)| (zone.0, rows.len())).collect::<Vec<_>>())
        });
        result.unwrap_or_else(|panic| *panic.downcast::<String>().expect("a formatted panic"))
    }

    #[test]
    fn rows_go_where_they_belong_and_mistakes_are_named() {
        const DOT: KindId = KindId(0);
        assert_eq!(
            written(|out| {
                out.entity(DOT, EntityId(1), &[1, 2]);
                out.row(ZoneId(7), DOT, EntityId(1), &[1, 2]);
                out.teleported(DOT, EntityId(1));
            }),
            "[(0, 1), (7, 1)]"
        );
        assert_eq!(
            written(|out| out.entity(DOT, EntityId(5), &[1])),
            "entity 5 of kind \"dot\" in zone 0: 1 values, but the kind has 2 fields"
        );
        assert_eq!(
            written(|out| out.row(ZoneId(3), KindId(4), EntityId(5), &[])),
            "entity 5 in zone 3: there is no kind 4, the schema has 1"
        );
        assert_eq!(
            written(|out| [9, 5, 9].into_iter().for_each(|id| out.entity(DOT, EntityId(id), &[1, 2]))),
            "entity 9 of kind \"dot\" is written into zone 0 twice"
        );
    }
    #[test]
    fn on_a_grid_rows_go_where_they_are() {
        const DOT: KindId = KindId(0);
        assert_eq!(
            written_on(true, |out| {
                out.entity(DOT, EntityId(2), &[9, 9]);
                out.entity(DOT, EntityId(1), &[1, 2]);
                out.entity(DOT, EntityId(3), &[7, -100]);
                out.row(ZoneId(7), DOT, EntityId(1), &[1, 2]);
            }),
            "[(7, 1), (8192, 1), (8193, 1), (8195, 1)]"
        );
        assert_eq!(
            written_on(true, |out| [0, 9].into_iter().for_each(|x| out.entity(DOT, EntityId(5), &[x, 0]))),
            "entity 5 of kind \"dot\" is written at two positions"
        );
        assert_eq!(
            written_on(true, |out| out.row(ZoneId(9000), DOT, EntityId(5), &[1, 1])),
            "zone 9000: those from 8192 on are the grid's"
        );
    }
}
