//! Runs a recording again, and compares every tick with what was visible then.

use std::collections::BTreeSet;
use std::fmt;

use super::checkpoint::{Checkpoint, RestoreError};
use super::film::{FilmError, Projector, Zones};
use super::recording::{Recording, Rerun, Start};
use super::rewind::Hit;
use super::room::{Room, RoomOutput};
use super::room_input::RoomInput;
use crate::game::{Game, PlayerInput, RoomSetup, SetupError};
use crate::id::{EntityId, KindId, ZoneId};
use crate::snapshot::{Field, Frame, Schema, Zone};
use crate::tick::Tick;

/// Why a recording cannot be run again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// Its inputs are sealed, and the key of at least one person in it is gone.
    #[error("its inputs are sealed, and not every key is there: it can be watched, but not run again")]
    Sealed,
    /// The game is not saved, and its room ran for too long.
    #[error("it has no first state, because its game is not saved: it can be watched, but not run again")]
    NoStart,
    /// The game cannot be made.
    #[error("the game cannot be made: {0}")]
    Game(#[from] SetupError),
    /// The first state cannot be restored.
    #[error("the first state cannot be restored: {0}")]
    Restore(#[from] RestoreError),
    /// The inputs cannot be read.
    #[error("the inputs cannot be read after tick {}", .0.0)]
    Inputs(
        /// The last tick whose inputs could be read.
        Tick,
    ),
    /// The film cannot be read.
    #[error("the film cannot be read: {0}")]
    Film(#[from] FilmError),
}

/// The first difference of two states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// At which tick.
    pub tick: Tick,
    /// In which zone.
    pub zone: ZoneId,
    /// Of which kind.
    pub kind: String,
    /// Which entity.
    pub entity: EntityId,
    /// What of it differs.
    pub what: Differs,
}

/// How a row differs. In quanta.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Differs {
    /// It is in the first state only.
    Missing,
    /// It is in the second state only.
    Added,
    /// A field has two values.
    Field {
        /// The field's name.
        name: String,
        /// The value in the first state.
        first: i32,
        /// The value in the second state.
        second: i32,
    },
    /// All fields are equal, but not how they are predicted.
    Motion,
}

/// A room that lives through a recording once more.
pub struct Replay<'a> {
    recording: &'a Recording,
    room: Room,
    rest: &'a [u8],
    projector: Projector<'a>,
    outputs: Vec<RoomOutput>,
}

/// One tick of a replay.
#[derive(Debug)]
pub struct Step {
    /// The tick.
    pub tick: Tick,
    /// What was applied since the tick before.
    pub inputs: Vec<RoomInput>,
    /// Whether the film shows the tick, so that it could be compared.
    pub compared: bool,
    /// The hits that the game entered into the fairness ledger.
    pub hits: Vec<Hit>,
    /// How the tick differs from the film, if it does.
    pub difference: Option<Difference>,
}

impl<'a> Replay<'a> {
    /// Puts the room into the first state of the recording. `factory` makes the game.
    ///
    /// # Errors
    /// The recording can be watched only, or not with this game.
    pub fn new(
        recording: &'a Recording,
        factory: impl FnOnce(&RoomSetup) -> Result<Box<dyn Game>, SetupError>,
    ) -> Result<Self, ReplayError> {
        let inputs = match &recording.rerun {
            Rerun::Possible(inputs) => inputs,
            Rerun::Sealed(_) => return Err(ReplayError::Sealed),
            Rerun::Unknown => return Err(ReplayError::NoStart),
        };
        let room = match &inputs.start {
            Start::Beginning(config) => Room::new(config.clone(), factory(&config.setup)?),
            Start::Checkpoint(checkpoint) => {
                let game = factory(&checkpoint.config().setup)?;
                Room::restore(Checkpoint::clone(checkpoint), game)?
            }
        };
        let projector = Projector::new(&recording.header.schema, &recording.film)?;
        Ok(Self { recording, room, rest: &inputs.inputs, projector, outputs: Vec::new() })
    }

    /// The room.
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// What each player did at the newest tick.
    pub fn player_inputs(&self) -> &[PlayerInput] {
        &self.room.inputs
    }

