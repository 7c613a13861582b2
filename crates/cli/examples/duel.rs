//! A game whose matches end, and whose results go to systems outside: a server with outlets of your own program.
//!
//! Run `cargo run --example duel -- --outlets outlets.toml`; the guide's page on outlets shows such a file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tickwire::Game;
use tickwire::game::{LoadError, Saved};
use tickwire::prelude::*;
use tickwire_outlets::Outlets;

#[derive(Row, Serialize, Deserialize)]
struct Fighter {
    #[row(range = 0..=9999)]
    hits: i32,
}

#[derive(Input)]
struct Strike {
    strikes: bool,
}

#[derive(Message)]
enum Event {
    /// What everybody in the room is told of a hit, the world may know.
    #[message(public)]
    Hit { by: Seat },
}

/// Whoever has drawn the highest numbers when time is up has won.
#[derive(Default)]
struct Duel {
    fighters: Players<Fighter>,
    /// Ticks that are left.
    left: u32,
}

fn duel(setup: &RoomSetup) -> Result<Box<dyn Game>, SetupError> {
    let ticks = setup.options.get("ticks").map_or(Ok(60), |text| text.parse());
    let left = ticks.map_err(|_| SetupError::from("ticks must be a number".to_owned()))?;
    Ok(Box::new(Duel { left, ..Duel::default() }))
}

#[tickwire::game]
impl TypedGame for Duel {
    type Rows = Fighter;
    type Input = Strike;
    type Event = Event;

    fn capacity(&self) -> u16 {
        2
    }

    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        Ok(self.fighters.join(player.seat, Fighter { hits: 0 }, cx))
    }

    fn leave(&mut self, seat: Seat, _: &mut Context) {
        self.fighters.leave(seat);
    }

    fn step(&mut self, inputs: Inputs<Strike>, cx: &mut Context) {
        for one in inputs.filter(|one| one.input.strikes) {
            if cx.random_below(10) == 0 {
                self.fighters[one.seat].hits += 1;
                cx.send(Recipients::All, &Event::Hit { by: one.seat });
            }
        }
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            let hits: BTreeMap<u16, i32> = self.fighters.iter().map(|(seat, fighter)| (seat.0, fighter.hits)).collect();
            cx.end(json!({ "hits": hits, "tick": cx.tick().0 }).to_string());
            self.left = u32::MAX;
        }
    }

    fn write_snapshot(&self, out: &mut RowWriter<Fighter>) {
        out.entities(&self.fighters);
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
