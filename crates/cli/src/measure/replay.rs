//! Replays a clip through the real encoder: quantises it into rows, freezes them into frames, composes messages for one
//! session.
//!
//! The session acknowledges each message at once and consumes one input per tick, as a playing client does. `wire::weight`
//! computes the size on the wire; `baselines` measures other encodings.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::baselines::beside;
use super::clip::Clip;
use super::film::Film;
use super::report::{Coded, FieldPlan, Report};
use tickwire::engine::{FrameSender, SenderStart, Transport};
use tickwire::id::{CorrectionEpoch, EntityId, Incarnation, KindId, Seat, Seq, ZoneId};
use tickwire::snapshot::delta::costs;
use tickwire::snapshot::{Field, Frame, FrameZone, Kind, Schema, SeatNote, Shape, Zone};
use tickwire::tick::{Moment, Tick, TickRate};
use tickwire::wire::weight::on_the_wire;
use tickwire::wire::{AckedTick, Features};

/// How the fields of a clip are quantised.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Frames per second of the clip.
    pub rate: TickRate,
    /// The step of all other fields, in the game's units.
    pub step: f64,
    /// Steps by field.
    pub steps: BTreeMap<String, f64>,
    /// Ranges by field. Fields without one get the range of the clip's values.
    pub ranges: BTreeMap<String, Range>,
    /// Fields in degrees that are coded as an angle, with their number of bits.
    pub angles: BTreeMap<String, u8>,
    /// Fields that are not extrapolated.
    pub held: Vec<String>,
}

/// The lowest and highest value of a field, in the game's units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The lowest value.
    pub low: f64,
    /// The highest value.
    pub high: f64,
}

/// Why a plan does not fit its clip. The text says what would fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PlanError(String);

/// Replays `clip` and measures all encodings.
///
/// # Errors
/// When the plan names fields that the clip lacks, or values do not fit their step or range.
pub fn measure(name: &str, clip: &Clip, plan: &Plan) -> Result<Report, PlanError> {
    let columns = columns(clip, plan)?;
    let schema = schema(&columns)?;
    let ticks = quantised(clip, &columns);
    let coded = replay(&schema, &ticks, plan.rate);
    Ok(Report {
        clip: name.to_owned(),
        frames: clip.frames.len(),
        entities: clip.entities(),
        rate: plan.rate.per_second(),
        fields: columns.iter().map(Column::plan).collect(),
        beside: beside(clip, &ticks, &columns),
        coded,
    })
}

/// A field and its range in quanta.
pub(super) struct Column {
    name: String,
    step: f64,
    /// In quanta.
    pub min: i32,
    pub max: i32,
    angle: Option<u8>,
    held: bool,
    /// Whether the range was taken from the clip.
    found: bool,
}

impl Column {
    /// The nearest quantum within the range.
    fn quantise(&self, value: f64) -> i32 {
        match self.angle {
            Some(bits) => ((value / self.step).round().rem_euclid(f64::from(1_u32 << bits))) as i32,
            None => ((value / self.step).round() as i32).clamp(self.min, self.max),
        }
    }

    /// Bits that every value of the range fits in.
    pub fn bits(&self) -> u32 {
        u32::BITS - self.max.abs_diff(self.min).leading_zeros()
    }

    fn field(&self) -> Field {
        let shape = match self.angle {
            Some(bits) => Shape::Angle { bits },
            None => Shape::Int { min: self.min, max: self.max },
        };
        if self.held { Field::held(&self.name, shape) } else { Field::smooth(&self.name, shape) }
    }

    fn plan(&self) -> FieldPlan {
        FieldPlan {
            name: self.name.clone(),
            step: self.step,
            low: f64::from(self.min) * self.step,
            high: f64::from(self.max) * self.step,
            found: self.found,
            bits: self.bits(),
            held: self.held,
            angle: self.angle.is_some(),
        }
    }
}

fn columns(clip: &Clip, plan: &Plan) -> Result<Vec<Column>, PlanError> {
    let named = plan.steps.keys().chain(plan.ranges.keys()).chain(plan.angles.keys()).chain(&plan.held);
    for name in named {
        if !clip.fields.contains(name) {
            return Err(PlanError(format!("no field {name:?}: the clip has {}", clip.fields.join(", "))));
        }
    }
    clip.fields.iter().enumerate().map(|(index, name)| column(clip, plan, index, name)).collect()
}

