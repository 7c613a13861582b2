//! The server's half of a playtest: a shell around the host, as the actors are in production.

use std::sync::Arc;
use std::time::Duration;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;

use super::packet::Packet;
use super::plan::Sabotage;
use super::player::PlayerId;
use super::playtest::Playtest;
use crate::engine::{
    Admitted, EventQueue, Hit, HostOutput, JoinRequest, OverloadStep, PendingInput, Readiness, RoomOutput, SeatSession,
    Secret, Session, SessionEvent, Transport, Waiting, close_for_seat,
};
use crate::id::{Seat, Seq};
use crate::tick::Moment;
use crate::wire::{Close, Continuity};

/// The server's end of a connection; in production, a session actor holds it.
pub(super) struct ServerEnd {
    pub session: Session,
    pending: PendingInput,
    place: Option<Place>,
    pub next_alarm: Moment,
}

/// A session's seat.
struct Place {
    session: SeatSession,
    continuity: Continuity,
    events: EventQueue,
    /// Whether the client has sent a message since the welcome.
    heard: bool,
}

impl Waiting for PlayerId {}

impl ServerEnd {
    pub fn new(now: Moment, next_alarm: Moment, transport: Transport) -> Self {
        Self { session: Session::new(now).over(transport), pending: PendingInput::default(), place: None, next_alarm }
    }

    pub fn within(self, bytes_per_second: u32) -> Self {
        Self { session: self.session.within(bytes_per_second), ..self }
    }
}

impl Playtest {
    /// The fairness ledger so far; see [`Context::judged`](crate::Context::judged).
    pub fn hits(&self) -> &[Hit] {
        &self.hits
    }

    /// The room saves as much work as `step` says, from the next tick on.
    pub fn overload(&mut self, step: OverloadStep) {
        self.host.overload(step);
        self.follow_outputs();
    }

    /// The player whose session has a seat now.
    pub fn seated(&self, seat: Seat) -> Option<PlayerId> {
        // With a journal, a session may not know yet that its seat has gone.
        let has_seat = |id: &PlayerId| {
            let place = self[*id].server.as_ref().and_then(|server| server.place.as_ref());
            place.map(|place| place.session.generation) == self.room().live_generation(seat)
        };
        self.seats.get(&seat).copied().filter(has_seat)
    }

    /// Handles the packets that arrived for a session, then its alarm.
    pub(super) fn serve(&mut self, id: PlayerId) {
        let now = self.now;
        while let Some((server, packet)) = self.players[id.0].arrived_up(now) {
            let heard = match packet {
                Packet::Close(close) => Err(close),
                Packet::Ping => server.session.on_ping(now).map(|_| SessionEvent::Nothing),
                Packet::Message(bytes) => server.session.on_message(now, &bytes),
            };
            match heard.and_then(|heard| self.hear(id, heard)) {
                Ok(()) => self.try_send(id),
                Err(close) => self.end(id, close),
            }
        }
        self.look_after(id);
    }

    fn hear(&mut self, id: PlayerId, heard: SessionEvent) -> Result<(), Close> {
        let player = &mut self.players[id.0];
        let Some(server) = player.server.as_mut() else { return Ok(()) };
        if let Some(place) = &mut server.place {
            place.heard = true;
            server.pending.hear();
        }
        match heard {
            SessionEvent::Nothing | SessionEvent::Resync | SessionEvent::Feel(_) => {}
            SessionEvent::Enter(request) => return self.enter(id, *request),
            SessionEvent::Events(upto) => server.pending.events_arrived(upto),
            SessionEvent::Inputs { events } => {
                server.pending.events_arrived(events);
                for run in server.session.runs() {
                    let before = player.runs.last().map_or(Seq(0), |last| last.first.plus(u32::from(last.count) - 1));
                    assert_eq!(run.first, before.plus(1), "no input is missing");
                    player.runs.push(*run);
                }
                server.pending.push_inputs(server.session.runs());
            }
            SessionEvent::Command { seq, command } => {
                if !server.pending.push_command(seq, command) {
                    return Err(Close::RateLimited);
                }
            }
            SessionEvent::Refresh(_) => unreachable!("playtests have no tokens"),
            SessionEvent::Reply(bytes) => player.send_down(self.now, Packet::Message(bytes)),
        }
        Ok(())
    }

    /// A server answers joins at its next tick; a playtest has no rush of them to fear.
    fn enter(&mut self, id: PlayerId, request: JoinRequest) -> Result<(), Close> {
        let claims = request.claim.is_some();
        self.host.request(Arc::new(request), id)?;
        let secrets = &mut self.secrets;
        self.host.answer_requests(1, || secret(secrets));
        if claims && self.plan.sabotage == Some(Sabotage::EarlyTokens) {
            self.host.safe(self.host.recorded());
        }
        self.follow_outputs();
        self.check_seats();
        Ok(())
    }

