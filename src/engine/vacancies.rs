//! The places of a room: which are taken, and which are promised to clients that are about to arrive.
//!
//! A room's own count is a tick old, and several joins may be under way. Whoever sends a client to a room therefore
//! announces it here first, and the room settles its count together with the arrivals that the count includes.

use crate::wire::{Close, Role};

/// Counts after a tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Occupancy {
    /// Seats taken.
    pub players: usize,
    /// Of these, seats held for disconnected players.
    pub away: usize,
    /// Spectators.
    pub spectators: usize,
}

impl Occupancy {
    /// Players and spectators with a session.
    pub fn present(self) -> usize {
        self.players.saturating_sub(self.away) + self.spectators
    }
}

/// The kind of a join that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    /// A player without a seat, or a reserved seat.
    Newcomer,
    /// A player who claims to have a seat.
    Returning,
    /// A spectator.
    Spectator,
}

impl From<Role> for JoinKind {
    fn from(role: Role) -> Self {
        match role {
            Role::Player => Self::Newcomer,
            Role::Spectator => Self::Spectator,
        }
    }
}

/// The taken and promised places of one room.
#[derive(Clone, Debug, Default)]
pub struct Vacancies {
    occupancy: Occupancy,
    newcomers: usize,
    returning: usize,
    spectators: usize,
    /// Seats that count as taken although their session has ended; the room frees them at its next tick, before joins.
    departing: usize,
    /// Why the room admits nobody new, if so.
    shut: Option<Close>,
    closed: bool,
    /// Newcomers who are announced with a ticket of a cluster's directory, which keeps their seats.
    ticketed: usize,
    /// Tickets whose bearers are counted by now, or will not come.
    settled: Vec<String>,
}

impl Vacancies {
    /// The occupancy after the last tick.
    pub fn occupancy(&self) -> Occupancy {
        self.occupancy
    }

    /// Whether the room has ended.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Announces a client, if fewer than `most` of its kind are there or announced. Spectators may enter a locked room. A
    /// valid claim takes no new seat, so returning players are always announced; one whose claim is invalid must
    /// [become a newcomer](Self::becomes_newcomer) first.
    ///
    /// # Errors
    /// Why the room would refuse the client.
    pub fn announce(&mut self, kind: JoinKind, most: usize) -> Result<(), Close> {
        self.check(kind, most)?;
        *self.count(kind) += 1;
        Ok(())
    }

    /// Whether a client of this kind would be announced.
    ///
    /// # Errors
    /// As [`Self::announce`].
    pub fn check(&self, kind: JoinKind, most: usize) -> Result<(), Close> {
        let shut = self.shut.filter(|shut| match kind {
            JoinKind::Newcomer => true,
            JoinKind::Returning => false,
            JoinKind::Spectator => *shut != Close::Locked,
        });
        if let Some(close) = shut.or(self.closed.then_some(Close::RoomClosed)) {
            return Err(close);
        }
        let is_full = match kind {
            JoinKind::Newcomer => self.seats_taken() >= most,
            JoinKind::Returning => false,
            JoinKind::Spectator => self.occupancy.spectators + self.spectators >= most,
        };
        if is_full { Err(Close::RoomFull) } else { Ok(()) }
    }

    /// An announced client does not arrive.
    pub fn withdraw(&mut self, kind: JoinKind) {
        *self.count(kind) -= 1;
    }

    /// An announced client's claim opened no seat: announces a newcomer instead, if fewer than `most` are there or announced.
    ///
    /// # Errors
    /// [`Close::RoomFull`]: the free seats are taken or promised; nothing has changed then.
    pub fn becomes_newcomer(&mut self, most: usize) -> Result<(), Close> {
        if self.seats_taken() >= most {
            return Err(Close::RoomFull);
        }
        self.returning -= 1;
        self.newcomers += 1;
        Ok(())
    }

    /// A session has ended, and its seat counts as free until [`Self::settle`] or [`Self::departed`].
    pub fn depart(&mut self) {
        self.departing += 1;
    }

    /// A departure is settled.
    pub fn departed(&mut self) {
        self.departing -= 1;
    }

    /// The room has counted. `arrived` are the announced clients that the count includes for the first time, and `left` the
    /// number of departures that it includes.
    pub fn settle(&mut self, occupancy: Occupancy, arrived: impl Iterator<Item = JoinKind>, left: usize) {
        arrived.for_each(|kind| self.withdraw(kind));
        self.departing -= left;
        self.occupancy = occupancy;
    }

    /// Why the room admits nobody new from now on, if so.
    pub fn set_shut(&mut self, shut: Option<Close>) {
        self.shut = shut;
    }

    /// Closes the room, even if somebody is announced.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Closes the room unless somebody is announced. Returns whether it is closed.
    pub fn close_if_idle(&mut self) -> bool {
        self.closed |= self.newcomers + self.returning + self.spectators == 0;
        self.closed
    }

