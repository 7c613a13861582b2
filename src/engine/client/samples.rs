//! The recent rows of one entity: where it is at any moment between two of them, and where it goes on when there is no newer
//! one. The twin of `web-demo/client/history.js`, which explains how; `tests/golden/samples.json` keeps the two equal.

use super::interpolation::{between, curved, gap, on_circle};
use crate::snapshot::{KindPlan, Motion, expect_row, steady};

/// How far an entity moves on without a newer row.
const AHEAD_MS: f64 = 250.0;
/// How long the error of that takes to fade.
const FADE_MS: f64 = 200.0;
/// Meanwhile, an entity that is drawn too far ahead moves at least by the other part of its true way.
const WAITING: f64 = 0.8;
/// Quanta that cannot be seen.
const LEAST: f64 = 0.01;
/// After a longer time without a newer row, what was drawn says nothing any more, and nothing fades.
const STALE_MS: f64 = 1000.0;

/// The samples of one entity. Ticks are counted from the welcome and never wrap.
#[derive(Clone, Debug)]
pub(super) struct Samples {
    depth: usize,
    /// Milliseconds per tick.
    period: f64,
    ticks: Vec<f64>,
    cells: Vec<i32>,
    /// Changes per tick, of fields that are drawn as curves.
    slopes: Vec<f64>,
    /// Whether the entity did not move from the sample before to this one, but was placed there.
    cuts: Vec<bool>,
    /// Samples ever pushed.
    pushed: usize,
    newest: f64,
    /// The row and motion of the newest sample.
    row: Vec<i32>,
    ahead: Ahead,
    /// The moment drawn last, and the sample before it when it lies between two.
    drawn: f64,
    segment: Option<usize>,
    fading: Fading,
    /// The tick of the newest cut, over which nothing fades.
    cut_at: f64,
}

/// Two successive rows after the newest sample, made when they are needed.
#[derive(Clone, Debug, Default)]
struct Ahead {
    early: Vec<i32>,
    late: Vec<i32>,
    /// How many ticks after the newest sample `late` is.
    step: u32,
}

/// An error that fades.
#[derive(Clone, Debug)]
struct Fading {
    /// What is left of it, what the values were without it, and the moment of both.
    error: Vec<f64>,
    settled_at: Vec<f64>,
    to: f64,
    /// When it began; nothing fades at negative infinity.
    from: f64,
}

impl Samples {
    pub fn new(plan: &KindPlan, depth: usize, period: f64) -> Self {
        let width = plan.fields.len();
        Self {
            depth,
            period,
            ticks: vec![0.0; depth],
            cells: vec![0; depth * width],
            slopes: vec![0.0; depth * curves(plan).count()],
            cuts: vec![false; depth],
            pushed: 0,
            newest: f64::NEG_INFINITY,
            row: vec![0; plan.stride],
            ahead: Ahead::default(),
            drawn: f64::NEG_INFINITY,
            segment: None,
            fading: Fading {
                error: Vec::new(),
                settled_at: Vec::new(),
                to: f64::NEG_INFINITY,
                from: f64::NEG_INFINITY,
            },
            cut_at: f64::NEG_INFINITY,
        }
    }

    /// The tick of the newest sample.
    pub fn newest(&self) -> f64 {
        self.newest
    }

    /// The values of the newest sample.
    pub fn values(&self, plan: &KindPlan) -> &[i32] {
        &self.row[..plan.fields.len()]
    }

