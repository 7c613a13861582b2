//! What a player gets does not depend on what they may not see: two histories whose rows, ids and events in the zones of one
//! seat are equal give this seat the same bytes at the same moments, whatever happens elsewhere and whoever else watches.
//!
//! `TICKWIRE_SEEDS` sets the number of seeds (300), and `TICKWIRE_SEED` runs a single one.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use tickwire::engine::link::{Datagrams, Profile};
use tickwire::game::{
    Context, Game, Interest, Player, PlayerInput, Recipients, Refused, RoomSetup, SetupError, SnapshotWriter, Spec,
};
use tickwire::id::{EntityId, KindId, Seat, ZoneId};
use tickwire::snapshot::{Field, InputSchema, Kind, Schema, Shape};
use tickwire::testing::{Plan, PlayerId, Playtest, Watch};
use tickwire::tick::{Moment, TickRate};
use tickwire::wire::Authority;

const AVATAR: KindId = KindId(0);
const BEAST: KindId = KindId(1);
const TRACE: KindId = KindId(2);
/// The side of the world, in quanta.
const SIDE: i32 = 30_000;
const SIGHT: i32 = 1000;
/// Seat 0 stays around here, within so many quanta. All that it may not see is beyond the middle of the world.
const HOME: [i32; 2] = [3000, 3000];
const ROAM: i32 = 2500;
const FAR: i32 = SIDE / 2;
/// Zones of the game: of all, of seat 0, and of the others.
const OWN: ZoneId = ZoneId(7);
const OTHERS: ZoneId = ZoneId(8);

/// A world in fog. What happens in the far half depends on the history, and nothing else does.
struct Fog {
    history: u32,
    avatars: Vec<Walker>,
    near: Vec<Walker>,
    far: Vec<Walker>,
}

struct Walker {
    seat: Option<Seat>,
    id: EntityId,
    at: [i32; 2],
}

impl Walker {
    fn walk(&mut self, step: [i32; 2], least: [i32; 2], most: [i32; 2]) {
        for axis in 0..2 {
            self.at[axis] = (self.at[axis] + step[axis]).clamp(least[axis], most[axis]);
        }
    }
}

fn schema() -> Schema {
    let place = || Shape::Fixed { min: 0, max: SIDE, per_unit: 64 };
    let moving = |name| Kind::new(name, vec![Field::smooth("x", place()), Field::linear("y", place())]).at("x", "y");
    let trace = Kind::new("trace", vec![Field::held("number", Shape::Int { min: 0, max: 1 << 20 })]);
    Schema::new(vec![moving("avatar"), moving("beast"), trace]).expect("a valid schema")
}

fn step(mut below: impl FnMut(u32) -> u32) -> [i32; 2] {
    [(); 2].map(|()| below(201) as i32 - 100)
}

impl Fog {
    fn new(setup: &RoomSetup) -> Result<Self, SetupError> {
        let history = setup.options.get("history").and_then(|text| text.parse().ok()).unwrap_or(0);
        Ok(Self { history, avatars: Vec::new(), near: Vec::new(), far: Vec::new() })
    }

    /// What nobody near may notice.
    fn live_far(&mut self, cx: &mut Context) {
        for _ in 0..self.history * 3 {
            cx.hidden_random_below(10);
        }
        if self.far.len() < 4 + 30 * self.history as usize && cx.hidden_random_below(2) == 0 {
            let at = [0, 1].map(|_| FAR + cx.hidden_random_below(FAR as u32) as i32);
            self.far.push(Walker { seat: None, id: cx.spawn_hidden(), at });
        }
        if !self.far.is_empty() && cx.hidden_random_below(10 + self.history) == 0 {
            let index = cx.hidden_random_below(self.far.len() as u32) as usize;
            let gone = self.far.remove(index);
            cx.emit(Recipients::Around(gone.at), 9, vec![7; 100]);
        }
        for walker in &mut self.far {
            walker.walk(step(|bound| cx.hidden_random_below(bound)), [FAR; 2], [SIDE; 2]);
        }
        for seat in self.avatars.iter().filter_map(|walker| walker.seat).filter(|seat| seat.0 > 0) {
            if cx.hidden_random_below(20) == 0 {
                let zones = if cx.hidden_random_below(2) == 0 { vec![ZoneId(0), OTHERS] } else { vec![ZoneId(0)] };
                cx.subscribe(seat, zones);
                cx.emit(Recipients::Only(seat), 8, vec![1; 40]);
            }
        }
    }
}

