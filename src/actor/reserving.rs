//! Seats reserved for parties. A server that keeps its rooms gives a ticket away only when the room remembers it, as safely
//! as everything else that it promises.

use std::time::Duration;

use actix::{Context, Handler, Message, ResponseFuture};
use actix_web::rt::time::timeout;
use tokio::sync::oneshot;
use tracing::warn;

use super::directory::Directory;
use super::gatekeeper::SeatPermit;
use super::message::{Reserve, Reserved, RoomKey};
use super::names;
use super::refusals::Refusal;
use super::room::RoomActor;
use super::status::{PendingJoin, TicketBack};
use crate::engine::registry::{self, Placement, RoomRegistry};
use crate::engine::{CloseReason, JoinKind, Limit, SecretDigest};
use crate::wire::{Close, Join, limits};

/// Directory to room: remember these tickets. The answer comes when they may be given away.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), CloseReason>")]
struct Remember(Vec<SecretDigest>);

impl Directory {
    fn reserve(&mut self, request: Reserve) -> Result<(RoomKey, Reserved), CloseReason> {
        let Reserve { join, seats, only_game, maker } = request;
        if self.draining {
            return Err(Close::Draining.into());
        }
        if !self.reservations.has_room_for(seats, maker) {
            return Err(Close::TryLater.into());
        }
        self.heed_changes();
        let named = match &join {
            Join::ById { room } => Some(room.as_str()),
            _ => None,
        };
        self.wake_named(named)?;
        let mut permits: Vec<_> = (0..seats).map(|_| self.config.gatekeeper.seat_permit(maker)).collect();
        if !permits.iter_mut().all(SeatPermit::take) {
            let refusal = Refusal::Limit(Limit::SeatsPerAddress);
            self.metrics.refusals.count(self.clock.now(), refusal, None);
            return Err(CloseReason::with_text(refusal.close(), refusal.text()));
        }
        let (key, expected) = match registry::place_party(&self.rooms, &join, seats, only_game.as_deref())? {
            Placement::Room(key, expected) => (key, expected),
            Placement::Create { game, options } => {
                let key = self.make(game, options, seats, maker)?;
                (key, registry::announce_party(&self.rooms, key, seats)?)
            }
        };
        let until = self.clock.now().plus(limits::RESERVED_FOR);
        let reserve = |(pending, promise): (PendingJoin, SeatPermit)| {
            let ticket = names::secret();
            self.reservations.reserve(until, digest(&ticket), maker, key, pending.reserved(promise));
            ticket
        };
        let tickets = expected.into_iter().zip(permits).map(reserve).collect();
        self.metrics.counts.seats_reserved.inc_by(seats as u64);
        let (room, expires_in) = (self.room_handle(key)?.entry.id.clone(), limits::RESERVED_FOR.as_secs());
        Ok((key, Reserved { room, tickets, expires_in }))
    }

    /// Reserves the seats again that a room remembers, which goes on here.
    pub(super) fn reserve_again(&mut self, key: RoomKey, tickets: Vec<(SecretDigest, Duration)>) {
        let now = self.clock.now();
        for (ticket, left) in tickets {
            // The address that asked for it is not remembered.
            let mut promise = self.config.gatekeeper.seat_permit(None);
            match self.rooms.announce(key, JoinKind::Newcomer) {
                Ok(pending) if promise.take() => {
                    self.reservations.reserve(now.plus(left), ticket, None, key, pending.reserved(promise));
                }
                _ => warn!("a seat that was reserved before the restart cannot be reserved again"),
            }
        }
    }
}

fn digest(ticket: &str) -> SecretDigest {
    SecretDigest::of(ticket.as_bytes())
}

impl Handler<Reserve> for Directory {
    type Result = ResponseFuture<Result<Reserved, CloseReason>>;

    fn handle(&mut self, request: Reserve, _: &mut Context<Self>) -> Self::Result {
        if let Some(cluster) = self.config.cluster.clone() {
            return self.reserve_at_large(cluster, request);
        }
        let keeps_rooms = self.config.store.is_some();
        let reserved = self.reserve(request).and_then(|(key, reserved)| {
            let room = self.room_handle(key)?.room.clone();
            Ok((reserved, room))
        });
        Box::pin(async move {
            let (reserved, room) = reserved?;
            let tickets = reserved.tickets.iter().map(|ticket| digest(ticket)).collect();
            if !keeps_rooms {
                // The room gives tickets back whose bearers are lost. If it is too busy to remember them, these are used up.
                let _ = room.try_send(Remember(tickets));
            } else {
                let remembered = timeout(limits::REMEMBERED_WITHIN, room.send(Remember(tickets))).await;
                remembered.map_err(|_| Close::TryLater)?.map_err(|_| Close::TryLater)??;
            }
            Ok(reserved)
        })
    }
}

impl Directory {
    /// Takes back the tickets for a room whose bearers were lost before they could know of it.
    pub(super) fn gather_tickets(&mut self, room: RoomKey) {
        let until = |left| self.clock.now().plus(left);
        let back = self.rooms.get(room).map(|listed| listed.status.take_tickets()).unwrap_or_default();
        for TicketBack { ticket, left, mut place, permit } in back {
            let maker = permit.address();
            place = place.reserved(permit);
            self.reservations.reserve(until(left), ticket, maker, room, place);
        }
    }
}

impl RoomActor {
    /// A client with a ticket has gone: the ticket is good again, and keeps its place.
    pub(super) fn give_back(&self, ticket: SecretDigest, place: PendingJoin, permit: SeatPermit) {
        let left = self.room().and_then(|room| room.ticket_left(&ticket));
        if let Some(left) = left.filter(|_| !self.status.is_closed()) {
            self.status.give_back(TicketBack { ticket, left, place, permit });
        }
    }

    /// After the seats that were taken with them are free.
    pub(super) fn give_back_unused(&mut self) {
        for (ticket, permit) in std::mem::take(&mut self.unused) {
            // If somebody was faster, the room is as full as it may be for a moment, and refuses whom it must.
            if let Ok(place) = self.status.announce(JoinKind::Newcomer, usize::MAX) {
                self.give_back(ticket, place, permit);
            }
        }
    }
}

impl Handler<Remember> for RoomActor {
    type Result = ResponseFuture<Result<(), CloseReason>>;

    fn handle(&mut self, Remember(tickets): Remember, _: &mut Context<Self>) -> Self::Result {
        let (safe, told) = oneshot::channel();
        let host = self.host.as_mut().ok_or(Close::RoomClosed);
        let asked = host.map(|host| {
            host.reserve(tickets, limits::RESERVED_FOR);
            self.promises.push_back(safe);
        });
        Box::pin(async move {
            asked?;
            // If the room ends first, nobody answers.
            told.await.map_err(|_| Close::TryLater.into())
        })
    }
}
