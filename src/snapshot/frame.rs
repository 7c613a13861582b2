//! A frame: the state of a room at one tick and its notes to the seats, immutable and shared by every session.
//!
//! Zone bytes exist once per (tick, zone). The delta is encoded when the frame is frozen; the keyframe and the hash are
//! made by the first session that needs them, and kept. `OnceLock` memoises a pure function here; it does not
//! coordinate threads.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::codec::DecodeError;
use super::delta;
use super::grid::Grid;
use super::marks::Marks;
use super::model::Model;
use super::places::Places;
use super::saturation::Saturation;
use super::schema::Schema;
use super::writer::{SnapshotWriter, Written};
use super::zone::Zone;
use crate::id::{CorrectionEpoch, EntityId, Incarnation, KindId, Seat, Seq, ZoneId};
use crate::tick::Tick;

/// What a frame tells one seat alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatNote {
    /// The seat.
    pub seat: Seat,
    /// The player's entity.
    pub entity: EntityId,
    /// The generation of the seat's entry: a session with another generation must not take the note for its own.
    pub seat_generation: u32,
    /// The last input consumed.
    pub consumed: Seq,
    /// Inputs dropped unconsumed since that entry, modulo 2^32.
    pub superseded: u32,
    /// The newest server-side move.
    pub epoch: CorrectionEpoch,
    /// The game's own reason code for that move.
    pub reason: u8,
    /// The last command handed to the game.
    pub commands: Seq,
    /// How many ticks the newest changed input waited when it arrived; negative when it was that late.
    pub lead: i8,
    /// The zones this seat subscribes to, ascending.
    pub zones: Arc<[ZoneId]>,
    /// With a grid: the column and row of the cell that the player is in.
    pub focus: Option<[u16; 2]>,
}

/// One zone of a frame.
#[derive(Clone, Debug)]
pub struct FrameZone {
    id: ZoneId,
    rows: usize,
    zone: Zone,
    delta: Bytes,
    keyframe: OnceLock<Bytes>,
    hash: OnceLock<u32>,
}

impl FrameZone {
    /// Which zone.
    pub fn id(&self) -> ZoneId {
        self.id
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Its rows.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The bytes that lead from the tick before to this one.
    pub fn delta(&self) -> &Bytes {
        &self.delta
    }

    /// The zone's keyframe, if a session had it made already.
    pub fn made_keyframe(&self) -> Option<&Bytes> {
        self.keyframe.get()
    }

    /// The fingerprint of its rows.
    pub fn hash(&self) -> u32 {
        *self.hash.get_or_init(|| self.zone.hash())
    }
}

/// The state of a room at one tick, and its notes to the seats.
#[derive(Clone, Debug)]
pub struct Frame {
    schema: Arc<Schema>,
    incarnation: Incarnation,
    tick: Tick,
    /// Ascending. A zone is listed while it has rows, and once more when it has lost the last one; other zones are
    /// empty.
    zones: Vec<FrameZone>,
    /// Ascending by seat.
    notes: Arc<Vec<SeatNote>>,
    /// Where the entities in the grid's cells are.
    places: Arc<Places>,
    grid: Option<Arc<Grid>>,
    /// Clients get one frame in so many ticks.
    every: u8,
    saturated: u64,
    first_saturated: Option<Saturation>,
}

impl Frame {
    /// The frame before the first tick: no zones, no seats.
    pub fn initial(schema: Arc<Schema>, tick: Tick) -> Self {
        let incarnation = Incarnation::default();
        let (notes, places, first_saturated) = Default::default();
        let (zones, grid, every, saturated) = (Vec::new(), None, 1, 0);
        Self { schema, incarnation, tick, zones, notes, places, grid, every, saturated, first_saturated }
    }

    /// The same frame, of a room in this incarnation. All frames after it are of the same one.
    #[must_use]
    pub fn of(self, incarnation: Incarnation) -> Self {
        Self { incarnation, ..self }
    }

