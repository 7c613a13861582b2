//! Tickwire, embedded: a game whose clients say where they are and see where everyone is. Threads and limits are the
//! server's own defaults.
//!
//! Usage: `walk` for one room, `walk rooms` for rooms of fifty, `walk zones` for one room in which players see what is around
//! them, with the library's own margin and cells.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;

use tickwire::{
    Authority, Config, Context, EntityId, Field, Game, InputSchema, Interest, Kind, KindId, Player, PlayerInput,
    Refused, Schema, Seat, Server, Shape, SnapshotWriter, Spec,
};
use tickwire_peers::walker::PER_METRE;
use tickwire_peers::world::{SEEN, SIGHT};

/// 16 bits of 1/64 m, as much as the peers' quantised fields can say.
const EDGE: i32 = u16::MAX as i32;

/// Who sees whom.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    Whole,
    OfFifty,
    Around,
}

struct Walk {
    room: Room,
    players: BTreeMap<Seat, (EntityId, i32, i32)>,
}

fn place() -> Shape {
    Shape::Fixed { min: 0, max: EDGE, per_unit: PER_METRE as u16 }
}

fn schema() -> Schema {
    let walker = Kind::new("walker", vec![Field::smooth("x", place()), Field::smooth("y", place())]);
    Schema::new(vec![walker.at("x", "y")]).expect("two fields of one kind")
}

impl Game for Walk {
    fn spec(&self) -> Spec {
        Spec {
            schema: Arc::new(schema()),
            inputs: InputSchema::new(vec![Field::held("x", place()), Field::held("y", place())]).expect("two fields"),
            authority: Authority::Client,
            capacity: if self.room == Room::OfFifty { SEEN as u16 } else { 4096 },
            properties: Vec::new(),
        }
    }

    fn interest(&self) -> Option<Interest> {
        let sight = SIGHT as i32 * PER_METRE;
        (self.room == Room::Around).then(|| Interest::within(&schema(), sight).expect("walkers have a position"))
    }

    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        let id = cx.spawn();
        self.players.insert(player.seat, (id, 0, 0));
        Ok(id)
    }

    fn leave(&mut self, seat: Seat, _: &mut Context) {
        self.players.remove(&seat);
    }

    fn step(&mut self, inputs: &[PlayerInput], _: &mut Context) {
        for one in inputs.iter().filter(|one| one.fresh) {
            if let Some((_, x, y)) = self.players.get_mut(&one.seat) {
                (*x, *y) = (one.input[0], one.input[1]);
            }
        }
    }

    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        for (id, x, y) in self.players.values() {
            out.entity(KindId(0), *id, &[*x, *y]);
        }
    }
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let room = match std::env::args().nth(1).as_deref() {
        None => Room::Whole,
        Some("rooms") => Room::OfFifty,
        Some("zones") => Room::Around,
        Some(other) => return Err(std::io::Error::other(format!("usage: walk [rooms|zones], not {other:?}"))),
    };
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let config = Config::default();
    let (workers, rooms) = (config.workers, config.room_threads);
    println!("listening {} workers {workers}, room threads {rooms}", listener.local_addr()?.port());
    Server::new(config)
        .game("walk", move |_| Ok(Box::new(Walk { room, players: BTreeMap::new() })))
        .run(listener, std::future::pending())
        .await
}
