//! The room's shell: an alarm at each tick's deadline, the channels of its seats, and one message per relay and tick.
//!
//! Joins, including reconnects, wait for the tick and are answered there, a bounded number each time, so that a rush of
//! players cannot delay the tick. Game code runs under `catch_unwind`: a panic ends this room and nothing else.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, Recipient, ResponseFuture};
use rand::TryRng;
use rand::rngs::SysRng;
use tokio::sync::oneshot;
use tracing::{Span, debug, info, info_span};

use super::clock::Clock;
use super::frame_history::FrameHistory;
use super::message::{CloseRoom, End, JoinRequest, Joined, Publish, RoomKey};
use super::metrics::Metrics;
use super::names;
use super::report::Timing;
use super::seat_channel::{PendingInput, SeatChannel, SeatHandle};
use super::seat_table::{SeatTable, Session};
use super::status::{Departure, Occupancy, PendingJoin, Status};
use super::times::Phase;
use super::trace::Lane;
use crate::engine::{Admitted, BandwidthProfiler, Claim, CloseReason, EventLog, ImpossibleAck, Refusal, Room, Secret};
use crate::id::Seat;
use crate::tick::{Moment, Tick, TickClock};
use crate::wire::{Close, Role, limits};

type Answer = oneshot::Sender<Result<Joined, Close>>;

/// The room actor.
pub struct RoomActor {
    key: RoomKey,
    /// `None` after the room has ended.
    pub(super) room: Option<Room>,
    pacing: TickClock,
    pub(super) clock: Clock,
    history: Arc<FrameHistory>,
    pub(super) seats: SeatTable,
    waiting: VecDeque<(JoinRequest, Answer)>,
    pending: PendingInput,
    /// Players who were admitted and are not counted yet.
    pub(super) arrived: Vec<PendingJoin>,
    /// Departures whose seats are free but still counted as taken.
    pub(super) left: Vec<Departure>,
    /// Sessions that announced their end, and the reason with which to answer them at the end of the tick.
    goodbyes: Vec<(Recipient<End>, Close)>,
    empty_since: Option<Moment>,
    /// How long the room stays open while it is empty. Spectators, such as a shared screen, keep it open.
    empty_for: Duration,
    superseded: u64,
    /// The occupancy after the last tick, as the metrics know it.
    pub(super) counted: Occupancy,
    pub(super) timing: Timing,
    /// The reason with which the room must end now.
    over: Option<CloseReason>,
    pub(super) profiler: BandwidthProfiler,
    /// Covers everything that the room and its game log.
    pub(super) span: Span,
    pub(super) status: Arc<Status>,
    pub(super) metrics: Arc<Metrics>,
}

impl RoomActor {
    /// The shell of `room`, whose first tick is one period away.
    pub fn new(
        key: RoomKey,
        room: Room,
        empty_for: Duration,
        clock: Clock,
        status: Arc<Status>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (seats, waiting, pending) = Default::default();
        let span = info_span!("room", id = %names::for_logs(&room.config().id), game = room.config().game);
        let history = Arc::new(FrameHistory::new(room.rate()));
        let pacing = TickClock::new(room.rate(), clock.now());
        let profiler = BandwidthProfiler::new(room.rate(), &room.spec().schema);
        let (room, empty_since, superseded) = (Some(room), Some(clock.now()), 0);
        Self {
            key,
            room,
            pacing,
            clock,
            history,
            seats,
            waiting,
            pending,
            arrived: Vec::new(),
            left: Vec::new(),
            goodbyes: Vec::new(),
            empty_since,
            profiler,
            empty_for,
            superseded,
            counted: Occupancy::default(),
            timing: Timing::default(),
            over: None,
            span,
            status,
            metrics,
        }
    }

    fn arm(&self, ctx: &mut Context<Self>) {
        let wait = self.pacing.deadline().since(self.clock.now());
        ctx.run_later(wait, |act, ctx| act.span.clone().in_scope(|| act.on_alarm(ctx)));
    }

    fn on_alarm(&mut self, ctx: &mut Context<Self>) {
        let start = self.clock.now();
        let due = self.pacing.advance(start);
        self.metrics.late_ticks.inc_by(due.late.into());
        self.metrics.skipped_ticks.inc_by(due.skipped);
        for _ in 0..due.steps {
            let begun = self.clock.now();
            if catch_unwind(AssertUnwindSafe(|| self.tick())).is_err() {
                let hook = self.room.as_ref().and_then(Room::running).unwrap_or("none");
                let tick = self.room.as_ref().map_or(0, |room| room.frame().tick().0.wrapping_add(1));
                self.crashed(hook, tick);
                return self.end_room(Close::RoomCrashed.into(), ctx);
            }
            self.took(self.clock.now().since(begun));
            if let Some(reason) = self.over.take() {
                return self.end_room(reason, ctx);
            }
        }
        let now = self.clock.now();
        self.pacing.spent(now.since(start));
        if self.is_forgotten(now) && self.status.close_if_idle() {
            return self.end_room(Close::RoomClosed.into(), ctx);
        }
        self.arm(ctx);
    }

