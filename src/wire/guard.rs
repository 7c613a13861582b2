//! The guard in front of the WebSocket codec. It reads frame headers as they arrive, in constant memory, and refuses a
//! frame by its header. The codec would first buffer whatever length a header declares.
//!
//! The rules are those of RFC 6455 for a server, narrowed to what the protocol uses: binary messages of one frame each.

use super::close::Close;
use super::limits;

/// Follows the frames of one connection.
#[derive(Debug, Default)]
pub struct Guard {
    header: [u8; 14],
    /// Header bytes read so far.
    have: usize,
    /// Payload bytes of the current frame still to come.
    payload: u64,
    frames: u64,
}

impl Guard {
    /// Checks the next bytes of the connection, however they were split.
    ///
    /// # Errors
    /// The close with which the session must end. Nothing may be passed on or checked after that.
    pub fn inspect(&mut self, mut bytes: &[u8]) -> Result<(), Close> {
        while !bytes.is_empty() {
            if self.payload > 0 {
                let skipped = usize::try_from(self.payload).unwrap_or(usize::MAX).min(bytes.len());
                self.payload -= skipped as u64;
                bytes = &bytes[skipped..];
                continue;
            }
            self.frames += u64::from(self.have == 0);
            self.header[self.have] = bytes[0];
            self.have += 1;
            bytes = &bytes[1..];
            if self.have == 2 {
                check_start(self.header[0], self.header[1])?;
            }
            if self.have >= 2 && self.have == header_len(self.header[1]) {
                self.payload = payload_len(&self.header)?;
                self.have = 0;
            }
        }
        Ok(())
    }

    /// Frames whose first byte was seen.
    pub fn frames(&self) -> u64 {
        self.frames
    }
}

/// A binary message whose frame has the shortest header, as nearly all of a client's have.
pub struct ShortMessage {
    payload: [u8; Self::LONGEST],
    len: usize,
}

impl ShortMessage {
    const LONGEST: usize = 125;
    const HEADER: usize = 2 + MASK_BYTES;

    /// The message, unmasked.
    pub fn payload(&self) -> &[u8] {
        &self.payload[..self.len]
    }

    /// Bytes of the whole frame.
    pub fn frame_len(&self) -> usize {
        Self::HEADER + self.len
    }
}

/// The message at the front of `bytes`, which begin with a frame, if it is a short one and all of it is there.
pub fn short_message(bytes: &[u8]) -> Option<ShortMessage> {
    let [0x82, second, a, b, c, d, masked @ ..] = bytes else { return None };
    let (mask, len) = ([a, b, c, d], usize::from(second & 0x7f));
    if second & 0x80 == 0 || len > ShortMessage::LONGEST {
        return None;
    }
    let mut payload = [0; ShortMessage::LONGEST];
    let masked = masked.get(..len)?;
    for (index, (plain, byte)) in payload.iter_mut().zip(masked).enumerate() {
        *plain = byte ^ mask[index % MASK_BYTES];
    }
    Some(ShortMessage { payload, len })
}

const MASK_BYTES: usize = 4;

fn header_len(second: u8) -> usize {
    MASK_BYTES
        + match second & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        }
}

fn check_start(first: u8, second: u8) -> Result<(), Close> {
    let (fin, reserved, opcode) = (first & 0x80 != 0, first & 0x70, first & 0x0f);
    let (masked, short_len) = (second & 0x80 != 0, second & 0x7f);
    if reserved != 0 || !masked {
        return Err(Close::Protocol);
    }
    match opcode {
        0x1 => Err(Close::Unsupported),
        0x2 if !fin => Err(Close::TooBig),
        0x2 => Ok(()),
        // Control frames are short and not fragmented, and a close frame has no payload or at least a code.
        0x8 if short_len == 1 => Err(Close::Protocol),
        0x8..=0xa if fin && short_len <= 125 => Ok(()),
        // Fragments are never accepted, so there is nothing to continue.
        _ => Err(Close::Protocol),
    }
}

