//! What a room lets others see of it without a message: counts, costs, and whether it still takes players.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::engine::RoomCosts;
use crate::wire::{Close, Role};

/// The outside of a room.
#[derive(Debug, Default)]
pub struct Status {
    players: AtomicUsize,
    away: AtomicUsize,
    spectators: AtomicUsize,
    costs: Mutex<Arc<RoomCosts>>,
    arrivals: Mutex<Arrivals>,
    /// News for the list of rooms.
    listing: Mutex<Option<Listing>>,
    tick_times: Mutex<TickTimes>,
}

/// What the list of rooms shows besides counts, and changes rarely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Nobody new is let in.
    pub locked: bool,
    /// What the room is said to be.
    pub properties: Vec<(String, String)>,
}

/// How long ticks took, over the last second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TickTimes {
    /// On average.
    pub mean: Duration,
    /// The longest.
    pub worst: Duration,
}

#[derive(Debug, Default)]
struct Arrivals {
    /// Players sent here who have not arrived yet, and seats promised.
    expected: usize,
    /// Those who say that they have a seat already.
    claiming: usize,
    /// Spectators sent here who have not arrived yet.
    curious: usize,
    /// Seats counted as taken whose sessions have said goodbye: the room frees them at its next tick, before it admits anybody.
    leaving: usize,
    /// Why nobody new gets in.
    shut: Option<Close>,
    closed: bool,
}

/// Counts after a tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Occupancy {
    /// Seats taken.
    pub players: usize,
    /// Of those, held for players who are away.
    pub away: usize,
    /// Who looks on.
    pub spectators: usize,
}

impl Occupancy {
    /// Those with a session.
    pub fn present(self) -> usize {
        self.players.saturating_sub(self.away) + self.spectators
    }
}

impl Status {
    /// Who is there after the last tick.
    pub fn occupancy(&self) -> Occupancy {
        let read = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        Occupancy { players: read(&self.players), away: read(&self.away), spectators: read(&self.spectators) }
    }

    /// Tells who is there, who of them arrived just now, and who left: nobody counts twice or not at all in between.
    pub fn set_occupancy(
        &self,
        Occupancy { players, away, spectators }: Occupancy,
        arrived: impl Iterator<Item = PendingJoin>,
        left: impl Iterator<Item = Departure>,
    ) {
        let mut arrivals = self.arrivals.lock();
        for mut expected in arrived {
            *arrivals.count(expected.way) -= 1;
            expected.status = None;
        }
        for mut departure in left {
            arrivals.leaving -= 1;
            departure.status.take();
        }
        self.players.store(players, Ordering::Relaxed);
        self.away.store(away, Ordering::Relaxed);
        self.spectators.store(spectators, Ordering::Relaxed);
    }

    /// What the room's deltas cost, as far as it was weighed.
    pub fn costs(&self) -> Arc<RoomCosts> {
        self.costs.lock().clone()
    }

    /// Tells what the room's deltas cost.
    pub fn set_costs(&self, costs: RoomCosts) {
        *self.costs.lock() = Arc::new(costs);
    }

    /// How long its ticks take.
    pub fn tick_times(&self) -> TickTimes {
        *self.tick_times.lock()
    }

    /// Tells how long ticks take.
    pub fn set_tick_times(&self, tick_times: TickTimes) {
        *self.tick_times.lock() = tick_times;
    }

    /// What the list of rooms is to show from now on, when that is news.
    pub fn take_listing(&self) -> Option<Listing> {
        self.listing.lock().take()
    }

    /// Tells what the room is said to be, and why nobody new gets in, if so.
    pub fn show(&self, properties: Vec<(String, String)>, shut: Option<Close>) {
        *self.listing.lock() = Some(Listing { locked: shut.is_some(), properties });
        self.arrivals.lock().shut = shut;
    }

    /// Whether the room has ended.
    pub fn is_closed(&self) -> bool {
        self.arrivals.lock().closed
    }

