//! Connections cut at every byte, a thousand players who reconnect at once, a room over its time budget.

use std::net::Shutdown;
use std::time::{Duration, Instant};

use tickwire::engine::{Client, ClientEvent, Depth};
use tickwire::game::{Context, Game, PlayerInput, RoomSetup};
use tickwire::server::Config;
use tickwire::tick::Moment;
use tickwire::wire::{Ack, ClientMessage, Continuity, Join, encode_client};

use crate::support::{Frame, PATIENT, Player, Raw, SUBPROTOCOL, TestServer, arena, demo, lean, masked, upgrade};

#[test]
fn a_session_may_be_cut_at_every_byte() {
    let server = TestServer::start();
    let mut session = upgrade(SUBPROTOCOL).into_bytes();
    session.extend(masked(0x82, &Client::hello(arena(), "cut", Vec::new(), 0)));
    let upgraded = session.len();
    for message in [ClientMessage::Ping { stamp: 1 }, ClientMessage::Ack(Ack::default())] {
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

/// Reads until the client was told what is wanted.
fn hear(raw: &mut Raw, client: &mut Client, wanted: impl Fn(&ClientEvent) -> bool) {
    loop {
        let bytes = match raw.next() {
            Some(Frame::Binary(bytes)) => bytes,
            // The server asks who waits for long in this queue whether it is still there.
            Some(Frame::Ping) => continue,
            other => panic!("the session ended: {other:?}"),
        };
        if wanted(&client.on_message(&bytes).expect("a message")) {
            return;
        }
    }
}

/// Says all of these hellos at once; everyone is welcomed, gets a frame and answers.
fn come(server: &TestServer, who: impl Iterator<Item = (Client, Vec<u8>)>) -> Vec<(Raw, Client)> {
    let hello = |(client, hello): (Client, Vec<u8>)| {
        let mut raw = Raw::connect(server.address);
        raw.send(&hello);
        (raw, client)
    };
    let mut all: Vec<(Raw, Client)> = who.map(hello).collect();
    for (raw, client) in &mut all {
        hear(raw, client, |told| matches!(told, ClientEvent::Welcome));
        hear(raw, client, |told| matches!(told, ClientEvent::Frame(arrived) if arrived.advance > 0));
        client.ping(1);
        // Whoever says something has played, and the seat is held for as long as is configured.
        client.chat(&[], "");
        while let Some(message) = client.poll(Moment(0).plus(PATIENT)) {
            raw.send(&message);
        }
    }
    all
}

#[test]
fn a_thousand_who_return_at_once_are_back_within_ten_seconds() {
    const PLAYERS: usize = 1000;
    let server = TestServer::alone_with(Config { hold_seats_for: Duration::from_secs(60), ..lean() }, |server| server);
    let join = || Join::JoinOrCreate { game: "plaza".to_owned(), options: Vec::new() };
    let strangers = (0..PLAYERS).map(|number| {
        (Client::new(Depth::Continuity), Client::hello(join(), &format!("player {number}"), Vec::new(), 0))
    });
    let (raws, gone): (Vec<Raw>, Vec<Client>) = come(&server, strangers).into_iter().unzip();
    // The last ones must have been heard from too, or their seats would not be held.
    std::thread::sleep(Duration::from_millis(500));
    drop(raws);
    server.wait_for_metric("tickwire_seats_held", PLAYERS as f64);
    let start = Instant::now();
    let back = come(
        &server,
        gone.iter().map(|client| {
            let mut client = client.clone();
            let hello = client.resume("again", Vec::new()).expect("seats are held");
            (client, hello)
        }),
    );
    let took = start.elapsed();
    let mut went_on = 0;
    for ((_, back), gone) in back.iter().zip(&gone) {
        let (now, then) = (back.welcome().expect("a welcome"), gone.welcome().expect("a welcome"));
        assert_eq!((&now.room, now.seat, now.entity), (&then.room, then.seat, then.entity));
        assert_ne!(now.continuity, Continuity::Fresh);
        assert!(back.tick().since(gone.tick()) > 0);
        went_on += usize::from(now.continuity == Continuity::State);
    }
    println!("{} are back after {took:?}, {went_on} of them with the state they had", back.len());
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!((server.metric("tickwire_seats_held"), server.metric("tickwire_players")), (0.0, PLAYERS as f64));
    assert_eq!(server.metric("tickwire_seats_released_total"), 0.0);
    drop(back);
    server.wait_for_metric("tickwire_sessions", 0.0);
}

/// An arena that takes three ticks for each.
struct Slow(Box<dyn Game>);

impl Game for Slow {
    delegate!(0: spec, join, leave, write_snapshot);
    fn step(&mut self, inputs: &[PlayerInput], cx: &mut Context) {
        std::thread::sleep(Duration::from_millis(150));
        self.0.step(inputs, cx);
    }
}

#[test]
fn a_room_over_its_budget_skips_its_own_ticks_and_leaves_other_threads_alone() {
    let server = TestServer::with(Config { room_threads: 2, ..lean() }, |server| {
        server.game("slow", |setup: &RoomSetup| Ok(Box::new(Slow(demo("arena")(setup)?))))
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
