//! The bytes of a connection on their way to the codec: past the guard, which refuses a frame at its header.
//!
//! Which rules there are is `wire::Guard`'s; how the session ends is the session's.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, ready};

use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::Stream;

use crate::wire::{Close, Guard};

/// What the guard and whoever listens behind it tell each other.
#[derive(Debug, Default)]
pub struct GuardState {
    /// What the guard found.
    offence: Cell<Option<Close>>,
    heard: Cell<u64>,
}

impl GuardState {
    /// The rule that was broken.
    pub fn offence(&self) -> Option<Close> {
        self.offence.get()
    }

    /// Notes that one more frame, or the error in its stead, was taken from the codec.
    pub fn hear(&self) {
        self.heard.set(self.heard.get() + 1);
    }
}

/// The payload stream behind the guard: ends with an error at the first byte that breaks a rule. A connection that fails ends it
/// without one: upon an error the codec drops what it has not decoded yet, and that may be a goodbye.
///
/// It runs dry while too many frames were let through and not heard yet. The codec takes whatever there is before it decodes
/// a single frame, and the actor has turns of 16 frames: a flood of tiny ones would pile up between them.
pub struct FrameGuard<S> {
    stream: S,
    guard: Guard,
    guard_state: Rc<GuardState>,
    ended: bool,
}

impl<S> FrameGuard<S> {
    /// Frames on their way to the actor.
    const AHEAD: u64 = 16;

    /// `stream` behind a guard.
    pub fn new(stream: S, guard_state: Rc<GuardState>) -> Self {
        Self { stream, guard: Guard::default(), guard_state, ended: false }
    }
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Stream for FrameGuard<S> {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        // All but the last of them are whole: the actor takes one and asks again.
        if self.guard.frames().saturating_sub(self.guard_state.heard.get()) > Self::AHEAD {
            return Poll::Pending;
        }
        let Some(Ok(chunk)) = ready!(Pin::new(&mut self.stream).poll_next(cx)) else {
            self.ended = true;
            return Poll::Ready(None);
        };
        Poll::Ready(Some(match self.guard.inspect(&chunk) {
            Ok(()) => Ok(chunk),
            Err(close) => {
                self.guard_state.offence.set(Some(close));
                self.ended = true;
                Err(PayloadError::EncodingCorrupted)
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream::repeat_with;
    use futures_util::task::noop_waker_ref;

    use super::*;

    #[test]
    fn frames_that_nobody_hears_are_not_read_on() {
        let ping = [0x89, 0x80, 0, 0, 0, 0];
        let flood = repeat_with(|| Ok(Bytes::copy_from_slice(&ping.repeat(10))));
        let guard_state = Rc::new(GuardState::default());
        let mut frame_guard = FrameGuard::new(Box::pin(flood), guard_state.clone());
        let mut context = TaskContext::from_waker(noop_waker_ref());
        let mut read = || {
            let mut chunks = 0;
            while Pin::new(&mut frame_guard).poll_next(&mut context).is_ready() {
                chunks += 1;
            }
            chunks
        };
        assert_eq!(read(), 2);
        (0..3).for_each(|_| guard_state.hear());
        assert_eq!(read(), 0);
        (0..10).for_each(|_| guard_state.hear());
        assert_eq!(read(), 1);
    }
}