    /// Applies the inputs up to the next tick, and this tick; `None` at the end of the recording. A game that panicked when it was
    /// recorded panics here, too.
    ///
    /// # Errors
    /// The inputs or the film are damaged.
    pub fn step(&mut self) -> Result<Option<Step>, ReplayError> {
        let mut inputs = Vec::new();
        while !self.rest.is_empty() {
            let split = RoomInput::split_from(self.rest);
            let (input, rest) = split.map_err(|_| ReplayError::Inputs(self.room.frame().tick()))?;
            self.rest = rest;
            let ticks = input == RoomInput::Tick;
            self.room.apply(input.clone(), &mut self.outputs);
            let outputs = self.outputs.drain(..);
            let hits = outputs.filter_map(|output| if let RoomOutput::Judged(hit) = output { Some(hit) } else { None });
            if ticks {
                let hits = hits.collect();
                return self.compare(inputs, hits).map(Some);
            }
            inputs.push(input);
        }
        Ok(None)
    }

    fn compare(&mut self, inputs: Vec<RoomInput>, hits: Vec<Hit>) -> Result<Step, ReplayError> {
        let frame = self.room.frame();
        let tick = frame.tick();
        while self.projector.tick().is_some_and(|shown| tick.is_after(shown)) && self.projector.advance()? {}
        let compared = self.projector.tick() == Some(tick);
        let schema = &self.recording.header.schema;
        let difference =
            if compared { first_difference(schema, tick, self.projector.zones(), &zones_of(frame)) } else { None };
        Ok(Step { tick, inputs, compared, hits, difference })
    }
}

fn zones_of(frame: &Frame) -> Zones {
    frame.zones().iter().filter(|zone| zone.rows() > 0).map(|zone| (zone.id(), zone.zone().clone())).collect()
}

/// The first zone, kind, entity and field in which two states differ.
pub fn first_difference(schema: &Schema, tick: Tick, first: &Zones, second: &Zones) -> Option<Difference> {
    let empty = Zone::empty(schema);
    let ids: BTreeSet<ZoneId> = first.keys().chain(second.keys()).copied().collect();
    ids.into_iter().find_map(|zone| {
        let [first, second] = [first, second].map(|zones| zones.get(&zone).unwrap_or(&empty));
        if first == second {
            return None;
        }
        (0..).zip(schema.kinds()).find_map(|(index, kind)| {
            let kind_id = KindId(index);
            let (entity, what) = differing(schema, kind_id, first, second)?;
            Some(Difference { tick, zone, kind: kind.name.clone(), entity, what })
        })
    })
}

fn differing(schema: &Schema, kind: KindId, first: &Zone, second: &Zone) -> Option<(EntityId, Differs)> {
    let tables = [first, second].map(|zone| zone.table(kind));
    if tables[0] == tables[1] {
        return None;
    }
    let ids: BTreeSet<EntityId> = tables.iter().flatten().flat_map(|table| table.ids()).copied().collect();
    let fields = &schema.kinds()[usize::from(kind.0)].fields;
    ids.into_iter().find_map(|id| {
        let what = match [first, second].map(|zone| zone.cells(schema, kind, id)) {
            [Some(_), None] => Differs::Missing,
            [None, Some(_)] => Differs::Added,
            [first, second] if first == second => return None,
            [first, second] => {
                let mut cells = first?.iter().zip(second?).zip(fields);
                let field = cells.find(|((first, second), _)| first != second);
                let differs = |((first, second), field): ((&i32, &i32), &Field)| Differs::Field {
                    name: field.name.clone(),
                    first: *first,
                    second: *second,
                };
                field.map_or(Differs::Motion, differs)
            }
        };
        Some((id, what))
    })
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tick, zone, kind, entity, what } = self;
        write!(f, "tick {}, zone {}, {kind} {}: ", tick.0, zone.0, entity.0)?;
        match what {
            Differs::Missing => write!(f, "is missing in the second"),
            Differs::Added => write!(f, "is missing in the first"),
            Differs::Field { name, first, second } => write!(f, "{name} is {first} and {second}"),
            Differs::Motion => write!(f, "moves differently"),
        }
    }
}

impl fmt::Debug for Replay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").field("room", &self.room).finish_non_exhaustive()
    }
}
