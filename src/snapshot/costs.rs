//! The cost of a delta by what it is spent on, to help people choose steps and motions.
//!
//! Makes the same decisions as `delta`, and weighs them instead of writing them. Meant for samples: about half as fast
//! as `diff`.

use super::codec::{BitModel, Coder, Encoder, Part};
use super::delta::write;
use super::marks::Marks;
use super::model::Model;
use super::schema::Schema;
use super::zone::Zone;
use crate::id::KindId;

/// 256ths of a bit per bit.
const SCALE: u32 = 256;

/// The cost of one delta in 256ths of a bit. All parts, including `end`, add up to the payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    /// Bytes of the payload.
    pub bytes: usize,
    /// Which rows and fields changed.
    pub presence: u32,
    /// Which rows were removed.
    pub removed: u32,
    /// How many rows were added, and their ids.
    pub ids: u32,
    /// The values of added rows.
    pub added: u32,
    /// By kind and field index: the surprises (prediction errors) of rows that stayed.
    pub fields: Vec<(KindId, usize, u32)>,
    /// What the coder's end and the rounding to bytes add; negative when the bytes happen to end early.
    pub end: i32,
}

impl Costs {
    /// The cost of the surprises of all fields.
    pub fn surprises(&self) -> u32 {
        self.fields.iter().map(|(_, _, cost)| cost).sum()
    }
}

/// Computes the cost of the delta from `base` to `next`.
pub fn costs(schema: &Schema, base: &Zone, next: &Zone) -> Costs {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out);
    let fields = schema
        .kinds()
        .iter()
        .zip(0..)
        .flat_map(|(kind, id)| (0..kind.fields.len()).map(move |column| (KindId(id), column, 0)));
    let starts = schema.plans().iter().scan(0, |start, plan| {
        *start += plan.fields.len();
        Some(*start - plan.fields.len())
    });
    let costs = Costs { fields: fields.collect(), ..Costs::default() };
    let mut scale = Scale { costs, part: Part::Presence, starts: starts.collect(), encoder: &mut encoder };
    write(&mut Model::new(), schema, base, next, &Marks::default(), &mut scale);
    let mut costs = scale.costs;
    encoder.finish();
    costs.bytes = out.len();
    let parts = costs.presence + costs.removed + costs.ids + costs.added + costs.surprises();
    costs.end = (out.len() as u32 * 8 * SCALE).cast_signed() - parts.cast_signed();
    costs
}

/// Weighs decisions and passes them on to an encoder.
struct Scale<'a, 'b> {
    costs: Costs,
    part: Part,
    /// For each kind, the index of its first field's cost.
    starts: Vec<usize>,
    encoder: &'a mut Encoder<'b>,
}

impl Scale<'_, '_> {
    fn add(&mut self, cost: u32) {
        let costs = &mut self.costs;
        *match self.part {
            Part::Presence => &mut costs.presence,
            Part::Removed => &mut costs.removed,
            Part::Ids => &mut costs.ids,
            Part::Added => &mut costs.added,
            Part::Field { kind, column } => &mut costs.fields[self.starts[kind] + column].2,
        } += cost;
    }
}

impl Coder for Scale<'_, '_> {
    fn bit(&mut self, bit_models: &mut [BitModel], index: usize, bit: bool) -> bool {
        let odds = u32::from(bit_models[index].odds);
        self.add(surprise(if bit { (1 << 16) - odds } else { odds }));
        self.encoder.bit(bit_models, index, bit)
    }

    fn even(&mut self, count: u32, value: u32) -> u32 {
        self.add(count * SCALE);
        self.encoder.even(count, value)
    }

    fn about(&mut self, part: Part) {
        self.part = part;
    }
}

/// The information, in 256ths of a bit, of an outcome with `odds` in 65536.
fn surprise(odds: u32) -> u32 {
    // The logarithm bit by bit: squaring a number in [1, 2) doubles its logarithm.
    let whole = odds.ilog2();
    let mut number = odds << (31 - whole) >> 1;
    let mut fraction = 0;
    for _ in 0..8 {
        let square = ((u64::from(number) * u64::from(number)) >> 30) as u32;
        let doubled = square >> 31;
        fraction = fraction << 1 | doubled;
        number = square >> doubled;
    }
    16 * SCALE - (whole * SCALE + fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn information_is_the_logarithm() {
        assert_eq!(surprise(1 << 15), 256);
        assert_eq!(surprise(1), 16 * 256);
        // log2(65536 / 50000) is 0.3903 bits.
        assert_eq!(surprise(50_000), 100);
    }
}
