//! The part of a session that its actor shares with the task of its socket and with the relay of their thread. Inputs,
//! acknowledgements and frames, which are nearly all of a session's traffic, need no turn of the actor: the task hears
//! them, and the relay writes them.

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use futures_util::Stream;
use prometheus_client::metrics::counter::Counter;

use super::frame_guard::GuardState;
use super::per_thread::PerThread;
use super::relay::{Audience, Listener, Noticed};
use super::session_context::SessionContext;
use super::session_seat::SessionSeat;
use super::socket_handle::SocketHandle;
use super::times::Phase;
use super::trace::Lane;
use crate::engine::{FrameSender, Readiness, Session, SessionEvent};
use crate::id::Seq;
use crate::snapshot::Frame;
use crate::tick::{Moment, Tick};
use crate::wire::{Close, is_frequent, short_message};

thread_local! {
    /// The frames that a message is composed from, of all sessions of a thread; empty in between.
    static FRAMES: RefCell<Vec<Arc<Frame>>> = const { RefCell::new(Vec::new()) };
}

/// The way to a client's socket without the session's actor.
pub trait Outlet {
    /// Whether the socket has taken all that was sent.
    fn is_clear(&self) -> bool;
    /// Sends a message. What the socket does not take now, its task sends later.
    fn send(&mut self, message: &[u8]);
}

/// A session as all of its thread see it.
pub struct LiveSession {
    pub context: SessionContext,
    session: RefCell<Session>,
    seat: RefCell<Option<SessionSeat>>,
    /// The room on this thread, while the session listens to it.
    audience: RefCell<Option<Rc<Audience>>>,
    /// The newest event that the room knows to have arrived.
    acked_events: Cell<Seq>,
    /// What the actor has not heard yet of what passed its guard.
    pub guard_state: Rc<GuardState>,
    /// On a socket of our own.
    outlet: RefCell<Option<Rc<RefCell<dyn Outlet>>>>,
    /// A second handle on the socket, to end the session from outside.
    pub socket_handle: Option<SocketHandle>,
    /// The relay has a newer frame for the session.
    due: Cell<bool>,
    /// The tick of the next frame that the client wants; `None` if it may be any.
    wanted: Cell<Option<Tick>>,
    waker: SessionWaker,
    /// Why the session must end, if the task of the socket or the relay has found a reason.
    fault: Cell<Option<Close>>,
    /// Whether it is time to ask whether the client is still there.
    must_ping: Cell<bool>,
    /// The session has ended, or it is about to: nothing but its ending is told.
    ended: Cell<bool>,
    /// Whether the relay cut the socket because the client was overdue.
    pub cut_as_slow_consumer: Cell<bool>,
}

/// Wakes the actor of a session.
#[derive(Default)]
struct SessionWaker {
    /// There is something for the actor to do: a newer frame, or an ending.
    woken: Cell<bool>,
    sleeper: RefCell<Option<Waker>>,
}

/// A stream that yields whenever the actor has something to do that its client has not asked for.
pub struct WakeUps(pub Rc<LiveSession>);

/// There is a newer frame to compose, a ping to send, or a fault to end the session with.
pub struct WakeUp;

impl Stream for WakeUps {
    type Item = WakeUp;

    fn poll_next(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<WakeUp>> {
        self.0.waker.poll_woken(cx).map(|()| Some(WakeUp))
    }
}

impl SessionWaker {
    fn wake(&self) {
        self.woken.set(true);
        self.sleeper.borrow().iter().for_each(Waker::wake_by_ref);
    }

