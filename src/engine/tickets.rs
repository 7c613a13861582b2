//! The reservations that a room remembers, so that those who were given a ticket find their seat after a crash or a stop.
//!
//! While the room runs, its shell decides which tickets are good ([`Reservations`](super::Reservations)); a restored room
//! tells its new shell.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::history::FrameStore;
use super::host::{Host, Waiting};
use super::join_request::JoinRequest;
use super::resume::SecretDigest;
use super::room::{Answer, Room, RoomOutput};
use super::room_input::RoomInput;
use crate::id::Seat;
use crate::tick::Tick;
use crate::wire::Join;

/// A ticket that was not used, or whose bearer has not shown yet that the welcome arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ticket {
    digest: SecretDigest,
    /// It is good until this tick. Ticks stand still while the room does not run.
    until: Tick,
}

/// The tickets of a room, oldest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Tickets(Vec<Ticket>);

impl Tickets {
    pub fn expire(&mut self, now: Tick) {
        self.0.retain(|ticket| now.since(ticket.until) < 0);
    }

    fn take(&mut self, digest: &SecretDigest) -> Option<Ticket> {
        let index = self.0.iter().position(|ticket| ticket.digest == *digest)?;
        Some(self.0.remove(index))
    }
}

impl Room {
    /// The tickets for reserved seats that nobody has used, as digests, and how long each is still good.
    pub fn tickets(&self) -> impl Iterator<Item = (SecretDigest, Duration)> {
        let left =
            |ticket: &Ticket| self.rate().period() * u32::try_from(ticket.until.since(self.frame.tick())).unwrap_or(0);
        self.tickets.0.iter().map(move |ticket| (ticket.digest, left(ticket)))
    }

    pub(super) fn knows_ticket(&self, digest: &SecretDigest) -> bool {
        self.tickets.0.iter().any(|ticket| ticket.digest == *digest)
    }

    pub(super) fn reserve(&mut self, tickets: &[SecretDigest], ticks: u32) {
        let until = self.frame.tick().plus(ticks);
        self.tickets.0.extend(tickets.iter().map(|digest| Ticket { digest: *digest, until }));
        self.outputs.push(RoomOutput::Reserved);
    }

    /// A ticket is used up. The seat remembers it until the client has shown that it knows of its seat.
    pub(super) fn redeem(&mut self, digest: &SecretDigest, seat: Option<Seat>) {
        let ticket = self.tickets.take(digest);
        if let Some(index) = seat.and_then(|seat| self.find(seat).ok()) {
            self.seats[index].ticket = ticket;
        }
    }

    /// The client of a seat is gone and has not said anything, so it may not know that it was admitted: it comes again with its
    /// ticket.
    pub(super) fn give_back_ticket(&mut self, index: usize) {
        let Some(ticket) = self.seats[index].ticket.take() else { return };
        if ticket.until.since(self.frame.tick()) > 0 {
            let seat = self.seats[index].seat;
            self.outputs.push(RoomOutput::TicketBack { seat, ticket: ticket.digest });
            self.tickets.0.push(ticket);
        }
    }

    /// How long a ticket is still good that nobody has used.
    pub fn ticket_left(&self, digest: &SecretDigest) -> Option<Duration> {
        self.tickets().find(|(ticket, _)| ticket == digest).map(|(_, left)| left)
    }

    /// The process has crashed. Clients that may not know that they were admitted come again with their tickets.
    pub(super) fn give_back_tickets(&mut self) {
        let unknown = self.seats.iter_mut().filter_map(|seated| seated.ticket.take());
        self.tickets.0.extend(unknown);
    }
}

impl<T: Waiting, F: FrameStore> Host<T, F> {
    /// Lets the room remember that seats are reserved for `span` for the bearers of these tickets, so that a shell that
    /// recovers or restores the room finds them in [`Room::tickets`]. The tickets may be given away after
    /// [`RoomOutput::Reserved`], which comes once per call, in order.
    pub fn reserve(&mut self, tickets: Vec<SecretDigest>, span: Duration) {
        let ticks = self.room.ticks(span);
        self.apply(RoomInput::Reserve { tickets, ticks });
    }

    /// A client was answered who came with a ticket.
    pub(super) fn redeem(&mut self, request: &JoinRequest, answer: Option<&Answer>) {
        let Join::Reserved { ticket } = &request.join else { return };
        let ticket = SecretDigest::of(ticket.as_bytes());
        if self.room.knows_ticket(&ticket) {
            let seat = answer.and_then(|answer| answer.as_ref().ok()).map(|admitted| admitted.welcome.seat);
            self.apply(RoomInput::Redeemed { ticket, seat });
        }
    }
}
