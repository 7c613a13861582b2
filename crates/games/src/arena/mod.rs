//! The arena: avatars run and dash between walls, collect sparks and throw snowballs at each other.
//!
//! The server has authority: clients send intent and predict their own avatar (`step`). This file implements the engine's
//! interface: maps, options and seats. `rows` has what clients send and see; `world` holds the rules between avatars, sparks and
//! snowballs.

mod buckets;
mod crowd;
mod rows;
mod step;
mod world;

#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub use rows::{ArenaCommand, ArenaEvent, AvatarInput, AvatarRow, CrowdRow, Size, SnowballRow, SparkRow};
pub use step::{AvatarState, Mood, RADIUS, Tuning, step_avatar};

use self::crowd::Crowd;
use self::rows::{ArenaRows, kinds_on};
use self::world::World;
use super::map::Map;
use super::{PER_METRE, Seats, put_up};
use tickwire::game::{Interest, LoadError, Persistence, Saved, Viewpoint};
use tickwire::id::KindId;
use tickwire::prelude::*;
use tickwire::snapshot::Schema;
use tickwire::typed::MessageError;
use tickwire::wire::limits;

/// The kind of avatars.
pub const AVATAR: KindId = KindId(0);
/// The kind of sparks.
pub const SPARK: KindId = KindId(1);
/// The kind of snowballs.
pub const SNOWBALL: KindId = KindId(2);
/// The kind of blocks of the big map, with the number of avatars in them.
pub const CROWD: KindId = KindId(3);
/// The zone of [`CROWD`].
const OVERVIEW: ZoneId = ZoneId(1);
/// How far players see on the big map, in metres.
const SIGHT: i32 = 24;

/// The maps by name; the first one is the default.
const MAPS: [(&str, &str); 3] = [
    ("courtyard", include_str!("../../../../assets/maps/courtyard.txt")),
    ("field", include_str!("../../../../assets/maps/field.txt")),
    (BIG, include_str!("../../../../assets/maps/big.txt")),
];
/// The map on which players see only what is around them.
const BIG: &str = "big";
const CAPACITY: u16 = 2000;
/// How far back throws are judged by default: the delay of a player at 150 ms of round trip, who is shown the world two frames
/// late.
const REWIND: Duration = Duration::from_millis(300);
/// The version of what is saved.
const FORMAT: u32 = 1;

/// What all rooms on one map share.
#[derive(Clone)]
struct Level {
    map: Arc<Map>,
    schema: Arc<Schema>,
    interest: Option<Interest>,
}

impl Level {
    fn read(text: &str, is_big: bool) -> Result<Self, SetupError> {
        let map = Map::parse(text)?;
        let schema = Schema::new(kinds_on(map.width(), map.height(), is_big))?;
        let interest = if is_big { Some(Interest::within(&schema, SIGHT * PER_METRE)?) } else { None };
        Ok(Self { map: Arc::new(map), schema: Arc::new(schema), interest })
    }

    /// The level on the map with this index, which is read once.
    fn on(index: usize) -> Result<Self, SetupError> {
        static LEVELS: [OnceLock<Level>; MAPS.len()] = [const { OnceLock::new() }; MAPS.len()];
        if let Some(level) = LEVELS[index].get() {
            return Ok(level.clone());
        }
        let (name, text) = MAPS[index];
        let level = Self::read(text, name == BIG)?;
        Ok(LEVELS[index].get_or_init(|| level).clone())
    }
}

/// The reference game.
pub struct Arena {
    map_name: &'static str,
    schema: Arc<Schema>,
    interest: Option<Interest>,
    /// How far back throws are judged by what the thrower was shown.
    rewind: Duration,
    world: World,
    seats: Seats,
}

impl Arena {
    /// An arena for `setup`. The option `map` is `courtyard` (the default, 48 x 32 m), `field` (96 x 64 m) or `big` (4000 x 4000 m,
    /// of which players see what is around them).
    ///
    /// The option `rewind` is how many milliseconds back a throw is judged by what the thrower was shown: 0 to 500, 300 by
    /// default.
    ///
    /// # Errors
    /// When an option has another value; the error names those that it may have.
    pub fn new(setup: &RoomSetup) -> Result<Self, SetupError> {
        let wanted = setup.options.get("map").map_or(MAPS[0].0, String::as_str);
        let Some(index) = MAPS.iter().position(|(name, _)| *name == wanted) else {
            let [first, second, last] = MAPS.map(|(name, _)| name);
            return Err(SetupError::option("map", wanted, format!("must be {first}, {second} or {last}")));
        };
        let rewind = rewind(setup)?;
        Self::in_level(MAPS[index].0, Level::on(index)?, rewind, setup)
    }

