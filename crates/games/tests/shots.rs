//! Throws over slow links: a snowball that hits what its thrower is shown hits on the server.
//!
//! Somebody runs to and fro on an open field. Somebody else sees them late, and throws at where they will be seen when the
//! snowball arrives. Afterwards it is known where everybody was shown at each moment, and so which throws were good.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::rc::Rc;
use std::time::Duration;

use tickwire::engine::link::Profile;
use tickwire::engine::{Client, Hit};
use tickwire::game::{Context, RoomSetup};
use tickwire::testing::{Plan, PlayerId, Playtest};
use tickwire::tick::{Tick, TickRate, ViewTime};
use tickwire::wire::Features;
use tickwire_games::PER_METRE;
use tickwire_games::arena::{AVATAR, Arena, RADIUS};

/// What a client at 20 Hz shows lies so many 16ths of a tick before its newest frame: two frames.
const SHOWN_BEHIND: u16 = 32;
/// Ticks from one throw to the next: the flight of a snowball, and the shield of the last hit.
const EVERY: u32 = 45;
/// The longest flight, in ticks.
const FLIGHT: i32 = 20;
/// Distance of two centres at which a snowball surely hits, in quanta.
const SURELY: f64 = (RADIUS + 8) as f64;
const THROWS: u32 = 60;
/// How far back throws are judged by default.
const REWIND: Duration = Duration::from_millis(300);

fn arena(setup: &RoomSetup, rewind: Duration) -> Arena {
    let open = format!("{}\n", ".".repeat(60)).repeat(60);
    let mut setup = setup.clone();
    setup.options.insert("rewind".to_owned(), rewind.as_millis().to_string());
    Arena::on("open", &open, &setup).expect("a valid map")
}

/// Where a snowball is after so many ticks.
fn flown(from: [f64; 2], heading: i32, ticks: f64) -> [f64; 2] {
    let (way, angle) = (f64::from(14 * PER_METRE) / 20.0 * ticks, f64::from(heading) / 256.0 * TAU);
    [from[0] + angle.cos() * way, from[1] + angle.sin() * way]
}

