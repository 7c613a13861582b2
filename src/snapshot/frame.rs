//! A frame: the state of a room at one tick and its notes to the seats, immutable and shared by every session.
//!
//! Zone bytes exist once per (tick, zone). The delta is encoded when the frame is frozen (see `freeze`); the keyframe and the
//! hash are made by the first session that needs them, and kept. `OnceLock` memoises a pure function here; it does not
//! coordinate threads.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::codec::DecodeError;
use super::delta;
use super::grid::Grid;
use super::places::Places;
use super::saturation::Saturation;
use super::schema::Schema;
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
    pub(super) id: ZoneId,
    pub(super) rows: usize,
    pub(super) state: Arc<ZoneState>,
    pub(super) delta: Bytes,
    /// Whether it is known that the next delta is empty when no value changes, and that the motion cells stay, too.
    pub(super) is_settled: bool,
}

/// The rows of a zone and what is made of them: shared by all frames in a row in which nothing changes.
#[derive(Debug)]
pub(super) struct ZoneState {
    pub zone: Zone,
    pub keyframe: OnceLock<Bytes>,
    pub hash: OnceLock<u32>,
}

impl ZoneState {
    pub fn of(zone: Zone) -> Self {
        Self { zone, keyframe: OnceLock::new(), hash: OnceLock::new() }
    }
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
        &self.state.zone
    }

    /// The bytes that lead from the tick before to this one.
    pub fn delta(&self) -> &Bytes {
        &self.delta
    }

    /// The zone's keyframe, if a session had it made already.
    pub fn made_keyframe(&self) -> Option<&Bytes> {
        self.state.keyframe.get()
    }

    /// The fingerprint of its rows.
    pub fn hash(&self) -> u32 {
        *self.state.hash.get_or_init(|| self.state.zone.hash())
    }
}

/// The state of a room at one tick, and its notes to the seats.
///
/// What does not change from one tick to the next is shared by both frames.
#[derive(Clone, Debug)]
pub struct Frame {
    pub(super) schema: Arc<Schema>,
    pub(super) incarnation: Incarnation,
    pub(super) tick: Tick,
    /// Ascending. A zone is listed while it has rows, and once more when it has lost the last one; other zones are
    /// empty.
    pub(super) zones: Arc<[FrameZone]>,
    /// Ascending by seat.
    pub(super) notes: Arc<[SeatNote]>,
    /// Where the entities in the grid's cells are.
    pub(super) places: Arc<Places>,
    pub(super) grid: Option<Arc<Grid>>,
    /// Clients get one frame in so many ticks.
    pub(super) every: u8,
    /// How many values were clamped, and the first of them.
    pub(super) saturated: Option<Box<(u64, Saturation)>>,
}