    fn poll_woken(&self, cx: &TaskContext<'_>) -> Poll<()> {
        if self.woken.replace(false) {
            return Poll::Ready(());
        }
        let mut sleeper = self.sleeper.borrow_mut();
        if !sleeper.as_ref().is_some_and(|sleeper| sleeper.will_wake(cx.waker())) {
            *sleeper = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl LiveSession {
    /// A session that has heard nothing yet.
    pub fn new(context: SessionContext, socket_handle: Option<SocketHandle>) -> Self {
        Self {
            session: RefCell::new(Session::new(context.clock.now()).within(context.player_bytes)),
            context,
            seat: RefCell::default(),
            audience: RefCell::default(),
            acked_events: Cell::new(Seq(0)),
            guard_state: Rc::default(),
            outlet: RefCell::default(),
            socket_handle,
            due: Cell::default(),
            wanted: Cell::default(),
            waker: SessionWaker::default(),
            fault: Cell::default(),
            must_ping: Cell::default(),
            ended: Cell::default(),
            cut_as_slow_consumer: Cell::default(),
        }
    }

    /// The deciding half.
    pub fn session(&self) -> RefMut<'_, Session> {
        self.session.borrow_mut()
    }

    /// The seat, while the session has one.
    pub fn seat(&self) -> Ref<'_, Option<SessionSeat>> {
        self.seat.borrow()
    }

    /// The session has got a seat, whose room knows that events up to `events` have arrived.
    pub fn attach_seat(&self, seat: SessionSeat, events: Seq) {
        self.acked_events.set(events);
        *self.seat.borrow_mut() = Some(seat);
    }

    /// The session listens to its room.
    pub fn attach_audience(&self, audience: Rc<Audience>) {
        *self.audience.borrow_mut() = Some(audience);
    }

    /// The session has left its seat.
    pub fn detach_seat(&self) -> Option<SessionSeat> {
        self.audience.take();
        self.seat.take()
    }

    /// The newest frame of the session's room that has reached this thread.
    pub fn newest(&self) -> Option<Arc<Frame>> {
        self.audience.borrow().as_ref()?.newest()
    }

    /// Frames may be written to `outlet` from now on.
    pub fn attach_outlet(&self, outlet: Rc<RefCell<dyn Outlet>>) {
        *self.outlet.borrow_mut() = Some(outlet);
    }

    /// The socket is gone.
    pub fn detach_outlet(&self) {
        *self.outlet.borrow_mut() = None;
    }

    /// From now on neither messages are heard nor frames sent.
    pub fn end(&self) {
        self.ended.set(true);
    }

    /// Whether it is time to ask whether the client is still there.
    pub fn take_ping(&self) -> bool {
        self.must_ping.take()
    }

    /// Why the session must end, if the task of the socket or the relay has found a reason.
    pub fn take_fault(&self) -> Option<Close> {
        self.fault.take()
    }

    /// Hears the messages at the front of `bytes` that need no actor. Returns how many bytes they were. The rest is for the
    /// actor, in the order in which it came.
    pub fn hear_frequent(&self, bytes: &[u8]) -> usize {
        let mut heard = 0;
        while self.guard_state.ahead() == 0 && !self.ended.get() {
            let Some(message) = short_message(&bytes[heard..]).filter(|message| is_frequent(message.payload())) else {
                break;
            };
            heard += message.frame_len();
            if let Err(close) = self.hear(message.payload()) {
                self.fault.set(Some(close));
                self.end();
                self.waker.wake();
            }
        }
        heard
    }

    /// Hears a message. What needs the actor is returned.
    ///
    /// # Errors
    /// The close with which the session must end.
    pub fn hear(&self, message: &[u8]) -> Result<Option<SessionEvent>, Close> {
        let counts = &self.context.metrics.counts;
        counts.bytes_received.inc_by(message.len() as u64);
        let mut session = self.session.borrow_mut();
        let event = session.on_message(self.context.clock.now(), message)?;
        count(&counts.over_rate, session.take_over_rate());
        let mut seat = self.seat.borrow_mut();
        seat.iter_mut().for_each(SessionSeat::hear);
        let events = match event {
            SessionEvent::Nothing => return Ok(None),
            SessionEvent::Inputs { events } => {
                if let Some(seat) = &*seat {
                    count(&counts.inputs_dropped, seat.channel.push_inputs(session.runs()) as u64);
                }
                events
            }
            SessionEvent::Events(events) => events,
            event => return Ok(Some(event)),
        };
        if self.acked_events.replace(events) != events {
            seat.iter().for_each(|seat| seat.channel.events_arrived(events));
        }
        Ok(None)
    }

    /// Composes a message from the newest frame, if the client can take one.
    pub fn catch_up(&self, now: Moment, send: &mut dyn FnMut(Vec<u8>)) {
        let seat = self.seat.borrow();
        let Some(seat) = &*seat else { return };
        let Some(newest) = self.newest() else { return };
        let session = &mut *self.session.borrow_mut();
        if let Some(upto) = seat.channel.safe_commands() {
            session.confirm_commands(upto);
        }
        match session.readiness(now, &newest) {
            Readiness::Ready => self.compose(session, seat, now, &newest, send),
            Readiness::Idle if session.sender().is_some_and(|sender| sender.may_deliver(&newest)) => {
                // What waited for the journal need not wait for a frame, too.
                let batch = seat.channel.batch(newest.tick());
                session.deliver(&newest, batch.as_ref()).into_iter().for_each(send);
            }
            Readiness::Idle | Readiness::Held => {}
        }
        let counts = &self.context.metrics.counts;
        count(&counts.holds, session.take_holds());
        session.take_unsent(|unsent| {
            counts.cells_unsent.inc_by(unsent.cells);
            counts.bytes_unsent.inc_by(unsent.bytes);
            seat.channel.lacked(unsent);
        });
    }

    fn compose(
        &self,
        session: &mut Session,
        seat: &SessionSeat,
        now: Moment,
        newest: &Arc<Frame>,
        send: &mut dyn FnMut(Vec<u8>),
    ) {
        let lane = Lane::Worker(self.context.relay.key());
        let mut watch = self.context.metrics.times.sample(self.context.clock, lane, newest.tick());
        let batch = seat.channel.batch(newest.tick());
        let bytes = FRAMES.with_borrow_mut(|frames| {
            if let Some(sender) = session.sender() {
                seat.history.since(sender.base(), newest, frames);
            }
            let bytes = session.compose(now, frames, batch.as_ref());
            frames.clear();
            bytes
        });
        self.wanted.set(session.sender().and_then(FrameSender::next_wanted));
        self.context.metrics.counts.frames_sent.inc();
        watch.iter_mut().for_each(|watch| watch.lap(Phase::Compose));
        send(bytes);
        watch.iter_mut().for_each(|watch| watch.lap(Phase::Send));
    }
}

impl Listener for LiveSession {
    fn notice(&self, tick: Option<Tick>) -> Noticed {
        if self.due.get() {
            return Noticed::WasDue;
        }
        let next = self.wanted.get().zip(tick).filter(|(wanted, tick)| wanted.is_after(*tick));
        self.due.set(next.is_none());
        next.map_or(Noticed::Due, |(wanted, _)| Noticed::RestsUntil(wanted))
    }

