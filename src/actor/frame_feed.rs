//! The way of frames from rooms to the relay of a worker: a place for the newest frame of each room, and the list of the places
//! in which there is something new.
//!
//! Nothing queues up: a relay that is behind finds the newest frame of each room. A room that has been told when its sessions
//! there want their next frame keeps the others to itself.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures_util::Stream;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use super::message::{RelayKey, RoomKey};
use crate::snapshot::Frame;
use crate::tick::Tick;

/// The way from one room to one relay.
#[derive(Debug)]
pub struct FrameFeed {
    room: RoomKey,
    inbox: Arc<FrameInbox>,
    /// The newest frame that the relay has not taken.
    frame: Mutex<Option<Arc<Frame>>>,
    /// Whether the relay is told, and has not looked since.
    is_told: AtomicBool,
    /// The tick of the next frame that a session wants; [`Self::ANY`] if that is not known.
    wanted: AtomicU64,
}

/// What is new for one relay.
#[derive(Debug)]
pub struct FrameInbox {
    key: RelayKey,
    told: Mutex<Unread>,
    relay: AtomicWaker,
}

#[derive(Debug, Default)]
struct Unread {
    /// Each feed once.
    feeds: Vec<Arc<FrameFeed>>,
    /// Whether the relay is gone.
    is_closed: bool,
}

impl FrameFeed {
    const ANY: u64 = u64::MAX;

    /// A feed of `room` for the relay of `inbox`.
    pub fn new(room: RoomKey, inbox: Arc<FrameInbox>) -> Arc<Self> {
        let (frame, is_told, wanted) = (Mutex::default(), AtomicBool::new(false), AtomicU64::new(Self::ANY));
        Arc::new(Self { room, inbox, frame, is_told, wanted })
    }

    /// The room.
    pub fn room(&self) -> RoomKey {
        self.room
    }

    /// The relay.
    pub fn relay(&self) -> RelayKey {
        self.inbox.key()
    }

    /// Publishes the newest frame, if a session wants one of this tick.
    pub fn publish(self: &Arc<Self>, frame: &Arc<Frame>) {
        let wanted = self.wanted.load(Ordering::Relaxed);
        if wanted == Self::ANY || frame.tick().since(Tick(wanted as u32)) >= 0 {
            *self.frame.lock() = Some(frame.clone());
            self.tell();
        }
    }

    /// Lets the relay know that there is something to send besides frames.
    pub fn tell(self: &Arc<Self>) {
        if !self.is_told.swap(true, Ordering::AcqRel) {
            self.inbox.add(self.clone());
        }
    }

    /// Takes the newest frame, if the relay has not taken it before.
    pub fn take(&self) -> Option<Arc<Frame>> {
        self.is_told.store(false, Ordering::Release);
        self.frame.lock().take()
    }

    /// No session wants a frame before this tick.
    pub fn rest_until(&self, tick: Tick) {
        self.wanted.store(tick.0.into(), Ordering::Relaxed);
    }

    /// A session came that may want any frame.
    pub fn wake(&self) {
        self.wanted.store(Self::ANY, Ordering::Relaxed);
    }
}

impl FrameInbox {
    /// The inbox of the relay with this key.
    pub fn new(key: RelayKey) -> Arc<Self> {
        Arc::new(Self { key, told: Mutex::default(), relay: AtomicWaker::new() })
    }

    /// The relay's key.
    pub fn key(&self) -> RelayKey {
        self.key
    }

    /// Moves the feeds in which there is something new to `feeds`, which is empty.
    pub fn take(&self, feeds: &mut Vec<Arc<FrameFeed>>) {
        std::mem::swap(&mut self.told.lock().feeds, feeds);
    }

    fn add(&self, feed: Arc<FrameFeed>) {
        let mut told = self.told.lock();
        if told.is_closed {
            return;
        }
        told.feeds.push(feed);
        let is_first = told.feeds.len() == 1;
        drop(told);
        if is_first {
            self.relay.wake();
        }
    }
}

/// A stream that yields whenever there is something new for a relay. While it lives, feeds are heeded.
pub struct News(pub Arc<FrameInbox>);

/// There is something new, until the relay takes it.
pub struct Fresh;

impl Stream for News {
    type Item = Fresh;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.relay.register(cx.waker());
        if self.0.told.lock().feeds.is_empty() { Poll::Pending } else { Poll::Ready(Some(Fresh)) }
    }
}

impl Drop for News {
    fn drop(&mut self) {
        *self.0.told.lock() = Unread { feeds: Vec::new(), is_closed: true };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::task::Wake;

    use super::*;
    use crate::snapshot::Schema;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn frame(tick: u32) -> Arc<Frame> {
        let schema = Arc::new(Schema::new(Vec::new()).expect("a schema"));
        Arc::new(Frame::initial(schema, Tick(tick)))
    }

    #[test]
    fn a_relay_is_woken_once_and_finds_the_newest_frame_of_each_room() {
        let inbox = FrameInbox::new(RelayKey(1));
        let (mut news, count, mut told) = (News(inbox.clone()), Arc::<Count>::default(), Vec::new());
        let waker = count.clone().into();
        let mut poll = || Pin::new(&mut news).poll_next(&mut Context::from_waker(&waker));
        assert!(poll().is_pending());
        let feeds = [1, 2, 3].map(|room| FrameFeed::new(RoomKey(room), inbox.clone()));
        feeds[0].publish(&frame(1));
        feeds[1].publish(&frame(7));
        feeds[0].publish(&frame(2));
        feeds[2].tell();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(poll().is_ready());
        inbox.take(&mut told);
        let taken = told.drain(..).map(|feed| (feed.room().0, feed.take().map(|frame| frame.tick().0)));
        assert_eq!(taken.collect::<Vec<_>>(), [(1, Some(2)), (2, Some(7)), (3, None)]);
        assert!(poll().is_pending());
        feeds[1].publish(&frame(8));
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
        assert!(poll().is_ready());
    }

    #[test]
    fn a_room_keeps_frames_that_nobody_wants_across_the_wrap_of_ticks() {
        let feed = FrameFeed::new(RoomKey(1), FrameInbox::new(RelayKey(1)));
        let published = |tick: u32| {
            feed.publish(&frame(tick));
            feed.take().is_some()
        };
        assert!(published(u32::MAX - 9), "nobody has said anything");
        feed.rest_until(Tick(10));
        let ticks = [u32::MAX - 8, u32::MAX, 0, 9, 10, 11];
        assert_eq!(ticks.map(published), [false, false, false, false, true, true]);
        feed.rest_until(Tick(30));
        assert!(!published(12));
        feed.wake();
        assert!(published(13));
    }

    #[test]
    fn a_relay_that_is_gone_keeps_no_feed_alive() {
        let inbox = FrameInbox::new(RelayKey(1));
        let feed = FrameFeed::new(RoomKey(1), inbox.clone());
        feed.publish(&frame(1));
        drop(News(inbox));
        feed.take();
        feed.publish(&frame(2));
        assert_eq!(Arc::strong_count(&feed), 1);
    }
}
