//! The player's own entity in the present: the game's rules applied to the client's inputs at once, and corrected by each frame.
//! Inputs that a frame does not include yet are replayed on top of its row; a difference to what was shown fades, and so does
//! its speed. The twin of `web-demo/client/prediction.js`; `tests/golden/prediction.json` keeps the two equal.

use std::fmt::Debug;

use super::display::OwnRow;
use super::interpolation::{between, gap, on_circle};
use crate::id::KindId;
use crate::snapshot::{FieldPlan, Schema, Shape};

/// How long a difference takes to fade.
const FADE_MS: f64 = 150.0;

/// The rules of a game for the entity of one player, in integers.
pub trait Predictor {
    /// What the rules need to know of the entity. Two states that are equal lead to equal ones.
    type State: Clone + Debug + PartialEq;

    /// The state in a row of the server, whose values are in quanta.
    fn read(&self, row: &[i32]) -> Self::State;

    /// Applies the input of one tick, as the game's step does.
    fn step(&self, state: &mut Self::State, input: &[i32]);

    /// Writes the fields that follow from the state, in quanta; the others have the values of the newest row.
    fn write(&self, state: &Self::State, values: &mut [f64]);
}

/// The own entity after the newest input, after the next one, and what of earlier differences is still visible.
#[derive(Clone, Debug)]
pub(super) struct Predicted<P: Predictor> {
    predictor: P,
    own: Option<Own<P::State>>,
    /// The input that `next` includes.
    ahead: Vec<i32>,
    /// When the newest input was made, and the time to the next one.
    stepped_at: f64,
    span: f64,
    /// The visible difference when it began to fade, by column, and its speed per millisecond.
    error: Vec<f64>,
    drift: Vec<f64>,
    corrected_at: f64,
    size: f64,
}

#[derive(Clone, Debug)]
struct Own<S> {
    kind: KindId,
    fields: Vec<FieldPlan>,
    /// Steps of each field in a unit.
    units: Vec<f64>,
    row: Vec<i32>,
    current: S,
    next: S,
}

impl<P: Predictor> Predicted<P> {
    pub fn new(predictor: P) -> Self {
        Self {
            predictor,
            own: None,
            ahead: Vec::new(),
            stepped_at: 0.0,
            span: 1.0,
            error: Vec::new(),
            drift: Vec::new(),
            corrected_at: f64::NEG_INFINITY,
            size: 0.0,
        }
    }

    pub fn stop(&mut self) {
        self.own = None;
    }

    /// The largest difference of the last correction, in units.
    pub fn size(&self) -> f64 {
        self.size
    }

    /// Applies the input of a client tick that was due at `at`, `span` before the next one.
    pub fn step(&mut self, input: &[i32], upcoming: &[i32], at: f64, span: f64) {
        (self.stepped_at, self.span) = (at, span);
        if let Some(own) = &mut self.own {
            self.predictor.step(&mut own.current, input);
        }
        self.look_ahead(upcoming);
    }

    /// Handles that the player has changed the input that will be made next.
    pub fn steered(&mut self, upcoming: &[i32], now: f64) {
        // A game may hold its input anew for every rendered frame.
        let Some(shown) = self.show(now).filter(|_| self.ahead != upcoming) else { return };
        self.look_ahead(upcoming);
        self.fade(now, &shown, None);
    }