    fn check(&self, now: Moment) {
        if self.ended.get() {
            return;
        }
        // A session with a seat is closed by its room.
        let is_refused = self.seat.borrow().is_none() && !self.context.gatekeeper.is_open();
        let checked = if is_refused { Err(Close::Draining) } else { self.session.borrow_mut().on_alarm(now) };
        match checked {
            Ok(false) => return,
            Ok(true) => self.must_ping.set(true),
            Err(close) => self.fault.set(Some(close)),
        }
        self.waker.wake();
    }

    fn send_newest(&self, now: Moment) {
        self.due.set(false);
        let outlet = self.outlet.borrow();
        // No frame may overtake a welcome or a close, so what was sent before must be on its way.
        match outlet.as_ref().filter(|outlet| !self.ended.get() && outlet.borrow().is_clear()) {
            Some(outlet) => self.catch_up(now, &mut |message| {
                self.context.metrics.counts.bytes_sent.inc_by(message.len() as u64);
                outlet.borrow_mut().send(&message);
            }),
            None => self.waker.wake(),
        }
    }

    fn patient_until(&self) -> Option<Moment> {
        self.session.borrow().sender().and_then(|sender| sender.flow().patient_until())
    }

    fn cut(&self) -> bool {
        let Some(socket_handle) = &self.socket_handle else { return false };
        let first = !self.cut_as_slow_consumer.replace(true);
        if first {
            socket_handle.cut();
        }
        first
    }
}

/// Most of what could be counted is not there.
fn count(counter: &Counter<u64, PerThread>, by: u64) {
    if by > 0 {
        counter.inc_by(by);
    }
}
