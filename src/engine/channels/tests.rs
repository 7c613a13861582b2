//! Boards over one log: a reader that was away reads on or learns of a gap, and all boards agree on who is present.

use std::collections::BTreeMap;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;

use super::{Alone, Backend, Batch, Board, ChannelEvent, Entry, Gap, Log, NotTaken, Position, Presence};
use crate::engine::cluster::Epoch;
use crate::wire::limits;

type Places = BTreeMap<(String, String), u32>;

/// A node of the test.
struct Node {
    epoch: Epoch,
    board: Board,
    /// Who is present by it.
    own: Places,
    /// What follows from what its board has told.
    seen: Places,
    /// Numbers of messages, and `None` where it was told of a gap.
    messages: Vec<Option<u64>>,
    /// It hears nothing until this step.
    away_until: u32,
}

struct World {
    random: Pcg32,
    log: Log,
    era: u64,
    epochs: u64,
    nodes: Vec<Node>,
    /// The order in which the log got the messages: their bodies are numbers.
    order: BTreeMap<u64, usize>,
    said: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let (nodes, order) = Default::default();
        let mut world =
            Self { random: Pcg32::new(seed, 9), log: Log::keeping(40), era: 1, epochs: 0, nodes, order, said: 0 };
        (0..3).for_each(|_| world.start_node());
        world
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.random.next_u32() % bound
    }

    fn start_node(&mut self) {
        self.epochs += 1;
        let (mut board, (own, seen, messages)) = (Board::default(), Default::default());
        board.announce_again(Epoch(self.epochs));
        self.nodes.push(Node { epoch: Epoch(self.epochs), board, own, seen, messages, away_until: 0 });
    }

    /// `node` adds to the log what it has to add. Where the answer is lost, it will do so again.
    fn announce(&mut self, node: usize, is_answered: bool) {
        loop {
            let node = &mut self.nodes[node];
            let batch = node.board.next(true);
            let before = self.log.number();
            self.log.announce(node.epoch, &batch);
            let at = Position { era: 0, number: before };
            // Positions of another era are smaller or greater than all others.
            let added = self.log.follow(at, true, usize::MAX).expect("anyway");
            for (_, entry) in added.into_iter().filter(|(at, _)| at.number > before) {
                if let Entry::Message { body, .. } = entry {
                    let next = self.order.len();
                    assert_eq!(self.order.insert(body.parse().expect("a number"), next), None, "{body} came twice");
                }
            }
            if !is_answered {
                return;
            }
            node.board.confirm(&batch);
            if batch.is_empty() {
                return;
            }
        }
    }

    fn read(&mut self, node: usize, most: usize) {
        let node = &mut self.nodes[node];
        let followed = match node.board.position() {
            None => Err(Gap),
            Some((at, anyway)) => self.log.follow(at, anyway, most),
        };
        let (mut events, read) =
            followed.map_or_else(|gap| (Vec::new(), Err(gap)), |entries| node.board.read(&entries));
        if read == Err(Gap) {
            let (mut all, mut after) = (Vec::new(), Epoch(0));
            while let Some((epoch, presences)) = self.log.roster(after) {
                all.push((epoch, presences));
                after = epoch;
            }
            events.extend(node.board.resync(Position { era: self.era, number: self.log.number() }, &all, false));
        }
        for event in events {
            match event {
                ChannelEvent::Message { body, .. } => node.messages.push(Some(body.parse().expect("a number"))),
                ChannelEvent::Missed => node.messages.push(None),
                ChannelEvent::Presence { presence: Presence { channel, member, count, .. }, before, .. } => {
                    let place = (channel, member);
                    assert_eq!(node.seen.get(&place).copied().unwrap_or(0), before);
                    node.seen.insert(place.clone(), count);
                    if count == 0 {
                        node.seen.remove(&place);
                    }
                }
            }
        }
    }

    fn step(&mut self, step: u32) {
        self.log.set_time(u64::from(step) * 1_000_000, self.era);
        let (node, what) = (self.below(self.nodes.len() as u32) as usize, self.below(40));
        let channel = ["a", "b"][self.below(2) as usize].to_owned();
        let member = ["", "ada", "bob"][self.below(3) as usize].to_owned();
        let is_away = self.nodes[node].away_until > step;
        match what {
            0..=9 => {
                let own = &mut self.nodes[node];
                own.board.enter(&channel, &member, "x").expect("it is taken");
                *own.own.entry((channel, member)).or_default() += 1;
            }
            10..=17 => {
                let own = &mut self.nodes[node];
                own.board.leave(&channel, &member);
                own.own.entry((channel, member)).and_modify(|count| *count -= 1);
                own.own.retain(|_, count| *count > 0);
            }
            18..=23 => {
                self.said += 1;
                let body = self.said.to_string();
                self.nodes[node].board.publish(&channel, &body).expect("it is taken");
            }
            24..=29 if !is_away => {
                let is_answered = self.below(4) > 0;
                self.announce(node, is_answered);
            }
            30..=36 if !is_away => {
                let most = 1 + self.below(9) as usize;
                self.read(node, most);
            }
            37 => self.nodes[node].away_until = step + self.below(400),
            38 if self.below(4) == 0 => {
                let dead = self.nodes.remove(node);
                let heir = self.nodes.first().map(|node| node.epoch);
                self.log.remove_node(dead.epoch, heir);
                self.start_node();
            }
            39 if self.below(4) == 0 => self.forget(step),
            _ => {}
        }
    }

    /// The log's server starts anew, without what it had.
    fn forget(&mut self, step: u32) {
        // What was added without an answer would come twice.
        (0..self.nodes.len()).for_each(|node| self.announce(node, true));
        (self.log, self.era) = (self.log.emptied(), self.era + 1);
        self.log.set_time(u64::from(step) * 1_000_000, self.era);
        for node in &mut self.nodes {
            self.epochs += 1;
            node.epoch = Epoch(self.epochs);
            node.board.announce_again(node.epoch);
        }
    }

    /// Everybody is there, and has told and heard everything.
    fn settle(&mut self) {
        (0..self.nodes.len()).for_each(|node| self.announce(node, true));
        for node in 0..self.nodes.len() {
            (0..20).for_each(|_| self.read(node, 100));
        }
    }

    fn check(&self) {
        let mut all = Places::new();
        for (place, count) in self.nodes.iter().flat_map(|node| &node.own) {
            *all.entry(place.clone()).or_default() += count;
        }
        for node in &self.nodes {
            assert_eq!(node.seen, all, "node {:?}", node.epoch);
            let mut last = None;
            for message in &node.messages {
                let Some(number) = message else {
                    last = last.map(|(at, _)| (at, true));
                    continue;
                };
                let at = self.order[number];
                if let Some((before, has_gap)) = last {
                    let follows = if has_gap { at > before } else { at == before + 1 };
                    assert!(follows, "message {at} follows {before} at {:?}", node.epoch);
                }
                last = Some((at, false));
            }
        }
    }
}