    fn tick(&mut self) {
        let (metrics, tick) = (self.metrics.clone(), self.room.as_ref().map_or(Tick(0), |room| room.frame().tick()));
        let mut watch = metrics.times.start(self.clock, Lane::Room(self.key), tick.plus(1));
        self.collect_inputs();
        // Before admissions, so that events for a seat reach the player who had it when they were posted.
        self.deliver_posts();
        self.admit_waiting();
        let Some(room) = &mut self.room else { return };
        let before = room.frame().clone();
        watch.lap(Phase::Merge);
        let ticked = room.tick_in_phases(|phase| watch.lap(phase.into()));
        let superseded = room.superseded();
        self.metrics.inputs_superseded.inc_by(superseded.saturating_sub(self.superseded));
        self.superseded = superseded;
        self.deliver_posts();
        self.metrics.values_saturated.inc_by(ticked.frame.saturated());
        for seat in ticked.released {
            self.metrics.seats_released.inc();
            self.seats.clear(seat);
        }
        for (seat, reason) in ticked.kicks {
            self.dismiss(seat, reason);
        }
        self.over = ticked.over;
        self.tell_status();
        self.answer_goodbyes();
        self.history.publish(ticked.frame.clone());
        for publish in self.seats.relays() {
            // A relay with a full mailbox is behind; the next frame brings it up to date.
            let _ = publish.try_send(Publish { room: self.key, frame: ticked.frame.clone() });
        }
        watch.lap(Phase::Publish);
        watch.stop("tick");
        self.explain(&before, &ticked.frame);
    }

    fn deliver_posts(&mut self) {
        let posts = self.room.as_mut().map(Room::take_posts).unwrap_or_default();
        for post in posts {
            for channel in post.seats.iter().filter_map(|seat| self.seats.channel(*seat)) {
                channel.post(post.event.clone());
            }
        }
    }

    fn collect_inputs(&mut self) {
        let Some(room) = &mut self.room else { return };
        let mut gone = Vec::new();
        for (seat, channel) in self.seats.present() {
            channel.empty_into(&mut self.pending);
            if self.pending.heard {
                room.confirm(seat);
            }
            self.pending.runs.iter().for_each(|run| room.offer(seat, run));
            for (seq, command) in &self.pending.commands {
                room.command(seat, *seq, command);
            }
            gone.extend(self.pending.goodbye.map(|close| (seat, close)));
            self.left.extend(self.pending.departure.take());
        }
        for (seat, close) in gone {
            self.goodbyes.extend(self.seats.rise(seat).map(|end| (end, close)));
            let held = self.room.as_mut().is_some_and(|room| room.drop_out(seat, close));
            if !held {
                self.seats.clear(seat);
            }
        }
    }

    /// Lets departing sessions answer their clients, which may then rely on their seats being free.
    #[expect(clippy::disallowed_methods, reason = "the last message to a session must arrive")]
    fn answer_goodbyes(&mut self) {
        self.goodbyes.drain(..).for_each(|(end, close)| end.do_send(End(close.into())));
    }

    fn admit_waiting(&mut self) {
        self.waiting.retain(|(request, _)| request.wanted.strong_count() > 0);
        for _ in 0..limits::JOINS_PER_TICK {
            let Some((request, answer)) = self.waiting.pop_front() else { break };
            // If the session is gone, the unsent answer drops its seat handle, which records the close reason.
            let _ = answer.send(self.admit(request));
        }
        self.empty_since = (self.seats.len() == 0).then(|| self.empty_since.unwrap_or_else(|| self.clock.now()));
    }

    fn admit(&mut self, mut request: JoinRequest) -> Result<Joined, Close> {
        if let Some(claim) = request.claim
            && let Some(back) = self.take_back(&claim, request.identity.as_deref())
        {
            let (admitted, log) = back.map_err(|ImpossibleAck| Close::BadMessage)?;
            self.metrics.resumed(admitted.welcome.continuity);
            return Ok(self.seat(request, admitted, log));
        }
        let room = self.room.as_mut().ok_or(Close::RoomClosed)?;
        if request.only_back {
            return Err(Close::NoSuchRoom);
        }
        if request.role == Role::Player {
            request.expected.as_newcomer(room.capacity().into())?;
        }
        let (name, identity) = (std::mem::take(&mut request.name), request.identity.take());
        let player = std::mem::take(&mut request.player);
        let admitted = match request.role {
            Role::Spectator => room.admit_spectator(name),
            Role::Player if request.expected.is_reserved() => room.admit_reserved(identity, name, player),
            Role::Player => room.admit_as(identity, name, player),
        };
        let mut admitted = admitted.map_err(|refusal| match refusal {
            Refusal::Full => Close::RoomFull,
            Refusal::Shut(close) => close,
            Refusal::Game(why) => {
                debug!(?why, "the game refused a player");
                Close::Forbidden
            }
        })?;
        room.give_token(&mut admitted, random_secret());
        if request.claim.is_some() {
            self.metrics.resumed(admitted.welcome.continuity);
        }
        Ok(self.seat(request, admitted, EventLog::default()))
    }

