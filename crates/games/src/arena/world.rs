//! The rules between avatars, sparks and snowballs: collecting, hits and their effects.
//!
//! All lists are sorted by entity id; buffers are reused from tick to tick. `step` moves one avatar; the
//! parent file implements the engine's interface.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::AVATAR;
use super::buckets::Buckets;
use super::crowd::Crowd;
use super::rows::{ArenaEvent, AvatarInput};
use super::step::{AvatarState, RADIUS, Tuning, round, speed, step_avatar, ticks};
use crate::compass::{cosine, sine};
use crate::map::Map;
use crate::{PER_METRE, insert_by_id};
use serde::{Deserialize, Serialize};
use tickwire::game::{Context, Past, Recipients};
use tickwire::id::{EntityId, Seat};
use tickwire::tick::{TickRate, ViewTime};

/// The highest score.
pub(super) const TOP_SCORE: i32 = 9999;

/// Distance of an avatar's and a spark's centre at which the spark is collected, in quanta.
const SPARK_REACH: i32 = RADIUS + 20;
/// Distance of an avatar's and a snowball's centre at which the snowball hits, in quanta.
const BALL_REACH: i32 = RADIUS + 10;
/// The most that avatars move while a shot is rewound, in quanta: half a second of dashing.
const REWOUND_REACH: i32 = 8 * PER_METRE;
/// Longest move of a snowball between two checks for walls and victims, in quanta: half a tile, less than an avatar.
const BALL_STRIDE: i32 = 32;
/// Points of a hit for the thrower.
const HIT_GAIN: i32 = 2;
/// Points of a hit for the victim.
const HIT_LOSS: i32 = -1;
/// Sparks in an arena without players.
const SPARKS_ALONE: usize = 12;
/// Most sparks: more would cost every client bytes and make collecting too easy.
const MOST_SPARKS: usize = 240;
/// One spark in this many is big.
const BIG_ONE_IN: u32 = 6;

/// A player's body.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Avatar {
    pub(super) id: EntityId,
    pub(super) seat: Seat,
    pub(super) state: AvatarState,
    /// Ticks during which snowballs have no effect.
    pub(super) shield: i32,
    pub(super) score: i32,
}

impl Avatar {
    fn earn(&mut self, points: i32) {
        self.score = (self.score + points).clamp(0, TOP_SCORE);
    }
}

/// Something to collect.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Spark {
    pub(super) id: EntityId,
    /// Quanta.
    pub(super) x: i32,
    /// Quanta.
    pub(super) y: i32,
    /// Whether it is worth three points instead of one.
    pub(super) big: bool,
}

/// A snowball in flight.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Snowball {
    pub(super) id: EntityId,
    pub(super) thrower: Seat,
    /// The thrower's entity. The seat may have another player by now.
    thrower_id: EntityId,
    pub(super) x: i32,
    pub(super) y: i32,
    /// Quanta per tick.
    dx: i32,
    dy: i32,
    heading: i32,
    /// Ticks until it melts.
    life: i32,
    /// The moment that the thrower was shown, until the snowball has flown from there.
    #[serde(skip)]
    shown: Option<ViewTime>,
}

/// What lies and moves in an arena, as it is saved; each list is ascending by id.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Contents<'a> {
    avatars: Cow<'a, [Avatar]>,
    sparks: Cow<'a, [Spark]>,
    snowballs: Cow<'a, [Snowball]>,
    #[serde(default)]
    crowd: Option<Crowd>,
}

/// Constants that only the server needs, at one tick rate.
#[derive(Debug)]
struct Pace {
    /// Speed of a snowball, in 64ths of a quantum per tick.
    ball: i32,
    ball_life: i32,
    /// Speed at which a hit knocks the victim back, in 64ths of a quantum per tick.
    knock: i32,
    spawn_shield: i32,
    hit_shield: i32,
}

/// Everything in one arena.
#[derive(Debug)]
pub(super) struct World {
    map: Arc<Map>,
    tuning: Tuning,
    pace: Pace,
    pub(super) avatars: Vec<Avatar>,
    pub(super) sparks: Vec<Spark>,
    pub(super) snowballs: Vec<Snowball>,
    /// The tiles on which a spark lies.
    sparkling: BTreeSet<u32>,
    /// On a map that nobody sees as a whole: how many are where.
    pub(super) crowd: Option<Crowd>,
    buckets: Buckets,
}

impl World {
    pub(super) fn new(map: impl Into<Arc<Map>>, rate: TickRate) -> Self {
        let map = map.into();
        let pace = Pace {
            ball: speed(14, rate),
            ball_life: ticks(1100, rate),
            knock: speed(10, rate),
            spawn_shield: ticks(3000, rate),
            hit_shield: ticks(800, rate),
        };
        Self {
            tuning: Tuning::for_rate(rate),
            pace,
            avatars: Vec::new(),
            sparks: Vec::new(),
            snowballs: Vec::new(),
            sparkling: BTreeSet::new(),
            crowd: None,
            buckets: Buckets::new(&map),
            map,
        }
    }

