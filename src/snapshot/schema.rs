//! The schema: which entity kinds a game has, which integer fields their rows have, and how those move.
//!
//! A schema travels in the welcome. Everything derived from it (strides, motion slots) lives in plans that are rebuilt
//! on arrival, so that a schema from the network is checked by the same code as a game's own.

use serde::{Deserialize, Serialize};

use super::model::BLOCK;

/// Kinds per schema: a kind is one byte on the wire and a room rarely has more than a handful.
const MAX_KINDS: usize = 32;
/// Fields per kind: each has contexts of its own in the coder.
pub(super) const MAX_FIELDS: usize = 16;
/// Fields per input: inputs are copied by value on their way to the tick.
pub const MAX_INPUT_FIELDS: usize = 8;
/// Bounds of a value, in quanta: differences and extrapolations of two values stay within 32 bits.
const MAX_QUANTA: i32 = 1 << 29;
const MAX_NAME: usize = 32;
const MAX_LABELS: usize = 64;

/// What values a field takes. Values are integers everywhere; a shape says what they stand for.
#[expect(missing_docs, reason = "each variant's text describes its fields")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shape {
    /// 0 or 1.
    Bool,
    /// A whole number from `min` to `max`.
    Int { min: i32, max: i32 },
    /// A fixed-point number: `quanta / per_unit`, with quanta from `min` to `max`. The step is `1 / per_unit`.
    Fixed { min: i32, max: i32, per_unit: u16 },
    /// A direction in 2^`bits` parts of a turn (1 to 16 bits); wraps.
    Angle { bits: u8 },
    /// An index into `labels`.
    Enum { labels: Vec<String> },
    /// An index into a palette of `count` colours that the client owns.
    Colour { count: u8 },
}

/// How a field is extrapolated from one tick to the next; only the surprise is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Motion {
    /// It stays as it is.
    Hold,
    /// It moves on by its last change: right for counters and for what moves in whole steps. Costs two motion columns.
    Linear,
    /// It moves on a course that is estimated below the step: right for coordinates that accelerate, or that move by
    /// fractions of a step. Costs three motion columns, so a keyframe is larger.
    Smooth,
}

/// One column of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Unique within its kind, 1 to 32 bytes.
    pub name: String,
    /// What values it takes.
    pub shape: Shape,
    /// How it is extrapolated.
    pub motion: Motion,
}

impl Field {
    /// A field that stays as it is until the game changes it.
    pub fn held(name: &str, shape: Shape) -> Self {
        Self { name: name.to_owned(), shape, motion: Motion::Hold }
    }

    /// A field that tends to move on by its last change, such as a coordinate.
    pub fn linear(name: &str, shape: Shape) -> Self {
        Self { name: name.to_owned(), shape, motion: Motion::Linear }
    }

    /// A field that moves smoothly, such as a coordinate of something with inertia or a direction being turned.
    pub fn smooth(name: &str, shape: Shape) -> Self {
        Self { name: name.to_owned(), shape, motion: Motion::Smooth }
    }
}

/// An entity kind: a name and its fields, 0 to 16.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kind {
    /// Unique within the schema, 1 to 32 bytes.
    pub name: String,
    /// The columns in row order.
    pub fields: Vec<Field>,
}

impl Kind {
    /// A kind called `name` with `fields` in row order.
    pub fn new(name: &str, fields: Vec<Field>) -> Self {
        Self { name: name.to_owned(), fields }
    }
}

/// The checked description of all rows of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Kind>", into = "Vec<Kind>")]
pub struct Schema {
    kinds: Vec<Kind>,
    plans: Vec<KindPlan>,
}

impl Schema {
    /// Checks `kinds` and derives what coding needs.
    ///
    /// # Errors
    /// When a limit is exceeded, a name is empty or taken, or a range is empty; the text names kind and field.
    pub fn new(kinds: Vec<Kind>) -> Result<Self, SchemaError> {
        if kinds.len() > MAX_KINDS {
            return Err(SchemaError(format!("{} kinds: at most {MAX_KINDS}", kinds.len())));
        }
        let mut plans = Vec::with_capacity(kinds.len());
        for (index, kind) in kinds.iter().enumerate() {
            check_name("kind", &kind.name, kinds[..index].iter().map(|other| &other.name))?;
            plans.push(KindPlan::new(kind)?);
        }
        Ok(Self { kinds, plans })
    }

    /// The kinds in id order.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    pub(crate) fn plans(&self) -> &[KindPlan] {
        &self.plans
    }
}

impl TryFrom<Vec<Kind>> for Schema {
    type Error = SchemaError;
    fn try_from(kinds: Vec<Kind>) -> Result<Self, SchemaError> {
        Self::new(kinds)
    }
}

impl From<Schema> for Vec<Kind> {
    fn from(schema: Schema) -> Self {
        schema.kinds
    }
}

/// The fields of a player's input, 0 to 8. All are held: an input is repeated until the next one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Field>", into = "Vec<Field>")]
pub struct InputSchema {
    fields: Vec<Field>,
    plans: Vec<FieldPlan>,
}

