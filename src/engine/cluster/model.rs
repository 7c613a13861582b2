//! The directory in Rust: what each script of `assets/redis` decides, script by script. `model_rooms` has what they share.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::model_rooms::micros;
use super::request::{Epoch, Registration, Request, RoomReport, Wish};
use crate::engine::channels::Log;

/// How many rooms a search tries, as in the scripts.
const MOST_TRIED: usize = 64;

/// A directory. Times are in microseconds of its clock.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub(super) now: u64,
    pub(super) boot: Option<Boot>,
    pub(super) fence: u64,
    pub(super) nodes: BTreeMap<u64, Node>,
    pub(super) rooms: BTreeMap<String, RoomRecord>,
    /// Rooms with a free place, in the order in which they are filled.
    pub(super) open: BTreeMap<Kind, BTreeSet<(u64, String)>>,
    /// All rooms that are not private.
    pub(super) public: BTreeMap<Kind, BTreeSet<(u64, String)>>,
    /// Rooms by the end of their first ticket.
    pub(super) expiring: BTreeSet<(u64, String)>,
    /// When the first ticket of each of these rooms ends.
    pub(super) expires: BTreeMap<String, u64>,
    pub(super) tickets: BTreeMap<String, Ticket>,
    /// Tickets by the time at which they are forgotten.
    pub(super) fading: BTreeSet<(u64, String)>,
    pub(super) spent: BTreeMap<String, u64>,
    pub(super) journals: BTreeMap<u64, Vec<String>>,
    pub(super) log: Log,
}

/// A game and its options.
pub(super) type Kind = (String, String);

/// A start of the server that keeps the directory.
#[derive(Clone, Debug)]
pub(super) struct Boot {
    run: String,
    pub number: u64,
    /// Until then nodes only register.
    pub until: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub lease_ends: u64,
    pub address: String,
    name: String,
    version: String,
    pub most_rooms: usize,
    pub load: u32,
    players: usize,
    pub draining: bool,
    pub rooms: BTreeSet<String>,
    listing: Option<(u64, String)>,
    pub keeps_journal: bool,
    peer_address: String,
    /// The number of the first entry in its journal.
    pub first_entry: u64,
    /// Rooms of nodes that are gone, until the node reports them.
    pub fallen: BTreeSet<String>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct RoomRecord {
    pub node: u64,
    pub incarnation: u64,
    pub kind: Kind,
    pub private: bool,
    pub capacity: u16,
    pub players: usize,
    pub shut: String,
    pub made: bool,
    /// Digests of the tickets that keep a place, and when they expire.
    pub tickets: BTreeMap<String, u64>,
    /// What its node begins it with.
    pub saved: Option<String>,
    /// Nodes that had it and are gone, with its incarnation there.
    pub from: Vec<(u64, u64)>,
    /// Whether some node had it before these.
    pub begun: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub room: String,
    pub incarnation: u64,
    pub expires: u64,
    pub used: bool,
}

type Texts = Vec<String>;

impl Model {
    /// Everything is forgotten, as by a server without persistence.
    pub fn forget(&mut self) {
        *self = Self { log: self.log.emptied(), ..Self::default() };
    }