    /// Does what the host requires.
    pub(super) fn follow_outputs(&mut self) {
        while let Some(output) = self.host.poll_output() {
            match &output {
                HostOutput::Answer { answer: Ok(admitted), .. } => self.digest.admitted(admitted),
                HostOutput::Answer { .. }
                | HostOutput::Parted { .. }
                | HostOutput::CommandsSafe { .. }
                | HostOutput::Filmed(_) => {}
                HostOutput::Room(output) => self.digest.output(output),
            }
            match output {
                HostOutput::Answer { waiting: id, answer: Ok(admitted) } => self.seat(id, *admitted),
                HostOutput::Answer { waiting: id, answer: Err(reason) } => self.end(id, reason.close()),
                HostOutput::Room(RoomOutput::Event { seats, event }) => {
                    for seat in seats {
                        self.addressed.entry(seat).or_default().borrow_mut().push(event.clone());
                        let server = self.seats.get(&seat).and_then(|id| self.players[id.0].server.as_mut());
                        if let Some(place) = server.and_then(|server| server.place.as_mut()) {
                            place.events.push(event.clone());
                        }
                    }
                }
                HostOutput::Room(RoomOutput::Freed { seat, reason, .. }) => {
                    self.addressed.remove(&seat);
                    if let Some(id) = self.seats.remove(&seat) {
                        self.end(id, reason.close());
                    }
                }
                HostOutput::Room(RoomOutput::Over(reason)) => {
                    let ids: Vec<PlayerId> = self.seats.values().copied().collect();
                    ids.into_iter().for_each(|id| self.end(id, reason.close()));
                }
                HostOutput::Room(RoomOutput::Judged(hit)) => self.hits.push(hit),
                HostOutput::CommandsSafe { session, upto } => self.confirm_commands(session, upto),
                HostOutput::Parted { .. }
                | HostOutput::Filmed(_)
                | HostOutput::Room(
                    RoomOutput::Frame { .. }
                    | RoomOutput::Listed
                    | RoomOutput::Record(_)
                    | RoomOutput::Channel(_)
                    | RoomOutput::Reserved
                    | RoomOutput::ServerEvent(_)
                    | RoomOutput::TicketBack { .. }
                    | RoomOutput::Tap(_),
                ) => {}
            }
        }
    }

    fn confirm_commands(&mut self, session: SeatSession, upto: Seq) {
        let id = self.seats.get(&session.seat);
        if let Some(server) = id.and_then(|id| self.players[id.0].server.as_mut())
            && server.place.as_ref().is_some_and(|place| place.session == session)
        {
            server.session.confirm_commands(upto);
        }
    }

    /// The only place where a session gets a seat. The session that had the seat before is ended by the next tick.
    fn seat(&mut self, id: PlayerId, admitted: Admitted) {
        let Admitted { welcome, start, events } = admitted;
        let (seat, continuity) = (welcome.seat, welcome.continuity);
        let session = SeatSession { seat, generation: start.seat_generation };
        let player = &mut self.players[id.0];
        let Some(server) = player.server.as_mut() else {
            // The client left while its answer waited for the journal.
            return self.host.disconnect(session, close_for_seat(Close::Left, continuity, false));
        };
        let greeting = events.iter().cloned().collect();
        server.place = Some(Place { session, continuity, events, heard: false });
        let welcome = server.session.enter(self.now, welcome, &start);
        if self.journal.is_some() {
            server.session.confirm_commands(start.commands);
        }
        let addressed = self.addressed.entry(seat).or_default();
        if continuity == Continuity::Fresh {
            *addressed.borrow_mut() = greeting;
        }
        player.oracle.seated(start.seat_generation, addressed.clone(), self.plan.counters.events);
        player.send_down(self.now, Packet::Message(welcome));
        self.retired.extend(self.seats.insert(seat, id));
    }

    /// One tick of the clock: hands inputs and commands to the room, steps it, and offers the frame to every session.
    pub(super) fn tick(&mut self) {
        /// The cost of a batch of steps, as reported to the clock.
        const COST: Duration = Duration::from_micros(100);
        let deadline = self.clock.deadline();
        let due = self.clock.advance(self.now);
        for step in 0..due.steps {
            self.collect();
            self.host.tick(self.now, |_| {});
            let frame = self.host.room().frame().clone();
            assert_eq!(
                frame.tick().since(self.plan.counters.tick) as usize,
                self.frames.len() + 1,
                "one frame per step"
            );
            self.frames.push((deadline.plus(self.clock.rate().period() * step), frame));
            self.with_watch(|watch, play| watch.stepped(play));
            self.write_journal();
            self.follow_outputs();
            self.check_seats();
            self.check_replica();
        }
        self.clock.spent(COST);
        let retired = std::mem::take(&mut self.retired);
        let ids: Vec<PlayerId> = self.seats.values().chain(&retired).copied().collect();
        ids.into_iter().for_each(|id| self.try_send(id));
        retired.into_iter().for_each(|id| self.end(id, Close::Replaced));
    }