    /// The announced client has a ticket of a cluster's directory. Returns whether the ticket keeps a seat there.
    pub fn with_ticket(&mut self, kind: JoinKind) -> bool {
        let keeps = kind == JoinKind::Newcomer;
        self.ticketed += usize::from(keeps);
        keeps
    }

    /// The bearer of a ticket is counted, or will not come. `kept`: as [`Self::with_ticket`] returned.
    pub fn settle_ticket(&mut self, ticket: String, kept: bool) {
        self.ticketed -= usize::from(kept);
        self.settled.push(ticket);
    }

    /// What a cluster's directory must know: the seats that no ticket keeps and nobody new can have, why the room admits
    /// nobody new, and the tickets that it need not count any more.
    pub fn report(&mut self) -> (usize, Option<Close>, Vec<String>) {
        (self.seats_taken() - self.ticketed, self.shut, std::mem::take(&mut self.settled))
    }

    /// Seats that are not available to newcomers.
    fn seats_taken(&self) -> usize {
        (self.occupancy.players + self.newcomers).saturating_sub(self.departing)
    }

    fn count(&mut self, kind: JoinKind) -> &mut usize {
        match kind {
            JoinKind::Newcomer => &mut self.newcomers,
            JoinKind::Returning => &mut self.returning,
            JoinKind::Spectator => &mut self.spectators,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::JoinKind::{Newcomer, Returning, Spectator};
    use super::*;

    fn players(players: usize) -> Occupancy {
        Occupancy { players, away: 0, spectators: 0 }
    }

    #[test]
    fn nobody_is_counted_twice_or_missed() {
        let mut vacancies = Vacancies::default();
        assert_eq!([(); 3].map(|()| vacancies.announce(Newcomer, 2)), [Ok(()), Ok(()), Err(Close::RoomFull)]);
        vacancies.settle(players(1), [Newcomer].into_iter(), 0);
        assert_eq!(vacancies.announce(Newcomer, 2), Err(Close::RoomFull), "one is there and one is on the way");
        vacancies.withdraw(Newcomer);
        assert_eq!(vacancies.announce(Newcomer, 2), Ok(()));
        vacancies.settle(players(2), [Newcomer].into_iter(), 0);
        vacancies.depart();
        assert_eq!(vacancies.announce(Newcomer, 2), Ok(()), "a seat whose session has ended is as good as free");
        vacancies.settle(players(2), [Newcomer].into_iter(), 1);
        assert_eq!(vacancies.announce(Newcomer, 2), Err(Close::RoomFull));
    }

    #[test]
    fn a_seat_counts_for_its_ticket_until_the_directory_is_told() {
        let mut vacancies = Vacancies::default();
        vacancies.announce(Newcomer, 3).expect("a free seat");
        assert!(vacancies.with_ticket(Newcomer));
        assert_eq!(vacancies.report(), (0, None, Vec::new()), "the ticket keeps it");
        vacancies.settle(players(1), [Newcomer].into_iter(), 0);
        vacancies.settle_ticket("a".to_owned(), true);
        vacancies.announce(Newcomer, 3).expect("a free seat");
        assert!(vacancies.with_ticket(Newcomer) && !vacancies.with_ticket(Returning));
        assert_eq!(vacancies.report(), (1, None, vec!["a".to_owned()]));
        vacancies.withdraw(Newcomer);
        vacancies.settle_ticket("b".to_owned(), true);
        assert_eq!(vacancies.report(), (1, None, vec!["b".to_owned()]));
    }

    #[test]
    fn a_claim_needs_no_free_seat_until_it_turns_out_to_be_void() {
        let mut vacancies = Vacancies::default();
        vacancies.settle(players(2), std::iter::empty(), 0);
        assert_eq!(vacancies.announce(Returning, 2), Ok(()));
        assert_eq!(vacancies.becomes_newcomer(2), Err(Close::RoomFull));
        assert_eq!(vacancies.becomes_newcomer(3), Ok(()));
        assert_eq!(vacancies.announce(Newcomer, 3), Err(Close::RoomFull));
    }

    #[test]
    fn a_locked_room_can_be_watched_and_a_closed_one_cannot() {
        let mut vacancies = Vacancies::default();
        vacancies.set_shut(Some(Close::Locked));
        let answers = [Newcomer, Returning, Spectator].map(|kind| vacancies.announce(kind, 9));
        assert_eq!(answers, [Err(Close::Locked), Ok(()), Ok(())]);
        vacancies.set_shut(Some(Close::MatchOver));
        assert_eq!(vacancies.announce(Spectator, 9), Err(Close::MatchOver));
        assert!(!vacancies.close_if_idle(), "two are on the way");
        vacancies.withdraw(Returning);
        vacancies.withdraw(Spectator);
        assert!(vacancies.close_if_idle());
        assert_eq!(vacancies.announce(Returning, 9), Err(Close::RoomClosed));
    }
}