impl InputSchema {
    /// Checks `fields`.
    ///
    /// # Errors
    /// As [`Schema::new`].
    pub fn new(fields: Vec<Field>) -> Result<Self, SchemaError> {
        if fields.len() > MAX_INPUT_FIELDS {
            return Err(SchemaError(format!("{} input fields: at most {MAX_INPUT_FIELDS}", fields.len())));
        }
        let kind = Kind { name: "input".to_owned(), fields };
        let plans = KindPlan::new(&kind)?.fields;
        Ok(Self { fields: kind.fields, plans })
    }

    /// The fields in order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Whether `values` is an input under this schema: one value per field, each within its range.
    pub fn admits(&self, values: &[i32]) -> bool {
        values.len() == self.plans.len() && values.iter().zip(&self.plans).all(|(value, plan)| plan.admits(*value))
    }

    /// The range of each field's values, in field order.
    pub(crate) fn bounds(&self) -> impl Iterator<Item = (i32, i32)> {
        self.plans.iter().map(|plan| (plan.min, plan.max))
    }

    /// The input nearest to nothing: zero in every field, or the bound nearest to zero.
    pub fn neutral(&self) -> [i32; MAX_INPUT_FIELDS] {
        let mut values = [0; MAX_INPUT_FIELDS];
        for (value, plan) in values.iter_mut().zip(&self.plans) {
            *value = plan.saturate(0);
        }
        values
    }
}

impl TryFrom<Vec<Field>> for InputSchema {
    type Error = SchemaError;
    fn try_from(fields: Vec<Field>) -> Result<Self, SchemaError> {
        Self::new(fields)
    }
}

impl From<InputSchema> for Vec<Field> {
    fn from(schema: InputSchema) -> Self {
        schema.fields
    }
}

/// A schema that breaks a rule; the text says which and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("schema: {0}")]
pub struct SchemaError(String);

/// How rows of one kind are laid out: the values in field order, then the motion cells of each field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KindPlan {
    pub fields: Vec<FieldPlan>,
    /// The fields that are extrapolated and can take more than one value.
    pub moving: Vec<usize>,
    /// The fields that stay as they are and can take more than one value.
    pub held: Vec<usize>,
    /// The first two coordinates, by which rows have a place.
    pub place: Option<[usize; 2]>,
    /// Cells per row.
    pub stride: usize,
}

impl KindPlan {
    fn new(kind: &Kind) -> Result<Self, SchemaError> {
        if kind.fields.len() > MAX_FIELDS {
            let found = kind.fields.len();
            return Err(SchemaError(format!("kind {:?} has {found} fields: at most {MAX_FIELDS}", kind.name)));
        }
        let mut stride = kind.fields.len();
        let mut fields = Vec::with_capacity(kind.fields.len());
        for (index, field) in kind.fields.iter().enumerate() {
            check_name("field", &field.name, kind.fields[..index].iter().map(|other| &other.name))?;
            let mut plan = FieldPlan::new(field)?;
            plan.block = (1 + index) * BLOCK;
            plan.slot = stride;
            stride += plan.motion_cells();
            fields.push(plan);
        }
        let of = |held: bool| {
            let wanted = |plan: &FieldPlan| plan.min < plan.max && (plan.motion == Motion::Hold) == held;
            (0..fields.len()).filter(|column| wanted(&fields[*column])).collect()
        };
        let coordinates =
            kind.fields.iter().map(|field| matches!(field.shape, Shape::Int { .. } | Shape::Fixed { .. }));
        let mut coordinates = coordinates.enumerate().filter_map(|(column, is)| is.then_some(column));
        let place = coordinates.next().zip(coordinates.next()).map(|(x, y)| [x, y]);
        let (moving, held) = (of(false), of(true));
        Ok(Self { fields, moving, held, place, stride })
    }
}

/// The arithmetic of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldPlan {
    pub min: i32,
    pub max: i32,
    /// Whether the range is a circle (a power of two of values, starting at zero).
    pub wraps: bool,
    pub motion: Motion,
    /// The first of its motion cells in the row.
    pub slot: usize,
    /// Which trained table its contexts start from.
    pub class: usize,
    /// Where its contexts are.
    pub block: usize,
}

