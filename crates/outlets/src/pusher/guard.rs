//! Frames that are longer than any message may be are refused by their head. The library that parses them would wait for the
//! whole frame, and keep what has come of it, however long it says to be.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_util::Stream;

use super::hub::MESSAGE;

/// The bytes of a client, up to the first frame that is too long.
struct Guard {
    payload: Payload,
    lengths: Lengths,
}

/// Where in its frames a stream is.
#[derive(Default)]
struct Lengths {
    /// What has come of a frame's head.
    head: Vec<u8>,
    /// Bytes of the payload that are still to come.
    left: u64,
}

/// Guards what a client sends.
pub fn guarded(payload: Payload) -> Payload {
    let guard: Pin<Box<dyn Stream<Item = _>>> = Box::pin(Guard { payload, lengths: Lengths::default() });
    guard.into()
}

impl Stream for Guard {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(Pin::new(&mut self.payload).poll_next(cx));
        let Some(Ok(bytes)) = &next else { return Poll::Ready(next) };
        let fits = self.lengths.admit(bytes);
        Poll::Ready(if fits { next } else { Some(Err(PayloadError::Overflow)) })
    }
}

impl Lengths {
    /// Whether all frames that begin in `bytes` are short enough.
    fn admit(&mut self, mut bytes: &[u8]) -> bool {
        while let Some((&byte, rest)) = bytes.split_first() {
            if self.left > 0 {
                let part = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                self.left -= part as u64;
                bytes = &bytes[part..];
                continue;
            }
            bytes = rest;
            self.head.push(byte);
            if let Some(length) = length_in(&self.head) {
                if length > MESSAGE as u64 {
                    return false;
                }
                self.left = length;
                self.head.clear();
            }
        }
        true
    }
}

/// The length of the payload behind a frame's head; `None` while the head is not complete.
fn length_in(head: &[u8]) -> Option<u64> {
    let second = *head.get(1)?;
    let (short, mask) = (second & 127, if second & 128 == 0 { 0 } else { 4 });
    let more = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let digits = head.get(2..2 + more)?;
    head.get(2 + more + mask - 1)?;
    let long = digits.iter().fold(0, |length, digit| length << 8 | u64::from(*digit));
    Some(if more == 0 { short.into() } else { long })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(length: u64, masked: bool) -> Vec<u8> {
        let mark = if masked { 128 } else { 0 };
        let mut frame = match length {
            0..126 => vec![0x81, mark | length as u8],
            126..0x1_0000 => [&[0x81, mark | 126][..], &(length as u16).to_be_bytes()].concat(),
            _ => [&[0x81, mark | 127][..], &length.to_be_bytes()].concat(),
        };
        frame.extend(if masked { &[7; 4][..] } else { &[] });
        frame
    }

    #[test]
    fn frames_are_refused_at_the_end_of_their_head_however_they_come() {
        let most = MESSAGE as u64;
        for masked in [true, false] {
            for length in [0, 1, 125, 126, 127, 1000, most] {
                let mut bytes = frame(length, masked);
                bytes.extend(vec![255; length as usize]);
                let whole = [&bytes[..], &bytes].concat();
                for size in [1, 3, 1000, whole.len()] {
                    let mut lengths = Lengths::default();
                    assert!(whole.chunks(size).all(|part| lengths.admit(part)), "{length} in parts of {size}");
                    assert_eq!((lengths.left, lengths.head.len()), (0, 0));
                }
            }
            for length in [most + 1, 0xffff, 1 << 40, u64::MAX] {
                let bytes = [frame(3, masked), vec![255; 3], frame(length, masked)].concat();
                let mut lengths = Lengths::default();
                let (last, before) = bytes.split_last().expect("there are some");
                assert!(before.iter().all(|byte| lengths.admit(&[*byte])) && !lengths.admit(&[*last]), "{length}");
            }
        }
    }
}
