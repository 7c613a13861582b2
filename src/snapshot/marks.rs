//! How rows came to where they are, besides moving: what a delta tells that is not part of the state.

use super::row::surprises;
use super::schema::Schema;
use super::zone::{Table, Zone, absent, advance_row, pairs};
use crate::id::{EntityId, KindId};

/// The marks of one delta. Each list is ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Rows that stay and were placed somewhere else: what is shown must not move there.
    pub teleported: Vec<(KindId, EntityId)>,
    /// Rows that came from another zone of the room by moving, with their motion.
    pub crossed: Vec<(KindId, EntityId)>,
}

impl Marks {
    /// Whether a row that stays was placed.
    pub(super) fn placed(&self, kind: usize, id: EntityId) -> bool {
        contains(&self.teleported, kind, id)
    }

    /// Whether a row that came has its motion from another zone.
    pub(super) fn has_crossed(&self, kind: usize, id: EntityId) -> bool {
        contains(&self.crossed, kind, id)
    }

    /// The rows that this delta placed, instead of moving them there: those teleported, and those that came without their
    /// motion. `base` and `next` are the states before and after it.
    pub(crate) fn all_placed<'a>(&'a self, base: &'a Zone, next: &'a Zone) -> impl Iterator<Item = (KindId, EntityId)> {
        let tables = base.tables.iter().zip(&next.tables).zip(0..);
        let came = tables.flat_map(|((before, after), kind)| {
            absent(after, before).map(move |index| (KindId(kind), after.ids[index]))
        });
        let placed = came.filter(|(kind, id)| !self.has_crossed(kind.0.into(), *id));
        self.teleported.iter().copied().chain(placed)
    }

    /// Computes the motion cells of `next`, which are zero so far, from those of `base`. A row that came gets them from
    /// `origin`, if there are other zones: its cells in one of them at the tick before. `placed` lists the rows that the game says it placed, ascending.
    pub(super) fn derive<'a>(
        schema: &Schema,
        base: &Zone,
        origin: Option<impl Fn(KindId, EntityId) -> Option<&'a [i32]>>,
        placed: &[(KindId, EntityId)],
        next: &mut Zone,
    ) -> Self {
        let mut marks = Self::default();
        for (number, plan) in schema.plans().iter().enumerate() {
            let (before, after, kind) = (&base.tables[number], &mut next.tables[number], KindId(number as u8));
            if !placed.is_empty() {
                let news = pairs(before, after)
                    .filter(|(old, new)| surprises(plan, before.at(plan, *old), after.at(plan, *new)));
                let moved = news.map(|(_, new)| (kind, after.ids[new])).filter(|row| placed.binary_search(row).is_ok());
                marks.teleported.extend(moved);
            }
            if let Some(origin) = origin.as_ref().filter(|_| !schema.kinds()[number].hides_past()) {
                let come = absent(after, before).map(|index| (index, (kind, after.ids[index])));
                let origin = |(index, row): (usize, (KindId, EntityId))| {
                    let old = origin(row.0, row.1).filter(|_| placed.binary_search(&row).is_err());
                    old.map(|old| (index, row, old))
                };
                let crossed: Vec<_> = come.filter_map(origin).collect();
                for (index, row, old) in crossed {
                    advance_row(plan, old, after.row_mut(plan, index));
                    marks.crossed.push(row);
                }
            }
            if plan.stride > plan.fields.len() {
                let (Table { ids, cells }, mut cursor) = (after, 0);
                for (id, row) in ids.iter().zip(cells.chunks_exact_mut(plan.stride)) {
                    while before.ids.get(cursor).is_some_and(|other| other < id) {
                        cursor += 1;
                    }
                    if before.ids.get(cursor) == Some(id) && !marks.placed(number, *id) {
                        advance_row(plan, before.at(plan, cursor), row);
                    }
                }
            }
        }
        marks
    }
}

fn contains(marks: &[(KindId, EntityId)], kind: usize, id: EntityId) -> bool {
    !marks.is_empty() && marks.binary_search_by(|row| (usize::from(row.0.0), row.1).cmp(&(kind, id))).is_ok()
}
