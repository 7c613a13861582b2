//! The payload stream between a connection and the WebSocket codec. The guard refuses a frame at its header.
//!
//! `wire::Guard` defines the rules; the session decides how it ends.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, ready};

use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::Stream;

use crate::wire::{Close, Guard};

/// State that the guard and its session share.
#[derive(Debug, Default)]
pub struct GuardState {
    /// The rule that the client broke, if any.
    offence: Cell<Option<Close>>,
    /// Frames of which the first byte has passed.
    passed: Cell<u64>,
    /// Frames that the session has taken from the codec.
    heard: Cell<u64>,
}

impl GuardState {
    /// The rule that the client broke, if any.
    pub fn offence(&self) -> Option<Close> {
        self.offence.get()
    }

    /// Frames that have passed the guard, wholly or in part, and that the session has not taken yet.
    pub fn ahead(&self) -> u64 {
        self.passed.get().saturating_sub(self.heard.get())
    }

    /// Counts one more frame, or the error in its place, as taken from the codec.
    pub fn hear(&self) {
        self.heard.set(self.heard.get() + 1);
    }
}

/// The payload stream behind the guard. It ends with an error at the first byte that breaks a rule. When the connection
/// fails, it ends without an error: on an error the codec drops what it has not decoded yet, which may include a close
/// frame.
///
/// The stream is pending while too many frames have passed the guard and are not yet handled. The codec reads all available
/// bytes before it decodes the first frame, and the actor handles 16 frames per turn; without this limit a flood of tiny
/// frames would pile up between the two.
pub struct FrameGuard<S> {
    stream: S,
    guard: Guard,
    guard_state: Rc<GuardState>,
    ended: bool,
}

impl<S> FrameGuard<S> {
    /// Most frames that have passed the guard and are not yet handled by the session.
    const AHEAD: u64 = 16;

    /// Puts `stream` behind a guard.
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
        // All of these frames but the last are complete, so the session will take one and poll again.
        if self.guard_state.ahead() > Self::AHEAD {
            return Poll::Pending;
        }
        let Some(Ok(chunk)) = ready!(Pin::new(&mut self.stream).poll_next(cx)) else {
            self.ended = true;
            return Poll::Ready(None);
        };
        let verdict = self.guard.inspect(&chunk);
        self.guard_state.passed.set(self.guard.frames());
        Poll::Ready(Some(match verdict {
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
