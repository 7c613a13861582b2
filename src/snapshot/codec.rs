//! The adaptive binary range coder under zone payloads: decisions with learned odds go in, bytes come out, and back.
//!
//! After G. N. N. Martin, "Range encoding" (1979), with the carry handling known from LZMA. `model` chooses the
//! decisions and their bit_models; nothing here knows of rows. A sequence of decisions has exactly one encoding: the
//! shortest bytes within its interval, of those the least, without zeros at the end. The reader refuses all others.

/// Why bytes were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end within a value.
    #[error("the bytes end too early")]
    Truncated,
    /// Bytes are left over.
    #[error("bytes are left over")]
    Trailing,
    /// A number is not in its shortest form, or a coded change changes nothing.
    #[error("a value is not in its canonical form")]
    NotCanonical,
    /// A number is outside its range, or ids or indices do not rise.
    #[error("a value is outside its range")]
    OutOfRange,
    /// The delta does not start from this state.
    #[error("the delta does not fit this state")]
    WrongBase,
}

/// The odds of one decision, learned while coding: fast at first, then slower.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct BitModel {
    /// Probability of `false` in 65536ths, never 0 or 1.
    pub odds: u16,
    /// How often the context was used, up to the end of [`PACE`].
    pub uses: u16,
}

/// The shift by which a context moves towards each bit that it sees, by its number of uses. The table is short because
/// messages are: bit_models start from trained odds and need to learn only what is peculiar to the current tick.
pub(super) const PACE: [u32; 8] = [5, 5, 5, 5, 6, 6, 6, 6];

impl BitModel {
    pub fn new(odds: u16) -> Self {
        Self { odds, uses: 0 }
    }

    #[inline]
    fn learn(&mut self, bit: bool) {
        let shift = PACE[usize::from(self.uses) & 7];
        self.uses += u16::from(self.uses < 7);
        // Truncation keeps the odds within 1 to 65535: no step reaches either end.
        if bit {
            self.odds -= self.odds >> shift;
        } else {
            self.odds += (u16::MAX - self.odds) >> shift;
        }
    }
}

/// A sink for decisions: an encoder, a decoder (which ignores the decision offered and returns the one read), or a
/// counter.
pub(super) trait Coder {
    /// One decision under `bit_models[index]`.
    fn bit(&mut self, bit_models: &mut [BitModel], index: usize, bit: bool) -> bool;
    /// `count` (0 to 32) decisions of even odds, highest bit first, as a number.
    fn even(&mut self, count: u32, value: u32) -> u32;
    /// Announces what the next decisions are about.
    #[inline]
    fn about(&mut self, _: Part) {}
}

/// The subject of a part of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Presence,
    Removed,
    Ids,
    Added,
    Field { kind: usize, column: usize },
}

const TOP: u32 = 1 << 24;

/// Encodes decisions, appending bytes to a buffer.
pub(super) struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    low: u64,
    range: u32,
    /// Bytes that a carry may still change: this one, then `pending` of 0xff. The first one precedes the buffer and is
    /// zero.
    cache: Option<u8>,
    pending: usize,
}

impl<'a> Encoder<'a> {
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        Self { out, start, low: 0, range: u32::MAX, cache: None, pending: 0 }
    }

    #[inline]
    fn normalise(&mut self) {
        while self.range < TOP {
            self.range <<= 8;
            self.shift();
        }
    }

    fn shift(&mut self) {
        let carry = (self.low >> 32) as u8;
        if self.low < 0xff00_0000 || carry != 0 {
            if let Some(cache) = self.cache {
                self.out.push(cache.wrapping_add(carry));
            }
            debug_assert!(self.cache.is_some() || carry == 0, "all intervals lie below one");
            for _ in 0..self.pending {
                self.out.push(0xff_u8.wrapping_add(carry));
            }
            self.pending = 0;
            self.cache = Some((self.low >> 24) as u8);
        } else {
            self.pending += 1;
        }
        self.low = (self.low & 0x00ff_ffff) << 8;
    }

    /// Writes the shortest bytes that lead the decoder into the interval.
    pub fn finish(mut self) {
        // The least number in [low, low + range) with the most trailing zero bits, in whole bytes.
        let end = self.low + u64::from(self.range);
        for bits in [32, 24, 16, 8, 0] {
            let unit = 1_u64 << bits;
            let rounded = (self.low + unit - 1) & !(unit - 1);
            if rounded < end {
                self.low = rounded;
                break;
            }
        }
        for _ in 0..5 {
            self.shift();
        }
        while self.out.len() > self.start && self.out.last() == Some(&0) {
            self.out.pop();
        }
    }
}

impl Coder for Encoder<'_> {
    #[inline]
    fn bit(&mut self, bit_models: &mut [BitModel], index: usize, bit: bool) -> bool {
        let context = &mut bit_models[index];
        let bound = (self.range >> 16) * u32::from(context.odds);
        if bit {
            self.low += u64::from(bound);
            self.range -= bound;
        } else {
            self.range = bound;
        }
        context.learn(bit);
        self.normalise();
        bit
    }

    #[inline]
    fn even(&mut self, count: u32, value: u32) -> u32 {
        for shift in (0..count).rev() {
            let half = self.range >> 1;
            if value >> shift & 1 == 1 {
                self.low += u64::from(half);
                self.range -= half;
            } else {
                self.range = half;
            }
            self.normalise();
        }
        value
    }
}