    /// An arena on a map that [`Map::parse`] reads from `text`.
    ///
    /// # Errors
    /// As [`Self::new`]; or the map cannot be read.
    pub fn on(map_name: &'static str, text: &str, setup: &RoomSetup) -> Result<Self, SetupError> {
        let rewind = rewind(setup)?;
        Self::in_level(map_name, Level::read(text, map_name == BIG)?, rewind, setup)
    }

    fn in_level(map_name: &'static str, level: Level, rewind: Duration, setup: &RoomSetup) -> Result<Self, SetupError> {
        let Level { map, schema, interest } = level;
        let mut world = World::new(map, setup.rate);
        world.crowd = interest.is_some().then(Crowd::default);
        Ok(Self { map_name, schema, interest, rewind, world, seats: Seats::default() })
    }
}

#[tickwire::game]
impl TypedGame for Arena {
    type Rows = ArenaRows;
    type Input = AvatarInput;
    type Command = ArenaCommand;
    type Event = ArenaEvent;

    fn capacity(&self) -> u16 {
        CAPACITY
    }

    fn properties(&self) -> Vec<(String, String)> {
        vec![("map".to_owned(), self.map_name.to_owned())]
    }

    fn schema(&self) -> Arc<Schema> {
        self.schema.clone()
    }

    fn interest(&self, _: &Schema) -> Option<Interest> {
        self.interest.clone()
    }

    fn rewind(&self) -> Duration {
        self.rewind
    }

    fn spectate(&self) -> Vec<ZoneId> {
        /// How much of the middle of the big map spectators see, in metres each way.
        const MIDDLE: i32 = 48;
        let Some(interest) = &self.interest else { return vec![ZoneId(0)] };
        let middle = self.world.middle();
        [ZoneId(0), OVERVIEW].into_iter().chain(interest.cells_around(middle, MIDDLE * PER_METRE)).collect()
    }

    fn spectator_command(&mut self, seat: Seat, command: ArenaCommand, cx: &mut Context) {
        let ArenaCommand::Follow(followed) = command;
        let entity = followed.and_then(|followed| self.seats.entity(followed));
        cx.look_from(seat, entity.map_or(Viewpoint::Own, Viewpoint::Entity));
    }

    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        let id = self.world.enter(player.seat, cx);
        self.seats.take(player.seat, id);
        if self.interest.is_some() {
            cx.subscribe(player.seat, vec![ZoneId(0), OVERVIEW]);
        }
        Ok(id)
    }

    fn leave(&mut self, seat: Seat, _: &mut Context) {
        if let Some(id) = self.seats.free(seat) {
            self.world.exit(id);
        }
    }

    fn server_event(&mut self, name: &str, data: &str, cx: &mut Context) -> Result<(), Refused> {
        put_up(name, data, cx)
    }

    fn step(&mut self, inputs: Inputs<AvatarInput>, cx: &mut Context) {
        for order in inputs {
            if let Some(id) = self.seats.entity(order.seat) {
                self.world.steer(id, order.input, order.view, cx);
            }
        }
        self.world.step(cx);
    }

    // Players have none, and whoever sends one, as tools do to see it confirmed, plays on.
    fn bad_command(&mut self, _: Seat, _: &MessageError, _: &mut Context) {}

    fn can_be_remade(&self) -> bool {
        true
    }

    fn persistence(&self) -> Persistence {
        Persistence::Optional
    }

    fn save(&self) -> Option<Saved> {
        Some(Saved::new(FORMAT, &self.world.contents()))
    }

    fn load(&mut self, saved: &Saved) -> Result<(), LoadError> {
        if saved.version != FORMAT {
            return Err(LoadError::Version(saved.version));
        }
        self.world.fill(saved.read()?);
        self.world.avatars.iter().for_each(|avatar| self.seats.take(avatar.seat, avatar.id));
        Ok(())
    }

    fn write_snapshot(&self, out: &mut RowWriter<ArenaRows>) {
        for avatar in &self.world.avatars {
            out.entity(avatar.id, &avatar.row());
        }
        for spark in &self.world.sparks {
            out.entity(spark.id, &spark.row());
        }
        for ball in &self.world.snowballs {
            out.entity(ball.id, &ball.row());
        }
        for (id, row) in self.world.crowd.iter().flat_map(Crowd::rows) {
            out.row(OVERVIEW, id, &row);
        }
    }
}

fn rewind(setup: &RoomSetup) -> Result<Duration, SetupError> {
    const MOST: u64 = limits::REWIND.as_millis() as u64;
    let Some(wanted) = setup.options.get("rewind") else { return Ok(REWIND) };
    let milliseconds = wanted.parse().ok().filter(|milliseconds| *milliseconds <= MOST);
    let wrong = || SetupError::option("rewind", wanted, format!("must be 0 to {MOST} milliseconds"));
    milliseconds.map(Duration::from_millis).ok_or_else(wrong)
}
