//! The server's half of a playtest: what the session, room and relay actors do in production.

use std::time::Duration;

use super::player::{Packet, PlayerId};
use super::playtest::Playtest;
use crate::engine::{Admitted, Ask, EventLog, Heard, Laid, Readiness, Refusal, Session, Visit};
use crate::id::{Seat, Seq};
use crate::tick::Moment;
use crate::wire::Close;

/// The server's end of a connection: what a desk and a session actor hold in production.
pub(super) struct ServerEnd {
    pub session: Session,
    pub log: EventLog,
    seat: Option<Seat>,
    pub next_alarm: Moment,
}

/// What a session laid down for the next tick.
pub(super) enum Laying {
    Inputs(Laid),
    Command { seq: Seq, ask: Ask },
}

impl ServerEnd {
    pub fn new(now: Moment, next_alarm: Moment) -> Self {
        Self { session: Session::new(now), log: EventLog::default(), seat: None, next_alarm }
    }
}

impl Playtest {
    /// Takes what arrived for a session and looks after it.
    pub(super) fn serve(&mut self, id: PlayerId) {
        let now = self.now;
        while let Some((server, packet)) = self.players[id.0].arrived_up(now) {
            let heard = match packet {
                Packet::Close(close) => Err(close),
                Packet::Ping => server.session.on_ping(now).map(|_| Heard::Nothing),
                Packet::Message(bytes) => server.session.on_message(now, &bytes),
            };
            match heard.and_then(|heard| self.hear(id, heard)) {
                Ok(()) => self.try_send(id),
                Err(close) => self.end(id, close),
            }
        }
        self.look_after(id);
    }

    fn hear(&mut self, id: PlayerId, heard: Heard) -> Result<(), Close> {
        let player = &mut self.players[id.0];
        let Some(server) = player.server.as_mut() else { return Ok(()) };
        match heard {
            Heard::Nothing => {}
            Heard::Enter(visit) => return self.enter(id, visit),
            Heard::Events(upto) => server.log.ack(upto).map_err(|_| Close::BadMessage)?,
            Heard::Inputs { events } => {
                server.log.ack(events).map_err(|_| Close::BadMessage)?;
                for laid in server.session.laid() {
                    let before = player.laid.last().map_or(Seq(0), |last| last.first.plus(u32::from(last.count) - 1));
                    assert_eq!(laid.first, before.plus(1), "no input is missing");
                    player.laid.push(*laid);
                    self.tray.push((id, Laying::Inputs(*laid)));
                }
            }
            Heard::Command { seq, ask } => self.tray.push((id, Laying::Command { seq, ask })),
            Heard::Reply(bytes) => player.send_down(self.now, Packet::Message(bytes)),
        }
        Ok(())
    }

    fn enter(&mut self, id: PlayerId, visit: Visit) -> Result<(), Close> {
        let admitted = self.room.admit(visit.name, visit.player).map_err(|refusal| match refusal {
            Refusal::Full => Close::RoomFull,
            Refusal::Shut(close) => close,
            Refusal::Game(_) => Close::Forbidden,
        })?;
        self.sit(id, admitted);
        self.route_posts();
        Ok(())
    }

    /// The one place where a session, its viewer and its log of events come to a seat.
    fn sit(&mut self, id: PlayerId, admitted: Admitted) {
        let player = &mut self.players[id.0];
        let server = player.server.as_mut().expect("it was heard from");
        let seat = admitted.entry.seat;
        let welcome = server.session.enter(self.now, &admitted.entry, admitted.welcome);
        server.seat = Some(seat);
        player.send_down(self.now, Packet::Message(welcome));
        assert!(self.seats.insert(seat, id).is_none(), "a seat is given once");
    }

    /// One tick of the clock: empties the tray, steps the room, and offers the frame to every session.
    pub(super) fn tick(&mut self) {
        /// What a step takes of the clock's credit for catching up.
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
            for (seat, parting) in ticked.kicks {
                if let Some(id) = self.seats.get(&seat).copied() {
                    self.end(id, parting.close());
                }
            }
            if let Some(parting) = ticked.over {
                let ids: Vec<PlayerId> = self.seats.values().copied().collect();
                ids.into_iter().for_each(|id| self.end(id, parting.close()));
            }
        }
        self.clock.spent(COST);
        let ids: Vec<PlayerId> = self.seats.values().copied().collect();
        ids.into_iter().for_each(|id| self.try_send(id));
    }

    fn empty_tray(&mut self) {
        for (id, laying) in std::mem::take(&mut self.tray) {
            // What a departed session laid down does not count, even when its seat was taken again.
            let Some(seat) = self.players[id.0].server.as_ref().and_then(|server| server.seat) else { continue };
            match laying {
                Laying::Inputs(laid) => self.room.offer(seat, &laid),
                Laying::Command { seq, ask } => self.room.command(seat, seq, &ask),
            }
        }
        self.route_posts();
    }

    /// Ends a session under one name.
    pub(super) fn end(&mut self, id: PlayerId, close: Close) {
        let player = &mut self.players[id.0];
        let Some(server) = player.server.take() else { return };
        player.send_down(self.now, Packet::Close(close));
        player.ended = Some(close);
        assert!(!matches!(close, Close::BadMessage | Close::Version), "{close:?}: {}", close.text());
        if let Some(seat) = server.seat {
            self.seats.remove(&seat);
            self.room.leave(seat, close);
            self.route_posts();
        }
        assert_eq!(self.room.players(), self.seats.len(), "players are the live sessions");
    }

    fn route_posts(&mut self) {
        for post in self.room.take_posts() {
            for seat in post.seats {
                // Posted for a seat that was freed since: its session hears nothing any more.
                let Some(id) = self.seats.get(&seat) else { continue };
                let player = &mut self.players[id.0];
                if let Some(server) = player.server.as_mut() {
                    server.log.push(post.event.clone());
                    player.oracle.expect(post.event.clone());
                }
            }
        }
    }

    fn try_send(&mut self, id: PlayerId) {
        let Some(frame) = self.history.newest().cloned() else { return };
        let player = &mut self.players[id.0];
        let Some(server) = player.server.as_mut() else { return };
        if server.session.readiness(self.now, &frame) != Readiness::Ready {
            return;
        }
        let batch = server.log.batch(frame.tick());
        let mut frames = Vec::new();
        let base = server.session.viewer().expect("a ready session has a viewer").tick();
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