impl FieldPlan {
    fn new(field: &Field) -> Result<Self, SchemaError> {
        let wrong = |what: String| Err(SchemaError(format!("field {:?}: {what}", field.name)));
        let (min, max) = match &field.shape {
            Shape::Bool => (0, 1),
            Shape::Int { min, max } => (*min, *max),
            Shape::Fixed { per_unit: 0, .. } => return wrong("per_unit 0: at least 1".to_owned()),
            Shape::Fixed { min, max, .. } => (*min, *max),
            Shape::Angle { bits: bits @ 1..=16 } => (0, (1 << bits) - 1),
            Shape::Angle { bits } => return wrong(format!("an angle of {bits} bits: 1 to 16")),
            Shape::Enum { labels } if labels.is_empty() || labels.len() > MAX_LABELS => {
                return wrong(format!("{} labels: 1 to {MAX_LABELS}", labels.len()));
            }
            Shape::Enum { labels } => {
                if let Some(label) = labels.iter().find(|label| label.is_empty() || label.len() > MAX_NAME) {
                    return wrong(format!("label {label:?}: 1 to {MAX_NAME} bytes"));
                }
                (0, i32::try_from(labels.len()).unwrap_or(1) - 1)
            }
            Shape::Colour { count: 0 } => return wrong("a palette of no colours".to_owned()),
            Shape::Colour { count } => (0, i32::from(*count) - 1),
        };
        if min > max || min < -MAX_QUANTA || max > MAX_QUANTA {
            return wrong(format!("range {min} to {max}: must rise and stay within {MAX_QUANTA} either way"));
        }
        let wraps = matches!(field.shape, Shape::Angle { .. });
        let class = match (field.motion, &field.shape) {
            (Motion::Smooth, _) => 0,
            (Motion::Linear, _) => 1,
            (Motion::Hold, Shape::Int { .. } | Shape::Fixed { .. }) => 2,
            (Motion::Hold, Shape::Angle { .. }) => 3,
            (Motion::Hold, Shape::Bool | Shape::Enum { .. } | Shape::Colour { .. }) => 4,
        };
        Ok(Self { min, max, wraps, motion: field.motion, slot: 0, class, block: 0 })
    }

    /// Cells of the row that hold its motion.
    pub fn motion_cells(&self) -> usize {
        match self.motion {
            Motion::Hold => 0,
            Motion::Linear => 2,
            Motion::Smooth => 3,
        }
    }

    pub fn admits(&self, value: i32) -> bool {
        (self.min..=self.max).contains(&value)
    }

    /// The nearest admitted value; on a circle the equivalent one.
    pub fn saturate(&self, value: i32) -> i32 {
        if self.wraps { value & self.max } else { value.clamp(self.min, self.max) }
    }

    /// The change that leads from one value to another; on a circle the short way round.
    pub fn difference(&self, from: i32, to: i32) -> i32 {
        if !self.wraps {
            return to - from;
        }
        let turn = self.max + 1;
        let forward = (to - from) & self.max;
        if forward >= (turn + 1) / 2 { forward - turn } else { forward }
    }

    /// The value expected after `value` when it last changed by `motion`.
    pub fn predict(&self, value: i32, motion: i32) -> i32 {
        self.saturate(value + motion)
    }

    /// Where `value` is after a difference that leads to a value of this field; a bound after any other.
    pub fn moved(&self, value: i32, difference: i32) -> i32 {
        self.saturate(value + difference)
    }

    /// The least and the greatest difference from `value` to a value of this field.
    pub fn room(&self, value: i32) -> (i32, i32) {
        if self.wraps {
            let half = (self.max + 1) / 2;
            return (-half, half - 1);
        }
        (self.min - value, self.max - value)
    }

    /// Whether `motion` is a change that [`Self::difference`] can yield.
    pub fn admits_motion(&self, motion: i32) -> bool {
        if self.wraps {
            let half = (self.max + 1) / 2;
            return (-half..half).contains(&motion);
        }
        motion.unsigned_abs() <= self.max.abs_diff(self.min)
    }
}

fn check_name<'a>(what: &str, name: &str, mut taken: impl Iterator<Item = &'a String>) -> Result<(), SchemaError> {
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(SchemaError(format!("{what} name {name:?}: must have 1 to {MAX_NAME} bytes")));
    }
    if taken.any(|other| other == name) {
        return Err(SchemaError(format!("{what} name {name:?} is used twice")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_named() {
        let kind = |fields| Schema::new(vec![Kind::new("avatar", fields)]).expect_err("must be refused").to_string();
        assert!(kind(vec![Field::held("x", Shape::Int { min: 3, max: 2 })]).contains("field \"x\": range 3 to 2"));
        assert!(kind(vec![Field::held("a", Shape::Angle { bits: 17 })]).contains("17 bits"));
        assert!(kind(vec![Field::held("a", Shape::Bool), Field::held("a", Shape::Bool)]).contains("used twice"));
        assert!(kind(vec![Field::held("", Shape::Bool)]).contains("1 to 32 bytes"));
        assert!(kind(vec![Field::held("c", Shape::Colour { count: 0 })]).contains("no colours"));
    }

    #[test]
    fn angles_turn_the_short_way() {
        let plan = FieldPlan::new(&Field::held("a", Shape::Angle { bits: 8 })).expect("a valid field");
        assert_eq!(plan.difference(250, 6), 12);
        assert_eq!(plan.difference(6, 250), -12);
        assert_eq!(plan.difference(0, 128), -128);
        assert_eq!(plan.predict(250, 12), 6);
        assert!(plan.admits_motion(-128) && plan.admits_motion(127));
        assert!(!plan.admits_motion(-129) && !plan.admits_motion(128));
        let bit = FieldPlan::new(&Field::held("a", Shape::Angle { bits: 1 })).expect("a valid field");
        assert_eq!(bit.difference(0, 1), -1);
        assert_eq!(bit.predict(0, -1), 1);
    }
}
