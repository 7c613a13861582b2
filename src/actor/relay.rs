//! The relay of one HTTP worker thread: keeps the newest frame of each room for its thread and writes it to the sessions
//! there, in sweeps.
//!
//! Sessions share the relay's table, so joining and leaving a relay takes no message. A session whose socket is full is not
//! written to but woken, once. The relay also ends sessions whose client has stopped reading: such a session is frozen and
//! cannot end itself.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Context as TaskContext;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, Recipient, WrapFuture};
use futures_util::task::noop_waker_ref;
use tokio::task::{unconstrained, yield_now};

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
    /// A sweep goes on as soon as the other tasks of the thread had their turn.
    sweeping: bool,
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
    rooms: BTreeMap<RoomKey, Audience>,
    /// Sessions that have not heard of the newest frame of their room yet.
    due: VecDeque<Rc<dyn Listener>>,
    /// The sockets of ended sessions, and when each is cut if it is still open.
    buried: Vec<(Moment, SocketHandle)>,
}

/// A room with sessions on this thread.
#[derive(Default)]
struct Audience {
    newest: Option<Arc<Frame>>,
    sessions: Vec<Rc<dyn Listener>>,
}

/// A session as its relay sees it.
pub trait Listener {
    /// The room has a newer frame. Returns whether the session was up to date before.
    fn mark_due(&self) -> bool;
    /// Writes the newest frame to the client, or has the session do so.
    fn send_newest(&self, now: Moment);
    /// When the client must have acknowledged something, if anything is unacknowledged.
    fn patient_until(&self) -> Option<Moment>;
    /// Cuts the connection of a client that has stopped reading. Returns whether it was not cut before.
    fn cut(&self) -> bool;
}

impl Relay {
    /// A mailbox holds a frame of each room the relay serves and some more. Frames that find it full are dropped; newer
    /// ones follow.
    const MAILBOX: usize = 1024;
    const REFRESH_EVERY: Duration = Duration::from_millis(500);
    /// An overdue session that is not frozen has this long to end itself with a close code.
    const CHANCE: Duration = Duration::from_millis(1500);
    /// Sessions that are written to before the other tasks of the thread have their turn: a millisecond or two.
    const SWEEP: usize = 128;

    /// Starts the relay of the current thread.
    pub fn start_here(clock: Clock, metrics: Arc<Metrics>, watchdog: &Watchdog) -> RelayHandle {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let table = Rc::new(RefCell::new(Table::default()));
        let key = RelayKey(NEXT.fetch_add(1, Ordering::Relaxed));
        let heartbeat = Arc::new(Heartbeat::of_thread());
        watchdog.watch(Part::Worker(key), &heartbeat);
        let relay = Self { table: table.clone(), clock, metrics, looked: clock.now(), sweeping: false, heartbeat };
        RelayHandle { key, publish: relay.start(), table, clock }
    }

    /// Cuts the sockets of sessions whose client is overdue.
    fn evict(&self, now: Moment) {
        for session in self.table.borrow().rooms.values().flat_map(|audience| &audience.sessions) {
            let stalled = session.patient_until().is_some_and(|until| now >= until.plus(Self::CHANCE));
            if stalled && session.cut() {
                self.metrics.counts.evictions.inc();
            }
        }
    }

    fn check_sockets(&mut self, ctx: &mut Context<Self>) {
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
        ctx.run_later(Self::REFRESH_EVERY, Self::check_sockets);
    }

    /// Tells the sessions that are due of their frames, some at a time.
    fn sweep(&mut self, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        for _ in 0..Self::SWEEP {
            let Some(session) = self.table.borrow_mut().due.pop_front() else { break };
            session.send_newest(now);
        }
        self.sweeping = !self.table.borrow().due.is_empty();
        if self.sweeping {
            ctx.spawn(yield_now().into_actor(self).map(|(), act, ctx| beyond_budget(|| act.sweep(ctx))));
        }
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
        ctx.run_later(Self::REFRESH_EVERY, Self::check_sockets);
        self.beat(ctx);
    }
}

impl Handler<Publish> for Relay {
    type Result = ();

    fn handle(&mut self, Publish { room, frame }: Publish, ctx: &mut Context<Self>) {
        self.table.borrow_mut().publish(room, frame);
        if !self.sweeping {
            beyond_budget(|| self.sweep(ctx));
        }
    }
}

impl Table {
    /// Keeps the newest frame of a room. Its sessions are due, in an order that begins with another one each time.
    fn publish(&mut self, room: RoomKey, frame: Option<Arc<Frame>>) {
        let Some(audience) = self.rooms.get_mut(&room) else { return };
        audience.newest = frame.or(audience.newest.take());
        let tick = audience.newest.as_ref().map_or(0, |frame| frame.tick().0 as usize);
        let (last, first) = audience.sessions.split_at(tick % audience.sessions.len().max(1));
        self.due.extend(first.iter().chain(last).filter(|session| session.mark_due()).cloned());
    }
}

/// Runs `work` outside tokio's budget for a task. Within it, sockets would look full from the 128th write on.
fn beyond_budget(work: impl FnOnce()) {
    let at_once = pin!(unconstrained(async { work() }));
    let _ = at_once.poll(&mut TaskContext::from_waker(noop_waker_ref()));
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
    pub(super) fn listen(&self, room: RoomKey, session: Rc<dyn Listener>) {
        self.table.borrow_mut().rooms.entry(room).or_default().sessions.push(session);
    }

    /// Removes a session from a room's listeners.
    pub(super) fn forget(&self, room: RoomKey, session: &Rc<dyn Listener>) {
        let mut table = self.table.borrow_mut();
        let Some(audience) = table.rooms.get_mut(&room) else { return };
        audience.sessions.retain(|listener| !Rc::ptr_eq(listener, session));
        if audience.sessions.is_empty() {
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
