//! The whole state of a room between two inputs, as data: a room can be restored from it and goes on as the original would.
//!
//! Rows are saved as keyframes, which are compact and are checked when they are read. Events are saved once, however many
//! logs hold them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::close_reason::CloseReason;
use super::events::{Event, EventLog};
use super::lifecycle::RoomLifecycle;
use super::live_film::LiveFilm;
use super::overload::OverloadStep;
use super::personal::Forgotten;
use super::recording::{Header, REVISION};
use super::room::{Room, RoomConfig};
use super::seat::Seated;
use super::spectator::Spectator;
use super::tap::{TapCount, TapEntry};
use super::tickets::Tickets;
use crate::game::{Context, Game, LoadError, RowHistory, Saved, saved};
use crate::id::{Seat, Seq, ZoneId};
use crate::snapshot::{DecodeError, Frame, InputSchema, Schema, SeatNote};
use crate::tick::Tick;
use crate::wire::limits;

/// The state of a room between two inputs; see [`Room::checkpoint`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Checkpoint {
    pub(super) config: RoomConfig,
    schema: Schema,
    inputs: InputSchema,
    tick: Tick,
    /// Each zone with its keyframe, ascending.
    zones: SavedZones,
    /// Clients get one frame in so many ticks.
    #[serde(default)]
    every: u8,
    /// The rows before those that the game can rewind to, oldest first.
    #[serde(default)]
    past: Vec<SavedRows>,
    game: Saved,
    context: Context,
    pub(super) seats: Vec<Seated>,
    pub(super) spectators: Vec<Spectator>,
    /// The logs of the seats, then of the spectators.
    pub(super) logs: Vec<SavedLog>,
    pub(super) chat: Vec<u32>,
    /// What `logs` and `chat` refer to by index.
    pub(super) events: Vec<Event>,
    pub(super) lifecycle: RoomLifecycle,
    kicks: Vec<(Seat, CloseReason)>,
    seat_generations: u32,
    #[serde(default)]
    chat_spent: u32,
    #[serde(default)]
    overload: u8,
    #[serde(default)]
    tickets: Tickets,
    /// The verified author of each line of the chat, if there is one.
    #[serde(default)]
    pub(super) authors: Vec<Option<String>>,
    /// Who left a short while ago.
    #[serde(default)]
    pub(super) departed: Vec<(String, Tick)>,
    #[serde(default)]
    tap_count: TapCount,
    /// What systems outside of the room were to be told, and may not have been.
    #[serde(default)]
    pub(super) unstored: Vec<TapEntry>,
    /// What viewers may still lack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) film: Option<Box<LiveFilm>>,
    /// What could not be read, because somebody was forgotten.
    #[serde(skip)]
    pub(super) forgotten: Forgotten,
}

type SavedZones = Vec<(ZoneId, Bytes)>;

/// The rows of an older frame.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct SavedRows {
    tick: Tick,
    every: u8,
    zones: SavedZones,
}

impl SavedRows {
    fn of(frame: &Frame) -> Self {
        let zones = frame.zones().iter().filter(|zone| zone.rows() > 0);
        let zones = zones.map(|zone| (zone.id(), frame.keyframe(zone).clone())).collect();
        Self { tick: frame.tick(), every: frame.every(), zones }
    }

    fn weight(&self) -> usize {
        size_of::<Self>() + self.zones.iter().map(|(_, keyframe)| keyframe.len()).sum::<usize>()
    }
}

/// An event log: the number of its newest event, and its events as indices.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SavedLog {
    newest: Seq,
    events: Vec<u32>,
    /// How far each event is behind the newest one; empty when no number is missing.
    #[serde(default)]
    behind: Vec<u32>,
}

impl SavedLog {
    fn new(log: &EventLog, numbering: &mut Numbering) -> Self {
        let newest = log.newest();
        let events = numbering.all(log.iter().map(|(_, event)| event));
        let behind: Vec<u32> = log.iter().map(|(number, _)| newest.0.wrapping_sub(number.0)).collect();
        let whole = behind.iter().rev().zip(0..).all(|(behind, index)| *behind == index);
        Self { newest, events, behind: if whole { Vec::new() } else { behind } }
    }

    /// Forgets the events.
    pub(super) fn clear(&mut self) {
        (self.events, self.behind) = (Vec::new(), Vec::new());
    }

    /// The number of the event at `index`.
    fn number(&self, index: usize) -> Seq {
        let contiguous = self.events.len() as u32 - 1 - index as u32;
        Seq(self.newest.0.wrapping_sub(self.behind.get(index).copied().unwrap_or(contiguous)))
    }

    fn is_sound(&self) -> bool {
        let Self { events, behind, .. } = self;
        behind.is_empty() || (behind.len() == events.len() && behind.is_sorted_by(|a, b| a > b))
    }
}

/// Why a room cannot be restored from a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The bytes are no checkpoint, or the game cannot read its part.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The rows of a zone cannot be read.
    #[error("zone {}: {error}", .zone.0)]
    Zone {
        /// The zone.
        zone: ZoneId,
        /// What is wrong with its rows.
        error: DecodeError,
    },
    /// A part of the room's own state contradicts itself.
    #[error("{0} of the room contradict each other")]
    Contradiction(&'static str),
}