    /// Decides, at this time of the directory's clock and in this run of its server.
    pub fn answer(&mut self, now: u64, run: &str, request: &Request) -> Texts {
        self.now = now;
        self.note_time();
        if let Request::Boot { lease } = request {
            return self.note_start(run, *lease);
        }
        if self.boot.is_none() {
            return said(&["boot"]);
        }
        match request {
            Request::Boot { .. } => unreachable!("answered above"),
            Request::Open { lease, address, name, version, most_rooms, keeps_journal, peer_address, draining } => {
                let (address, name, version) = (address.clone(), name.clone(), version.clone());
                let (peer_address, draining) = (peer_address.clone(), *draining);
                let (most_rooms, keeps_journal) = (*most_rooms, *keeps_journal);
                let rest = Node { peer_address, draining, ..Node::default() };
                let node = Node { address, name, version, most_rooms, keeps_journal, ..rest };
                self.open_node(*lease, node)
            }
            Request::Beat { node, lease, load, players, draining } => {
                self.beat(run, *node, *lease, (*load, *players, *draining))
            }
            Request::Find { .. } => self.find(request),
            Request::ById { .. } => self.by_id(request),
            Request::Redeem { node, ticket, arrives_within } => self.redeem(*node, ticket, *arrives_within),
            Request::Report { node, rooms } => self.report(*node, rooms),
            Request::Register { node, rooms } => self.register(*node, rooms),
            Request::Publish { node, listing } => self.publish(*node, listing),
            Request::List { parts, known } => self.list(*parts, known),
            Request::Leave { node } => self.leave(*node),
            Request::Nodes => self.list_nodes(),
            Request::Spend { node, mark, lasts } => self.spend(*node, mark, *lasts),
            Request::HandOver { .. } => self.hand_over(request),
            Request::Saved { node, id } => self.saved(*node, id),
            Request::Append { node, first, at, entries } => self.append(*node, *first, *at, entries),
            Request::Journal { node, of, from, count } => self.journal(*node, *of, *from, *count),
            Request::Fallen { node } => self.list_fallen(*node),
            Request::Channels(request) => self.answer_channels(request),
        }
    }

    pub(super) fn fence(&mut self, least: u64) -> u64 {
        self.fence = (self.fence + 1).max(self.now).max(least);
        self.fence
    }

    pub(super) fn registers_for(&self) -> u64 {
        self.boot.as_ref().map_or(0, |boot| boot.until.saturating_sub(self.now))
    }

    fn boot_texts(&self) -> [String; 2] {
        [self.boot.as_ref().map_or(0, |boot| boot.number).to_string(), self.registers_for().to_string()]
    }

    fn note_start(&mut self, run: &str, lease: Duration) -> Texts {
        if self.boot.as_ref().is_none_or(|boot| boot.run != run) {
            let number = self.fence(0);
            self.boot = Some(Boot { run: run.to_owned(), number, until: self.now + micros(lease) });
        }
        with(&["ok"], self.boot_texts())
    }

    fn open_node(&mut self, lease: Duration, node: Node) -> Texts {
        let epoch = self.fence(0);
        self.nodes.insert(epoch, Node { lease_ends: self.now + micros(lease), ..node });
        with(&["ok"], [epoch.to_string()].into_iter().chain(self.boot_texts()))
    }

    fn beat(&mut self, run: &str, node: Epoch, lease: Duration, said_of: (u32, usize, bool)) -> Texts {
        if self.boot.as_ref().is_none_or(|boot| boot.run != run) {
            return said(&["boot"]);
        }
        let ends = self.now + micros(lease);
        let Some(own) = self.nodes.get_mut(&node.0) else { return with(&["fenced"], self.boot_texts()) };
        own.lease_ends = ends;
        (own.load, own.players, own.draining) = said_of;
        let listing = own.listing.as_ref().map_or(0, |(version, _)| *version);
        self.reap();
        self.sweep();
        let fallen = self.nodes.get(&node.0).map_or(0, |node| node.fallen.len());
        let counts = [self.nodes.len() as u64, listing, fallen as u64, self.next_end(node)];
        with(&["ok"], self.boot_texts().into_iter().chain(counts.map(|count| count.to_string())))
    }

