//! The rules: players run about; the game knows them by their login.

use tickwire::prelude::*;

/// The width and the height of the board.
pub const SIDE: i32 = 640;
/// How far a player runs in a second. The page predicts with the same number.
pub const SPEED: i32 = 240;

/// Somebody who runs.
#[derive(Debug, PartialEq, Row)]
pub struct Runner {
    #[row(range = 0..=SIDE, motion = linear)]
    pub x: i32,
    #[row(range = 0..=SIDE, motion = linear)]
    pub y: i32,
    /// Only the server needs it.
    #[row(skip)]
    pub identity: String,
}

/// What a player wants.
#[derive(Input)]
pub struct Steer {
    /// To the left (-1) or to the right (1).
    #[input(range = -1..=1)]
    pub right: i32,
    /// Up (-1) or down (1).
    #[input(range = -1..=1)]
    pub down: i32,
}

/// The rules.
#[derive(Default)]
pub struct Rules(Players<Runner>);

#[tickwire::game]
impl TypedGame for Rules {
    type Rows = Runner;
    type Input = Steer;

    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        // Verified by the token: nobody can claim to be somebody else. Absent only in tests, which have no tokens.
        let identity = player.identity.clone().unwrap_or_else(|| player.name.clone());
        if self.0.iter().any(|(_, other)| other.identity == identity) {
            // The page gets this text.
            return Err(format!("{identity} is playing already").into());
        }
        Ok(self.0.join(player.seat, Runner { x: SIDE / 2, y: SIDE / 2, identity }, cx))
    }

    fn leave(&mut self, seat: Seat, _: &mut Context) {
        self.0.leave(seat);
    }

    fn step(&mut self, inputs: Inputs<Steer>, cx: &mut Context) {
        let pace = SPEED / i32::from(cx.rate().per_second());
        for player in inputs {
            let runner = &mut self.0[player.seat];
            runner.x = (runner.x + pace * player.input.right).clamp(0, SIDE);
            runner.y = (runner.y + pace * player.input.down).clamp(0, SIDE);
        }
    }

    fn write_snapshot(&self, out: &mut RowWriter<Runner>) {
        out.entities(&self.0);
    }
}
