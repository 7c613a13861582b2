//! A stream that is polled only after its own waker was called.
//!
//! All streams of an actor share one waker: when one of them is ready, the others are polled too, and a socket or timer
//! that is not ready registers the same waker again. The gate avoids those polls.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Poll, Wake, Waker};

use futures_util::Stream;
use futures_util::task::AtomicWaker;

/// A stream with its own waker.
pub struct PollOnWake<S> {
    stream: S,
    bell: Arc<Bell>,
    waker: Waker,
}

#[derive(Default)]
struct Bell {
    rung: AtomicBool,
    sleeper: AtomicWaker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.sleeper.wake();
    }
}

impl<S> PollOnWake<S> {
    /// Wraps `stream`, which is polled once at the start. It must wake the last waker it was polled with.
    pub fn new(stream: S) -> Self {
        let bell = Arc::new(Bell { rung: AtomicBool::new(true), sleeper: AtomicWaker::new() });
        Self { stream, waker: bell.clone().into(), bell }
    }
}

impl<S: Stream + Unpin> Stream for PollOnWake<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        // Waking consumes the registered waker; register it again before the flag is read.
        this.bell.sleeper.register(cx.waker());
        if !this.bell.rung.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let polled = Pin::new(&mut this.stream).poll_next(&mut TaskContext::from_waker(&this.waker));
        if polled.is_ready() {
            this.bell.rung.store(true, Ordering::Release);
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use futures_util::stream;

    use super::*;

    #[derive(Default)]
    struct Flag(AtomicBool);

    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn it_is_asked_when_it_rang_and_wakes_whoever_asked_last() {
        let (asked, has) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(true)));
        let rope = Rc::new(Cell::new(None::<Waker>));
        let (counted, source, rung) = (asked.clone(), has.clone(), rope.clone());
        let mut poll_on_wake = PollOnWake::new(stream::poll_fn(move |cx| {
            counted.set(counted.get() + 1);
            rung.set(Some(cx.waker().clone()));
            if source.replace(false) { Poll::Ready(Some(())) } else { Poll::Pending }
        }));
        let flags = [Arc::<Flag>::default(), Arc::<Flag>::default()];
        let wakers = flags.clone().map(Waker::from);
        let mut ask =
            |who: usize| Pin::new(&mut poll_on_wake).poll_next(&mut TaskContext::from_waker(&wakers[who])).is_ready();
        assert!(ask(0), "it is asked to begin with");
        assert!(!ask(0) && !ask(0) && !ask(1) && !ask(1));
        assert_eq!(asked.get(), 2, "after what it had, it is asked once more, then left alone");
        has.set(true);
        rope.take().expect("it was asked").wake();
        assert_eq!(flags.each_ref().map(|flag| flag.0.load(Ordering::Relaxed)), [false, true]);
        assert!(ask(1));
        assert_eq!(asked.get(), 3);
    }
}