/// Reads what an [`Encoder`] wrote, followed by implied zeros.
pub(super) struct Decoder<'a> {
    bytes: &'a [u8],
    /// Bytes taken, including implied zeros.
    taken: usize,
    range: u32,
    /// The position that the bytes give, relative to the interval's lower end; less than `range`.
    code: u32,
    /// Whether that position is above all intervals.
    beyond: bool,
}

impl<'a> Decoder<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        let mut decoder = Self { bytes, taken: 0, range: u32::MAX, code: 0, beyond: false };
        for _ in 0..4 {
            decoder.take();
        }
        if decoder.code == decoder.range {
            (decoder.beyond, decoder.code) = (true, 0);
        }
        decoder
    }

    #[inline]
    fn take(&mut self) {
        self.code = self.code << 8 | u32::from(self.bytes.get(self.taken).copied().unwrap_or(0));
        self.taken += 1;
    }

    #[inline]
    fn normalise(&mut self) {
        while self.range < TOP {
            self.range <<= 8;
            self.take();
        }
    }

    /// Checks that an encoder would write the same bytes after the same decisions.
    pub fn finish(self) -> Result<(), DecodeError> {
        let Some(last) = self.bytes.last() else { return Ok(()) };
        let after = self.taken.checked_sub(self.bytes.len()).ok_or(DecodeError::Trailing)?;
        // One unit of the last byte, in units of `code`; anything above 2^32 is outside the interval.
        let unit = if after < 4 { 1_u64 << (8 * after) } else { 1 << 32 };
        let (code, range) = (u64::from(self.code), u64::from(self.range));
        let least = code < unit;
        let shortest = code + (256 - u64::from(*last)) * unit >= range;
        if *last != 0 && least && shortest && !self.beyond { Ok(()) } else { Err(DecodeError::NotCanonical) }
    }
}

impl Coder for Decoder<'_> {
    #[inline]
    fn bit(&mut self, bit_models: &mut [BitModel], index: usize, _: bool) -> bool {
        let context = &mut bit_models[index];
        let bound = (self.range >> 16) * u32::from(context.odds);
        let bit = self.code >= bound;
        if bit {
            self.code -= bound;
            self.range -= bound;
        } else {
            self.range = bound;
        }
        context.learn(bit);
        self.normalise();
        bit
    }

    #[inline]
    fn even(&mut self, count: u32, _: u32) -> u32 {
        let mut value = 0;
        for _ in 0..count {
            let half = self.range >> 1;
            let bit = self.code >= half;
            if bit {
                self.code -= half;
                self.range -= half;
            } else {
                self.range = half;
            }
            value = value << 1 | u32::from(bit);
            self.normalise();
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use rand_pcg::Pcg32;
    use rand_pcg::rand_core::Rng;

    use super::*;

    fn encode(bits: &[(usize, bool)], odds: &[u16]) -> Vec<u8> {
        let mut bit_models: Vec<BitModel> = odds.iter().map(|odds| BitModel::new(*odds)).collect();
        let mut out = vec![7];
        let mut encoder = Encoder::new(&mut out);
        for (index, bit) in bits {
            encoder.bit(&mut bit_models, *index, *bit);
            encoder.even(3, u32::from(*bit) * 5);
        }
        encoder.finish();
        assert_eq!(out.remove(0), 7, "what was there stays");
        out
    }

    fn decode(bytes: &[u8], places: &[(usize, bool)], odds: &[u16]) -> (Vec<(bool, u32)>, Result<(), DecodeError>) {
        let mut bit_models: Vec<BitModel> = odds.iter().map(|odds| BitModel::new(*odds)).collect();
        let mut decoder = Decoder::new(bytes);
        let bits = places.iter().map(|(index, _)| {
            let bit = decoder.bit(&mut bit_models, *index, false);
            (bit, decoder.even(3, 0))
        });
        (bits.collect(), decoder.finish())
    }

    #[test]
    fn decisions_survive_and_have_one_encoding() {
        let mut random = Pcg32::new(3, 3);
        let odds = [1, 100, 20_000, 32_768, 65_000, 65_535];
        for round in 0..2000 {
            let count = random.next_u32() % 60;
            let skew = 1 + random.next_u32() % 40;
            let bits: Vec<(usize, bool)> = (0..count)
                .map(|_| ((random.next_u32() % 6) as usize, random.next_u32().is_multiple_of(skew) ^ (round % 2 == 0)))
                .collect();
            let bytes = encode(&bits, &odds);
            let (read, end) = decode(&bytes, &bits, &odds);
            assert_eq!(end, Ok(()));
            let wanted: Vec<(bool, u32)> = bits.iter().map(|(_, bit)| (*bit, u32::from(*bit) * 5)).collect();
            assert_eq!(read, wanted);
            for last in 0..=255 {
                let mut other = bytes.clone();
                other.push(last);
                let (read, end) = decode(&other, &bits, &odds);
                assert!(read != wanted || end.is_err(), "a second encoding");
            }
        }
    }

    #[test]
    fn what_was_foreseen_costs_nothing() {
        assert!(encode(&[(0, false); 1], &[1]).is_empty());
        let mut out = Vec::new();
        let mut bit_models = [BitModel::new(65_000)];
        let mut encoder = Encoder::new(&mut out);
        (0..1000).for_each(|_| _ = encoder.bit(&mut bit_models, 0, false));
        encoder.finish();
        assert!(out.is_empty());
    }
}