fn column(clip: &Clip, plan: &Plan, index: usize, name: &str) -> Result<Column, PlanError> {
    let held = plan.held.iter().any(|held| held == name);
    if let Some(bits) = plan.angles.get(name) {
        let (step, max) = (360.0 / f64::from(1_u32 << bits), (1 << bits) - 1);
        return Ok(Column { name: name.to_owned(), step, min: 0, max, angle: Some(*bits), held, found: false });
    }
    let step = plan.steps.get(name).copied().unwrap_or(plan.step);
    let values = || clip.frames.iter().flatten().map(|sample| sample.values[index]);
    let found = Range { low: values().fold(f64::INFINITY, f64::min), high: values().fold(f64::NEG_INFINITY, f64::max) };
    let range = plan.ranges.get(name).copied();
    if let Some(Range { low, high }) = range
        && (found.low < low || found.high > high)
    {
        let what = format!("the clip has {} to {}", found.low, found.high);
        return Err(PlanError(format!("field {name:?}: the range {low}..{high} is too narrow, {what}")));
    }
    let Range { low, high } = range.unwrap_or(found);
    let bound = f64::from(1 << 29);
    let (min, max) = ((low / step).floor(), (high / step).ceil());
    if min < -bound || max > bound {
        let what = format!("{low} to {high} in steps of {step} is more than 2^30 values");
        return Err(PlanError(format!("field {name:?}: {what}: choose a larger step")));
    }
    Ok(Column {
        name: name.to_owned(),
        step,
        min: min as i32,
        max: max as i32,
        angle: None,
        held,
        found: range.is_none(),
    })
}

fn schema(columns: &[Column]) -> Result<Arc<Schema>, PlanError> {
    let kind = Kind::new("entity", columns.iter().map(Column::field).collect());
    Schema::new(vec![kind]).map(Arc::new).map_err(|error| PlanError(error.to_string()))
}

fn state(frame: &Frame) -> Option<&Zone> {
    frame.zone(ZoneId(0)).map(FrameZone::zone)
}

/// One entity of one tick: an id, assigned as a room would, and its values in quanta.
pub(super) type Quanta = (EntityId, Vec<i32>);

/// The rows of each tick by ascending id.
fn quantised(clip: &Clip, columns: &[Column]) -> Vec<Vec<Quanta>> {
    let mut ids: BTreeMap<u64, EntityId> = BTreeMap::new();
    let mut tick = |frame: &Vec<super::Sample>| {
        let mut rows: Vec<Quanta> = Vec::with_capacity(frame.len());
        for sample in frame {
            let next = EntityId(ids.len() as u32);
            let id = *ids.entry(sample.entity).or_insert(next);
            let values = columns.iter().zip(&sample.values).map(|(column, value)| column.quantise(*value));
            rows.push((id, values.collect()));
        }
        rows.sort_unstable_by_key(|(id, _)| *id);
        rows
    };
    clip.frames.iter().map(&mut tick).collect()
}

fn replay(schema: &Arc<Schema>, ticks: &[Vec<Quanta>], rate: TickRate) -> Coded {
    let (seat, epoch) = (Seat(0), CorrectionEpoch(0));
    let (tick, commands, zones) = (Tick(0), Seq(0), [].into());
    let (incarnation, events) = (Incarnation::FIRST, Seq(0));
    let start = SenderStart { seat, seat_generation: 0, tick, incarnation, rate, epoch, commands, events, zones };
    let mut sender = FrameSender::new(Moment(0), &start, 0, Features::NONE, Transport::Ordered);
    let mut frame = Arc::new(Frame::initial(schema.clone(), Tick(0)));
    let (mut coded, mut film) = (Coded::new(schema), Film::default());
    for (rows, number) in ticks.iter().zip(1_u32..) {
        let note = SeatNote {
            seat,
            entity: EntityId(0),
            seat_generation: 0,
            consumed: Seq(number),
            superseded: 0,
            epoch,
            reason: 0,
            commands: Seq(0),
            lead: 0,
            zones: [ZoneId(0)].into(),
            focus: None,
        };
        let next = Arc::new(frame.freeze(vec![note], |out| {
            rows.iter().for_each(|(id, values)| out.entity(KindId(0), *id, values));
        }));
        let now = Moment(0).plus(Duration::from_secs(u64::from(number)) / u32::from(rate.per_second()));
        let message = sender.compose(now, std::slice::from_ref(&next), None).len();
        sender.ack(now, AckedTick::Low(number as u8));
        // Bytes are divided by the number of entities; an empty tick counts as one.
        let share = rows.len().max(1) as f64;
        if number == 1 {
            coded.first_message = message;
        } else {
            let payload = next.zone(ZoneId(0)).map_or(0, |zone| zone.delta().len());
            coded.payload.add(payload, share);
            coded.message.add(message, share);
            coded.wire.add(on_the_wire(message, false), share);
            if let (Some(before), Some(after)) = (state(&frame), state(&next)) {
                coded.explain(&costs(schema, before, after), share);
            }
        }
        if let Some(zone) = next.zone(ZoneId(0)) {
            coded.keyframe.add(next.keyframe(zone).len(), share);
        }
        film.push(&next);
        frame = next;
    }
    coded.films = film.per_hour(rate.per_second());
    coded.finish();
    coded
}