impl Game for Fog {
    fn spec(&self) -> Spec {
        let inputs = ["x", "y"].map(|name| Field::held(name, Shape::Int { min: -100, max: 100 }));
        Spec {
            schema: Arc::new(schema()),
            inputs: InputSchema::new(inputs.to_vec()).expect("a valid schema"),
            authority: Authority::Server,
            capacity: 8,
            properties: Vec::new(),
        }
    }

    fn interest(&self) -> Option<Interest> {
        Some(Interest::within(&schema(), SIGHT).expect("a valid interest"))
    }

    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        let first = player.seat == Seat(0);
        // Everyone is told who joins, and which entity they have.
        let id = cx.spawn();
        let at = if first { HOME } else { [0, 1].map(|_| FAR + cx.hidden_random_below(FAR as u32) as i32) };
        self.avatars.push(Walker { seat: Some(player.seat), id, at });
        self.avatars.sort_by_key(|walker| walker.seat);
        cx.subscribe(player.seat, if first { vec![ZoneId(0), OWN] } else { vec![ZoneId(0), OTHERS] });
        Ok(id)
    }

    fn leave(&mut self, seat: Seat, _: &mut Context) {
        self.avatars.retain(|walker| walker.seat != Some(seat));
    }

    fn step(&mut self, inputs: &[PlayerInput], cx: &mut Context) {
        if self.near.len() < 20 {
            let at = HOME.map(|home| home + cx.random_below(2 * ROAM as u32) as i32 - ROAM);
            self.near.push(Walker { seat: None, id: cx.spawn(), at });
        }
        if cx.random_below(15) == 0 && !self.near.is_empty() {
            let index = cx.random_below(self.near.len() as u32) as usize;
            let gone = self.near.remove(index);
            cx.emit(Recipients::Around(gone.at), 1, vec![3]);
        }
        for walker in &mut self.near {
            walker.walk(
                step(|bound| cx.random_below(bound)),
                HOME.map(|home| home - ROAM),
                HOME.map(|home| home + ROAM),
            );
        }
        for (walker, taken) in self.avatars.iter_mut().zip(inputs) {
            let first = taken.seat == Seat(0);
            let (least, most) = if first {
                (HOME.map(|home| home - ROAM), HOME.map(|home| home + ROAM))
            } else {
                ([FAR; 2], [SIDE; 2])
            };
            walker.walk([taken.input[0], taken.input[1]], least, most);
        }
        self.live_far(cx);
    }

    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        self.avatars.iter().for_each(|walker| out.entity(AVATAR, walker.id, &walker.at));
        self.near.iter().chain(&self.far).for_each(|walker| out.entity(BEAST, walker.id, &walker.at));
        for walker in &self.near {
            out.row(OWN, TRACE, walker.id, &[walker.at[0] / 100]);
        }
        for walker in &self.far {
            out.row(OTHERS, TRACE, walker.id, &[walker.at[0] / 100]);
        }
    }

    fn spectate(&self) -> Vec<ZoneId> {
        // All cells around seat 0: spectators need keyframes of them.
        let interest = self.interest().expect("it was made before");
        let columns = 0..=((HOME[0] + ROAM + 2 * SIGHT) / interest.grid().side()) as u16;
        let cells = columns.clone().flat_map(|column| columns.clone().map(move |row| [column, row]));
        cells.map(|cell| interest.grid().zone(cell)).chain([ZoneId(0), OWN]).collect()
    }
}

