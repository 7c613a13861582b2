//! The bytes of a connection on their way to the codec: past the guard, which refuses a frame at its header.
//!
//! Which rules there are is `wire::Guard`'s; how the session ends is the session's.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll};

use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::Stream;

use crate::wire::{Close, Guard};

/// The payload stream behind the guard: ends with an error at the first byte that breaks a rule.
pub struct Guarded<S> {
    stream: S,
    guard: Guard,
    offence: Rc<Cell<Option<Close>>>,
    failed: bool,
}

impl<S> Guarded<S> {
    /// `stream` behind a guard that lays down in `offence` what it found.
    pub fn new(stream: S, offence: Rc<Cell<Option<Close>>>) -> Self {
        Self { stream, guard: Guard::default(), offence, failed: false }
    }
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Stream for Guarded<S> {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        if self.failed {
            return Poll::Ready(None);
        }
        let polled = Pin::new(&mut self.stream).poll_next(cx);
        let Poll::Ready(Some(Ok(chunk))) = &polled else {
            return polled;
        };
        match self.guard.inspect(chunk) {
            Ok(()) => polled,
            Err(close) => {
                self.offence.set(Some(close));
                self.failed = true;
                Poll::Ready(Some(Err(PayloadError::EncodingCorrupted)))
            }
        }
    }
}
