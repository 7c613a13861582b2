//! How the next frame is made: the rows that a game writes become zones and deltas, and what did not change is shared with the
//! frame before.
//!
//! Most zones of most rooms are quiet most of the time. A quiet zone costs a comparison of its values: its rows were written
//! into buffers that are kept for the next tick, nothing is encoded, and nothing is allocated. The memory of a zone that changed
//! is used again as soon as nobody holds a frame with its old state.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::delta;
use super::frame::{Frame, FrameZone, SeatNote, ZoneState};
use super::grid::Grid;
use super::marks::Marks;
use super::model::Model;
use super::places::Places;
use super::writer::{SnapshotWriter, Written};
use super::zone::Zone;
use crate::id::{EntityId, KindId, ZoneId};

/// Buffers that a room keeps from one tick to the next.
#[derive(Debug, Default)]
pub(crate) struct FreezeBuffers {
    /// Zones that were quiet, ascending; their rows are of no use.
    drafts: Vec<(ZoneId, Zone)>,
    /// States of zones that have changed since, the oldest first.
    retired: VecDeque<(ZoneId, Arc<ZoneState>)>,
    /// States without rows that nobody else holds.
    states: Vec<Arc<ZoneState>>,
}

impl FreezeBuffers {
    /// States that wait for those who hold them, per zone: beyond, their memory is not used again. Frames are let go of within a tick or
    /// two, but for one that a relay keeps while all of its sessions wait for a later one.
    const MOST_RETIRED: usize = 4;

    /// The drafts, together with the rows of retired states that nobody holds any more.
    fn take_drafts(&mut self) -> Vec<(ZoneId, Zone)> {
        let mut drafts = std::mem::take(&mut self.drafts);
        let quiet = drafts.len();
        for _ in 0..self.retired.len() {
            let Some((id, mut state)) = self.retired.pop_front() else { break };
            match Arc::get_mut(&mut state) {
                Some(own) => {
                    drafts.push((id, std::mem::replace(&mut own.zone, Zone { tables: Vec::new() })));
                    self.states.push(state);
                }
                None => self.retired.push_back((id, state)),
            }
        }
        if drafts.len() > quiet {
            drafts.sort_by_key(|(id, _)| *id);
            drafts.dedup_by_key(|(id, _)| *id);
        }
        drafts
    }

    /// A frame does not have this state of a zone any more.
    fn retire(&mut self, old: &FrameZone) {
        self.retired.push_back((old.id, old.state.clone()));
    }

    fn state(&mut self, zone: Zone) -> Arc<ZoneState> {
        let fresh = ZoneState::of(zone);
        let Some(mut state) = self.states.pop() else { return Arc::new(fresh) };
        match Arc::get_mut(&mut state) {
            Some(own) => *own = fresh,
            None => state = Arc::new(fresh),
        }
        state
    }

    /// Gives back what a frame of so many zones will not need.
    fn trim(&mut self, zones: usize) {
        self.states.truncate(zones);
        while self.retired.len() > Self::MOST_RETIRED * (zones + 1) {
            self.retired.pop_front();
        }
    }
}

/// A zone of the next frame.
enum NextZone {
    /// As in the frame before.
    Quiet(FrameZone),
    /// Rows that have moved as expected: the delta is empty.
    Foretold(Zone),
    Changed(Zone, Marks),
}

impl Frame {
    /// Freezes the frame after `self`, with the rows that `write` writes and the given notes.
    pub fn freeze(&self, notes: Vec<SeatNote>, write: impl FnOnce(&mut SnapshotWriter)) -> Self {
        self.freeze_in(None, write, |_| notes)
    }

    /// Freezes the frame after `self`, with the rows that `write` writes. Rows with a position go into the cells of `grid`;
    /// `notes` makes the notes to all seats, ascending, when it is known where the entities are.
    pub fn freeze_in(
        &self,
        grid: Option<&Arc<Grid>>,
        write: impl FnOnce(&mut SnapshotWriter),
        notes: impl FnOnce(&Places) -> Vec<SeatNote>,
    ) -> Self {
        self.freeze_with(&mut FreezeBuffers::default(), grid, write, |places, _| notes(places).into())
    }

