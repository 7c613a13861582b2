//! The integers of a zone payload: canonical LEB128 varints, zigzag for signed values.
//!
//! The reader trusts nothing: every count is checked against what is left before anything is made of it, and only the
//! shortest form of a number is accepted, so that one state has one encoding.

/// Why bytes were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end within a value.
    #[error("the bytes end too early")]
    Truncated,
    /// Bytes are left over.
    #[error("bytes are left over")]
    Trailing,
    /// A number is not in its shortest form, or a change changes nothing.
    #[error("a value is not in its canonical form")]
    NotCanonical,
    /// A number is outside its range, or ids or indices do not rise.
    #[error("a value is outside its range")]
    OutOfRange,
    /// The delta does not start at this state.
    #[error("the delta does not fit this state")]
    WrongBase,
}

pub(super) fn put(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn put_signed(out: &mut Vec<u8>, value: i32) {
    put(out, ((value << 1) ^ (value >> 31)).cast_unsigned());
}

/// Reads what [`put`] and [`put_signed`] wrote.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub fn take(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0_u32;
        for shift in [0, 7, 14, 21, 28] {
            let (&byte, rest) = self.bytes.split_first().ok_or(DecodeError::Truncated)?;
            self.bytes = rest;
            let low = u32::from(byte & 0x7f);
            if shift == 28 && low > 0x0f {
                return Err(DecodeError::OutOfRange);
            }
            value |= low << shift;
            if byte < 0x80 {
                return if byte == 0 && shift > 0 { Err(DecodeError::NotCanonical) } else { Ok(value) };
            }
        }
        Err(DecodeError::OutOfRange)
    }

    pub fn take_signed(&mut self) -> Result<i32, DecodeError> {
        let raw = self.take()?;
        Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    /// A count of things that take at least `bytes` bytes each.
    pub fn take_count(&mut self, bytes: usize) -> Result<usize, DecodeError> {
        let count = self.take()? as usize;
        if count > self.bytes.len() / bytes { Err(DecodeError::Truncated) } else { Ok(count) }
    }

    pub fn finish(self) -> Result<(), DecodeError> {
        if self.bytes.is_empty() { Ok(()) } else { Err(DecodeError::Trailing) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_length_survives() {
        for shift in 0..32 {
            for value in [1_u32 << shift, (1_u32 << shift) - 1, u32::MAX >> shift] {
                let mut out = Vec::new();
                put(&mut out, value);
                put_signed(&mut out, value.cast_signed());
                let mut reader = Reader::new(&out);
                assert_eq!(reader.take(), Ok(value));
                assert_eq!(reader.take_signed(), Ok(value.cast_signed()));
                assert_eq!(reader.finish(), Ok(()));
            }
        }
    }

    #[test]
    fn long_forms_are_refused() {
        assert_eq!(Reader::new(&[0x80, 0x00]).take(), Err(DecodeError::NotCanonical));
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x1f]).take(), Err(DecodeError::OutOfRange));
        assert_eq!(Reader::new(&[0x80]).take(), Err(DecodeError::Truncated));
    }
}