    /// Moves the claimed seat to a new session, with its event log. `None`: the claim opens no seat.
    fn take_back(
        &mut self,
        claim: &Claim,
        identity: Option<&str>,
    ) -> Option<Result<(Admitted, EventLog), ImpossibleAck>> {
        let seat = self.room.as_ref()?.recognise(&claim.token, identity)?;
        // The welcome's roster includes all events posted so far, so the log must include them as well.
        self.deliver_posts();
        let base = claim.tick.and_then(|tick| self.history.at(tick));
        let room = self.room.as_mut()?;
        let resume = |log: &mut EventLog| room.resume(seat, claim, log, base.as_deref(), random_secret());
        Some(self.seats.channel(seat)?.retire(resume))
    }

    #[expect(clippy::disallowed_methods, reason = "the last message to a session must arrive")]
    fn seat(&mut self, request: JoinRequest, admitted: Admitted, log: EventLog) -> Joined {
        let JoinRequest { relay, publish, end, expected, .. } = request;
        let Admitted { entry, welcome } = admitted;
        let channel = Arc::new(SeatChannel::with(log, self.status.clone()));
        if let Some(replaced) = self.seats.sit(entry.seat, channel.clone(), Session { end, relay }, publish) {
            replaced.do_send(End(Close::Replaced.into()));
        }
        self.arrived.push(expected);
        Joined { entry, welcome, channel: SeatHandle::at(&channel), history: self.history.clone() }
    }

    #[expect(clippy::disallowed_methods, reason = "the last message to a session must arrive")]
    fn dismiss(&mut self, seat: Seat, reason: CloseReason) {
        let close = reason.close();
        if let Some(end) = self.seats.rise(seat) {
            end.do_send(End(reason));
        }
        if let Some(room) = &mut self.room {
            room.leave(seat, close);
        }
        self.seats.clear(seat);
    }

    fn is_forgotten(&self, now: Moment) -> bool {
        self.waiting.is_empty() && self.empty_since.is_some_and(|since| now.since(since) >= self.empty_for)
    }

    /// Ends the room and all its sessions. If the game panics on drop, its hooks are not called again.
    #[expect(clippy::disallowed_methods, reason = "the last message to a session must arrive")]
    fn end_room(&mut self, reason: CloseReason, ctx: &mut Context<Self>) {
        let close = reason.close();
        self.status.close();
        self.count(Occupancy::default());
        self.seats.clear_all().for_each(|end| end.do_send(End(reason.clone())));
        for (_, answer) in self.waiting.drain(..) {
            let _ = answer.send(Err(close));
        }
        let result = self.room.as_ref().and_then(Room::result);
        self.metrics.occasions.matches_ended.inc_by(u64::from(result.is_some()));
        info!(reason = close.label(), result_bytes = result, "room ended");
        let tick = self.room.as_ref().map_or(0, |room| room.frame().tick().0);
        let room = self.room.take();
        if catch_unwind(AssertUnwindSafe(|| drop(room))).is_err() {
            self.crashed("drop", tick);
        }
        ctx.stop();
    }
}

impl Actor for RoomActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(limits::JOINS_WAITING);
        self.metrics.rooms.inc();
        if let (Some(trace), Some(room)) = (self.metrics.times.trace(), &self.room) {
            trace.name(Lane::Room(self.key), format!("{} {}", room.config().game, names::for_logs(&room.config().id)));
        }
        self.arm(ctx);
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.metrics.rooms.dec();
        self.status.close();
    }
}

impl Handler<JoinRequest> for RoomActor {
    type Result = ResponseFuture<Result<Joined, Close>>;

    fn handle(&mut self, request: JoinRequest, _: &mut Context<Self>) -> Self::Result {
        if self.waiting.len() >= limits::JOINS_WAITING {
            return Box::pin(async { Err(Close::TryLater) });
        }
        let (answer, joined) = oneshot::channel();
        self.waiting.push_back((request, answer));
        // When the game panics, waiting requests get no answer.
        Box::pin(async { joined.await.unwrap_or(Err(Close::RoomCrashed)) })
    }
}

impl Handler<CloseRoom> for RoomActor {
    type Result = ();

    fn handle(&mut self, CloseRoom(close): CloseRoom, ctx: &mut Context<Self>) {
        self.span.clone().in_scope(|| self.end_room(close.into(), ctx));
    }
}

fn random_secret() -> Secret {
    let mut secret = Secret::default();
    SysRng.try_fill_bytes(&mut secret).expect("the operating system has randomness");
    secret
}
