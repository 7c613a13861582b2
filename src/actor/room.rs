//! The room's shell: the alarm of its thread at each tick's deadline, the channels of its seats, and one message per relay and tick.
//!
//! Joins, including reconnects, wait for the tick and are answered there, a bounded number each time, so that a rush of
//! players cannot delay the tick; a room that nobody is in ticks when somebody comes. Game code runs under `catch_unwind`: a panic
//! ends this room and nothing else.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use actix::{Actor, Context, Handler, Recipient, ResponseFuture};
use tokio::sync::oneshot;
use tracing::{Span, info_span};

use super::alarm::Bell;
use super::clock::Clock;
use super::films::Filming;
use super::frame_history::FrameHistory;
use super::gatekeeper::SeatPermit;
use super::journaling::{self, Files};
use super::message::{CloseRoom, Enter, Joined, RoomKey, RoomNotice};
use super::metrics::{Metrics, Spending};
use super::names;
use super::recordings::Why;
use super::report::Timing;
use super::seat_table::SeatTable;
use super::server_events::ServerEvents;
use super::status::{Departure, PendingJoin, Status};
use super::times::Phase;
use super::trace::Lane;
use super::waiter::{Waiter, random_secret};
use crate::cluster::Tenure;
use crate::engine::{
    BandwidthProfiler, CloseReason, Host, HostOutput, Occupancy, OverloadLadder, OverloadStep, PendingInput, Room,
    RoomOutput, SecretDigest,
};
use crate::store::RoomJournal;
use crate::tick::{Moment, Tick, TickClock};
use crate::wire::{Close, Extension, Join, limits};

/// The room actor.
pub struct RoomActor {
    pub(super) key: RoomKey,
    /// `None` after the room has ended.
    pub(super) host: Option<Host<Box<Waiter>, FrameHistory>>,
    tick_clock: TickClock,
    /// Rings when the next tick is due.
    bell: Bell,
    pub(super) clock: Clock,
    pub(super) seats: SeatTable,
    pending: PendingInput,
    /// Players who were admitted and are not counted yet.
    pub(super) arrived: Vec<PendingJoin>,
    /// Departures whose seats are free but still counted as taken.
    pub(super) left: Vec<Departure>,
    /// How clients can make the room again, if they may. A server that keeps its rooms needs no help.
    pub(super) recipe: Option<Extension>,
    /// Reservations whose record is not safe yet, oldest first.
    pub(super) promises: VecDeque<oneshot::Sender<()>>,
    pub(super) server_events: ServerEvents,
    /// Tickets that are good again when the occupancy is told, each with what counts its seat.
    pub(super) unused: Vec<(SecretDigest, SeatPermit)>,
    /// Sessions that announced their end, and the reason with which to answer them at the end of the tick.
    goodbyes: Vec<(Recipient<RoomNotice>, Close)>,
    /// Whether a value that was outside its range was named.
    pub(super) told_saturation: bool,
    /// The occupancy after the last tick, as the metrics know it.
    pub(super) counted: Occupancy,
    pub(super) timing: Timing,
    pub(super) ladder: OverloadLadder,
    /// The reason with which the room must end now.
    pub(super) over: Option<CloseReason>,
    /// When the costs of deltas were last measured.
    pub(super) explained: Tick,
    pub(super) spending: Spending,
    /// Covers everything that the room and its game log.
    pub(super) span: Span,
    pub(super) files: Files,
    /// The right to go on, in a cluster.
    pub(super) tenure: Option<Tenure>,
    /// Whether it stands still, because it is being handed over to another node.
    pub(super) is_moving: bool,
    /// Whether the room shall be written to a journal, and its part of it once it is.
    pub(super) is_journaled: bool,
    pub(super) journal: Option<Arc<RoomJournal>>,
    pub(super) filming: Option<Filming>,
    /// When the room was last recorded.
    pub(super) recorded_at: Option<Moment>,
    pub(super) status: Arc<Status>,
    pub(super) metrics: Arc<Metrics>,
}

impl RoomActor {
    /// The shell of `room`, whose first tick is one period away.
    pub fn new(
        key: RoomKey,
        room: Room,
        clock: Clock,
        status: Arc<Status>,
        metrics: Arc<Metrics>,
        files: Files,
        tenure: Option<Tenure>,
    ) -> Self {
        let span = info_span!("room", id = %names::for_logs(&room.config().id), game = room.config().game);
        let (seats, pending, timing) = Default::default();
        let frames = FrameHistory::new(room.rate());
        let tick_clock = TickClock::new(room.rate(), clock.now());
        *status.profiler() = Some(BandwidthProfiler::new(room.rate(), &room.spec().schema));
        let recipe = room.recipe().filter(|_| files.store.is_none()).and_then(|recipe| recipe.extension());
        let ladder = OverloadLadder::new(clock.now(), room.overload_step());
        let host = Host::new(clock.now(), room, frames);
        let (host, is_journaled) = journaling::surround(host, &files);
        Self {
            key,
            tick_clock,
            bell: Bell::default(),
            explained: Tick(0),
            spending: Spending::default(),
            host: Some(host),
            clock,
            seats,
            pending,
            arrived: Vec::new(),
            left: Vec::new(),
            recipe,
            promises: VecDeque::new(),
            server_events: ServerEvents::default(),
            unused: Vec::new(),
            goodbyes: Vec::new(),
            told_saturation: false,
            counted: Occupancy::default(),
            timing,
            ladder,
            over: None,
            span,
            files,
            tenure,
            is_moving: false,
            is_journaled,
            journal: None,
            filming: None,
            recorded_at: None,
            status,
            metrics,
        }
    }

