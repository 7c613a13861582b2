//! The game of the leak tests: a world in fog. Seat 0 sees a part of it, and what happens in the rest depends on the history.
//!
//! The part that seat 0 sees is the same in every history. All that is hidden lives beyond the middle of the world, in zones
//! of others, or nowhere.

use std::sync::Arc;

use tickwire::game::{Context, Game, Interest, Player, PlayerInput, Recipients, Refused, SnapshotWriter, Spec, Wall};
use tickwire::id::{EntityId, KindId, Seat, ZoneId};
use tickwire::snapshot::{Field, InputSchema, Kind, Schema, Shape};
use tickwire::wire::Authority;

const AVATAR: KindId = KindId(0);
const BEAST: KindId = KindId(1);
const TRACE: KindId = KindId(2);
/// As a beast, but it tells nothing of the moments before it came into view.
const STRANGER: KindId = KindId(3);
/// The side of the world, in quanta.
const SIDE: i32 = 30_000;
const SIGHT: i32 = 1000;
/// Seat 0 stays around here, within so many quanta.
const HOME: [i32; 2] = [3000, 3000];
const ROAM: i32 = 2500;
const FAR: i32 = SIDE / 2;
/// Zones of the game: of seat 0, of the others, and without a grid of the three parts of the country around home.
const OWN: ZoneId = ZoneId(7);
const OTHERS: ZoneId = ZoneId(8);
const PARTS: u16 = 10;

/// They hide something from most places around home.
const WALLS: [Wall; 2] =
    [Wall { least: [0, 3600], most: [6000, 3640] }, Wall { least: [3900, 500], most: [3940, 6000] }];

/// What a seed draws, the same in all of its histories.
#[derive(Clone, Copy, Debug)]
pub struct Dims {
    /// Whether players see what is around them; otherwise the game subscribes them to zones that it names.
    pub grid: bool,
    /// The side of cells in quanta, and whether avatars are more important than beasts.
    pub cells: i32,
    pub importance: bool,
    /// Cells in the second ring are sent at one of so many ticks; 1 for every tick.
    pub far: u8,
    /// Whether there are walls around home.
    pub walls: bool,
    /// Near beasts, and how many of 64 ticks one of them is replaced.
    pub beasts: u32,
    pub unrest: u32,
}

/// How a game gives away what is hidden. Each must be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Careless {
    /// Hidden things draw from the sequence of visible ones.
    Randomness,
    /// Hidden entities have ids that count upwards with those of visible ones.
    Ids,
    /// A stranger brings its motion along.
    Motion,
    /// What happens out of sight is told to all.
    Events,
    /// What is hidden is written into a zone of everybody.
    Rows,
}

pub struct Fog {
    dims: Dims,
    history: u32,
    careless: Option<Careless>,
    avatars: Vec<Walker>,
    near: Vec<Walker>,
    far: Vec<Walker>,
    /// Known from the start, and seen by seat 0 at times. Where it is in between depends on the history.
    stranger: Walker,
    tick: u32,
}

struct Walker {
    seat: Option<Seat>,
    id: EntityId,
    at: [i32; 2],
    is_placed: bool,
}

impl Walker {
    fn new(seat: Option<Seat>, id: EntityId, at: [i32; 2]) -> Self {
        Self { seat, id, at, is_placed: false }
    }

    fn walk(&mut self, step: [i32; 2], [least, most]: [[i32; 2]; 2]) {
        for axis in 0..2 {
            self.at[axis] = (self.at[axis] + step[axis]).clamp(least[axis], most[axis]);
        }
    }
}

/// Around home, and the half that seat 0 never sees.
fn bounds(is_near: bool) -> [[i32; 2]; 2] {
    if is_near { [HOME.map(|home| home - ROAM), HOME.map(|home| home + ROAM)] } else { [[FAR; 2], [SIDE; 2]] }
}

