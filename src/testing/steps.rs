//! Steps of a game's rule for one avatar, as a file against which the page's copy of the rule is checked.
//!
//! The file is JSON. Each run has its inputs by field and the change of each field by step, as pairs of a value and how often it
//! follows: most inputs are held for some steps, and most changes repeat.

use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

use serde_json::{Map, Value, json};

use crate::game::{Context, InputValues};
use crate::snapshot::{Field, InputSchema, Kind, Schema, Shape};
use crate::tick::TickRate;
use crate::typed::{Input, Row};

/// Recorded steps of the rule by which one avatar moves, for a test that a page predicts by the same rule.
///
/// The rule is the function that the game calls for each player's avatar in its step. Inputs are drawn at random from their
/// ranges. `checkSteps` of `tickwire-client/testing.js` runs the page's predictor against the file.
///
/// ```
/// use tickwire::prelude::*;
/// use tickwire::testing::{StepRun, Steps};
///
/// #[derive(Row)]
/// struct Runner {
///     #[row(range = 0..=640, motion = linear)]
///     x: i32,
///     #[row(range = 0..=60)]
///     boost: u8, // ticks for which the runner is fast
/// }
///
/// #[derive(Input)]
/// struct Steer {
///     #[input(range = -1..=1)]
///     right: i32,
/// }
///
/// // The rule for one avatar, which the game's `step` calls, too.
/// fn run(runner: &mut Runner, input: &Steer, rate: TickRate) {
///     let speed = if runner.boost > 0 { 480 } else { 240 };
///     runner.boost = runner.boost.saturating_sub(1);
///     runner.x = (runner.x + speed / i32::from(rate.per_second()) * input.right).clamp(0, 640);
/// }
///
/// let mut steps = Steps::of::<Runner, Steer>();
/// for rate in [10, 20, 60] {
///     let rate = TickRate::new(rate).unwrap();
///     let of_others = |runner: &mut Runner, cx: &mut Context| {
///         if cx.random_below(50) == 0 {
///             runner.boost = 60; // as if it had found a power-up
///         }
///     };
///     steps.record(&StepRun { rate, ..StepRun::default() }, Runner { x: 320, boost: 0 }, of_others, |runner, input| {
///         run(runner, input, rate);
///     });
/// }
/// # let folder = std::env::temp_dir().join(format!("tickwire-steps-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("steps.json");
/// // In a test: `let path = "web/test/steps.json"`. The file belongs to the repository.
/// let changed = steps.write(&path).unwrap();
/// # assert!(changed && !steps.write(&path).unwrap());
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # let changed = false;
/// assert!(!changed, "the rule has changed: change the page's, too, and commit the file");
/// ```
#[derive(Clone, Debug)]
pub struct Steps {
    /// Of the avatar's kind alone.
    schema: Schema,
    inputs: InputSchema,
    runs: Vec<Value>,
}

/// Some steps in a row.
#[derive(Clone, Debug)]
pub struct StepRun {
    /// Ticks per second, for the predictor.
    pub rate: TickRate,
    /// What else the predictor needs, such as the name of a map.
    pub setup: Vec<(String, String)>,
    /// Decides the inputs, and what [`Context::random_below`] returns.
    pub seed: u64,
    /// How many steps.
    pub count: u32,
}

impl Default for StepRun {
    /// 1,000 steps at the default rate.
    fn default() -> Self {
        Self { rate: TickRate::DEFAULT, setup: Vec::new(), seed: 1, count: 1000 }
    }
}

/// What a step returns: nothing, or whether the avatar did something besides moving, such as a throw. The page's predictor
/// returns a value for such a step.
pub trait Acted {
    /// Whether it did.
    fn acted(self) -> bool;
}

impl Acted for () {
    fn acted(self) -> bool {
        false
    }
}

impl Acted for bool {
    fn acted(self) -> bool {
        self
    }
}

/// An avatar between its steps: its values, and the input and state of the rule.
struct Rule<S, V, D, F> {
    state: S,
    values: V,
    disturb: D,
    step: F,
}

