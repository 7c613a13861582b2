//! One crowd twice: a game by hand, and the same in types of its own. They must make the same rows at the same cost.

#![allow(dead_code, reason = "each user needs some of it")]

#[path = "../drive/mod.rs"]
pub mod drive;

use std::collections::BTreeMap;
use std::sync::Arc;

use tickwire::engine::{InputRun, Room, RoomConfig, RoomPolicy};
use tickwire::game::{Context, Game, Player, PlayerInput, Refused, RoomSetup, SnapshotWriter, Spec};
use tickwire::id::{CorrectionEpoch, EntityId, KindId, Seat, Seq};
use tickwire::snapshot::{Field, InputSchema, Kind, Schema, Shape};
use tickwire::tick::TickRate;
use tickwire::wire::Authority;
use tickwire::{Inputs, Row, RowWriter, TypedGame};

const WIDTH: i32 = 1 << 20;

/// Every player walks in a direction of their own, so that every row changes at every tick.
#[derive(Default)]
pub struct Crowd {
    walkers: Vec<(EntityId, i32, i32)>,
}

impl Game for Crowd {
    fn spec(&self) -> Spec {
        let place = || Shape::Fixed { min: 0, max: WIDTH, per_unit: 64 };
        let fields = vec![Field::linear("x", place()), Field::linear("y", place())];
        let inputs = vec![Field::held("speed", Shape::Int { min: 0, max: 1000 })];
        Spec {
            schema: Arc::new(Schema::new(vec![Kind::new("walker", fields)]).expect("a valid schema")),
            inputs: InputSchema::new(inputs).expect("a valid schema"),
            authority: Authority::Server,
            capacity: 1000,
            properties: vec![],
        }
    }

    fn join(&mut self, _: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        let id = cx.spawn();
        self.walkers.push((id, 0, 0));
        Ok(id)
    }

    fn leave(&mut self, _: Seat, _: &mut Context) {}

    fn step(&mut self, inputs: &[PlayerInput], cx: &mut Context) {
        for ((_, x, y), step) in self.walkers.iter_mut().zip(inputs) {
            *x = (*x + step.input[0]) & 0xf_ffff;
            *y = (*y + cx.random_below(100).cast_signed()) & 0xf_ffff;
        }
    }

    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        for (id, x, y) in &self.walkers {
            out.entity(KindId(0), *id, &[*x, *y]);
        }
    }
}

/// What clients see of a walker.
#[derive(Row)]
pub struct Walker {
    #[row(range = 0..=WIDTH / 64, step = 1/64, motion = linear)]
    x: i32,
    #[row(range = 0..=WIDTH / 64, step = 1/64, motion = linear)]
    y: i32,
}

/// What a player wants.
#[derive(tickwire::Input)]
pub struct Walk {
    #[input(range = 0..=1000)]
    speed: i32,
}

/// As [`Crowd`].
#[derive(Default)]
pub struct TypedCrowd {
    walkers: Vec<(EntityId, Walker)>,
}

#[tickwire::game]
impl TypedGame for TypedCrowd {
    type Rows = Walker;
    type Input = Walk;

    fn capacity(&self) -> u16 {
        1000
    }

    fn join(&mut self, _: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        let id = cx.spawn();
        self.walkers.push((id, Walker { x: 0, y: 0 }));
        Ok(id)
    }

    fn leave(&mut self, _: Seat, _: &mut Context) {}

    fn step(&mut self, inputs: Inputs<Walk>, cx: &mut Context) {
        for ((_, walker), step) in self.walkers.iter_mut().zip(inputs) {
            walker.x = (walker.x + step.input.speed) & 0xf_ffff;
            walker.y = (walker.y + cx.random_below(100).cast_signed()) & 0xf_ffff;
        }
    }

    fn write_snapshot(&self, out: &mut RowWriter<Walker>) {
        out.entities(self.walkers.iter().map(|(id, walker)| (*id, walker)));
    }
}

/// A room of the game, without players.
pub fn room(game: Box<dyn Game>) -> Room {
    let setup = RoomSetup { rate: TickRate::DEFAULT, seed: 1, options: BTreeMap::new() };
    Room::new(RoomConfig::new("r", "crowd", setup, RoomPolicy::default()), game)
}

/// Every player's input number `n`.
pub fn offer(room: &mut Room, players: u16, n: u32) {
    for seat in 0..players {
        let input = [n.cast_signed() % 7, 0, 0, 0, 0, 0, 0, 0];
        let run = InputRun { first: Seq(n), count: 1, epoch: CorrectionEpoch(0), view: None, input };
        drive::offer(room, Seat(seat), run);
    }
}
