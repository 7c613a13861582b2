//! A game whose matches end, and whose results go to systems outside: a server with outlets of your own program.
//!
//! Run `cargo run --example duel -- --outlets outlets.toml`; the guide's page on outlets shows such a file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use tickwire::game::{LoadError, Saved, SetupError};
use tickwire::wire::Authority;
use tickwire::{
    Config, Context, EntityId, Field, Game, InputSchema, Kind, KindId, Player, PlayerInput, Recipients, Refused,
    RoomSetup, Schema, Seat, Server, Shape, SnapshotWriter, Spec,
};
use tickwire_outlets::Outlets;

const FIGHTER: KindId = KindId(0);
/// The event of a hit: who has hit.
const HIT: u16 = 1;

/// Whoever has drawn the highest numbers when time is up has won.
#[derive(Default)]
struct Duel {
    fighters: BTreeMap<Seat, (EntityId, i32)>,
    /// Ticks that are left.
    left: u32,
}

fn duel(setup: &RoomSetup) -> Result<Box<dyn Game>, SetupError> {
    let ticks = setup.options.get("ticks").map_or(Ok(60), |text| text.parse());
    let left = ticks.map_err(|_| SetupError::from("ticks must be a number".to_owned()))?;
    Ok(Box::new(Duel { left, ..Duel::default() }))
}

impl Game for Duel {
    fn spec(&self) -> Spec {
        let schema =
            Schema::new(vec![Kind::new("fighter", vec![Field::held("hits", Shape::Int { min: 0, max: 9999 })])]);
        let inputs = InputSchema::new(vec![Field::held("strikes", Shape::Bool)]);
        Spec {
            schema: Arc::new(schema.expect("a valid schema")),
            inputs: inputs.expect("a valid schema"),
            authority: Authority::Server,
            capacity: 2,
            properties: Vec::new(),
        }
    }

    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        let id = cx.spawn();
        self.fighters.insert(player.seat, (id, 0));
        Ok(id)
    }

    fn leave(&mut self, seat: Seat, _: &mut Context) {
        self.fighters.remove(&seat);
    }

    fn step(&mut self, inputs: &[PlayerInput], cx: &mut Context) {
        for one in inputs.iter().filter(|one| one.input[0] == 1) {
            if cx.random_below(10) == 0
                && let Some((_, hits)) = self.fighters.get_mut(&one.seat)
            {
                *hits += 1;
                cx.emit(Recipients::All, HIT, vec![one.seat.0 as u8]);
            }
        }
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            let hits: BTreeMap<u16, i32> = self.fighters.iter().map(|(seat, (_, hits))| (seat.0, *hits)).collect();
            cx.end(json!({ "hits": hits, "tick": cx.tick().0 }).to_string());
            self.left = u32::MAX;
        }
    }

    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        self.fighters.values().for_each(|(id, hits)| out.entity(FIGHTER, *id, &[*hits]));
    }

    // What everybody in the room is told of a hit, the world may know.
    fn public_event(&self, kind: u16, body: &[u8]) -> Option<(String, Value)> {
        (kind == HIT).then(|| ("hit".to_owned(), json!({ "by": body.first() })))
    }

    fn save(&self) -> Option<Saved> {
        Some(Saved::new(1, &(&self.fighters, self.left)))
    }

    fn load(&mut self, saved: &Saved) -> Result<(), LoadError> {
        (self.fighters, self.left) = saved.read()?;
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    serve(&std::env::args().skip(1).collect::<Vec<_>>())
}

/// Serves, as these arguments say.
pub fn serve(arguments: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config { hold_seats_for: std::time::Duration::from_secs(1), ..Config::default() };
    let mut outlets = None;
    for pair in arguments.chunks(2) {
        match pair {
            [flag, value] if flag == "--bind" => config.bind = value.parse()?,
            [flag, value] if flag == "--data" => config.data = PathBuf::from(value),
            [flag, value] if flag == "--outlets" => outlets = Some(Outlets::read(value.as_ref(), "duels")?),
            _ => return Err("duel [--bind ADDR:PORT] [--data FOLDER] [--outlets FILE]".into()),
        }
    }
    let server = Server::new(config).game("duel", duel);
    let server = match &outlets {
        Some(outlets) => outlets.add_routes(server),
        None => server,
    };
    let sinks = outlets.into_iter().flat_map(Outlets::into_sinks);
    let server = sinks.fold(server, |server, (name, sink)| server.tap(&name, sink));
    Ok(server.serve()?)
}
