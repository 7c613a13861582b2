//! The relay of one HTTP worker thread: keeps the newest frame of each room for its thread and writes it to the sessions
//! there, in sweeps. It also checks the time limits of all sessions of the thread.
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

use actix::{Actor, ActorFutureExt, AsyncContext, Context, StreamHandler, WrapFuture};
use futures_util::task::noop_waker_ref;
use tokio::task::{unconstrained, yield_now};

use super::clock::Clock;
use super::frame_feed::{FrameFeed, FrameInbox, Fresh, News};
use super::message::{RelayKey, RoomKey};
use super::metrics::Metrics;
use super::socket_handle::SocketHandle;
use super::watchdog::{Heartbeat, Part, Watchdog};
use crate::snapshot::Frame;
use crate::tick::{Moment, Tick};
use crate::wire::limits;

/// The relay actor. Nobody sends it messages.
pub struct Relay {
    table: Rc<RefCell<Table>>,
    clock: Clock,
    metrics: Arc<Metrics>,
    looked: Moment,
    /// Which half of the sessions was checked last.
    half: u64,
    /// A sweep goes on as soon as the other tasks of the thread had their turn.
    sweeping: bool,
    inbox: Arc<FrameInbox>,
    /// Empty, with the memory of the last news.
    news: Vec<Arc<FrameFeed>>,
    heartbeat: Arc<Heartbeat>,
}

/// The relay as the sessions of its thread see it.
#[derive(Clone)]
pub struct RelayHandle {
    inbox: Arc<FrameInbox>,
    table: Rc<RefCell<Table>>,
    clock: Clock,
}

#[derive(Default)]
struct Table {
    rooms: BTreeMap<RoomKey, Rc<Audience>>,
    /// All sessions of the thread, by a number of their own.
    sessions: BTreeMap<u64, Rc<dyn Listener>>,
    next: u64,
    /// Sessions that have not heard of the newest frame of their room yet.
    due: VecDeque<Rc<dyn Listener>>,
    /// The sockets of ended sessions, and when each is cut if it is still open.
    buried: Vec<(Moment, SocketHandle)>,
}

/// A room with sessions on this thread.
#[derive(Default)]
pub struct Audience {
    newest: RefCell<Option<Arc<Frame>>>,
    sessions: RefCell<Vec<Rc<dyn Listener>>>,
    /// Where the frames come from.
    feed: RefCell<Option<Arc<FrameFeed>>>,
}

/// A session as its relay sees it.
pub trait Listener {
    /// The room has a newer frame, of this tick, or with `None` something besides frames.
    fn notice(&self, tick: Option<Tick>) -> Noticed;
    /// Writes the newest frame to the client, or has the session do so.
    fn send_newest(&self, now: Moment);
    /// Checks the session's time limits, about once per second.
    fn check(&self, now: Moment);
    /// When the client must have acknowledged something, if anything is unacknowledged.
    fn patient_until(&self) -> Option<Moment>;
    /// Cuts the connection of a client that has stopped reading. Returns whether it was not cut before.
    fn cut(&self) -> bool;
}

/// What a session does about a newer frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noticed {
    /// It was up to date, and is due now.
    Due,
    /// It was due before.
    WasDue,
    /// Its client wants no frame before this tick.
    RestsUntil(Tick),
}

impl Relay {
    /// How often half of the sessions are checked.
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
        let inbox = FrameInbox::new(key);
        let heartbeat = Arc::new(Heartbeat::of_thread());
        watchdog.watch(Part::Worker(key), &heartbeat);
        let (looked, half, sweeping, news) = (clock.now(), 0, false, Vec::new());
        let handle = RelayHandle { inbox: inbox.clone(), table: table.clone(), clock };
        Self { table, clock, metrics, looked, half, sweeping, inbox, news, heartbeat }.start();
        handle
    }

    /// Checks the time limits of half of the sessions, and cuts the sockets of all whose client is overdue.
    fn check_sessions(&mut self, now: Moment) {
        // After a pause of the whole process, acknowledgements may lie unread in sockets, so nobody is cut this time.
        let paused = now.since(self.looked) >= Self::REFRESH_EVERY * 2;
        (self.looked, self.half) = (now, 1 - self.half);
        let table = self.table.borrow();
        for (number, session) in &table.sessions {
            if number % 2 == self.half {
                session.check(now);
            }
            let is_stalled = || session.patient_until().is_some_and(|until| now >= until.plus(Self::CHANCE));
            if !paused && is_stalled() && session.cut() {
                self.metrics.counts.evictions.inc();
            }
        }
    }

    fn refresh(&mut self, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        self.check_sessions(now);
        self.table.borrow_mut().buried.retain(|(until, socket_handle)| {
            let due = now >= *until;
            if due {
                socket_handle.cut();
            }
            !due
        });
        ctx.run_later(Self::REFRESH_EVERY, Self::refresh);
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
        ctx.add_stream(News(self.inbox.clone()));
        ctx.run_later(Self::REFRESH_EVERY, Self::refresh);
        self.beat(ctx);
    }
}

impl StreamHandler<Fresh> for Relay {
    fn handle(&mut self, _: Fresh, ctx: &mut Context<Self>) {
        self.inbox.take(&mut self.news);
        self.table.borrow_mut().publish(&mut self.news);
        if !self.sweeping {
            beyond_budget(|| self.sweep(ctx));
        }
    }
}

