//! A world of which players see a part: borders, jumps, attackers at a border, what a budget holds back, and overload. Every
//! playtest also compares each client with the server, zone by zone.

use std::sync::Arc;
use std::time::Duration;

use tickwire::engine::OverloadStep;
use tickwire::engine::link::Profile;
use tickwire::game::{Context, Game, Interest, Player, PlayerInput, Refused, SnapshotWriter, Spec};
use tickwire::id::{EntityId, KindId, Seat};
use tickwire::snapshot::{Field, InputSchema, Kind, Schema, Shape};
use tickwire::testing::{Plan, PlayerId, Playtest};
use tickwire::tick::Tick;
use tickwire::wire::Authority;

const WALKER: KindId = KindId(0);
const METRE: i32 = 64;
/// The side of the world and how far players see, in metres. Cells have a side of 12 m.
const SIDE: i32 = 400;
const SIGHT: i32 = 24;

/// Players are where they say. Crowds walk around two places.
struct Field400 {
    players: Vec<(Seat, EntityId, [i32; 2])>,
    crowd: Vec<(EntityId, [i32; 2], [i32; 2])>,
}

/// The middle of the two crowds, in metres.
const CROWDS: [[i32; 2]; 2] = [[60, 60], [340, 340]];

fn schema() -> Schema {
    let place = || Shape::Fixed { min: 0, max: SIDE * METRE, per_unit: METRE as u16 };
    let kind = Kind::new("walker", vec![Field::smooth("x", place()), Field::smooth("y", place())]);
    Schema::new(vec![kind.at("x", "y")]).expect("a valid schema")
}

impl Game for Field400 {
    fn spec(&self) -> Spec {
        let field = |name| Field::held(name, Shape::Int { min: 0, max: SIDE * METRE });
        Spec {
            schema: Arc::new(schema()),
            inputs: InputSchema::new(vec![field("x"), field("y")]).expect("a valid schema"),
            authority: Authority::Client,
            capacity: 300,
            properties: Vec::new(),
        }
    }

    fn interest(&self) -> Option<Interest> {
        let interest = Interest::within(&schema(), SIGHT * METRE).expect("a valid interest");
        Some(interest.with_cells(&schema(), 12 * METRE).expect("a valid grid"))
    }

    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        if self.crowd.is_empty() {
            for number in 0..120 {
                let mut near = || cx.random_below(60 * METRE as u32) as i32 - 30 * METRE;
                let offset = [near(), near()];
                let at = [0, 1].map(|axis| CROWDS[number % 2][axis] * METRE + offset[axis]);
                let step = [0, 1].map(|_| cx.random_below(25) as i32 - 12);
                self.crowd.push((cx.spawn(), at, step));
            }
        }
        let id = cx.spawn();
        self.players.push((player.seat, id, CROWDS[0].map(|metres| metres * METRE)));
        Ok(id)
    }

    fn leave(&mut self, seat: Seat, _: &mut Context) {
        self.players.retain(|(taken, ..)| *taken != seat);
    }

    fn step(&mut self, inputs: &[PlayerInput], cx: &mut Context) {
        for input in inputs.iter().filter(|input| input.fresh) {
            let mine = self.players.iter_mut().filter(|(seat, ..)| *seat == input.seat);
            mine.for_each(|(.., at)| *at = [input.input[0], input.input[1]]);
        }
        for (number, (_, at, step)) in self.crowd.iter_mut().enumerate() {
            if cx.random_below(30) == 0 {
                *step = [0, 1].map(|_| cx.random_below(25) as i32 - 12);
            }
            for axis in 0..2 {
                let (middle, next) = (CROWDS[number % 2][axis] * METRE, at[axis] + step[axis]);
                at[axis] = next.clamp(middle - 30 * METRE, middle + 30 * METRE);
            }
        }
    }

    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        self.crowd.iter().for_each(|(id, at, _)| out.entity(WALKER, *id, at));
        self.players.iter().for_each(|(_, id, at)| out.entity(WALKER, *id, at));
    }
}

fn playtest(plan: Plan) -> Playtest {
    Playtest::new(plan, |_| Ok(Box::new(Field400 { players: Vec::new(), crowd: Vec::new() })))
}

