//! The server's half of the test world: what the session, room and relay actors do in production.

use std::time::Duration;

use tickwire::engine::{Heard, Readiness, Refusal, Visit};
use tickwire::tick::Moment;
use tickwire::wire::Close;

use crate::ends::{CLOSE, MESSAGE, PING};
use crate::sim::{Tray, World};

impl World {
    /// Takes what arrived for a session and looks after it.
    pub fn serve(&mut self, id: usize) {
        while let Some(connection) = self.connections.get_mut(&id)
            && let Some(server) = connection.server.as_mut()
            && let Some(packet) = connection.up.poll(self.now)
        {
            let heard = match packet[0] {
                CLOSE => Err(Close::Left),
                PING => {
                    let _ = server.session.on_ping(self.now);
                    Ok(Heard::Nothing)
                }
                _ => server.session.on_message(self.now, &packet[1..]),
            };
            match heard.and_then(|heard| self.hear(id, heard)) {
                Ok(()) => self.try_send(id),
                Err(close) => self.end(id, close),
            }
        }
        self.look_after(id);
    }

    fn hear(&mut self, id: usize, heard: Heard) -> Result<(), Close> {
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        let Some(server) = connection.server.as_mut() else { return Ok(()) };
        match heard {
            Heard::Nothing => {}
            Heard::Enter(visit) => return self.enter(id, visit),
            Heard::Events(upto) => server.log.ack(upto).map_err(|_| Close::BadMessage)?,
            Heard::Inputs { events } => {
                server.log.ack(events).map_err(|_| Close::BadMessage)?;
                for laid in server.session.laid() {
                    (0..laid.count).for_each(|_| server.placements.push(laid.placement));
                    self.tray.push((id, Tray::Inputs(*laid)));
                }
                assert_eq!(server.placements.len() as u32, last(server.session.laid()), "no input is missing");
            }
            Heard::Command { seq, ask } => self.tray.push((id, Tray::Command { seq, ask })),
            Heard::Refresh(_) => return Err(Close::BadToken),
            Heard::Reply(bytes) => connection.send_down(self.now, MESSAGE, &bytes),
        }
        Ok(())
    }

    fn enter(&mut self, id: usize, visit: Visit) -> Result<(), Close> {
        let admitted = self.room.admit(visit.name, visit.player).map_err(|refusal| match refusal {
            Refusal::Full => Close::RoomFull,
            Refusal::Game(_) => Close::Forbidden,
        })?;
        let connection = self.connections.get_mut(&id).expect("it was heard from");
        let server = connection.server.as_mut().expect("it was heard from");
        let welcome = server.session.enter(self.now, &admitted.entry, admitted.welcome);
        server.seat = Some(admitted.entry.seat);
        connection.send_down(self.now, MESSAGE, &welcome);
        assert!(self.seats.insert(admitted.entry.seat, id).is_none(), "a seat is given once");
        self.route_posts();
        Ok(())
    }

    /// One tick of the clock: empties the tray, steps the room, and offers the frame to every session.
    pub fn tick(&mut self) {
        let deadline = self.clock.deadline();
        let due = self.clock.advance(self.now);
        for step in 0..due.steps {
            self.empty_tray();
            let ticked = self.room.tick();
            assert_eq!(ticked.frame.tick().0 as usize, self.frames.len() + 1, "one frame per step");
            self.frames.push(ticked.frame.clone());
            self.due.push(deadline.plus(self.clock.rate().period() * step));
            self.history.push(ticked.frame);
            self.route_posts();
            self.check_moves();
            for (seat, close) in ticked.kicks {
                if let Some(id) = self.seats.get(&seat).copied() {
                    self.end(id, close);
                }
            }
        }
        self.clock.spent(Duration::from_micros(100));
        let ids: Vec<usize> = self.seats.values().copied().collect();
        ids.into_iter().for_each(|id| self.try_send(id));
    }

    fn empty_tray(&mut self) {
        for (id, item) in std::mem::take(&mut self.tray) {
            // What a departed session laid down does not count, even when its seat was taken again.
            let connection = self.connections.get(&id);
            let Some(seat) = connection.and_then(|connection| connection.server.as_ref()?.seat) else { continue };
            match item {
                Tray::Inputs(laid) => self.room.offer(seat, &laid),
                Tray::Command { seq, ask } => self.room.command(seat, seq, &ask),
            }
        }
        self.route_posts();
    }

    fn check_moves(&mut self) {
        let mut tape = self.tape.lock().expect("the game does not panic");
        for (seat, number) in std::mem::take(&mut tape.commands) {
            let connection = self.connections.get_mut(&self.seats[&seat]).expect("a seat has a connection");
            connection.server.as_mut().expect("a seat has a session").check_command(number);
        }
        assert_eq!(tape.moves.len(), self.seats.len(), "players are the live sessions");
        for taken in &tape.moves {
            let connection = self.connections.get_mut(&self.seats[&taken.seat]).expect("a seat has a connection");
            let note = self.room.frame().note(taken.seat).expect("a seat has a note");
            let maker = connection.client.as_ref().map(|client| &client.maker);
            let server = connection.server.as_mut().expect("a seat has a session");
            server.check_move(self.plan.wild.rule, taken, note, maker);
        }
    }

    /// Ends a session under one name.
    pub fn end(&mut self, id: usize, close: Close) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Some(server) = connection.server.take() else { return };
        connection.send_down(self.now, CLOSE, &close.code().to_le_bytes());
        *self.endings.entry(close.label()).or_default() += 1;
        assert!(!matches!(close, Close::BadMessage | Close::RateLimited | Close::Version), "{close:?}");
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
                let Some(connection) = self.connections.get_mut(id) else { continue };
                if let Some(server) = connection.server.as_mut() {
                    server.log.push(post.event.clone());
                    connection.expected.push(post.event.clone());
                }
            }
        }
    }

    fn try_send(&mut self, id: usize) {
        let Some(frame) = self.history.newest().cloned() else { return };
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Some(server) = connection.server.as_mut() else { return };
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
        connection.send_down(self.now, MESSAGE, &bytes);
    }

    fn look_after(&mut self, id: usize) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Some(server) = connection.server.as_mut() else { return };
        if !self.plan.alarms || server.next_alarm > self.now {
            return;
        }
        server.next_alarm = self.now.plus(Duration::from_secs(1));
        match server.session.on_alarm(self.now) {
            Ok(true) => connection.send_down(self.now, PING, &[]),
            Ok(false) => {}
            Err(close) => self.end(id, close),
        }
    }

    /// How old a tick was at `at`.
    pub fn age(&self, tick: tickwire::tick::Tick, at: Moment) -> Duration {
        at.since(self.due[tick.0 as usize - 1])
    }
}

/// The number of the last of these inputs.
fn last(laid: &[tickwire::engine::Laid]) -> u32 {
    laid.last().map_or(0, |laid| laid.first.0 + u32::from(laid.count) - 1)
}
