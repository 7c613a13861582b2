//! The examples are played, not only compiled. `crates/cli/tests/examples.rs` plays those that need a bot.

#![allow(clippy::disallowed_methods, reason = "real sockets live in real time")]

#[path = "../examples/ecs.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod ecs;
#[path = "../examples/own_loop.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod own_loop;
#[path = "../examples/smallest/main.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod smallest;
#[path = "server/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the server's own tests")]
mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use smallest::dots::{Dot, Steer};
use support::{Player, TestServer};
use tickwire::engine::link::{Outage, Profile};
use tickwire::engine::{Arrived, Client, ClientEvent, Depth};
use tickwire::testing::{Plan, Playtest};
use tickwire::tick::Moment;
use tickwire::wire::Join;
use tickwire::{KindId, ZoneId};
use tickwire_games::arena::AVATAR;

#[test]
fn the_smallest_game_is_playable() {
    let server = TestServer::run(|| smallest::server(tickwire::Config::default()));
    let join = Join::JoinOrCreate { game: "dots".to_owned(), options: Vec::new() };
    let mut player = Player::join(&server, join).expect("a new room");
    player.frame().expect("a frame");
    let sent = player.client.input(&[1, -1]);
    player.until(|arrived, _| arrived.consumed.since(sent) >= 0);
    let welcome = player.client.welcome().expect("a welcome").clone();
    let place = |player: &Player| {
        let zone = &player.client.zones()[&ZoneId(0)];
        zone.find(&welcome.schema, KindId(0), welcome.entity).expect("the own dot").to_vec()
    };
    let start = place(&player);
    let advance = player.frame().expect("a frame").advance.cast_signed();
    // 8 units per second are 25.6 quanta per tick at 20 Hz; clients know whole quanta.
    let moved = [place(&player)[0] - start[0], start[1] - place(&player)[1]];
    assert!(moved.iter().all(|way| (25 * advance..=26 * advance).contains(way)), "{moved:?} in {advance} ticks");
}

/// The kind of the smallest game's rows.
const DOT: KindId = KindId(0);

#[test]
fn the_smallest_game_moves_as_it_should() {
    let mut play = Playtest::new(Plan::default(), |_| Ok(Box::<smallest::dots::Dots>::default()));
    let ada = play.join("Ada");
    play[ada].hold_input(&Steer { x: 1, y: -1 });
    play.run_ticks(10);
    assert_eq!(play[ada].own_row::<Dot>(), Dot { x: 4.0, y: -4.0 });
    play[ada].hold_input(&Steer { x: 0, y: 0 });
    play[ada].press_input(&Steer { x: -1, y: 0 });
    play.run_ticks(5);
    assert_eq!(play[ada].own(DOT), [230, -256], "rounded to a step");
}

#[test]
fn the_smallest_game_bears_a_bad_link() {
    // A stream retransmits lost packets: to its reader, loss is a stall.
    let stall = Some(Outage { for_ms: 300.0, every_ms: 2000.0 });
    let link = Profile { rtt_ms: 200.0, jitter_ms: 60.0, stall, ..Profile::default() };
    let mut play =
        Playtest::new(Plan { seed: 7, link, ..Plan::default() }, |_| Ok(Box::<smallest::dots::Dots>::default()));
    let (ada, bob) = (play.join("Ada"), play.join("Bob"));
    play.run_for(Duration::from_secs(1));
    play[ada].hold(&[1, 0]);
    play.run_for(Duration::from_secs(10));
    play[ada].hold(&[0, 0]);
    play.run_for(Duration::from_secs(2));
    play.settle();
    // 8 units per second for ten seconds, within the time that stalls took.
    let x = play[ada].own(DOT)[0];
    assert!((4096 - 64 * 8..=4096).contains(&x), "{x}");
    assert_eq!(play[ada].rows(DOT), play[bob].rows(DOT));
    let late = play[bob].arrivals().iter().map(|arrival| play.age(arrival.told.tick, arrival.at)).max();
    assert!(late >= Some(Duration::from_millis(300)), "the link was bad: {late:?}");
}

