//! Requests to the directory of a cluster that make sense often enough, from what was answered so far.

use std::collections::BTreeMap;
use std::time::Duration;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use tickwire::engine::channels::{Batch, Position, Presence};
use tickwire::engine::cluster::{
    Answer, ChannelRequest, Epoch, Legacy, Registration, Request, RoomReport, RosterPage, Summons, Wish, read_entries,
};

use super::LEASE;

/// Requests that make sense often enough, from what was answered so far.
pub struct Whims {
    random: Pcg32,
    pub now: u64,
    pub runs: u32,
    nodes: Vec<Epoch>,
    rooms: Vec<(String, Epoch, u64)>,
    tickets: Vec<String>,
    /// What was redeemed last, and where.
    redeemed: Option<(Epoch, String)>,
    made: u32,
    versions: Vec<(Epoch, u64)>,
    /// The number of the first and of the next entry of each node's journal.
    journals: BTreeMap<Epoch, (u64, u64)>,
    /// The number of each node's next message in channels.
    messages: BTreeMap<Epoch, u64>,
    /// Where a reader of channels is.
    reader: Option<Position>,
    /// What may be sent again.
    last: Option<Request>,
}

impl Whims {
    pub fn new(seed: u64) -> Self {
        let (nodes, rooms, tickets, redeemed, versions, journals, messages) = Default::default();
        Self {
            random: Pcg32::new(seed, 1),
            now: 1_000_000_000_000_000,
            runs: 0,
            nodes,
            rooms,
            tickets,
            redeemed,
            made: 0,
            versions,
            journals,
            messages,
            reader: None,
            last: None,
        }
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.random.next_u32() % bound
    }

    pub fn odds(&mut self, one_in: u32) -> bool {
        self.below(one_in) == 0
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        let index = self.below(of.len().max(1) as u32) as usize;
        of.get(index).cloned()
    }

    fn node(&mut self) -> Epoch {
        let recent = self.nodes.len().saturating_sub(4);
        let nodes = if self.odds(8) { self.nodes.clone() } else { self.nodes[recent..].to_vec() };
        self.one(&nodes).unwrap_or(Epoch(1))
    }

    fn fresh(&mut self, what: &str) -> String {
        self.made += 1;
        format!("{what}{}", self.made)
    }

    fn new_tickets(&mut self) -> Vec<String> {
        let count = if self.odds(4) { 3 } else { 1 };
        let tickets: Vec<String> = (0..count).map(|_| self.fresh("t")).collect();
        self.tickets.extend(tickets.clone());
        tickets
    }

    fn ticket(&mut self) -> String {
        let recent = self.tickets.len().saturating_sub(12);
        let tickets = self.tickets[recent..].to_vec();
        self.one(&tickets).unwrap_or_default()
    }

    /// A room, as its node knows it, or another node, or nobody.
    fn room(&mut self) -> (String, Epoch, u64) {
        let recent = self.rooms.len().saturating_sub(10);
        let rooms = self.rooms[recent..].to_vec();
        let (id, node, incarnation) = self.one(&rooms).unwrap_or(("x".to_owned(), Epoch(1), 7));
        let node = if self.odds(6) { self.node() } else { node };
        (id, node, incarnation)
    }

    fn lasts(&mut self) -> Duration {
        Duration::from_millis(u64::from([10_000_u32, 60_000, 1, 3000][self.below(4) as usize]))
    }

