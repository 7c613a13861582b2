//! The rules, played in virtual time.

use std::time::Duration;

use __CRATE__::{Coin, Event, Rules, Runner, SIDE, Steer, server};
use tickwire::engine::link::Profile;
use tickwire::prelude::*;
use tickwire::testing::{Plan, PlayerId, Playtest};

fn playtest(plan: Plan) -> Playtest {
    Playtest::new(plan, |_| Ok(Box::<Rules>::default()))
}

/// Runs to the nearest coin, as a player would who sees what the client knows.
fn collect(play: &mut Playtest, who: PlayerId, seconds: u64) {
    let end = Duration::from_secs(seconds);
    let step = Duration::from_millis(50);
    let mut passed = Duration::ZERO;
    while passed < end {
        let own: Runner = play[who].own_row();
        let coins = play[who].rows_of::<Coin>();
        let far = |coin: &&Coin| (coin.x - own.x).abs() + (coin.y - own.y).abs();
        let (right, down) = coins.values().min_by_key(far).map_or((0, 0), |to| (to.x - own.x, to.y - own.y));
        // Nearer than a step is near enough.
        let towards = |distance: i32| if distance.abs() < 12 { 0 } else { distance.signum() };
        play[who].hold_input(&Steer { right: towards(right), down: towards(down) });
        play.run_for(step);
        passed += step;
    }
}

#[test]
fn runners_run_and_stop_at_the_edge() {
    let mut play = playtest(Plan::default());
    let ada = play.join("Ada");
    play.run_ticks(2);
    let start: Runner = play[ada].own_row();
    play[ada].hold_input(&Steer { right: 1, down: 0 });
    play.run_ticks(10);
    let now: Runner = play[ada].own_row();
    assert_eq!((now.x - start.x, now.y - start.y), (120, 0), "240 per second, for half a second");
    play.run_for(Duration::from_secs(5));
    assert_eq!(play[ada].own_row::<Runner>().x, SIDE);
}

#[test]
fn whoever_comes_near_a_coin_collects_it_also_on_a_train() {
    let link = Profile::named("train").expect("a profile");
    let mut play = playtest(Plan { seed: 7, link, ..Plan::default() });
    let (ada, bob) = (play.join("Ada"), play.join("Bob"));
    play.run_for(Duration::from_secs(3));
    collect(&mut play, ada, 30);
    play.settle();
    let coins = play[ada].own_row::<Runner>().coins;
    assert!(coins > 3, "{coins} coins in half a minute");
    let of_ada = |event: &&Event| matches!(event, Event::Collected { by, .. } if *by == play[ada].welcome().seat);
    assert!(play[bob].heard::<Event>().iter().filter(of_ada).count() > 3, "Bob heard of it");
    assert_eq!(play[bob].rows_of::<Coin>().len(), 5);
}

#[test]
fn the_types_of_the_page_are_up_to_date() {
    let changed = server(Config::default()).write_types("web/src/game").expect("the folder can be written");
    assert!(changed.is_empty(), "the rules have changed, and these files with them: commit {changed:?}");
}
