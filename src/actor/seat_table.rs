//! The sessions of a room as its shell sees them: each session's channel, and the relays that need frames.
//!
//! A held seat has no session. The engine decides which seats are taken.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::Recipient;

use super::gatekeeper::SeatPermit;
use super::message::{End, Publish, RelayKey};
use super::seat_channel::SeatChannel;
use crate::engine::SeatSession;
use crate::id::Seat;

/// The sessions of one room by seat.
#[derive(Default)]
pub struct SeatTable {
    seats: BTreeMap<Seat, Attached>,
    /// The relays, each with the number of sessions that listen through it.
    relays: BTreeMap<RelayKey, (Recipient<Publish>, usize)>,
    /// For each taken seat, held ones included, its count on an address.
    permits: BTreeMap<Seat, SeatPermit>,
}

struct Attached {
    channel: Arc<SeatChannel>,
    session: Session,
}

/// How the room reaches a session.
pub struct Session {
    pub end: Recipient<End>,
    pub relay: RelayKey,
}

impl SeatTable {
    /// Gives a seat to a session. Returns the session that had it before, whose messages no longer count.
    pub fn attach(
        &mut self,
        channel: Arc<SeatChannel>,
        session: Session,
        publish: Recipient<Publish>,
    ) -> Option<Recipient<End>> {
        let seat = channel.session().seat;
        self.channel(seat).into_iter().for_each(SeatChannel::replace);
        let replaced = self.detach(seat);
        self.relays.entry(session.relay).or_insert((publish, 0)).1 += 1;
        self.seats.insert(seat, Attached { channel, session });
        replaced
    }

    /// Removes the session of a seat. Returns it, if there was one.
    pub fn detach(&mut self, seat: Seat) -> Option<Recipient<End>> {
        let Attached { session, .. } = self.seats.remove(&seat)?;
        if let Some((_, listeners)) = self.relays.get_mut(&session.relay) {
            *listeners -= 1;
            if *listeners == 0 {
                self.relays.remove(&session.relay);
            }
        }
        Some(session.end)
    }

    /// Removes a session, if it still has its seat. Returns it.
    pub fn detach_session(&mut self, session: SeatSession) -> Option<Recipient<End>> {
        let has_seat = self.channel(session.seat).is_some_and(|channel| channel.session() == session);
        has_seat.then(|| self.detach(session.seat)).flatten()
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.seats.len()
    }

    /// Removes all sessions. Returns them.
    pub fn detach_all(&mut self) -> impl Iterator<Item = Recipient<End>> + use<> {
        self.relays.clear();
        std::mem::take(&mut self.seats).into_values().map(|attached| attached.session.end)
    }

    /// Counts a taken seat on an address until it is free.
    pub fn count(&mut self, seat: Seat, permit: SeatPermit) {
        self.permits.insert(seat, permit);
    }

    /// What counts a seat on its address, if it is counted.
    pub fn take_permit(&mut self, seat: Seat) -> Option<SeatPermit> {
        self.permits.remove(&seat)
    }

    /// A seat is free.
    pub fn free(&mut self, seat: Seat) {
        self.permits.remove(&seat);
    }

    /// The channel of a seat with a session.
    pub fn channel(&self, seat: Seat) -> Option<&SeatChannel> {
        self.seats.get(&seat).map(|attached| &*attached.channel)
    }

    /// The channels of all sessions.
    pub fn channels(&self) -> impl Iterator<Item = &SeatChannel> {
        self.seats.values().map(|attached| &*attached.channel)
    }

    /// Where frames are sent.
    pub fn relays(&self) -> impl Iterator<Item = &Recipient<Publish>> {
        self.relays.values().map(|(publish, _)| publish)
    }
}

#[cfg(test)]
mod tests {
    use actix::{Actor, Addr, Context, Handler};

    use super::*;
    use crate::engine::EventQueue;

    /// Takes messages and does nothing.
    struct Mailbox;

    impl Actor for Mailbox {
        type Context = Context<Self>;
    }

    impl Handler<Publish> for Mailbox {
        type Result = ();
        fn handle(&mut self, _: Publish, _: &mut Context<Self>) {}
    }

    impl Handler<End> for Mailbox {
        type Result = ();
        fn handle(&mut self, _: End, _: &mut Context<Self>) {}
    }

    fn attach(seats: &mut SeatTable, mailbox: &Addr<Mailbox>, seat: u16, relay: u64) -> bool {
        let (end, publish) = (mailbox.clone().recipient(), mailbox.clone().recipient());
        let session = SeatSession { seat: Seat(seat), generation: 0 };
        let channel = Arc::new(SeatChannel::new(session, EventQueue::default(), Arc::default()));
        seats.attach(channel, Session { end, relay: RelayKey(relay) }, publish).is_some()
    }

    #[test]
    fn a_relay_is_written_to_while_a_session_listens_through_it() {
        actix::System::new().block_on(async {
            let (mut seats, mailbox) = (SeatTable::default(), Mailbox.start());
            let listening = |seats: &SeatTable| seats.relays.values().map(|(_, count)| *count).collect::<Vec<_>>();
            assert!(!attach(&mut seats, &mailbox, 0, 1) && !attach(&mut seats, &mailbox, 1, 1));
            assert_eq!(listening(&seats), [2]);
            assert!(attach(&mut seats, &mailbox, 0, 2), "the session that had the seat is replaced");
            assert_eq!(listening(&seats), [1, 1]);
            assert!(seats.detach(Seat(1)).is_some() && seats.detach(Seat(1)).is_none());
            assert_eq!((listening(&seats), seats.channels().count()), (vec![1], 1));
            assert!(seats.channel(Seat(1)).is_none() && seats.channel(Seat(0)).is_some());
            assert!(!attach(&mut seats, &mailbox, 1, 1));
            assert_eq!(listening(&seats), [1, 1]);
            assert!(seats.detach(Seat(0)).is_some() && seats.detach(Seat(0)).is_none());
            assert_eq!((seats.detach_all().count(), seats.channels().count(), seats.relays().count()), (1, 0, 0));
        });
    }
}
