//! What a node knows: its lease, its rooms, and what Redis has not been told yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Rehearsal;
use super::tenure::Tenure;
use crate::engine::cluster::{Epoch, Heirs, Lease, LeaseTimes, Registration, RoomReport};
use crate::tick::Moment;

/// All of it is behind one lock.
pub(super) struct State {
    pub lease: Lease,
    pub epoch: Option<Epoch>,
    /// The start of Redis that this node knows of.
    pub boot: u64,
    pub rooms: BTreeMap<String, (Registration, Tenure)>,
    /// What Redis has not been told yet.
    pub reports: BTreeMap<String, RoomReport>,
    pub load: (u32, usize),
    pub draining: bool,
    pub rehearsal: Rehearsal,
    /// Whether the node has left the cluster.
    pub has_left: bool,
    pub listing: String,
    /// The version under which Redis has it.
    pub published: Option<u64>,
    pub parts: BTreeMap<Epoch, (u64, Arc<str>)>,
    /// Nodes that others reach: the URL at which clients reach each, and its own address.
    pub peers: BTreeMap<Epoch, (String, String)>,
    /// Which nodes are to get rooms of this one.
    pub heirs: Heirs,
    pub nodes: usize,
    pub errors: u64,
    pub fenced: u64,
    /// Whether the last turn failed, so that it is logged once.
    pub failing: bool,
    pub beat_at: Moment,
    pub list_at: Moment,
}

impl State {
    /// `rehearses`: whether the node takes no rooms before it has run those of others again.
    pub fn new(times: LeaseTimes, rehearses: bool) -> Self {
        let (rooms, reports, parts, peers, listing) = Default::default();
        Self {
            lease: Lease::new(times),
            epoch: None,
            boot: 0,
            rooms,
            reports,
            load: (0, 0),
            draining: false,
            rehearsal: if rehearses { Rehearsal::Due } else { Rehearsal::Passed },
            has_left: false,
            listing,
            published: None,
            parts,
            peers,
            heirs: Heirs::default(),
            nodes: 0,
            errors: 0,
            fenced: 0,
            failing: false,
            beat_at: Moment(0),
            list_at: Moment(0),
        }
    }

    /// Whether no room shall be placed here.
    pub fn takes_no_rooms(&self) -> bool {
        self.draining || self.rehearsal != Rehearsal::Passed
    }

    /// A room has changed.
    pub fn note(&mut self, mut report: RoomReport) {
        let known = self.rooms.get_mut(&report.id).filter(|(room, _)| room.incarnation == report.incarnation);
        if report.gone && known.is_some() {
            self.rooms.remove(&report.id);
        } else if let Some((room, _)) = known {
            (room.players, room.shut, room.capacity) = (report.players, report.shut, report.capacity);
        }
        if let Some(before) = self.reports.remove(&report.id) {
            report.settled.extend(before.settled);
        }
        self.reports.insert(report.id.clone(), report);
    }

    /// A report that did not get through.
    pub fn note_again(&mut self, report: RoomReport) {
        match self.reports.get_mut(&report.id) {
            Some(newer) => newer.settled.extend(report.settled),
            None => _ = self.reports.insert(report.id.clone(), report),
        }
    }

    /// A room is not this node's any more.
    pub fn lose(&mut self, id: &str) {
        self.reports.remove(id);
        if let Some((_, tenure)) = self.rooms.remove(id) {
            tenure.lose();
        }
    }
}