impl Steps {
    /// No steps yet, of an avatar whose rows are `R`.
    ///
    /// # Panics
    /// When the fields of `I` cannot be an input.
    pub fn of<R: Row, I: Input>() -> Self {
        Self::new(R::kind(), InputSchema::new(I::fields()).unwrap_or_else(|error| panic!("the input: {error}")))
    }

    /// No steps yet, of an avatar of this kind: for games without types.
    ///
    /// # Panics
    /// When the kind is not one that a game can have.
    pub fn new(kind: Kind, inputs: InputSchema) -> Self {
        let schema = Schema::new(vec![kind]).unwrap_or_else(|error| panic!("the rows: {error}"));
        Self { schema, inputs, runs: Vec::new() }
    }

    fn kind(&self) -> &Kind {
        &self.schema.kinds()[0]
    }

    /// Records steps that begin with `avatar`. `disturb` is called before each step and may change the avatar as other things in the game
    /// do, such as a hit or a respawn; the predictor then starts from what the avatar is.
    ///
    /// # Panics
    /// When these are not the types of [`Self::of`], or a value is outside its range.
    #[track_caller]
    pub fn record<R: Row, I: Input, A: Acted>(
        &mut self,
        run: &StepRun,
        avatar: R,
        disturb: impl FnMut(&mut R, &mut Context),
        mut step: impl FnMut(&mut R, &I) -> A,
    ) {
        assert_eq!(
            (&R::kind(), I::fields().as_slice()),
            (self.kind(), self.inputs.fields()),
            "the types of these steps"
        );
        let step = |avatar: &mut R, input: &InputValues| step(avatar, &I::from_values(input)).acted();
        self.take(
            run,
            Rule { state: avatar, values: |avatar: &R| avatar.to_values().as_ref().to_vec(), disturb, step },
        );
    }

    /// As [`Self::record`], in integers.
    ///
    /// # Panics
    /// When `avatar` has not one value for each field, or a value is outside its range.
    #[track_caller]
    pub fn record_values<A: Acted>(
        &mut self,
        run: &StepRun,
        avatar: Vec<i32>,
        mut disturb: impl FnMut(&mut [i32], &mut Context),
        mut step: impl FnMut(&mut [i32], &InputValues) -> A,
    ) {
        let disturb = |avatar: &mut Vec<i32>, cx: &mut Context| disturb(avatar, cx);
        let step = |avatar: &mut Vec<i32>, input: &InputValues| step(avatar, input).acted();
        self.take(run, Rule { state: avatar, values: Vec::clone, disturb, step });
    }

    #[track_caller]
    fn take<S, V, D, F>(&mut self, run: &StepRun, mut rule: Rule<S, V, D, F>)
    where
        V: Fn(&S) -> Vec<i32>,
        D: FnMut(&mut S, &mut Context),
        F: FnMut(&mut S, &InputValues) -> bool,
    {
        let mut cx = Context::new(run.rate, run.seed);
        let mut input = self.inputs.neutral();
        let start = (rule.values)(&rule.state);
        self.check(0, &start);
        let (mut inputs, mut changes) =
            (vec![Pairs::default(); self.inputs.fields().len()], vec![Pairs::default(); start.len()]);
        let (mut placed, mut acted, mut after) = (Vec::new(), Vec::new(), start.clone());
        for step in 1..=run.count {
            if cx.random_below(HELD_FOR) == 0 {
                let fields = self.inputs.fields().iter().zip(self.inputs.bounds());
                input
                    .iter_mut()
                    .zip(fields)
                    .for_each(|(value, (field, range))| *value = draw(&field.shape, range, &mut cx));
            }
            (rule.disturb)(&mut rule.state, &mut cx);
            let before = (rule.values)(&rule.state);
            if before != after {
                placed.push([vec![step.cast_signed()], before.clone()].concat());
            }
            if (rule.step)(&mut rule.state, &input) {
                acted.push(step);
            }
            after = (rule.values)(&rule.state);
            self.check(step, &after);
            inputs.iter_mut().zip(&input).for_each(|(pairs, value)| pairs.add(*value));
            changes.iter_mut().zip(after.iter().zip(&before)).for_each(|(pairs, (to, from))| pairs.add(to - from));
        }
        let setup: Map<String, Value> = run.setup.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
        self.runs.push(json!({
            "rate": run.rate.per_second(), "setup": setup, "count": run.count, "start": start,
            "inputs": columns(inputs), "changes": columns(changes), "placed": placed, "acted": acted,
        }));
    }

