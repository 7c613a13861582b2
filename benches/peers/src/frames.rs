//! WebSocket framing, as little of it as both ends of this benchmark need: no fragments, no extensions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// A text message.
pub const TEXT: u8 = 1;
/// A binary message.
pub const BINARY: u8 = 2;
/// The end, with a code.
pub const CLOSE: u8 = 8;
/// A question to be answered with the same bytes.
pub const PING: u8 = 9;
/// Its answer.
pub const PONG: u8 = 10;

/// Where a complete frame lies in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub opcode: u8,
    /// Bytes of its header.
    pub header: usize,
    /// Bytes of its payload.
    pub length: usize,
    /// The mask of a client's frame.
    pub mask: Option<[u8; 4]>,
}

/// The frame at the beginning of `bytes`; `None` while it is incomplete.
pub fn parse(bytes: &[u8]) -> Option<Frame> {
    let &[first, second, ..] = bytes else { return None };
    let (length, mut header) = match second & 127 {
        126 => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
        127 => (usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?, 10),
        short => (usize::from(short), 2),
    };
    let mask = if second & 128 == 0 {
        None
    } else {
        header += 4;
        Some(bytes.get(header - 4..header)?.try_into().ok()?)
    };
    (bytes.len() >= header.checked_add(length)?).then_some(Frame { opcode: first & 15, header, length, mask })
}

/// Appends a message of a client, masked.
pub fn put_masked(out: &mut Vec<u8>, opcode: u8, payload: &[u8], mask: [u8; 4]) {
    put_header(out, opcode, payload.len(), 128);
    out.extend_from_slice(&mask);
    let begin = out.len();
    out.extend_from_slice(payload);
    unmask(&mut out[begin..], mask);
}

/// Appends a message of a server.
pub fn put_plain(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    put_header(out, opcode, payload.len(), 0);
    out.extend_from_slice(payload);
}

/// Takes a mask off, or puts it on.
pub fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

/// What a server answers to a client's `Sec-WebSocket-Key`.
pub fn accept_key(key: &str) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize())
}

fn put_header(out: &mut Vec<u8>, opcode: u8, length: usize, mask: u8) {
    out.push(0x80 | opcode);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..126), _) => out.push(mask | short),
        (_, Ok(medium)) => {
            out.push(mask | 126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(mask | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_are_read_back() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![7; length];
            let (mut masked, mut plain) = (Vec::new(), Vec::new());
            put_masked(&mut masked, BINARY, &payload, [1, 2, 3, 4]);
            put_plain(&mut plain, TEXT, &payload);
            assert_eq!(parse(&masked[..masked.len() - 1]), None, "{length}");
            let frame = parse(&masked).unwrap();
            assert_eq!((frame.opcode, frame.length, frame.mask), (BINARY, length, Some([1, 2, 3, 4])));
            unmask(&mut masked[frame.header..], [1, 2, 3, 4]);
            assert_eq!(masked[frame.header..], payload);
            assert_eq!(parse(&plain).map(|frame| (frame.opcode, frame.length)), Some((TEXT, length)));
        }
    }

    #[test]
    fn the_key_of_the_rfc_is_answered_as_there() {
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
