//! What coding derives from a schema: the positions of a row's cells, and the arithmetic and contexts of each field.
//!
//! Plans are rebuilt wherever a schema arrives, so that a schema from the network is checked by the same code as a
//! game's own.

use super::model::BLOCK;
use super::schema::{
    Field, Kind, MAX_FIELDS, MAX_LABELS, MAX_NAME, MAX_QUANTA, Motion, SchemaError, Shape, check_schema_name,
};

/// How rows of one kind are laid out: the values in field order, then the motion cells of each field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KindPlan {
    pub fields: Vec<FieldPlan>,
    /// The fields that are extrapolated and can have more than one value.
    pub moving: Vec<usize>,
    /// The fields that are held and can have more than one value.
    pub held: Vec<usize>,
    /// The first two coordinates, which give rows a position.
    pub place: Option<[usize; 2]>,
    /// Cells per row.
    pub stride: usize,
}

impl KindPlan {
    pub fn new(kind: &Kind) -> Result<Self, SchemaError> {
        if kind.fields.len() > MAX_FIELDS {
            let found = kind.fields.len();
            return Err(SchemaError(format!("kind {:?} has {found} fields: at most {MAX_FIELDS}", kind.name)));
        }
        let mut stride = kind.fields.len();
        let mut fields = Vec::with_capacity(kind.fields.len());
        for (index, field) in kind.fields.iter().enumerate() {
            check_schema_name("field", &field.name, kind.fields[..index].iter().map(|other| &other.name))?;
            let mut plan = FieldPlan::new(field)?;
            plan.block = (1 + index) * BLOCK;
            plan.slot = stride;
            stride += plan.motion_cells();
            fields.push(plan);
        }
        for column in 0..fields.len() {
            let Some(heading) = fields[column].motion.heading() else { continue };
            let turning = fields.get(heading).filter(|field| field.wraps && field.motion.turns());
            let Some(turning) = turning.map(|field| 16 - field.max.count_ones()) else {
                return Err(SchemaError(format!(
                    "kind {:?}: a heading must be a linear or smooth direction",
                    kind.name
                )));
            };
            fields[column].turn = turning;
        }
        let of = |held: bool| {
            let wanted = |plan: &FieldPlan| plan.min < plan.max && (plan.motion == Motion::Hold) == held;
            (0..fields.len()).filter(|column| wanted(&fields[*column])).collect()
        };
        let coordinates =
            kind.fields.iter().map(|field| matches!(field.shape, Shape::Int { .. } | Shape::Fixed { .. }));
        let mut coordinates = coordinates.enumerate().filter_map(|(column, is)| is.then_some(column));
        let place = coordinates.next().zip(coordinates.next()).map(|(x, y)| [x, y]);
        let (mut moving, held): (Vec<usize>, _) = (of(false), of(true));
        // A field that depends on a heading is predicted once the heading is known.
        moving.sort_by_key(|column| fields[*column].motion.heading().is_some());
        Ok(Self { fields, moving, held, place, stride })
    }
}

/// The arithmetic of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldPlan {
    pub min: i32,
    pub max: i32,
    /// Whether the range is a circle (a power of two of values, from zero).
    pub wraps: bool,
    /// Whether values between two samples can be interpolated.
    pub continuous: bool,
    pub motion: Motion,
    /// The index of its first motion cell in the row.
    pub slot: usize,
    /// For a field with a heading: the shift that turns the heading into 65536ths of a turn.
    pub turn: u32,
    /// The trained table from which its contexts start.
    pub class: usize,
    /// The index of its contexts.
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
        let is_number = matches!(field.shape, Shape::Int { .. } | Shape::Fixed { .. });
        let continuous = wraps || (is_number && field.motion != Motion::Hold);
        let class = match (field.motion, &field.shape) {
            (Motion::Smooth, _) => 0,
            (Motion::Linear, _) => 1,
            (Motion::Along { .. } | Motion::Across { .. }, _) => 5,
            (Motion::Fade, _) => 6,
            (Motion::Hold, Shape::Int { .. } | Shape::Fixed { .. }) => 2,
            (Motion::Hold, Shape::Angle { .. }) => 3,
            (Motion::Hold, Shape::Bool | Shape::Enum { .. } | Shape::Colour { .. }) => 4,
        };
        Ok(Self { min, max, wraps, continuous, motion: field.motion, slot: 0, turn: 0, class, block: 0 })
    }

    /// How many motion cells it has in a row.
    pub fn motion_cells(&self) -> usize {
        match self.motion {
            Motion::Hold => 0,
            Motion::Linear | Motion::Fade | Motion::Along { .. } | Motion::Across { .. } => 2,
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

    /// The change from one value to another; on a circle the short way round.
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

    /// The value after a difference that leads to a value of this field; after any other, a bound.
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

impl Motion {
    fn turns(self) -> bool {
        matches!(self, Self::Linear | Self::Smooth)
    }

    fn heading(self) -> Option<usize> {
        match self {
            Self::Along { heading } | Self::Across { heading } => Some(usize::from(heading)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