    /// Takes over the row of a frame, and the inputs that it does not include yet. `snap`: the server moved the entity on
    /// purpose, so it is shown there at once. Returns whether the prediction was wrong.
    pub fn reconcile<'a>(
        &mut self,
        schema: &Schema,
        row: &OwnRow<'_>,
        inputs: impl Iterator<Item = &'a [i32]>,
        upcoming: &[i32],
        now: f64,
        snap: bool,
    ) -> bool {
        let fresh = self.own.as_ref().is_none_or(|own| own.kind != row.kind);
        if fresh {
            self.begin(schema, row);
        }
        let mut replayed = self.predictor.read(row.values);
        inputs.for_each(|input| self.predictor.step(&mut replayed, input));
        let Some(own) = &mut self.own else { return false };
        own.row.copy_from_slice(row.values);
        let wrong = replayed != own.current;
        // A correct prediction stays as it is, with an older error that is still fading.
        if !wrong && !snap {
            return false;
        }
        let (shown, speed) = (self.show(now), self.motion(now));
        if let Some(own) = &mut self.own {
            own.current = replayed;
        }
        self.look_ahead(upcoming);
        match shown.zip(speed) {
            Some((shown, speed)) if !snap && !fresh => self.fade(now, &shown, Some(&speed)),
            _ => {
                self.error.fill(0.0);
                self.drift.fill(0.0);
            }
        }
        wrong && !fresh
    }

    /// The values to draw, in quanta; `None` while nothing is predicted.
    pub fn show(&self, now: f64) -> Option<Vec<f64>> {
        let own = self.own.as_ref()?;
        let part = ((now - self.stepped_at) / self.span).clamp(0.0, 1.0);
        let ends = self.written(&own.current).into_iter().zip(self.written(&own.next));
        let values = own.fields.iter().zip(ends).enumerate().map(|(column, (field, (from, to)))| {
            on_circle(field, between(field, from, to, part) + self.offset(column, now))
        });
        Some(values.collect())
    }

    /// How far a value is drawn from where it is predicted.
    fn offset(&self, column: usize, now: f64) -> f64 {
        let part = (now - self.corrected_at) / FADE_MS;
        if part >= 1.0 {
            return 0.0;
        }
        let left = 1.0 - part.max(0.0);
        // Ends at nothing, and at rest.
        left * left * ((1.0 + 2.0 * part) * self.error[column] + part * FADE_MS * self.drift[column])
    }

    fn begin(&mut self, schema: &Schema, row: &OwnRow<'_>) {
        let kind = usize::from(row.kind.0);
        let (fields, width) = (schema.plans()[kind].fields.clone(), row.values.len());
        let units = schema.kinds()[kind].fields.iter().map(|field| match field.shape {
            Shape::Fixed { per_unit, .. } => f64::from(per_unit),
            _ => 1.0,
        });
        let state = self.predictor.read(row.values);
        self.own = Some(Own {
            kind: row.kind,
            fields,
            units: units.collect(),
            row: row.values.to_vec(),
            current: state.clone(),
            next: state,
        });
        (self.error, self.drift) = (vec![0.0; width], vec![0.0; width]);
    }

    fn look_ahead(&mut self, upcoming: &[i32]) {
        let Some(own) = &mut self.own else { return };
        self.ahead.clear();
        self.ahead.extend_from_slice(upcoming);
        own.next.clone_from(&own.current);
        self.predictor.step(&mut own.next, upcoming);
    }

    /// How fast values are drawn to move, per millisecond.
    fn motion(&self, now: f64) -> Option<Vec<f64>> {
        let own = self.own.as_ref()?;
        let ends = self.written(&own.current).into_iter().zip(self.written(&own.next));
        let speeds = own.fields.iter().zip(ends).enumerate().map(|(column, (field, (from, to)))| {
            let drift = self.offset(column, now + 1.0) - self.offset(column, now);
            if field.continuous { gap(field, from, to) / self.span + drift } else { 0.0 }
        });
        Some(speeds.collect())
    }

    /// Turns the difference between the values shown before and now into one that fades, and with a `speed` also that of
    /// their speeds.
    fn fade(&mut self, now: f64, shown: &[f64], speed: Option<&[f64]>) {
        self.error.fill(0.0);
        self.drift.fill(0.0);
        self.corrected_at = now;
        let (Some(settled), Some(moves), Some(own)) = (self.show(now), self.motion(now), &self.own) else { return };
        if speed.is_some() {
            self.size = 0.0;
        }
        for (column, field) in own.fields.iter().enumerate() {
            // Where the player turns is what the player sees at once.
            if !field.continuous || (speed.is_none() && field.wraps) {
                continue;
            }
            self.error[column] = gap(field, settled[column], shown[column]);
            let Some(speed) = speed else { continue };
            self.drift[column] = speed[column] - moves[column];
            if !field.wraps {
                self.size = self.size.max(self.error[column].abs() / own.units[column]);
            }
        }
    }

    fn written(&self, state: &P::State) -> Vec<f64> {
        let row = self.own.iter().flat_map(|own| &own.row);
        let mut values: Vec<f64> = row.map(|value| f64::from(*value)).collect();
        self.predictor.write(state, &mut values);
        values
    }
}
