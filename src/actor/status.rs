//! What a room shares without messages: counts, costs, and whether it still admits players.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::engine::RoomCosts;
use crate::wire::{Close, Role};

/// The shared status of a room.
#[derive(Debug, Default)]
pub struct Status {
    players: AtomicUsize,
    away: AtomicUsize,
    spectators: AtomicUsize,
    costs: Mutex<Arc<RoomCosts>>,
    arrivals: Mutex<Arrivals>,
    /// A changed entry for the list of rooms, until the directory takes it.
    listing: Mutex<Option<Listing>>,
    tick_times: Mutex<TickTimes>,
}

/// The part of the list's entry that changes rarely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Whether the room admits nobody new.
    pub locked: bool,
    /// Properties that the game has set for the room.
    pub properties: Vec<(String, String)>,
}

/// The duration of ticks over the last second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TickTimes {
    /// The mean.
    pub mean: Duration,
    /// The maximum.
    pub worst: Duration,
}

#[derive(Debug, Default)]
struct Arrivals {
    /// Players who are about to arrive, and reserved seats.
    expected: usize,
    /// Players who are about to arrive and claim to have a seat.
    claiming: usize,
    /// Spectators who are about to arrive.
    curious: usize,
    /// Seats that count as taken although their session has ended; the room frees them at its next tick, before admissions.
    leaving: usize,
    /// Why the room admits nobody new, if so.
    shut: Option<Close>,
    closed: bool,
}

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

impl Status {
    /// The occupancy after the last tick.
    pub fn occupancy(&self) -> Occupancy {
        let read = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        Occupancy { players: read(&self.players), away: read(&self.away), spectators: read(&self.spectators) }
    }

    /// Publishes the occupancy together with the joins and departures that it includes, so that nobody is counted twice or
    /// missed.
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

    /// The costs of the room's deltas, as last measured.
    pub fn costs(&self) -> Arc<RoomCosts> {
        self.costs.lock().clone()
    }

    /// Publishes the costs of the room's deltas.
    pub fn set_costs(&self, costs: RoomCosts) {
        *self.costs.lock() = Arc::new(costs);
    }

    /// The duration of the room's ticks.
    pub fn tick_times(&self) -> TickTimes {
        *self.tick_times.lock()
    }

    /// Publishes the duration of ticks.
    pub fn set_tick_times(&self, tick_times: TickTimes) {
        *self.tick_times.lock() = tick_times;
    }

    /// Takes the listing, if it has changed since the last call.
    pub fn take_listing(&self) -> Option<Listing> {
        self.listing.lock().take()
    }

    /// Publishes the room's properties, and why it admits nobody new, if so.
    pub fn show(&self, properties: Vec<(String, String)>, shut: Option<Close>) {
        *self.listing.lock() = Some(Listing { locked: shut.is_some(), properties });
        self.arrivals.lock().shut = shut;
    }

    /// Whether the room has ended.
    pub fn is_closed(&self) -> bool {
        self.arrivals.lock().closed
    }

    /// Announces a player, if fewer than `most` are present or announced; or a spectator likewise, who may enter a locked
    /// room.
    ///
    /// # Errors
    /// Why the room would refuse them.
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

    /// Announces a player who claims to have a seat, regardless of the limit: a valid claim takes no new seat, and a player
    /// whose claim is invalid must become a [newcomer](PendingJoin::as_newcomer) first.
    pub fn expect_back(self: &Arc<Self>) -> Option<PendingJoin> {
        let mut arrivals = self.arrivals.lock();
        if arrivals.closed {
            return None;
        }
        *arrivals.count(Way::Claiming) += 1;
        Some(PendingJoin { status: Some(self.clone()), way: Way::Claiming, reserved: false })
    }

    /// Counts a seat as free whose session has ended, until the room frees it.
    pub fn depart(self: &Arc<Self>) -> Departure {
        self.arrivals.lock().leaving += 1;
        Departure { status: Some(self.clone()) }
    }

    /// Seats that are not available to newcomers.
    fn players_with(&self, arrivals: &Arrivals) -> usize {
        (self.players.load(Ordering::Relaxed) + arrivals.expected).saturating_sub(arrivals.leaving)
    }

    /// Closes the room, even if somebody is announced.
    pub fn close(&self) {
        self.arrivals.lock().closed = true;
    }

    /// Closes the room unless somebody is announced. Returns whether it is closed.
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

/// The kind of a join.
#[derive(Clone, Copy, Debug)]
enum Way {
    New,
    Claiming,
    Curious,
}

/// An announced player or spectator, or a reserved seat. The room stays open for it.
#[derive(Debug)]
pub struct PendingJoin {
    /// `None` once the join is included in the occupancy.
    status: Option<Arc<Status>>,
    way: Way,
    reserved: bool,
}

impl PendingJoin {
    /// Turns this into a reservation, which stays valid when the room is locked later.
    pub fn reserved(mut self) -> Self {
        self.reserved = true;
        self
    }

    /// Turns a claim that opened no seat into a join of a newcomer, if fewer than `most` are present or announced. Does
    /// nothing for joins without a claim.
    ///
    /// # Errors
    /// [`Close::RoomFull`]: the free seats are taken or announced.
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

    /// Whether this is a reserved seat.
    pub fn is_reserved(&self) -> bool {
        self.reserved
    }
}

/// A seat whose session has ended. It counts as free until the room frees it or this guard is dropped.
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
