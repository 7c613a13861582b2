//! What a native game needs to steer: when inputs are made, and where that takes the player's own entity. The twin of what the
//! browser client's `session.js` and `room.js` do with inputs and prediction.

use super::display::{Display, millis};
use super::input_pace::InputPace;
use super::prediction::{Predicted, Predictor};
use super::timeline::Timeline;
use super::{Arrived, Client, ClientEvent};
use crate::id::CorrectionEpoch;
use crate::tick::Moment;
use crate::wire::Authority;

/// Makes a player's inputs just in time, and shows the player's own entity where they take it.
///
/// For rooms with server authority. Pass every event of the client to [`Self::on_event`], after [`Display::on_event`]; call
/// [`Self::run`] before each [`Client::poll`], at least as often as rendered frames are drawn; and draw the own entity where
/// [`Self::show`] says.
///
/// ```
/// use tickwire::engine::{Client, Prediction, Predictor};
/// use tickwire::tick::Moment;
///
/// /// A dot that the input `[dx, dy]` moves by three quanta per tick.
/// struct Rules;
///
/// impl Predictor for Rules {
///     type State = [i32; 2];
///
///     fn read(&self, row: &[i32]) -> [i32; 2] {
///         [row[0], row[1]]
///     }
///
///     fn step(&self, at: &mut [i32; 2], input: &[i32]) {
///         *at = [at[0] + 3 * input[0], at[1] + 3 * input[1]];
///     }
///
///     fn write(&self, at: &[i32; 2], values: &mut [f64]) {
///         (values[0], values[1]) = (at[0].into(), at[1].into());
///     }
/// }
///
/// fn turn(client: &mut Client, own: &mut Prediction<Rules>, keys: [i32; 2], now: Moment) {
///     own.hold(&keys, now);
///     own.run(client, now);
///     let values: Option<Vec<f64>> = own.show(now);
///     # let _ = values;
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Prediction<P: Predictor> {
    predicted: Predicted<P>,
    inputs: Timeline,
    pace: InputPace,
    /// Milliseconds per tick, and when the next input is due.
    period: f64,
    next_at: f64,
    epoch: CorrectionEpoch,
    /// Whether the server moved the entity while the client was away.
    moved: bool,
}

impl<P: Predictor> Prediction<P> {
    /// Inputs that are made late at once; later ones are left out.
    const CATCH_UP: u32 = 4;

    /// Begins to predict by these rules; `None` before a welcome, and where the client has authority.
    pub fn new(predictor: P, client: &Client, now: Moment) -> Option<Self> {
        let welcome = client.welcome().filter(|welcome| welcome.authority == Authority::Server)?;
        let period = 1000.0 / f64::from(welcome.rate.per_second());
        let neutral = welcome.inputs.neutral()[..welcome.inputs.fields().len()].to_vec();
        Some(Self {
            predicted: Predicted::new(predictor),
            inputs: Timeline::new(neutral),
            pace: InputPace::new(period),
            period,
            next_at: millis(now) + period,
            epoch: welcome.epoch,
            moved: false,
        })
    }

    /// Holds an input until another one is held.
    ///
    /// # Panics
    /// When it has not as many values as the room's inputs have fields.
    pub fn hold(&mut self, input: &[i32], now: Moment) {
        self.inputs.hold(input);
        self.predicted.steered(self.inputs.upcoming(), millis(now));
    }

    /// Gives a field of the next input alone another value.
    ///
    /// # Panics
    /// When the room's inputs have no such field.
    pub fn press(&mut self, field: usize, value: i32, now: Moment) {
        self.inputs.press(field, value);
        self.predicted.steered(self.inputs.upcoming(), millis(now));
    }

    /// Makes the inputs that are due, and passes them to the client. They come somewhat faster or slower than ticks, so that
    /// they reach the server just in time.
    pub fn run(&mut self, client: &mut Client, now: Moment) {
        let now = millis(now);
        self.pace.makes(self.next_at, now);
        let snap = self.pace.snap(now);
        self.next_at -= f64::from(snap.min(0)) * self.period;
        let mut changed = false;
        for _ in 0..snap {
            changed |= self.make(client, now, self.period);
        }
        for _ in 0..Self::CATCH_UP {
            if now < self.next_at {
                break;
            }
            let span = self.pace.next(self.next_at);
            changed |= self.make(client, self.next_at, span);
            self.next_at += span;
        }
        if now >= self.next_at {
            let missed = ((now - self.next_at) / self.period).floor() + 1.0;
            self.inputs.skip(missed as u32);
            self.next_at += self.period * missed;
        }
        self.pace.changed |= changed;
    }

    /// Handles what the client has just received. Returns whether the entity was elsewhere than predicted.
    pub fn on_event(&mut self, client: &Client, display: &mut Display, event: &ClientEvent, now: Moment) -> bool {
        match event {
            ClientEvent::Welcome => {
                self.on_welcome(client, now);
                false
            }
            ClientEvent::Frame(arrived) => self.on_frame(display, arrived, now),
            _ => false,
        }
    }

    /// The values of the own entity to draw, in quanta; `None` while it has no row.
    pub fn show(&self, now: Moment) -> Option<Vec<f64>> {
        self.predicted.show(millis(now))
    }

    fn make(&mut self, client: &mut Client, at: f64, span: f64) -> bool {
        let changed = self.inputs.make();
        client.input(self.inputs.last());
        self.predicted.step(self.inputs.last(), self.inputs.upcoming(), at, span);
        changed
    }

    fn on_welcome(&mut self, client: &Client, now: Moment) {
        let Some(welcome) = client.welcome() else { return };
        self.inputs = Timeline::new(self.inputs.held().to_vec());
        self.pace = InputPace::new(self.period);
        self.next_at = millis(now) + self.period;
        self.moved |= welcome.epoch != self.epoch;
        self.epoch = welcome.epoch;
    }

    fn on_frame(&mut self, display: &mut Display, arrived: &Arrived, now: Moment) -> bool {
        self.inputs.settle(arrived.consumed, arrived.advance, arrived.superseded);
        self.pace.frame(arrived.lead, millis(now), display.ping(), self.inputs.rest());
        self.epoch = arrived.correction.map_or(self.epoch, |correction| correction.epoch);
        let snap = std::mem::take(&mut self.moved) || arrived.correction.is_some();
        let Some(row) = display.own_row() else {
            self.predicted.stop();
            return false;
        };
        // While its cell of the grid waits, its row is older than the inputs that the frame consumed.
        if !snap && !row.is_new {
            return false;
        }
        let (unapplied, upcoming) = (self.inputs.unapplied(), self.inputs.upcoming());
        let snap = snap || row.teleported;
        let schema = display.schema();
        let wrong = self.predicted.reconcile(schema, &row, unapplied, upcoming, millis(now), snap);
        if wrong {
            display.corrected(self.predicted.size());
        }
        wrong
    }
}
