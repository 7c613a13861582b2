//! What a room shares without messages: its vacancies, its entry in the list of rooms, its costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use super::gatekeeper::SeatPermit;
use super::message::RoomKey;
use super::room_file::Label;
use crate::engine::{BandwidthProfiler, JoinKind, Occupancy, RoomCosts, SecretDigest, Unsent, Vacancies};
use crate::wire::Close;

/// The shared status of a room.
#[derive(Debug, Default)]
pub struct Status {
    /// Where changes are reported, if anywhere.
    reports: Option<(RoomKey, Arc<Changes>)>,
    /// Whether a change is reported that the directory has not seen.
    is_reported: AtomicBool,
    /// Whether the room has ended for good.
    is_over: AtomicBool,
    /// Whether the room's start is on record, if it is written to a journal.
    is_recorded: AtomicBool,
    vacancies: Mutex<Vacancies>,
    /// Measures the costs of the room's deltas, once the room has started.
    profiler: Mutex<Option<BandwidthProfiler>>,
    /// A changed entry for the list of rooms, until the directory takes it.
    listing: Mutex<Option<Listing>>,
    tick_times: Mutex<TickTimes>,
    /// What clients wanted and were not sent, until the room takes it.
    unsent: Mutex<Unsent>,
    /// What finds the room after it fell asleep.
    asleep: Mutex<Option<Label>>,
    /// Tickets that are good again, until the directory takes them.
    tickets: Mutex<Vec<TicketBack>>,
}

/// A ticket that was used, and whose bearer was lost before they could know of it.
#[derive(Debug)]
pub struct TicketBack {
    pub ticket: SecretDigest,
    /// How long it is still good.
    pub left: Duration,
    pub place: PendingJoin,
    /// Counts the seat on the address of the client that was lost.
    pub permit: SeatPermit,
}

/// The rooms whose status has changed since the directory last looked, each once.
#[derive(Debug, Default)]
pub struct Changes(Mutex<Vec<RoomKey>>);

impl Changes {
    /// Takes the rooms, in the order of their first change.
    pub fn take(&self) -> Vec<RoomKey> {
        std::mem::take(&mut *self.0.lock())
    }
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

impl Status {
    /// The status of a new room, which reports its changes.
    pub fn reporting(key: RoomKey, changes: &Arc<Changes>) -> Self {
        Self { reports: Some((key, changes.clone())), ..Self::default() }
    }

    /// Reports that something has changed that the directory must know.
    fn report_change(&self) {
        if let Some((key, changes)) = &self.reports
            && !self.is_reported.swap(true, Ordering::AcqRel)
        {
            changes.0.lock().push(*key);
        }
    }

    /// The directory looks at the status now; changes from now on are reported anew.
    pub fn heed(&self) {
        self.is_reported.store(false, Ordering::Release);
    }

    /// Whether the room would let in another client of this kind.
    pub fn admits(&self, kind: JoinKind, most: usize) -> bool {
        self.vacancies.lock().check(kind, most).is_ok()
    }

    /// The occupancy after the last tick.
    pub fn occupancy(&self) -> Occupancy {
        self.vacancies.lock().occupancy()
    }

    /// Publishes the occupancy together with the joins and departures that it includes, so that nobody is counted twice or
    /// missed.
    pub fn set_occupancy(
        &self,
        occupancy: Occupancy,
        arrived: impl Iterator<Item = PendingJoin>,
        left: impl Iterator<Item = Departure>,
    ) {
        // The status of a settled guard is taken, so that dropping it changes nothing.
        let mut tickets = Vec::new();
        let arrived: Vec<_> = arrived
            .map(|mut pending| {
                pending.status = None;
                tickets.extend(pending.ticket.take());
                pending.kind
            })
            .collect();
        let left = left.map(|mut departure| departure.status = None).count();
        let mut vacancies = self.vacancies.lock();
        vacancies.settle(occupancy, arrived.into_iter(), left);
        tickets.into_iter().for_each(|(ticket, kept)| vacancies.settle_ticket(ticket, kept));
        drop(vacancies);
        self.report_change();
    }

    /// The costs of the room's deltas, as last measured.
    pub fn costs(&self) -> RoomCosts {
        self.profiler.lock().as_ref().map(BandwidthProfiler::costs).unwrap_or_default()
    }

    /// What measures these costs.
    pub fn profiler(&self) -> MutexGuard<'_, Option<BandwidthProfiler>> {
        self.profiler.lock()
    }

    /// Adds what a client wanted and was not sent.
    pub fn add_unsent(&self, unsent: &Unsent) {
        *self.unsent.lock() += unsent;
    }

    /// What clients wanted and were not sent since it was last cleared.
    pub fn unsent(&self) -> MutexGuard<'_, Unsent> {
        self.unsent.lock()
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
    pub fn set_listing(&self, properties: Vec<(String, String)>, shut: Option<Close>) {
        *self.listing.lock() = Some(Listing { locked: shut.is_some(), properties });
        self.vacancies.lock().set_shut(shut);
        self.report_change();
    }

    /// Whether the room has ended.
    pub fn is_closed(&self) -> bool {
        self.vacancies.lock().is_closed()
    }

