//! A server that freezes: the game `making` blocks the thread of the directory, which is also the one that handles signals;
//! `playing` blocks its room's thread. `tests/logs.rs` runs this server, which prints its address, and sends it signals.

use std::io;
use std::net::TcpListener;

use tickwire::game::{Context, Game, Player, PlayerInput, Refused, RoomSetup, SnapshotWriter, Spec};
use tickwire::id::{EntityId, Seat};
use tickwire::server::ShutdownSignal;
use tickwire::{Config, Server};
use tickwire_games::builtin;

fn block() -> ! {
    loop {
        std::thread::park();
    }
}

struct Blocks(Box<dyn Game>);

impl Game for Blocks {
    fn spec(&self) -> Spec {
        self.0.spec()
    }
    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        self.0.join(player, cx)
    }
    fn leave(&mut self, seat: Seat, cx: &mut Context) {
        self.0.leave(seat, cx);
    }
    fn step(&mut self, _: &[PlayerInput], _: &mut Context) {
        block();
    }
    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        self.0.write_snapshot(out);
    }
}

fn main() -> io::Result<()> {
    let config = Config { workers: 1, room_threads: 1, ..Config::default() };
    let arena = |setup: &RoomSetup| {
        let (_, make) = builtin().into_iter().find(|(name, _)| *name == "arena").ok_or("there is no arena")?;
        make(setup)
    };
    let playing = move |setup: &RoomSetup| Ok(Box::new(Blocks(arena(setup)?)) as Box<dyn Game>);
    let server = Server::new(config).game("making", |_| block()).game("playing", playing);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("http://{}", listener.local_addr()?);
    let signal = ShutdownSignal::install()?;
    actix_web::rt::System::new().block_on(server.run(listener, signal.received()))
}
