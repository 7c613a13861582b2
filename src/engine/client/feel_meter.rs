//! How the game feels at a client: what the drawn rendered frames did, summed up every ten seconds into a feel digest. The twin of
//! `web-demo/client/feel-meter.js`.

use std::collections::BTreeMap;

use super::samples::Samples;
use crate::engine::FeelDigest;
use crate::id::EntityId;
use crate::snapshot::KindPlan;

/// How long one digest covers.
const SPAN_MS: f64 = 10_000.0;
/// A rendered frame that comes so long after the one before is long: three at the usual rate.
const LONG_MS: f64 = 50.0;
/// After a longer time the client was hidden or stopped, which says nothing of rendered frames.
const HIDDEN_MS: f64 = 1000.0;
/// Times as fast as an entity has moved lately, and quanta beside that: what moves farther in one rendered frame has jumped.
const JUMP: f64 = 2.5;
const SLACK: f64 = 4.0;
/// How much of the lately greatest speed is left after a millisecond.
const REMEMBERED: f64 = 0.999;
/// Pictures whose age is kept.
const AGES: usize = 2048;

/// The bytes of a digest, as PROTOCOL.md has them.
pub(super) type DigestBody = [u8; 13];

#[derive(Clone, Debug)]
pub(super) struct FeelMeter {
    traces: BTreeMap<EntityId, Trace>,
    ages: Vec<f64>,
    shows: u64,
    last_at: f64,
    since: f64,
    sums: Sums,
}

/// Where an entity was drawn last, how fast it was lately, and at which rendered frame it was drawn.
#[derive(Clone, Debug)]
struct Trace {
    at: [f64; 2],
    fastest: f64,
    seen: u64,
}

#[derive(Clone, Debug, Default)]
struct Sums {
    pictures: usize,
    long: u32,
    jumps: u32,
    backward: u32,
    /// Of the ways of moving entities per rendered frame, in parts of the true ones: how many, their sum, and that of their squares.
    ways: f64,
    sum: f64,
    squares: f64,
    /// The longest time without a newer frame.
    driest: f64,
    corrections: u32,
    largest: f64,
}

impl FeelMeter {
    pub fn new(now: f64) -> Self {
        let (traces, ages, sums) = Default::default();
        Self { traces, ages, shows: 0, last_at: f64::NEG_INFINITY, since: now, sums }
    }

    /// Notes a correction of so many units.
    pub fn corrected(&mut self, size: f64) {
        self.sums.corrections += 1;
        self.sums.largest = self.sums.largest.max(size);
    }

    /// Begins a rendered frame of what was `age` milliseconds ago, with the newest frame `buffer` ahead of that. Returns the time
    /// since the last rendered frame, after which ways can be told; `None` at the same moment.
    pub fn begin_picture(&mut self, now: f64, age: f64, buffer: f64) -> Option<f64> {
        let elapsed = now - self.last_at;
        (self.last_at, self.shows) = (now, self.shows + 1);
        let slot = self.sums.pictures % AGES;
        self.sums.pictures += 1;
        match self.ages.get_mut(slot) {
            Some(place) => *place = age,
            None => self.ages.push(age),
        }
        self.sums.driest = self.sums.driest.max(-buffer);
        let is_lost = elapsed > HIDDEN_MS;
        self.sums.long += u32::from(elapsed >= LONG_MS && !is_lost);
        (elapsed > 0.0).then_some(if is_lost { f64::INFINITY } else { elapsed })
    }

    /// Looks at an entity of the rendered frame.
    pub fn look(&mut self, id: EntityId, plan: &KindPlan, samples: &Samples, values: &[f64], elapsed: f64) {
        let Some(place) = coordinates(plan) else { return };
        let at = place.map(|column| values[column]);
        let shows = self.shows;
        let Some(trace) = self.traces.get_mut(&id) else {
            self.traces.insert(id, Trace { at, fastest: 0.0, seen: shows });
            return;
        };
        let [dx, dy] = [at[0] - trace.at[0], at[1] - trace.at[1]];
        (trace.at, trace.seen) = (at, shows);
        let Some([x, y]) = samples.speed(plan, place).filter(|_| elapsed < f64::INFINITY) else { return };
        let speed = x.hypot(y);
        trace.fastest = speed.max(trace.fastest * REMEMBERED.powf(elapsed));
        let moved = dx.hypot(dy);
        self.sums.jumps += u32::from(moved > JUMP * trace.fastest * elapsed + SLACK);
        if speed * elapsed < 1.0 {
            return;
        }
        self.sums.backward += u32::from((dx * x + dy * y) / speed < -1.0);
        let way = moved / (speed * elapsed);
        self.sums.ways += 1.0;
        self.sums.sum += way;
        self.sums.squares += way * way;
    }

    /// Ends a rendered frame of so many entities.
    pub fn end_picture(&mut self, entities: usize) {
        if self.traces.len() > entities {
            self.traces.retain(|_, trace| trace.seen == self.shows);
        }
    }

    /// The digest, when one is due; `None` also when nothing was drawn.
    pub fn take(&mut self, now: f64, round_trip: f64, lateness: f64) -> Option<DigestBody> {
        if now - self.since < SPAN_MS { None } else { self.finish(now, round_trip, lateness) }
    }

    /// The digest of the time since the last one, however short; `None` when nothing was drawn.
    pub fn finish(&mut self, now: f64, round_trip: f64, lateness: f64) -> Option<DigestBody> {
        let seconds = (now - self.since) / 1000.0;
        let sums = std::mem::take(&mut self.sums);
        self.since = now;
        let mut ages = std::mem::take(&mut self.ages);
        ages.sort_by(f64::total_cmp);
        let last = ages.len().checked_sub(1)?;
        let age = |share: f64| ages[(share * last as f64) as usize];
        let mean = if sums.ways > 0.0 { sums.sum / sums.ways } else { 0.0 };
        let deviation = (sums.squares / sums.ways.max(1.0) - mean * mean).max(0.0).sqrt();
        let stutter = if mean > 0.0 { deviation / mean } else { 0.0 };
        let values = [
            seconds,
            sums.pictures as f64 / seconds,
            sums.long.into(),
            sums.jumps.into(),
            sums.backward.into(),
            stutter * 64.0,
            age(0.5) / 4.0,
            age(0.99) / 8.0,
            sums.driest / 16.0,
            sums.corrections.into(),
            sums.largest * 16.0,
            round_trip / 4.0,
            lateness / 4.0,
        ];
        // A greater number becomes the greatest one, a negative one none.
        Some(values.map(|value| value.round() as u8))
    }
}

/// The two coordinates of a row, if it has them and they move.
fn coordinates(plan: &KindPlan) -> Option<[usize; 2]> {
    let mut columns = (0..plan.fields.len()).filter(|column| {
        let field = &plan.fields[*column];
        field.continuous && !field.wraps
    });
    columns.next().zip(columns.next()).map(|(x, y)| [x, y])
}

/// What the bytes say.
pub(super) fn digest(body: &DigestBody) -> FeelDigest {
    FeelDigest::read(body).expect("a digest has thirteen bytes")
}