    #[track_caller]
    fn check(&self, step: u32, values: &[i32]) {
        let Kind { name, fields, .. } = self.kind();
        let names = || fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(", ");
        assert_eq!(values.len(), fields.len(), "{name} has the fields {}", names());
        for ((field, plan), value) in fields.iter().zip(&self.schema.plans()[0].fields).zip(values) {
            let (field, min, max) = (&field.name, plan.min, plan.max);
            assert!(plan.admits(*value), "step {step}: {name}.{field} is {value}, not {min} to {max}");
        }
    }

    /// The text of the file.
    pub fn to_json(&self) -> String {
        let names = |fields: &[Field]| json!(fields.iter().map(|field| &field.name).collect::<Vec<_>>());
        let (fields, inputs) = (names(&self.kind().fields), names(self.inputs.fields()));
        let mut out =
            format!("{{\"kind\":{},\n\"fields\":{fields},\n\"inputs\":{inputs},\n\"runs\":[", json!(self.kind().name));
        for (index, run) in self.runs.iter().enumerate() {
            out.push_str(if index == 0 { "\n{" } else { ",\n{" });
            for (at, key) in ["rate", "setup", "count", "start", "acted", "placed"].iter().enumerate() {
                let _ = write!(out, "{}\"{key}\":{}", if at == 0 { "" } else { "," }, run[*key]);
            }
            // A line for each field, so that a difference shows where it is.
            for key in ["inputs", "changes"] {
                let columns: Vec<String> = run[key].as_array().into_iter().flatten().map(Value::to_string).collect();
                let _ = write!(out, ",\n\"{key}\":[\n{}]", columns.join(",\n"));
            }
            out.push('}');
        }
        out.push_str("\n]}\n");
        out
    }

    /// Writes the file, unless it has these steps already. Returns whether it was written.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> io::Result<bool> {
        let text = self.to_json();
        if fs::read_to_string(&path).is_ok_and(|found| found.replace("\r\n", "\n") == text) {
            return Ok(false);
        }
        fs::write(path, text).map(|()| true)
    }
}

/// For how many steps an input is held, on average.
const HELD_FOR: u32 = 6;

/// Values as pairs of a value and how often it follows.
#[derive(Clone, Debug, Default)]
struct Pairs(Vec<(i32, u32)>);

impl Pairs {
    fn add(&mut self, value: i32) {
        match self.0.last_mut() {
            Some((last, times)) if *last == value => *times += 1,
            _ => self.0.push((value, 1)),
        }
    }
}

fn columns(columns: Vec<Pairs>) -> Vec<Vec<i64>> {
    let flat = |(value, times): (i32, u32)| [i64::from(value), i64::from(times)];
    columns.into_iter().map(|Pairs(pairs)| pairs.into_iter().flat_map(flat).collect()).collect()
}

/// A value that an input may have: every fourth is the least, and every fourth the greatest, where rules often differ.
fn draw(shape: &Shape, (min, max): (i32, i32), cx: &mut Context) -> i32 {
    match (shape, cx.random_below(4)) {
        (Shape::Int { .. } | Shape::Fixed { .. }, 0) => min,
        (Shape::Int { .. } | Shape::Fixed { .. }, 1) => max,
        _ => {
            let span = max.wrapping_sub(min).cast_unsigned().saturating_add(1);
            min.wrapping_add(cx.random_below(span).cast_signed())
        }
    }
}