    /// As [`Self::freeze_in`], with buffers that were used for the frame before. `notes` also gets the notes of `self`, which it
    /// returns if they are still right.
    pub(crate) fn freeze_with(
        &self,
        buffers: &mut FreezeBuffers,
        grid: Option<&Arc<Grid>>,
        write: impl FnOnce(&mut SnapshotWriter),
        notes: impl FnOnce(&Places, &Arc<[SeatNote]>) -> Arc<[SeatNote]>,
    ) -> Self {
        let schema = &*self.schema;
        let places = grid.map(|_| Places::with_room_for(&self.places, schema)).unwrap_or_default();
        let drafts = buffers.take_drafts();
        let mut writer = SnapshotWriter::new(schema, grid.map(Arc::as_ref), places, drafts);
        // Every zone with rows has a draft: if it gets none, their removal must be told. The memory of quiet ones is left alone.
        for old in self.zones.iter().filter(|old| old.rows > 0) {
            match old.is_settled {
                true => _ = writer.draft(old.id),
                false => writer.reserve(old.id, old.zone()),
            }
        }
        write(&mut writer);
        let Written { zones: drafts, places, placed, saturated } = writer.finish();
        let notes = notes(&places, &self.notes);
        debug_assert!(notes.is_sorted_by(|a, b| a.seat < b.seat), "notes are in seat order");
        let zones = self.next_zones(drafts, &placed, buffers);
        let (schema, incarnation, tick) = (self.schema.clone(), self.incarnation, self.tick.plus(1));
        // Without a grid there are none, at any tick.
        let same = places.is_empty() && self.places.is_empty();
        let places = if same { self.places.clone() } else { Arc::new(places) };
        let grid = grid.cloned();
        Self { schema, incarnation, tick, zones, notes, places, grid, every: self.every, saturated }
    }

    /// The zones of the next frame with the deltas that lead to them. Keeps the drafts of quiet zones.
    fn next_zones(
        &self,
        mut drafts: Vec<(ZoneId, Zone)>,
        placed: &[(KindId, EntityId)],
        buffers: &mut FreezeBuffers,
    ) -> Arc<[FrameZone]> {
        if self.is_repeated_by(&drafts) {
            drafts.retain(|(_, zone)| !zone.is_empty());
            buffers.drafts = drafts;
            buffers.trim(0);
            return self.zones.clone();
        }
        let (empty, origins) = (Zone::empty(&self.schema), Origins::new(self));
        let (mut kept, mut next) = (Vec::with_capacity(drafts.len()), Vec::with_capacity(drafts.len()));
        let changes = drafts.into_iter().filter_map(|(id, mut zone)| {
            let old = self.zone(id);
            if zone.is_empty() && old.is_none_or(|old| old.rows == 0) {
                return None;
            }
            if let Some(old) = old.filter(|old| old.is_settled && zone.has_values_of(&self.schema, old.zone())) {
                kept.push((id, zone));
                return Some((id, NextZone::Quiet(old.clone())));
            }
            let base = old.map_or(&empty, FrameZone::zone);
            let origin = origins.are_elsewhere(id).then_some(|kind, entity| origins.find(id, kind, entity));
            let marks = Marks::derive(&self.schema, base, origin, placed, &mut zone);
            if !delta::is_foretold(&self.schema, base, &zone) {
                return Some((id, NextZone::Changed(zone, marks)));
            }
            match old.filter(|old| *old.zone() == zone) {
                Some(old) => {
                    kept.push((id, zone));
                    Some((id, NextZone::Quiet(old.clone())))
                }
                None => Some((id, NextZone::Foretold(zone))),
            }
        });
        next.extend(changes);
        buffers.drafts = kept;
        self.encode(next, &empty, buffers)
    }

    /// Whether these rows change nothing, so that the next frame has the zones of this one.
    fn is_repeated_by(&self, drafts: &[(ZoneId, Zone)]) -> bool {
        let mut drafts = drafts.iter().filter(|(_, zone)| !zone.is_empty());
        let is_repeated = |old: &FrameZone| {
            old.is_settled
                && old.delta.is_empty()
                && drafts.next().is_some_and(|(id, zone)| *id == old.id && zone.has_values_of(&self.schema, old.zone()))
        };
        self.zones.iter().all(is_repeated) && drafts.next().is_none()
    }

