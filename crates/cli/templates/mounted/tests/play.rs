//! The rules, played in virtual time.

use __CRATE__::rules::{Rules, Runner, Steer};
use __CRATE__::server;
use tickwire::Config;
use tickwire::testing::{Plan, Playtest};

#[test]
fn runners_run_and_nobody_plays_twice() {
    let mut play = Playtest::new(Plan::default(), |_| Ok(Box::<Rules>::default()));
    let ada = play.join("Ada");
    play[ada].hold_input(&Steer { right: 0, down: -1 });
    play.run_ticks(10);
    assert_eq!(play[ada].own_row::<Runner>().y, 320 - 120, "240 per second, for half a second");
    let again = play.join("Ada");
    assert!(play[again].closed().is_some(), "refused");
    assert_eq!(play[ada].rows_of::<Runner>().len(), 1);
}

#[test]
fn the_types_of_the_page_are_up_to_date() {
    let changed = server(Config::default()).write_types("web/src/game").expect("the folder can be written");
    assert!(changed.is_empty(), "the rules have changed, and these files with them: commit {changed:?}");
}
