//! A small game for the fuzz target of rooms and for unit tests: one pawn per player, moved by the server or placed by the
//! client. Messages, calls and chat lines lead to every kind of answer that a game gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::game::{Context, Game, LoadError, Player, PlayerInput, Recipients, Refused, Saved, SnapshotWriter, Spec};
use crate::id::{EntityId, KindId, Seat};
use crate::snapshot::{Field, InputSchema, Kind, Schema, Shape};
use crate::wire::{Authority, Close};

/// The board reaches this far from its centre, in both directions.
const EDGE: i32 = 1 << 20;
/// A client may place its pawn this far from where it was; a pawn placed beyond the double ends the session.
const REACH: i32 = 1 << 16;

/// The game; `Authority` decides what its two input fields mean: a step, or a place.
pub(crate) struct Pawns {
    authority: Authority,
    pawns: BTreeMap<Seat, (EntityId, [i32; 2])>,
}

impl Pawns {
    /// An empty board.
    pub(crate) fn new(authority: Authority) -> Self {
        Self { authority, pawns: BTreeMap::new() }
    }
}

impl Game for Pawns {
    fn spec(&self) -> Spec {
        let places = ["x", "y"].map(|name| Field::linear(name, Shape::Int { min: -EDGE, max: EDGE }));
        let span = if self.authority == Authority::Server { 1 } else { EDGE };
        let inputs = ["x", "y"].map(|name| Field::held(name, Shape::Int { min: -span, max: span }));
        Spec {
            schema: Arc::new(Schema::new(vec![Kind::new("pawn", places.into())]).expect("a valid schema")),
            inputs: InputSchema::new(inputs.into()).expect("a valid schema"),
            authority: self.authority,
            capacity: 100,
            properties: Vec::new(),
        }
    }

    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        let id = cx.spawn();
        self.pawns.insert(player.seat, (id, [0; 2]));
        Ok(id)
    }

    fn leave(&mut self, seat: Seat, cx: &mut Context) {
        self.pawns.remove(&seat);
        cx.emit(Recipients::All, 0, vec![seat.0 as u8]);
    }

    fn step(&mut self, inputs: &[PlayerInput], cx: &mut Context) {
        for PlayerInput { seat, input, fresh, .. } in inputs {
            let Some((_, place)) = self.pawns.get_mut(seat) else { continue };
            let wanted = [input[0], input[1]];
            if self.authority == Authority::Server {
                // Pawns also drift, so that a room without inputs has deltas.
                let drift = cx.random_below(3).cast_signed() - 1;
                let step = wanted.map(|step| step.saturating_mul(4).saturating_add(drift));
                *place = [0, 1].map(|axis| place[axis].saturating_add(step[axis]).clamp(-EDGE, EDGE));
            } else if *fresh {
                let [far_x, far_y] = [0, 1].map(|axis| wanted[axis].saturating_sub(place[axis]).saturating_abs());
                match far_x.max(far_y) {
                    0..=REACH => *place = wanted,
                    far => {
                        cx.correct(*seat, 1);
                        if far > 2 * REACH {
                            cx.kick(*seat, Close::Cheating);
                        }
                    }
                }
            }
        }
    }

    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        for (id, place) in self.pawns.values() {
            out.entity(KindId(0), *id, place);
        }
    }

    fn save(&self) -> Option<Saved> {
        Some(Saved::new(1, &self.pawns))
    }

    fn load(&mut self, saved: &Saved) -> Result<(), LoadError> {
        self.pawns = saved.read()?;
        Ok(())
    }

    fn command(&mut self, seat: Seat, kind: u16, body: &[u8], cx: &mut Context) {
        let to = match kind % 4 {
            0 => Recipients::All,
            1 => Recipients::Only(seat),
            2 => Recipients::Except(seat),
            _ => Recipients::Some(vec![Seat(0), Seat(kind / 4)]),
        };
        cx.emit(to, kind, body.to_vec());
    }

    fn call(&mut self, _: Seat, kind: u16, body: &[u8], _: &mut Context) -> Result<Bytes, Refused> {
        if kind.is_multiple_of(3) { Err(format!("no call of kind {kind}").into()) } else { Ok(body.to_vec().into()) }
    }

    fn chat(&mut self, from: Seat, text: &str, _: &mut Context) -> bool {
        !(usize::from(from.0) + text.len()).is_multiple_of(5)
    }
}