/// Lets a player be at `path(n)`, in metres, at its input number n.
fn lead(play: &mut Playtest, player: PlayerId, path: impl Fn(u32) -> [f64; 2] + 'static) {
    let mut number = 0;
    play[player].steer(move |_| {
        number += 1;
        path(number).map(|metres| (metres * f64::from(METRE)) as i32).to_vec()
    });
}

/// Bytes per second that a player got in ten seconds.
fn bytes_of(play: &mut Playtest, player: PlayerId) -> usize {
    play.run_for(Duration::from_secs(3));
    let before = play[player].arrivals().len();
    play.run_for(Duration::from_secs(10));
    play[player].arrivals()[before..].iter().map(|arrival| arrival.bytes).sum::<usize>() / 10
}

/// A walk of 6 m/s at 20 Hz around the middle of the first crowd.
fn honest(number: u32) -> [f64; 2] {
    let along = f64::from(number) * 0.3 % 60.0;
    [60.0 + if along < 30.0 { along } else { 60.0 - along } - 15.0, 60.0]
}

/// Walks one player by `path`, beside an honest one. Returns the bytes per second of both.
fn beside(path: impl Fn(u32) -> [f64; 2] + 'static) -> [usize; 2] {
    let mut play = playtest(Plan::default());
    let [one, other] = [play.join("one"), play.join("other")];
    lead(&mut play, one, path);
    lead(&mut play, other, honest);
    let mine = bytes_of(&mut play, one);
    let theirs = play[other].arrivals().iter().rev().take(200).map(|arrival| arrival.bytes).sum::<usize>() / 10;
    [mine, theirs]
}

#[test]
fn who_swings_over_a_border_gets_little_more_than_who_walks() {
    let [walker, beside_walker] = beside(honest);
    // Fifteen borders per second, with a swing within the slack, of half a cell, and of one.
    for metres in [1.0, 6.0, 12.0] {
        let [swinger, neighbour] =
            beside(move |number| [60.0 + if number * 3 / 4 % 2 == 0 { metres } else { 0.0 }, 60.0]);
        println!("{metres} m: {swinger} B/s, who walks {walker}; beside them {neighbour} and {beside_walker} B/s");
        assert!(swinger < 2 * walker, "{swinger} B/s for a swing of {metres} m, {walker} for a walk");
        assert!(neighbour < beside_walker + beside_walker / 5, "{neighbour} and {beside_walker} B/s");
    }
}

#[test]
fn who_jumps_between_two_crowds_is_held_to_a_budget() {
    let [walker, _] = beside(honest);
    let [jumper, neighbour] = beside(|number| CROWDS[number as usize / 2 % 2].map(f64::from));
    println!("a jumper gets {jumper} B/s, a walker {walker}, and one beside the jumper {neighbour}");
    assert!(jumper < walker + 10 * 1024, "{jumper} B/s, {walker} for a walk");
}

#[test]
fn who_jumps_sees_the_new_place_at_once_and_the_old_one_no_more() {
    let mut play = playtest(Plan::default());
    let one = play.join("one");
    lead(&mut play, one, |number| CROWDS[usize::from(number > 40)].map(f64::from));
    for _ in 0..80 {
        play.run_ticks(1);
        play.settle();
        let rows = play[one].rows(WALKER);
        let own = rows[&play[one].welcome().entity];
        let near = |at: &[i32]| (0..2).all(|axis| (at[axis] - own[axis]).abs() < 60 * METRE);
        assert!(rows.len() > 20 && rows.values().all(|at| near(at)), "{} rows around {own:?}", rows.len());
    }
}

#[test]
fn positions_beyond_the_map_and_at_its_seam_are_seen() {
    for at in [[0, 0], [SIDE, SIDE], [SIDE, 0], [199, 200]] {
        let mut play = playtest(Plan::default());
        let pair = [play.join("one"), play.join("other")];
        for player in pair {
            lead(&mut play, player, move |_| at.map(f64::from));
        }
        play.run_for(Duration::from_secs(1));
        play.settle();
        let [one, other] = pair.map(|player| play[player].welcome().entity);
        assert!(play[pair[0]].rows(WALKER).contains_key(&other) && play[pair[1]].rows(WALKER).contains_key(&one));
    }
}

