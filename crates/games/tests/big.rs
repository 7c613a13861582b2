//! The big arena: who is near sees each other, who is far does not, and all see on the small map where the others are.

use std::collections::BTreeMap;
use std::time::Duration;

use tickwire::Message as _;
use tickwire::engine::link::Profile;
use tickwire::id::EntityId;
use tickwire::testing::{Plan, PlayerId, Playtest};
use tickwire::tick::Tick;
use tickwire_games::PER_METRE;
use tickwire_games::arena::{AVATAR, Arena, ArenaCommand, CROWD};

/// How far players see, in quanta.
const SIGHT: i64 = 24 * PER_METRE as i64;

fn crowded(count: usize) -> (Playtest, Vec<PlayerId>) {
    crowded_over(count, Profile::default())
}

fn crowded_over(count: usize, link: Profile) -> (Playtest, Vec<PlayerId>) {
    let options = BTreeMap::from([("map".to_owned(), "big".to_owned())]);
    let mut play = Playtest::new(Plan { options, link, ..Plan::default() }, |setup| Ok(Box::new(Arena::new(setup)?)));
    let players: Vec<PlayerId> = (0..count).map(|number| play.join(&format!("p{number}"))).collect();
    for (player, number) in players.iter().zip(0_u32..) {
        let mut step = number * 7;
        play[*player].steer(move |_| {
            step += 1;
            vec![((step / 40 * 97) % 256) as i32, 1, 0, i32::from(step % 11 == 0)]
        });
    }
    (play, players)
}

/// Where all avatars are, by the server's newest frame.
fn positions(play: &Playtest) -> BTreeMap<EntityId, [i64; 2]> {
    let zones = play.frame().zones().iter().map(|zone| zone.zone());
    let rows = zones.flat_map(|zone| zone.rows(play.frame().schema())).filter(|row| row.kind == AVATAR);
    rows.map(|row| (row.id, [row.values[0].into(), row.values[1].into()])).collect()
}

#[test]
fn players_see_all_who_are_near_and_few_others() {
    let (mut play, players) = crowded(300);
    let (mut near, mut seen, mut hidden) = (0, 0, 0);
    for _ in 0..20 {
        play.run_ticks(1);
        play.settle();
        let all = positions(&play);
        for player in &players {
            let own = all[&play[*player].welcome().entity];
            let rows = play[*player].rows(AVATAR);
            for (id, at) in &all {
                let distance = (at[0] - own[0]).pow(2) + (at[1] - own[1]).pow(2);
                assert!(distance > SIGHT.pow(2) || rows.contains_key(id), "{id:?} is in sight");
                near += usize::from(distance <= SIGHT.pow(2));
            }
            seen += rows.len();
            hidden += all.len() - rows.len();
        }
    }
    assert!(hidden * 3 > seen && seen < near * 4, "{near} in sight, {seen} seen, {hidden} hidden");
}

#[test]
fn spectators_go_along_with_a_player() {
    let (mut play, players) = crowded(80);
    let spectator = play.spectate("spectator");
    play.run_for(Duration::from_secs(1));
    for player in [players[7], players[70]] {
        let follow = ArenaCommand::Follow(Some(play[player].welcome().seat));
        play[spectator].command(follow.kind(), &follow.to_body());
        play.run_for(Duration::from_millis(1200));
        for _ in 0..10 {
            play.run_ticks(1);
            play.settle();
            let all = positions(&play);
            let followed = all[&play[player].welcome().entity];
            let rows = play[spectator].rows(AVATAR);
            for (id, at) in &all {
                let distance = (at[0] - followed[0]).pow(2) + (at[1] - followed[1]).pow(2);
                assert!(distance > SIGHT.pow(2) || rows.contains_key(id), "{id:?} is in sight");
            }
        }
    }
}

#[test]
fn the_small_map_counts_everybody_once_per_second() {
    let (mut play, players) = crowded(30);
    play.run_for(Duration::from_millis(2500));
    for player in &players {
        let counted: i32 = play[*player].rows(CROWD).values().map(|row| row[2]).sum();
        assert_eq!(counted, 30);
    }
}

/// Everybody runs. What a page would show: the own avatar predicted to the server's present, and the others as they were a
/// moment before. Whoever is in sight then must be among the rows that have arrived.
#[test]
fn nobody_pops_up_within_sight() {
    /// The moment that pages show lies so many ticks back: the delay of the link and of the interpolation.
    const SHOWN_BEHIND: u32 = 3;
    for name in ["lan", "wifi", "lte"] {
        let (mut play, players) = crowded_over(120, Profile::named(name).expect("a known profile"));
        play.run_for(Duration::from_secs(3));
        let (mut in_sight, mut missing) = (0_u32, 0_u32);
        for _ in 0..120 {
            play.run_ticks(1);
            let now = positions(&play);
            let shown = Tick(play.frame().tick().0 - SHOWN_BEHIND);
            let shown = play.frame_at(shown).expect("all frames are kept").clone();
            for player in &players {
                let own = now[&play[*player].welcome().entity];
                let rows = play[*player].rows(AVATAR);
                let all = shown.zones().iter().flat_map(|zone| zone.zone().rows(shown.schema()));
                for row in all.filter(|row| row.kind == AVATAR) {
                    let square = |axis: usize| (i64::from(row.values[axis]) - own[axis]).pow(2);
                    if square(0) + square(1) <= SIGHT.pow(2) {
                        in_sight += 1;
                        missing += u32::from(!rows.contains_key(&row.id));
                    }
                }
            }
        }
        println!("{name}: {missing} of {in_sight} were missing");
        assert_eq!(missing, 0, "{name}: of {in_sight} in sight");
    }
}
