//! Nodes in virtual time: they hold leases, place and count players, write journals, list rooms, fail, and take rooms over, as
//! those of `src/cluster` do.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use tickwire::engine::cluster::{Answer, Epoch, Lease, LeaseState, LeaseTimes, NodeEntry, Request, RoomReport, Wish};
use tickwire::tick::Moment;

use crate::history::History;
use crate::server::{LISTED, Server};

pub const TIMES: LeaseTimes = LeaseTimes { lease: Duration::from_secs(8) };
const MILLISECOND: u64 = 1000;
pub const SECOND: u64 = 1_000_000;
pub const SEATS: u16 = 4;
const KINDS: u32 = 20;
/// Ticks of a room, and commits of a node's journal.
pub const TICK_EVERY: u64 = 50 * MILLISECOND;
pub const COMMIT_EVERY: u64 = 22 * MILLISECOND;
const REPORT_AFTER: u64 = 50 * MILLISECOND;
/// A journal keeps what came in this time.
pub const KEPT: u64 = 30 * SECOND;
pub const ROOMS_PER_REQUEST: usize = 100;
const PARTS_PER_ANSWER: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    Beat(usize),
    Commit(usize),
    Tick(usize),
    Report(usize),
    List(usize),
    Join,
    Leave(String),
}

#[derive(Clone, Debug)]
pub struct OwnRoom {
    pub incarnation: u64,
    pub players: usize,
    pub kind: u32,
    pub tick: u32,
}

/// A node.
pub struct Node {
    pub is_up: bool,
    /// Whether it cannot reach Redis, or does nothing at all.
    pub is_cut: bool,
    pub is_stopped: bool,
    pub epoch: Option<Epoch>,
    pub lease: Lease,
    pub boot: u64,
    pub rooms: BTreeMap<String, OwnRoom>,
    pub reports: BTreeMap<String, RoomReport>,
    reports_due: bool,
    parts: BTreeMap<Epoch, u64>,
    /// The first and the next entry of its journal.
    pub entries: (u64, u64),
    /// Ticks that are recorded and not appended yet: room, incarnation, tick.
    pub pending: Vec<(String, u64, u32)>,
    pub read: BTreeSet<Epoch>,
}

/// What a run does.
#[derive(Clone, Copy)]
pub struct Plan {
    pub seed: u64,
    pub nodes: usize,
    /// Whether rooms are written to journals.
    pub keeps_journal: bool,
    /// Mean time that a player stays.
    pub stays: u64,
    /// Whether the journal of a node whose lease has ended is refused.
    pub is_fenced: bool,
}

pub struct World {
    pub plan: Plan,
    pub server: Server,
    pub now: u64,
    queue: BinaryHeap<Reverse<(u64, u64, Event)>>,
    order: u64,
    pub nodes: Vec<Node>,
    pub by_epoch: BTreeMap<Epoch, usize>,
    random: Pcg32,
    made: u64,
    joins_per_second: f64,
    lists: bool,
    /// When a node failed that had this room; how long it took until the room went on.
    pub fallen: BTreeMap<String, u64>,
    pub takeovers: Vec<u64>,
    pub refused: u64,
    pub players: usize,
    pub history: Option<History>,
}

impl World {
    pub fn new(plan: Plan, server: Server) -> Self {
        let node = || Node {
            is_up: true,
            is_cut: false,
            is_stopped: false,
            epoch: None,
            lease: Lease::new(TIMES),
            boot: 0,
            rooms: BTreeMap::new(),
            reports: BTreeMap::new(),
            reports_due: false,
            parts: BTreeMap::new(),
            entries: (0, 0),
            pending: Vec::new(),
            read: BTreeSet::new(),
        };
        let nodes = (0..plan.nodes).map(|_| node()).collect();
        let (queue, order, by_epoch, made, fallen, takeovers, refused, players) = Default::default();
        let (random, now) = (Pcg32::new(plan.seed, 1), 1_000_000_000 * SECOND);
        let (joins_per_second, lists, history) = (0.0, false, None);
        let mut world = Self {
            plan,
            server,
            now,
            queue,
            order,
            nodes,
            by_epoch,
            random,
            made,
            joins_per_second,
            lists,
            fallen,
            takeovers,
            refused,
            players,
            history,
        };
        (0..plan.nodes).for_each(|node| world.start(node));
        world
    }

