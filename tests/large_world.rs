//! A world of which players see a part: borders, jumps, attackers at a border, what a budget holds back, and overload. Every
//! playtest also compares each client with the server, zone by zone.

use std::sync::Arc;
use std::time::Duration;

use tickwire::engine::OverloadStep;
use tickwire::engine::link::Profile;
use tickwire::game::{
    Context, Game, Interest, LoadError, Player, PlayerInput, Refused, Saved, SnapshotWriter, Spec, Viewpoint,
};
use tickwire::id::{EntityId, KindId, Seat};
use tickwire::snapshot::{Field, InputSchema, Kind, Schema, Shape};
use tickwire::testing::{Plan, PlayerId, Playtest};
use tickwire::tick::Tick;
use tickwire::wire::{Authority, Features, Hello, Join, Role};

const WALKER: KindId = KindId(0);
const METRE: i32 = 64;
/// The side of the world and how far players see, in metres. Cells have a side of 12 m.
const SIDE: i32 = 400;
const SIGHT: i32 = 24;

/// Players are where they say. Crowds walk around two places.
struct Field400 {
    players: Vec<(Seat, EntityId, [i32; 2])>,
    crowd: Vec<(EntityId, [i32; 2], [i32; 2])>,
    /// What is beyond 12 m is sent at one of so many ticks.
    far: u8,
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
        let interest = interest.with_cells(&schema(), 12 * METRE).expect("a valid grid");
        Some(if self.far > 1 { interest.with_far(12 * METRE, self.far) } else { interest })
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

    /// A spectator may come with a place, in metres.
    fn spectator_joined(&mut self, spectator: &Player, cx: &mut Context) {
        let at = ["x", "y"].map(|axis| spectator.options.get(axis).and_then(|metres| metres.parse::<i32>().ok()));
        if let [Some(x), Some(y)] = at {
            cx.look_from(spectator.seat, Viewpoint::Place([x * METRE, y * METRE]));
        }
    }

    /// Who watches names the seat that they go along with; players may, too.
    fn spectator_command(&mut self, seat: Seat, _: u16, body: &[u8], cx: &mut Context) {
        let followed = self.players.iter().find(|(taken, ..)| body.first() == Some(&(taken.0 as u8)));
        cx.look_from(seat, followed.map_or(Viewpoint::Own, |(_, entity, _)| Viewpoint::Entity(*entity)));
    }

    fn command(&mut self, seat: Seat, kind: u16, body: &[u8], cx: &mut Context) {
        self.spectator_command(seat, kind, body, cx);
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

    fn save(&self) -> Option<Saved> {
        Some(Saved::new(1, &(&self.players, &self.crowd)))
    }

    fn load(&mut self, saved: &Saved) -> Result<(), LoadError> {
        (self.players, self.crowd) = saved.read()?;
        Ok(())
    }

    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        self.crowd.iter().for_each(|(id, at, _)| out.entity(WALKER, *id, at));
        self.players.iter().for_each(|(_, id, at)| out.entity(WALKER, *id, at));
    }
}

fn playtest(plan: Plan) -> Playtest {
    playtest_with(plan, 1)
}