#[test]
fn all_agree_on_who_is_present_and_nobody_misses_messages_unawares() {
    let (mut heard, mut gaps) = (0, 0);
    for seed in 0..300 {
        let mut world = World::new(seed);
        (0..1500).for_each(|step| world.step(step));
        world.settle();
        world.check();
        let all = world.nodes.iter().flat_map(|node| &node.messages);
        heard += all.clone().filter(|message| message.is_some()).count();
        gaps += all.filter(|message| message.is_none()).count();
    }
    assert!(heard > 10_000 && gaps > 300, "{heard} messages and {gaps} gaps");
}

#[test]
fn within_one_process_everything_comes_at_once() {
    let (mut board, mut listener) = (Board::default(), Vec::new());
    for member in ["ada", "ada", "bob"] {
        board.enter("lobby", member, member).expect("it is taken");
        listener.extend(Alone.carry(&mut board));
    }
    board.leave("lobby", "ada");
    board.publish("lobby", "hello").expect("it is taken");
    listener.extend(Alone.carry(&mut board));
    let told: Vec<String> = listener
        .iter()
        .map(|event| match event {
            ChannelEvent::Message { channel, body } => format!("{channel}: {body}"),
            ChannelEvent::Presence { presence, before, is_ours } => {
                format!("{} {before} to {} {is_ours}", presence.info, presence.count)
            }
            ChannelEvent::Missed => "a gap".to_owned(),
        })
        .collect();
    assert_eq!(told, ["ada 0 to 1 true", "ada 1 to 2 true", "bob 0 to 1 true", "ada 2 to 1 true", "lobby: hello"]);
    assert_eq!((board.sent(), board.present().count()), (1, 2));
}

#[test]
fn what_waits_is_bounded() {
    let mut board = Board::default();
    for name in ["", "a\nb", &"x".repeat(limits::CHANNEL_NAME + 1)] {
        assert_eq!(board.publish(name, ""), Err(NotTaken::BadName), "{name:?}");
        assert_eq!(board.enter(name, "", ""), Err(NotTaken::BadName));
    }
    assert_eq!(board.publish("a", &"x".repeat(limits::CHANNEL_BODY + 1)), Err(NotTaken::TooLong));
    assert_eq!(board.enter("a", &"x".repeat(limits::CHANNEL_MEMBER + 1), ""), Err(NotTaken::TooLong));
    let body = "x".repeat(limits::CHANNEL_BODY);
    let taken = (0..).take_while(|_| board.publish("a", &body).is_ok()).count();
    assert_eq!(taken, limits::CHANNEL_BYTES_WAITING / (body.len() + 1));
    let batch = board.next(true);
    assert!(batch.messages.len() < 20, "one request is not for everything");
    board.confirm(&batch);
    assert!(board.publish("a", &body).is_ok());
    let mut board = Board::default();
    let taken = (0..).take_while(|_| board.publish("a", "").is_ok()).count();
    assert_eq!(taken, limits::CHANNEL_MESSAGES_WAITING);
}

#[test]
fn a_number_for_which_nobody_waits_does_not_hurry() {
    let mut board = Board::default();
    let counts = |batch: &Batch| batch.presences.iter().map(|presence| presence.count).collect::<Vec<_>>();
    board.enter("a", "ada", "").expect("it is taken");
    let batch = board.next(false);
    assert_eq!(counts(&batch), [1]);
    board.enter("a", "ada", "").expect("it is taken");
    board.confirm(&batch);
    assert_eq!((counts(&board.next(false)), counts(&board.next(true))), (vec![], vec![2]));
    board.leave("a", "ada");
    board.leave("a", "ada");
    let batch = board.next(false);
    assert_eq!(counts(&batch), [0], "the last one has gone");
    board.confirm(&batch);
    assert!(board.next(true).is_empty());
}