impl Checkpoint {
    /// The parameters of the room, by which its game must be made.
    pub fn config(&self) -> &RoomConfig {
        &self.config
    }

    /// The tick of the room's newest frame.
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// The version of the game's own format.
    pub fn game_version(&self) -> u32 {
        self.game.version
    }

    /// The verified identities of its players.
    pub fn identities(&self) -> impl Iterator<Item = &str> {
        self.seats.iter().filter_map(|seated| seated.identity.as_deref())
    }

    /// What a [tap](super::Host::with_tap) was to tell until here, and was not [stored](super::Host::tap_stored) then: whoever
    /// restores the room tells it again.
    pub fn unstored(&self) -> &[TapEntry] {
        &self.unstored
    }

    /// The same state of a room that nobody films.
    #[must_use]
    pub fn without_film(self) -> Self {
        Self { film: None, ..self }
    }

    /// What a recording that starts here is about.
    pub(super) fn header(&self, reason: &str, last: Tick) -> Header {
        Header {
            room: self.config.id.clone(),
            game: self.config.game.clone(),
            rate: self.config.setup.rate,
            incarnation: self.config.incarnation,
            revision: REVISION,
            game_version: Some(self.game.version),
            reason: reason.to_owned(),
            ticks: (self.tick, last),
            schema: self.schema.clone(),
            inputs: self.inputs.clone(),
        }
    }

    /// Approximate bytes of memory that the checkpoint holds.
    pub(crate) fn weight(&self) -> usize {
        let zones: usize = self.zones.iter().map(|(_, keyframe)| keyframe.len()).sum();
        let past: usize = self.past.iter().map(SavedRows::weight).sum();
        let events: usize = self.events.iter().map(Event::weight).sum();
        let logs: usize = self.logs.iter().map(|log| size_of::<u32>() * log.events.len()).sum();
        let clients = self.seats.len() * size_of::<Seated>() + self.spectators.len() * size_of::<Spectator>();
        size_of::<Self>() + self.game.bytes.len() + zones + past + events + logs + clients
    }

    /// The checkpoint as bytes.
    pub fn encode(&self) -> Vec<u8> {
        saved::encode(self)
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// The bytes are no checkpoint.
    pub fn decode(bytes: &[u8]) -> Result<Self, RestoreError> {
        Ok(saved::decode(bytes)?)
    }

    fn check(&self) -> Result<(), RestoreError> {
        let players = self.seats.iter().map(|seated| seated.seat);
        let seats: Vec<Seat> = players.chain(self.spectators.iter().map(|spectator| spectator.seat)).collect();
        let split = seats.partition_point(|seat| seat.0 < limits::SEATS);
        if !seats.is_sorted_by(|a, b| a < b) || split != self.seats.len() || seats.len() != self.logs.len() {
            return Err(RestoreError::Contradiction("the seats"));
        }
        if !self.seats.iter().all(|seated| seated.input_buffer.is_sound()) {
            return Err(RestoreError::Contradiction("the inputs"));
        }
        if !self.logs.iter().all(SavedLog::is_sound) {
            return Err(RestoreError::Contradiction("the events"));
        }
        let mut named = self.logs.iter().flat_map(|log| &log.events).chain(&self.chat);
        if !named.all(|index| (*index as usize) < self.events.len()) || !self.events.iter().all(Event::is_sound) {
            return Err(RestoreError::Contradiction("the events"));
        }
        let is_sorted = |zones: &SavedZones| zones.is_sorted_by(|a, b| a.0 < b.0);
        let follows = |past: &SavedRows, place: usize| past.tick == Tick(self.tick.0.wrapping_sub(place as u32));
        let past = self.past.iter().rev().zip(1..).all(|(past, place)| is_sorted(&past.zones) && follows(past, place));
        if !is_sorted(&self.zones) || !past {
            return Err(RestoreError::Contradiction("the zones"));
        }
        Ok(())
    }
}

/// Numbers events in the order in which they are first seen.
#[derive(Default)]
struct Numbering {
    numbers: BTreeMap<*const Event, u32>,
    events: Vec<Event>,
}

impl Numbering {
    fn all<'a>(&mut self, events: impl Iterator<Item = &'a Arc<Event>>) -> Vec<u32> {
        events.map(|event| self.number(event)).collect()
    }

    fn number(&mut self, event: &Arc<Event>) -> u32 {
        *self.numbers.entry(Arc::as_ptr(event)).or_insert_with(|| {
            self.events.push(Event::clone(event));
            self.events.len() as u32 - 1
        })
    }
}

