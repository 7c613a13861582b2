//! A game on an entity component system, `hecs`: walkers collect coins.
//!
//! A game may store its world in any way, as long as the same inputs lead to the same rows. Where the order of entities
//! decides something, such as who gets a coin, use the order of their ids and not that of the ECS's memory, which depends
//! on earlier spawns and despawns.

use std::collections::BTreeMap;
use std::sync::Arc;

use hecs::{Entity, World};
use tickwire::{
    Authority, Config, Context, EntityId, Field, Game, InputSchema, Kind, KindId, Player, PlayerInput, Recipients,
    Refused, Schema, Seat, Server, Shape, SnapshotWriter, Spec,
};

/// Half the width of the field, in quanta of 1/64.
const EDGE: i32 = 32 * 64;
/// Coins on the field at any time.
const COINS: usize = 20;
/// Largest distance at which a walker takes a coin, in quanta on either axis.
const REACH: i32 = 64;
/// The kind of a walker's rows: x, y, purse.
pub const WALKER: KindId = KindId(0);
/// The kind of a coin's rows: x, y.
pub const COIN: KindId = KindId(1);
/// The event of a taken coin; its body is the id of the walker, little-endian.
pub const TAKEN: u16 = 1;

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
    fn steer(&mut self, inputs: &[PlayerInput]) {
        for one in inputs {
            if let Ok(way) = self.world.query_one_mut::<&mut Way>(self.seats[&one.seat]) {
                *way = Way(one.input[0], one.input[1]);
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
            cx.emit(Recipients::All, TAKEN, taker.0.to_le_bytes().to_vec());
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

impl Game for Coins {
    fn spec(&self) -> Spec {
        let place = || Shape::Fixed { min: -EDGE, max: EDGE, per_unit: 64 };
        let way = || Shape::Int { min: -1, max: 1 };
        let purse = Field::held("purse", Shape::Int { min: 0, max: 1_000_000 });
        let walker = Kind::new("walker", vec![Field::linear("x", place()), Field::linear("y", place()), purse]);
        let coin = Kind::new("coin", vec![Field::held("x", place()), Field::held("y", place())]);
        Spec {
            schema: Arc::new(Schema::new(vec![walker, coin]).expect("a valid schema")),
            inputs: InputSchema::new(vec![Field::held("x", way()), Field::held("y", way())]).expect("valid inputs"),
            authority: Authority::Server,
            capacity: 50,
            properties: Vec::new(),
        }
    }

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

    fn step(&mut self, inputs: &[PlayerInput], cx: &mut Context) {
        self.steer(inputs);
        self.walk(64 * 8 / i32::from(cx.rate().per_second()));
        self.collect(cx);
        self.mint(cx);
    }

    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        for (id, place, purse) in self.world.query::<(&EntityId, &Place, &Purse)>().iter() {
            out.entity(WALKER, *id, &[place.0, place.1, purse.0]);
        }
        for (id, place, _) in self.world.query::<(&EntityId, &Place, &Coin)>().iter() {
            out.entity(COIN, *id, &[place.0, place.1]);
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