#[test]
fn two_hundred_cross_a_border_at_once() {
    for name in ["lan", "lte"] {
        let mut play = playtest(Plan { link: Profile::named(name).expect("a profile"), ..Plan::default() });
        let players: Vec<PlayerId> = (0..200).map(|number| play.join(&format!("p{number}"))).collect();
        for (player, number) in players.iter().zip(0..) {
            // The border is at 120 m.
            lead(&mut play, *player, move |step| {
                let swing = f64::from(step % 40) * 0.3;
                let x = if step / 40 % 2 == 0 { 114.0 + swing } else { 126.0 - swing };
                [x, 60.0 + f64::from(number % 20) / 2.0]
            });
        }
        play.run_for(Duration::from_secs(6));
        let desyncs: u32 = players.iter().map(|player| play[*player].desyncs()).sum();
        assert_eq!(desyncs, 0);
        let seen = play[players[0]].rows(WALKER).len();
        assert!(seen >= 200, "{seen} are seen");
    }
}

#[test]
fn a_budget_is_kept_and_near_cells_come_first() {
    let rate = |budget| {
        let mut play = playtest(Plan { budget, ..Plan::default() });
        let one = play.join("one");
        lead(&mut play, one, honest);
        (bytes_of(&mut play, one), play, one)
    };
    let (free, ..) = rate(0);
    let (tight, mut play, player) = rate(free as u32 / 2);
    assert!(tight * 10 <= free * 6, "{tight} of {free} B/s, half was granted");
    // How old what is shown is, near and far.
    let (mut near, mut far) = ((0, 0), (0, 0));
    for _ in 0..100 {
        play.run_ticks(1);
        play.settle();
        let one = &play[player];
        let (client, frame) = (one.client(), play.frame());
        let own = frame.places().of_entity(one.welcome().entity).expect("somebody").at;
        for (zone, rows) in client.zones() {
            let age = client.tick().since(client.zone_tick(*zone).unwrap_or(Tick(0)));
            for row in rows.rows(&one.welcome().schema) {
                let distance = (0..2).map(|axis| (row.values[axis] - own[axis]).abs()).max().unwrap_or(0);
                let sum = if distance < 12 * METRE { &mut near } else { &mut far };
                *sum = (sum.0 + age, sum.1 + 1);
            }
        }
    }
    let [near, far] = [near, far].map(|(sum, count)| f64::from(sum) / f64::from(count.max(1)));
    println!("near rows are {near} ticks old, far ones {far}");
    assert!(near * 1.5 < far, "near rows are {near} ticks old, far ones {far}");
}

#[test]
fn an_overloaded_room_sends_less_and_recovers() {
    let mut play = playtest(Plan::default());
    let one = play.join("one");
    lead(&mut play, one, honest);
    play.run_for(Duration::from_secs(2));
    let mut rates = Vec::new();
    let steps = [OverloadStep::None, OverloadStep::FewerFrames, OverloadStep::ShorterSight, OverloadStep::None];
    for step in steps {
        play.overload(step);
        play.run_for(Duration::from_secs(2));
        let before = play[one].arrivals().len();
        play.run_for(Duration::from_secs(5));
        let arrivals = &play[one].arrivals()[before..];
        let bytes: usize = arrivals.iter().map(|arrival| arrival.bytes).sum();
        rates.push((arrivals.len(), bytes, play[one].rows(WALKER).len()));
    }
    assert_eq!(rates.iter().map(|rate| rate.0).collect::<Vec<_>>(), [100, 50, 50, 100]);
    assert!(rates[2].1 * 10 < rates[1].1 * 9 && rates[2].2 < rates[1].2 && rates[3].2 > rates[2].2, "{rates:?}");
    play.overload(OverloadStep::NoJoins);
    play.run_for(Duration::from_secs(1));
    let refused = play.join("late");
    play.run_for(Duration::from_secs(1));
    assert_eq!(play[refused].closed(), Some(tickwire::Close::TryLater));
    let told = |play: &Playtest| play.room().properties().to_vec();
    assert_eq!(told(&play), [("overload".to_owned(), "3".to_owned())]);
    play.overload(OverloadStep::None);
    play.run_for(Duration::from_secs(1));
    assert_eq!(told(&play), []);
}
