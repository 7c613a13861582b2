//! The sessions of a room as its shell sees them: each session's channel, and the feeds of the relays that need frames.
//!
//! A held seat has no session. The engine decides which seats are taken.

use std::sync::Arc;

use actix::Recipient;

use super::frame_feed::{FrameFeed, FrameInbox};
use super::gatekeeper::SeatPermit;
use super::message::{RelayKey, RoomKey, RoomNotice};
use super::seat_channel::SeatChannel;
use crate::engine::SeatSession;
use crate::id::Seat;

/// The sessions of one room by seat.
#[derive(Default)]
pub struct SeatTable {
    seats: BySeat<Attached>,
    /// The feeds of relays, each with the number of sessions that listen through it. There are as many as HTTP workers at most.
    feeds: Vec<(Arc<FrameFeed>, usize)>,
    /// For each taken seat, held ones included, its count on an address.
    permits: BySeat<SeatPermit>,
}

/// How the room reaches a session.
struct Attached {
    channel: Arc<SeatChannel>,
    notices: Recipient<RoomNotice>,
    relay: RelayKey,
}

/// Values by seat, ascending. Most rooms have few seats, and a list takes no more than these.
struct BySeat<T>(Vec<(Seat, T)>);

impl<T> Default for BySeat<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> BySeat<T> {
    fn find(&self, seat: Seat) -> Result<usize, usize> {
        self.0.binary_search_by_key(&seat, |(seat, _)| *seat)
    }

    fn get(&self, seat: Seat) -> Option<&T> {
        self.find(seat).ok().map(|index| &self.0[index].1)
    }

    fn insert(&mut self, seat: Seat, value: T) {
        match self.find(seat) {
            Ok(index) => self.0[index].1 = value,
            Err(index) => {
                if self.0.len() < 4 {
                    self.0.reserve_exact(1);
                }
                self.0.insert(index, (seat, value));
            }
        }
    }

    fn remove(&mut self, seat: Seat) -> Option<T> {
        self.find(seat).ok().map(|index| self.0.remove(index).1)
    }

    fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }
}

impl SeatTable {
    /// Gives a seat of `room` to a session, whose relay gets frames by `inbox` and which hears by `notices`. Returns the session
    /// that had it before, whose messages no longer count.
    pub fn attach(
        &mut self,
        room: RoomKey,
        channel: Arc<SeatChannel>,
        notices: Recipient<RoomNotice>,
        inbox: &Arc<FrameInbox>,
    ) -> Option<Recipient<RoomNotice>> {
        let (seat, relay) = (channel.session().seat, inbox.key());
        self.channel(seat).into_iter().for_each(SeatChannel::replace);
        let replaced = self.detach(seat);
        match self.feeds.iter_mut().find(|(feed, _)| feed.relay() == relay) {
            Some((feed, listeners)) => {
                *listeners += 1;
                feed.wake();
            }
            None => self.feeds.push((FrameFeed::new(room, inbox.clone()), 1)),
        }
        self.seats.insert(seat, Attached { channel, notices, relay });
        replaced
    }

    /// Removes the session of a seat. Returns it, if there was one.
    pub fn detach(&mut self, seat: Seat) -> Option<Recipient<RoomNotice>> {
        let Attached { notices, relay, .. } = self.seats.remove(seat)?;
        if let Some(index) = self.feeds.iter().position(|(feed, _)| feed.relay() == relay) {
            self.feeds[index].1 -= 1;
            if self.feeds[index].1 == 0 {
                self.feeds.remove(index);
            }
        }
        Some(notices)
    }

    /// Removes a session, if it still has its seat. Returns it.
    pub fn detach_session(&mut self, session: SeatSession) -> Option<Recipient<RoomNotice>> {
        let has_seat = self.channel(session.seat).is_some_and(|channel| channel.session() == session);
        has_seat.then(|| self.detach(session.seat)).flatten()
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.seats.0.len()
    }

    /// All sessions.
    pub fn recipients(&self) -> impl Iterator<Item = &Recipient<RoomNotice>> {
        self.seats.values().map(|attached| &attached.notices)
    }

    /// Removes all sessions. Returns them.
    pub fn detach_all(&mut self) -> impl Iterator<Item = Recipient<RoomNotice>> + use<> {
        self.feeds.clear();
        std::mem::take(&mut self.seats).0.into_iter().map(|(_, attached)| attached.notices)
    }

    /// Counts a taken seat on an address until it is free.
    pub fn count(&mut self, seat: Seat, permit: SeatPermit) {
        self.permits.insert(seat, permit);
    }

    /// What counts a seat on its address, if it is counted.
    pub fn take_permit(&mut self, seat: Seat) -> Option<SeatPermit> {
        self.permits.remove(seat)
    }

    /// A seat is free.
    pub fn free(&mut self, seat: Seat) {
        self.permits.remove(seat);
    }

    /// The channel of a seat with a session.
    pub fn channel(&self, seat: Seat) -> Option<&SeatChannel> {
        self.seats.get(seat).map(|attached| &*attached.channel)
    }

    /// The channels of all sessions.
    pub fn channels(&self) -> impl Iterator<Item = &SeatChannel> {
        self.seats.values().map(|attached| &*attached.channel)
    }

    /// Where frames are published.
    pub fn feeds(&self) -> impl Iterator<Item = &Arc<FrameFeed>> {
        self.feeds.iter().map(|(feed, _)| feed)
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

    impl Handler<RoomNotice> for Mailbox {
        type Result = ();
        fn handle(&mut self, _: RoomNotice, _: &mut Context<Self>) {}
    }

    fn attach(seats: &mut SeatTable, mailbox: &Addr<Mailbox>, seat: u16, relay: u64) -> bool {
        let session = SeatSession { seat: Seat(seat), generation: 0 };
        let channel = Arc::new(SeatChannel::new(session, EventQueue::default(), Arc::default()));
        let inbox = FrameInbox::new(RelayKey(relay));
        seats.attach(RoomKey(1), channel, mailbox.clone().recipient(), &inbox).is_some()
    }

    #[test]
    fn a_relay_is_written_to_while_a_session_listens_through_it() {
        actix::System::new().block_on(async {
            let (mut seats, mailbox) = (SeatTable::default(), Mailbox.start());
            let listening = |seats: &SeatTable| seats.feeds.iter().map(|(_, count)| *count).collect::<Vec<_>>();
            assert!(!attach(&mut seats, &mailbox, 1, 1) && !attach(&mut seats, &mailbox, 0, 1));
            assert_eq!(listening(&seats), [2]);
            let order: Vec<_> = seats.channels().map(|channel| channel.session().seat).collect();
            assert_eq!(order, [Seat(0), Seat(1)]);
            assert!(attach(&mut seats, &mailbox, 0, 2), "the session that had the seat is replaced");
            assert_eq!(listening(&seats), [1, 1]);
            assert!(seats.detach(Seat(1)).is_some() && seats.detach(Seat(1)).is_none());
            assert_eq!((listening(&seats), seats.channels().count()), (vec![1], 1));
            assert!(seats.channel(Seat(1)).is_none() && seats.channel(Seat(0)).is_some());
            assert!(!attach(&mut seats, &mailbox, 1, 1));
            assert_eq!(listening(&seats), [1, 1]);
            assert!(seats.detach(Seat(0)).is_some() && seats.detach(Seat(0)).is_none());
            assert_eq!((seats.detach_all().count(), seats.channels().count(), seats.feeds().count()), (1, 0, 0));
        });
    }
}