    fn find(&mut self, request: &Request) -> Texts {
        let Request::Find { asker, wish, game, options, private, capacity, id, lasts, tickets } = request else {
            return Vec::new();
        };
        if !self.nodes.contains_key(&asker.0) {
            return said(&["fenced"]);
        }
        self.reap();
        self.sweep();
        let kind = (game.clone(), options.clone());
        let among = match wish {
            Wish::Join => self.open.get(&kind),
            Wish::Watch => self.public.get(&kind),
            Wish::Return | Wish::Create => None,
        };
        let tried: Vec<String> = among.into_iter().flatten().take(MOST_TRIED).map(|(_, id)| id.clone()).collect();
        for found in tried {
            let free = self.refresh(&found);
            let room = &self.rooms[&found];
            if self.nodes.get(&room.node).is_none_or(|node| node.draining) {
                continue;
            }
            if *wish == Wish::Join && free >= tickets.len() as i64 {
                return self.promise(&found, *lasts, true, tickets);
            }
            if *wish == Wish::Watch && matches!(room.shut.as_str(), "" | "locked") {
                return self.promise(&found, *lasts, false, tickets);
            }
        }
        if self.registers_for() > 0 || self.rooms.contains_key(id) {
            return said(&["wait"]);
        }
        if usize::from(*capacity) < tickets.len() {
            return said(&["small"]);
        }
        let Some(node) = self.lightest(*asker, None) else { return said(&["full"]) };
        let (capacity, private, incarnation) = (*capacity, *private, self.fence(0));
        let record = RoomRecord { node, incarnation, kind, private, capacity, ..RoomRecord::default() };
        self.write_room(id, record);
        self.promise(id, *lasts, true, tickets)
    }

    fn by_id(&mut self, request: &Request) -> Texts {
        let Request::ById { asker, id, wish, only_game, lasts, tickets } = request else { return Vec::new() };
        if !self.nodes.contains_key(&asker.0) {
            return said(&["fenced"]);
        }
        self.reap();
        self.sweep();
        let waits = self.registers_for() > 0;
        let Some(room) = self.rooms.get(id) else { return said(&[if waits { "wait" } else { "none" }]) };
        if only_game.as_ref().is_some_and(|only| *only != room.kind.0) {
            return said(&["other"]);
        }
        let may_watch = *wish == Wish::Watch && room.shut == "locked";
        if *wish != Wish::Return && !room.shut.is_empty() && !may_watch {
            return said(&["shut", &room.shut]);
        }
        let joins = *wish == Wish::Join;
        if self.refresh(id) < tickets.len() as i64 && joins {
            return said(&["full"]);
        }
        self.promise(id, *lasts, joins, tickets)
    }

    fn redeem(&mut self, node: Epoch, digest: &str, arrives_within: Duration) -> Texts {
        if !self.nodes.contains_key(&node.0) {
            return said(&["fenced"]);
        }
        self.reap();
        self.sweep();
        let now = self.now;
        let is_good = |ticket: &&mut Ticket| !ticket.used && ticket.expires > now;
        let Some(ticket) = self.tickets.get_mut(digest).filter(is_good) else { return said(&["none"]) };
        let id = ticket.room.clone();
        let same = |room: &&mut RoomRecord| room.incarnation == ticket.incarnation;
        let Some(room) = self.rooms.get_mut(&id).filter(same) else { return said(&["none"]) };
        if room.node != node.0 {
            let address = self.nodes.get(&room.node).map_or("", |node| &node.address);
            return said(&["elsewhere", &id, &room.node.to_string(), address]);
        }
        ticket.used = true;
        if let Some(expires) = room.tickets.get_mut(digest) {
            *expires = now + micros(arrives_within);
        }
        self.refresh(&id);
        let room = &self.rooms[&id];
        let flag = |set| if set { "1" } else { "0" };
        let saved = room.saved.is_some() || !room.from.is_empty();
        let (private, incarnation) = (room.private, room.incarnation.to_string());
        said(&["here", &id, &incarnation, &room.kind.0, &room.kind.1, flag(private), flag(saved)])
    }

    fn report(&mut self, node: Epoch, rooms: &[RoomReport]) -> Texts {
        if !self.nodes.contains_key(&node.0) {
            return said(&["fenced"]);
        }
        let mut lost = said(&["ok"]);
        for report in rooms {
            match self.rooms.get_mut(&report.id).filter(|room| room.node == node.0) {
                None if report.gone => {}
                None => lost.push(report.id.clone()),
                Some(room) if room.incarnation != report.incarnation => {}
                Some(_) if report.gone => self.remove_room(&report.id),
                Some(room) => {
                    (room.players, room.capacity, room.shut) =
                        (report.players, report.capacity, report.shut.to_owned());
                    room.is_made();
                    self.nodes.entry(node.0).and_modify(|node| _ = node.fallen.remove(&report.id));
                    report.settled.iter().for_each(|digest| _ = room.tickets.remove(digest));
                    self.refresh(&report.id);
                }
            }
        }
        lost
    }

