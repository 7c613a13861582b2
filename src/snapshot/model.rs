//! How the numbers of a payload (surprises, and whole numbers of any size) become decisions, and in which bit_models.
//!
//! Each kind has a block of bit_models for its set of rows and one per field, so that a message learns what is peculiar
//! to a field; all blocks start from the trained table of the field's class. The same functions serve encoder, decoder
//! and counters: each offers a number to the coder and returns the one that was coded.

use super::codec::{BitModel, Coder, DecodeError};
use super::motion::Forecast;
use super::odds;
use super::plan::{FieldPlan, KindPlan};
use super::schema::MAX_FIELDS;

/// Contexts of one block.
pub(super) const BLOCK: usize = 480;
/// Contexts of a [`Model::whole`] number: a tree over its length in bits, its second bit by length, and its sign.
const WHOLE: usize = 64;

// The block of a field: surprises first.
const NONZERO: usize = 0;
const SIGN: usize = 128;
const LENGTH: usize = 140;
const SECOND: usize = 204;
const THIRD: usize = 212;
/// Where the bit_models of whole values and motion cells begin.
pub(super) const WHOLES: usize = 220;

// The block of a kind.
pub(super) const BUSY: usize = 0;
pub(super) const LEAVE: usize = 1;
pub(super) const COME: usize = 2;
pub(super) const SURPRISE: usize = 3;
pub(super) const HELD: usize = 4;
pub(super) const LEAVERS: usize = 8;
pub(super) const LEAVER: usize = LEAVERS + WHOLE;
pub(super) const COMERS: usize = LEAVER + WHOLE;
pub(super) const FIRST_ID: usize = COMERS + WHOLE;
pub(super) const NEXT_ID: usize = FIRST_ID + WHOLE;
pub(super) const ROWS: usize = NEXT_ID + WHOLE;
pub(super) const ANY_ID: usize = ROWS + WHOLE;
pub(super) const TELEPORT: usize = ANY_ID + WHOLE;
pub(super) const CROSSED: usize = TELEPORT + 1;

/// The bit_models of one message: block 0 for the kind being coded, then one per field.
pub(super) struct Model {
    bit_models: [BitModel; BLOCK * (1 + MAX_FIELDS)],
}

impl Model {
    pub fn new() -> Self {
        let mut model = Self { bit_models: [BitModel::default(); BLOCK * (1 + MAX_FIELDS)] };
        model.restart_kind();
        model
    }

    fn restart(&mut self, block: usize, odds: &[u16; BLOCK], part: std::ops::Range<usize>) {
        let bit_models = &mut self.bit_models[block * BLOCK..(block + 1) * BLOCK];
        for (context, odds) in bit_models[part.clone()].iter_mut().zip(&odds[part]) {
            *context = BitModel::new(*odds);
        }
    }

    /// Forgets what was learned from another kind's rows, but not from the rare numbers.
    pub fn restart_kind(&mut self) {
        self.restart(0, &odds::KIND, 0..LEAVERS);
        self.restart(0, &odds::KIND, TELEPORT..CROSSED + 1);
    }

    /// Prepares for the numbers of removed or teleported rows, of added rows, or of a keyframe.
    pub fn restart_numbers(&mut self, part: std::ops::Range<usize>) {
        self.restart(0, &odds::KIND, part);
    }

    /// Prepares for the surprises of a kind.
    pub fn restart_surprises(&mut self, plan: &KindPlan) {
        for (column, field) in plan.fields.iter().enumerate() {
            self.restart(1 + column, &odds::FIELDS[field.class], 0..WHOLES);
        }
    }

    /// Prepares for whole rows of a kind.
    pub fn restart_wholes(&mut self, plan: &KindPlan) {
        for (column, field) in plan.fields.iter().enumerate() {
            self.restart(1 + column, &odds::FIELDS[field.class], WHOLES..BLOCK);
        }
    }

    /// A yes-or-no decision about the kind.
    #[inline]
    pub fn flag(&mut self, coder: &mut impl Coder, context: usize, flag: bool) -> bool {
        coder.bit(&mut self.bit_models, context, flag)
    }

