//! The room's shell: an alarm at each deadline, the desks of its seats, and one letter per relay and tick.
//!
//! Joins wait for the tick and are answered there, a bounded number each time, so that a rush of players cannot delay
//! it, and so do those who come back. Game code runs under `catch_unwind`: a panic ends this room and nothing else.

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
use super::desk::{Desk, InTray, Sitting};
use super::feed::Feed;
use super::guests::{Guests, Session};
use super::message::{CloseRoom, End, Joined, Knock, Publish, RoomKey};
use super::metrics::Metrics;
use super::names;
use super::report::Timing;
use super::status::{Departure, Expected, Heads, Status};
use super::times::Phase;
use super::trace::Lane;
use crate::engine::{Admitted, Claim, CloseReason, EventLog, Explainer, ImpossibleAck, Refusal, Room, Secret};
use crate::id::Seat;
use crate::tick::{Moment, Tick, TickClock};
use crate::wire::{Close, Role, limits};

type Answer = oneshot::Sender<Result<Joined, Close>>;

/// The actor.
pub struct RoomActor {
    key: RoomKey,
    /// `None` after the end.
    pub(super) room: Option<Room>,
    pacing: TickClock,
    pub(super) clock: Clock,
    feed: Arc<Feed>,
    pub(super) guests: Guests,
    waiting: VecDeque<(Knock, Answer)>,
    tray: InTray,
    /// Who was let in and is not counted yet.
    pub(super) arrived: Vec<Expected>,
    /// Whose seats are free and still counted as taken.
    pub(super) left: Vec<Departure>,
    /// Whose goodbyes are to be answered once that is known, and with what.
    goodbyes: Vec<(Recipient<End>, Close)>,
    empty_since: Option<Moment>,
    /// How long it lives on with nobody in it; a spectator, such as a screen for all, keeps it.
    empty_for: Duration,
    superseded: u64,
    /// Who was there after the last tick, as the metrics know it.
    pub(super) counted: Heads,
    pub(super) timing: Timing,
    /// How the room ends now.
    over: Option<CloseReason>,
    pub(super) explainer: Explainer,
    /// Around everything the room logs, its game's words included.
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
        let (guests, waiting, tray) = Default::default();
        let span = info_span!("room", id = %names::for_logs(&room.config().id), game = room.config().game);
        let feed = Arc::new(Feed::new(room.rate()));
        let pacing = TickClock::new(room.rate(), clock.now());
        let explainer = Explainer::new(room.rate(), &room.spec().schema);
        let (room, empty_since, superseded) = (Some(room), Some(clock.now()), 0);
        Self {
            key,
            room,
            pacing,
            clock,
            feed,
            guests,
            waiting,
            tray,
            arrived: Vec::new(),
            left: Vec::new(),
            goodbyes: Vec::new(),
            empty_since,
            explainer,
            empty_for,
            superseded,
            counted: Heads::default(),
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
                return self.finish(Close::RoomCrashed.into(), ctx);
            }
            self.took(self.clock.now().since(begun));
            if let Some(reason) = self.over.take() {
                return self.finish(reason, ctx);
            }
        }
        let now = self.clock.now();
        self.pacing.spent(now.since(start));
        if self.is_forgotten(now) && self.status.close_if_idle() {
            return self.finish(Close::RoomClosed.into(), ctx);
        }
        self.arm(ctx);
    }

    fn tick(&mut self) {
        let (metrics, tick) = (self.metrics.clone(), self.room.as_ref().map_or(Tick(0), |room| room.frame().tick()));
        let mut watch = metrics.times.start(self.clock, Lane::Room(self.key), tick.plus(1));
        self.look_over_desks();
        // Before seats are given away again: what is said to a seat is for who sat there when it was said.
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
            self.guests.clear(seat);
        }
        for (seat, reason) in ticked.kicks {
            self.dismiss(seat, reason);
        }
        self.over = ticked.over;
        self.tell_status();
        self.answer_goodbyes();
        self.feed.publish(ticked.frame.clone());
        for publish in self.guests.relays() {
            // A full relay is behind; the next frame brings it to the present.
            let _ = publish.try_send(Publish { room: self.key, frame: ticked.frame.clone() });
        }
        watch.lap(Phase::Publish);
        watch.stop("tick");
        self.explain(&before, &ticked.frame);
    }

    fn deliver_posts(&mut self) {
        let posts = self.room.as_mut().map(Room::take_posts).unwrap_or_default();
        for post in posts {
            for desk in post.seats.iter().filter_map(|seat| self.guests.desk(*seat)) {
                desk.post(post.event.clone());
            }
        }
    }

    fn look_over_desks(&mut self) {
        let Some(room) = &mut self.room else { return };
        let mut gone = Vec::new();
        for (seat, desk) in self.guests.present() {
            desk.empty_into(&mut self.tray);
            if self.tray.heard {
                room.confirm(seat);
            }
            self.tray.runs.iter().for_each(|run| room.offer(seat, run));
            for (seq, ask) in &self.tray.commands {
                room.command(seat, *seq, ask);
            }
            gone.extend(self.tray.goodbye.map(|close| (seat, close)));
            self.left.extend(self.tray.departure.take());
        }
        for (seat, close) in gone {
            self.goodbyes.extend(self.guests.rise(seat).map(|end| (end, close)));
            let held = self.room.as_mut().is_some_and(|room| room.drop_out(seat, close));
            if !held {
                self.guests.clear(seat);
            }
        }
    }

    /// Lets sessions that said goodbye answer their clients, who may count on it that their seats are free.
    #[expect(clippy::disallowed_methods, reason = "the last letter to a session must arrive")]
    fn answer_goodbyes(&mut self) {
        self.goodbyes.drain(..).for_each(|(end, close)| end.do_send(End(close.into())));
    }

    fn admit_waiting(&mut self) {
        self.waiting.retain(|(knock, _)| knock.wanted.strong_count() > 0);
        for _ in 0..limits::JOINS_PER_TICK {
            let Some((knock, answer)) = self.waiting.pop_front() else { break };
            // An answer that reaches nobody drops its hold on the desk, which says goodbye.
            let _ = answer.send(self.admit(knock));
        }
        self.empty_since = (self.guests.len() == 0).then(|| self.empty_since.unwrap_or_else(|| self.clock.now()));
    }

    fn admit(&mut self, mut knock: Knock) -> Result<Joined, Close> {
        if let Some(claim) = knock.claim
            && let Some(back) = self.take_back(&claim, knock.identity.as_deref())
        {
            let (admitted, log) = back.map_err(|ImpossibleAck| Close::BadMessage)?;
            self.metrics.resumed(admitted.welcome.continuity);
            return Ok(self.seat(knock, admitted, log));
        }
        let room = self.room.as_mut().ok_or(Close::RoomClosed)?;
        if knock.only_back {
            return Err(Close::NoSuchRoom);
        }
        if knock.role == Role::Player {
            knock.expected.as_newcomer(room.capacity().into())?;
        }
        let (name, identity) = (std::mem::take(&mut knock.name), knock.identity.take());
        let player = std::mem::take(&mut knock.player);
        let admitted = match knock.role {
            Role::Spectator => room.admit_spectator(name),
            Role::Player if knock.expected.is_reserved() => room.admit_reserved(identity, name, player),
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
        if knock.claim.is_some() {
            self.metrics.resumed(admitted.welcome.continuity);
        }
        Ok(self.seat(knock, admitted, EventLog::default()))
    }

    /// The seat that `claim` is about, and its events; `None` when it opens none.
    fn take_back(
        &mut self,
        claim: &Claim,
        identity: Option<&str>,
    ) -> Option<Result<(Admitted, EventLog), ImpossibleAck>> {
        let seat = self.room.as_ref()?.recognise(&claim.token, identity)?;
        // The welcome's list of players knows what was posted so far; the log must, too.
        self.deliver_posts();
        let base = claim.tick.and_then(|tick| self.feed.at(tick));
        let room = self.room.as_mut()?;
        let resume = |log: &mut EventLog| room.resume(seat, claim, log, base.as_deref(), random_secret());
        Some(self.guests.desk(seat)?.retire(resume))
    }

    #[expect(clippy::disallowed_methods, reason = "the last letter to a session must arrive")]
    fn seat(&mut self, knock: Knock, admitted: Admitted, log: EventLog) -> Joined {
        let Knock { relay, publish, end, expected, .. } = knock;
        let Admitted { entry, welcome } = admitted;
        let desk = Arc::new(Desk::with(log, self.status.clone()));
        if let Some(replaced) = self.guests.sit(entry.seat, desk.clone(), Session { end, relay }, publish) {
            replaced.do_send(End(Close::Replaced.into()));
        }
        self.arrived.push(expected);
        Joined { entry, welcome, desk: Sitting::at(&desk), feed: self.feed.clone() }
    }

    #[expect(clippy::disallowed_methods, reason = "the last letter to a session must arrive")]
    fn dismiss(&mut self, seat: Seat, reason: CloseReason) {
        let close = reason.close();
        if let Some(end) = self.guests.rise(seat) {
            end.do_send(End(reason));
        }
        if let Some(room) = &mut self.room {
            room.leave(seat, close);
        }
        self.guests.clear(seat);
    }

    fn is_forgotten(&self, now: Moment) -> bool {
        self.waiting.is_empty() && self.empty_since.is_some_and(|since| now.since(since) >= self.empty_for)
    }

    /// Ends the room and everyone in it. Game code that panics on the way out is not asked again.
    #[expect(clippy::disallowed_methods, reason = "the last letter to a session must arrive")]
    fn finish(&mut self, reason: CloseReason, ctx: &mut Context<Self>) {
        let close = reason.close();
        self.status.close();
        self.count(Heads::default());
        self.guests.clear_all().for_each(|end| end.do_send(End(reason.clone())));
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

impl Handler<Knock> for RoomActor {
    type Result = ResponseFuture<Result<Joined, Close>>;

    fn handle(&mut self, knock: Knock, _: &mut Context<Self>) -> Self::Result {
        if self.waiting.len() >= limits::JOINS_WAITING {
            return Box::pin(async { Err(Close::TryLater) });
        }
        let (answer, joined) = oneshot::channel();
        self.waiting.push_back((knock, answer));
        // Who asked while the game panicked is not answered.
        Box::pin(async { joined.await.unwrap_or(Err(Close::RoomCrashed)) })
    }
}

impl Handler<CloseRoom> for RoomActor {
    type Result = ();

    fn handle(&mut self, CloseRoom(close): CloseRoom, ctx: &mut Context<Self>) {
        self.span.clone().in_scope(|| self.finish(close.into(), ctx));
    }
}

fn random_secret() -> Secret {
    let mut secret = Secret::default();
    SysRng.try_fill_bytes(&mut secret).expect("the operating system has randomness");
    secret
}