    fn start(&mut self, node: usize) {
        let beat = u64::from(self.below(1500)) * MILLISECOND;
        self.after(beat, Event::Beat(node));
        if self.plan.keeps_journal {
            self.after(beat + COMMIT_EVERY, Event::Commit(node));
            self.after(beat + TICK_EVERY, Event::Tick(node));
        }
    }

    /// From now on so many players come per second, and nodes read the list of rooms.
    pub fn welcome(&mut self, joins_per_second: f64, lists: bool) {
        if self.joins_per_second == 0.0 {
            self.after(0, Event::Join);
        }
        if lists && !self.lists {
            for node in 0..self.nodes.len() {
                let later = u64::from(self.below(10_000)) * MILLISECOND;
                self.after(later, Event::List(node));
            }
        }
        (self.joins_per_second, self.lists) = (joins_per_second, lists);
    }

    pub fn below(&mut self, bound: u32) -> u32 {
        self.random.next_u32() % bound.max(1)
    }

    pub fn after(&mut self, span: u64, event: Event) {
        self.order += 1;
        self.queue.push(Reverse((self.now + span, self.order, event)));
    }

    /// Lets so much time pass.
    pub fn pass(&mut self, span: u64) {
        let until = self.now + span;
        while self.queue.peek().is_some_and(|Reverse((at, ..))| *at <= until) {
            let Some(Reverse((at, _, event))) = self.queue.pop() else { break };
            // What a node missed while it was stopped is late.
            self.now = self.now.max(at);
            self.happen(event);
        }
        self.now = until;
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Beat(node) | Event::Commit(node) | Event::Tick(node) | Event::Report(node) | Event::List(node)
                if self.nodes[node].is_stopped =>
            {
                self.after(10 * MILLISECOND, event);
            }
            Event::Beat(node) => self.beat(node),
            Event::Commit(node) => self.commit(node),
            Event::Tick(node) => self.tick(node),
            Event::Report(node) => self.report(node),
            Event::List(node) => self.list(node),
            Event::Join => {
                let pause = (SECOND as f64 / self.joins_per_second) as u64;
                self.after(pause.max(1), Event::Join);
                self.join();
            }
            Event::Leave(room) => self.leave(&room),
        }
    }

    pub fn moment(&self) -> Moment {
        Moment(self.now)
    }

    /// Asks for a node. `None`: no answer, or too late.
    pub fn ask(&mut self, node: usize, request: &Request, bytes: impl FnOnce(&[String]) -> usize) -> Option<Answer> {
        if !self.nodes[node].is_up || self.nodes[node].is_cut || self.nodes[node].is_stopped {
            return None;
        }
        let (answer, waited) = self.server.ask(self.now, request, bytes);
        (waited < TIMES.patience().as_micros() as f64).then_some(answer)
    }

    fn epoch_of(&self, node: usize) -> Option<Epoch> {
        let holds = self.nodes[node].lease.state(self.moment()) == LeaseState::Held;
        self.nodes[node].epoch.filter(|_| holds)
    }

    fn list(&mut self, node: usize) {
        if !self.nodes[node].is_up {
            return;
        }
        let every = (10 * MILLISECOND * self.nodes.len() as u64).max(SECOND / 2);
        self.after(every, Event::List(node));
        loop {
            let known = self.nodes[node].parts.iter().map(|(epoch, version)| (*epoch, *version)).collect();
            let bytes = |texts: &[String]| texts.iter().filter(|text| *text == "list").count() * LISTED * 100;
            let request = Request::List { parts: PARTS_PER_ANSWER, known };
            let Some(Answer::Ok(texts)) = self.ask(node, &request, bytes) else { return };
            let parse = |text: &String| text.parse().expect("a number");
            let parts = texts.chunks_exact(3).map(|part| (Epoch(parse(&part[0])), parse(&part[1])));
            let read = texts.chunks_exact(3).filter(|part| !part[2].is_empty()).count();
            self.nodes[node].parts = parts.collect();
            if read < PARTS_PER_ANSWER {
                return;
            }
        }
    }

    /// A room's players have changed: it is reported soon, and listed anew.
    pub fn changed(&mut self, node: usize, id: &str, settled: Option<String>) {
        let own = &mut self.nodes[node];
        let room = &own.rooms[id];
        let before = own.reports.remove(id).map_or_else(Vec::new, |report| report.settled);
        let report = RoomReport {
            id: id.to_owned(),
            incarnation: room.incarnation,
            gone: room.players == 0,
            players: room.players,
            shut: "",
            capacity: SEATS,
            settled: before.into_iter().chain(settled).collect(),
        };
        own.reports.insert(id.to_owned(), report);
        if room.players == 0 {
            own.rooms.remove(id);
        }
        if !std::mem::replace(&mut own.reports_due, true) {
            self.after(REPORT_AFTER, Event::Report(node));
        }
    }

    fn report(&mut self, node: usize) {
        self.nodes[node].reports_due = false;
        let Some(epoch) = self.nodes[node].epoch else { return };
        let rooms: Vec<_> = self.nodes[node].reports.values().take(ROOMS_PER_REQUEST).cloned().collect();
        if rooms.is_empty() {
            return;
        }
        if let Some(Answer::Ok(lost)) = self.ask(node, &Request::Report { node: epoch, rooms: rooms.clone() }, |_| 0) {
            rooms.iter().for_each(|report| _ = self.nodes[node].reports.remove(&report.id));
            self.lose(node, &lost);
            let bytes = self.nodes[node].rooms.len() * LISTED;
            self.ask(node, &Request::Publish { node: epoch, listing: "list".to_owned() }, |_| bytes);
        }
        if !self.nodes[node].reports.is_empty() {
            self.nodes[node].reports_due = true;
            self.after(REPORT_AFTER, Event::Report(node));
        }
    }

    fn join(&mut self) {
        let asker = self.below(self.nodes.len() as u32) as usize;
        let Some(epoch) = self.epoch_of(asker) else { return self.refused += 1 };
        self.made += 1;
        let (kind, ticket) = (self.below(KINDS), format!("t{}", self.made));
        let find = Request::Find {
            asker: epoch,
            wish: Wish::Join,
            game: "arena".to_owned(),
            options: kind.to_string(),
            private: false,
            capacity: SEATS,
            id: format!("r{}", self.made),
            lasts: Duration::from_secs(10),
            tickets: vec![ticket.clone()],
        };
        let Some(Answer::There(found)) = self.ask(asker, &find, |_| 0) else { return self.refused += 1 };
        let Some(&node) = self.by_epoch.get(&found.node) else { return self.refused += 1 };
        if self.epoch_of(node).is_none() {
            return self.refused += 1;
        }
        let arrives_within = Duration::from_secs(30);
        let redeem = Request::Redeem { node: found.node, ticket: ticket.clone(), arrives_within };
        let Some(Answer::Here(summons)) = self.ask(node, &redeem, |_| 0) else { return self.refused += 1 };
        let new = OwnRoom { incarnation: summons.incarnation, players: 0, kind, tick: 0 };
        self.nodes[node].rooms.entry(summons.room.clone()).or_insert(new).players += 1;
        self.players += 1;
        self.changed(node, &summons.room, Some(ticket));
        // An exponential distribution, by the logarithm of a uniform one.
        let uniform = (f64::from(self.below(1 << 24)) + 1.0) / f64::from(1 << 24);
        let stays = (-uniform.ln() * self.plan.stays as f64) as u64;
        self.after(stays, Event::Leave(summons.room));
    }

    fn leave(&mut self, room: &str) {
        let at = self.nodes.iter().position(|node| node.is_up && node.rooms.contains_key(room));
        let Some(node) = at else { return };
        let Some(own) = self.nodes[node].rooms.get_mut(room).filter(|own| own.players > 0) else { return };
        own.players -= 1;
        self.players -= 1;
        self.changed(node, room, None);
    }

    /// A node is killed.
    pub fn kill(&mut self, node: usize) {
        let own = &mut self.nodes[node];
        own.is_up = false;
        let rooms = std::mem::take(&mut own.rooms);
        self.players -= rooms.values().map(|room| room.players).sum::<usize>();
        self.fallen.extend(rooms.into_keys().map(|id| (id, self.now)));
    }

    pub fn rooms(&self) -> usize {
        self.nodes.iter().map(|node| node.rooms.len()).sum()
    }

    /// Rooms of which the directory knows that they are made.
    pub fn server_rooms(&mut self) -> usize {
        let texts = self.server.model.answer(self.now, &self.server.run(), &Request::Nodes);
        NodeEntry::read(&texts[1..]).iter().map(|node| node.rooms).sum()
    }
}
