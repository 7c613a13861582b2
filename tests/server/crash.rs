//! Games that panic, in each of their hooks: the room ends, its neighbours do not notice.

use bytes::Bytes;
use tickwire::game::{Context, Game, Move, Observer, Player as Guest, Setup, Spec};
use tickwire::games;
use tickwire::id::{EntityId, Seat};
use tickwire::server::Config;
use tickwire::wire::{Close, Join};

use crate::support::{PATIENT, Player, TestServer, lean, wait_for};

/// An arena that panics in one of its hooks, as soon as somebody is in it.
struct Fragile {
    inner: Box<dyn Game>,
    hook: String,
    joined: u32,
}

impl Fragile {
    fn come_to(&self, hook: &str) {
        assert!(self.joined == 0 || self.hook != hook, "this game is fragile");
    }
}

impl Game for Fragile {
    fn spec(&self) -> Spec {
        self.inner.spec()
    }
    fn join(&mut self, player: &Guest, cx: &mut Context) -> Result<EntityId, String> {
        self.come_to("join");
        self.joined += 1;
        self.inner.join(player, cx)
    }
    fn leave(&mut self, seat: Seat, cx: &mut Context) {
        self.come_to("leave");
        self.inner.leave(seat, cx);
    }
    fn step(&mut self, moves: &[Move], cx: &mut Context) {
        self.come_to("step");
        self.inner.step(moves, cx);
    }
    fn observe(&self, out: &mut Observer) {
        self.come_to("observe");
        self.inner.observe(out);
    }
    fn command(&mut self, _: Seat, _: u16, _: &[u8], _: &mut Context) {
        self.come_to("command");
    }
    fn call(&mut self, _: Seat, _: u16, _: &[u8], _: &mut Context) -> Result<Bytes, String> {
        self.come_to("call");
        Ok(Bytes::new())
    }
    fn chat(&mut self, _: Seat, _: &str, _: &mut Context) -> bool {
        self.come_to("chat");
        true
    }
    fn dropped(&mut self, _: Seat, _: &mut Context) {
        self.come_to("dropped");
    }
    fn returned(&mut self, _: Seat, _: &mut Context) {
        self.come_to("returned");
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        // A second panic while the first one unwinds would be the end of the process.
        if !std::thread::panicking() {
            self.come_to("drop");
        }
    }
}

fn server() -> TestServer {
    let config = Config { hold_seats_for: PATIENT, empty_room_for: std::time::Duration::from_secs(1), ..lean() };
    TestServer::with(config, |server| {
        let (_, arena) = games::builtin().into_iter().find(|(name, _)| *name == "arena").expect("the arena");
        server.game("fragile", move |setup: &Setup| {
            let hook = setup.options.get("hook").cloned().unwrap_or_default();
            Ok(Box::new(Fragile { inner: arena(setup)?, hook, joined: 0 }))
        })
    })
}

fn fragile(hook: &str) -> Join {
    Join::JoinOrCreate { game: "fragile".to_owned(), options: vec![("hook".to_owned(), hook.to_owned())] }
}

/// Makes the game come to its hook, by a second player unless the first one sees what becomes of it.
fn provoke(server: &TestServer, hook: &str, victim: &mut Player) {
    match hook {
        "join" => assert_eq!(Player::join(server, fragile(hook)).err(), Some(Some(Close::RoomCrashed.code()))),
        "leave" => Player::join(server, fragile(hook)).expect("there is room").raw.say(&[0x88, 0x80, 0, 0, 0, 0]),
        "command" => _ = victim.client.command(1, b"x"),
        "call" => _ = victim.client.call(1, b"x"),
        "chat" => _ = victim.client.chat(&[], "x"),
        "dropped" | "returned" => {
            let mut second = Player::join(server, fragile(hook)).expect("there is room");
            second.frame().expect("a frame");
            // The room must have heard of it, or nobody could come back.
            second.frame().expect("a frame");
            second.break_off();
            if hook == "returned" {
                server.wait_for_metric("tickwire_seats_held", 1.0);
                assert_eq!(second.resume(server).err(), Some(Some(Close::RoomCrashed.code())));
            }
        }
        _ => {}
    }
    victim.talk();
}

#[test]
fn a_panic_in_any_hook_ends_its_room_only() {
    let server = server();
    let neighbour = Player::arena(&server).aside();
    for hook in ["join", "leave", "step", "observe", "command", "call", "chat", "dropped", "returned"] {
        match Player::join(&server, fragile(hook)) {
            Ok(mut victim) => {
                provoke(&server, hook, &mut victim);
                assert_eq!(victim.ending(), Close::RoomCrashed, "{hook}");
            }
            // The tick of the join may be the one that panics, and the end overtake the welcome.
            Err(code) => assert_eq!(code, Some(Close::RoomCrashed.code()), "{hook}"),
        }
        let crashes = format!("tickwire_room_crashes_total{{hook=\"{hook}\"}}");
        assert_eq!(server.metric(&crashes), 1.0, "{hook}");
        assert_eq!(server.metric("tickwire_seats_held"), 0.0, "{hook}");
    }
    // The last hook of all, when a room without players goes.
    let last = Player::join(&server, fragile("drop")).expect("a new room");
    last.raw.stream.shutdown(std::net::Shutdown::Both).expect("it was open");
    wait_for(|| server.metric("tickwire_room_crashes_total{hook=\"drop\"}") == 1.0, "the room's end is counted");
    let mut neighbour = neighbour.back();
    let tick = neighbour.client.tick();
    neighbour.until(|arrived, client| arrived.advance == 1 && client.tick().since(tick) > 20);
    server.wait_for_metric("tickwire_rooms", 1.0);
    Player::join(&server, fragile("")).expect("a new room").frame().expect("a frame");
}