    fn shut(&mut self) -> &'static str {
        ["", "", "", "locked", "match_over"][self.below(5) as usize]
    }

    pub fn next(&mut self) -> Request {
        let asker = self.node();
        let (wish, lasts) = ([Wish::Join, Wish::Join, Wish::Watch, Wish::Create][self.below(4) as usize], self.lasts());
        match self.below(40) {
            0 | 1 => Request::Open {
                lease: LEASE,
                address: self.fresh("ws://"),
                name: "node".to_owned(),
                version: "1".to_owned(),
                most_rooms: 3 + self.below(20) as usize,
                keeps_journal: self.odds(2),
                peer_address: if self.odds(2) { self.fresh("10.0.0.1:") } else { String::new() },
                draining: self.odds(10),
            },
            2..=5 => {
                let (load, players) = (self.below(100), self.below(9) as usize);
                let draining = self.odds(10);
                Request::Beat { node: asker, lease: LEASE, load, players, draining }
            }
            6..=10 => {
                let (game, options) = ([("a", "{}"), ("ab", "{}"), ("a", "b")][self.below(3) as usize], self.odds(5));
                let (game, private) = ((game.0.to_owned(), game.1.to_owned()), options && wish == Wish::Create);
                let id = if self.odds(20) { self.room().0 } else { self.fresh("r") };
                let capacity = 1 + self.below(4) as u16;
                let tickets = self.new_tickets();
                Request::Find { asker, wish, game: game.0, options: game.1, private, capacity, id, lasts, tickets }
            }
            11..=13 => {
                let wish = [Wish::Join, Wish::Watch, Wish::Return][self.below(3) as usize];
                let only_game = self.odds(6).then(|| "a".to_owned());
                let (id, tickets) = (self.room().0, self.new_tickets());
                Request::ById { asker, id, wish, only_game, lasts, tickets }
            }
            14..=16 => {
                let node = if self.odds(2) { self.room().1 } else { asker };
                let ticket = self.ticket();
                // Somebody may show a ticket a second time.
                let again = self.redeemed.clone().filter(|_| self.odds(4));
                let (node, ticket) = again.unwrap_or((node, ticket));
                let redeem = Request::Redeem { node, ticket, arrives_within: Duration::from_secs(30) };
                self.again(redeem)
            }
            17 | 18 => self.report(),
            19 => self.registration(),
            20 => Request::Publish { node: asker, listing: self.fresh("list") },
            21 => Request::List { parts: self.below(3) as usize, known: self.versions.clone() },
            22 => self.rare(asker),
            23 | 24 => {
                let (id, node, _) = self.room();
                let (waits, saved, tickets) = (self.lasts(), self.fresh("saved"), self.new_tickets());
                let to = if self.odds(2) { self.node() } else { Epoch(0) };
                Request::HandOver { node, to, id, waits, saved, lasts, tickets }
            }
            25 => {
                let (id, node, _) = self.room();
                Request::Saved { node, id }
            }
            26 | 27 => self.append(asker),
            28 => {
                let (of, from, count) = (self.node(), self.below(3) as usize, 1 + self.below(9) as usize);
                Request::Journal { node: asker, of, from, count }
            }
            29 | 30 => Request::Fallen { node: asker },
            31..=38 => Request::Channels(self.channels(asker)),
            _ => {
                let lasts = if self.odds(4) { Duration::ZERO } else { Duration::from_secs(3600) };
                Request::Spend { node: asker, mark: format!("m{}", self.below(5)), lasts }
            }
        }
    }

    fn rare(&mut self, node: Epoch) -> Request {
        match self.below(4) {
            0 => Request::Leave { node },
            1 => Request::Boot { lease: LEASE },
            _ => Request::Nodes,
        }
    }

    /// Mostly what follows what the node has appended; sometimes something else.
    fn append(&mut self, node: Epoch) -> Request {
        let (first, next) = self.journals.get(&node).copied().unwrap_or_default();
        let at = if self.odds(4) { u64::from(self.below(6)) } else { next };
        let first = if self.odds(4) { at } else { (first + u64::from(self.below(2))).min(at) };
        let entries: Vec<String> = (0..self.below(4)).map(|_| self.fresh("entry")).collect();
        self.journals.insert(node, (first, at + entries.len() as u64));
        self.again(Request::Append { node, first, at, entries })
    }

    fn again(&mut self, request: Request) -> Request {
        let last = self.last.replace(request.clone());
        if self.odds(3) { last.unwrap_or(request) } else { request }
    }

    fn report(&mut self) -> Request {
        let (_, node, _) = self.room();
        let rooms = (0..1 + self.below(3)).map(|_| {
            let ((id, _, incarnation), capacity) = (self.room(), 1 + self.below(4) as u16);
            let (gone, shut, settled) = (self.odds(6), self.shut(), vec![self.ticket(), self.ticket()]);
            RoomReport { id, incarnation, gone, players: self.below(4) as usize, shut, capacity, settled }
        });
        Request::Report { node, rooms: rooms.collect() }
    }

    fn registration(&mut self) -> Request {
        let rooms = (0..1 + self.below(3)).map(|_| {
            let (id, _, incarnation) = self.room();
            let incarnation = incarnation + u64::from(self.below(2));
            let (game, options, private) = ("a".to_owned(), "{}".to_owned(), self.odds(5));
            let (capacity, players, shut) = (1 + self.below(4) as u16, self.below(4) as usize, self.shut());
            Registration { id, incarnation, game, options, private, capacity, players, shut }
        });
        let rooms = rooms.collect();
        Request::Register { node: self.node(), rooms }
    }

    fn channels(&mut self, node: Epoch) -> ChannelRequest {
        match self.below(8) {
            0 => ChannelRequest::Roster { after: if self.odds(2) { Epoch(0) } else { node } },
            1..=3 => {
                let (at, anyway) = (self.reader, self.odds(8));
                let most = 1 + self.below(9) as usize;
                ChannelRequest::Follow { after: at.unwrap_or_default(), anyway: anyway || at.is_none(), most }
            }
            _ => {
                let next = self.messages.get(&node).copied().unwrap_or(1);
                // Something may be sent once more.
                let first = next.saturating_sub(u64::from(self.below(3) / 2)).max(1);
                let messages: Vec<_> =
                    (0..self.below(3)).map(|_| ("a channel".to_owned(), self.fresh("body"))).collect();
                let presences = (0..self.below(3)).map(|_| {
                    let (channel, member) =
                        (["a", "b"][self.below(2) as usize], ["", "ada", "b\nob"][self.below(3) as usize]);
                    let (info, count) = (["", "{} x"][self.below(2) as usize].to_owned(), self.below(3));
                    Presence { channel: channel.to_owned(), member: member.to_owned(), info, count }
                });
                let presences = presences.collect();
                self.messages.insert(node, first + messages.len() as u64);
                ChannelRequest::Announce { node, batch: Batch { first, messages, presences } }
            }
        }
    }

    /// Takes in what was answered.
    pub fn hear(&mut self, request: &Request, texts: &[String]) {
        let number = |index: usize| texts.get(index).and_then(|text| text.parse::<u64>().ok());
        match (request, Answer::read(texts).unwrap_or_else(|| panic!("{request:?}: {texts:?} is no answer"))) {
            (Request::Open { .. }, Answer::Ok(_)) => self.nodes.extend(number(1).map(Epoch)),
            (_, Answer::There(found)) => self.rooms.push((found.room, found.node, found.incarnation)),
            (Request::Redeem { node, ticket, .. }, Answer::Here(_)) => self.redeemed = Some((*node, ticket.clone())),
            (Request::Fallen { node }, Answer::Ok(rest)) => {
                let fallen = Summons::read_fallen(&rest).into_iter();
                self.rooms.extend(fallen.map(|room| (room.room, *node, room.incarnation)));
            }
            (Request::Saved { .. }, Answer::Ok(rest)) => {
                let legacy = Legacy::read(&rest).expect("where it goes on from");
                assert!(legacy.nodes.len() <= 3, "a room moves without an end");
            }
            (Request::Channels(ChannelRequest::Follow { .. }), Answer::Gap) => self.reader = None,
            (Request::Channels(ChannelRequest::Follow { .. }), Answer::Ok(rest)) => {
                let entries = read_entries(&rest).expect("entries");
                self.reader = entries.last().map(|(at, _)| *at).or(self.reader);
            }
            (Request::Channels(ChannelRequest::Roster { .. }), Answer::Ok(rest)) => {
                let page = RosterPage::read(&rest).expect("a part of the roster");
                self.reader = self.reader.or(Some(page.at));
            }
            (Request::List { .. }, Answer::Ok(rest)) => {
                let known = rest.chunks(3).map(|part| (part[0].parse().map(Epoch), part[1].parse()));
                self.versions =
                    known.map(|(node, version)| (node.expect("a node"), version.expect("a version"))).collect();
            }
            _ => {}
        }
    }

    pub fn wait(&mut self) {
        let millis = [0, 0, 1, 300, 1000, 2500][self.below(6) as usize];
        let long = if self.odds(60) { 20_000 } else { 0 };
        self.now += (millis + long) * 1000 + u64::from(self.below(3));
    }
}