    /// The same frame with these notes, and with the zones that these keyframes describe, ascending. No chain can lead to
    /// it, because its zones have no deltas.
    ///
    /// # Errors
    /// A zone that cannot be read.
    pub(crate) fn with(
        self,
        notes: Vec<SeatNote>,
        keyframes: Vec<(ZoneId, Bytes)>,
        grid: Option<&Arc<Grid>>,
    ) -> Result<Self, (ZoneId, DecodeError)> {
        let read = |(id, bytes): (ZoneId, Bytes)| {
            let zone = delta::read_keyframe(&self.schema, &bytes).map_err(|error| (id, error))?;
            Ok(FrameZone {
                id,
                rows: zone.len(),
                zone,
                delta: Bytes::new(),
                keyframe: bytes.into(),
                hash: OnceLock::new(),
            })
        };
        let zones: Vec<FrameZone> = keyframes.into_iter().map(read).collect::<Result<_, _>>()?;
        let rows = zones.iter().map(|zone| (zone.id, &zone.zone));
        let places = grid.map(|grid| Places::of(&self.schema, grid, rows)).unwrap_or_default();
        Ok(Self { zones, notes: Arc::new(notes), places: Arc::new(places), grid: grid.cloned(), ..self })
    }

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
        let schema = &*self.schema;
        let places = grid.map(|_| Places::with_room_for(&self.places, schema)).unwrap_or_default();
        let mut writer = SnapshotWriter::new(schema, grid.map(Arc::as_ref), places);
        for old in self.zones.iter().filter(|old| !old.zone.is_empty()) {
            writer.reserve(old.id, &old.zone);
        }
        write(&mut writer);
        let Written { zones: drafts, places, placed, saturated, first_saturated } = writer.finish();
        let notes = notes(&places);
        debug_assert!(notes.is_sorted_by(|a, b| a.seat < b.seat), "notes are in seat order");
        let zones = self.encode(drafts, &placed);
        let (schema, incarnation, tick) = (self.schema.clone(), self.incarnation, self.tick.plus(1));
        // Without a grid there are none, at any tick.
        let same = places.is_empty() && self.places.is_empty();
        let places = if same { self.places.clone() } else { Arc::new(places) };
        let (notes, grid) = (Arc::new(notes), grid.cloned());
        let every = self.every;
        Self { schema, incarnation, tick, zones, notes, places, grid, every, saturated, first_saturated }
    }

    /// The zones of the next frame with the deltas that lead to them, which share one allocation.
    fn encode(&self, drafts: Vec<(ZoneId, Zone)>, placed: &[(KindId, EntityId)]) -> Vec<FrameZone> {
        let schema = &*self.schema;
        let empty = Zone::empty(schema);
        let mut model = Model::new();
        let origins = Origins::new(self);
        // The last deltas predict the size of these, so that a busy room is written without growing a buffer.
        let likely: usize = self.zones.iter().map(|old| old.delta.len() + old.rows).sum();
        let (mut deltas, mut ends) = (Vec::with_capacity(likely + likely / 2 + 64), Vec::with_capacity(drafts.len()));
        let mut zones = Vec::with_capacity(drafts.len());
        for (id, mut zone) in drafts {
            let base = self.zone(id).map_or(&empty, |old| &old.zone);
            if zone.is_empty() && base.is_empty() {
                continue;
            }
            let origin = origins.are_elsewhere(id).then_some(|kind, entity| origins.find(id, kind, entity));
            let marks = Marks::derive(schema, base, origin, placed, &mut zone);
            delta::diff_with(&mut model, schema, base, &zone, &marks, &mut deltas);
            ends.push(deltas.len());
            let rows = zone.len();
            let (delta, keyframe, hash) = (Bytes::new(), OnceLock::new(), OnceLock::new());
            zones.push(FrameZone { id, rows, zone, delta, keyframe, hash });
        }
        let (deltas, mut start) = (Bytes::copy_from_slice(&deltas), 0);
        for (zone, end) in zones.iter_mut().zip(ends) {
            zone.delta = deltas.slice(start..end);
            start = end;
        }
        zones
    }

    /// The frame as a base for chains and reconnects: its deltas and notes without the rows, which are most of it. It
    /// can be part of a chain, but no client can be sent it alone: it has neither keyframes nor hashes.
    pub(crate) fn without_rows(&self) -> Self {
        let bare = |old: &FrameZone| {
            let zone = Zone { tables: Vec::new() };
            let (id, rows, delta) = (old.id, old.rows, old.delta.clone());
            FrameZone { id, rows, zone, delta, keyframe: OnceLock::new(), hash: OnceLock::new() }
        };
        let (schema, notes) = (self.schema.clone(), self.notes.clone());
        let zones = self.zones.iter().map(bare).collect();
        let (incarnation, tick, saturated) = (self.incarnation, self.tick, self.saturated);
        let (grid, every, first_saturated) = (self.grid.clone(), self.every, None);
        let places = Arc::default();
        Self { schema, incarnation, tick, zones, notes, places, grid, every, saturated, first_saturated }
    }