    /// Adds a sample with its motion; of a tick that is not later than the newest one's, it replaces that. `cut`: the entity
    /// was placed there, and did not move there.
    pub fn push(&mut self, plan: &KindPlan, tick: f64, cells: &[i32], cut: bool) {
        let again = tick <= self.newest;
        let (drawn, newest) = (self.drawn, self.newest);
        let was_ahead = !again && drawn > newest && self.pushed > 0;
        let fades = was_ahead && (drawn - newest) * self.period <= STALE_MS && !(cut && drawn >= tick);
        let mut shown = [0.0; 16];
        if fades {
            self.sample(plan, drawn, &mut shown);
        } else if was_ahead {
            self.fading.from = f64::NEG_INFINITY;
        }
        if cut {
            self.cut_at = tick;
        }
        self.pushed -= usize::from(again);
        let (slot, width) = (self.pushed % self.depth, plan.fields.len());
        self.pushed += 1;
        (self.newest, self.ticks[slot]) = (tick, tick);
        self.cells[slot * width..(slot + 1) * width].copy_from_slice(&cells[..width]);
        self.row.copy_from_slice(cells);
        self.ahead.step = 0;
        self.cuts[slot] = cut || (again && self.cuts[slot]);
        self.lean(plan, slot);
        if fades {
            self.fade(plan, drawn, &shown);
        }
    }

    /// Writes the values at a moment. Before the first sample they are those of that sample.
    pub fn sample(&mut self, plan: &KindPlan, tick: f64, out: &mut [f64]) {
        (self.drawn, self.segment) = (tick, None);
        if tick > self.newest && self.pushed > 0 {
            self.go_on(plan, tick, out);
        } else {
            self.sample_between(plan, tick, out);
        }
        if self.fading.from > f64::NEG_INFINITY {
            self.add_error(plan, tick, out);
        }
    }

    /// How fast two fields truly moved at the moment drawn last, per millisecond; `None` when nothing is known of that.
    pub fn speed(&self, plan: &KindPlan, fields: [usize; 2]) -> Option<[f64; 2]> {
        let (before, width) = (self.segment?, plan.fields.len());
        let after = (before + 1) % self.depth;
        let span = (self.ticks[after] - self.ticks[before]) * self.period;
        let moved = |field: usize| f64::from(self.cells[after * width + field] - self.cells[before * width + field]);
        Some(fields.map(|field| moved(field) / span))
    }

    fn sample_between(&mut self, plan: &KindPlan, tick: f64, out: &mut [f64]) {
        let (depth, width) = (self.depth, plan.fields.len());
        let oldest = self.pushed.saturating_sub(depth);
        let mut later = self.pushed.max(1) - 1;
        while later > oldest && self.ticks[(later - 1) % depth] > tick {
            later -= 1;
        }
        let (after, before) = (later % depth, later.saturating_sub(usize::from(later > oldest)) % depth);
        let span = self.ticks[after] - self.ticks[before];
        let mut part = if span > 0.0 { ((tick - self.ticks[before]) / span).clamp(0.0, 1.0) } else { 1.0 };
        if self.cuts[after] {
            part = part.floor();
        } else if before != after {
            self.segment = Some(before);
        }
        for (column, field) in plan.fields.iter().enumerate() {
            let (from, to) = (self.cells[before * width + column], self.cells[after * width + column]);
            out[column] = between(field, from.into(), to.into(), part);
        }
        if part > 0.0 && part < 1.0 {
            let each = curves(plan).count();
            for (item, column) in curves(plan).enumerate() {
                let (from, to) = (self.cells[before * width + column], self.cells[after * width + column]);
                if from != to {
                    let slopes = [before, after].map(|slot| self.slopes[slot * each + item] * span);
                    let ends = (from.into(), to.into());
                    out[column] = curved(&plan.fields[column], ends, (slopes[0], slopes[1]), part);
                }
            }
        }
    }

    /// Computes the slopes at the newest sample from it and those before, so that they never change.
    fn lean(&mut self, plan: &KindPlan, slot: usize) {
        let (depth, width, each) = (self.depth, plan.fields.len(), curves(plan).count());
        let (one, two) = ((self.pushed + depth - 2) % depth, (self.pushed + 2 * depth - 3) % depth);
        let known = match () {
            () if self.cuts[slot] => 1,
            () if self.cuts[one] => self.pushed.min(2),
            () => self.pushed.min(3),
        };
        for (item, column) in curves(plan).enumerate() {
            let value = |slot: usize| f64::from(self.cells[slot * width + column]);
            let slope_of = |from: usize, to: usize| {
                gap(&plan.fields[column], value(from), value(to)) / (self.ticks[to] - self.ticks[from])
            };
            let mut slope = if known > 1 { slope_of(one, slot) } else { 0.0 };
            if known > 2 {
                let share = (self.ticks[slot] - self.ticks[one]) / (self.ticks[slot] - self.ticks[two]);
                slope += (slope - slope_of(two, one)) * share;
            }
            self.slopes[slot * each + item] = slope;
        }
    }