    fn register(&mut self, node: Epoch, rooms: &[Registration]) -> Texts {
        if !self.nodes.contains_key(&node.0) {
            return said(&["fenced"]);
        }
        let mut refused = said(&["ok"]);
        for claim in rooms {
            let waits = self.registers_for() > 0;
            let known = self.rooms.get_mut(&claim.id);
            match known {
                Some(room) if room.node == node.0 && room.incarnation == claim.incarnation => {
                    (room.players, room.capacity, room.shut) = (claim.players, claim.capacity, claim.shut.to_owned());
                    room.is_made();
                    self.nodes.entry(node.0).and_modify(|node| _ = node.fallen.remove(&claim.id));
                }
                Some(room) if !waits || room.incarnation >= claim.incarnation => {
                    refused.push(claim.id.clone());
                    continue;
                }
                None if !waits => {
                    refused.push(claim.id.clone());
                    continue;
                }
                Some(_) | None => {
                    self.remove_room(&claim.id);
                    let Registration { incarnation, private, capacity, players, .. } = *claim;
                    let (kind, shut) = ((claim.game.clone(), claim.options.clone()), claim.shut.to_owned());
                    let (node, made) = (node.0, true);
                    let rest = RoomRecord::default();
                    let record = RoomRecord { node, incarnation, kind, private, capacity, players, shut, made, ..rest };
                    self.write_room(&claim.id, record);
                    self.refresh(&claim.id);
                    self.fence(claim.incarnation + 1);
                    continue;
                }
            }
            self.refresh(&claim.id);
        }
        refused
    }

    fn publish(&mut self, node: Epoch, listing: &str) -> Texts {
        if !self.nodes.contains_key(&node.0) {
            return said(&["fenced"]);
        }
        let version = self.fence(0);
        self.nodes.entry(node.0).and_modify(|node| node.listing = Some((version, listing.to_owned())));
        said(&["ok", &version.to_string()])
    }

    fn list(&mut self, parts: usize, known: &[(Epoch, u64)]) -> Texts {
        self.reap();
        let (mut answer, mut left) = (said(&["ok"]), parts);
        for (epoch, node) in self.by_lease() {
            let Some((version, listing)) = &node.listing else { continue };
            let has = known.iter().rev().find(|(node, _)| node.0 == epoch).map(|(_, version)| *version);
            let (version, part) = match has {
                Some(has) if has == *version => (*version, ""),
                _ if left > 0 => {
                    left -= 1;
                    (*version, listing.as_str())
                }
                has => (has.unwrap_or(0), ""),
            };
            answer.extend([epoch.to_string(), version.to_string(), part.to_owned()]);
        }
        answer
    }

    fn list_nodes(&self) -> Texts {
        let entries = self.by_lease().into_iter().flat_map(|(epoch, node)| {
            let left = i128::from(node.lease_ends) - i128::from(self.now);
            let texts = [node.name.clone(), node.address.clone(), node.version.clone()];
            let numbers = [node.rooms.len().to_string(), node.players.to_string(), node.load.to_string()];
            let ends = [node.draining, node.keeps_journal].map(|is_so| u8::from(is_so).to_string()).into_iter();
            let ends = ends.chain([node.peer_address.clone()]);
            [epoch.to_string(), left.to_string()].into_iter().chain(texts).chain(numbers).chain(ends).collect::<Texts>()
        });
        with(&["ok"], entries)
    }
}

pub(super) fn said(texts: &[&str]) -> Texts {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn with(texts: &[&str], more: impl IntoIterator<Item = String>) -> Texts {
    said(texts).into_iter().chain(more).collect()
}