    /// Encodes the deltas, which share one allocation.
    fn encode(&self, next: Vec<(ZoneId, NextZone)>, empty: &Zone, buffers: &mut FreezeBuffers) -> Arc<[FrameZone]> {
        let is_changed = |(_, next): &(ZoneId, NextZone)| matches!(next, NextZone::Changed(..));
        let (deltas, ends) = if next.iter().any(is_changed) { self.deltas(&next, empty) } else { Default::default() };
        let (mut start, mut ends) = (0, ends.into_iter());
        let mut changed = |id, zone: Zone, delta| {
            let (rows, state) = (zone.len(), buffers.state(zone));
            FrameZone { id, rows, state, delta, is_settled: false }
        };
        let zone = |(id, next)| match next {
            NextZone::Quiet(old) => FrameZone { delta: Bytes::new(), is_settled: true, ..old },
            NextZone::Foretold(zone) => changed(id, zone, Bytes::new()),
            NextZone::Changed(zone, _) => {
                let end = ends.next().unwrap_or(start);
                let delta = deltas.slice(start..end);
                start = end;
                changed(id, zone, delta)
            }
        };
        let zones: Arc<[FrameZone]> = next.into_iter().map(zone).collect();
        let lives_on = |old: &&FrameZone| {
            zones
                .binary_search_by_key(&old.id, |zone| zone.id)
                .is_ok_and(|at| Arc::ptr_eq(&zones[at].state, &old.state))
        };
        self.zones.iter().filter(|old| !lives_on(old)).for_each(|old| buffers.retire(old));
        buffers.trim(zones.len());
        zones
    }

    /// The deltas of the changed zones one after the other, and where each ends.
    fn deltas(&self, next: &[(ZoneId, NextZone)], empty: &Zone) -> (Bytes, Vec<usize>) {
        let mut model = Model::new();
        // The last deltas predict the size of these, so that a busy room is written without growing a buffer.
        let likely: usize = self.zones.iter().map(|old| old.delta.len() + old.rows).sum();
        let (mut deltas, mut ends) = (Vec::with_capacity(likely + likely / 2 + 64), Vec::with_capacity(next.len()));
        for (id, next) in next {
            let NextZone::Changed(zone, marks) = next else { continue };
            let base = self.zone(*id).map_or(empty, FrameZone::zone);
            delta::diff_with(&mut model, &self.schema, base, zone, marks, &mut deltas);
            ends.push(deltas.len());
        }
        (Bytes::copy_from_slice(&deltas), ends)
    }
}

/// Where rows of a frame were, by which a row that comes into another zone is recognised.
struct Origins<'a> {
    frame: &'a Frame,
    /// The zones that are no cells, in which entities are looked for one by one.
    named: &'a [FrameZone],
    /// A number above all ids in `named`: entities are new in most zones because they are new.
    issued: u32,
}

impl<'a> Origins<'a> {
    fn new(frame: &'a Frame) -> Self {
        // Without a grid, all zones are named, whatever their number.
        let count = if frame.places.is_empty() {
            frame.zones.len()
        } else {
            frame.zones.partition_point(|zone| zone.id < Grid::FIRST)
        };
        let named = &frame.zones[..count];
        let issued = named.iter().map(|zone| delta::newest(zone.zone())).max().unwrap_or(0);
        Self { frame, named, issued }
    }

    /// Whether there was any other zone than `zone`.
    fn are_elsewhere(&self, zone: ZoneId) -> bool {
        !self.frame.places.is_empty() || self.named.iter().any(|other| other.id != zone)
    }

    /// The cells of an entity's row in another zone than `zone`.
    fn find(&self, zone: ZoneId, kind: KindId, id: EntityId) -> Option<&'a [i32]> {
        let schema = &self.frame.schema;
        let others = self.named.iter().filter(|other| id.0 < self.issued && other.id != zone);
        others.into_iter().find_map(|other| other.zone().cells(schema, kind, id)).or_else(|| {
            let cell = self.frame.places.find(kind, id)?.cell;
            self.frame.zone(cell).filter(|_| cell != zone)?.zone().cells(schema, kind, id)
        })
    }
}
