//! What was visible in a room, tick by tick. A film is watched without the game's code. It contains no names, no chat and no
//! commands: only rows, who had which seat and saw which zones, and what everybody was told.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::room::Room;
use crate::game::Recipients;
use crate::id::{EntityId, Seat, ZoneId};
use crate::snapshot::{DecodeError, Frame, FrameZone, Schema, Zone, delta};
use crate::tick::Tick;
use crate::wire::{EventBody, append, split};

/// A part of a film: the state at one tick and the way to those that follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reel {
    /// The tick of the first state.
    pub tick: Tick,
    /// The keyframe of each zone that has rows then, ascending.
    pub(super) keyframes: Vec<(ZoneId, Bytes)>,
    /// Who has which seat then, and the room's properties.
    pub(super) presence: Presence,
    /// How many ticks follow.
    ticks: u32,
    /// For each of them the zones that have rows or have just lost the last one, with their deltas. A number comes first. If
    /// it is even, zone 0 is the only one, and half the number is the length of its delta. Otherwise half the number is that
    /// of the zones, ascending, each with its id and the length of its delta. One buffer: most deltas are shorter than a
    /// reference to them.
    #[serde(with = "serde_bytes")]
    pub(super) deltas: Vec<u8>,
    /// What else changed: each [`Change`] with the ticks between it and the one before.
    #[serde(with = "serde_bytes")]
    pub(super) changes: Vec<u8>,
    /// The tick of the last change, counted from the first state.
    #[serde(skip)]
    pub(super) changed: u32,
}

/// Who has which seat, and the properties of the room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// The seats that are taken. Seats from [`SEATS`](crate::wire::limits::SEATS) on are those of spectators.
    pub seats: BTreeMap<Seat, FilmSeat>,
    /// The properties that the game has set for its room.
    pub properties: BTreeMap<String, String>,
}

/// A taken seat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilmSeat {
    /// The player's entity; 0 for spectators.
    pub entity: EntityId,
    /// Whether the player is disconnected and the seat is held.
    pub away: bool,
    /// The zones that the seat subscribes to, ascending.
    pub zones: Vec<ZoneId>,
}

/// Something that changes beside the rows. The enum is append-only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change<'a> {
    /// A seat was taken, or its player has another entity or sees other zones.
    Seat(
        /// Which seat.
        Seat,
        /// What it is from now on.
        FilmSeat,
    ),
    /// A seat is free.
    Freed(
        /// Which seat.
        Seat,
    ),
    /// An event that everybody was told. Names of players are left out.
    Event(
        /// What happened.
        #[serde(borrow)]
        EventBody<'a>,
    ),
}

impl Change<'_> {
    /// An event without the name in it.
    pub(super) fn of_event(mut body: EventBody<'_>) -> Change<'_> {
        if let EventBody::Joined(entry) = &mut body {
            entry.name.clear();
        }
        Change::Event(body)
    }
}

/// Whether an event belongs into a film: everybody was told, and it is no chat.
pub(super) fn is_public(to: &Recipients, body: &EventBody) -> bool {
    match body {
        EventBody::Chat { .. } | EventBody::Reply { .. } => false,
        // The player concerned is told otherwise.
        EventBody::Disconnected { .. } | EventBody::Reconnected { .. } => true,
        // Without a grid, around a place is everywhere.
        _ => matches!(to, Recipients::All | Recipients::Around(_)),
    }
}

impl Presence {
    /// That of the newest frame of a room.
    pub(super) fn of(room: &Room) -> Self {
        let mut presence = Self { seats: BTreeMap::new(), properties: room.properties().iter().cloned().collect() };
        for change in presence.changes_to(room.frame()) {
            presence.apply(&change);
        }
        for (seat, taken) in &mut presence.seats {
            taken.away = room.find(*seat).is_ok_and(|index| room.seats[index].is_told_away());
        }
        presence
    }

    /// Makes the change.
    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::Seat(seat, taken) => _ = self.seats.insert(*seat, taken.clone()),
            Change::Freed(seat) => _ = self.seats.remove(seat),
            Change::Event(EventBody::Property { key, value }) if value.is_empty() => {
                self.properties.remove(&**key);
            }
            Change::Event(EventBody::Property { key, value }) => {
                self.properties.insert(key.to_string(), value.to_string());
            }
            Change::Event(EventBody::Disconnected { seat }) => self.set_away(*seat, true),
            Change::Event(EventBody::Reconnected { seat }) => self.set_away(*seat, false),
            Change::Event(_) => {}
        }
    }

    fn set_away(&mut self, seat: Seat, away: bool) {
        if let Some(taken) = self.seats.get_mut(&seat) {
            taken.away = away;
        }
    }

    /// Whether these are the seats of `frame`.
    fn is_of(&self, frame: &Frame) -> bool {
        self.seats.len() == frame.notes().len()
            && self.seats.iter().zip(frame.notes()).all(|((seat, taken), note)| {
                *seat == note.seat && taken.entity == note.entity && *taken.zones == *note.zones
            })
    }

    /// What leads to the seats of `frame`.
    pub(super) fn changes_to(&self, frame: &Frame) -> Vec<Change<'static>> {
        if self.is_of(frame) {
            return Vec::new();
        }
        let gone = self.seats.keys().filter(|seat| frame.note(**seat).is_none());
        let mut changes: Vec<_> = gone.map(|seat| Change::Freed(*seat)).collect();
        for note in frame.notes() {
            let known = self.seats.get(&note.seat);
            // Whoever has another entity is another player.
            let away = known.is_some_and(|known| known.entity == note.entity && known.away);
            let taken = FilmSeat { entity: note.entity, away, zones: note.zones.to_vec() };
            if known != Some(&taken) {
                changes.push(Change::Seat(note.seat, taken));
            }
        }
        changes
    }
}