    /// The middle of the map, in quanta.
    pub(super) fn middle(&self) -> [i32; 2] {
        [self.map.width(), self.map.height()].map(|tiles| tiles * PER_METRE / 2)
    }

    /// Everything that lasts longer than a tick.
    pub(super) fn contents(&self) -> Contents<'_> {
        let (avatars, sparks, snowballs) = (&self.avatars, &self.sparks, &self.snowballs);
        let crowd = self.crowd.clone();
        Contents { avatars: avatars.into(), sparks: sparks.into(), snowballs: snowballs.into(), crowd }
    }

    /// Replaces the contents of an empty world.
    pub(super) fn fill(&mut self, contents: Contents<'_>) {
        let Contents { avatars, sparks, snowballs, crowd } = contents;
        if let (Some(counted), Some(saved)) = (&mut self.crowd, crowd) {
            *counted = saved;
        }
        (self.avatars, self.snowballs) = (avatars.into_owned(), snowballs.into_owned());
        for spark in sparks.into_owned() {
            self.mark(&spark, true);
            self.sparks.push(spark);
        }
    }

    /// Puts a new avatar on a random floor tile.
    pub(super) fn enter(&mut self, seat: Seat, cx: &mut Context) -> EntityId {
        let id = cx.spawn();
        let (x, y) = self.free_place(cx);
        let state = AvatarState { x, y, heading: cx.random_below(256) as i32, ..AvatarState::default() };
        let avatar = Avatar { id, seat, state, shield: self.pace.spawn_shield, score: 0 };
        insert_by_id(&mut self.avatars, avatar, |avatar| avatar.id);
        id
    }

    /// A random place on the floor; on a large map, where the others are.
    fn free_place(&self, cx: &mut Context) -> (i32, i32) {
        match &self.crowd {
            Some(_) => Crowd::place_for_newcomer(&self.map, self.avatars.len(), cx),
            None => self.map.floor_centre(cx.random_below(self.map.floor_tiles())),
        }
    }

    /// Removes an avatar. Its snowballs stay.
    pub(super) fn exit(&mut self, id: EntityId) {
        if let Some(index) = self.find(id) {
            self.avatars.remove(index);
        }
    }

    /// Moves one avatar by one tick. What it throws is judged by what its player was shown.
    pub(super) fn steer(&mut self, id: EntityId, input: AvatarInput, shown: Option<ViewTime>, cx: &mut Context) {
        let Some(index) = self.find(id) else { return };
        let avatar = &mut self.avatars[index];
        avatar.shield = (avatar.shield - 1).max(0);
        if !step_avatar(&self.map, &self.tuning, &mut avatar.state, input) {
            return;
        }
        let AvatarState { x, y, heading, .. } = avatar.state;
        let ball = Snowball {
            id: cx.spawn(),
            thrower: avatar.seat,
            thrower_id: id,
            x,
            y,
            dx: round(cosine(heading) * self.pace.ball, 20),
            dy: round(sine(heading) * self.pace.ball, 20),
            heading,
            life: self.pace.ball_life,
            shown,
        };
        insert_by_id(&mut self.snowballs, ball, |ball| ball.id);
    }

    /// Applies the consequences of a tick's moves.
    pub(super) fn step(&mut self, cx: &mut Context) {
        self.buckets.fill(self.avatars.iter().map(|avatar| (avatar.state.x, avatar.state.y)));
        self.fly(cx);
        self.collect();
        self.refill(cx);
        if let Some(crowd) = &mut self.crowd {
            crowd.count(&self.avatars, cx);
        }
    }

    fn fly(&mut self, cx: &mut Context) {
        let mut kept = 0;
        for index in 0..self.snowballs.len() {
            let mut ball = self.snowballs[index];
            if self.catch_up(&mut ball, cx) && self.fly_one(&mut ball, None, cx) {
                self.snowballs[kept] = ball;
                kept += 1;
            }
        }
        self.snowballs.truncate(kept);
    }

    /// Lets a new snowball fly through what its thrower was shown, from the moment of the throw to the newest frame. From then
    /// on it is where the thrower expects it, among those whom the thrower will be shown there. Returns whether it still
    /// exists.
    fn catch_up(&mut self, ball: &mut Snowball, cx: &mut Context) -> bool {
        let Some(mut shown) = ball.shown.take() else { return true };
        loop {
            shown = shown.later(1);
            let Some(past) = cx.rewind(shown) else { return true };
            if !self.fly_one(ball, Some(&past), cx) {
                return false;
            }
        }
    }

    /// Moves a snowball by one tick, among the avatars of today or of the past; returns whether it still exists.
    fn fly_one(&mut self, ball: &mut Snowball, past: Option<&Past>, cx: &mut Context) -> bool {
        if ball.life == 0 {
            return false;
        }
        ball.life -= 1;
        let (x, y) = (ball.x, ball.y);
        let strides = (ball.dx.abs().max(ball.dy.abs()) / BALL_STRIDE) + 1;
        for stride in 1..=strides {
            ball.x = x + ball.dx * stride / strides;
            ball.y = y + ball.dy * stride / strides;
            if self.map.is_solid_at(ball.x, ball.y) {
                return false;
            }
            let victim = match past {
                None => self.nearest(ball.x, ball.y, BALL_REACH, Some(ball.thrower_id)),
                Some(past) => self.nearest_in(past, ball, BALL_REACH),
            };
            if let Some(victim) = victim {
                let shown = past.map_or(ViewTime { tick: cx.tick(), sixteenths: 0 }, Past::shown);
                self.hit(ball, victim, shown, cx);
                return false;
            }
        }
        true
    }

    fn hit(&mut self, ball: &Snowball, index: usize, shown: ViewTime, cx: &mut Context) {
        let victim = &mut self.avatars[index];
        if victim.shield > 0 {
            return;
        }
        victim.state.kx = round(cosine(ball.heading) * self.pace.knock, 14);
        victim.state.ky = round(sine(ball.heading) * self.pace.knock, 14);
        victim.state.dash = 0;
        victim.shield = self.pace.hit_shield;
        victim.earn(HIT_LOSS);
        cx.send(Recipients::Around([ball.x, ball.y]), &ArenaEvent::Hit(ball.thrower, victim.seat));
        cx.judged(ball.thrower, victim.seat, shown);
        if let Some(thrower) = self.find(ball.thrower_id) {
            self.avatars[thrower].earn(HIT_GAIN);
        }
    }

    fn collect(&mut self) {
        let mut kept = 0;
        for index in 0..self.sparks.len() {
            let spark = self.sparks[index];
            if let Some(finder) = self.nearest(spark.x, spark.y, SPARK_REACH, None) {
                self.avatars[finder].earn(if spark.big { 3 } else { 1 });
                self.mark(&spark, false);
            } else {
                self.sparks[kept] = spark;
                kept += 1;
            }
        }
        self.sparks.truncate(kept);
    }

    /// Adds sparks, each with a new id: a spark that appears elsewhere must not look like one that moved there.
    fn refill(&mut self, cx: &mut Context) {
        let most = if self.crowd.is_some() { usize::MAX } else { MOST_SPARKS };
        let wanted = (SPARKS_ALONE + self.avatars.len() * 3 / 4).min(most);
        // A tile that is taken counts as an attempt; missing sparks follow at the next tick.
        for _ in self.sparks.len()..wanted {
            let (x, y) = self.free_place(cx);
            let spark = Spark { id: EntityId::default(), x, y, big: cx.random_below(BIG_ONE_IN) == 0 };
            let free = self.nearest(x, y, SPARK_REACH, None).is_none();
            if free && self.mark(&spark, true) {
                insert_by_id(&mut self.sparks, Spark { id: cx.spawn(), ..spark }, |spark| spark.id);
            }
        }
    }

    /// Records whether a spark lies on its tile; returns whether that has changed.
    fn mark(&mut self, spark: &Spark, lit: bool) -> bool {
        let tile = self.map.tile(spark.x / PER_METRE, spark.y / PER_METRE);
        tile.is_some_and(|tile| if lit { self.sparkling.insert(tile) } else { self.sparkling.remove(&tile) })
    }

    /// The avatar nearest to a point and at most `reach` quanta away; the first one if distances are equal.
    fn nearest(&self, x: i32, y: i32, reach: i32, but: Option<EntityId>) -> Option<usize> {
        debug_assert!(reach <= PER_METRE, "neighbouring buckets reach one metre");
        let mut best = (reach * reach, None);
        for index in self.buckets.near(x, y) {
            let avatar = &self.avatars[index];
            let square = (avatar.state.x - x).pow(2) + (avatar.state.y - y).pow(2);
            let nearer = if best.1.is_some() { square < best.0 } else { square <= best.0 };
            if nearer && Some(avatar.id) != but {
                best = (square, Some(index));
            }
        }
        best.1
    }

    /// The avatar that was shown nearest to a snowball and at most `reach` quanta away, if it is still here.
    fn nearest_in(&self, past: &Past, ball: &Snowball, reach: i32) -> Option<usize> {
        let mut best = (reach * reach + 1, None);
        for (index, avatar) in self.avatars.iter().enumerate() {
            let far = (avatar.state.x - ball.x).abs().max((avatar.state.y - ball.y).abs());
            if avatar.id == ball.thrower_id || far > reach + REWOUND_REACH {
                continue;
            }
            let Some(row) = past.row(AVATAR, avatar.id) else { continue };
            let square = (row.between(0) - ball.x).pow(2) + (row.between(1) - ball.y).pow(2);
            if square < best.0 {
                best = (square, Some(index));
            }
        }
        best.1
    }

    fn find(&self, id: EntityId) -> Option<usize> {
        self.avatars.binary_search_by_key(&id, |avatar| avatar.id).ok()
    }
}
