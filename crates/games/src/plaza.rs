//! The plaza: walkers that report their positions. The server checks speed, bounds and walls, corrects impossible moves and
//! removes players who keep trying them.
//!
//! Shows how a game works whose clients move themselves, and replays recorded movement: a football pitch of 105 x 68 m from
//! the origin is free of walls. Walkers do not affect each other.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::compass::heading_of;
use super::map::Map;
use super::{COLOURS, PER_METRE, Seats, colour_of, insert_by_id, put_up};
use serde::{Deserialize, Serialize};
use tickwire::game::{LoadError, Persistence, Saved, SpeedGate};
use tickwire::id::KindId;
use tickwire::prelude::*;
use tickwire::typed::{MessageError, RawOptions};
use tickwire::wire::{Authority, Close};

/// The kind of walkers.
pub const WALKER: KindId = KindId(0);
/// Reason of a correction: faster than 12 metres per second.
pub const TOO_FAST: u8 = 1;
/// Reason of a correction: outside the plaza.
pub const OUT_OF_BOUNDS: u8 = 2;
/// Reason of a correction: into or through a wall.
pub const WALL: u8 = 3;

const MAP: &str = include_str!("../../../assets/maps/plaza.txt");
const CAPACITY: u16 = 1000;
/// The version of what is saved.
const FORMAT: u32 = 1;
/// In metres per second: a little more than the fastest sprinters.
const TOP_SPEED: u32 = 12;
/// The last metre before the far edges is a fence on the map and out of bounds. The schema's range includes it, so that
/// walking out is a move to correct and not a malformed message.
const MARGIN: i32 = PER_METRE;
/// Longest part of the line between two reports that may lie in walls, in quanta: the walker may have taken a curve around
/// a corner. Less than the thickness of a wall.
const CLIP: i32 = PER_METRE / 2;
/// Distance between the points of that line that are checked, in quanta.
const LOOK: i32 = 8;
/// Distance after which the heading follows the movement, in quanta: the direction of smaller moves is mostly rounding.
const TURN_AFTER: i32 = PER_METRE / 2;
/// This many impossible moves within [`STRIKE_SECONDS`] end the session.
const STRIKES: usize = 20;
const STRIKE_SECONDS: u64 = 10;

/// A walker. Positions have 64 quanta per metre.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Row)]
#[row(name = "walker", position(x, y))]
pub struct WalkerRow {
    /// Where the walker is.
    #[row(range = 0..=112, step = 1/64, unit = "m", motion = linear)]
    pub x: i32,
    /// Where the walker is.
    #[row(range = 0..=72, step = 1/64, unit = "m", motion = linear)]
    pub y: i32,
    /// The direction of the last metres, in 256 parts of a turn.
    #[row(angle = 8)]
    pub heading: i32,
    /// The player's colour.
    #[row(colours = COLOURS)]
    pub colour: i32,
}

/// Where a player reports to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Input)]
pub struct Report {
    /// In 64ths of a metre.
    #[input(range = 0..=112, step = 1/64, unit = "m")]
    pub x: i32,
    /// In 64ths of a metre.
    #[input(range = 0..=72, step = 1/64, unit = "m")]
    pub y: i32,
}

/// The game of position reports.
pub struct Plaza {
    map: Map,
    rate: TickRate,
    /// Steps since the room began.
    age: u64,
    /// Ascending by id.
    walkers: Vec<Walker>,
    seats: Seats,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Walker {
    id: EntityId,
    seat: Seat,
    /// Quanta.
    x: i32,
    y: i32,
    heading: i32,
    /// The position at which the heading was last updated.
    anchor: (i32, i32),
    gate: SpeedGate,
    strikes: Strikes,
}

/// The times of the last strikes, as a ring.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Strikes {
    at: [Option<u64>; STRIKES],
    next: usize,
    /// The session is about to end: further moves are ignored.
    out: bool,
}