#[test]
fn who_gets_a_coin_does_not_depend_on_who_came_and_went() {
    let mut play = Playtest::new(Plan::default(), |_| Ok(Box::<ecs::Coins>::default()));
    let (ada, bob, cyd) = (play.join("Ada"), play.join("Bob"), play.join("Cyd"));
    // Cyd takes Ada's place in the list of players, before Bob.
    play.cut(ada, true);
    play.run_ticks(1);
    for turn in 0..40 {
        for player in [bob, cyd] {
            play[player].hold(&[[1, 0], [0, 1], [-1, 0], [0, -1]][turn % 4].map(|way| way * (turn > 0) as i32));
        }
        play.run_for(Duration::from_millis(300 * turn as u64));
    }
    let purse = |id| play[id].own_row::<ecs::Walker>().purse;
    assert!(purse(bob) > 10, "Bob's purse: {}", purse(bob));
    assert_eq!(purse(cyd), 0, "Bob's id is the lower one");
    assert_eq!(play[bob].rows(KindId(1)).len(), 20, "coins");
}

/// A client of `own_loop`.
struct Wire {
    stream: TcpStream,
    client: Client,
    start: Instant,
}

impl Wire {
    fn join(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the loop listens");
        stream.set_read_timeout(Some(support::PATIENT)).expect("a timeout");
        let mut wire = Self { stream, client: Client::new(Depth::Full), start: Instant::now() };
        wire.send(&Client::hello(support::arena(), "tester", Vec::new(), 0));
        assert_eq!(wire.hear(), ClientEvent::Welcome);
        wire
    }

    fn send(&mut self, message: &[u8]) {
        let head = u32::try_from(message.len()).expect("it is short").to_le_bytes();
        self.stream.write_all(&[&head, message].concat()).expect("the loop reads");
    }

    fn hear(&mut self) -> ClientEvent {
        let mut head = [0; 4];
        self.stream.read_exact(&mut head).expect("the loop speaks");
        let mut message = vec![0; u32::from_le_bytes(head) as usize];
        self.stream.read_exact(&mut message).expect("the whole message comes");
        self.client.on_message(&message).expect("it speaks the protocol")
    }

    fn until(&mut self, wanted: impl Fn(&Arrived, &Client) -> bool) {
        for _ in 0..200 {
            let now = Moment(0).plus(self.start.elapsed() + Duration::from_secs(1));
            while let Some(message) = self.client.poll(now) {
                self.send(&message);
            }
            if let ClientEvent::Frame(arrived) = self.hear() {
                assert_eq!(arrived.desyncs, 0);
                if wanted(&arrived, &self.client) {
                    return;
                }
            }
        }
        panic!("no frame showed it");
    }
}

#[test]
fn a_loop_of_ones_own_serves_the_engine() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let thread = std::thread::spawn(move || own_loop::serve(&listener, &stopped));
    // Who goes before the welcome leaves nothing behind.
    for _ in 0..20 {
        let stream = TcpStream::connect(address).expect("the loop listens");
        let mut gone = Wire { stream, client: Client::new(Depth::Full), start: Instant::now() };
        gone.send(&Client::hello(support::arena(), "ghost", Vec::new(), 0));
    }
    std::thread::sleep(Duration::from_millis(300));
    let mut ada = Wire::join(address);
    let bob = Wire::join(address);
    ada.until(|arrived, _| arrived.players == 2);
    let welcome = ada.client.welcome().expect("a welcome").clone();
    let place = |client: &Client| {
        client.zones()[&ZoneId(0)].find(&welcome.schema, AVATAR, welcome.entity).expect("the own avatar")[..2].to_vec()
    };
    let start = place(&ada.client);
    ada.client.input(&[64, 1, 0, 0]);
    ada.until(|arrived, client| arrived.consumed.0 > 0 && place(client) != start);
    drop(bob);
    ada.until(|arrived, _| arrived.players == 1);
    stop.store(true, Ordering::Relaxed);
    thread.join().expect("the loop does not panic").expect("it ends well");
}
