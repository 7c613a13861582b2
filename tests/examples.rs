//! The examples are played, not only compiled.

#![allow(clippy::disallowed_methods, reason = "real sockets live in real time")]

#[path = "../examples/smallest.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod smallest;
#[path = "server/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the server's own tests")]
mod support;

use std::time::Duration;

use support::{Player, TestServer};
use tickwire::engine::link::{Outage, Profile};
use tickwire::testing::{Plan, Playtest};
use tickwire::wire::Join;
use tickwire::{KindId, ZoneId};

#[test]
fn the_smallest_game_is_playable() {
    let server = TestServer::run(smallest::server);
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
    // 8 units per second are 25 quanta per tick at 20 Hz.
    assert_eq!(place(&player), [start[0] + 25 * advance, start[1] - 25 * advance]);
}

/// The kind of the smallest game's rows.
const DOT: KindId = KindId(0);

#[test]
fn the_smallest_game_moves_as_it_should() {
    let mut play = Playtest::new(Plan::default(), |_| Ok(Box::<smallest::Dots>::default()));
    let ada = play.join("Ada");
    play[ada].hold(&[1, -1]);
    play.run_ticks(10);
    assert_eq!(play[ada].own(DOT), [250, -250]);
    play[ada].hold(&[0, 0]);
    play[ada].press(&[-1, 0]);
    play.run_ticks(5);
    assert_eq!(play[ada].own(DOT), [225, -250]);
}

#[test]
fn the_smallest_game_bears_a_bad_link() {
    // What a stream loses it repeats: for its reader, loss is a stall.
    let stall = Some(Outage { for_ms: 300.0, every_ms: 2000.0 });
    let link = Profile { rtt_ms: 200.0, jitter_ms: 60.0, stall, ..Profile::default() };
    let mut play = Playtest::new(Plan { seed: 7, link, ..Plan::default() }, |_| Ok(Box::<smallest::Dots>::default()));
    let (ada, bob) = (play.join("Ada"), play.join("Bob"));
    play.run_for(Duration::from_secs(1));
    play[ada].hold(&[1, 0]);
    play.run_for(Duration::from_secs(10));
    play[ada].hold(&[0, 0]);
    play.run_for(Duration::from_secs(2));
    play.settle();
    // 8 units per second for ten seconds, give or take what a stall ate.
    let x = play[ada].own(DOT)[0];
    assert!((4096 - 64 * 8..=4096).contains(&x), "{x}");
    assert_eq!(play[ada].rows(DOT), play[bob].rows(DOT));
    let late = play[bob].arrivals().iter().map(|arrival| play.age(arrival.told.tick, arrival.at)).max();
    assert!(late >= Some(Duration::from_millis(300)), "the link was bad: {late:?}");
}
