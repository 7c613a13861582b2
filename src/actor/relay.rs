//! The relay of one HTTP worker thread: keeps the newest frame of each room for its thread and wakes the sessions there.
//!
//! Sessions share the relay's table, so joining and leaving a relay takes no message. A session that has not handled its
//! last wake-up is not woken again. The relay also ends sessions whose client has stopped reading: such a session is frozen
//! and cannot end itself.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use actix::{Actor, Addr, AsyncContext, Context, Handler, Recipient};
use futures_util::Stream;

use super::clock::Clock;
use super::message::{Publish, RelayKey, RoomKey};
use super::metrics::Metrics;
use super::socket_handle::SocketHandle;
use super::watchdog::{Heartbeat, Part, Watchdog};
use crate::snapshot::Frame;
use crate::tick::Moment;
use crate::wire::limits;

/// The relay actor. Only rooms send it messages.
pub struct Relay {
    table: Rc<RefCell<Table>>,
    clock: Clock,
    metrics: Arc<Metrics>,
    looked: Moment,
    heartbeat: Arc<Heartbeat>,
}

/// The relay as the sessions of its thread see it.
#[derive(Clone)]
pub struct RelayHandle {
    key: RelayKey,
    publish: Addr<Relay>,
    table: Rc<RefCell<Table>>,
    clock: Clock,
}

#[derive(Default)]
struct Table {
    rooms: BTreeMap<RoomKey, RoomListeners>,
    /// The sockets of ended sessions, and when each is cut if it is still open.
    buried: Vec<(Moment, SocketHandle)>,
}

/// A room with sessions on this thread.
#[derive(Default)]
struct RoomListeners {
    newest: Option<Arc<Frame>>,
    sessions: Vec<Listener>,
}

struct Listener {
    session_waker: Rc<SessionWaker>,
    socket_handle: Option<SocketHandle>,
}

/// State that the relay shares with a session of its thread: it wakes the session, and sees when a frozen session is
/// overdue.
#[derive(Debug, Default)]
pub struct SessionWaker {
    /// A newer frame has arrived and the session has not handled it yet.
    woken: Cell<bool>,
    sleeper: RefCell<Option<Waker>>,
    /// When the client must have acknowledged something, if anything is unacknowledged.
    pub patient_until: Cell<Option<Moment>>,
    /// Whether the relay cut the socket because the client was overdue.
    pub cut_as_slow_consumer: Cell<bool>,
}

impl SessionWaker {
    fn wake(&self) {
        if !self.woken.replace(true)
            && let Some(sleeper) = &*self.sleeper.borrow()
        {
            sleeper.wake_by_ref();
        }
    }
}

/// A stream that yields whenever a newer frame has arrived.
pub struct FrameSignals(pub Rc<SessionWaker>);

/// A newer frame has arrived.
pub struct FrameReady;

impl Stream for FrameSignals {
    type Item = FrameReady;

