//! The game: players run about and collect coins.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tickwire::prelude::*;

/// The width and the height of the board.
pub const SIDE: i32 = 640;
/// How far a player runs in a second. The page predicts with the same number.
pub const SPEED: i32 = 240;
/// How near a player must come to a coin.
const REACH: i32 = 24;
/// How many coins there are at any time.
const COINS: usize = 5;

/// Somebody who runs.
#[derive(Debug, PartialEq, Row)]
pub struct Runner {
    #[row(range = 0..=SIDE, motion = linear)]
    pub x: i32,
    #[row(range = 0..=SIDE, motion = linear)]
    pub y: i32,
    /// Coins collected.
    pub coins: u16,
}

/// A coin that nobody has collected yet.
#[derive(Debug, PartialEq, Row)]
pub struct Coin {
    #[row(range = 0..=SIDE)]
    pub x: i32,
    #[row(range = 0..=SIDE)]
    pub y: i32,
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

/// What everybody is told.
#[derive(Debug, PartialEq, Message)]
pub enum Event {
    Collected { by: Seat, coins: u16 },
}

/// The rules.
#[derive(Default)]
pub struct Rules {
    runners: Players<Runner>,
    coins: BTreeMap<EntityId, Coin>,
}

#[tickwire::game]
impl TypedGame for Rules {
    type Rows = (Runner, Coin);
    type Input = Steer;
    type Event = Event;

    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        Ok(self.runners.join(player.seat, Runner { x: SIDE / 2, y: SIDE / 2, coins: 0 }, cx))
    }

    fn leave(&mut self, seat: Seat, _: &mut Context) {
        self.runners.leave(seat);
    }

    fn step(&mut self, inputs: Inputs<Steer>, cx: &mut Context) {
        let pace = SPEED / i32::from(cx.rate().per_second());
        for player in inputs {
            let runner = &mut self.runners[player.seat];
            runner.x = (runner.x + pace * player.input.right).clamp(0, SIDE);
            runner.y = (runner.y + pace * player.input.down).clamp(0, SIDE);
            let near = |coin: &Coin| (coin.x - runner.x).abs() < REACH && (coin.y - runner.y).abs() < REACH;
            let found = self.coins.iter().find(|(_, coin)| near(coin)).map(|(id, _)| *id);
            if let Some(id) = found {
                self.coins.remove(&id);
                runner.coins += 1;
                cx.send(Recipients::All, &Event::Collected { by: player.seat, coins: runner.coins });
            }
        }
        while self.coins.len() < COINS {
            let mut place = || cx.random_below(SIDE as u32 + 1) as i32;
            let coin = Coin { x: place(), y: place() };
            self.coins.insert(cx.spawn(), coin);
        }
    }

    fn write_snapshot(&self, out: &mut RowWriter<(Runner, Coin)>) {
        out.entities(&self.runners);
        out.entities(self.coins.iter().map(|(id, coin)| (*id, coin)));
    }
}

/// The server with this game.
pub fn server(config: Config) -> Server {
    Server::new(config).game("__NAME__", |_| Ok(Box::new(Rules::default())))
}

/// Serves at an address until ctrl-c, with the page in a folder if there is one.
pub fn serve(address: SocketAddr, page: Option<PathBuf>) -> io::Result<()> {
    let pages = page.map_or(Pages::None, Pages::Folder);
    server(Config { bind: address, pages, ..Config::default() }).serve()
}