impl Table {
    fn publish(&mut self, news: &mut Vec<Arc<FrameFeed>>) {
        for feed in news.drain(..) {
            // Also where nobody listens yet: a feed tells of nothing new before that.
            let frame = feed.take();
            if let Some(audience) = self.rooms.get(&feed.room()) {
                audience.publish(feed, frame, &mut self.due);
            }
        }
    }
}

impl Audience {
    /// Keeps the newest frame of a room, if there is a newer one. Its sessions are due, in an order that begins with another one
    /// each time.
    fn publish(&self, feed: Arc<FrameFeed>, frame: Option<Arc<Frame>>, due: &mut VecDeque<Rc<dyn Listener>>) {
        let tick = frame.as_ref().map(|frame| frame.tick());
        if frame.is_some() {
            *self.newest.borrow_mut() = frame;
        }
        let (sessions, mut rest) = (self.sessions.borrow(), Rest::default());
        let (last, first) = sessions.split_at(tick.map_or(0, |tick| tick.0 as usize) % sessions.len().max(1));
        for session in first.iter().chain(last) {
            let noticed = session.notice(tick);
            rest.add(noticed);
            if noticed == Noticed::Due {
                due.push_back(session.clone());
            }
        }
        rest.until().into_iter().for_each(|until| feed.rest_until(until));
        *self.feed.borrow_mut() = Some(feed);
    }

    /// The newest frame of the room that has reached this thread.
    pub fn newest(&self) -> Option<Arc<Frame>> {
        self.newest.borrow().clone()
    }
}

/// The tick of the next frame that any session of a room wants, if none wants the one of now.
#[derive(Default)]
struct Rest {
    until: Option<Tick>,
    is_disturbed: bool,
}

impl Rest {
    fn add(&mut self, noticed: Noticed) {
        match noticed {
            Noticed::RestsUntil(tick) if self.until.is_none_or(|until| until.is_after(tick)) => self.until = Some(tick),
            Noticed::RestsUntil(_) => {}
            Noticed::Due | Noticed::WasDue => self.is_disturbed = true,
        }
    }

    fn until(&self) -> Option<Tick> {
        self.until.filter(|_| !self.is_disturbed)
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
        self.inbox.key()
    }

    /// Where rooms publish frames.
    pub(super) fn inbox(&self) -> &Arc<FrameInbox> {
        &self.inbox
    }

    /// Checks a session's time limits until [`Self::unwatch`] is called with the returned number.
    pub(super) fn watch(&self, session: Rc<dyn Listener>) -> u64 {
        let table = &mut *self.table.borrow_mut();
        table.next += 1;
        table.sessions.insert(table.next, session);
        table.next
    }

    /// The session with this number has ended.
    pub(super) fn unwatch(&self, number: u64) {
        self.table.borrow_mut().sessions.remove(&number);
    }

    /// Adds a session to a room's listeners until [`Self::forget`].
    pub(super) fn listen(&self, room: RoomKey, session: Rc<dyn Listener>) -> Rc<Audience> {
        let audience = self.table.borrow_mut().rooms.entry(room).or_default().clone();
        audience.sessions.borrow_mut().push(session);
        // The others may want none of the next frames.
        audience.feed.borrow().iter().for_each(|feed| feed.wake());
        audience
    }

    /// Removes a session from a room's listeners.
    pub(super) fn forget(&self, room: RoomKey, session: &Rc<dyn Listener>) {
        let mut table = self.table.borrow_mut();
        let Some(audience) = table.rooms.get(&room) else { return };
        audience.sessions.borrow_mut().retain(|listener| !Rc::ptr_eq(listener, session));
        if audience.sessions.borrow().is_empty() {
            table.rooms.remove(&room);
        }
    }

    /// Cuts the socket of an ended session after a grace period, even when its last bytes cannot be written.
    pub(super) fn close_later(&self, socket_handle: SocketHandle) {
        let until = self.clock.now().plus(Relay::CHANCE);
        self.table.borrow_mut().buried.push((until, socket_handle));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Schema;

    #[test]
    fn a_room_that_is_heard_before_anybody_listens_is_heard_again() {
        let (inbox, mut table, mut news) = (FrameInbox::new(RelayKey(1)), Table::default(), Vec::new());
        let feed = FrameFeed::new(RoomKey(1), inbox.clone());
        let schema = Arc::new(Schema::new(Vec::new()).expect("a schema"));
        for tick in 1..=3 {
            feed.publish(&Arc::new(Frame::initial(schema.clone(), Tick(tick))));
            inbox.take(&mut news);
            assert_eq!(news.len(), 1, "at tick {tick}");
            if tick == 2 {
                table.rooms.insert(RoomKey(1), Rc::default());
            }
            table.publish(&mut news);
        }
        assert_eq!(table.rooms[&RoomKey(1)].newest().map(|frame| frame.tick()), Some(Tick(3)));
    }

    #[test]
    fn a_room_rests_until_the_first_session_wants_a_frame() {
        let until = |noticed: &[Noticed]| {
            let mut rest = Rest::default();
            noticed.iter().for_each(|noticed| rest.add(*noticed));
            rest.until()
        };
        let rests = |tick| Noticed::RestsUntil(Tick(tick));
        assert_eq!(until(&[rests(7), rests(u32::MAX), rests(3)]), Some(Tick(u32::MAX)));
        assert_eq!(until(&[rests(7), Noticed::Due]), None);
        assert_eq!(until(&[Noticed::WasDue, rests(7)]), None);
        assert_eq!(until(&[]), None);
    }
}
