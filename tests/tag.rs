//! The game of tag in `examples/tag`, played in virtual time; its page is played in Chromium by `web-demo/test/pages`.

#[path = "../examples/smallest/main.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod smallest;
#[path = "../examples/tag/main.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod tag;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use tag::rules::{Command, Event, Runner, Star, Steer, Tag, Team, Trap};
use tickwire::engine::link::Profile;
use tickwire::prelude::*;
use tickwire::testing::{Plan, PlayerId, Playtest, StepRun, Steps};
use tickwire::wire::EventBody;

const STILL: Steer = Steer { right: 0, down: 0 };

fn at(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn playtest(plan: Plan) -> (Playtest, PlayerId, PlayerId) {
    let mut play = Playtest::new(plan, |_| Ok(Box::<Tag>::default()));
    let (ada, bob) = (play.join("Ada"), play.join("Bob"));
    play.run_for(Duration::from_secs(2));
    assert_eq!([ada, bob].map(|player| play[player].own_row::<Runner>().team), [Team::Red, Team::Blue]);
    (play, ada, bob)
}

/// Runs to a place that may change, by what the own client knows, until `is_done`.
fn run_to(
    play: &mut Playtest,
    who: PlayerId,
    to: impl Fn(&Playtest) -> (i32, i32),
    is_done: impl Fn(&Playtest) -> bool,
) {
    for _ in 0..400 {
        let (Runner { x, y, .. }, (to_x, to_y)) = (play[who].own_row(), to(play));
        let towards = |distance: i32| if distance.abs() < 12 { 0 } else { distance.signum() };
        play[who].hold_input(&Steer { right: towards(to_x - x), down: towards(to_y - y) });
        play.run_ticks(1);
        if is_done(play) {
            play[who].hold_input(&STILL);
            return;
        }
    }
    panic!("{who:?} does not get there");
}

#[test]
fn only_its_team_sees_a_trap_and_the_others_are_stuck_in_it() {
    let (mut play, ada, bob) = playtest(Plan::default());
    play[ada].send(&Command::Lay);
    play.run_ticks(4);
    assert_eq!([ada, bob].map(|player| play[player].rows_of::<Trap>().len()), [1, 0]);
    let trap = play[ada].own_row::<Runner>();
    // Ada waits elsewhere: she hunts.
    run_to(&mut play, ada, |_| (60, 20), |play| play[ada].own_row::<Runner>().y < 40);
    let trapped = Event::Trapped { who: play[bob].welcome().seat };
    run_to(&mut play, bob, |_| (trap.x, trap.y), |play| play[bob].heard::<Event>().contains(&trapped));
    let stuck = play[bob].own_row::<Runner>();
    assert!(stuck.stuck > 30, "two seconds: {stuck:?}");
    play[bob].hold_input(&Steer { right: 1, down: 0 });
    play.run_ticks(20);
    assert_eq!(play[bob].own_row::<Runner>().x, stuck.x);
    play.run_ticks(40);
    assert!(play[bob].own_row::<Runner>().x > stuck.x, "free again");
    assert_eq!(play[ada].rows_of::<Trap>().len(), 0);
}

#[test]
fn hunters_touch_others_who_start_again_at_home_also_on_a_train() {
    let link = Profile::named("train").expect("a profile");
    let (mut play, ada, bob) = playtest(Plan { seed: 3, link, ..Plan::default() });
    let tagged = Event::Tagged { by: play[ada].welcome().seat, whom: play[bob].welcome().seat };
    run_to(&mut play, bob, |_| (580, 100), |play| play[bob].own_row::<Runner>().y < 120);
    let bobs = |play: &Playtest| {
        let Runner { x, y, .. } = play[bob].own_row();
        (x, y)
    };
    run_to(&mut play, ada, bobs, |play| play[bob].heard::<Event>().contains(&tagged));
    play.settle();
    assert_eq!(play[ada].heard::<Event>()[0], tagged);
    assert!(play[bob].own_row::<Runner>().x > 500);
}

#[test]
fn a_star_makes_fast() {
    let (mut play, ada, _) = playtest(Plan::default());
    assert_eq!(play[ada].rows_of::<Star>().len(), 3);
    let star = |play: &Playtest| {
        let Runner { x, y, .. } = play[ada].own_row();
        let stars = play[ada].rows_of::<Star>();
        let nearest = stars.values().min_by_key(|star| (star.x - x).abs() + (star.y - y).abs()).expect("three stars");
        (nearest.x, nearest.y)
    };
    run_to(&mut play, ada, star, |play| play[ada].own_row::<Runner>().boost > 0);
    let before = play[ada].own_row::<Runner>();
    assert_eq!(play[ada].rows_of::<Star>().len(), 3, "there is a new one");
    let right = if before.x < 320 { 1 } else { -1 };
    play[ada].hold_input(&Steer { right, down: 0 });
    play.run_ticks(10);
    let after = play[ada].own_row::<Runner>();
    assert!((after.x - before.x).abs() > 9 * 12, "faster than without: {before:?}, {after:?}");
}

#[test]
fn who_types_swap_changes_sides_and_nobody_reads_it() {
    let (mut play, ada, bob) = playtest(Plan::default());
    play[bob].send(&Command::Lay);
    play.run_ticks(4);
    assert_eq!(play[ada].rows_of::<Trap>().len(), 0);
    play[ada].chat(&[], "/swap");
    play[ada].chat(&[], "hello");
    play.run_for(Duration::from_secs(1));
    assert_eq!(play[ada].own_row::<Runner>().team, Team::Blue);
    assert_eq!(play[ada].rows_of::<Trap>().len(), 1, "it sees what its team sees");
    let lines = play[bob].events().filter(|event| matches!(event, EventBody::Chat { .. })).count();
    assert_eq!(lines, 1, "a line for everybody, and a command");
}

#[test]
fn the_teams_change_parts_and_after_two_minutes_there_is_a_result() {
    let (mut play, ada, bob) = playtest(Plan::default());
    play.run_for(Duration::from_secs(19));
    // Blue hunts now.
    let tagged = Event::Tagged { by: play[bob].welcome().seat, whom: play[ada].welcome().seat };
    let adas = |play: &Playtest| {
        let Runner { x, y, .. } = play[ada].own_row();
        (x, y)
    };
    run_to(&mut play, ada, |_| (60, 100), |play| play[ada].own_row::<Runner>().y < 120);
    run_to(&mut play, bob, adas, |play| play[ada].heard::<Event>().contains(&tagged));
    play.run_for(Duration::from_secs(120));
    assert_eq!(play[ada].heard::<Event>().last(), Some(&Event::Over { red: 0, blue: 1 }));
    assert_eq!(play[ada].events().filter(|event| matches!(event, EventBody::Ended { .. })).count(), 1);
}

#[test]
fn what_the_pages_know_of_the_games_is_up_to_date() {
    let pages = [(tag::server(Config::default()), "tag/game"), (smallest::server(Config::default()), "game")];
    for (server, folder) in pages {
        let changed = server.write_types(at("examples/pages").join(folder)).expect("the folder can be written");
        assert!(changed.is_empty(), "the rules have changed, and these files with them: commit {changed:?}");
    }
    let mut steps = Steps::of::<Runner, Steer>();
    for rate in [10, 20, 60] {
        let rate = TickRate::new(rate).expect("a valid rate");
        let finds = |runner: &mut Runner, cx: &mut Context| match cx.random_below(60) {
            0 => runner.boost = 3 * rate.per_second(),
            1 => runner.stuck = 2 * rate.per_second(),
            2 => *runner = Runner::at_home(Team::Blue),
            _ => {}
        };
        let run = StepRun { rate, ..StepRun::default() };
        steps.record(&run, Runner::at_home(Team::Red), finds, |runner, input: &Steer| runner.run(input, rate));
    }
    let changed = steps.write(at("examples/pages/tag/steps.json")).expect("the file can be written");
    assert!(!changed, "the rule for one runner has changed: change rule.ts, too, and commit steps.json");
}

/// The lines of these files, and those of them that are neither empty nor a comment.
fn lines(files: &[&str]) -> [usize; 2] {
    let text: String = files.iter().map(|path| fs::read_to_string(at(path)).expect("text")).collect();
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    [text.lines().count(), text.lines().filter(is_code).count()]
}

#[test]
fn the_guide_says_how_long_the_game_is() {
    let rust = lines(&["examples/tag/main.rs", "examples/tag/rules.rs"]);
    let page = lines(&["examples/pages/tag/main.ts", "examples/pages/tag/rule.ts"]);
    let guide = fs::read_to_string(at("src/guide/coming_from.md")).expect("text");
    let row = format!("| Tickwire, typed | {} ({}) | {} ({}) |", rust[0], rust[1], page[0], page[1]);
    assert!(guide.contains(&row), "coming_from.md lacks: {row}");
}
