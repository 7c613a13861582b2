//! Where many are on a map that nobody sees as a whole: how many avatars are in each block of it, counted once per second. It is
//! what the demo's small map shows.

use std::collections::BTreeMap;

use super::rows::CrowdRow;
use super::world::Avatar;
use crate::PER_METRE;
use crate::map::Map;
use serde::{Deserialize, Serialize};
use tickwire::game::Context;
use tickwire::id::EntityId;

/// The side of a block, in metres.
const SIDE: i32 = 50;
/// The most that is shown.
pub(super) const MOST: i32 = 255;

/// The blocks in which somebody is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Crowd(BTreeMap<(i32, i32), (EntityId, i32)>);

impl Crowd {
    /// Counts anew, if it is time to.
    pub(super) fn count(&mut self, avatars: &[Avatar], cx: &mut Context) {
        if !cx.tick().0.is_multiple_of(cx.rate().per_second().into()) {
            return;
        }
        self.0.values_mut().for_each(|(_, count)| *count = 0);
        for avatar in avatars {
            let block = (avatar.state.x / (SIDE * PER_METRE), avatar.state.y / (SIDE * PER_METRE));
            self.0.entry(block).or_insert_with(|| (cx.spawn(), 0)).1 += 1;
        }
        self.0.retain(|_, (_, count)| *count > 0);
    }

    /// Its rows.
    pub(super) fn rows(&self) -> impl Iterator<Item = (EntityId, CrowdRow)> {
        let centre = |block: i32| block * SIDE * PER_METRE + SIDE * PER_METRE / 2;
        self.0.iter().map(move |(&(column, row), &(id, count))| {
            (id, CrowdRow { x: centre(column), y: centre(row), count: count.min(MOST) })
        })
    }

    /// Where a newcomer finds company: a tile near the middle of the map, within a square that grows with the number of avatars.
    pub(super) fn place_for_newcomer(map: &Map, avatars: usize, cx: &mut Context) -> (i32, i32) {
        /// Square metres per avatar: within 24 metres, each then sees about 50 others.
        const AREA: u32 = 36;
        let side = ((avatars as u32 + 1) * AREA).isqrt() + 8;
        let mut along = |tiles: i32| (tiles / 2 - side as i32 / 2) + cx.random_below(side) as i32;
        for _ in 0..8 {
            let (column, row) = (along(map.width()), along(map.height()));
            if !map.is_solid(column, row) {
                return (Map::centre(column), Map::centre(row));
            }
        }
        map.floor_centre(cx.random_below(map.floor_tiles()))
    }
}
