//! The taken seats of a room as its shell sees them: each seat's channel and session, and the relays that need frames.
//!
//! A held seat has no session; its channel stays and collects events. The engine decides which seats are taken.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::Recipient;

use super::message::{End, Publish, RelayKey};
use super::seat_channel::SeatChannel;
use crate::id::Seat;

/// The taken seats of one room.
#[derive(Default)]
pub struct SeatTable {
    seats: BTreeMap<Seat, TakenSeat>,
    /// The relays, each with the number of sessions that listen through it.
    relays: BTreeMap<RelayKey, (Recipient<Publish>, usize)>,
}

struct TakenSeat {
    channel: Arc<SeatChannel>,
    /// `None` while the seat is held for a disconnected player.
    session: Option<Session>,
}

/// How the room reaches a session.
pub struct Session {
    pub end: Recipient<End>,
    pub relay: RelayKey,
}

impl SeatTable {
    /// Gives a seat to a session. Returns the session that had it before, which gets no more events.
    pub fn attach(
        &mut self,
        channel: Arc<SeatChannel>,
        session: Session,
        publish: Recipient<Publish>,
    ) -> Option<Recipient<End>> {
        let seat = channel.session().seat;
        let before = self.detach(seat);
        self.relays.entry(session.relay).or_insert((publish, 0)).1 += 1;
        if let Some(taken) = self.seats.insert(seat, TakenSeat { channel, session: Some(session) }) {
            taken.channel.replace();
        }
        before
    }

    /// Removes the session of a seat; the channel stays. Returns the session, if there was one.
    pub fn detach(&mut self, seat: Seat) -> Option<Recipient<End>> {
        let session = self.seats.get_mut(&seat)?.session.take()?;
        if let Some((_, listeners)) = self.relays.get_mut(&session.relay) {
            *listeners -= 1;
            if *listeners == 0 {
                self.relays.remove(&session.relay);
            }
        }
        Some(session.end)
    }

    /// Frees the seat. Returns the session that still had it.
    pub fn free(&mut self, seat: Seat) -> Option<Recipient<End>> {
        let session = self.detach(seat);
        self.seats.remove(&seat);
        session
    }

    /// Frees all seats. Returns the sessions that were there.
    pub fn free_all(&mut self) -> impl Iterator<Item = Recipient<End>> + use<> {
        self.relays.clear();
        std::mem::take(&mut self.seats).into_values().filter_map(|taken| taken.session).map(|session| session.end)
    }

    /// The channel of a taken seat.
    pub fn channel(&self, seat: Seat) -> Option<&Arc<SeatChannel>> {
        self.seats.get(&seat).map(|taken| &taken.channel)
    }

    /// The channels of seats with a session.
    pub fn present(&self) -> impl Iterator<Item = &SeatChannel> {
        self.seats.values().filter(|taken| taken.session.is_some()).map(|taken| &*taken.channel)
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
    use crate::engine::{EventQueue, SeatSession};

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
            assert_eq!((listening(&seats), seats.seats.len(), seats.present().count()), (vec![1], 2, 1));
            assert!(seats.channel(Seat(1)).is_some(), "a held seat keeps its channel");
            assert!(!attach(&mut seats, &mailbox, 1, 1));
            assert_eq!(listening(&seats), [1, 1]);
            assert!(seats.free(Seat(0)).is_some() && seats.free(Seat(0)).is_none());
            assert_eq!((seats.free_all().count(), seats.seats.len(), seats.relays().count()), (1, 0, 0));
        });
    }
}