    /// A surprise: the difference between a field and its forecast. `near` tells how far off the previous field of the
    /// row was: 0 when there is none, else 1 + the distance, up to 3. `sure` means that the surprise is known not to be
    /// zero.
    #[inline]
    pub fn surprise(
        &mut self,
        coder: &mut impl Coder,
        plan: &FieldPlan,
        forecast: &Forecast,
        near: usize,
        sure: bool,
        surprise: i32,
    ) -> Result<i32, DecodeError> {
        let base = plan.block;
        let nonzero = base + NONZERO + (forecast.unrest * 4 + near) * 4 + forecast.lean;
        if !sure && !coder.bit(&mut self.bit_models, nonzero, surprise != 0) {
            return Ok(0);
        }
        let (low, high) = plan.room(forecast.value);
        let negative = if low == 0 || high == 0 {
            high == 0
        } else {
            // Seen from the side to which the forecast leans, both sides behave alike.
            let side = if forecast.below && forecast.side != 0 { 3 - forecast.side } else { forecast.side };
            let sign = base + SIGN + forecast.lean * 3 + side;
            coder.bit(&mut self.bit_models, sign, (surprise < 0) != forecast.below) != forecast.below
        };
        let most = if negative { low.unsigned_abs() } else { high.unsigned_abs() };
        if most == 0 {
            return Err(DecodeError::OutOfRange);
        }
        let length = base + LENGTH + (forecast.unrest / 2 * 2 + usize::from(near > 2)) * 8;
        let size = self.size(coder, base, length, most, surprise.unsigned_abs())?;
        Ok(if negative { -size.cast_signed() } else { size.cast_signed() })
    }

    /// A number from 1 to `most`: its length in bits, coded in unary, then its bits.
    #[inline]
    fn size(
        &mut self,
        coder: &mut impl Coder,
        base: usize,
        length: usize,
        most: u32,
        size: u32,
    ) -> Result<u32, DecodeError> {
        let (longest, wanted) = (most.ilog2(), size.max(1).ilog2());
        let mut bits = 0;
        while bits < longest && coder.bit(&mut self.bit_models, length + bits.min(7) as usize, bits < wanted) {
            bits += 1;
        }
        let mut found = 1;
        if bits > 0 {
            let second = base + SECOND + bits.min(8) as usize - 1;
            found = 2 | u32::from(coder.bit(&mut self.bit_models, second, size >> (bits - 1) & 1 == 1));
        }
        if bits > 1 {
            let third = base + THIRD + (bits.min(5) as usize - 2) * 2 + (found & 1) as usize;
            found = found << 1 | u32::from(coder.bit(&mut self.bit_models, third, size >> (bits - 2) & 1 == 1));
            let rest = bits - 2;
            found = found << rest | coder.even(rest, size & ((1 << rest) - 1));
        }
        if found > most { Err(DecodeError::OutOfRange) } else { Ok(found) }
    }

    /// Any number, in the bit_models from `place` on: its length in bits as a path through a tree, then its bits.
    pub fn whole(&mut self, coder: &mut impl Coder, place: usize, number: u32) -> Result<u32, DecodeError> {
        let wanted = (32 - number.leading_zeros()).min(31);
        let mut node = 1;
        for level in (0..5).rev() {
            node = node << 1 | usize::from(coder.bit(&mut self.bit_models, place + node, wanted >> level & 1 == 1));
        }
        let length = node as u32 - 32;
        match length {
            0 | 1 => Ok(length),
            31 => {
                let number = coder.even(32, number);
                if number >> 30 == 0 { Err(DecodeError::NotCanonical) } else { Ok(number) }
            }
            _ => {
                let rest = length - 2;
                let second = coder.bit(&mut self.bit_models, place + node, number >> rest & 1 == 1);
                let low = coder.even(rest, number & ((1 << rest) - 1));
                Ok((2 | u32::from(second)) << rest | low)
            }
        }
    }

    /// Any signed number.
    pub fn signed(&mut self, coder: &mut impl Coder, place: usize, number: i32) -> Result<i32, DecodeError> {
        let size = self.whole(coder, place, number.unsigned_abs())?;
        if size == 0 {
            return Ok(0);
        }
        let negative = coder.bit(&mut self.bit_models, place, number < 0);
        let found = i64::from(size) * if negative { -1 } else { 1 };
        i32::try_from(found).map_err(|_| DecodeError::OutOfRange)
    }

    /// The bit_models of a field's whole value (cell 0) or of its motion cells (from 1 on).
    pub fn cell(plan: &FieldPlan, cell: usize) -> usize {
        plan.block + WHOLES + cell * WHOLE
    }
}

/// Groups bit_models that share their counts in training: those of equal unrest, or of equal bit.
pub(super) fn parent(field: bool, context: usize) -> usize {
    match context {
        _ if !field => context,
        NONZERO..SIGN => context / 16 * 16,
        SIGN..LENGTH => SIGN + (context - SIGN) % 3,
        LENGTH..SECOND => LENGTH + (context - LENGTH) % 8,
        _ => context,
    }
}
