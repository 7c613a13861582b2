//! Where the entities of a tick are, of those that were written by their position: an index into the cells of the grid.

use super::grid::Grid;
use super::schema::Schema;
use super::zone::Zone;
use crate::id::{EntityId, KindId, ZoneId};

/// One entity's position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The entity.
    pub id: EntityId,
    /// Its position in quanta.
    pub at: [i32; 2],
    /// The cell that it is in.
    pub cell: ZoneId,
}

/// All entities of a tick that were written by their position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// By kind, ascending by id.
    kinds: Vec<Vec<Place>>,
}

impl Places {
    pub(super) fn with_room_for(like: &Self, schema: &Schema) -> Self {
        let room = |kind: usize| like.kinds.get(kind).map_or(0, |places| places.len() + places.len() / 8 + 4);
        Self { kinds: (0..schema.kinds().len()).map(|kind| Vec::with_capacity(room(kind))).collect() }
    }

    /// The places of the rows in the grid's cells among `zones`.
    pub(super) fn of<'a>(schema: &Schema, grid: &Grid, zones: impl Iterator<Item = (ZoneId, &'a Zone)>) -> Self {
        let mut places = Self { kinds: vec![Vec::new(); schema.kinds().len()] };
        for (cell, zone) in zones.filter(|(id, _)| grid.cell(*id).is_some()) {
            for row in zone.rows(schema) {
                let Some(at) = grid.position(row.kind, row.values) else { continue };
                places.push(row.kind, Place { id: row.id, at, cell });
            }
        }
        places.kinds.iter_mut().for_each(|places| places.sort_unstable_by_key(|place| place.id));
        places
    }

    pub(super) fn push(&mut self, kind: KindId, place: Place) {
        self.kinds[usize::from(kind.0)].push(place);
    }

    /// Restores the order of ids.
    ///
    /// # Errors
    /// An entity that has two places.
    pub(super) fn sort(&mut self) -> Result<(), (KindId, EntityId)> {
        for (kind, places) in (0..).zip(&mut self.kinds) {
            if places.is_sorted_by(|a, b| a.id < b.id) {
                continue;
            }
            places.sort_unstable_by_key(|place| place.id);
            if let Some(pair) = places.windows(2).find(|pair| pair[0].id == pair[1].id) {
                return Err((KindId(kind), pair[0].id));
            }
        }
        Ok(())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.kinds.iter().all(Vec::is_empty)
    }

    /// The place of an entity of this kind.
    pub fn find(&self, kind: KindId, id: EntityId) -> Option<&Place> {
        let places = self.kinds.get(usize::from(kind.0))?;
        places.binary_search_by_key(&id, |place| place.id).ok().map(|index| &places[index])
    }

    /// The place of an entity, of the first kind that it has a row of.
    pub fn of_entity(&self, id: EntityId) -> Option<&Place> {
        (0..self.kinds.len()).find_map(|kind| self.find(KindId(kind as u8), id))
    }
}
