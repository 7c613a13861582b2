//! What a large world costs: processor time and bytes per update, for players who each see about fifty others, compared with a
//! plain room of fifty; and the bytes over cell sizes.
//!
//! One thread does the work of a server: the tick with its deltas, and a message for every player. Neither sockets nor actors
//! are in it. `cargo bench --bench zones` prints two tables; rounds of all worlds are interleaved, so that a busy machine slows
//! all of them.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use tickwire::engine::{Admitted, Enter, FrameSender, Room, RoomConfig, RoomInput, RoomPolicy, Transport};
use tickwire::game::{Context, Game, Interest, Player, PlayerInput, Refused, RoomSetup, SnapshotWriter, Spec};
use tickwire::id::{EntityId, KindId, Seat};
use tickwire::snapshot::{Field, Frame, InputSchema, Kind, Schema, Shape};
use tickwire::tick::{Moment, TickRate};
use tickwire::wire::{AckedTick, Authority, Features, Role};

const METRE: i32 = 64;
/// How far players see, in metres.
const SIGHT: i32 = 24;
/// Square metres per player: 50 in sight.
const AREA: f64 = 36.0;

/// From how many metres on cells are sent at one of so many ticks.
type Rings = &'static [(i32, u8)];

/// Walkers that turn now and then.
struct Walkers {
    side: i32,
    sees_all: bool,
    cell: Option<i32>,
    rings: Rings,
    random: Pcg32,
    walkers: Vec<Walker>,
}

struct Walker {
    id: EntityId,
    at: [f64; 2],
    heading: f64,
    turn: f64,
}

fn schema(side: i32) -> Schema {
    let place = || Shape::Fixed { min: 0, max: side * METRE, per_unit: METRE as u16 };
    let kind = Kind::new("walker", vec![Field::smooth("x", place()), Field::smooth("y", place())]);
    Schema::new(vec![kind.at("x", "y")]).expect("a valid schema")
}

impl Walkers {
    fn unit(&mut self) -> f64 {
        f64::from(self.random.next_u32()) / f64::from(u32::MAX)
    }
}

impl Game for Walkers {
    fn spec(&self) -> Spec {
        Spec {
            schema: Arc::new(schema(self.side)),
            inputs: InputSchema::new(vec![Field::held("go", Shape::Bool)]).expect("a valid schema"),
            authority: Authority::Server,
            capacity: 4000,
            properties: Vec::new(),
        }
    }

    fn interest(&self) -> Option<Interest> {
        let schema = schema(self.side);
        let interest = Interest::within(&schema, SIGHT * METRE).expect("a valid interest");
        let cell = self.cell.map_or(interest.grid().side(), |metres| metres * METRE);
        let interest = interest.with_cells(&schema, cell).expect("a valid grid");
        let rings = self.rings.iter();
        let interest = rings.fold(interest, |interest, (beyond, every)| interest.with_far(beyond * METRE, *every));
        (!self.sees_all).then_some(interest)
    }

    fn join(&mut self, _: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        let id = cx.spawn();
        let side = f64::from(self.side);
        let (at, heading) = ([self.unit() * side, self.unit() * side], self.unit() * std::f64::consts::TAU);
        self.walkers.push(Walker { id, at, heading, turn: 0.0 });
        Ok(id)
    }

    fn leave(&mut self, _: Seat, _: &mut Context) {}

    fn step(&mut self, _: &[PlayerInput], _: &mut Context) {
        let side = f64::from(self.side);
        for index in 0..self.walkers.len() {
            let [dice, turn] = [self.unit(), self.unit()];
            let walker = &mut self.walkers[index];
            if dice < 0.03 {
                walker.turn = (turn - 0.5) * 0.3;
            }
            walker.heading += walker.turn;
            for (axis, step) in [walker.heading.cos(), walker.heading.sin()].into_iter().enumerate() {
                let next = walker.at[axis] + step * 0.2;
                if !(0.0..side).contains(&next) {
                    walker.heading += 2.0;
                } else {
                    walker.at[axis] = next;
                }
            }
        }
    }

    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        for walker in &self.walkers {
            out.entity(KindId(0), walker.id, &walker.at.map(|metres| (metres * f64::from(METRE)) as i32));
        }
    }
}

/// One world with its players' senders.
struct World {
    name: String,
    room: Room,
    senders: Vec<FrameSender>,
    /// The newest frames, as far as a sender may need them.
    frames: Vec<Arc<Frame>>,
    now: Moment,
    took: Vec<Duration>,
    bytes: u64,
    seen: u64,
    updates: u64,
}

impl World {
    const FRAMES: usize = 16;

