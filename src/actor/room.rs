//! The room's shell: an alarm at each deadline, the desks of its seats, and one letter per relay and tick.
//!
//! Joins wait for the tick and are answered there, a bounded number each time, so that a rush of players cannot delay
//! it. Game code runs under `catch_unwind`: a panic ends this room and nothing else.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, Recipient, ResponseFuture};
use tokio::sync::oneshot;
use tracing::{Span, debug, error, info, info_span};

use super::clock::Clock;
use super::desk::{Desk, InTray, Sitting};
use super::feed::Feed;
use super::message::{CloseRoom, End, Joined, Knock, Publish, RelayKey, RoomKey};
use super::metrics::Metrics;
use super::status::Status;
use crate::engine::{Explainer, Refusal, Room};
use crate::id::Seat;
use crate::snapshot::Frame;
use crate::tick::{Moment, TickClock};
use crate::wire::{Close, limits};

type Answer = oneshot::Sender<Result<Joined, Close>>;

/// The actor.
pub struct RoomActor {
    key: RoomKey,
    /// `None` after the end.
    room: Option<Room>,
    pacing: TickClock,
    clock: Clock,
    feed: Arc<Feed>,
    guests: BTreeMap<Seat, Guest>,
    /// How many guests listen through each relay.
    relays: BTreeMap<RelayKey, (Recipient<Publish>, usize)>,
    waiting: VecDeque<(Knock, Answer)>,
    tray: InTray,
    empty_since: Option<Moment>,
    /// How long it lives on without players.
    empty_for: Duration,
    superseded: u64,
    explainer: Explainer,
    /// Around everything the room logs, its game's words included.
    span: Span,
    status: Arc<Status>,
    metrics: Arc<Metrics>,
}

