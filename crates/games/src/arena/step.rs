//! The step of one avatar: timers, heading, dash, knockback and walls, in integers.
//!
//! Clients predict their own avatar with a copy of this code, `web-demo/demo/arena.js`; `tests/golden/arena_steps.json` keeps the
//! two equal. All state that the step reads is in the avatar's row. Hits and collected sparks are decided in `world`.

use super::rows::AvatarInput;
use crate::PER_METRE;
use crate::compass::{cosine, sine};
use crate::map::Map;
use serde::{Deserialize, Serialize};
use tickwire::Labels;
use tickwire::tick::TickRate;

/// Half the side of an avatar, in quanta.
pub const RADIUS: i32 = 26;

/// Speeds are in 64ths of a quantum per tick: at 120 ticks per second whole quanta would be too coarse.
const SUB: i32 = 64;
/// Share of the knockback speed that is lost per second: a knock of v metres per second carries v / 5 metres.
const FRICTION: i32 = 5;

/// The constants of the step at one tick rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// Ticks per second.
    pub rate: i32,
    /// Speed of running, in 64ths of a quantum per tick.
    pub run: i32,
    /// Speed of a dash, in 64ths of a quantum per tick.
    pub dash: i32,
    /// Duration of a dash, in ticks.
    pub dash_ticks: i32,
    /// Ticks from one dash to the next.
    pub dash_wait: i32,
    /// Ticks from one throw to the next.
    pub reload: i32,
    /// Speed of knockback above which the avatar staggers, in 64ths of a quantum per tick.
    pub stagger: i32,
}

impl Tuning {
    /// The constants at `rate`.
    pub fn for_rate(rate: TickRate) -> Self {
        Self {
            rate: i32::from(rate.per_second()),
            run: speed(6, rate),
            dash: speed(16, rate),
            dash_ticks: ticks(200, rate),
            dash_wait: ticks(1500, rate),
            reload: ticks(700, rate),
            stagger: speed(1, rate),
        }
    }
}

/// Converts metres per second to 64ths of a quantum per tick, rounded to the nearest.
pub(super) fn speed(metres_per_second: i32, rate: TickRate) -> i32 {
    let rate = i32::from(rate.per_second());
    (metres_per_second * PER_METRE * SUB + rate / 2) / rate
}

/// Converts milliseconds to ticks, rounded to the nearest, at least one.
pub(super) fn ticks(milliseconds: i32, rate: TickRate) -> i32 {
    ((milliseconds * i32::from(rate.per_second()) + 500) / 1000).max(1)
}

/// An avatar's visible activity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Labels)]
pub enum Mood {
    /// It stands.
    #[default]
    Idle,
    /// It runs.
    Run,
    /// It dashes.
    Dash,
    /// It was hit and staggers.
    Hit,
}

/// The part of an avatar that the step reads and writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AvatarState {
    /// Centre, in quanta.
    pub x: i32,
    /// Centre, in quanta.
    pub y: i32,
    /// Direction, in 256 parts of a turn.
    pub heading: i32,
    /// Speed of knockback, in 64ths of a quantum per tick.
    pub kx: i32,
    /// Speed of knockback, in 64ths of a quantum per tick.
    pub ky: i32,
    /// Ticks of dash left.
    pub dash: i32,
    /// Ticks until the next dash is possible.
    pub wait: i32,
    /// Ticks until the next throw is possible.
    pub reload: i32,
    /// The visible activity.
    pub mood: Mood,
}

/// Advances `avatar` by one tick. Returns whether it throws now.
pub fn step_avatar(map: &Map, tuning: &Tuning, avatar: &mut AvatarState, input: AvatarInput) -> bool {
    avatar.wait = (avatar.wait - 1).max(0);
    avatar.reload = (avatar.reload - 1).max(0);
    avatar.heading = input.heading;
    if input.dash && avatar.wait == 0 {
        avatar.dash = tuning.dash_ticks;
        avatar.wait = tuning.dash_wait;
    }
    let throws = input.throw && avatar.reload == 0;
    if throws {
        avatar.reload = tuning.reload;
    }
    let (speed, mut mood) = if avatar.dash > 0 {
        (tuning.dash, Mood::Dash)
    } else if input.run {
        (tuning.run, Mood::Run)
    } else {
        (0, Mood::Idle)
    };
    avatar.dash = (avatar.dash - 1).max(0);
    // Friction is applied before the move, so that the distance of a knock does not depend on the tick rate.
    avatar.kx = avatar.kx * tuning.rate / (tuning.rate + FRICTION);
    avatar.ky = avatar.ky * tuning.rate / (tuning.rate + FRICTION);
    if avatar.kx.abs() + avatar.ky.abs() > tuning.stagger {
        mood = Mood::Hit;
    }
    avatar.mood = mood;
    let dx = round(cosine(avatar.heading) * speed, 20) + round(avatar.kx, 6);
    let dy = round(sine(avatar.heading) * speed, 20) + round(avatar.ky, 6);
    avatar.x = slide(avatar.x, avatar.y, dx, |column, row| map.is_solid(column, row));
    avatar.y = slide(avatar.y, avatar.x, dy, |row, column| map.is_solid(column, row));
    throws
}

/// `value` / 2^`bits`, rounded to the nearest, halves away from zero, so that opposite directions move equally far.
pub(super) fn round(value: i32, bits: u32) -> i32 {
    let half = 1 << (bits - 1);
    if value < 0 { -((half - value) >> bits) } else { (value + half) >> bits }
}

/// Moves an avatar by `delta` along one axis, up to the first wall. `wall` takes the tile along that axis first. Every tile
/// line on the way is checked, so no speed passes through a wall.
fn slide(along: i32, across: i32, delta: i32, wall: impl Fn(i32, i32) -> bool) -> i32 {
    let sides = (across - RADIUS) >> 6..=(across + RADIUS - 1) >> 6;
    let blocked = |line: i32| sides.clone().any(|side| wall(line, side));
    let target = along + delta;
    if delta > 0 {
        let mut lines = ((along + RADIUS - 1) >> 6) + 1..=(target + RADIUS - 1) >> 6;
        lines.find(|line| blocked(*line)).map_or(target, |line| line * PER_METRE - RADIUS)
    } else {
        let mut lines = ((target - RADIUS) >> 6..(along - RADIUS) >> 6).rev();
        lines.find(|line| blocked(*line)).map_or(target, |line| (line + 1) * PER_METRE + RADIUS)
    }
}