    /// The room has been stored because nobody is in it.
    pub fn fall_asleep(&self, label: Label) {
        *self.asleep.lock() = Some(label);
    }

    /// What finds the room, if it fell asleep.
    pub fn take_label(&self) -> Option<Label> {
        self.asleep.lock().take()
    }

    /// Announces a client; see [`Vacancies::announce`].
    ///
    /// # Errors
    /// Why the room would refuse the client.
    pub fn announce(self: &Arc<Self>, kind: JoinKind, most: usize) -> Result<PendingJoin, Close> {
        self.vacancies.lock().announce(kind, most)?;
        self.report_change();
        Ok(PendingJoin { status: Some(self.clone()), kind, reserved: false, promise: None, ticket: None })
    }

    /// As [`Self::announce`], for the bearer of a cluster's ticket with this digest.
    ///
    /// # Errors
    /// Why the room would refuse the client.
    pub fn announce_ticket(
        self: &Arc<Self>,
        kind: JoinKind,
        most: usize,
        ticket: String,
    ) -> Result<PendingJoin, Close> {
        let mut vacancies = self.vacancies.lock();
        if let Err(close) = vacancies.announce(kind, most) {
            vacancies.settle_ticket(ticket, false);
            return Err(close);
        }
        let ticket = Some((ticket, vacancies.with_ticket(kind)));
        drop(vacancies);
        self.report_change();
        Ok(PendingJoin { status: Some(self.clone()), kind, reserved: false, promise: None, ticket })
    }

    /// What a cluster's directory must know; see [`Vacancies::report`].
    pub fn report(&self) -> (usize, Option<Close>, Vec<String>) {
        self.vacancies.lock().report()
    }

    /// Counts a seat as free whose session has ended, until the room frees it.
    pub fn depart(self: &Arc<Self>) -> Departure {
        self.vacancies.lock().depart();
        self.report_change();
        Departure { status: Some(self.clone()) }
    }

    /// Whether the room has ended for good: it does not fall asleep any more.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// The room can be brought back from now on, or never.
    pub fn set_recorded(&self) {
        self.is_recorded.store(true, Ordering::Release);
    }

    /// Whether what the room was made of is not needed any more.
    pub fn is_recorded(&self) -> bool {
        self.is_recorded.load(Ordering::Acquire)
    }

    /// Closes the room for good, even if somebody is announced.
    pub fn close(&self) {
        self.vacancies.lock().close();
        self.is_over.store(true, Ordering::Release);
        self.report_change();
        // They hold the status themselves.
        drop(self.take_tickets());
    }

    /// Lets the directory have a ticket again.
    pub fn give_back(&self, ticket: TicketBack) {
        self.tickets.lock().push(ticket);
        self.report_change();
    }

    /// Takes the tickets that are good again.
    pub fn take_tickets(&self) -> Vec<TicketBack> {
        std::mem::take(&mut self.tickets.lock())
    }

    /// Closes the room unless somebody is announced. Returns whether it is closed.
    pub fn close_if_idle(&self) -> bool {
        let is_closed = self.vacancies.lock().close_if_idle();
        if is_closed {
            self.report_change();
        }
        is_closed
    }
}

/// An announced client, or a reserved seat. The room stays open for it.
#[derive(Debug)]
pub struct PendingJoin {
    /// `None` once the join is included in the occupancy.
    status: Option<Arc<Status>>,
    kind: JoinKind,
    reserved: bool,
    /// Counts a reserved seat on the address that reserved it.
    promise: Option<SeatPermit>,
    /// The digest of a cluster's ticket, and whether it keeps a seat.
    ticket: Option<(String, bool)>,
}

impl PendingJoin {
    /// Turns this into a reservation, which stays valid when the room is locked later, and counts on an address.
    pub fn reserved(mut self, promise: SeatPermit) -> Self {
        (self.reserved, self.promise) = (true, Some(promise));
        self
    }

    /// The player has come: the seat no longer counts on the address that reserved it.
    pub fn keep_promise(&mut self) {
        self.promise = None;
    }

    /// Turns a claim that opened no seat into a join of a newcomer, if fewer than `most` are present or announced. Does
    /// nothing for joins without a claim.
    ///
    /// # Errors
    /// [`Close::RoomFull`]: the free seats are taken or announced.
    pub fn becomes_newcomer(&mut self, most: usize) -> Result<(), Close> {
        if let (Some(status), JoinKind::Returning) = (&self.status, self.kind) {
            status.vacancies.lock().becomes_newcomer(most)?;
            status.report_change();
            self.kind = JoinKind::Newcomer;
        }
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

impl Drop for PendingJoin {
    fn drop(&mut self) {
        if let Some(status) = &self.status {
            let mut vacancies = status.vacancies.lock();
            vacancies.withdraw(self.kind);
            if let Some((ticket, kept)) = self.ticket.take() {
                vacancies.settle_ticket(ticket, kept);
            }
            drop(vacancies);
            status.report_change();
        }
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
            status.vacancies.lock().departed();
            status.report_change();
        }
    }
}