fn schema(careless: Option<Careless>) -> Schema {
    let place = || Shape::Fixed { min: 0, max: SIDE, per_unit: 64 };
    let moving = |name| Kind::new(name, vec![Field::smooth("x", place()), Field::linear("y", place())]).at("x", "y");
    let trace = Kind::new("trace", vec![Field::held("number", Shape::Int { min: 0, max: 1 << 20 })]);
    let stranger = moving("stranger");
    let stranger = if careless == Some(Careless::Motion) { stranger } else { stranger.without_past() };
    Schema::new(vec![moving("avatar"), moving("beast"), trace, stranger]).expect("a valid schema")
}

pub fn step(mut below: impl FnMut(u32) -> u32) -> [i32; 2] {
    [(); 2].map(|()| below(201) as i32 - 100)
}

impl Fog {
    pub fn new(dims: Dims, history: u32, careless: Option<Careless>) -> Self {
        let stranger = Walker::new(None, EntityId(900_000), HOME);
        Self { dims, history, careless, avatars: Vec::new(), near: Vec::new(), far: Vec::new(), stranger, tick: 0 }
    }

    fn live_near(&mut self, cx: &mut Context) {
        if self.near.len() < self.dims.beasts as usize {
            let at = HOME.map(|home| home + cx.random_below(2 * ROAM as u32) as i32 - ROAM);
            self.near.push(Walker::new(None, cx.spawn(), at));
        }
        if cx.random_below(64) < self.dims.unrest && !self.near.is_empty() {
            let index = cx.random_below(self.near.len() as u32) as usize;
            let gone = self.near.remove(index);
            cx.emit(if self.dims.grid { Recipients::Around(gone.at) } else { Recipients::Only(Seat(0)) }, 1, vec![3]);
        }
        let jumper = cx.random_below(200) as usize;
        for (index, walker) in self.near.iter_mut().enumerate() {
            walker.is_placed = index == jumper;
            let step = step(|bound| cx.random_below(bound));
            walker.walk(if walker.is_placed { step.map(|step| 20 * step) } else { step }, bounds(true));
        }
        if !self.dims.grid && cx.random_below(20) == 0 && self.avatars.iter().any(|walker| walker.seat == Some(Seat(0)))
        {
            let part = ZoneId(PARTS + cx.random_below(3) as u16);
            cx.subscribe(Seat(0), vec![ZoneId(0), OWN, part]);
        }
    }

    /// What seat 0 may not notice.
    fn live_far(&mut self, cx: &mut Context) {
        let careless = self.careless;
        let below = |cx: &mut Context, bound| match careless {
            Some(Careless::Randomness) => cx.random_below(bound),
            _ => cx.hidden_random_below(bound),
        };
        for _ in 0..self.history * 3 {
            below(cx, 10);
        }
        if self.far.len() < 4 + 12 * self.history as usize && below(cx, 2) == 0 {
            let at = [0, 1].map(|_| FAR + below(cx, FAR as u32) as i32);
            let id = if careless == Some(Careless::Ids) { cx.spawn() } else { cx.spawn_hidden() };
            self.far.push(Walker::new(None, id, at));
        }
        if !self.far.is_empty() && below(cx, 10 + self.history) == 0 {
            let index = below(cx, self.far.len() as u32) as usize;
            let gone = self.far.remove(index);
            let told = if self.dims.grid { Recipients::Around(gone.at) } else { Recipients::Only(Seat(1)) };
            cx.emit(if careless == Some(Careless::Events) { Recipients::All } else { told }, 9, vec![7; 100]);
        }
        for walker in &mut self.far {
            walker.walk(step(|bound| below(cx, bound)), bounds(false));
        }
        for seat in self.avatars.iter().filter_map(|walker| walker.seat).filter(|seat| seat.0 > 1) {
            if below(cx, 20) == 0 {
                let zones = if below(cx, 2) == 0 { vec![ZoneId(0), OTHERS] } else { vec![ZoneId(0)] };
                cx.subscribe(seat, zones);
                cx.emit(Recipients::Only(seat), 8, vec![1; 40]);
            }
        }
        self.stranger.walk(step(|bound| below(cx, bound)), bounds(false));
    }

    /// Where the stranger is: in view at the same place in every history, else far away, or nowhere at all.
    fn stranger_place(&self) -> Option<[i32; 2]> {
        let moment = self.tick as i32 % 24;
        if moment >= 9 {
            return Some([HOME[0] + moment * 40 - 500, HOME[1] - moment % 7 * 30]);
        }
        (self.history == 1).then_some(self.stranger.at)
    }

