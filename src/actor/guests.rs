//! Who sits in a room, as letters go: the desk under each taken seat, the session that is there, and the relays to write to.
//!
//! A seat whose session is gone may be held: then its desk stays and collects events. Which seats are taken is the
//! engine's business.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::Recipient;

use super::desk::Desk;
use super::message::{End, Publish, RelayKey};
use crate::id::Seat;

/// The guests of one room.
#[derive(Default)]
pub struct Guests {
    seats: BTreeMap<Seat, Guest>,
    /// How many sessions listen through each relay.
    relays: BTreeMap<RelayKey, (Recipient<Publish>, usize)>,
}

struct Guest {
    desk: Arc<Desk>,
    /// `None` while nobody is there.
    session: Option<Session>,
}

/// How a session is reached.
pub struct Session {
    pub end: Recipient<End>,
    pub relay: RelayKey,
}

impl Guests {
    /// A session takes a seat. Returns the one that had it, which hears nothing any more.
    pub fn sit(
        &mut self,
        seat: Seat,
        desk: Arc<Desk>,
        session: Session,
        publish: Recipient<Publish>,
    ) -> Option<Recipient<End>> {
        let before = self.rise(seat);
        self.relays.entry(session.relay).or_insert((publish, 0)).1 += 1;
        self.seats.insert(seat, Guest { desk, session: Some(session) });
        before
    }

    /// The session of a seat is gone; the desk stays. Returns it, if there was one.
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

    /// The seat is free. Returns whether it was taken.
    pub fn clear(&mut self, seat: Seat) -> bool {
        self.rise(seat);
        self.seats.remove(&seat).is_some()
    }

    /// Everyone's seat is free. Returns how to reach those who are there.
    pub fn clear_all(&mut self) -> impl Iterator<Item = Recipient<End>> + use<> {
        self.relays.clear();
        std::mem::take(&mut self.seats).into_values().filter_map(|guest| guest.session).map(|session| session.end)
    }

    /// The desk under a taken seat.
    pub fn desk(&self, seat: Seat) -> Option<&Arc<Desk>> {
        self.seats.get(&seat).map(|guest| &guest.desk)
    }

    /// Where somebody is, and their desks.
    pub fn present(&self) -> impl Iterator<Item = (Seat, &Desk)> {
        let here = self.seats.iter().filter(|(_, guest)| guest.session.is_some());
        here.map(|(seat, guest)| (*seat, &*guest.desk))
    }

    /// Where frames are sent.
    pub fn relays(&self) -> impl Iterator<Item = &Recipient<Publish>> {
        self.relays.values().map(|(publish, _)| publish)
    }

    /// Seats taken.
    pub fn len(&self) -> usize {
        self.seats.len()
    }
}

#[cfg(test)]
mod tests {
    use actix::{Actor, Addr, Context, Handler};

    use super::*;
    use crate::engine::EventLog;

    /// Takes letters and does nothing.
    struct Letters;

    impl Actor for Letters {
        type Context = Context<Self>;
    }

    impl Handler<Publish> for Letters {
        type Result = ();
        fn handle(&mut self, _: Publish, _: &mut Context<Self>) {}
    }

    impl Handler<End> for Letters {
        type Result = ();
        fn handle(&mut self, _: End, _: &mut Context<Self>) {}
    }

    fn sit(guests: &mut Guests, letters: &Addr<Letters>, seat: u16, relay: u64) -> bool {
        let (end, publish) = (letters.clone().recipient(), letters.clone().recipient());
        let desk = Arc::new(Desk::with(EventLog::default(), Arc::default()));
        guests.sit(Seat(seat), desk, Session { end, relay: RelayKey(relay) }, publish).is_some()
    }

    #[test]
    fn a_relay_is_written_to_while_a_session_listens_through_it() {
        actix::System::new().block_on(async {
            let (mut guests, letters) = (Guests::default(), Letters.start());
            let listening = |guests: &Guests| guests.relays.values().map(|(_, count)| *count).collect::<Vec<_>>();
            assert!(!sit(&mut guests, &letters, 0, 1) && !sit(&mut guests, &letters, 1, 1));
            assert_eq!(listening(&guests), [2]);
            assert!(sit(&mut guests, &letters, 0, 2), "the session that had the seat is replaced");
            assert_eq!(listening(&guests), [1, 1]);
            assert!(guests.rise(Seat(1)).is_some() && guests.rise(Seat(1)).is_none());
            assert_eq!((listening(&guests), guests.len(), guests.present().count()), (vec![1], 2, 1));
            assert!(guests.desk(Seat(1)).is_some(), "a held seat keeps its desk");
            assert!(!sit(&mut guests, &letters, 1, 1));
            assert_eq!(listening(&guests), [1, 1]);
            assert!(guests.clear(Seat(0)) && !guests.clear(Seat(0)));
            assert_eq!((guests.clear_all().count(), guests.len(), guests.relays().count()), (1, 0, 0));
        });
    }
}
