//! The arena full of players who hold a course for a second or so, as people do; what the benchmarks measure.

#![allow(dead_code, reason = "each user needs some of it")]

#[path = "../../tests/drive/mod.rs"]
pub mod drive;

use std::collections::BTreeMap;

use tickwire::engine::{Admitted, InputRun, Room, RoomConfig, RoomPolicy};
use tickwire::game::{Game, RoomSetup};
use tickwire::id::{CorrectionEpoch, Seat, Seq};
use tickwire::tick::TickRate;
use tickwire_games as games;

/// A number that looks random, the same every time.
fn scatter(a: u32, b: u32) -> u32 {
    let mixed = a.wrapping_mul(0x9e37_79b9) ^ b.wrapping_mul(0x85eb_ca6b);
    (mixed ^ (mixed >> 15)).wrapping_mul(0xc2b2_ae35) >> 8
}

/// A room with that many players, and how the first of them was let in.
pub fn room(players: u16) -> (Room, Admitted) {
    room_with(players, &[])
}

/// The same with these options beside the map.
pub fn room_with(players: u16, options: &[(&str, &str)]) -> (Room, Admitted) {
    let options = [("map", "field")].iter().chain(options).map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let options = options.collect();
    let setup = RoomSetup { rate: TickRate::DEFAULT, seed: 1, options };
    let game = arena(&setup);
    let config = RoomConfig::new("r", "arena", setup, RoomPolicy::default());
    let mut room = Room::new(config, game);
    let admitted = (0..players).map(|n| drive::enter(&mut room, &format!("p{n}"), BTreeMap::new()));
    let first = admitted.collect::<Vec<_>>().swap_remove(0);
    (0..40).for_each(|n| {
        offer(&mut room, players, n);
        drive::tick(&mut room);
    });
    (room, first)
}

/// One input of every player, number `n` from 0: running, now and then another way, rarely with a dash or a throw.
pub fn offer(room: &mut Room, players: u16, n: u32) {
    (0..players).for_each(|seat| drive::offer(room, Seat(seat), run(seat, n)));
}

/// Input number `n` of a player.
pub fn run(seat: u16, n: u32) -> InputRun {
    let player = u32::from(seat);
    let course = (n + player) / 20;
    let heading = (scatter(player, course) & 0xff).cast_signed();
    let rarely = |salt: u32| i32::from(scatter(player ^ salt, n).is_multiple_of(40));
    let input = [heading, 1, rarely(1 << 20), rarely(1 << 21), 0, 0, 0, 0];
    InputRun { first: Seq(n + 1), count: 1, epoch: CorrectionEpoch(0), view: None, input }
}

/// The game of such a room.
pub fn arena(setup: &RoomSetup) -> Box<dyn Game> {
    let (_, arena) = games::builtin().into_iter().find(|(name, _)| *name == "arena").expect("the arena is built in");
    arena(setup).expect("the map exists")
}
