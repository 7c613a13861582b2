//! A bot for your own game: collects the coins of `ecs.rs`, without a browser.
//!
//! Run `cargo run --example ecs` in one terminal, `cargo run --example headless_bot` in another.

use tickwire::wire::{EventBody, Join, Welcome};
use tickwire::{EntityId, KindId};
use tickwire_cli::bots::{Pilot, PlayError, Seen, play};

const WALKER: KindId = KindId(0);
const COIN: KindId = KindId(1);
const TAKEN: u16 = 1;

/// Walks to the nearest coin until it has enough.
#[derive(Debug)]
pub struct Collector {
    /// The number of coins after which it leaves.
    pub enough: i32,
    /// Coins that other walkers have taken.
    pub missed: u32,
    /// The bot's own entity.
    entity: EntityId,
}

impl Collector {
    /// A bot that leaves with `enough` coins.
    pub fn new(enough: i32) -> Self {
        Self { enough, missed: 0, entity: EntityId(0) }
    }
}

impl Pilot for Collector {
    fn joined(&mut self, welcome: &Welcome) {
        self.entity = welcome.entity;
    }

    fn input(&mut self, seen: &Seen<'_>) -> Option<Vec<i32>> {
        let &[x, y, purse] = seen.own(WALKER)? else { return None };
        if purse >= self.enough {
            return None;
        }
        let ways = seen.rows(COIN).map(|(_, coin)| (coin[0] - x, coin[1] - y));
        let (dx, dy) = ways.min_by_key(|(dx, dy)| dx.abs().max(dy.abs())).unwrap_or_default();
        // Close enough on this axis: another step could overshoot.
        let step = |way: i32| if way.abs() < 32 { 0 } else { way.signum() };
        Some(vec![step(dx), step(dy)])
    }

    fn event(&mut self, event: &EventBody<'_>) {
        if let EventBody::Game { kind: TAKEN, body } = event {
            self.missed += u32::from(body[..] != self.entity.0.to_le_bytes());
        }
    }
}

/// Collects coins in any room of the game `coins` at `url`.
pub async fn run(url: &str, enough: i32) -> Result<Collector, PlayError> {
    let join = Join::JoinOrCreate { game: "coins".to_owned(), options: Vec::new() };
    play(url, join, "Magpie", Collector::new(enough)).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), PlayError> {
    let url = std::env::args().nth(1).unwrap_or("ws://127.0.0.1:8080/play".to_owned());
    println!("{:?}", run(&url, 5).await?);
    Ok(())
}
