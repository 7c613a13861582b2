//! The game of the test world: every shape and motion, entities that appear, disappear and change zones, subscriptions that
//! change, a private zone per player, events to all kinds of recipients, corrections and kicks.
//! The game records its inputs and calls on a tape, which the judge compares. Its rules have no other purpose.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tickwire::game::{
    Area, ChannelNews, Context, Game, Interest, LoadError, Player, PlayerInput, Recipients, Refused, RoomSetup, Saved,
    SnapshotWriter, Spec, Wall,
};
use tickwire::id::{EntityId, KindId, Seat, ZoneId};
use tickwire::snapshot::{Field, InputSchema, Kind, Schema, Shape};
use tickwire::tick::ViewTime;
use tickwire::wire::{Authority, Close};

const AVATAR: KindId = KindId(0);
const ANIMAL: KindId = KindId(1);
const ROCK: KindId = KindId(2);
const SECRET: KindId = KindId(3);
/// The zone of a seat's own secrets is this plus the seat.
const PRIVATE: u16 = 100;
/// Half the side of the world in quanta.
const HALF: i32 = 6400;
/// The farthest that an animal moves per tick, in quanta.
const STRIDE: u32 = 90;
/// How far back avatars look.
const REWIND: Duration = Duration::from_millis(300);

/// What the game was given, in order.
#[derive(Debug, Default)]
pub struct Tape {
    /// The inputs of the last step.
    pub inputs: Vec<PlayerInput>,
    /// Commands since they were last taken, with the entity of the player.
    pub commands: Vec<(Seat, EntityId, u32)>,
}

/// How wild the zoo is.
#[derive(Clone, Copy, Debug)]
pub struct Wildness {
    /// How inputs are treated.
    pub authority: Authority,
    /// Animals at the start.
    pub animals: u32,
    /// Whether entities come and go, subscriptions change and players are kicked.
    pub turmoil: bool,
    /// How far players see, in quanta; with `None`, animals are in quarters that the game subscribes players to.
    pub sight: Option<i32>,
    /// What is beyond half of that is sent at one of so many ticks, and what is beyond all of it half as often; 1 for all
    /// ticks.
    pub far: u8,
    /// Whether there are walls through which nobody sees.
    pub walls: bool,
}

/// The walls, if there are any.
pub const WALLS: [Wall; 4] = [
    Wall { least: [-6000, -1500], most: [-500, -1460] },
    Wall { least: [600, -6400], most: [640, 3000] },
    Wall { least: [-4000, 2000], most: [6400, 2030] },
    Wall { least: [-2000, -6000], most: [-1900, -2000] },
];