    /// Passes on what sessions received since the last tick.
    fn collect(&mut self) {
        for id in self.seats.values() {
            if let Some(server) = self.players[id.0].server.as_mut()
                && let Some(place) = &server.place
            {
                let ended = self.host.collect(place.session, &mut server.pending);
                assert_eq!(ended, None, "a session that has ended is gone");
            }
        }
        self.follow_outputs();
    }

    /// Ends all sessions with `close`, without a word to the room.
    pub(super) fn end_all(&mut self, close: Close) {
        for player in self.players.iter_mut().filter(|player| player.server.is_some()) {
            player.server = None;
            player.send_down(self.now, Packet::Close(close));
            player.ended = Some(close);
        }
        self.seats.clear();
        self.retired.clear();
    }

    /// Ends a session with `close`. Its seat may be held.
    pub(super) fn end(&mut self, id: PlayerId, close: Close) {
        let player = &mut self.players[id.0];
        let Some(mut server) = player.server.take() else { return };
        player.send_down(self.now, Packet::Close(close));
        player.ended = Some(close);
        assert!(!matches!(close, Close::BadMessage | Close::Version), "{close:?}: {}", close.text());
        if let Some(place) = server.place {
            if self.seats.get(&place.session.seat) == Some(&id) {
                self.seats.remove(&place.session.seat);
            }
            server.pending.end(close_for_seat(close, place.continuity, place.heard));
            if let Some(close) = self.host.collect(place.session, &mut server.pending) {
                self.host.disconnect(place.session, close);
            }
            self.follow_outputs();
        }
    }

    fn check_seats(&self) {
        if self.journal.is_some() {
            // Clients learn later where they sit.
            return;
        }
        let room = self.host.room();
        let clients = room.players() + room.spectators();
        assert_eq!(clients, self.seats.len() + room.away(), "clients are the live sessions and the held seats");
        assert!(self.addressed.len() <= clients, "the events of free seats are forgotten");
    }

    fn check_replica(&mut self) {
        if self.journal.is_some() {
            return;
        }
        let record = self.host.take_record();
        self.replica.apply(&record);
        let frame = self.host.room().frame();
        self.replica.compare(frame, &self.digest);
        let every = self.plan.checkpoint_every;
        if every > 0 && frame.tick().0.is_multiple_of(every) {
            self.restore_replica();
        }
    }

    /// Replaces the replica by a room that is restored from a checkpoint.
    fn restore_replica(&mut self) {
        let Some(checkpoint) = self.checkpoint() else { return };
        let room = self.restored(&checkpoint);
        self.replica.restart(room);
    }

    fn try_send(&mut self, id: PlayerId) {
        let Some(frame) = self.host.frames().newest().cloned() else { return };
        let player = &mut self.players[id.0];
        let Some(server) = player.server.as_mut() else { return };
        if server.session.readiness(self.now, &frame) != Readiness::Ready {
            return;
        }
        let mut batch = server.place.as_mut().and_then(|place| place.events.batch(frame.tick()));
        let mut frames = Vec::new();
        let base = server.session.sender().expect("a ready session has a sender").base();
        self.host.frames().since(base, &frame, &mut frames);
        let delivery = match player.transport {
            Transport::Ordered => None,
            Transport::Unordered => server.session.deliver(&frame, batch.take().as_ref()),
        };
        let bytes = server.session.compose(self.now, &frames, batch.as_ref());
        server.session.take_unsent(|unsent| player.unsent += unsent);
        delivery.into_iter().for_each(|delivery| player.send_down(self.now, Packet::Message(delivery)));
        player.send_frame_down(self.now, bytes);
    }

    fn look_after(&mut self, id: PlayerId) {
        let player = &mut self.players[id.0];
        let Some(server) = player.server.as_mut() else { return };
        if !self.plan.patience || server.next_alarm > self.now {
            return;
        }
        server.next_alarm = self.now.plus(Duration::from_secs(1));
        match server.session.on_alarm(self.now) {
            Ok(true) => player.send_down(self.now, Packet::Ping),
            Ok(false) => {}
            Err(close) => self.end(id, close),
        }
    }
}

fn secret(random: &mut Pcg32) -> Secret {
    std::array::from_fn(|_| random.next_u32() as u8)
}
