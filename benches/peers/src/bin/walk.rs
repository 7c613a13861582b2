//! Tickwire, embedded: a game whose clients say where they are and see where everyone is. Threads and limits are the
//! server's own defaults.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;

use tickwire::{
    Authority, Config, Context, EntityId, Field, Game, InputSchema, Kind, KindId, Player, PlayerInput, Refused, Schema,
    Seat, Server, Shape, SnapshotWriter, Spec,
};
use tickwire_peers::walker::PER_METRE;

/// 16 bits of 1/64 m, as much as the peers' quantised fields can say.
const EDGE: i32 = u16::MAX as i32;

#[derive(Default)]
struct Walk(BTreeMap<Seat, (EntityId, i32, i32)>);

impl Game for Walk {
    fn spec(&self) -> Spec {
        let place = Shape::Fixed { min: 0, max: EDGE, per_unit: PER_METRE as u16 };
        let walker = Kind::new("walker", vec![Field::smooth("x", place.clone()), Field::smooth("y", place.clone())]);
        let inputs = vec![Field::held("x", place.clone()), Field::held("y", place)];
        Spec {
            schema: Arc::new(Schema::new(vec![walker]).expect("two fields of one kind")),
            inputs: InputSchema::new(inputs).expect("two fields"),
            authority: Authority::Client,
            capacity: 4096,
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

    fn step(&mut self, inputs: &[PlayerInput], _: &mut Context) {
        for one in inputs.iter().filter(|one| one.fresh) {
            if let Some((_, x, y)) = self.0.get_mut(&one.seat) {
                (*x, *y) = (one.input[0], one.input[1]);
            }
        }
    }

    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        for (id, x, y) in self.0.values() {
            out.entity(KindId(0), *id, &[*x, *y]);
        }
    }
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let config = Config::default();
    let (workers, rooms) = (config.workers, config.room_threads);
    println!("listening {} workers {workers}, room threads {rooms}", listener.local_addr()?.port());
    Server::new(config).game("walk", |_| Ok(Box::new(Walk::default()))).run(listener, std::future::pending()).await
}