impl Room {
    /// The state of the room; `None` when its game is not saved.
    pub fn checkpoint(&mut self) -> Option<Checkpoint> {
        let game = self.call_hook("save", |game, _| game.save())?;
        let newest = SavedRows::of(&self.frame);
        let mut numbering = Numbering::default();
        let logs = self.seats.iter().map(|seated| &seated.log).chain(self.spectators.iter().map(|one| &one.log));
        Some(Checkpoint {
            config: self.config.clone(),
            schema: Schema::clone(&self.spec.schema),
            inputs: self.spec.inputs.clone(),
            tick: newest.tick,
            zones: newest.zones,
            every: newest.every,
            past: self.cx.rows().older().map(|frame| SavedRows::of(frame)).collect(),
            game,
            context: self.cx.clone(),
            logs: logs.map(|log| SavedLog::new(log, &mut numbering)).collect(),
            chat: numbering.all(self.chat_history.iter()),
            events: numbering.events,
            seats: self.seats.clone(),
            spectators: self.spectators.clone(),
            lifecycle: self.lifecycle.clone(),
            kicks: self.kicks.clone(),
            seat_generations: self.seat_generations,
            chat_spent: self.chat_history.spent(),
            overload: self.overload.number(),
            tickets: self.tickets.clone(),
            authors: self.chat_history.authors().map(|author| author.map(str::to_owned)).collect(),
            departed: self.departed.clone(),
            tap_count: self.tap_count,
            unstored: Vec::new(),
            film: self.film_to_save(),
            forgotten: Forgotten::default(),
        })
    }

    /// Restores a room around `game`, which was made with the setup of the checkpoint's [config](Checkpoint::config) and
    /// loads its part here. Given equal inputs, the room then does what the original does.
    ///
    /// If the schema of the game has changed, the room has no rows until its next tick; if its inputs have changed, those
    /// that wait are dropped.
    ///
    /// # Errors
    /// The game cannot load its part, or the checkpoint is damaged.
    pub fn restore(checkpoint: Checkpoint, mut game: Box<dyn Game>) -> Result<Self, RestoreError> {
        checkpoint.check()?;
        game.load(&checkpoint.game)?;
        let mut room = Self::new(checkpoint.config, game);
        let events: Vec<Arc<Event>> = checkpoint.events.into_iter().map(Arc::new).collect();
        let shared = |index: &u32| events[*index as usize].clone();
        (room.seats, room.spectators) = (checkpoint.seats, checkpoint.spectators);
        let logs = room
            .seats
            .iter_mut()
            .map(|seated| &mut seated.log)
            .chain(room.spectators.iter_mut().map(|one| &mut one.log));
        for (log, saved) in logs.zip(checkpoint.logs) {
            let numbered = saved.events.iter().enumerate().map(|(at, index)| (saved.number(at), shared(index)));
            *log = EventLog::restored(saved.newest, numbered);
        }
        let authors = checkpoint.authors.into_iter().chain(std::iter::repeat(None));
        checkpoint.chat.iter().zip(authors).for_each(|(index, author)| room.chat_history.push(shared(index), author));
        room.chat_history.set_spent(checkpoint.chat_spent);
        room.set_overload(OverloadStep::from_number(checkpoint.overload));
        let rows = std::mem::replace(&mut room.cx, checkpoint.context).into_rows();
        (room.lifecycle, room.kicks) = (checkpoint.lifecycle, checkpoint.kicks);
        (room.seat_generations, room.tickets) = (checkpoint.seat_generations, checkpoint.tickets);
        (room.departed, room.tap_count) = (checkpoint.departed, checkpoint.tap_count);
        if checkpoint.inputs != room.spec.inputs {
            let empty = room.empty_input_buffer();
            room.seats.iter_mut().for_each(|seated| seated.restart_inputs(empty.clone()));
        }
        let newest = SavedRows { tick: checkpoint.tick, every: checkpoint.every, zones: checkpoint.zones };
        room.restore_rows(rows, checkpoint.past, newest, checkpoint.schema == *room.spec.schema)?;
        // What was filmed with another schema cannot be gone on with.
        room.restore_film(checkpoint.film.filter(|_| checkpoint.schema == *room.spec.schema));
        room.forget(&checkpoint.forgotten);
        Ok(room)
    }

    /// Restores the newest frame, and those that the game can rewind to. `rows` keeps as many of them as the game asks for.
    fn restore_rows(
        &mut self,
        mut rows: RowHistory,
        past: Vec<SavedRows>,
        newest: SavedRows,
        same_schema: bool,
    ) -> Result<(), RestoreError> {
        rows.clear();
        for saved in past.into_iter().filter(|_| same_schema) {
            rows.push(&Arc::new(self.restore_frame(saved, Vec::new())?));
        }
        let newest = if same_schema { newest } else { SavedRows { zones: Vec::new(), ..newest } };
        let notes = self.seats.iter().map(Seated::note).chain(self.spectators.iter().map(Spectator::note)).collect();
        self.frame = Arc::new(self.restore_frame(newest, notes)?);
        rows.push(&self.frame);
        *self.cx.rows_mut() = rows;
        Ok(())
    }

    fn restore_frame(&self, saved: SavedRows, notes: Vec<SeatNote>) -> Result<Frame, RestoreError> {
        let SavedRows { tick, every, zones } = saved;
        let frame = Frame::initial(self.frame.schema().clone(), tick).of(self.config.incarnation);
        let frame = frame.with(notes, zones, self.grid());
        Ok(frame.map_err(|(zone, error)| RestoreError::Zone { zone, error })?.for_clients_every(every))
    }
}