fn apart(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

fn place(row: &[i32]) -> [f64; 2] {
    [f64::from(row[0]), f64::from(row[1])]
}

fn between(a: [f64; 2], b: [f64; 2], share: f64) -> [f64; 2] {
    [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share]
}

/// A throw: the moment that the thrower was shown, from where, and where to.
struct Throw {
    shown: ViewTime,
    from: [f64; 2],
    heading: i32,
}

/// Looks at the target as it is shown, and throws once in a while.
#[derive(Default)]
struct Thrower {
    /// The places of the target that have arrived.
    known: BTreeMap<u32, [f64; 2]>,
    behind: u16,
    wait: u32,
    thrown: Vec<Throw>,
}

impl Thrower {
    /// The input: heading, run, dash, throw.
    fn next(&mut self, client: &Client) -> Vec<i32> {
        let (welcome, tick) = (client.welcome().expect("a seat"), client.tick());
        let rows = client.zones().values().flat_map(|zone| zone.rows(&welcome.schema)).filter(|row| row.kind == AVATAR);
        let (own, others): (Vec<_>, Vec<_>) = rows.partition(|row| row.id == welcome.entity);
        let (Some(own), Some(target)) = (own.first(), others.first()) else { return vec![0; 4] };
        let own = place(own.values);
        self.known.insert(tick.0, place(target.values));
        self.wait = self.wait.saturating_sub(1);
        let shown = ViewTime::before(tick, self.behind);
        let at = |n: u32| self.known.get(&(shown.tick.0 + n)).copied();
        let (Some(before), Some(after)) = (at(0), at(1).or(at(0))) else { return vec![0; 4] };
        let seen = between(before, after, f64::from(shown.sixteenths) / 16.0);
        let step = [after[0] - before[0], after[1] - before[1]];
        let misses = |heading: i32| {
            let ahead = |n: f64| [seen[0] + step[0] * n, seen[1] + step[1] * n];
            (1..FLIGHT).map(f64::from).map(|n| apart(flown(own, heading, n), ahead(n))).fold(f64::MAX, f64::min)
        };
        let best = (0..256).min_by(|a, b| misses(*a).total_cmp(&misses(*b))).expect("headings");
        if self.wait > 0 || misses(best) > SURELY / 2.0 {
            return vec![best, 0, 0, 0];
        }
        self.wait = EVERY;
        self.thrown.push(Throw { shown, from: own, heading: best });
        vec![best, 0, 0, 1]
    }
}

/// Runs to one place near the middle after the other.
fn runner(seed: u64) -> impl FnMut(&Client) -> Vec<i32> {
    let (mut random, mut goal) = (Context::new(TickRate::DEFAULT, seed), [0.0, 0.0]);
    let middle = f64::from(30 * PER_METRE);
    move |client| {
        let welcome = client.welcome().expect("a seat");
        let Some(own) = client.zones().values().find_map(|zone| zone.find(&welcome.schema, AVATAR, welcome.entity))
        else {
            return vec![0; 4];
        };
        if goal == [0.0, 0.0] || apart(place(own), goal) < f64::from(2 * PER_METRE) {
            let mut side = || middle + f64::from(random.random_below(14 * PER_METRE as u32)) - f64::from(7 * PER_METRE);
            goal = [side(), side()];
        }
        let heading = (goal[1] - f64::from(own[1])).atan2(goal[0] - f64::from(own[0])) / TAU * 256.0;
        vec![heading.round().rem_euclid(256.0) as i32, 1, 0, 0]
    }
}

/// Good throws, how many of them hit, and the ledger.
struct Outcome {
    good: usize,
    hit: usize,
    ledger: Vec<Hit>,
}

impl Outcome {
    fn share(&self) -> f64 {
        100.0 * self.hit as f64 / self.good as f64
    }

    /// The mean age of the world that shooters were shown, and that victims were, in milliseconds.
    fn behind(&self) -> [f64; 2] {
        let mean = |times: Vec<Duration>| {
            times.iter().map(Duration::as_secs_f64).sum::<f64>() * 1000.0 / times.len().max(1) as f64
        };
        let shooters = self.ledger.iter().map(|hit| hit.shooter_behind).collect();
        [mean(shooters), mean(self.ledger.iter().filter_map(|hit| hit.victim_behind).collect())]
    }
}

/// `told` is what the thrower's client says that it shows.
fn duel(rtt_ms: f64, told: u16, rewind: Duration) -> Outcome {
    duel_over([rtt_ms; 2], told, rewind)
}

/// The round trips are those of the thrower and of the victim.
fn duel_over(rtts_ms: [f64; 2], told: u16, rewind: Duration) -> Outcome {
    let plan = Plan { features: Features::VIEW_TIME, seed: 7, ..Plan::default() };
    let mut play = Playtest::new(plan, move |setup| Ok(Box::new(arena(setup, rewind))));
    let mut join = |(name, rtt_ms)| {
        play.link(Profile { rtt_ms, ..Profile::default() });
        play.join(name)
    };
    let [shooter, victim] = [("thrower", rtts_ms[0]), ("runner", rtts_ms[1])].map(&mut join);
    for (player, behind) in [(shooter, told), (victim, SHOWN_BEHIND)] {
        play[player].shows(behind);
    }
    let thrower = Rc::new(RefCell::new(Thrower { behind: SHOWN_BEHIND, ..Thrower::default() }));
    let pilot = thrower.clone();
    let mut walk = walk_to_the_middle();
    play[shooter].steer(move |client| walk(client).unwrap_or_else(|| pilot.borrow_mut().next(client)));
    play[victim].steer(runner(11));
    while thrower.borrow().thrown.len() < THROWS as usize {
        play.run_for(Duration::from_secs(2));
    }
    play.run_for(Duration::from_secs(2));
    judge(&play, [shooter, victim], &thrower.borrow().thrown)
}

/// Until the player is there.
fn walk_to_the_middle() -> impl FnMut(&Client) -> Option<Vec<i32>> {
    let middle = [f64::from(30 * PER_METRE); 2];
    let mut arrived = false;
    move |client| {
        let welcome = client.welcome().expect("a seat");
        let own =
            client.zones().values().find_map(|zone| zone.find(&welcome.schema, AVATAR, welcome.entity)).map(place)?;
        arrived |= apart(own, middle) < f64::from(PER_METRE);
        let heading = (middle[1] - own[1]).atan2(middle[0] - own[0]) / TAU * 256.0;
        (!arrived).then(|| vec![heading.round().rem_euclid(256.0) as i32, 1, 0, 0])
    }
}

/// Which of the throws were good, by where the server's frames had the victim at the moments that the thrower was shown.
fn judge(play: &Playtest, [shooter, victim]: [PlayerId; 2], thrown: &[Throw]) -> Outcome {
    let entity = play[victim].welcome().entity;
    let row = |tick: Tick| play.frame_at(tick).and_then(|frame| frame.find(AVATAR, entity));
    let shown = |at: ViewTime| {
        let [a, b] = [row(at.tick)?, row(at.tick.plus(1))?].map(place);
        Some(between(a, b, f64::from(at.sixteenths) / 16.0))
    };
    let (mut outcome, seat) = (Outcome { good: 0, hit: 0, ledger: play.hits().to_vec() }, play[shooter].welcome().seat);
    for throw in thrown {
        let strikes = |n: &u32| {
            let at = shown(throw.shown.later(*n));
            at.is_some_and(|at| apart(flown(throw.from, throw.heading, f64::from(*n)), at) <= SURELY)
        };
        let Some(strike) = (1..FLIGHT as u32).find(strikes) else { continue };
        let vulnerable = (0..strike + 15).all(|n| row(throw.shown.tick.plus(n)).is_none_or(|row| row[11] == 0));
        let within = |tick: Tick| (0..EVERY as i32 - 5).contains(&tick.since(throw.shown.tick));
        let hit = outcome.ledger.iter().any(|hit| hit.shooter == seat && within(hit.tick));
        if vulnerable || hit {
            outcome.good += 1;
            outcome.hit += usize::from(hit);
        }
    }
    outcome
}

#[test]
fn what_hits_on_the_screen_hits_on_the_server() {
    for rtt_ms in [0.0, 70.0, 150.0] {
        let [on, off] = [REWIND, Duration::ZERO].map(|rewind| duel(rtt_ms, SHOWN_BEHIND, rewind));
        let [age, victims] = on.behind();
        println!(
            "{rtt_ms} ms: {:.0} % of {} hit, {:.0} % of {} without rewinding; shown {age:.0} ms before, victims {victims:.0} ms",
            on.share(),
            on.good,
            off.share(),
            off.good
        );
        assert!(on.good * 2 > THROWS as usize && off.good * 2 > THROWS as usize, "{} and {}", on.good, off.good);
        assert!(on.share() >= 95.0, "{rtt_ms} ms: {} of {}", on.hit, on.good);
        assert!(rtt_ms < 150.0 || off.share() < 60.0, "{rtt_ms} ms: {} of {}", off.hit, off.good);
    }
}

/// The longest time that a client may say it shows behind its newest frame: half a second.
const LIE: u16 = 160;

#[test]
fn a_liar_gains_no_more_than_the_slowest_player_whom_the_game_allows_for() {
    for told in [SHOWN_BEHIND, LIE] {
        let outcome = duel(0.0, told, REWIND);
        let most = outcome.ledger.iter().map(|hit| hit.shooter_behind).max().expect("hits");
        println!("{told} sixteenths told: {most:?} at most, {:.0} % of {} hit", outcome.share(), outcome.good);
        assert!(most <= REWIND, "{most:?}");
    }
}

/// Prints the table of the guide.
#[test]
fn the_price_of_a_hit_grows_with_the_round_trip_of_the_shooter_and_is_bounded() {
    let mut before = Duration::ZERO;
    for rtt_ms in [20.0, 70.0, 150.0, 250.0] {
        let outcome = duel(rtt_ms, SHOWN_BEHIND, REWIND);
        let most = outcome.ledger.iter().map(|hit| hit.shooter_behind).max().expect("hits");
        let [mean, victims] = outcome.behind();
        println!("{rtt_ms} ms: {:.0} % hit, mean {mean:.0} ms, at most {most:?}; {victims:.0} ms", outcome.share());
        assert!(most >= before && most <= REWIND, "{most:?} after {before:?}");
        before = most;
    }
}

/// Prints the table of the guide by pair of round trips. When the news of a hit arrives, the victim's own avatar is drawn a round trip
/// ahead of the tick that judged it, and the shooter saw what was before that tick.
#[test]
fn the_victims_round_trip_does_not_change_what_is_judged() {
    const RTTS: [f64; 3] = [20.0, 70.0, 150.0];
    for shooter in RTTS {
        let ledgers = RTTS.map(|victim| {
            let outcome = duel_over([shooter, victim], SHOWN_BEHIND, REWIND);
            let [mean, _] = outcome.behind();
            let most = outcome.ledger.iter().map(|hit| hit.shooter_behind).max().expect("hits").as_secs_f64() * 1000.0;
            println!("{shooter} and {victim} ms: {:.0} ms, at most {:.0} ms", mean + victim, most + victim);
            assert!(outcome.share() >= 95.0, "{shooter} and {victim} ms: {} of {}", outcome.hit, outcome.good);
            mean
        });
        let [least, most] = [f64::min, f64::max].map(|choose| ledgers.into_iter().reduce(choose).expect("three"));
        assert!(most - least < 25.0, "{ledgers:?}");
    }
}