/// A zone with its delta, as it is written.
type ZoneDelta<'a> = (ZoneId, Cow<'a, serde_bytes::Bytes>);

impl Reel {
    /// A reel that starts with `frame`, which has its rows.
    pub fn starting_with(frame: &Frame, presence: Presence) -> Self {
        let zones = frame.zones().iter().filter(|zone| zone.rows() > 0);
        let keyframes = zones.map(|zone| (zone.id(), frame.keyframe(zone).clone())).collect();
        Self::opening(frame.tick(), keyframes, presence)
    }

    pub(super) fn opening(tick: Tick, keyframes: Vec<(ZoneId, Bytes)>, presence: Presence) -> Self {
        Self { tick, keyframes, presence, ticks: 0, deltas: Vec::new(), changes: Vec::new(), changed: 0 }
    }

    /// Adds the next frame. Returns the bytes that it takes.
    pub fn push(&mut self, frame: &Frame) -> usize {
        self.push_zones(frame.zones().len(), frame.zones().iter())
    }

    /// Adds the next frame, of which `zones` are shown: so many of them, ascending.
    pub(super) fn push_zones<'a>(&mut self, count: usize, mut zones: impl Iterator<Item = &'a FrameZone>) -> usize {
        let before = self.deltas.len();
        let first = zones.next();
        if let Some(zone) = first.filter(|zone| count == 1 && zone.id() == ZoneId(0)) {
            append(&(2 * zone.delta().len() as u32), &mut self.deltas);
            self.deltas.extend(&zone.delta()[..]);
        } else {
            append(&(2 * count as u32 + 1), &mut self.deltas);
            for zone in first.into_iter().chain(zones) {
                let delta = Cow::Borrowed(serde_bytes::Bytes::new(zone.delta()));
                append::<ZoneDelta>(&(zone.id(), delta), &mut self.deltas);
            }
        }
        self.ticks += 1;
        self.deltas.len() - before
    }

    /// Adds a change at the newest tick. Returns the bytes that it takes.
    pub fn note(&mut self, change: &Change) -> usize {
        let before = self.changes.len();
        append(&(self.ticks - self.changed), &mut self.changes);
        append(change, &mut self.changes);
        self.changed = self.ticks;
        self.changes.len() - before
    }

    /// The tick of the last state.
    pub fn last(&self) -> Tick {
        self.tick.plus(self.ticks)
    }
}

/// The same film with a state at least every `span` ticks, from which one can watch on. Damaged reels stay as they are.
pub(super) fn with_keyframes(schema: &Schema, reels: &[Reel], span: u32) -> Vec<Reel> {
    let cut = |reel: &Reel| recut(schema, reel, span).unwrap_or_else(|_| vec![reel.clone()]);
    reels.iter().flat_map(cut).collect()
}

fn recut(schema: &Schema, reel: &Reel, span: u32) -> Result<Vec<Reel>, FilmError> {
    let mut projector = Projector::new(schema, std::slice::from_ref(reel))?;
    let mut parts = vec![Reel::opening(reel.tick, reel.keyframes.clone(), reel.presence.clone())];
    loop {
        let from = projector.at.delta;
        if !projector.advance()? {
            return Ok(parts);
        }
        let part = parts.last_mut().expect("it starts with one");
        part.deltas.extend(&reel.deltas[from..projector.at.delta]);
        part.ticks += 1;
        for change in &projector.changes {
            part.note(change);
        }
        if part.ticks >= span && projector.at.shown < reel.ticks {
            let keyframes = projector.zones.iter().map(|(id, zone)| (*id, keyframe(schema, zone))).collect();
            let tick = reel.tick.plus(projector.at.shown);
            parts.push(Reel::opening(tick, keyframes, projector.presence.clone()));
        }
    }
}

fn keyframe(schema: &Schema, zone: &Zone) -> Bytes {
    let mut out = Vec::new();
    delta::write_keyframe(schema, zone, &mut out);
    out.into()
}

/// The state of every zone that has rows.
pub type Zones = BTreeMap<ZoneId, Zone>;

/// Why a film cannot be watched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tick {}, zone {}: {error}", .tick.0, .zone.0)]
pub struct FilmError {
    /// At which tick.
    pub tick: Tick,
    /// In which zone.
    pub zone: ZoneId,
    /// What is wrong with its bytes.
    pub error: DecodeError,
}