    /// The room, until it has ended.
    pub(super) fn room(&self) -> Option<&Room> {
        self.host.as_ref().map(Host::room)
    }

    fn arm(&self) {
        self.bell.set(self.clock.instant_of(self.tick_clock.deadline()));
    }

    /// Nobody is there who would notice: whoever comes need not wait for the next tick.
    fn hurry(&mut self) {
        if self.room().is_some_and(|room| room.players() + room.spectators() == 0) {
            self.tick_clock.restart(self.clock.now());
            self.bell.ring();
        }
    }

    /// The bell has rung.
    pub(super) fn woken(&mut self, ctx: &mut Context<Self>) {
        // Cloning the span would touch memory that all threads share.
        let span = std::mem::replace(&mut self.span, Span::none());
        span.in_scope(|| self.on_alarm(ctx));
        self.span = span;
    }

    fn on_alarm(&mut self, ctx: &mut Context<Self>) {
        let start = self.clock.now();
        if self.is_moving || self.tenure.as_ref().is_some_and(|tenure| !tenure.holds()) {
            // The room may be another node's soon: it stands still until that, or the lease, is confirmed.
            self.tick_clock.restart(start);
            return self.arm();
        }
        let due = self.tick_clock.advance(start);
        if due.late > 0 || due.skipped > 0 {
            self.metrics.counts.late_ticks.inc_by(due.late.into());
            self.metrics.counts.skipped_ticks.inc_by(due.skipped);
        }
        if !self.heed_journal() {
            return self.abandon(ctx);
        }
        let mut now = start;
        for _ in 0..due.steps {
            if catch_unwind(AssertUnwindSafe(|| self.tick(now))).is_err() {
                let hook = self.room().and_then(Room::running).unwrap_or("none");
                let tick = self.room().map_or(0, |room| room.frame().tick().0.wrapping_add(1));
                self.crashed(hook, tick);
                let _ = self.record(Why::Panic, &format!("the game panicked in {hook}"), None);
                return self.end_room(Close::RoomCrashed.into(), ctx);
            }
            let begun = std::mem::replace(&mut now, self.clock.now());
            self.took(now.since(begun));
            if let Some(reason) = self.over.take() {
                return self.end_room(reason, ctx);
            }
        }
        self.judge_load(start, now, due.late > 0 || due.skipped > 0);
        self.tick_clock.spent(now.since(start));
        if self.host.as_ref().is_some_and(|host| host.is_deserted(now)) && self.status.close_if_idle() {
            self.fall_asleep();
            return self.end_room(Close::RoomClosed.into(), ctx);
        }
        self.arm();
    }

    fn tick(&mut self, now: Moment) {
        let Some(before) = self.room().map(|room| room.frame().clone()) else { return };
        let tick = before.tick().plus(1);
        // Cloning the metrics would touch memory that all threads share.
        let metrics = self.metrics.times.are_timed(tick).then(|| self.metrics.clone());
        let mut watch = metrics.as_ref().map(|metrics| metrics.times.start(self.clock, Lane::Room(self.key), tick));
        let mut lap = |phase| watch.iter_mut().for_each(|watch| watch.lap(phase));
        self.collect_inputs();
        let Some(host) = &mut self.host else { return };
        host.answer_requests(limits::JOINS_PER_TICK, random_secret);
        self.follow_outputs();
        let Some(host) = &mut self.host else { return };
        lap(Phase::Merge);
        host.tick(now, |phase| lap(phase.into()));
        let frame = host.room().frame().clone();
        self.write_journal();
        self.follow_outputs();
        self.report_occupancy();
        self.answer_goodbyes();
        if self.host.as_ref().is_some_and(Host::may_show) {
            self.seats.feeds().for_each(|feed| feed.publish(&frame));
        }
        lap(Phase::Publish);
        watch.into_iter().for_each(|watch| watch.stop("tick"));
        self.explain(&before, &frame);
    }

    pub(super) fn collect_inputs(&mut self) {
        let Some(host) = &mut self.host else { return };
        let (mut gone, mut desynced) = (Vec::new(), false);
        for channel in self.seats.channels().filter(|channel| channel.has_news()) {
            self.left.extend(channel.swap(&mut self.pending));
            desynced |= self.pending.is_desynced();
            let ended = host.collect(channel.session(), &mut self.pending);
            gone.extend(ended.map(|close| (channel.session(), close)));
        }
        for (session, close) in gone {
            host.disconnect(session, close);
        }
        self.collect_server_events();
        self.collect_channel_news();
        self.follow_outputs();
        if desynced {
            let _ = self.record(Why::Desync, "a client has another state", None);
        }
    }