    fn poll_next(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<FrameReady>> {
        if self.0.woken.replace(false) {
            return Poll::Ready(Some(FrameReady));
        }
        let mut sleeper = self.0.sleeper.borrow_mut();
        if !sleeper.as_ref().is_some_and(|sleeper| sleeper.will_wake(cx.waker())) {
            *sleeper = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Relay {
    /// A mailbox holds a frame of each room the relay serves and some more. Frames that find it full are dropped; newer
    /// ones follow.
    const MAILBOX: usize = 1024;
    const REFRESH_EVERY: Duration = Duration::from_millis(500);
    /// An overdue session that is not frozen has this long to end itself with a close code.
    const CHANCE: Duration = Duration::from_millis(1500);

    /// Starts the relay of the current thread.
    pub fn start_here(clock: Clock, metrics: Arc<Metrics>, watchdog: &Watchdog) -> RelayHandle {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let table = Rc::new(RefCell::new(Table::default()));
        let key = RelayKey(NEXT.fetch_add(1, Ordering::Relaxed));
        let heartbeat = Arc::new(Heartbeat::of_thread());
        watchdog.watch(Part::Worker(key), &heartbeat);
        let relay = Self { table: table.clone(), clock, metrics, looked: clock.now(), heartbeat };
        RelayHandle { key, publish: relay.start(), table, clock }
    }

    /// Cuts the sockets of sessions whose client is overdue.
    fn evict(&self, now: Moment) {
        for listener in self.table.borrow().rooms.values().flat_map(|listeners| &listeners.sessions) {
            let until = listener.session_waker.patient_until.get();
            let stalled = until.is_some_and(|until| now >= until.plus(Self::CHANCE));
            if let Some(socket_handle) = &listener.socket_handle
                && stalled
                && !listener.session_waker.cut_as_slow_consumer.replace(true)
            {
                self.metrics.counts.evictions.inc();
                socket_handle.cut();
            }
        }
    }

    fn sweep(&mut self, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        // After a pause of the whole process, acknowledgements may lie unread in sockets, so nobody is cut this time.
        if now.since(self.looked) < Self::REFRESH_EVERY * 2 {
            self.evict(now);
        }
        self.looked = now;
        self.table.borrow_mut().buried.retain(|(until, socket_handle)| {
            let due = now >= *until;
            if due {
                socket_handle.cut();
            }
            !due
        });
        ctx.run_later(Self::REFRESH_EVERY, Self::sweep);
    }

    fn beat(&mut self, ctx: &mut Context<Self>) {
        self.heartbeat.beat();
        ctx.run_later(limits::BEAT_EVERY, Self::beat);
    }
}

impl Actor for Relay {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(Self::MAILBOX);
        ctx.run_later(Self::REFRESH_EVERY, Self::sweep);
        self.beat(ctx);
    }
}

impl Handler<Publish> for Relay {
    type Result = ();

    fn handle(&mut self, Publish { room, frame }: Publish, _: &mut Context<Self>) {
        let mut table = self.table.borrow_mut();
        let Some(listeners) = table.rooms.get_mut(&room) else { return };
        listeners.newest = frame.or(listeners.newest.take());
        for listener in &listeners.sessions {
            listener.session_waker.wake();
        }
    }
}

impl RelayHandle {
    /// The relay's key, by which rooms know it.
    pub(super) fn key(&self) -> RelayKey {
        self.key
    }

    /// Where rooms send frames.
    pub(super) fn publish(&self) -> Recipient<Publish> {
        self.publish.clone().recipient()
    }

    /// Adds a session to a room's listeners until [`Self::forget`].
    pub(super) fn listen(&self, room: RoomKey, session_waker: Rc<SessionWaker>, socket_handle: Option<SocketHandle>) {
        self.table.borrow_mut().rooms.entry(room).or_default().sessions.push(Listener { session_waker, socket_handle });
    }

    /// Removes a session from a room's listeners.
    pub(super) fn forget(&self, room: RoomKey, session_waker: &Rc<SessionWaker>) {
        let mut table = self.table.borrow_mut();
        let Some(listeners) = table.rooms.get_mut(&room) else { return };
        listeners.sessions.retain(|listener| !Rc::ptr_eq(&listener.session_waker, session_waker));
        if listeners.sessions.is_empty() {
            table.rooms.remove(&room);
        }
    }

    /// Cuts the socket of an ended session after a grace period, even when its last bytes cannot be written.
    pub(super) fn close_later(&self, socket_handle: SocketHandle) {
        let until = self.clock.now().plus(Relay::CHANCE);
        self.table.borrow_mut().buried.push((until, socket_handle));
    }

    /// The newest frame of a room that has reached this thread.
    pub(super) fn newest(&self, room: RoomKey) -> Option<Arc<Frame>> {
        self.table.borrow().rooms.get(&room)?.newest.clone()
    }
}