/// Shows a film state by state. The reels follow each other; each must start with the last tick of the one before.
#[derive(Debug)]
pub struct Projector<'a> {
    schema: &'a Schema,
    reels: &'a [Reel],
    at: Position,
    zones: Zones,
    presence: Presence,
    changes: Vec<Change<'a>>,
}

#[derive(Debug, Default)]
struct Position {
    reel: usize,
    /// The ticks of the reel that were shown.
    shown: u32,
    /// Where the deltas of the next tick begin, and where the next change does.
    delta: usize,
    change: usize,
    /// The tick of the last change.
    changed: u32,
}

impl<'a> Projector<'a> {
    /// A projector that shows the first state of the first reel.
    ///
    /// # Errors
    /// A keyframe cannot be read.
    pub fn new(schema: &'a Schema, reels: &'a [Reel]) -> Result<Self, FilmError> {
        let zones = reels.first().map_or(Ok(Zones::new()), |reel| opening(schema, reel))?;
        let presence = reels.first().map(|reel| reel.presence.clone()).unwrap_or_default();
        Ok(Self { schema, reels, at: Position::default(), zones, presence, changes: Vec::new() })
    }

    /// The tick that is shown; `None` without a reel.
    pub fn tick(&self) -> Option<Tick> {
        self.reels.get(self.at.reel).map(|reel| reel.tick.plus(self.at.shown))
    }

    /// The state that is shown.
    pub fn zones(&self) -> &Zones {
        &self.zones
    }

    /// Who has which seat, and the properties of the room.
    pub fn presence(&self) -> &Presence {
        &self.presence
    }

    /// What else changed with the tick that is shown.
    pub fn changes(&self) -> &[Change<'a>] {
        &self.changes
    }

    /// Shows the next state. Returns whether there was one.
    ///
    /// # Errors
    /// The film is damaged here.
    pub fn advance(&mut self) -> Result<bool, FilmError> {
        let is_over = |at: &Position| self.reels.get(at.reel).is_some_and(|reel| at.shown >= reel.ticks);
        while is_over(&self.at) && self.at.reel + 1 < self.reels.len() {
            self.at = Position { reel: self.at.reel + 1, ..Position::default() };
        }
        let Some(reel) = self.reels.get(self.at.reel).filter(|reel| self.at.shown < reel.ticks) else {
            return Ok(false);
        };
        let tick = reel.tick.plus(self.at.shown + 1);
        let cut = |_| FilmError { tick, zone: ZoneId(0), error: DecodeError::Truncated };
        let (number, mut rest) = split::<u32>(reel.deltas.get(self.at.delta..).unwrap_or_default()).map_err(cut)?;
        if number % 2 == 0 {
            let (bytes, after) = rest.split_at_checked(number as usize / 2).ok_or(()).map_err(cut_short(tick))?;
            rest = after;
            self.show(tick, ZoneId(0), bytes)?;
        }
        for _ in 0..if number % 2 == 0 { 0 } else { number / 2 } {
            let ((id, bytes), after) = split::<ZoneDelta>(rest).map_err(cut)?;
            rest = after;
            self.show(tick, id, &bytes)?;
        }
        self.at.delta = reel.deltas.len() - rest.len();
        self.at.shown += 1;
        self.change(reel).map_err(cut_short(tick))?;
        Ok(true)
    }

    fn show(&mut self, tick: Tick, id: ZoneId, bytes: &[u8]) -> Result<(), FilmError> {
        let empty = Zone::empty(self.schema);
        let base = self.zones.get(&id).unwrap_or(&empty);
        let zone = delta::apply(self.schema, base, bytes).map_err(|error| FilmError { tick, zone: id, error })?;
        if zone.is_empty() {
            _ = self.zones.remove(&id)
        } else {
            _ = self.zones.insert(id, zone)
        }
        Ok(())
    }

    /// Makes the changes of the tick that is shown now.
    fn change(&mut self, reel: &'a Reel) -> Result<(), ()> {
        self.changes.clear();
        while let Some(rest) = reel.changes.get(self.at.change..).filter(|rest| !rest.is_empty()) {
            let (after, rest) = split::<u32>(rest).map_err(|_| ())?;
            let changed = self.at.changed.checked_add(after).ok_or(())?;
            if changed > self.at.shown {
                break;
            }
            let (change, rest) = split::<Change>(rest).map_err(|_| ())?;
            self.presence.apply(&change);
            self.changes.push(change);
            (self.at.changed, self.at.change) = (changed, reel.changes.len() - rest.len());
        }
        Ok(())
    }
}

fn cut_short(tick: Tick) -> impl Fn(()) -> FilmError {
    move |()| FilmError { tick, zone: ZoneId(0), error: DecodeError::Truncated }
}

fn opening(schema: &Schema, reel: &Reel) -> Result<Zones, FilmError> {
    let read = |(id, bytes): &(ZoneId, Bytes)| match delta::read_keyframe(schema, bytes) {
        Ok(zone) => Ok((*id, zone)),
        Err(error) => Err(FilmError { tick: reel.tick, zone: *id, error }),
    };
    reel.keyframes.iter().map(read).collect()
}