    /// Announces a player, if fewer than `most` are there or announced; or a spectator likewise, whom a lock does not stop.
    ///
    /// # Errors
    /// Why they would not be let in.
    pub fn expect(self: &Arc<Self>, role: Role, most: usize) -> Result<PendingJoin, Close> {
        let mut arrivals = self.arrivals.lock();
        let there = match role {
            Role::Player => self.players_with(&arrivals),
            Role::Spectator => self.spectators.load(Ordering::Relaxed) + arrivals.curious,
        };
        let stopped = arrivals.shut.filter(|shut| role == Role::Player || *shut != Close::Locked);
        if let Some(close) = stopped.or(arrivals.closed.then_some(Close::RoomClosed)) {
            return Err(close);
        }
        if there >= most {
            return Err(Close::RoomFull);
        }
        let way = if role == Role::Player { Way::New } else { Way::Curious };
        *arrivals.count(way) += 1;
        Ok(PendingJoin { status: Some(self.clone()), way, reserved: false })
    }

    /// Announces a player who claims to have a seat, however many are there: a claim takes no seat from others, and one
    /// that opens none must become a [newcomer](PendingJoin::as_newcomer) first.
    pub fn expect_back(self: &Arc<Self>) -> Option<PendingJoin> {
        let mut arrivals = self.arrivals.lock();
        if arrivals.closed {
            return None;
        }
        *arrivals.count(Way::Claiming) += 1;
        Some(PendingJoin { status: Some(self.clone()), way: Way::Claiming, reserved: false })
    }

    /// Counts a seat as free from now on, whose session said goodbye and which the room has not freed yet.
    pub fn depart(self: &Arc<Self>) -> Departure {
        self.arrivals.lock().leaving += 1;
        Departure { status: Some(self.clone()) }
    }

    /// Seats that newcomers cannot have.
    fn players_with(&self, arrivals: &Arrivals) -> usize {
        (self.players.load(Ordering::Relaxed) + arrivals.expected).saturating_sub(arrivals.leaving)
    }

    /// Closes the door, whoever is expected.
    pub fn close(&self) {
        self.arrivals.lock().closed = true;
    }

    /// Closes the door unless somebody is expected.
    pub fn close_if_idle(&self) -> bool {
        let mut arrivals = self.arrivals.lock();
        arrivals.closed |= arrivals.expected + arrivals.claiming + arrivals.curious == 0;
        arrivals.closed
    }
}

impl Arrivals {
    fn count(&mut self, way: Way) -> &mut usize {
        match way {
            Way::New => &mut self.expected,
            Way::Claiming => &mut self.claiming,
            Way::Curious => &mut self.curious,
        }
    }
}

/// How somebody comes.
#[derive(Clone, Copy, Debug)]
enum Way {
    New,
    Claiming,
    Curious,
}

/// Somebody on the way to a room, or a seat that is promised to somebody; the room stays open for them.
#[derive(Debug)]
pub struct PendingJoin {
    /// `None` once it was counted among those who are there.
    status: Option<Arc<Status>>,
    way: Way,
    reserved: bool,
}

impl PendingJoin {
    /// The same as a promise, which holds also when the room is locked in the meantime.
    pub fn reserved(mut self) -> Self {
        self.reserved = true;
        self
    }

    /// The same for a claim that opened no seat: from now on a newcomer like any other, if fewer than `most` are there or
    /// announced. Whoever claimed nothing was counted before.
    ///
    /// # Errors
    /// [`Close::RoomFull`]: the free seats are promised to others.
    pub fn as_newcomer(&mut self, most: usize) -> Result<(), Close> {
        let (Some(status), Way::Claiming) = (&self.status, self.way) else { return Ok(()) };
        let mut arrivals = status.arrivals.lock();
        if status.players_with(&arrivals) >= most {
            return Err(Close::RoomFull);
        }
        *arrivals.count(Way::Claiming) -= 1;
        *arrivals.count(Way::New) += 1;
        self.way = Way::New;
        Ok(())
    }

    /// Seats taken in the room.
    pub fn players(&self) -> usize {
        self.status.as_ref().map_or(0, |status| status.occupancy().players)
    }

    /// Whether it is the fulfilment of a promise.
    pub fn is_reserved(&self) -> bool {
        self.reserved
    }
}

/// A seat whose session said goodbye; it counts as free until the room has freed it, or as long as this lives.
#[derive(Debug)]
pub struct Departure {
    /// `None` once the room has freed the seat.
    status: Option<Arc<Status>>,
}

impl Drop for Departure {
    fn drop(&mut self) {
        if let Some(status) = &self.status {
            status.arrivals.lock().leaving -= 1;
        }
    }
}

impl Drop for PendingJoin {
    fn drop(&mut self) {
        if let Some(status) = &self.status {
            *status.arrivals.lock().count(self.way) -= 1;
        }
    }
}
