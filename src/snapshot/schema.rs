//! The schema: which entity kinds a game has, which integer fields their rows have, and how those fields move.
//!
//! The welcome contains the schema. Everything derived from it (strides, motion cells) is in plans, which are rebuilt
//! on arrival, so that a schema from the network is checked by the same code as a game's own.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::plan::{FieldPlan, KindPlan};

/// Kinds per schema: a kind is one byte on the wire, and a room rarely has more than a handful.
const MAX_KINDS: usize = 32;
/// Fields per kind: each has contexts of its own in the coder.
pub(super) const MAX_FIELDS: usize = 16;
/// Most fields per input. Few, because inputs are passed by value.
pub const MAX_INPUT_FIELDS: usize = 8;
/// The bound of a value, in quanta: differences and extrapolations of two values stay within 32 bits.
pub(super) const MAX_QUANTA: i32 = 1 << 29;
pub(super) const MAX_NAME: usize = 32;
pub(super) const MAX_LABELS: usize = 64;

/// The values that a field can have. Values are always integers; a shape says what they stand for.
#[expect(missing_docs, reason = "each variant's text describes its fields")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
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

/// How client and server extrapolate a field from one tick to the next; only prediction errors are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Motion {
    /// The field stays as it is.
    Hold,
    /// The field repeats its last change: for counters and for things that move in whole steps. Costs two motion cells.
    Linear,
    /// The field follows a course that is estimated below the step: for coordinates that accelerate or move by
    /// fractions of a step. Costs three motion cells, so keyframes are larger.
    Smooth,
    /// The field moves by the cosine of the direction in field number `heading` of its kind: for the first coordinate
    /// of things that are steered and move by whole steps. The heading must be a direction that is linear or smooth.
    Along {
        /// The index of the heading within the kind.
        heading: u8,
    },
    /// Like `Along`, for the second coordinate: predicted with the sine of the heading.
    Across {
        /// The index of the heading within the kind.
        heading: u8,
    },
    /// The field changes by the same factor again: for things that fade, such as a knock under friction.
    Fade,
}

/// One column of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Unique within its kind, 1 to 32 bytes.
    pub name: String,
    /// The values that it can have.
    pub shape: Shape,
    /// How it is extrapolated.
    pub motion: Motion,
}

impl Field {
    /// Makes a field that stays as it is until the game changes it.
    pub fn held(name: &str, shape: Shape) -> Self {
        Self { name: name.to_owned(), shape, motion: Motion::Hold }
    }

    /// Makes a field that tends to repeat its last change, such as a coordinate.
    pub fn linear(name: &str, shape: Shape) -> Self {
        Self { name: name.to_owned(), shape, motion: Motion::Linear }
    }

    /// Makes a field that is extrapolated by `motion`.
    pub fn moving(name: &str, shape: Shape, motion: Motion) -> Self {
        Self { name: name.to_owned(), shape, motion }
    }

    /// Makes a field that moves smoothly, such as a coordinate of something with inertia, or a direction being turned.
    pub fn smooth(name: &str, shape: Shape) -> Self {
        Self { name: name.to_owned(), shape, motion: Motion::Smooth }
    }
}

/// An entity kind: a name and its fields, 0 to 16. Kinds that look alike on the wire are equal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kind {
    /// Unique within the schema, 1 to 32 bytes.
    pub name: String,
    /// The columns in row order.
    pub fields: Vec<Field>,
    /// The names of the fields that are the position, if it has one. Only the server knows it.
    #[serde(skip)]
    position: Option<[String; 2]>,
    /// Only the server knows it.
    #[serde(skip)]
    hides_past: bool,
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.fields == other.fields
    }
}

impl Eq for Kind {}

impl Kind {
    /// Makes a kind called `name` with `fields` in row order.
    pub fn new(name: &str, fields: Vec<Field>) -> Self {
        Self { name: name.to_owned(), fields, position: None, hides_past: false }
    }

    /// Declares the fields that are the position of such entities.
    #[must_use]
    pub fn at(self, x: &str, y: &str) -> Self {
        Self { position: Some([x.to_owned(), y.to_owned()]), ..self }
    }

    /// Such entities come into view as if they had just appeared. Otherwise a row that comes from another zone brings its
    /// motion along, from which the client extrapolates at once, and which tells about where the entity was the tick before:
    /// its velocity and, where it accelerates, a little of its last few ticks.
    #[must_use]
    pub fn without_past(self) -> Self {
        Self { hides_past: true, ..self }
    }

