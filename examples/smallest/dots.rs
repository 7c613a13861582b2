// The game: dots on a board, each steered by a player.

use std::collections::BTreeMap;
use std::sync::Arc;

use tickwire::{
    Authority, Context, EntityId, Field, Game, InputSchema, Kind, KindId, Player, PlayerInput, Refused, Schema, Seat,
    Shape, SnapshotWriter, Spec,
};

/// Half the width of the board, in quanta of 1/64.
const EDGE: i32 = 64 * 64;

/// The dot of each taken seat, and its position.
#[derive(Default)]
pub struct Dots(BTreeMap<Seat, (EntityId, i32, i32)>);

impl Game for Dots {
    fn spec(&self) -> Spec {
        let place = Shape::Fixed { min: -EDGE, max: EDGE, per_unit: 64 };
        let way = Shape::Int { min: -1, max: 1 };
        let dot = Kind::new("dot", vec![Field::linear("x", place.clone()), Field::linear("y", place)]);
        Spec {
            schema: Arc::new(Schema::new(vec![dot]).expect("a valid schema")),
            inputs: InputSchema::new(vec![Field::held("x", way.clone()), Field::held("y", way)]).expect("valid inputs"),
            authority: Authority::Server,
            capacity: 100,
            properties: Vec::new(),
        }
    }

    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        let id = cx.spawn();
        self.0.insert(player.seat, (id, 0, 0));
        Ok(id)
    }

    fn leave(&mut self, seat: Seat, _: &mut Context) {
        self.0.remove(&seat);
    }

    fn step(&mut self, inputs: &[PlayerInput], cx: &mut Context) {
        let speed = 64 * 8 / i32::from(cx.rate().per_second());
        for one in inputs {
            if let Some((_, x, y)) = self.0.get_mut(&one.seat) {
                *x = (*x + speed * one.input[0]).clamp(-EDGE, EDGE);
                *y = (*y + speed * one.input[1]).clamp(-EDGE, EDGE);
            }
        }
    }

    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        for (id, x, y) in self.0.values() {
            out.entity(KindId(0), *id, &[*x, *y]);
        }
    }
}
