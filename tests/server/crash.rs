//! Games that panic, in each of their hooks: the room ends, and other rooms are not affected. Sessions that panic: their
//! room is not affected.

use std::fmt::Debug;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use tickwire::engine::Client;
use tickwire::game::{Context, Game, Player as Guest, PlayerInput, Refused, RoomSetup, SnapshotWriter, Spec};
use tickwire::id::{EntityId, Seat, ZoneId};
use tickwire::server::Config;
use tickwire::wire::{Close, Continuity, Join};
use tracing::field::Field;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata};

use crate::admin::room_of;
use crate::support::{PATIENT, Player, Raw, TestServer, arena, demo, lean, wait_for};

/// The next session to log this message panics, as it may by a subscriber of whoever embeds the server.
static FRAGILE: Mutex<Option<&str>> = Mutex::new(None);

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
    fn join(&mut self, player: &Guest, cx: &mut Context) -> Result<EntityId, Refused> {
        self.come_to("join");
        self.joined += 1;
        self.inner.join(player, cx)
    }
    fn leave(&mut self, seat: Seat, cx: &mut Context) {
        self.come_to("leave");
        self.inner.leave(seat, cx);
    }
    fn step(&mut self, inputs: &[PlayerInput], cx: &mut Context) {
        self.come_to("step");
        self.inner.step(inputs, cx);
    }
    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        self.come_to("write_snapshot");
        self.inner.write_snapshot(out);
    }
    fn command(&mut self, _: Seat, _: u16, _: &[u8], _: &mut Context) {
        self.come_to("command");
    }
    fn call(&mut self, _: Seat, _: u16, _: &[u8], _: &mut Context) -> Result<Bytes, Refused> {
        self.come_to("call");
        Ok(Bytes::new())
    }
    fn chat(&mut self, _: Seat, _: &str, _: &mut Context) -> bool {
        self.come_to("chat");
        true
    }
    fn spectate(&self) -> Vec<ZoneId> {
        self.come_to("spectate");
        self.inner.spectate()
    }
    fn disconnected(&mut self, _: Seat, _: &mut Context) {
        self.come_to("disconnected");
    }
    fn reconnected(&mut self, _: Seat, _: &mut Context) {
        self.come_to("reconnected");
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
    let config = Config { hold_seats_for: PATIENT, empty_room_for: Duration::from_secs(1), ..lean() };
    TestServer::with(config, |server| {
        server.game("fragile", |setup: &RoomSetup| {
            let hook = setup.options.get("hook").cloned().unwrap_or_default();
            Ok(Box::new(Fragile { inner: demo("arena")(setup)?, hook, joined: 0 }))
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
        // Its film shows what spectators would see.
        "spectate" => _ = server.get(&format!("/api/rooms/{}/film", room_of(victim))),
        "disconnected" | "reconnected" => {
            let mut second = Player::join(server, fragile(hook)).expect("there is room");
            second.frame().expect("a frame");
            // The room must have heard of it, or nobody could come back.
            second.frame().expect("a frame");
            second.break_off();
            if hook == "reconnected" {
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
    const HOOKS: [&str; 10] = [
        "join",
        "leave",
        "step",
        "write_snapshot",
        "command",
        "call",
        "chat",
        "spectate",
        "disconnected",
        "reconnected",
    ];
    for hook in HOOKS {
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

struct Subscriber;

impl tracing::Subscriber for Subscriber {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target() == "tickwire::actor::session"
    }
    fn event(&self, event: &Event<'_>) {
        let fragile = |field: &Field, value: &dyn Debug| {
            let mut fragile = FRAGILE.lock().expect("nobody panics with it");
            let is_it = |message: &mut &str| field.name() == "message" && format!("{value:?}") == *message;
            fragile.take_if(is_it).is_some()
        };
        let mut found = false;
        event.record(&mut |field: &Field, value: &dyn Debug| found |= fragile(field, value));
        assert!(!found, "this session is fragile");
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        unreachable!("no span is enabled")
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn a_panic_in_a_session_ends_it_only() {
    let server = TestServer::alone_with(Config { hold_seats_for: PATIENT, ..lean() }, |server| server);
    tracing::subscriber::set_global_default(Subscriber).expect("no other test has one");
    let arm = |message| *FRAGILE.lock().expect("nobody panics with it") = Some(message);
    let is_spent = || FRAGILE.lock().expect("nobody panics with it").is_none();
    let mate = Player::arena(&server).aside();
    // With a seat, and before the first word to the client: nobody knows that seat's token, so it is free again.
    arm("seated");
    let mut victim = Raw::connect(server.address);
    victim.send(&Client::hello(arena(), "victim", Vec::new(), 0));
    assert_eq!(victim.next(), None, "the connection ends");
    assert!(is_spent());
    server.wait_for_metric("tickwire_sessions", 1.0);
    server.wait_for_metric("tickwire_players", 1.0);
    assert_eq!(server.metric("tickwire_seats_held"), 0.0);
    // At its end, of a player whose connection broke: the seat is held, and can be come back to.
    let mut player = Player::arena(&server);
    (0..5).for_each(|_| _ = player.frame().expect("a frame"));
    arm("session ended");
    player.break_off();
    wait_for(is_spent, "the session ends");
    server.wait_for_metric("tickwire_seats_held", 1.0);
    let mut back = player.resume(&server).expect("the seat is held");
    let continuity = |player: &Player| player.client.welcome().expect("a welcome").continuity;
    assert_eq!(continuity(&back), Continuity::State);
    back.frame().expect("a frame");
    // What each of them was counted as is what is there.
    assert_eq!(
        ["sessions", "players", "rooms"].map(|what| server.metric(&format!("tickwire_{what}"))),
        [2.0, 2.0, 1.0]
    );
    assert_eq!(server.metric("tickwire_room_crashes_total"), 0.0);
    back.raw.say(&[0x88, 0x80, 0, 0, 0, 0]);
    server.wait_for_metric("tickwire_players", 1.0);
    std::thread::sleep(Duration::from_secs(2));
    assert!(mate.back().was_undisturbed());
    server.wait_for_metric("tickwire_sessions", 0.0);
}