impl Strikes {
    /// Adds a strike at `age`; returns whether there are now too many within `window` ticks.
    fn add(&mut self, age: u64, window: u64) -> bool {
        self.at[self.next] = Some(age);
        self.next = (self.next + 1) % STRIKES;
        self.out = self.at[self.next].is_some_and(|oldest| age - oldest < window);
        self.out
    }
}

/// What is saved.
#[derive(Debug, Serialize, Deserialize)]
struct Contents<'a> {
    age: u64,
    walkers: Cow<'a, [Walker]>,
}

impl Plaza {
    /// A plaza of 112 x 72 m. It has no options.
    ///
    /// # Errors
    /// Only if the built-in map were invalid.
    pub fn new(setup: &RoomSetup) -> Result<Self, SetupError> {
        let map = Map::parse(MAP)?;
        Ok(Self { map, rate: setup.rate, age: 0, walkers: Vec::new(), seats: Seats::default() })
    }

    /// The position at which a player starts: the option `spawn` of the player, otherwise a random floor tile.
    fn spawn_place(&self, player: &Player<RawOptions>, cx: &mut Context) -> Result<(i32, i32), String> {
        let Some(text) = player.options.get("spawn") else {
            return Ok(self.map.floor_centre(cx.random_below(self.map.floor_tiles())));
        };
        let pair = text.split_once(',').and_then(|(x, y)| Some((quanta(x)?, quanta(y)?)));
        let Some((x, y)) = pair else {
            return Err(format!("spawn {text:?}: must be two numbers of metres, such as \"52.5,34\""));
        };
        if !inside(&self.map, x, y) {
            let (width, height) = (self.map.width() - 1, self.map.height() - 1);
            return Err(format!("spawn {text:?}: must lie within 0 to {width} and 0 to {height} metres"));
        }
        if self.map.is_solid_at(x, y) {
            return Err(format!("spawn {text:?}: there is a wall"));
        }
        Ok((x, y))
    }
}

#[tickwire::game]
impl TypedGame for Plaza {
    type Rows = WalkerRow;
    type Input = Report;

    fn authority(&self) -> Authority {
        Authority::Client
    }

    fn capacity(&self) -> u16 {
        CAPACITY
    }

    fn properties(&self) -> Vec<(String, String)> {
        vec![("map".to_owned(), "plaza".to_owned())]
    }

    fn join(&mut self, player: &Player<RawOptions>, cx: &mut Context) -> Result<EntityId, Refused> {
        let (x, y) = self.spawn_place(player, cx)?;
        let id = cx.spawn();
        // Rounded up, so that honest clients at top speed stay below the limit.
        let top = (TOP_SPEED * PER_METRE as u32).div_ceil(u32::from(self.rate.per_second()));
        let (gate, strikes) = (SpeedGate::new(top), Strikes::default());
        let walker = Walker { id, seat: player.seat, x, y, heading: 0, anchor: (x, y), gate, strikes };
        insert_by_id(&mut self.walkers, walker, |walker| walker.id);
        self.seats.take(player.seat, id);
        Ok(id)
    }

    fn leave(&mut self, seat: Seat, _: &mut Context) {
        if let Some(id) = self.seats.free(seat) {
            self.walkers.retain(|walker| walker.id != id);
        }
    }

    fn server_event(&mut self, name: &str, data: &str, cx: &mut Context) -> Result<(), Refused> {
        put_up(name, data, cx)
    }

    fn step(&mut self, inputs: Inputs<Report>, cx: &mut Context) {
        self.age += 1;
        let window = STRIKE_SECONDS * u64::from(self.rate.per_second());
        for report in inputs {
            let Some(walker) = self.seats.entity(report.seat).and_then(|id| find(&mut self.walkers, id)) else {
                continue;
            };
            walker.gate.tick();
            if !report.fresh || walker.strikes.out {
                continue;
            }
            let Err(reason) = walker.go(&self.map, report.input) else { continue };
            cx.correct(report.seat, reason);
            if walker.strikes.add(self.age, window) {
                cx.kick(report.seat, Close::Cheating);
            }
        }
    }

