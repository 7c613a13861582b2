//! Reads and writes numbers and slices by hand, for the compact layouts of frames and inputs.
//!
//! Reading checks its input and accepts only the shortest form of a number; writing trusts it. The numbers are those of
//! the general codec, so that PROTOCOL.md has one kind of varint for messages.

use super::codec::WireError;

const TWO_BYTES: u8 = 251;
const FOUR_BYTES: u8 = 252;
const EIGHT_BYTES: u8 = 253;

/// Bytes still to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct ByteReader<'a>(&'a [u8]);

impl<'a> ByteReader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// Continues after bytes that were read elsewhere.
    pub fn resume_at(&mut self, rest: &'a [u8]) {
        self.0 = rest;
    }

    pub fn take(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(WireError::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    pub fn u8(&mut self) -> Result<u8, WireError> {
        Ok(self.array::<1>()?[0])
    }

    pub fn u16(&mut self) -> Result<u16, WireError> {
        u16::try_from(self.u32()?).map_err(|_| WireError::Malformed)
    }

    pub fn u32(&mut self) -> Result<u32, WireError> {
        let (number, least) = match self.u8()? {
            TWO_BYTES => (u32::from(u16::from_le_bytes(self.array()?)), u32::from(TWO_BYTES)),
            FOUR_BYTES => (u32::from_le_bytes(self.array()?), 1 << 16),
            small @ ..TWO_BYTES => (u32::from(small), 0),
            _ => return Err(WireError::Malformed),
        };
        if number < least { Err(WireError::NotCanonical) } else { Ok(number) }
    }

    pub fn u64(&mut self) -> Result<u64, WireError> {
        if self.0.first() != Some(&EIGHT_BYTES) {
            return self.u32().map(u64::from);
        }
        self.u8()?;
        let number = u64::from_le_bytes(self.array()?);
        if number >> 32 == 0 { Err(WireError::NotCanonical) } else { Ok(number) }
    }

    /// Reads a number that has another form when it is below `least`.
    pub fn at_least(&mut self, least: u32) -> Result<u32, WireError> {
        let number = self.u32()?;
        if number < least { Err(WireError::NotCanonical) } else { Ok(number) }
    }

    /// Reads a number of always four bytes.
    pub fn fixed(&mut self) -> Result<u32, WireError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Reads a length and that many bytes.
    pub fn slice(&mut self) -> Result<&'a [u8], WireError> {
        let length = self.u32()? as usize;
        self.take(length)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(WireError::Malformed)?;
        self.0 = rest;
        Ok(*taken)
    }
}

/// Writes what [`ByteReader::u64`] reads.
pub(super) fn put_u64(out: &mut Vec<u8>, number: u64) {
    match u32::try_from(number) {
        Ok(number) => put(out, number),
        Err(_) => {
            out.push(EIGHT_BYTES);
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
}

/// Writes what [`ByteReader::u32`] reads.
pub(super) fn put(out: &mut Vec<u8>, number: u32) {
    match (u8::try_from(number), u16::try_from(number)) {
        (Ok(small @ ..TWO_BYTES), _) => out.push(small),
        (_, Ok(middle)) => {
            out.push(TWO_BYTES);
            out.extend_from_slice(&middle.to_le_bytes());
        }
        _ => {
            out.push(FOUR_BYTES);
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
}

/// Writes what [`ByteReader::slice`] reads.
pub(super) fn put_slice(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u32);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_form() {
        for number in [0, 1, 250, 251, 255, 256, 65_535, 65_536, u32::MAX] {
            let mut out = Vec::new();
            put(&mut out, number);
            let mut cursor = ByteReader::new(&out);
            assert_eq!(cursor.u32(), Ok(number));
            assert!(cursor.is_empty());
        }
        assert_eq!(ByteReader::new(&[251, 250, 0]).u32(), Err(WireError::NotCanonical));
        assert_eq!(ByteReader::new(&[252, 255, 255, 0, 0]).u32(), Err(WireError::NotCanonical));
        assert_eq!(ByteReader::new(&[253, 0, 0, 0, 0, 1, 0, 0, 0]).u32(), Err(WireError::Malformed));
        assert_eq!(ByteReader::new(&[251, 1]).u32(), Err(WireError::Malformed));
    }
}
