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
    pub fn sit(
        &mut self,
        seat: Seat,
        channel: Arc<SeatChannel>,
        session: Session,
        publish: Recipient<Publish>,
    ) -> Option<Recipient<End>> {
        let before = self.rise(seat);
        self.relays.entry(session.relay).or_insert((publish, 0)).1 += 1;
        self.seats.insert(seat, TakenSeat { channel, session: Some(session) });
        before
    }

    /// Removes the session of a seat; the channel stays. Returns the session, if there was one.
    pub fn rise(&mut self, seat: Seat) -> Option<Recipient<End>> {
        let session = self.seats.get_mut(&seat)?.session.take()?;
        if let Some((_, listeners)) = self.relays.get_mut(&session.relay) {
            *listeners -= 1;
            if *listeners == 0 {
                self.relays.remove(&session.relay);
            }
        }
        Some(session.end)
    }

    /// Frees the seat. Returns whether it was taken.
    pub fn clear(&mut self, seat: Seat) -> bool {
        self.rise(seat);
        self.seats.remove(&seat).is_some()
    }

    /// Frees all seats. Returns the sessions that were there.
    pub fn clear_all(&mut self) -> impl Iterator<Item = Recipient<End>> + use<> {
        self.relays.clear();
        std::mem::take(&mut self.seats).into_values().filter_map(|taken| taken.session).map(|session| session.end)
    }

    /// The channel of a taken seat.
    pub fn channel(&self, seat: Seat) -> Option<&Arc<SeatChannel>> {
        self.seats.get(&seat).map(|taken| &taken.channel)
    }

    /// The seats with a session, and their channels.
    pub fn present(&self) -> impl Iterator<Item = (Seat, &SeatChannel)> {
        let here = self.seats.iter().filter(|(_, taken)| taken.session.is_some());
        here.map(|(seat, taken)| (*seat, &*taken.channel))
    }

    /// Where frames are sent.
    pub fn relays(&self) -> impl Iterator<Item = &Recipient<Publish>> {
        self.relays.values().map(|(publish, _)| publish)
    }

    /// The number of taken seats.
    pub fn len(&self) -> usize {
        self.seats.len()
    }
}

#[cfg(test)]
mod tests {
    use actix::{Actor, Addr, Context, Handler};

    use super::*;
    use crate::engine::EventLog;

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

    fn sit(seats: &mut SeatTable, mailbox: &Addr<Mailbox>, seat: u16, relay: u64) -> bool {
        let (end, publish) = (mailbox.clone().recipient(), mailbox.clone().recipient());
        let channel = Arc::new(SeatChannel::with(EventLog::default(), Arc::default()));
        seats.sit(Seat(seat), channel, Session { end, relay: RelayKey(relay) }, publish).is_some()
    }

    #[test]
    fn a_relay_is_written_to_while_a_session_listens_through_it() {
        actix::System::new().block_on(async {
            let (mut seats, mailbox) = (SeatTable::default(), Mailbox.start());
            let listening = |seats: &SeatTable| seats.relays.values().map(|(_, count)| *count).collect::<Vec<_>>();
            assert!(!sit(&mut seats, &mailbox, 0, 1) && !sit(&mut seats, &mailbox, 1, 1));
            assert_eq!(listening(&seats), [2]);
            assert!(sit(&mut seats, &mailbox, 0, 2), "the session that had the seat is replaced");
            assert_eq!(listening(&seats), [1, 1]);
            assert!(seats.rise(Seat(1)).is_some() && seats.rise(Seat(1)).is_none());
            assert_eq!((listening(&seats), seats.len(), seats.present().count()), (vec![1], 2, 1));
            assert!(seats.channel(Seat(1)).is_some(), "a held seat keeps its channel");
            assert!(!sit(&mut seats, &mailbox, 1, 1));
            assert_eq!(listening(&seats), [1, 1]);
            assert!(seats.clear(Seat(0)) && !seats.clear(Seat(0)));
            assert_eq!((seats.clear_all().count(), seats.len(), seats.relays().count()), (1, 0, 0));
        });
    }
}