    // It has none, and whoever sends one, as tools do to see it confirmed, plays on.
    fn bad_command(&mut self, _: Seat, _: &MessageError, _: &mut Context) {}

    fn can_be_remade(&self) -> bool {
        true
    }

    fn persistence(&self) -> Persistence {
        Persistence::Optional
    }

    fn save(&self) -> Option<Saved> {
        Some(Saved::new(FORMAT, &Contents { age: self.age, walkers: (&self.walkers).into() }))
    }

    fn load(&mut self, saved: &Saved) -> Result<(), LoadError> {
        if saved.version != FORMAT {
            return Err(LoadError::Version(saved.version));
        }
        let Contents { age, walkers } = saved.read()?;
        (self.age, self.walkers) = (age, walkers.into_owned());
        self.walkers.iter().for_each(|walker| self.seats.take(walker.seat, walker.id));
        Ok(())
    }

    fn write_snapshot(&self, out: &mut RowWriter<WalkerRow>) {
        for walker in &self.walkers {
            let Walker { id, seat, x, y, heading, .. } = *walker;
            out.entity(id, &WalkerRow { x, y, heading, colour: colour_of(seat) });
        }
    }
}

fn find(walkers: &mut [Walker], id: EntityId) -> Option<&mut Walker> {
    walkers.binary_search_by_key(&id, |walker| walker.id).ok().map(|index| &mut walkers[index])
}

impl Walker {
    /// Accepts a reported position, or returns the reason why it is impossible.
    fn go(&mut self, map: &Map, Report { x, y }: Report) -> Result<(), u8> {
        let (dx, dy) = (x - self.x, y - self.y);
        if !inside(map, x, y) {
            return Err(OUT_OF_BOUNDS);
        }
        let mut gate = self.gate;
        if !gate.admit(dx, dy) {
            return Err(TOO_FAST);
        }
        if map.is_solid_at(x, y) || crosses_wall(map, (self.x, self.y), (dx, dy)) {
            return Err(WALL);
        }
        // Only an accepted move uses up the gate's allowance.
        self.gate = gate;
        (self.x, self.y) = (x, y);
        let (turned_x, turned_y) = (x - self.anchor.0, y - self.anchor.1);
        if turned_x.pow(2) + turned_y.pow(2) >= TURN_AFTER.pow(2) {
            self.heading = heading_of(turned_x, turned_y);
            self.anchor = (x, y);
        }
        Ok(())
    }
}

/// Whether more of the straight line lies in walls than cutting a corner explains.
fn crosses_wall(map: &Map, (x, y): (i32, i32), (dx, dy): (i32, i32)) -> bool {
    let looks = dx.abs().max(dy.abs()) / LOOK;
    let walled = (1..looks).filter(|look| map.is_solid_at(x + dx * look / looks, y + dy * look / looks)).count();
    walled as i32 * LOOK > CLIP
}

/// Whether a position in quanta is on the plaza.
fn inside(map: &Map, x: i32, y: i32) -> bool {
    let within = |quanta: i32, tiles: i32| (0..=tiles * PER_METRE - MARGIN).contains(&quanta);
    within(x, map.width()) && within(y, map.height())
}

/// Converts decimal metres such as `52.5` to quanta, rounded to the nearest; `None` if the text is no such number. Digits
/// beyond a billionth are cut off.
fn quanta(text: &str) -> Option<i32> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || whole.len() > 6 {
        return None;
    }
    let fraction = &fraction[..fraction.len().min(9)];
    let unit = 10_i64.pow(fraction.len() as u32);
    let metres = whole.parse::<i64>().ok()? * unit + fraction.parse::<i64>().ok()?;
    i32::try_from((metres * i64::from(PER_METRE) + unit / 2) / unit).ok()
}
