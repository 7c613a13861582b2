//! The server's half of a playtest: what the session, room and relay actors do in production.

use std::time::Duration;

use rand_pcg::rand_core::Rng;

use super::oracle::Addressed;
use super::player::{Packet, PlayerId};
use super::playtest::Playtest;
use crate::engine::{Admitted, Command, EventLog, InputRun, Readiness, Refusal, Secret, Session, SessionEvent, Visit};
use crate::id::{Seat, Seq};
use crate::tick::Moment;
use crate::wire::{Close, Role};

/// The server's end of a connection; in production, a session actor holds it.
pub(super) struct ServerEnd {
    pub session: Session,
    seat: Option<Seat>,
    pub next_alarm: Moment,
}

/// What a taken seat keeps, with or without a session.
#[derive(Default)]
pub(super) struct Tenure {
    pub log: EventLog,
    pub addressed: Addressed,
}

/// What a session submitted for the next tick.
pub(super) enum Laying {
    Inputs(InputRun),
    Command { seq: Seq, command: Command },
}

impl ServerEnd {
    pub fn new(now: Moment, next_alarm: Moment) -> Self {
        Self { session: Session::new(now), seat: None, next_alarm }
    }
}

impl Playtest {
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
        let seat = self.seat_of(id);
        // A replaced session has no event log, so its acknowledgements of events are neither right nor wrong.
        let mut log = seat.and_then(|seat| self.tenures.get_mut(&seat)).map(|tenure| &mut tenure.log);
        let mut ack = |upto| log.as_mut().map_or(Ok(()), |log| log.ack(upto).map_err(|_| Close::BadMessage));
        seat.into_iter().for_each(|seat| self.room.confirm(seat));
        let player = &mut self.players[id.0];
        let Some(server) = player.server.as_mut() else { return Ok(()) };
        match heard {
            SessionEvent::Nothing | SessionEvent::Resync => {}
            SessionEvent::Enter(visit) => return self.enter(id, visit),
            SessionEvent::Events(upto) => ack(upto)?,
            SessionEvent::Inputs { events } => {
                ack(events)?;
                for run in server.session.runs() {
                    let before = player.runs.last().map_or(Seq(0), |last| last.first.plus(u32::from(last.count) - 1));
                    assert_eq!(run.first, before.plus(1), "no input is missing");
                    player.runs.push(*run);
                    self.tray.push((id, Laying::Inputs(*run)));
                }
            }
            SessionEvent::Command { seq, command } => self.tray.push((id, Laying::Command { seq, command })),
            SessionEvent::Refresh(_) => unreachable!("playtests have no tokens"),
            SessionEvent::Reply(bytes) => player.send_down(self.now, Packet::Message(bytes)),
        }
        Ok(())
    }

    fn enter(&mut self, id: PlayerId, visit: Visit) -> Result<(), Close> {
        let secret = self.secret();
        let recognised = visit.claim.and_then(|claim| Some((claim, self.room.recognise(&claim.token, None)?)));
        let admitted = if let Some((claim, seat)) = recognised {
            self.route_posts();
            let base = claim.tick.and_then(|tick| self.history.get(tick)).cloned();
            let log = &mut self.tenures.get_mut(&seat).expect("a taken seat has a log").log;
            let resumed = self.room.resume(seat, &claim, log, base.as_deref(), secret);
            // The session that had the seat is ended by the next tick.
            let admitted = resumed.map_err(|_| Close::BadMessage)?;
            self.retired.extend(self.seats.remove(&seat));
            admitted
        } else {
            let admitted = match visit.role {
                Role::Player => self.room.admit(visit.name, visit.player),
                Role::Spectator => self.room.admit_spectator(visit.name),
            };
            let mut admitted = admitted.map_err(|refusal| match refusal {
                Refusal::Full => Close::RoomFull,
                Refusal::Shut(close) => close,
                Refusal::Game(_) => Close::Forbidden,
            })?;
            self.room.give_token(&mut admitted, secret);
            self.tenures.insert(admitted.entry.seat, Tenure::default());
            admitted
        };
        self.sit(id, admitted);
        self.route_posts();
        Ok(())
    }

    fn secret(&mut self) -> Secret {
        std::array::from_fn(|_| self.secrets.next_u32() as u8)
    }

    /// The only place where a session and its frame sender get a seat.
    fn sit(&mut self, id: PlayerId, admitted: Admitted) {
        let player = &mut self.players[id.0];
        let server = player.server.as_mut().expect("it was heard from");
        let seat = admitted.entry.seat;
        let welcome = server.session.enter(self.now, &admitted.entry, admitted.welcome);
        server.seat = Some(seat);
        player.oracle.seated(admitted.entry.seat_generation, self.tenures[&seat].addressed.clone());
        player.send_down(self.now, Packet::Message(welcome));
        assert!(self.seats.insert(seat, id).is_none(), "one session has a seat");
    }

    /// The seat of a session, unless a newer session has it by now.
    fn seat_of(&self, id: PlayerId) -> Option<Seat> {
        let seat = self.players[id.0].server.as_ref()?.seat?;
        (self.seats.get(&seat) == Some(&id)).then_some(seat)
    }

    /// One tick of the clock: hands inputs and commands to the room, steps it, and offers the frame to every session.
    pub(super) fn tick(&mut self) {
        /// The cost of a batch of steps, as reported to the clock.
        const COST: Duration = Duration::from_micros(100);
        let deadline = self.clock.deadline();
        let due = self.clock.advance(self.now);
        for step in 0..due.steps {
            self.empty_tray();
            let ticked = self.room.tick();
            assert_eq!(ticked.frame.tick().0 as usize, self.frames.len() + 1, "one frame per step");
            self.frames.push((deadline.plus(self.clock.rate().period() * step), ticked.frame.clone()));
            self.history.push(ticked.frame);
            self.route_posts();
            self.with_watch(|watch, play| watch.stepped(play));
            for seat in ticked.released {
                self.tenures.remove(&seat);
            }
            for (seat, reason) in ticked.kicks {
                let close = reason.close();
                self.room.leave(seat, close);
                self.tenures.remove(&seat);
                if let Some(id) = self.seats.remove(&seat) {
                    self.end(id, close);
                }
                self.route_posts();
            }
            if let Some(reason) = ticked.over {
                let ids: Vec<PlayerId> = self.seats.values().copied().collect();
                ids.into_iter().for_each(|id| self.end(id, reason.close()));
            }
        }
        self.clock.spent(COST);
        let retired = std::mem::take(&mut self.retired);
        let ids: Vec<PlayerId> = self.seats.values().chain(&retired).copied().collect();
        ids.into_iter().for_each(|id| self.try_send(id));
        retired.into_iter().for_each(|id| self.end(id, Close::Replaced));
    }

    fn empty_tray(&mut self) {
        for (id, laying) in std::mem::take(&mut self.tray) {
            // Inputs and commands of a departed session do not count, even when its seat was taken again.
            let Some(seat) = self.seat_of(id) else { continue };
            match laying {
                Laying::Inputs(run) => self.room.offer(seat, &run),
                Laying::Command { seq, command } => self.room.command(seat, seq, &command),
            }
        }
        self.route_posts();
    }

    /// Ends a session with `close`. Its seat may be held.
    pub(super) fn end(&mut self, id: PlayerId, close: Close) {
        let seat = self.seat_of(id);
        let player = &mut self.players[id.0];
        if player.server.take().is_none() {
            return;
        }
        player.send_down(self.now, Packet::Close(close));
        player.ended = Some(close);
        assert!(!matches!(close, Close::BadMessage | Close::Version), "{close:?}: {}", close.text());
        if let Some(seat) = seat {
            self.seats.remove(&seat);
            if !self.room.drop_out(seat, close) {
                self.tenures.remove(&seat);
            }
            self.route_posts();
        }
        let (guests, away) = (self.room.players() + self.room.spectators(), self.room.away());
        assert_eq!(guests, self.seats.len() + away, "guests are the live sessions and the held seats");
        assert_eq!(guests, self.tenures.len(), "guests have a log each");
    }

    fn route_posts(&mut self) {
        for post in self.room.take_posts() {
            for seat in post.seats {
                // The seat was freed since, so its session gets no more events.
                let Some(tenure) = self.tenures.get_mut(&seat) else { continue };
                tenure.log.push(post.event.clone());
                tenure.addressed.borrow_mut().push(post.event.clone());
            }
        }
    }

    fn try_send(&mut self, id: PlayerId) {
        let Some(frame) = self.history.newest().cloned() else { return };
        let seat = self.seat_of(id);
        let player = &mut self.players[id.0];
        let Some(server) = player.server.as_mut() else { return };
        if server.session.readiness(self.now, &frame) != Readiness::Ready {
            return;
        }
        let batch = seat.and_then(|seat| self.tenures.get_mut(&seat)?.log.batch(frame.tick()));
        let mut frames = Vec::new();
        let base = server.session.sender().expect("a ready session has a sender").tick();
        self.history.between(base, frame.tick(), &mut frames);
        if frames.is_empty() {
            frames.push(frame);
        }
        let bytes = server.session.compose(self.now, &frames, batch.as_ref());
        player.send_down(self.now, Packet::Message(bytes));
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
