//! Rooms of the games in which entity ids are used up and begin anew: whoever comes then plays like everybody else.

use tickwire::engine::RoomCounters;
use tickwire::game::{Game, RoomSetup};
use tickwire::id::{EntityId, KindId};
use tickwire::testing::{Plan, Playtest};
use tickwire_games::arena::AVATAR;
use tickwire_games::builtin;
use tickwire_games::plaza::WALKER;

/// Where an entity is, as a player sees it.
fn place(play: &Playtest, of: EntityId, kind: KindId) -> [i32; 2] {
    let row = play.frame().find(kind, of).expect("it is there");
    [row[0], row[1]]
}

/// Ten people come, and each moves when it is told to: some with the last ids, the others with the first. So many ids are left.
fn newcomers_move(name: &'static str, kind: KindId, left: u32) {
    let make = move |setup: &RoomSetup| {
        let (_, make) = builtin().into_iter().find(|(game, _)| *game == name).expect("a built-in game");
        make(setup) as Result<Box<dyn Game>, _>
    };
    let counters = RoomCounters { entities: u32::MAX - left, ..RoomCounters::default() };
    let mut play = Playtest::new(Plan { counters, checkpoint_every: 7, ..Plan::default() }, make);
    let mut ids = Vec::new();
    for number in 0..10 {
        let player = play.join(&format!("player {number}"));
        play.run_ticks(3);
        let id = play[player].welcome().entity;
        assert!(id != EntityId(0) && !ids.contains(&id), "{id:?} after {ids:?}");
        ids.push(id);
        let mut moved = false;
        for heading in [0, 64, 128, 192] {
            let before = place(&play, id, kind);
            match kind {
                AVATAR if name == "arena" => play[player].hold(&[heading, 1, 0, 1]),
                _ => play[player].hold(&[before[0] + 8, before[1]]),
            }
            play.run_ticks(12);
            moved |= place(&play, id, kind) != before;
        }
        assert!(moved, "{name}: {id:?} moves, after {ids:?}");
    }
    let last = ids.iter().filter(|id| id.0 > u32::MAX / 2).count();
    assert!((2..8).contains(&last), "some are of the first round: {ids:?}");
}

#[test]
fn who_comes_to_an_arena_after_the_last_id_moves() {
    // Sparks and snowballs take ids, too.
    newcomers_move("arena", AVATAR, 40);
}

#[test]
fn who_comes_to_a_plaza_after_the_last_id_moves() {
    newcomers_move("plaza", WALKER, 2);
}
