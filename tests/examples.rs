//! The examples are played, not only compiled.

#![allow(clippy::disallowed_methods, reason = "real sockets live in real time")]

#[path = "../examples/smallest.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod smallest;
#[path = "server/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the server's own tests")]
mod support;

use support::{Player, TestServer};
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
