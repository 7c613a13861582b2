// The game: dots on a board, each steered by a player.

use tickwire::prelude::*;

/// Half the width of the board.
const EDGE: f32 = 64.0;

/// What clients see of a dot: where it is.
#[derive(Debug, PartialEq, Row)]
pub struct Dot {
    /// How far right of the middle.
    #[row(range = -EDGE..=EDGE, step = 1/64, motion = linear)]
    pub x: f32,
    /// How far below the middle.
    #[row(range = -EDGE..=EDGE, step = 1/64, motion = linear)]
    pub y: f32,
}

/// What a player wants.
#[derive(Input)]
pub struct Steer {
    /// To the left (-1) or to the right (1).
    #[input(range = -1..=1)]
    pub x: i8,
    /// Up (-1) or down (1).
    #[input(range = -1..=1)]
    pub y: i8,
}

/// The rules: every player has a dot.
#[derive(Default)]
pub struct Dots(Players<Dot>);

#[tickwire::game]
impl TypedGame for Dots {
    type Rows = Dot;
    type Input = Steer;

    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        Ok(self.0.join(player.seat, Dot { x: 0.0, y: 0.0 }, cx))
    }

    fn leave(&mut self, seat: Seat, _: &mut Context) {
        self.0.leave(seat);
    }

    fn step(&mut self, inputs: Inputs<Steer>, cx: &mut Context) {
        let speed = 8.0 / f32::from(cx.rate().per_second());
        for player in inputs {
            let dot = &mut self.0[player.seat];
            dot.x = (dot.x + speed * f32::from(player.input.x)).clamp(-EDGE, EDGE);
            dot.y = (dot.y + speed * f32::from(player.input.y)).clamp(-EDGE, EDGE);
        }
    }

    fn write_snapshot(&self, out: &mut RowWriter<Dot>) {
        out.entities(&self.0);
    }
}