    /// Writes the values after the newest sample.
    fn go_on(&mut self, plan: &KindPlan, tick: f64, out: &mut [f64]) {
        let far = (tick - self.newest).min(AHEAD_MS / self.period);
        let step = far.ceil() as u32;
        let Ahead { early, late, step: made } = &mut self.ahead;
        if *made > step || *made == 0 {
            *made = 0;
            early.resize(plan.stride, 0);
            late.clone_from(&self.row);
            steady(plan, late);
        }
        while *made < step {
            std::mem::swap(early, late);
            expect_row(plan, early, late);
            *made += 1;
        }
        let part = if step == 0 { 1.0 } else { 1.0 - (f64::from(step) - far) };
        let from = if step == 0 { &*late } else { &*early };
        for (column, field) in plan.fields.iter().enumerate() {
            out[column] = if field.continuous {
                between(field, from[column].into(), late[column].into(), part)
            } else {
                self.row[column].into()
            };
        }
    }

    /// Makes the difference between what was drawn at that moment and what is there now fade.
    fn fade(&mut self, plan: &KindPlan, tick: f64, shown: &[f64; 16]) {
        self.fading.from = f64::NEG_INFINITY;
        let mut settled = [0.0; 16];
        self.sample(plan, tick, &mut settled);
        let Fading { error, settled_at, to, from } = &mut self.fading;
        settled_at.clear();
        settled_at.extend_from_slice(&settled[..plan.fields.len()]);
        error.clear();
        error.extend(
            plan.fields
                .iter()
                .zip(settled.iter().zip(shown))
                .map(|(field, (settled, shown))| if field.continuous { gap(field, *settled, *shown) } else { 0.0 }),
        );
        *to = tick;
        if error.iter().any(|error| *error != 0.0) {
            *from = tick;
        }
    }

    fn add_error(&mut self, plan: &KindPlan, tick: f64, out: &mut [f64]) {
        let Fading { error, settled_at, to, from } = &mut self.fading;
        if *from < self.cut_at && tick >= self.cut_at {
            *from = f64::NEG_INFINITY;
            return;
        }
        let [before, now] = [*to, tick].map(|at| (at - *from) * self.period / FADE_MS);
        let share =
            if now < 1.0 { 1.0 - (rest(before) - rest(now)) / rest(before) } else { (1.0 - (now - before)).max(0.0) };
        let mut any = false;
        for (column, field) in plan.fields.iter().enumerate() {
            if error[column] == 0.0 {
                continue;
            }
            let value = out[column];
            let moved = gap(field, settled_at[column], value);
            let mut left = error[column] * share;
            // What is drawn too far ahead waits and does not go back, as long as the entity moves on.
            if moved * error[column] > 0.0 && (error[column] - left).abs() > WAITING * moved.abs() {
                left = error[column] - WAITING * moved;
            }
            error[column] = if left.abs() < LEAST { 0.0 } else { left };
            settled_at[column] = value;
            out[column] = on_circle(field, value + error[column]);
            any |= error[column] != 0.0;
        }
        *to = tick;
        if !any {
            *from = f64::NEG_INFINITY;
        }
    }
}

/// The fields that are drawn as curves.
fn curves(plan: &KindPlan) -> impl Iterator<Item = usize> {
    plan.moving.iter().copied().filter(|column| plan.fields[*column].motion == Motion::Smooth)
}

/// How much of an error is left after that part of its time.
fn rest(part: f64) -> f64 {
    let left = 1.0 - part;
    left * left * (3.0 - 2.0 * left)
}