impl Frame {
    /// The frame before the first tick: no zones, no seats.
    pub fn initial(schema: Arc<Schema>, tick: Tick) -> Self {
        let incarnation = Incarnation::default();
        let (zones, notes, places, grid, saturated) = Default::default();
        Self { schema, incarnation, tick, zones, notes, places, grid, every: 1, saturated }
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
            let rows = zone.len();
            let state = Arc::new(ZoneState { keyframe: bytes.into(), ..ZoneState::of(zone) });
            Ok(FrameZone { id, rows, state, delta: Bytes::new(), is_settled: false })
        };
        let zones: Arc<[FrameZone]> = keyframes.into_iter().map(read).collect::<Result<_, _>>()?;
        let rows = zones.iter().map(|zone| (zone.id, zone.zone()));
        let places = grid.map(|grid| Places::of(&self.schema, grid, rows)).unwrap_or_default();
        Ok(Self { zones, notes: notes.into(), places: Arc::new(places), grid: grid.cloned(), ..self })
    }

    /// The zones as a base for chains and reconnects: their deltas without the rows, which are most of them. A frame with
    /// these can be part of a chain, but no client can be sent it alone: it has neither keyframes nor hashes.
    pub(crate) fn bare_zones(&self) -> Arc<[FrameZone]> {
        let bare = Arc::new(ZoneState::of(Zone { tables: Vec::new() }));
        let of = |old: &FrameZone| FrameZone { state: bare.clone(), ..old.clone() };
        self.zones.iter().map(of).collect()
    }

    /// The frame with its [bare zones](Self::bare_zones).
    pub(crate) fn without_rows(&self, bare: &Arc<[FrameZone]>) -> Self {
        let (schema, notes, grid) = (self.schema.clone(), self.notes.clone(), self.grid.clone());
        let (incarnation, tick, every) = (self.incarnation, self.tick, self.every);
        let (zones, places, saturated) = (bare.clone(), Arc::default(), None);
        Self { schema, incarnation, tick, zones, notes, places, grid, every, saturated }
    }

    /// The frame with the notes of an `earlier` one, if these name the same seats with the same entities and zones. Nothing
    /// else of past notes is ever asked for.
    pub(crate) fn with_notes_of(&self, earlier: &Self) -> Option<Self> {
        let is_new = !self.shares_notes(earlier) && self.has_seats_of(earlier);
        is_new.then(|| Self { notes: earlier.notes.clone(), ..self.clone() })
    }

    /// Whether the same seats have the same entities and zones in both frames.
    fn has_seats_of(&self, other: &Self) -> bool {
        let same = |(one, other): (&SeatNote, &SeatNote)| {
            let zones = Arc::ptr_eq(&one.zones, &other.zones) || one.zones == other.zones;
            (one.seat, one.entity) == (other.seat, other.entity) && zones
        };
        let [mine, theirs] = [&self.notes, &other.notes];
        self.shares_notes(other) || (mine.len() == theirs.len() && mine.iter().zip(&**theirs).all(same))
    }

    /// Whether both frames have the same notes in the same memory.
    pub(crate) fn shares_notes(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.notes, &other.notes)
    }

    /// Whether the frame `next` differs in nothing but its tick that is ever asked of past frames.
    pub(crate) fn is_quiet_until(&self, next: &Self) -> bool {
        let same = (self.every, self.incarnation) == (next.every, next.incarnation);
        same && self.shares_zones(next) && Arc::ptr_eq(&self.places, &next.places) && self.has_seats_of(next)
    }

    /// The frame of another tick at which everything was the same.
    pub(crate) fn repeated_at(&self, tick: Tick) -> Self {
        Self { tick, ..self.clone() }
    }

    /// Whether both frames have the same zones in the same memory: nothing has changed in between.
    pub(crate) fn shares_zones(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.zones, &other.zones)
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
        self.saturated.as_ref().map_or(0, |saturated| saturated.0)
    }

    /// The first of these values.
    pub fn first_saturated(&self) -> Option<&Saturation> {
        self.saturated.as_ref().map(|saturated| &saturated.1)
    }

    /// The keyframe of a zone of this frame, encoded once.
    pub fn keyframe<'a>(&self, zone: &'a FrameZone) -> &'a Bytes {
        let state = &*zone.state;
        state.keyframe.get_or_init(|| {
            debug_assert_eq!(state.zone.tables.len(), self.schema.plans().len(), "a past frame is shown to nobody");
            let mut out = Vec::new();
            delta::write_keyframe(&self.schema, &state.zone, &mut out);
            out.into()
        })
    }

    /// Finds the values of an entity in any zone.
    pub fn find(&self, kind: KindId, id: EntityId) -> Option<&[i32]> {
        let zones = match self.places.find(kind, id) {
            Some(place) => std::slice::from_ref(self.zone(place.cell)?),
            None => &*self.zones,
        };
        zones.iter().find_map(|zone| zone.zone().find(&self.schema, kind, id))
    }

    /// Approximate bytes of memory that its zones hold, for the bound of the frame history.
    pub(crate) fn weight_of_zones(&self) -> usize {
        self.zones.iter().map(FrameZone::weight).sum()
    }

    /// Bytes of memory that its notes hold.
    pub(crate) fn weight_of_notes(&self) -> usize {
        self.notes.len() * size_of::<SeatNote>()
    }
}

impl FrameZone {
    fn weight(&self) -> usize {
        let tables = self.zone().tables.iter().map(|table| 4 * (table.ids.capacity() + table.cells.capacity()));
        let keyframe = self.made_keyframe().map_or(0, Bytes::len);
        size_of::<Self>() + tables.sum::<usize>() + self.delta.len() + keyframe
    }
}
