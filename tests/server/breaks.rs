//! What breaks off or falls behind: connections cut at every byte, a thousand players who return at once, a room over its
//! budget.

use std::net::Shutdown;
use std::time::{Duration, Instant};

use tickwire::engine::{Client, Depth};
use tickwire::game::{Context, Game, Move, Observer, Player as Guest, Setup, Spec};
use tickwire::games;
use tickwire::id::{EntityId, Seat};
use tickwire::server::Config;
use tickwire::wire::{ClientMessage, Join, encode_client};

use crate::support::{Frame, Player, Raw, TestServer, arena, lean, masked};

#[test]
fn a_session_may_be_cut_at_every_byte() {
    let server = TestServer::start();
    let head = "GET /play HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Protocol: tickwire.v1\r\n\r\n";
    let mut session = head.as_bytes().to_vec();
    session.extend(masked(0x82, &Client::hello(arena(), "cut", Vec::new(), 0)));
    let upgraded = session.len();
    for message in [ClientMessage::Ping { stamp: 1 }, ClientMessage::Ack(tickwire::wire::Ack::default())] {
        session.extend(masked(0x82, &encode_client(&message)));
    }
    session.extend(masked(0x89, b"ping"));
    session.extend(masked(0x88, &1000_u16.to_be_bytes()));
    for cut in 0..=session.len() {
        let mut raw = Raw::open(server.address);
        if cut > upgraded {
            // Seated first, as the session was.
            raw.say(&session[..upgraded]);
            raw.head();
            assert!(matches!(raw.next(), Some(Frame::Binary(_))));
            raw.say(&session[upgraded..cut]);
        } else {
            raw.say(&session[..cut]);
        }
        let _ = raw.stream.shutdown(if cut % 2 == 0 { Shutdown::Both } else { Shutdown::Write });
    }
    server.wait_for_metric("tickwire_sessions", 0.0);
    assert_eq!(server.metric("tickwire_room_crashes_total"), 0.0);
    Player::arena(&server).frame().expect("the server still plays");
}

#[test]
fn a_thousand_who_return_at_once_are_back_within_ten_seconds() {
    const PLAYERS: usize = 1000;
    let server = TestServer::alone(|server| server);
    let come = || {
        let raws: Vec<Raw> = (0..PLAYERS)
            .map(|number| {
                let mut raw = Raw::connect(server.address);
                let join = Join::JoinOrCreate { game: "plaza".to_owned(), options: Vec::new() };
                raw.send(&Client::hello(join, &format!("player {number}"), Vec::new(), 0));
                raw
            })
            .collect();
        raws.into_iter()
            .map(|mut raw| {
                let Some(Frame::Binary(bytes)) = raw.next() else { panic!("no welcome") };
                let mut client = Client::new(Depth::Continuity);
                client.on_message(&bytes).expect("a message");
                assert!(client.welcome().is_some());
                raw
            })
            .collect::<Vec<Raw>>()
    };
    drop(come());
    let start = Instant::now();
    let back = come();
    let took = start.elapsed();
    println!("{} are back after {took:?}", back.len());
    assert!(took < Duration::from_secs(10), "{took:?}");
    drop(back);
    server.wait_for_metric("tickwire_sessions", 0.0);
}

/// An arena that takes three ticks for each.
struct Slow(Box<dyn Game>);

impl Game for Slow {
    fn spec(&self) -> Spec {
        self.0.spec()
    }
    fn join(&mut self, player: &Guest, cx: &mut Context) -> Result<EntityId, String> {
        self.0.join(player, cx)
    }
    fn leave(&mut self, seat: Seat, cx: &mut Context) {
        self.0.leave(seat, cx);
    }
    fn step(&mut self, moves: &[Move], cx: &mut Context) {
        std::thread::sleep(Duration::from_millis(150));
        self.0.step(moves, cx);
    }
    fn observe(&self, out: &mut Observer) {
        self.0.observe(out);
    }
}

#[test]
fn a_room_over_its_budget_skips_its_own_ticks_and_leaves_other_threads_alone() {
    let server = TestServer::with(Config { room_threads: 2, ..lean() }, |server| {
        let (_, arena) = games::builtin().into_iter().find(|(name, _)| *name == "arena").expect("the arena");
        server.game("slow", move |setup: &Setup| Ok(Box::new(Slow(arena(setup)?))))
    });
    let create = |game: &str| Join::Create { game: game.to_owned(), options: Vec::new() };
    // Rooms take turns on the threads: the slow one, one beside it, and another one with it.
    let mut slow = Player::join(&server, create("slow")).expect("a room");
    let beside = Player::join(&server, create("arena")).expect("a room").aside();
    let mut with = Player::join(&server, create("arena")).expect("a room");
    let ticks = |player: &mut Player| {
        let (start, before) = (Instant::now(), player.client.tick());
        while start.elapsed() < Duration::from_secs(4) {
            let arrived = player.frame().expect("the session goes on");
            assert!(arrived.advance <= 10, "a bounded delay: {} ticks at once", arrived.advance);
        }
        player.client.tick().since(before)
    };
    slow.frame().expect("a frame");
    let (slow, with) = std::thread::scope(|scope| {
        let slow = scope.spawn(|| ticks(&mut slow));
        let with = scope.spawn(|| ticks(&mut with));
        (slow.join().expect("it plays"), with.join().expect("it plays"))
    });
    println!("in four seconds: {slow} ticks of the slow room, {with} of the one on its thread");
    assert!((15..=32).contains(&slow), "a third of its eighty ticks, and no burst");
    assert!(with >= 15, "{with}: the other room on its thread has its turns");
    assert!(beside.back().was_undisturbed());
    assert!(server.metric("tickwire_skipped_ticks_total") > 20.0);
}