    /// The zone of what is at a place near home, without a grid.
    fn part(at: [i32; 2]) -> ZoneId {
        ZoneId(PARTS + (at[0] / 2000).clamp(0, 2) as u16)
    }

    fn write(&self, out: &mut SnapshotWriter, kind: KindId, id: EntityId, at: [i32; 2]) {
        if self.dims.grid {
            out.entity(kind, id, &at);
        } else {
            out.row(if at[0] >= FAR { OTHERS } else { Self::part(at) }, kind, id, &at);
        }
    }
}

impl Game for Fog {
    fn spec(&self) -> Spec {
        let inputs = ["x", "y"].map(|name| Field::held(name, Shape::Int { min: -100, max: 100 }));
        Spec {
            schema: Arc::new(schema(self.careless)),
            inputs: InputSchema::new(inputs.to_vec()).expect("a valid schema"),
            authority: Authority::Server,
            capacity: 8,
            properties: Vec::new(),
        }
    }

    fn interest(&self) -> Option<Interest> {
        let schema = schema(self.careless);
        let interest = Interest::within(&schema, SIGHT).expect("a valid interest");
        let interest = interest.with_cells(&schema, self.dims.cells).expect("a valid grid");
        let interest = if self.dims.far > 1 { interest.with_far(self.dims.cells, self.dims.far) } else { interest };
        let interest = if self.dims.walls { interest.with_walls(WALLS) } else { interest };
        let interest = if self.dims.importance { interest.with_importance(AVATAR, 4) } else { interest };
        self.dims.grid.then_some(interest)
    }

    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        let is_near = player.seat.0 < 2;
        // Everyone is told who joins, and which entity they have.
        let id = cx.spawn();
        let at = if is_near { HOME } else { [0, 1].map(|_| FAR + cx.hidden_random_below(FAR as u32) as i32) };
        self.avatars.push(Walker::new(Some(player.seat), id, at));
        self.avatars.sort_by_key(|walker| walker.seat);
        cx.subscribe(player.seat, vec![ZoneId(0), if is_near { OWN } else { OTHERS }]);
        Ok(id)
    }

    fn leave(&mut self, seat: Seat, _: &mut Context) {
        self.avatars.retain(|walker| walker.seat != Some(seat));
    }

    fn step(&mut self, inputs: &[PlayerInput], cx: &mut Context) {
        self.tick = cx.tick().0;
        self.live_near(cx);
        for (walker, taken) in self.avatars.iter_mut().zip(inputs) {
            // Seat 1 is beside seat 0. Its link differs between histories, so its inputs must not show.
            let is_near = taken.seat.0 < 2;
            let step = if taken.seat == Seat(1) { [3, -2] } else { [taken.input[0], taken.input[1]] };
            walker.walk(step, bounds(is_near));
        }
        self.live_far(cx);
    }

    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        self.avatars.iter().for_each(|walker| self.write(out, AVATAR, walker.id, walker.at));
        self.near.iter().chain(&self.far).for_each(|walker| self.write(out, BEAST, walker.id, walker.at));
        self.stranger_place().into_iter().for_each(|at| self.write(out, STRANGER, self.stranger.id, at));
        for walker in self.near.iter().filter(|walker| walker.is_placed) {
            out.teleported(BEAST, walker.id);
        }
        for walker in &self.near {
            out.row(OWN, TRACE, walker.id, &[walker.at[0] / 100]);
        }
        let secret = if self.careless == Some(Careless::Rows) { OWN } else { OTHERS };
        for walker in &self.far {
            out.row(secret, TRACE, walker.id, &[walker.at[0] / 100]);
        }
    }

    fn spectate(&self) -> Vec<ZoneId> {
        // All cells around home: spectators need keyframes of them.
        let Some(interest) = self.interest() else { return vec![ZoneId(0), OWN, ZoneId(PARTS), ZoneId(PARTS + 1)] };
        interest.cells_around(HOME, ROAM + 2 * SIGHT).into_iter().chain([ZoneId(0), OWN]).collect()
    }
}
