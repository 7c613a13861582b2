//! A synthetic game for benchmarks: avatars that hold a course for a second or so, as people do.

use std::collections::BTreeMap;
use std::sync::Arc;

use tickwire::engine::{Laid, Room, RoomConfig};
use tickwire::game::{Context, Game, Move, Observer, Player, Setup, Spec};
use tickwire::id::{EntityId, KindId, PlacementEpoch, Seat, Seq, ZoneId};
use tickwire::snapshot::{Field, InputSchema, Kind, Schema, Shape};
use tickwire::tick::TickRate;
use tickwire::wire::Rule;

/// Half the side of the field, in quanta of 1/64 m.
const HALF: i32 = 64 * 60;

#[derive(Default)]
struct Crowd {
    walkers: Vec<Walker>,
}

struct Walker {
    id: EntityId,
    x: i32,
    y: i32,
    dx: i32,
    dy: i32,
}

impl Game for Crowd {
    fn spec(&self) -> Spec {
        let place = || Shape::Fixed { min: -HALF, max: HALF, per_unit: 64 };
        let fields = vec![
            Field::linear("x", place()),
            Field::linear("y", place()),
            Field::held("heading", Shape::Angle { bits: 8 }),
            Field::held("colour", Shape::Colour { count: 8 }),
        ];
        let inputs = vec![Field::held("heading", Shape::Angle { bits: 8 })];
        Spec {
            schema: Arc::new(Schema::new(vec![Kind::new("walker", fields)]).expect("a valid schema")),
            inputs: InputSchema::new(inputs).expect("a valid schema"),
            rule: Rule::Steer,
            capacity: 4096,
            properties: vec![],
        }
    }

    fn join(&mut self, _: &Player, cx: &mut Context) -> Result<EntityId, String> {
        let mut at = || cx.below(2 * HALF.cast_unsigned()).cast_signed() - HALF;
        let (x, y) = (at(), at());
        let id = cx.spawn();
        self.walkers.push(Walker { id, x, y, dx: 0, dy: 0 });
        Ok(id)
    }

    fn leave(&mut self, _: Seat, _: &mut Context) {}

    fn step(&mut self, _: &[Move], cx: &mut Context) {
        for walker in &mut self.walkers {
            if cx.below(20) == 0 {
                // Up to 5 m/s at 20 ticks per second.
                let mut speed = || cx.below(33).cast_signed() - 16;
                (walker.dx, walker.dy) = (speed(), speed());
            }
            walker.x = (walker.x + walker.dx).clamp(-HALF, HALF);
            walker.y = (walker.y + walker.dy).clamp(-HALF, HALF);
        }
    }

    fn observe(&self, out: &mut Observer) {
        for Walker { id, x, y, dx, dy } in &self.walkers {
            let heading = (dx * 8 + dy) & 0xff;
            out.row(ZoneId(0), KindId(0), *id, &[*x, *y, heading, (id.0 % 8).cast_signed()]);
        }
    }
}

/// A room with that many players.
pub fn room(players: u16) -> Room {
    let setup = Setup { rate: TickRate::DEFAULT, seed: 1, options: BTreeMap::new() };
    let config = RoomConfig { id: "r".to_owned(), game: "crowd".to_owned(), setup, capacity: None };
    let mut room = Room::new(config, Box::<Crowd>::default());
    for n in 0..players {
        room.admit(format!("p{n}"), BTreeMap::new()).expect("there is room");
    }
    room.take_posts();
    (0..40).for_each(|n| {
        offer(&mut room, players, n);
        room.tick();
    });
    room
}

/// One input of every player, number `n` from 0.
pub fn offer(room: &mut Room, players: u16, n: u32) {
    for seat in 0..players {
        let input = [((n / 10) & 0xff).cast_signed(), 0, 0, 0, 0, 0, 0, 0];
        room.offer(Seat(seat), &Laid { first: Seq(n + 1), count: 1, placement: PlacementEpoch(0), input });
    }
}