/// The session under a seat.
struct Guest {
    desk: Arc<Desk>,
    end: Recipient<End>,
    relay: RelayKey,
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
        let (guests, relays, waiting, tray) = Default::default();
        let span = info_span!("room", id = room.config().id, game = room.config().game);
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
            relays,
            waiting,
            tray,
            empty_since,
            explainer,
            empty_for,
            superseded,
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
                self.metrics.room_crashes.inc();
                let tick = self.room.as_ref().map_or(0, |room| room.frame().tick().0.wrapping_add(1));
                error!(tick, "the game panicked; the room is closed");
                return self.finish(Close::RoomCrashed, ctx);
            }
            self.metrics.ticks.inc();
            self.metrics.tick_duration.observe(self.clock.now().since(begun).as_secs_f64());
        }
        let now = self.clock.now();
        self.pacing.spent(now.since(start));
        if self.is_forgotten(now) && self.status.close_if_idle() {
            return self.finish(Close::RoomClosed, ctx);
        }
        self.arm(ctx);
    }

    fn tick(&mut self) {
        self.look_over_desks();
        // Before seats are given away again: what is said to a seat is for who sat there when it was said.
        self.deliver_posts();
        self.admit_waiting();
        let Some(room) = &mut self.room else { return };
        let before = room.frame().clone();
        let ticked = room.tick();
        let superseded = room.superseded();
        self.metrics.inputs_superseded.inc_by(superseded.saturating_sub(self.superseded));
        self.superseded = superseded;
        self.deliver_posts();
        self.metrics.values_saturated.inc_by(ticked.frame.saturated());
        for (seat, close) in ticked.kicks {
            self.dismiss(seat, close);
        }
        self.feed.publish(ticked.frame.clone());
        for (publish, _) in self.relays.values() {
            // A full relay is behind; the next frame brings it to the present.
            let _ = publish.try_send(Publish { room: self.key, frame: ticked.frame.clone() });
        }
        self.explain(&before, &ticked.frame);
    }

    /// Once per second, weighs what the tick cost. The frame is on its way already.
    fn explain(&mut self, before: &Frame, frame: &Frame) {
        let Some(room) = &self.room else { return };
        if room.players() == 0 || !self.explainer.is_due(frame.tick()) {
            return;
        }
        let costs = self.explainer.sample(before, frame, room.players());
        self.metrics.explain(&room.config().game, costs);
        self.status.set_costs(costs.clone());
    }

    fn deliver_posts(&mut self) {
        let posts = self.room.as_mut().map(Room::take_posts).unwrap_or_default();
        for post in posts {
            for guest in post.seats.iter().filter_map(|seat| self.guests.get(seat)) {
                guest.desk.post(post.event.clone());
            }
        }
    }

    fn look_over_desks(&mut self) {
        let Some(room) = &mut self.room else { return };
        let mut gone = Vec::new();
        for (seat, guest) in &self.guests {
            guest.desk.empty_into(&mut self.tray);
            self.tray.laid.iter().for_each(|laid| room.offer(*seat, laid));
            for (seq, ask) in &self.tray.commands {
                room.command(*seat, *seq, ask);
            }
            gone.extend(self.tray.goodbye.map(|close| (*seat, close)));
        }
        gone.into_iter().for_each(|(seat, close)| self.leave(seat, close));
    }

    fn admit_waiting(&mut self) {
        for _ in 0..limits::JOINS_PER_TICK {
            let Some((knock, answer)) = self.waiting.pop_front() else { break };
            // An answer that reaches nobody drops its hold on the desk, which says goodbye.
            let _ = answer.send(self.admit(knock));
        }
        let players = self.room.as_ref().map_or(0, Room::players);
        self.status.set_players(players);
        self.empty_since = (players == 0).then(|| self.empty_since.unwrap_or_else(|| self.clock.now()));
    }

    fn admit(&mut self, knock: Knock) -> Result<Joined, Close> {
        let Knock { name, player, relay, publish, end, expected } = knock;
        let room = self.room.as_mut().ok_or(Close::RoomClosed)?;
        let admitted = room.admit(name, player).map_err(|refusal| match refusal {
            Refusal::Full => Close::RoomFull,
            Refusal::Game(why) => {
                debug!(?why, "the game refused a player");
                Close::Forbidden
            }
        })?;
        let desk = Arc::new(Desk::default());
        self.guests.insert(admitted.entry.seat, Guest { desk: desk.clone(), end, relay });
        self.relays.entry(relay).or_insert((publish, 0)).1 += 1;
        self.metrics.players.inc();
        // From here on the seat itself holds the room open.
        drop(expected);
        Ok(Joined {
            entry: admitted.entry,
            welcome: admitted.welcome,
            desk: Sitting::at(&desk),
            feed: self.feed.clone(),
        })
    }

    fn leave(&mut self, seat: Seat, close: Close) {
        let Some(guest) = self.guests.remove(&seat) else { return };
        self.metrics.players.dec();
        if let Some((_, listeners)) = self.relays.get_mut(&guest.relay) {
            *listeners -= 1;
            if *listeners == 0 {
                self.relays.remove(&guest.relay);
            }
        }
        if let Some(room) = &mut self.room {
            room.leave(seat, close);
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the last letter to a session must arrive")]
    fn dismiss(&mut self, seat: Seat, close: Close) {
        if let Some(guest) = self.guests.get(&seat) {
            guest.end.do_send(End(close));
        }
        self.leave(seat, close);
    }

    fn is_forgotten(&self, now: Moment) -> bool {
        let idle = self.waiting.is_empty() && self.guests.is_empty();
        idle && self.empty_since.is_some_and(|since| now.since(since) >= self.empty_for)
    }

    /// Ends the room and everyone in it. Game code that panics on the way out is not asked again.
    #[expect(clippy::disallowed_methods, reason = "the last letter to a session must arrive")]
    fn finish(&mut self, close: Close, ctx: &mut Context<Self>) {
        self.status.close();
        self.status.set_players(0);
        for guest in std::mem::take(&mut self.guests).into_values() {
            guest.end.do_send(End(close));
            self.metrics.players.dec();
        }
        for (_, answer) in self.waiting.drain(..) {
            let _ = answer.send(Err(close));
        }
        info!(reason = close.label(), "room ended");
        let room = self.room.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(room)));
        ctx.stop();
    }
}

impl Actor for RoomActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(limits::JOINS_WAITING);
        self.metrics.rooms.inc();
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
        Box::pin(async { joined.await.unwrap_or(Err(Close::RoomClosed)) })
    }
}

impl Handler<CloseRoom> for RoomActor {
    type Result = ();

    fn handle(&mut self, CloseRoom(close): CloseRoom, ctx: &mut Context<Self>) {
        self.span.clone().in_scope(|| self.finish(close, ctx));
    }
}