    /// Does what the host requires.
    pub(super) fn follow_outputs(&mut self) {
        while let Some(output) = self.host.as_mut().and_then(Host::poll_output) {
            match output {
                HostOutput::Answer { waiting, answer } => self.answer(waiting, answer),
                HostOutput::Parted { session, close } => {
                    self.goodbyes.extend(self.seats.detach_session(session).map(|notices| (notices, close)));
                }
                HostOutput::CommandsSafe { session, upto } => {
                    let channel = self.seats.channel(session.seat).filter(|channel| channel.session() == session);
                    channel.into_iter().for_each(|channel| channel.confirm_commands(upto));
                }
                HostOutput::Filmed(filmed) => self.keep_filmed(filmed),
                HostOutput::Room(output) => self.follow(output),
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the last message to a session must arrive")]
    fn follow(&mut self, output: RoomOutput) {
        match output {
            RoomOutput::Event { seats, event } => {
                let channels = seats.into_iter().filter_map(|seat| self.seats.channel(seat));
                channels.for_each(|channel| channel.post(event.clone()));
            }
            RoomOutput::Frame { frame, superseded } => {
                if superseded > 0 {
                    self.metrics.counts.inputs_superseded.inc_by(superseded.into());
                }
                self.report_saturation(&frame);
            }
            RoomOutput::Freed { seat, reason, expired } => {
                self.metrics.counts.seats_released.inc_by(expired.into());
                self.seats.free(seat);
                if let Some(notices) = self.seats.detach(seat) {
                    notices.do_send(RoomNotice::Closed(reason));
                }
            }
            RoomOutput::Listed => self.report_listing(),
            RoomOutput::Judged(hit) => self.metrics.fairness.judged(&hit),
            RoomOutput::Record(reason) => _ = self.record(Why::Game, &reason, None),
            RoomOutput::Over(reason) => self.over = Some(reason),
            RoomOutput::Tap(entry) => self.tell(entry),
            RoomOutput::Channel(effect) => self.files.channels.follow(effect),
            RoomOutput::TicketBack { seat, ticket } => {
                self.unused.extend(self.seats.take_permit(seat).map(|permit| (ticket, permit)));
            }
            // If nobody waits for the tickets any more, they expire.
            RoomOutput::ServerEvent(taken) => self.server_events.answer(taken),
            RoomOutput::Reserved => _ = self.promises.pop_front().map(|told| told.send(())),
        }
    }

    /// Lets departing sessions answer their clients, which may then rely on their seats being free.
    #[expect(clippy::disallowed_methods, reason = "the last message to a session must arrive")]
    pub(super) fn answer_goodbyes(&mut self) {
        self.goodbyes.drain(..).for_each(|(notices, close)| notices.do_send(RoomNotice::Closed(close.into())));
    }
}

impl Actor for RoomActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(limits::JOINS_WAITING);
        self.metrics.counts.rooms.inc();
        let overloaded = self.room().is_some_and(|room| room.overload_step() > OverloadStep::None);
        self.metrics.counts.rooms_overloaded.inc_by(overloaded.into());
        if let (Some(trace), Some(room)) = (self.metrics.times.trace(), self.room()) {
            trace.name(Lane::Room(self.key), format!("{} {}", room.config().game, names::for_logs(&room.config().id)));
        }
        self.begin_match();
        self.resume_film();
        self.resume_channels();
        self.open_journal(ctx);
        self.bell.hang(ctx);
        self.arm();
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.metrics.counts.rooms.dec();
        self.status.close();
    }
}

impl Handler<Enter> for RoomActor {
    type Result = ResponseFuture<Result<Joined, CloseReason>>;

    fn handle(&mut self, Enter { request, applicant }: Enter, _: &mut Context<Self>) -> Self::Result {
        let (answer, joined) = oneshot::channel();
        let ticket = match &request.join {
            Join::Reserved { ticket } => Some(SecretDigest::of(ticket.as_bytes())),
            _ => None,
        };
        let waiter = Box::new(Waiter { applicant, claims: request.claim.is_some(), ticket, answer });
        self.hurry();
        let waits = self.host.as_mut().ok_or(Close::RoomClosed).and_then(|host| host.request(request, waiter));
        Box::pin(async move {
            waits?;
            // When the game panics, waiting requests get no answer.
            joined.await.unwrap_or(Err(Close::RoomCrashed.into()))
        })
    }
}

impl Handler<CloseRoom> for RoomActor {
    type Result = ();

    fn handle(&mut self, CloseRoom(close): CloseRoom, ctx: &mut Context<Self>) {
        self.span.clone().in_scope(|| {
            if close == Close::Draining {
                self.store();
            }
            if close == Close::LeaseLost {
                self.leave_to_others();
            }
            self.end_room(close.into(), ctx);
        });
    }
}