fn payload_len(header: &[u8; 14]) -> Result<u64, Close> {
    let (len, least) = match header[1] & 0x7f {
        126 => (u64::from(u16::from_be_bytes([header[2], header[3]])), 126),
        127 => {
            let len = header[2..10].iter().fold(0, |len, byte| len << 8 | u64::from(*byte));
            (len, 1 << 16)
        }
        short => (u64::from(short), 0),
    };
    if len < least || len >> 63 != 0 {
        return Err(Close::Protocol);
    }
    if len > limits::CLIENT_MESSAGE as u64 { Err(Close::TooBig) } else { Ok(len) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdict must not depend on how the bytes are split.
    fn verdict(bytes: &[u8]) -> Result<(), Close> {
        let whole = Guard::default().inspect(bytes);
        let mut guard = Guard::default();
        let trickled = bytes.chunks(1).try_for_each(|byte| guard.inspect(byte));
        assert_eq!(whole, trickled);
        whole
    }

    fn frame(first: u8, second: u8, rest: &[u8]) -> Vec<u8> {
        [&[first, second], rest].concat()
    }

    #[test]
    fn short_messages_are_read_when_they_are_whole_and_nothing_else_is() {
        let bytes = frame(0x82, 0x83, &[1, 2, 3, 4, 9 ^ 1, 8 ^ 2, 7 ^ 3, 0x82]);
        let message = short_message(&bytes).expect("a short message");
        assert_eq!((message.payload(), message.frame_len()), (&[9, 8, 7][..], 9));
        assert!((0..9).all(|cut| short_message(&bytes[..cut]).is_none()), "a part of it is no message");
        let long = frame(0x82, 0xfe, &[[0, 126].as_slice(), &[0; 130]].concat());
        let longest = frame(0x82, 0x80 | 125, &[5; 129]);
        assert_eq!(short_message(&longest).map(|message| message.payload().to_vec()), Some(vec![0; 125]));
        for (first, second) in [(0x82, 0x03), (0x02, 0x83), (0x81, 0x83), (0x89, 0x83), (0x88, 0x83), (0xc2, 0x83)] {
            assert!(short_message(&frame(first, second, &[0; 7])).is_none(), "{first:x} {second:x}");
        }
        assert!(short_message(&long).is_none());
    }

    #[test]
    fn legal_frames_pass() {
        let mut bytes = frame(0x82, 0x83, &[1, 2, 3, 4, 9, 9, 9]);
        bytes.extend(frame(0x82, 0xfe, &[[1, 0].as_slice(), &[0; 4], &[7; 256]].concat()));
        bytes.extend(frame(0x89, 0x80, &[0; 4]));
        bytes.extend(frame(0x88, 0x82, &[0; 6]));
        assert_eq!(verdict(&bytes), Ok(()));
    }

    #[test]
    fn each_offence_has_its_code() {
        let unmasked = frame(0x82, 0x01, &[0]);
        let reserved_bit = frame(0xc2, 0x80, &[0; 4]);
        let reserved_opcode = frame(0x83, 0x80, &[0; 4]);
        let stray_continuation = frame(0x80, 0x80, &[0; 4]);
        let fragmented_ping = frame(0x09, 0x80, &[0; 4]);
        let long_ping = frame(0x89, 0xfe, &[0, 126]);
        let one_byte_close = frame(0x88, 0x81, &[0; 5]);
        let not_minimal = frame(0x82, 0xfe, &[0, 125, 0, 0, 0, 0]);
        let most_significant = frame(0x82, 0xff, &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for bytes in [
            unmasked,
            reserved_bit,
            reserved_opcode,
            stray_continuation,
            fragmented_ping,
            long_ping,
            one_byte_close,
            not_minimal,
            most_significant,
        ] {
            assert_eq!(verdict(&bytes), Err(Close::Protocol), "{bytes:x?}");
        }
        assert_eq!(verdict(&frame(0x81, 0x80, &[0; 4])), Err(Close::Unsupported));
        assert_eq!(verdict(&frame(0x02, 0x80, &[0; 4])), Err(Close::TooBig));
        let terabyte = frame(0x82, 0xff, &[0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(verdict(&terabyte), Err(Close::TooBig));
    }
}
