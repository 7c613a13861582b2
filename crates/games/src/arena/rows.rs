//! What clients of an arena send, see and hear: inputs, commands, rows and events. Numbers are in quanta: positions have
//! [`PER_METRE`] of them, and their ranges here are those of the smallest map.

use super::step::{AvatarState, Mood};
use super::world::{Avatar, Snowball, Spark};
use super::{crowd, world};
use crate::{COLOURS, PER_METRE, colour_of};
use tickwire::id::Seat;
use tickwire::snapshot::{Kind, Shape};
use tickwire::typed::Rows;
use tickwire::{Input, Labels, Message, Row};

/// A player's input for one tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Input)]
pub struct AvatarInput {
    /// Direction, in 256 parts of a turn.
    #[input(angle = 8)]
    pub heading: i32,
    /// Run in that direction.
    pub run: bool,
    /// Dash in that direction as soon as possible.
    pub dash: bool,
    /// Throw in that direction as soon as possible.
    pub throw: bool,
}

/// What spectators of the big map send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Message)]
pub enum ArenaCommand {
    /// Go along with a player; with nobody, see the middle of the map.
    Follow(Option<Seat>),
}

/// What a player is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Message)]
pub enum ArenaEvent {
    /// A snowball of the first seat has hit the second one.
    Hit(Seat, Seat),
}

/// An avatar. Timers count down evenly, which linear fields predict well: only start and end cause prediction errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Row)]
#[row(name = "avatar", position(x, y))]
pub struct AvatarRow {
    /// The centre.
    #[row(range = 0..=48, step = 1/64, unit = "m", motion = along(heading))]
    pub x: i32,
    /// The centre.
    #[row(range = 0..=32, step = 1/64, unit = "m", motion = across(heading))]
    pub y: i32,
    /// Direction, in 256 parts of a turn.
    #[row(angle = 8, motion = smooth)]
    pub heading: i32,
    /// Speed of knockback, in 64ths of a quantum per tick.
    #[row(range = -65_536..=65_536, motion = fade)]
    pub kx: i32,
    /// Speed of knockback, in 64ths of a quantum per tick.
    #[row(range = -65_536..=65_536, motion = fade)]
    pub ky: i32,
    /// Ticks of dash left.
    #[row(range = 0..=255, motion = linear)]
    pub dash: i32,
    /// Ticks until the next dash is possible.
    #[row(range = 0..=255, motion = linear)]
    pub wait: i32,
    /// Ticks until the next throw is possible.
    #[row(range = 0..=255, motion = linear)]
    pub reload: i32,
    /// What it does.
    pub mood: Mood,
    /// Points for sparks and hits.
    #[row(range = 0..=world::TOP_SCORE)]
    pub score: i32,
    /// The player's colour.
    #[row(colours = COLOURS)]
    pub colour: i32,
    /// Whether snowballs have no effect.
    pub shield: bool,
}

/// Something to collect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Row)]
#[row(name = "spark", position(x, y))]
pub struct SparkRow {
    /// Where it lies.
    #[row(range = 0..=48, step = 1/64, unit = "m")]
    pub x: i32,
    /// Where it lies.
    #[row(range = 0..=32, step = 1/64, unit = "m")]
    pub y: i32,
    /// What it is worth: one point, or three.
    pub size: Size,
}

/// How big a spark is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Labels)]
pub enum Size {
    /// One point.
    Small,
    /// Three points.
    Big,
}

/// A snowball in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Row)]
#[row(name = "snowball", position(x, y))]
pub struct SnowballRow {
    /// Where it flies.
    #[row(range = 0..=48, step = 1/64, unit = "m", motion = linear)]
    pub x: i32,
    /// Where it flies.
    #[row(range = 0..=32, step = 1/64, unit = "m", motion = linear)]
    pub y: i32,
    /// The thrower's colour.
    #[row(colours = COLOURS)]
    pub colour: i32,
}

/// A block of a map that nobody sees as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Row)]
#[row(name = "crowd", position(x, y))]
pub struct CrowdRow {
    /// The middle of the block.
    #[row(range = 0..=4000, step = 1/64, unit = "m")]
    pub x: i32,
    /// The middle of the block.
    #[row(range = 0..=4000, step = 1/64, unit = "m")]
    pub y: i32,
    /// The avatars in it.
    #[row(range = 0..=crowd::MOST)]
    pub count: i32,
}

impl Avatar {
    pub(super) fn row(&self) -> AvatarRow {
        let AvatarState { x, y, heading, kx, ky, dash, wait, reload, mood } = self.state;
        let (score, colour, shield) = (self.score, colour_of(self.seat), self.shield > 0);
        AvatarRow { x, y, heading, kx, ky, dash, wait, reload, mood, score, colour, shield }
    }
}

impl Spark {
    pub(super) fn row(&self) -> SparkRow {
        SparkRow { x: self.x, y: self.y, size: if self.big { Size::Big } else { Size::Small } }
    }
}

impl Snowball {
    pub(super) fn row(&self) -> SnowballRow {
        SnowballRow { x: self.x, y: self.y, colour: colour_of(self.thrower) }
    }
}

/// Everything that can be seen.
pub(super) type ArenaRows = (AvatarRow, SparkRow, SnowballRow, CrowdRow);

/// The kinds on a map of so many tiles. Only a big one has blocks.
pub(super) fn kinds_on(width: i32, height: i32, is_big: bool) -> Vec<Kind> {
    let mut kinds = ArenaRows::kinds();
    kinds.truncate(if is_big { 4 } else { 3 });
    for field in kinds.iter_mut().flat_map(|kind| &mut kind.fields) {
        let tiles = match field.name.as_str() {
            "x" => width,
            "y" => height,
            _ => continue,
        };
        field.shape = Shape::Fixed { min: 0, max: tiles * PER_METRE, per_unit: PER_METRE as u16 };
    }
    kinds
}