#[derive(Debug)]
pub struct Zoo {
    wild: Wildness,
    avatars: BTreeMap<Seat, Avatar>,
    /// Whose connection is gone.
    away: BTreeSet<Seat>,
    animals: BTreeMap<EntityId, Animal>,
    rocks: Vec<EntityId>,
    tape: Arc<Mutex<Tape>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Avatar {
    entity: EntityId,
    x: i32,
    y: i32,
    heading: i32,
    awake: bool,
    steps: i32,
    /// Whether it was placed somewhere else at this tick.
    placed: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Animal {
    x: i32,
    y: i32,
    dx: i32,
    dy: i32,
    spin: i32,
    age: i32,
}

impl Zoo {
    pub fn new(setup: &RoomSetup, wild: Wildness) -> (Self, Arc<Mutex<Tape>>) {
        let tape = Arc::new(Mutex::new(Tape::default()));
        let mut cx = Context::new(setup.rate, setup.seed);
        let mut zoo = Self {
            wild,
            avatars: BTreeMap::new(),
            away: BTreeSet::new(),
            animals: BTreeMap::new(),
            rocks: Vec::new(),
            tape: tape.clone(),
        };
        // Ids of the start lie far above those that the room hands out.
        for n in 0..wild.animals {
            zoo.animals.insert(EntityId(1_000_000 + n), Animal::new(&mut cx));
        }
        zoo.rocks.extend((0..3).map(|n| EntityId(2_000_000 + n * n)));
        (zoo, tape)
    }

    fn live(&mut self, cx: &mut Context) {
        for animal in self.animals.values_mut() {
            animal.live(cx);
        }
        if !self.wild.turmoil {
            return;
        }
        if cx.random_below(6) == 0 && self.animals.len() < 2 * self.wild.animals as usize {
            let id = cx.spawn();
            self.animals.insert(id, Animal::new(cx));
        }
        if cx.random_below(6) == 0 && !self.animals.is_empty() {
            let index = cx.random_below(self.animals.len() as u32) as usize;
            let id = *self.animals.keys().nth(index).expect("the index is below the length");
            self.animals.remove(&id);
        }
        // Once in a while they all go, so that zones become empty.
        if cx.random_below(150) == 0 {
            self.animals.clear();
        }
    }

    fn speak(&mut self, cx: &mut Context) {
        let stamp = cx.tick().0.to_le_bytes().to_vec();
        if cx.random_below(10) == 0 {
            cx.emit(Recipients::All, 1, stamp.clone());
        }
        let Some(seat) = self.pick(cx) else { return };
        match cx.random_below(if self.wild.turmoil { 400 } else { 20 }) {
            0..8 => cx.emit(Recipients::Only(seat), 2, stamp),
            8..16 => cx.emit(Recipients::Except(seat), 3, stamp),
            // More than one message takes, and more than the log of a recipient holds.
            100 => (0..100).for_each(|_| cx.emit(Recipients::All, 4, stamp.clone())),
            101 => (0..80).for_each(|_| cx.emit(Recipients::All, 5, vec![9; 1000])),
            102 => cx.kick(seat, Close::Kicked),
            103..120 => cx.subscribe(seat, vec![]),
            120..140 => self.subscribe(seat, cx),
            _ => {}
        }
    }

    fn pick(&self, cx: &mut Context) -> Option<Seat> {
        let index = cx.random_below(self.avatars.len() as u32) as usize;
        self.avatars.keys().nth(index).copied()
    }

    fn subscribe(&self, seat: Seat, cx: &mut Context) {
        let avatar = &self.avatars[&seat];
        let mut zones = vec![ZoneId(0), ZoneId(PRIVATE + seat.0)];
        zones.extend(self.wild.sight.is_none().then(|| area(avatar.x, avatar.y)));
        if cx.random_below(3) == 0 {
            zones.push(ZoneId(1 + cx.random_below(4) as u16));
        }
        cx.subscribe(seat, zones);
    }
}

/// The quarter of the world around a position: zones 1 to 4.
fn area(x: i32, y: i32) -> ZoneId {
    ZoneId(1 + u16::from(x >= 0) + 2 * u16::from(y >= 0))
}

impl Animal {
    fn new(cx: &mut Context) -> Self {
        let side = 2 * HALF.cast_unsigned();
        let mut at = || cx.random_below(side).cast_signed() - HALF;
        Self { x: at(), y: at(), dx: 0, dy: 0, spin: 0, age: 0 }
    }

    fn live(&mut self, cx: &mut Context) {
        if cx.random_below(4) == 0 {
            let mut speed = || cx.random_below(2 * STRIDE).cast_signed() - STRIDE.cast_signed();
            (self.dx, self.dy) = (speed(), speed());
        }
        // Not kept within the range: the frame saturates.
        (self.x, self.y) = (self.x + self.dx, self.y + self.dy);
        if self.x.abs() > HALF + 200 || self.y.abs() > HALF + 200 {
            (self.x, self.y) = (self.x / 2, self.y / 2);
        }
        self.spin += self.dx;
        self.age += 1;
    }
}

/// Something that depends on where an avatar was shown.
fn glimpse(of: &Option<EntityId>, shown: ViewTime, cx: &mut Context) -> i32 {
    let past = cx.rewind(shown).expect("the room keeps the rows that it says a player was shown");
    let oldest = cx.rate().ticks_in(REWIND).cast_signed();
    assert!((1..=oldest).contains(&cx.tick().since(shown.tick)), "{shown:?} at {:?}", cx.tick());
    let Some(row) = of.and_then(|entity| past.row(AVATAR, entity)) else { return 0 };
    cx.judged(Seat(0), Seat(1), shown);
    row.between(0) & 3
}

/// Avatars, animals, rocks and what is secret.
fn schema() -> Schema {
    let place = || Shape::Fixed { min: -HALF, max: HALF, per_unit: 64 };
    let labels = |names: &[&str]| Shape::Enum { labels: names.iter().map(ToString::to_string).collect() };
    let schema = Schema::new(vec![
        Kind::new(
            "avatar",
            vec![
                Field::linear("x", place()),
                Field::linear("y", place()),
                Field::linear("heading", Shape::Angle { bits: 10 }),
                Field::held("awake", Shape::Bool),
                Field::held("colour", Shape::Colour { count: 8 }),
            ],
        )
        .at("x", "y"),
        Kind::new(
            "animal",
            vec![
                Field::linear("x", place()),
                Field::linear("y", place()),
                Field::linear("spin", Shape::Angle { bits: 16 }),
                Field::linear("age", Shape::Int { min: 0, max: 200 }),
                Field::held("mood", labels(&["calm", "hungry", "wild"])),
            ],
        )
        .at("x", "y"),
        Kind::new("rock", vec![]),
        Kind::new("secret", vec![Field::held("steps", Shape::Int { min: -5, max: 1 << 29 })]),
    ]);
    schema.expect("a valid schema")
}

impl Game for Zoo {
    fn spec(&self) -> Spec {
        let place = || Shape::Fixed { min: -HALF, max: HALF, per_unit: 64 };
        let inputs = InputSchema::new(vec![
            Field::held("mark", Shape::Int { min: 0, max: 1 << 29 }),
            Field::held("heading", Shape::Angle { bits: 10 }),
            Field::held("run", Shape::Bool),
            Field::held("x", place()),
            Field::held("y", place()),
        ]);
        Spec {
            schema: Arc::new(schema()),
            inputs: inputs.expect("a valid schema"),
            authority: self.wild.authority,
            capacity: 16,
            properties: vec![("home".to_owned(), "zoo".to_owned())],
        }
    }

    fn interest(&self) -> Option<Interest> {
        let sight = self.wild.sight?;
        let interest = Interest::within(&schema(), sight).expect("a valid interest");
        let cells = match (self.wild.walls, self.wild.far) {
            (true, _) => sight / 3,
            (_, 1) => sight,
            _ => sight / 2,
        };
        let interest = interest.with_cells(&schema(), cells).expect("a valid grid");
        let interest = if self.wild.walls { interest.with_margin(sight / 16).with_walls(WALLS) } else { interest };
        let rings = [(sight / 2, self.wild.far), (sight, 2 * self.wild.far)];
        let rings = rings.into_iter().filter(|_| self.wild.far > 1);
        Some(rings.fold(interest, |interest, (beyond, every)| interest.with_far(beyond, every)))
    }

    fn rewind(&self) -> Duration {
        REWIND
    }

    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        let entity = cx.spawn();
        cx.emit(Recipients::All, 6, vec![player.seat.0 as u8]);
        if player.options.contains_key("refuse") {
            cx.subscribe(player.seat, vec![ZoneId(9)]);
            return Err("asked to be refused".into());
        }
        let animal = Animal::new(cx);
        self.avatars.insert(
            player.seat,
            Avatar { entity, x: animal.x, y: animal.y, heading: 0, awake: false, steps: 0, placed: false },
        );
        self.subscribe(player.seat, cx);
        Ok(entity)
    }

    fn leave(&mut self, seat: Seat, cx: &mut Context) {
        self.avatars.remove(&seat).expect("only who joined leaves");
        self.away.remove(&seat);
        cx.emit(Recipients::All, 7, vec![seat.0 as u8]);
    }

    fn command(&mut self, seat: Seat, _kind: u16, body: &[u8], cx: &mut Context) {
        let number = u32::from_le_bytes(body.try_into().expect("commands have four bytes"));
        self.tape.lock().expect("no test panics with it").commands.push((seat, self.avatars[&seat].entity, number));
        cx.emit(Recipients::Only(seat), 8, body.to_vec());
    }

    fn call(&mut self, seat: Seat, kind: u16, body: &[u8], cx: &mut Context) -> Result<Bytes, Refused> {
        self.command(seat, kind, body, cx);
        if kind == 2 { Ok(Bytes::copy_from_slice(body)) } else { Err("odd calls are refused".into()) }
    }

    fn server_event(&mut self, name: &str, data: &str, cx: &mut Context) -> Result<(), Refused> {
        let told = (name != "odd").then(|| cx.emit(Recipients::All, 11, data.as_bytes().to_vec()));
        told.ok_or_else(|| "odd events are refused".into())
    }

    fn channel_news(&mut self, news: &ChannelNews, cx: &mut Context) {
        let ChannelNews::Joined { channel, member, info } = news else { return };
        cx.listen(channel);
        cx.join_channel(channel, member, info);
        cx.emit(Recipients::All, 12, channel.as_bytes().to_vec());
    }

    fn disconnected(&mut self, seat: Seat, cx: &mut Context) {
        assert!(self.avatars.contains_key(&seat) && self.away.insert(seat), "only who is there drops out");
        cx.emit(Recipients::All, 9, vec![seat.0 as u8]);
    }

    fn reconnected(&mut self, seat: Seat, cx: &mut Context) {
        assert!(self.avatars.contains_key(&seat), "only who joined returns");
        self.away.remove(&seat);
        cx.emit(Recipients::All, 10, vec![seat.0 as u8]);
    }

    fn step(&mut self, inputs: &[PlayerInput], cx: &mut Context) {
        assert!(inputs.iter().map(|step| step.seat).eq(self.avatars.keys().copied()), "one move per seat, in order");
        self.tape.lock().expect("no test panics with it").inputs = inputs.to_vec();
        let first = self.avatars.values().next().map(|avatar| avatar.entity);
        for step in inputs {
            assert!(!step.fresh || !self.away.contains(&step.seat), "who is away does nothing");
            let avatar = self.avatars.get_mut(&step.seat).expect("compared above");
            let before = area(avatar.x, avatar.y);
            avatar.placed = false;
            avatar.steps += i32::from(step.fresh) + step.view.map_or(0, |shown| glimpse(&first, shown, cx));
            avatar.heading = step.input[1];
            avatar.awake = step.input[2] == 1;
            match self.wild.authority {
                Authority::Client if step.fresh => (avatar.x, avatar.y) = (step.input[3], step.input[4]),
                Authority::Client => {}
                Authority::Server => avatar.x = (avatar.x + (avatar.heading - 512) / 8).clamp(-HALF, HALF),
            }
            if cx.random_below(120) == 0 {
                (avatar.x, avatar.y, avatar.placed) = (avatar.y, avatar.x / 2, true);
                cx.correct(step.seat, (avatar.x & 0xff) as u8);
            }
            if self.wild.turmoil && area(avatar.x, avatar.y) != before {
                self.subscribe(step.seat, cx);
            }
        }
        self.live(cx);
        self.speak(cx);
    }

    fn save(&self) -> Option<Saved> {
        Some(Saved::new(1, &(&self.avatars, &self.away, &self.animals)))
    }

    fn load(&mut self, saved: &Saved) -> Result<(), LoadError> {
        (self.avatars, self.away, self.animals) = saved.read()?;
        Ok(())
    }

    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        for (seat, avatar) in &self.avatars {
            let Avatar { entity, x, y, heading, awake, steps, placed } = *avatar;
            let colour = i32::from(seat.0 % 8);
            out.entity(AVATAR, entity, &[x, y, heading, awake.into(), colour]);
            out.row(ZoneId(PRIVATE + seat.0), SECRET, entity, &[steps]);
            if placed {
                out.teleported(AVATAR, entity);
            }
        }
        self.rocks.iter().for_each(|id| out.entity(ROCK, *id, &[]));
        // From the last to the first: a game may write in any order.
        for (id, animal) in self.animals.iter().rev() {
            let Animal { x, y, spin, age, .. } = *animal;
            let near = if self.wild.sight.is_some() { Area::Auto } else { area(x, y).into() };
            out.row(near, ANIMAL, *id, &[x, y, spin, age % 400, (age / 50) % 3]);
        }
    }
}
