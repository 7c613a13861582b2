//! A value of a row that was outside the range of its field, for the text that names it.

use super::plan::KindPlan;
use super::schema::{Schema, Shape};
use crate::id::{EntityId, KindId};

/// A value that was outside its range and was clamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saturation {
    /// The kind of the row.
    pub kind: KindId,
    /// The entity.
    pub id: EntityId,
    /// The index of the field.
    pub field: usize,
    /// The value that the game wrote, in quanta.
    pub value: i32,
}

impl Saturation {
    /// The first such value of a row.
    pub(super) fn find(plan: &KindPlan, kind: KindId, id: EntityId, values: &[i32]) -> Option<Self> {
        let mut values = plan.fields.iter().zip(values).enumerate();
        let (field, (_, value)) = values.find(|(_, (field, value))| !field.wraps && !field.admits(**value))?;
        Some(Self { kind, id, field, value: *value })
    }

    /// Names the field, the value and what would be right, in units.
    pub fn describe(&self, schema: &Schema) -> String {
        let kind = &schema.kinds()[usize::from(self.kind.0)];
        let (field, plan) = (&kind.fields[self.field], &schema.plans()[usize::from(self.kind.0)].fields[self.field]);
        let per_unit = if let Shape::Fixed { per_unit, .. } = field.shape { per_unit } else { 1 };
        let value = match self.value {
            i32::MIN => "no number".to_owned(),
            value => units(value, per_unit),
        };
        let (min, max) = (units(plan.min, per_unit), units(plan.max, per_unit));
        format!("{}.{} of entity {} is {value}: the range is {min} to {max}", kind.name, field.name, self.id.0)
    }
}

/// A number of quanta in units, with up to three decimals.
fn units(quanta: i32, per_unit: u16) -> String {
    let thousandths = i64::from(quanta) * 1000 / i64::from(per_unit);
    let (sign, rest) = (if thousandths < 0 { "-" } else { "" }, thousandths.unsigned_abs());
    let text = format!("{sign}{}.{:03}", rest / 1000, rest % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quanta_are_told_in_units() {
        assert_eq!(units(4512, 64), "70.5");
        assert_eq!(units(-1, 64), "-0.015");
        assert_eq!(units(-4096, 64), "-64");
        assert_eq!(units(0, 1), "0");
        assert_eq!(units(1_000_000, 1), "1000000");
    }
}