    /// The schema of all rows.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The incarnation of its room.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// The tick it describes.
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// The zones that have rows or have just lost the last one, ascending.
    pub fn zones(&self) -> &[FrameZone] {
        &self.zones
    }

    /// Rows in all zones.
    pub fn rows(&self) -> usize {
        self.zones.iter().map(FrameZone::rows).sum()
    }

    /// Finds a zone; `None` means that it is empty and was empty one tick before.
    pub fn zone(&self, id: ZoneId) -> Option<&FrameZone> {
        self.zones.binary_search_by_key(&id, |zone| zone.id).ok().map(|index| &self.zones[index])
    }

    /// The note to `seat`.
    pub fn note(&self, seat: Seat) -> Option<&SeatNote> {
        self.notes.binary_search_by_key(&seat, |note| note.seat).ok().map(|index| &self.notes[index])
    }

    /// The notes to all seats, ascending by seat.
    pub fn notes(&self) -> &[SeatNote] {
        &self.notes
    }

    /// The same frame, for clients that get one frame in so many ticks.
    #[must_use]
    pub(crate) fn for_clients_every(self, every: u8) -> Self {
        Self { every, ..self }
    }

    /// Clients get one frame in so many ticks.
    pub(crate) fn every(&self) -> u8 {
        self.every
    }

    /// Whether clients get this frame: in an overloaded room, not all of them.
    pub fn is_for_clients(&self) -> bool {
        self.tick.0.is_multiple_of(u32::from(self.every.max(1)))
    }

    /// The grid whose cells are zones of the frame, if there is one.
    pub fn grid(&self) -> Option<&Grid> {
        self.grid.as_deref()
    }

    /// Where the entities in the grid's cells are.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// The number of values that were outside their field's range and were clamped to it.
    pub fn saturated(&self) -> u64 {
        self.saturated
    }

    /// The first of these values.
    pub fn first_saturated(&self) -> Option<&Saturation> {
        self.first_saturated.as_ref()
    }

    /// The keyframe of a zone of this frame, encoded once.
    pub fn keyframe<'a>(&self, zone: &'a FrameZone) -> &'a Bytes {
        zone.keyframe.get_or_init(|| {
            debug_assert_eq!(zone.zone.tables.len(), self.schema.plans().len(), "a past frame is shown to nobody");
            let mut out = Vec::new();
            delta::write_keyframe(&self.schema, &zone.zone, &mut out);
            out.into()
        })
    }

    /// Finds the values of an entity in any zone.
    pub fn find(&self, kind: KindId, id: EntityId) -> Option<&[i32]> {
        let zones = match self.places.find(kind, id) {
            Some(place) => std::slice::from_ref(self.zone(place.cell)?),
            None => &self.zones,
        };
        zones.iter().find_map(|zone| zone.zone.find(&self.schema, kind, id))
    }

    /// Approximate bytes of memory that the frame holds, for the bound of the frame history.
    pub fn weight(&self) -> usize {
        let zones: usize = self.zones.iter().map(|zone| zone.weight()).sum();
        size_of::<Self>() + zones + self.notes.len() * size_of::<SeatNote>()
    }
}

impl FrameZone {
    fn weight(&self) -> usize {
        let tables = self.zone.tables.iter().map(|table| 4 * (table.ids.capacity() + table.cells.capacity()));
        let keyframe = self.keyframe.get().map_or(0, Bytes::len);
        size_of::<Self>() + tables.sum::<usize>() + self.delta.len() + keyframe
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
        let issued = named.iter().map(|zone| delta::newest(&zone.zone)).max().unwrap_or(0);
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
        others.into_iter().find_map(|other| other.zone.cells(schema, kind, id)).or_else(|| {
            let cell = self.frame.places.find(kind, id)?.cell;
            self.frame.zone(cell).filter(|_| cell != zone)?.zone.cells(schema, kind, id)
        })
    }
}
