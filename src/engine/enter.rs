//! How players enter a room and leave it.

use std::sync::Arc;

use super::close_reason::CloseReason;
use super::events::EventLog;
use super::frame_sender::SenderStart;
use super::input_buffer::InputBuffer;
use super::policy::SecondDevice;
use super::resume::Key;
use super::room::{Admitted, Answer, Refusal, Room, RoomOutput};
use super::room_input::Enter;
use super::seat::Seated;
use super::tap::{TapBody, left};
use crate::game::{Player, Recipients};
use crate::id::{CorrectionEpoch, EntityId, KindId, Seat, Seq, ZoneId};
use crate::wire::{Close, Continuity, EventBody, PROTOCOL_VERSION, Role, Welcome};

impl Room {
    /// With fewer seats taken, a room has no memory for more: most rooms stay small.
    const FEW_SEATS: usize = 8;

    pub(super) fn enter(&mut self, enter: Enter) -> Answer {
        match enter.role {
            Role::Player => self.enter_player(enter),
            Role::Spectator => self.enter_spectator(enter),
        }
    }

    /// Admits a player to the lowest free seat.
    fn enter_player(&mut self, enter: Enter) -> Answer {
        if let Some(close) = self.shut().filter(|_| !enter.reserved) {
            return Err(Refusal::Shut(close));
        }
        self.make_way(enter.identity.as_deref())?;
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
        let (generation, inputs) = (self.next_seat_generation(), self.empty_input_buffer());
        let mut seated = Seated::new(player, entity, generation, inputs, self.zones_of_newcomer());
        seated.key = secret.filter(|_| self.holds_seats()).map(Key::new);
        seated.wake(self.frame.tick());
        let (name, identity) = (&seated.name, &seated.identity);
        self.tap(|| TapBody::PlayerJoined { seat, name: name.clone(), identity: identity.clone() });
        self.post(&Recipients::All, &EventBody::Joined(seated.listed()));
        let counters = self.config.counters;
        (seated.commands, seated.epoch, seated.log) = (counters.commands, counters.epoch, self.log_of_newcomer());
        if self.seats.len() < Self::FEW_SEATS {
            self.seats.reserve_exact(1);
        }
        self.seats.insert(index, seated);
        self.apply_effects();
        Ok(Box::new(self.admitted(index)))
    }

    /// Frees the other seats of an identity that enters, as far as the policy says so.
    fn make_way(&mut self, identity: Option<&str>) -> Result<(), Refusal> {
        let policy = self.config.policy.second_device;
        if identity.is_none() || policy == SecondDevice::Allow {
            return Ok(());
        }
        let others = self.seats.iter().filter(|seated| seated.identity.as_deref() == identity);
        if policy == SecondDevice::Refuse && others.clone().any(|seated| seated.away.is_none()) {
            return Err(Refusal::SecondDevice);
        }
        let others: Vec<Seat> = others.map(|seated| seated.seat).collect();
        others.into_iter().for_each(|seat| self.free(seat, Close::Replaced.into(), false));
        Ok(())
    }

    /// Zone 0. Seats share the list, which each tick counts references to: one list stays in the processor's caches.
    fn zones_of_newcomer(&self) -> Arc<[ZoneId]> {
        let shared = self.seats.iter().map(|seated| &seated.zones).find(|zones| ***zones == [ZoneId(0)]);
        shared.cloned().unwrap_or_else(|| [ZoneId(0)].into())
    }

    /// The log of a client that has just entered: it begins with the latest chat lines.
    pub(super) fn log_of_newcomer(&self) -> EventLog {
        let mut log = EventLog::after(self.config.counters.events);
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
        let close = reason.close();
        self.outputs.push(RoomOutput::Freed { seat, reason, expired });
        match self.find(seat) {
            Ok(index) => {
                let gone = self.seats.remove(index);
                let (name, identity) = (gone.name, gone.identity.clone());
                self.tap(|| left(seat, name, identity, close));
                self.departed.extend(gone.identity.map(|identity| (identity, self.frame.tick())));
                self.call_hook("leave", |game, cx| game.leave(seat, cx));
                self.post(&Recipients::All, &EventBody::Left { seat, code: close.code() });
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
        self.admitted_with(welcome, seated.seat_generation, &seated.log)
    }

    pub(super) fn admitted_with(&self, mut welcome: Welcome, seat_generation: u32, log: &EventLog) -> Admitted {
        welcome.events = log.arrived_upto();
        let events = log.queue_after(welcome.events);
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
            extensions: self.views.iter().map(|views| views.world_grid().extension()).collect(),
        }
    }

    /// Lets people chat again, and tells the game's context which entity ids are in use when new ones run out.
    pub(super) fn prepare_tick(&mut self) {
        self.chat_history.tick(self.rate());
        if !self.cx.reuses_entities() {
            return;
        }
        let kinds = (0..self.spec.schema.kinds().len() as u8).map(KindId);
        let tables = kinds.flat_map(|kind| self.frame.zones().iter().filter_map(move |zone| zone.zone().table(kind)));
        let rows = tables.flat_map(|table| table.ids()).copied();
        let used = rows.chain(self.seats.iter().map(|seated| seated.entity)).collect();
        self.cx.reserve_entities(used);
    }

    pub(super) fn empty_input_buffer(&self) -> InputBuffer {
        InputBuffer::new(self.spec.authority, self.spec.inputs.neutral(), self.rate())
    }
}