    /// The indices of the fields that are the position, if they are declared.
    pub(super) fn position(&self) -> Option<[usize; 2]> {
        let index = |name: &String| self.fields.iter().position(|field| field.name == *name);
        let [x, y] = self.position.as_ref()?.each_ref().map(index);
        x.zip(y).map(|(x, y)| [x, y])
    }

    /// Whether such entities hide from where they came; see [`Self::without_past`].
    pub(super) fn hides_past(&self) -> bool {
        self.hides_past
    }

    fn check_position(&self) -> Result<(), SchemaError> {
        for name in self.position.iter().flatten() {
            let found = self.fields.iter().find(|field| field.name == *name);
            if !found.is_some_and(|field| matches!(field.shape, Shape::Int { .. } | Shape::Fixed { .. })) {
                let kind = &self.name;
                return Err(SchemaError(format!("kind {kind:?}: its position {name:?} must be a field with numbers")));
            }
        }
        Ok(())
    }
}

/// The checked layout of all rows of a room. Clones share what they hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Kind>", into = "Vec<Kind>")]
pub struct Schema {
    kinds: Arc<[Kind]>,
    plans: Arc<[KindPlan]>,
}

impl Schema {
    /// Checks `kinds` and derives what coding needs.
    ///
    /// # Errors
    /// When a limit is exceeded, a name is empty or taken, or a range is empty; the text names the kind or the field.
    pub fn new(kinds: Vec<Kind>) -> Result<Self, SchemaError> {
        if kinds.len() > MAX_KINDS {
            return Err(SchemaError(format!("{} kinds: at most {MAX_KINDS}", kinds.len())));
        }
        let mut plans = Vec::with_capacity(kinds.len());
        for (index, kind) in kinds.iter().enumerate() {
            check_schema_name("kind", &kind.name, kinds[..index].iter().map(|other| &other.name))?;
            kind.check_position()?;
            plans.push(KindPlan::new(kind)?);
        }
        Ok(Self { kinds: kinds.into(), plans: plans.into() })
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
        schema.kinds.to_vec()
    }
}

/// The fields of a player's input, 0 to 8. Inputs are not extrapolated: an input repeats until the next one. Clones share
/// what they hold, as each session has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Field>", into = "Vec<Field>")]
pub struct InputSchema {
    fields: Arc<[Field]>,
    plans: Arc<[FieldPlan]>,
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
        let kind = Kind::new("input", fields);
        let plans = KindPlan::new(&kind)?.fields.into();
        Ok(Self { fields: kind.fields.into(), plans })
    }

    /// The fields in order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Whether `values` is an input under this schema: one value per field, each within its range.
    pub fn admits(&self, values: &[i32]) -> bool {
        values.len() == self.plans.len() && values.iter().zip(&*self.plans).all(|(value, plan)| plan.admits(*value))
    }

    /// # Panics
    /// When [`Self::admits`] is false: with how many values there should be, or the first one outside its range.
    #[track_caller]
    pub(crate) fn check(&self, values: &[i32]) {
        let names = || self.fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(", ");
        assert!(values.len() == self.fields.len(), "an input of {} values: this game has {}", values.len(), names());
        for ((field, (min, max)), value) in self.fields.iter().zip(self.bounds()).zip(values) {
            let name = &field.name;
            assert!((min..=max).contains(value), "the input's {name} is {value}: the range is {min} to {max}");
        }
    }

    /// The range of each field's values, in field order.
    pub(crate) fn bounds(&self) -> impl Iterator<Item = (i32, i32)> {
        self.plans.iter().map(|plan| (plan.min, plan.max))
    }

    /// The neutral input: zero in every field, or the bound nearest to zero.
    pub fn neutral(&self) -> [i32; MAX_INPUT_FIELDS] {
        let mut values = [0; MAX_INPUT_FIELDS];
        for (value, plan) in values.iter_mut().zip(&*self.plans) {
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
        schema.fields.to_vec()
    }
}

/// A schema that breaks a rule; the text says which rule and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("schema: {0}")]
pub struct SchemaError(pub(super) String);

impl SchemaError {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }
}

/// Checks that the name of a kind or field is 1 to `MAX_NAME` bytes long and not taken yet.
pub(super) fn check_schema_name<'a>(
    what: &str,
    name: &str,
    mut taken: impl Iterator<Item = &'a String>,
) -> Result<(), SchemaError> {
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
}