fn playtest_with(plan: Plan, far: u8) -> Playtest {
    Playtest::new(plan, move |_| Ok(Box::new(Field400 { players: Vec::new(), crowd: Vec::new(), far })))
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
fn beside(features: Features, path: impl Fn(u32) -> [f64; 2] + 'static) -> [usize; 2] {
    let mut play = playtest(Plan { features, ..Plan::default() });
    let [one, other] = [play.join("one"), play.join("other")];
    lead(&mut play, one, path);
    lead(&mut play, other, honest);
    let mine = bytes_of(&mut play, one);
    let theirs = play[other].arrivals().iter().rev().take(200).map(|arrival| arrival.bytes).sum::<usize>() / 10;
    [mine, theirs]
}

#[test]
fn who_swings_over_a_border_gets_little_more_than_who_walks() {
    let dense = Features::DENSE_LIST;
    let [walker, beside_walker] = beside(dense, honest);
    let [listed, _] = beside(Features::NONE, honest);
    assert!(walker < listed - listed / 20, "{walker} B/s with dense lists, {listed} without");
    // Fifteen borders per second, with a swing within the slack, of half a cell, and of one.
    for metres in [1.0, 6.0, 12.0] {
        let [swinger, neighbour] =
            beside(dense, move |number| [60.0 + if number * 3 / 4 % 2 == 0 { metres } else { 0.0 }, 60.0]);
        println!("{metres} m: {swinger} B/s, who walks {walker}; beside them {neighbour} and {beside_walker} B/s");
        assert!(swinger < 2 * walker, "{swinger} B/s for a swing of {metres} m, {walker} for a walk");
        assert!(neighbour < beside_walker + beside_walker / 5, "{neighbour} and {beside_walker} B/s");
    }
}

#[test]
fn who_jumps_between_two_crowds_is_held_to_a_budget() {
    let [walker, _] = beside(Features::DENSE_LIST, honest);
    let [jumper, neighbour] = beside(Features::DENSE_LIST, |number| CROWDS[number as usize / 2 % 2].map(f64::from));
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
    let unsent = play[player].unsent();
    assert!(unsent.cells > 100 && unsent.bytes > 100 && unsent.rows[0] >= unsent.cells, "{unsent:?}");
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
fn far_cells_come_less_often_and_near_ones_at_every_tick() {
    let mut sums = Vec::new();
    for far in [1, 2, 4] {
        let mut play = playtest_with(Plan::default(), far);
        let one = play.join("one");
        lead(&mut play, one, honest);
        let bytes = bytes_of(&mut play, one);
        let (mut parts, mut late) = (0, 0);
        for _ in 0..100 {
            play.run_ticks(1);
            let (client, frame) = (play[one].client(), play.frame());
            let own = frame.places().of_entity(play[one].welcome().entity).expect("somebody").cell;
            let cell = |zone| frame.grid().and_then(|grid| grid.cell(zone)).expect("a cell");
            for zone in client.zones().keys() {
                let lag = client.tick().since(client.zone_tick(*zone).expect("it has rows"));
                let distance = (0..2).map(|axis| cell(*zone)[axis].abs_diff(cell(own)[axis])).max();
                let is_far = distance > Some(1);
                assert!(lag < if is_far { i32::from(far) } else { 1 }, "{zone:?} is {lag} ticks behind");
                (parts, late) = (parts + i32::from(is_far), late + lag);
            }
        }
        assert_eq!((play[one].desyncs(), play[one].unsent().cells), (0, 0));
        sums.push((bytes, f64::from(late) / f64::from(parts)));
    }
    println!("bytes per second, and mean age of far cells in ticks, at 1, 1/2 and 1/4 of the rate: {sums:?}");
    assert!(sums[0].1 == 0.0 && (0.4..0.6).contains(&sums[1].1) && (1.3..1.7).contains(&sums[2].1), "{sums:?}");
    assert!(sums[2].0 < sums[1].0 && sums[1].0 < sums[0].0, "{sums:?}");
}

/// Whether somebody sees rows, and those alone that are at most so many metres away from a place.
fn sees_only(play: &Playtest, player: PlayerId, place: [i32; 2], metres: i32) -> bool {
    let near = |at: &[i32]| (0..2).all(|axis| (at[axis] - place[axis] * METRE).abs() < metres * METRE);
    let rows = play[player].rows(WALKER);
    rows.len() > 20 && rows.values().all(|at| near(at))
}

#[test]
fn spectators_see_a_place_or_go_along_with_a_player() {
    let mut play = playtest(Plan { checkpoint_every: 7, ..Plan::default() });
    let player = play.join("player");
    lead(&mut play, player, |number| [60.0 + f64::from(number.min(400)) * 0.5, 60.0]);
    let join = Join::JoinOrCreate { game: "game".to_owned(), options: Vec::new() };
    let place = ["x", "y"].iter().zip(CROWDS[1]).map(|(axis, at)| ((*axis).to_owned(), at.to_string()));
    let hello = Hello { role: Role::Spectator, player: place.collect(), ..Hello::new(join, "still") };
    let [still, bare] = [play.greet(hello), play.spectate("bare")];
    play.run_for(Duration::from_secs(2));
    play.settle();
    assert!(sees_only(&play, still, CROWDS[1], 60) && play[bare].rows(WALKER).is_empty());
    play[still].command(1, &[0]);
    for _ in 0..200 {
        play.run_ticks(1);
        play.settle();
        let own = play[player].own(WALKER).to_vec();
        assert!(play[still].rows(WALKER).contains_key(&play[player].welcome().entity) || play.frame().tick().0 < 45);
        assert_eq!(play[player].rows(WALKER).len() > 1, play[still].rows(WALKER).len() > 1, "at {own:?}");
    }
    let last = play[still].client().zones().len();
    play.leave(player);
    play.run_for(Duration::from_secs(1));
    assert!(play.room().players() == 0 && play[still].client().zones().len() <= last);
    // Without a seat to go along with, the view is gone.
    play[still].command(1, &[9]);
    play.run_for(Duration::from_secs(2));
    assert!(play[still].rows(WALKER).is_empty() && play[still].client().zones().is_empty());
}

#[test]
fn players_can_be_shown_what_others_see() {
    let mut play = playtest(Plan::default());
    let [out, other] = [play.join("out"), play.join("other")];
    lead(&mut play, out, |_| CROWDS[0].map(f64::from));
    lead(&mut play, other, |_| CROWDS[1].map(f64::from));
    play.run_for(Duration::from_secs(2));
    assert!(sees_only(&play, out, CROWDS[0], 60) && sees_only(&play, other, CROWDS[1], 60));
    play[out].command(1, &[1]);
    play.run_for(Duration::from_secs(2));
    play.settle();
    assert!(sees_only(&play, out, CROWDS[1], 60), "and not their own entity any more");
    play[out].command(1, &[9]);
    play.run_for(Duration::from_secs(2));
    assert!(sees_only(&play, out, CROWDS[0], 60));
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
