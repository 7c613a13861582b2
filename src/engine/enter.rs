//! How players enter a room and leave it.

use super::close_reason::CloseReason;
use super::events::{EventLog, EventQueue};
use super::frame_sender::SenderStart;
use super::input_buffer::InputBuffer;
use super::resume::Key;
use super::room::{Admitted, Answer, Refusal, Room, RoomOutput};
use super::room_input::Enter;
use super::seat::Seated;
use crate::game::{Player, Recipients};
use crate::id::{CorrectionEpoch, EntityId, Seat, Seq};
use crate::wire::{Continuity, EventBody, PROTOCOL_VERSION, Role, Welcome};

impl Room {
    pub(super) fn enter(&mut self, enter: Enter) -> Answer {
        match enter.role {
            Role::Player => self.enter_player(enter),
            Role::Spectator => self.enter_spectator(enter.name),
        }
    }

    /// Admits a player to the lowest free seat.
    fn enter_player(&mut self, enter: Enter) -> Answer {
        if let Some(close) = self.shut().filter(|_| !enter.reserved) {
            return Err(Refusal::Shut(close));
        }
        if self.seats.len() >= usize::from(self.capacity()) {
            return Err(Refusal::Full);
        }
        let index = self.seats.iter().zip(0_u16..).position(|(seated, number)| seated.seat.0 != number);
        let index = index.unwrap_or(self.seats.len());
        let seat = Seat(index as u16);
        let Enter { identity, name, options, secret, .. } = enter;
        let player = Player { seat, identity, name, options };
        let joined = self.call_hook("join", |game, cx| game.join(&player, cx));
        let entity = joined.map_err(|refused| {
            // Effects of a refused join are about a player who never entered.
            self.cx.take_effects();
            Refusal::Game(refused)
        })?;
        let mut seated = Seated::new(player, entity, self.next_seat_generation(), self.empty_input_buffer());
        seated.key = secret.filter(|_| self.holds_seats()).map(Key::new);
        seated.wake(self.frame.tick());
        self.post(&Recipients::All, &EventBody::Joined(seated.listed()));
        seated.log = self.log_of_newcomer();
        self.seats.insert(index, seated);
        self.apply_effects();
        Ok(Box::new(self.admitted(index)))
    }

    /// The log of a client that has just entered: it begins with the latest chat lines.
    pub(super) fn log_of_newcomer(&self) -> EventLog {
        let mut log = EventLog::default();
        self.chat_history.iter().for_each(|line| log.push(line.clone()));
        log
    }

    /// Frees a seat. The other clients get an event, unless the seat was a spectator's. Does nothing when the seat is
    /// free.
    pub(super) fn free(&mut self, seat: Seat, reason: CloseReason, expired: bool) {
        if !self.holds(seat) {
            return;
        }
        // A kick must not outlive its player and hit the next one in the seat.
        self.kicks.retain(|(kicked, _)| *kicked != seat);
        let code = reason.close().code();
        self.outputs.push(RoomOutput::Freed { seat, reason, expired });
        match self.find(seat) {
            Ok(index) => {
                self.seats.remove(index);
                self.call_hook("leave", |game, cx| game.leave(seat, cx));
                self.post(&Recipients::All, &EventBody::Left { seat, code });
                self.apply_effects();
            }
            Err(_) => {
                self.find_spectator(seat).into_iter().for_each(|index| _ = self.spectators.remove(index));
            }
        }
    }

    /// Whether events up to this one have not all arrived yet.
    pub(super) fn awaits_events(&self, seat: Seat, upto: Seq) -> bool {
        let log = match (self.find(seat), self.find_spectator(seat)) {
            (Ok(index), _) => &self.seats[index].log,
            (_, Ok(index)) => &self.spectators[index].log,
            _ => return false,
        };
        upto.is_after(log.arrived_upto())
    }

    pub(super) fn events_arrived(&mut self, seat: Seat, upto: Seq) {
        match (self.find(seat), self.find_spectator(seat)) {
            (Ok(index), _) => self.seats[index].log.arrived(upto),
            (_, Ok(index)) => self.spectators[index].log.arrived(upto),
            _ => {}
        }
    }

    /// The welcome and the start of a client that has no state, as after a fresh join.
    pub(super) fn admitted(&self, index: usize) -> Admitted {
        let seated = &self.seats[index];
        let welcome = self.welcome(seated.seat, seated.entity, seated.epoch, seated.commands);
        self.admitted_with(welcome, seated.seat_generation, seated.log.queue_after(Seq(0)))
    }

    pub(super) fn admitted_with(&self, welcome: Welcome, seat_generation: u32, events: EventQueue) -> Admitted {
        let Welcome { seat, tick, incarnation, rate, epoch, commands, .. } = welcome;
        let start = SenderStart {
            seat,
            seat_generation,
            tick,
            incarnation,
            rate,
            epoch,
            commands,
            events: welcome.events,
            zones: [].into(),
        };
        Admitted { welcome, start, events }
    }

    pub(super) fn welcome(&self, seat: Seat, entity: EntityId, epoch: CorrectionEpoch, commands: Seq) -> Welcome {
        Welcome {
            version: PROTOCOL_VERSION,
            features: self.features,
            room: self.config.id.clone(),
            incarnation: self.config.incarnation,
            game: self.config.game.clone(),
            rate: self.rate(),
            tick: self.frame.tick(),
            seat,
            entity,
            authority: self.spec.authority,
            epoch,
            resume: None,
            continuity: Continuity::Fresh,
            events: Seq(0),
            listed: Seq(0),
            commands,
            expires: None,
            schema: (*self.spec.schema).clone(),
            inputs: self.spec.inputs.clone(),
            properties: self.properties().to_vec(),
            players: self.roster(),
            extensions: Vec::new(),
        }
    }

    pub(super) fn empty_input_buffer(&self) -> InputBuffer {
        InputBuffer::new(self.spec.authority, self.spec.inputs.neutral())
    }
}