    fn new(name: &str, players: u16, sees_all: bool, cell: Option<i32>, rings: Rings) -> Self {
        let side = (f64::from(players) * AREA).sqrt() as i32;
        let setup = RoomSetup { rate: TickRate::DEFAULT, seed: 1, options: BTreeMap::new() };
        let game = Walkers { side, sees_all, cell, rings, random: Pcg32::new(1, 1), walkers: Vec::new() };
        let mut room = Room::new(RoomConfig::new("bench", "walkers", setup, RoomPolicy::default()), Box::new(game));
        let enter = |name: String| {
            let (identity, options) = (None, BTreeMap::new());
            RoomInput::Enter(Enter { role: Role::Player, identity, name, options, reserved: false, secret: None })
        };
        let mut admit = |number: u16| -> Admitted {
            let answer = room.apply(enter(format!("p{number}")), &mut Vec::new()).expect("a room answers");
            *answer.expect("there is room")
        };
        let starts: Vec<_> = (0..players).map(|number| admit(number).start).collect();
        let sender = |start| FrameSender::new(Moment(0), start, 0, Features::DENSE_LIST, Transport::Ordered);
        let senders = starts.iter().map(sender).collect();
        let (name, took, frames) = (name.to_owned(), Vec::new(), Vec::new());
        let mut world = Self { name, room, senders, frames, now: Moment(0), took, bytes: 0, seen: 0, updates: 0 };
        world.run(60);
        (world.took, world.bytes, world.seen, world.updates) = (Vec::new(), 0, 0, 0);
        world
    }

    /// Runs so many ticks, and notes the time per update.
    fn run(&mut self, ticks: u32) {
        let begun = Instant::now();
        for _ in 0..ticks {
            self.now = self.now.plus(Duration::from_millis(50));
            self.room.apply(RoomInput::Tick, &mut Vec::new());
            if self.frames.len() == Self::FRAMES {
                self.frames.remove(0);
            }
            let frame = self.room.frame().clone();
            self.frames.push(frame.clone());
            for sender in &mut self.senders {
                let ticks = usize::try_from(frame.tick().since(sender.base())).unwrap_or(1);
                let first = self.frames.len().saturating_sub(ticks);
                let message = sender.compose(self.now, &self.frames[first..], None);
                self.bytes += message.len() as u64;
                sender.ack(self.now, AckedTick::Full(frame.tick()));
            }
        }
        let updates = u64::from(ticks) * self.senders.len() as u64;
        self.took.push(begun.elapsed() / updates as u32);
        self.updates += updates;
        let frame = self.room.frame();
        let rows = |zones: &[tickwire::id::ZoneId]| -> usize {
            zones.iter().filter_map(|zone| frame.zone(*zone)).map(tickwire::snapshot::FrameZone::rows).sum()
        };
        let seen: usize = frame.notes().iter().map(|note| rows(&note.zones)).sum();
        self.seen += seen as u64 * u64::from(ticks);
    }

    fn bytes_per_update(&self) -> f64 {
        self.bytes as f64 / self.updates as f64
    }

    fn seen_per_update(&self) -> f64 {
        self.seen as f64 / self.updates as f64
    }

    fn median(&self) -> f64 {
        let mut took = self.took.clone();
        took.sort_unstable();
        took[took.len() / 2].as_secs_f64() * 1e6
    }
}

fn print(worlds: &[World], plain: &World) {
    let row = plain.bytes_per_update() / plain.seen_per_update();
    println!(
        "{:<28} {:>8} {:>10} {:>10} {:>12} {:>9}",
        "world", "rows", "us/update", "of plain", "bytes/update", "per row"
    );
    for world in worlds {
        let (bytes, seen) = (world.bytes_per_update(), world.seen_per_update());
        println!(
            "{:<28} {seen:>8.1} {:>10.3} {:>9.2}x {bytes:>12.1} {:>8.2}x",
            world.name,
            world.median(),
            world.median() / plain.median(),
            bytes / seen / row
        );
    }
    println!();
}

fn main() {
    // `cargo test` runs benchmarks, too, without this argument.
    let quick = !std::env::args().any(|argument| argument == "--bench");
    let (rounds, ticks) = if quick { (1, 3) } else { (5, 40) };
    let mut worlds = vec![World::new("plain room of 50", 50, true, None, &[])];
    let sizes: &[u16] = if quick { &[400] } else { &[400, 800, 1600, 2000] };
    let name = |players: u16| format!("{players}, default cells");
    worlds.extend(sizes.iter().map(|players| World::new(&name(*players), *players, false, None, &[])));
    let cells: &[i32] = if quick { &[] } else { &[4, 6, 8, 12, 16, 24, 48] };
    let name = |cell: i32| format!("2000, cells of {cell} m");
    worlds.extend(cells.iter().map(|cell| World::new(&name(*cell), 2000, false, Some(*cell), &[])));
    let rings: &[(&str, i32, Rings)] = &[
        ("2000, 8 m, half from 16 m", 8, &[(16, 2)]),
        ("2000, 8 m, quarter from 16 m", 8, &[(16, 4)]),
        ("2000, 4 m, quarter from 12 m", 4, &[(12, 4)]),
    ];
    let worlds_with_rings = rings.iter().filter(|_| !quick);
    worlds.extend(worlds_with_rings.map(|(name, cell, rings)| World::new(name, 2000, false, Some(*cell), rings)));
    for _ in 0..rounds {
        worlds.iter_mut().for_each(|world| world.run(ticks));
    }
    print(&worlds, &worlds[0]);
    println!("players see {SIGHT} m far, at {AREA} square metres per player: 50 in sight");
}
