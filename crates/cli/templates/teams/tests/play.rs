//! The rules, played in virtual time.

use std::time::Duration;

use __CRATE__::{Command, Event, Rules, Runner, Steer, Team, Trap, server};
use tickwire::prelude::*;
use tickwire::testing::{Plan, PlayerId, Playtest};

fn playtest() -> (Playtest, PlayerId, PlayerId) {
    let mut play = Playtest::new(Plan::default(), |_| Ok(Box::<Rules>::default()));
    let (ada, bob) = (play.join("Ada"), play.join("Bob"));
    play.run_ticks(2);
    assert_eq!([ada, bob].map(|player| play[player].own_row::<Runner>().team), [Team::Red, Team::Blue]);
    (play, ada, bob)
}

#[test]
fn only_its_team_sees_a_trap() {
    let (mut play, ada, bob) = playtest();
    play[ada].send(&Command::Lay);
    play.run_ticks(4);
    assert_eq!(play[ada].rows_of::<Trap>().len(), 1);
    assert_eq!(play[bob].rows_of::<Trap>().len(), 0, "the others do not get it, whatever their page is");
}

#[test]
fn whoever_runs_into_a_trap_starts_at_home() {
    let (mut play, ada, bob) = playtest();
    play[ada].send(&Command::Lay);
    play[bob].hold_input(&Steer { right: -1, down: 0 });
    play.run_for(Duration::from_secs(3));
    let caught = Event::Caught { who: play[bob].welcome().seat, red: 1, blue: 0 };
    assert_eq!(play[ada].heard::<Event>(), [caught]);
    assert!(play[bob].own_row::<Runner>().x > 300, "he runs again, from his home");
}

#[test]
fn a_match_ends_with_a_result() {
    let (mut play, ada, _) = playtest();
    play.run_for(Duration::from_secs(121));
    let ended = play[ada].events().any(|event| matches!(event, tickwire::wire::EventBody::Ended { .. }));
    assert!(ended, "after two minutes");
}

#[test]
fn the_types_of_the_page_are_up_to_date() {
    let changed = server(Config::default()).write_types("web/src/game").expect("the folder can be written");
    assert!(changed.is_empty(), "the rules have changed, and these files with them: commit {changed:?}");
}
