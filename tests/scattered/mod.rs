//! A large world in which players tread on the spot, so many of them in each of its first cells: every row changes at every
//! tick, and nobody leaves a cell.

use std::sync::Arc;

use tickwire::game::{Context, Game, Interest, Player, PlayerInput, Refused, SnapshotWriter, Spec};
use tickwire::id::{EntityId, KindId, Seat};
use tickwire::snapshot::{Field, InputSchema, Kind, Schema, Shape};
use tickwire::wire::Authority;

/// The side of a cell, in quanta.
const CELL: i32 = 1024;

/// The game.
pub struct Scattered {
    /// Cells side by side, and the side of the square of those that somebody is in.
    side: i32,
    taken: i32,
    walkers: Vec<(EntityId, [i32; 2])>,
}

impl Scattered {
    /// A world of `side` x `side` cells, in the first `taken` of which somebody is: a square number.
    pub fn new(side: i32, taken: i32) -> Self {
        Self { side, taken: taken.isqrt(), walkers: Vec::new() }
    }

    fn schema(&self) -> Schema {
        let place = || Shape::Int { min: 0, max: self.side * CELL - 1 };
        let kind = Kind::new("walker", vec![Field::smooth("x", place()), Field::smooth("y", place())]);
        Schema::new(vec![kind.at("x", "y")]).expect("a valid schema")
    }
}

impl Game for Scattered {
    fn spec(&self) -> Spec {
        Spec {
            schema: Arc::new(self.schema()),
            inputs: InputSchema::new(vec![Field::held("go", Shape::Bool)]).expect("a valid schema"),
            authority: Authority::Server,
            capacity: 1000,
            properties: Vec::new(),
        }
    }

    fn interest(&self) -> Option<Interest> {
        Some(Interest::within(&self.schema(), CELL).expect("a valid interest"))
    }

    fn join(&mut self, _: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        let (id, number) = (cx.spawn(), self.walkers.len() as i32);
        self.walkers.push((id, [number % self.taken, number / self.taken % self.taken].map(|cell| cell * CELL)));
        Ok(id)
    }

    fn leave(&mut self, _: Seat, _: &mut Context) {}

    fn step(&mut self, _: &[PlayerInput], cx: &mut Context) {
        for (_, at) in &mut self.walkers {
            *at = at.map(|at| at / CELL * CELL + CELL / 2 + cx.random_below(16).cast_signed() - 8);
        }
    }

    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        self.walkers.iter().for_each(|(id, at)| out.entity(KindId(0), *id, at));
    }
}
