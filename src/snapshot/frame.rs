//! A frame: the state of a room at one tick and its notes to the seats, immutable and shared by every session.
//!
//! Zone bytes exist once per (tick, zone). The delta is encoded when the frame is frozen; the keyframe and the hash are
//! made by the first session that needs them, and kept. `OnceLock` memoises a pure function here; it does not
//! coordinate threads.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::codec::DecodeError;
use super::delta;
use super::marks::Marks;
use super::model::Model;
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
    saturated: u64,
}

impl Frame {
    /// The frame before the first tick: no zones, no seats.
    pub fn initial(schema: Arc<Schema>, tick: Tick) -> Self {
        let incarnation = Incarnation::default();
        Self { schema, incarnation, tick, zones: Vec::new(), notes: Arc::default(), saturated: 0 }
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
        let zones = keyframes.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { zones, notes: Arc::new(notes), ..self })
    }

    /// Freezes the frame after `self`, with the rows that `write` writes and the given notes.
    pub fn freeze(&self, notes: Vec<SeatNote>, write: impl FnOnce(&mut SnapshotWriter)) -> Self {
        debug_assert!(notes.is_sorted_by(|a, b| a.seat < b.seat), "notes are in seat order");
        let schema = &*self.schema;
        let mut writer = SnapshotWriter::new(schema);
        for old in self.zones.iter().filter(|old| !old.zone.is_empty()) {
            writer.reserve(old.id, &old.zone);
        }
        write(&mut writer);
        let Written { zones: drafts, placed, saturated } = writer.finish();
        let empty = Zone::empty(schema);
        let mut scratch = Vec::new();
        let mut model = Model::new();
        // Entities are new in most zones because they are new: only older ones can have crossed.
        let issued = self.zones.iter().map(|old| delta::newest(&old.zone)).max().unwrap_or(0);
        let mut zones = Vec::with_capacity(drafts.len());
        for (id, mut zone) in drafts {
            let old = self.zone(id);
            let base = old.map_or(&empty, |old| &old.zone);
            if zone.is_empty() && base.is_empty() {
                continue;
            }
            let others = self.zones.iter().filter(|other| other.id != id).map(|other| &other.zone);
            let marks = Marks::derive(schema, base, others, issued, &placed, &mut zone);
            scratch.clear();
            // The last delta predicts the size of this one, so that a busy zone is written without growing a buffer.
            scratch.reserve(zone.len() * 4 + old.map_or(0, |old| old.delta.len()) + 16);
            delta::diff_with(&mut model, schema, base, &zone, &marks, &mut scratch);
            let delta = Bytes::copy_from_slice(&scratch);
            let rows = zone.len();
            zones.push(FrameZone { id, rows, zone, delta, keyframe: OnceLock::new(), hash: OnceLock::new() });
        }
        let (schema, incarnation, tick) = (self.schema.clone(), self.incarnation, self.tick.plus(1));
        Self { schema, incarnation, tick, zones, notes: Arc::new(notes), saturated }
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
        Self { schema, incarnation: self.incarnation, tick: self.tick, zones, notes, saturated: self.saturated }
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

    /// The number of values that were outside their field's range and were clamped to it.
    pub fn saturated(&self) -> u64 {
        self.saturated
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
        self.zones.iter().find_map(|zone| zone.zone.find(&self.schema, kind, id))
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
