//! A game on an entity component system, `hecs`: walkers collect coins.
//!
//! A game may store its world in any way, as long as the same inputs lead to the same rows. Where the order of entities
//! decides something, such as who gets a coin, use the order of their ids and not that of the ECS's memory, which depends
//! on earlier spawns and despawns.

use std::collections::BTreeMap;

use hecs::{Entity, World};
use tickwire::prelude::*;

/// Half the width of the field, in quanta of 1/64.
const EDGE: i32 = 32 * 64;
/// Coins on the field at any time.
const COINS: usize = 20;
/// Largest distance at which a walker takes a coin, in quanta on either axis.
const REACH: i32 = 64;

/// What clients see of a walker.
#[derive(Row)]
pub struct Walker {
    #[row(range = -32..=32, step = 1/64, motion = linear)]
    x: i32,
    #[row(range = -32..=32, step = 1/64, motion = linear)]
    y: i32,
    /// The coins that it has taken.
    #[row(range = 0..=1_000_000)]
    pub purse: i32,
}

/// What clients see of a coin.
#[derive(Row)]
#[row(name = "coin")]
pub struct LyingCoin {
    #[row(range = -32..=32, step = 1/64)]
    x: i32,
    #[row(range = -32..=32, step = 1/64)]
    y: i32,
}

/// Where a player walks.
#[derive(Input)]
pub struct Steer {
    #[input(range = -1..=1)]
    x: i32,
    #[input(range = -1..=1)]
    y: i32,
}

/// What players are told.
#[derive(Message)]
pub enum Event {
    /// A walker took a coin.
    Taken {
        /// The walker.
        by: EntityId,
    },
}

struct Place(i32, i32);
struct Way(i32, i32);
struct Purse(i32);
struct Coin;

/// The world, and the walker of each seat.
#[derive(Default)]
pub struct Coins {
    world: World,
    seats: BTreeMap<Seat, Entity>,
}

impl Coins {
    fn steer(&mut self, inputs: Inputs<Steer>) {
        for one in inputs {
            if let Ok(way) = self.world.query_one_mut::<&mut Way>(self.seats[&one.seat]) {
                *way = Way(one.input.x, one.input.y);
            }
        }
    }

    fn walk(&mut self, per_tick: i32) {
        // Walkers do not affect each other, so the order does not matter.
        for (place, way) in self.world.query_mut::<(&mut Place, &Way)>() {
            place.0 = (place.0 + per_tick * way.0).clamp(-EDGE, EDGE);
            place.1 = (place.1 + per_tick * way.1).clamp(-EDGE, EDGE);
        }
    }

    fn collect(&mut self, cx: &mut Context) {
        // Two walkers may reach the same coin, so the order matters here.
        let mut walkers: Vec<_> = self.world.query_mut::<(&EntityId, &Place, &mut Purse)>().into_iter().collect();
        walkers.sort_unstable_by_key(|(id, ..)| **id);
        let spots: Vec<_> = walkers.iter().map(|(id, place, _)| (**id, place.0, place.1)).collect();
        let mut coins: Vec<_> = self.world.query_mut::<(Entity, &EntityId, &Place, &Coin)>().into_iter().collect();
        coins.sort_unstable_by_key(|(_, id, ..)| **id);
        let near = |place: &Place, x: i32, y: i32| (place.0 - x).abs() <= REACH && (place.1 - y).abs() <= REACH;
        let taken: Vec<(Entity, EntityId)> = coins
            .iter()
            .filter_map(|(coin, _, place, _)| {
                let (taker, ..) = spots.iter().find(|(_, x, y)| near(place, *x, *y))?;
                Some((*coin, *taker))
            })
            .collect();
        for (coin, taker) in taken {
            let _ = self.world.despawn(coin);
            for (id, purse) in self.world.query_mut::<(&EntityId, &mut Purse)>() {
                purse.0 += i32::from(*id == taker);
            }
            cx.send(Recipients::All, &Event::Taken { by: taker });
        }
    }

    fn mint(&mut self, cx: &mut Context) {
        let there = self.world.query_mut::<&Coin>().into_iter().count();
        for _ in there..COINS {
            let mut anywhere = || cx.random_below(2 * EDGE.unsigned_abs() + 1).cast_signed() - EDGE;
            let place = Place(anywhere(), anywhere());
            self.world.spawn((cx.spawn(), place, Coin));
        }
    }
}

#[tickwire::game]
impl TypedGame for Coins {
    type Rows = (Walker, LyingCoin);
    type Input = Steer;
    type Event = Event;

    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        let id = cx.spawn();
        let walker = self.world.spawn((id, Place(0, 0), Way(0, 0), Purse(0)));
        self.seats.insert(player.seat, walker);
        Ok(id)
    }

    fn leave(&mut self, seat: Seat, _: &mut Context) {
        if let Some(walker) = self.seats.remove(&seat) {
            let _ = self.world.despawn(walker);
        }
    }

    fn step(&mut self, inputs: Inputs<Steer>, cx: &mut Context) {
        self.steer(inputs);
        self.walk(64 * 8 / i32::from(cx.rate().per_second()));
        self.collect(cx);
        self.mint(cx);
    }

    fn write_snapshot(&self, out: &mut RowWriter<Self::Rows>) {
        for (id, place, purse) in self.world.query::<(&EntityId, &Place, &Purse)>().iter() {
            out.entity(*id, &Walker { x: place.0, y: place.1, purse: purse.0 });
        }
        for (id, place, _) in self.world.query::<(&EntityId, &Place, &Coin)>().iter() {
            out.entity(*id, &LyingCoin { x: place.0, y: place.1 });
        }
    }
}

/// The server, ready to run.
pub fn server() -> Server {
    Server::new(Config::default()).game("coins", |_| Ok(Box::new(Coins::default())))
}

fn main() -> std::io::Result<()> {
    println!("ws://localhost:8080/play, game \"coins\"; stop with ctrl-c");
    server().serve()
}