/// Messages, each with the moment at which it arrived.
type Messages = Vec<(Moment, Vec<u8>)>;

/// All that reached the first player, and when.
#[derive(Clone, Default)]
struct Received {
    first: Rc<Cell<Option<PlayerId>>>,
    messages: Rc<RefCell<Messages>>,
}

impl Watch for Received {
    fn delivers(&mut self, play: &Playtest, player: PlayerId, message: &mut Vec<u8>) {
        if self.first.get() == Some(player) {
            self.messages.borrow_mut().push((play.now(), message.clone()));
        }
    }
}

fn below(random: &mut Pcg32, bound: u32) -> u32 {
    ((u64::from(random.next_u32()) * u64::from(bound)) >> 32) as u32
}

/// Holds random inputs, each for a while.
fn wander(play: &mut Playtest, player: PlayerId, seed: u64) {
    let (mut random, mut held) = (Pcg32::new(seed, 5), [0, 0]);
    play[player].steer(move |_| {
        if below(&mut random, 10) == 0 {
            held = step(|bound| below(&mut random, bound));
        }
        held.to_vec()
    });
}

/// What the first player got in one of the histories of a seed.
fn live(seed: u64, history: u32) -> Messages {
    let name = ["lan", "wifi", "lte"][seed as usize % 3];
    let datagrams = Datagrams { lost: 0.1, repeated: 0.1, late: 0.2, late_by_ms: 60.0 };
    let plan = Plan {
        seed,
        rate: TickRate::new([20, 30][seed as usize / 4 % 2]).expect("a valid rate"),
        link: Profile {
            datagrams: (seed / 8 % 4 == 1).then_some(datagrams),
            ..Profile::named(name).expect("a known profile")
        },
        options: [("history".to_owned(), history.to_string())].into(),
        patience: false,
        ..Plan::default()
    };
    let mut play = Playtest::new(plan, |setup| Ok(Box::new(Fog::new(setup)?)));
    let received = Received::default();
    play.watch(received.clone());
    let first = play.join_with("first", &[], [0, 0, 7, 20][seed as usize / 16 % 4]);
    received.first.set(Some(first));
    wander(&mut play, first, seed);
    play.run_for(Duration::from_millis(700));
    let others = [play.join("second"), play.join("third")];
    // They walk elsewhere in each history, and some spectators come in one of them only.
    others
        .into_iter()
        .zip(1..)
        .for_each(|(other, number)| wander(&mut play, other, seed + 1000 * number + u64::from(history)));
    let mut random = Pcg32::new(seed, 77);
    for second in 0..4 {
        if history == 1 && second == seed as u32 % 3 {
            play.spectate("spectator");
        }
        if below(&mut random, 2) == 0 {
            let span = Duration::from_millis(below(&mut random, 1800).into());
            play.freeze(first, span);
        }
        if history == 1 {
            play.freeze(others[second as usize % 2], Duration::from_millis(300));
        }
        play.run_for(Duration::from_millis(900));
    }
    drop(play);
    received.messages.take()
}

fn compare(seed: u64) -> usize {
    let [one, two] = [0, 1].map(|history| live(seed, history));
    for (index, (one, two)) in one.iter().zip(&two).enumerate() {
        assert!(one == two, "TICKWIRE_SEED={seed}: message {index} differs: {one:?} and {two:?}");
    }
    assert_eq!(one.len(), two.len(), "TICKWIRE_SEED={seed}");
    one.len()
}

#[test]
fn what_is_hidden_changes_neither_bytes_nor_moments() {
    let number = |name| std::env::var(name).ok().map(|text: String| text.parse::<u64>().expect("a number"));
    if let Some(seed) = number("TICKWIRE_SEED") {
        compare(seed);
        return;
    }
    let seeds = number("TICKWIRE_SEEDS").unwrap_or(300);
    let messages: usize = (0..seeds).map(compare).sum();
    println!("{seeds} seeds, {messages} messages");
    assert!(messages as u64 > seeds * 10, "{messages} messages of {seeds} seeds");
}
