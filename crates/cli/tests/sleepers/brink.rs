//! `brink FOLDER`: writes rooms whose counters are about to wrap into a server's folder for data; not an example for embedders.
//!
//! Each room has one counter of [`RoomCounters`] just below its wrap, and is called after it; in the two called `all-arena` and
//! `all-plaza`, every counter is there. Whole clients play in them: `web-demo/test/e2e/wraps.test.js` and `scripts/python-client`.

#[path = "mod.rs"]
mod sleepers;

use std::path::PathBuf;
use std::process::ExitCode;

use sleepers::Sleeper;
use tickwire::engine::RoomCounters;
use tickwire::tick::TickRate;

/// Ticks until the wrap: two seconds.
const TICKS: u32 = 40;
/// Of what players cause, until the wrap.
const STEPS: u32 = 2;

fn rooms() -> Vec<(&'static str, &'static str, RoomCounters)> {
    let none = RoomCounters::default();
    let near = RoomCounters { tick: RoomCounters::before_wrap(TICKS).tick, ..RoomCounters::before_wrap(STEPS) };
    vec![
        ("tick", "arena", RoomCounters { tick: near.tick, ..none }),
        ("entities", "arena", RoomCounters { entities: near.entities, ..none }),
        ("generations", "arena", RoomCounters { seat_generations: near.seat_generations, ..none }),
        ("events", "arena", RoomCounters { events: near.events, ..none }),
        ("commands", "arena", RoomCounters { commands: near.commands, ..none }),
        ("epoch", "plaza", RoomCounters { epoch: near.epoch, ..none }),
        ("all-arena", "arena", near),
        ("all-plaza", "plaza", near),
    ]
}

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("brink FOLDER");
        return ExitCode::from(2);
    };
    for (id, game, counters) in rooms() {
        let sleeper = Sleeper { id, game, rate: TickRate::DEFAULT, counters, asleep_since: sleepers::now() };
        if let Err(error) = sleeper.write(&folder) {
            eprintln!("{}: {error}", folder.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
