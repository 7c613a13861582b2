//! The test world: a playtest of the zoo with peers who join, come back and have whims, under one seed.
//!
//! The playtest moves time and bytes and compares every client with the server; `judge` compares what only the engine's own
//! tests know.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use rand_pcg::Pcg32;
use tickwire::engine::link::Profile;
use tickwire::testing::{self, Player, PlayerId, Playtest};
use tickwire::tick::{Moment, Tick, TickRate};
use tickwire::wire::Close;

use crate::judge::{Account, Judge, Maker, Seen, Watching, below};
use crate::zoo::{Wildness, Zoo};

/// What a run is.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub profile: Profile,
    pub rate: u16,
    pub peers: usize,
    /// Frames per second that clients ask for, in turn; 0 for one per tick.
    pub wanted: &'static [u16],
    pub wild: Wildness,
    /// Whether clients have whims and the server pauses.
    pub disturbed: bool,
    /// Whether sessions are looked after, so that slow and silent ones are ended.
    pub alarms: bool,
}

/// Somebody who plays, over all of their connections.
#[derive(Debug)]
pub struct Peer {
    pub player: Option<PlayerId>,
    /// When to come (back).
    pub join_at: Moment,
    pub next_whim: Moment,
}

pub struct World {
    pub plan: Plan,
    pub play: Playtest,
    pub judge: Rc<RefCell<Judge>>,
    pub peers: Vec<Peer>,
    pub random: Pcg32,
}

impl World {
    pub fn new(plan: Plan) -> Self {
        let rate = TickRate::new(plan.rate).expect("a valid rate");
        let (seed, link, patience) = (plan.seed, plan.profile.clone(), plan.alarms);
        let staged = testing::Plan { seed, rate, link, options: BTreeMap::new(), patience };
        let mut tape = None;
        let mut play = Playtest::new(staged, |setup| {
            let (zoo, written) = Zoo::new(setup, plan.wild);
            tape = Some(written);
            Ok(Box::new(zoo))
        });
        let tape = tape.expect("the zoo was made");
        let judge = Rc::new(RefCell::new(Judge::new(plan.wild.rule, tape)));
        play.watch(Watching(judge.clone()));
        let mut random = Pcg32::new(seed, 10);
        let mut peer = |_| {
            let join_at = Moment(u64::from(below(&mut random, 500_000)));
            Peer { player: None, join_at, next_whim: join_at.plus(Duration::from_millis(700)) }
        };
        let peers = (0..plan.peers).map(&mut peer).collect();
        Self { plan, play, judge, peers, random }
    }

    /// Runs until `end`.
    pub fn run_until(&mut self, end: Moment) {
        while let at = self.next_moment()
            && at <= end
        {
            let before = self.newest();
            self.play.run_until(at);
            if self.plan.disturbed && self.newest() != before && below(&mut self.random, 100) == 0 {
                self.play.pause(Duration::from_millis(below(&mut self.random, 400).into()));
            }
            for peer in 0..self.peers.len() {
                self.attend(peer);
            }
        }
        self.play.run_until(end);
    }

    pub fn player(&self, peer: usize) -> PlayerId {
        self.peers[peer].player.expect("the peer is connected")
    }

    /// The player that a peer is now.
    pub fn client(&self, peer: usize) -> &Player {
        &self.play[self.player(peer)]
    }

    /// How sessions ended, and how often.
    pub fn endings(&self) -> BTreeMap<&'static str, u32> {
        let mut endings = BTreeMap::new();
        for id in self.judge.borrow().accounts.keys() {
            if let Some(close) = self.play[*id].ended() {
                assert_ne!(close, Close::RateLimited, "no client here floods");
                *endings.entry(close.label()).or_default() += 1;
            }
        }
        endings
    }

    /// What was compared so far.
    pub fn seen(&self) -> Seen {
        let mut seen = Seen::default();
        for id in self.judge.borrow().accounts.keys() {
            self.play[*id].arrivals().iter().for_each(|arrival| seen.note(arrival));
        }
        seen
    }

    /// Ends all disturbance; every client must then reach the newest tick and hear every event.
    pub fn heal(&mut self) {
        self.plan.disturbed = false;
        let now = self.play.now();
        for peer in self.peers.iter_mut().filter(|peer| peer.player.is_none()) {
            peer.join_at = now.plus(Duration::from_millis(50));
        }
        let newest = self.newest();
        // A train may still cut the link once, and a session that nobody reads from takes seconds to be ended.
        let deadline = now.plus(Duration::from_secs(30));
        while !self.is_whole(newest) {
            assert!(self.play.now() < deadline, "not healed within 30 s: {:?}", self.endings());
            self.run_until(self.play.now().plus(Duration::from_millis(250)));
        }
        for (id, account) in &self.judge.borrow().accounts {
            account.check_echoes(&self.play[*id]);
        }
    }

    pub fn newest(&self) -> Tick {
        self.play.frame().tick()
    }

    fn is_whole(&self, newest: Tick) -> bool {
        self.play.room().players() == self.peers.len()
            && self.peers.iter().all(|peer| peer.player.is_some_and(|id| self.play[id].is_complete(newest)))
    }

    fn next_moment(&mut self) -> Moment {
        let never = Moment(u64::MAX);
        self.peers.iter().fold(self.play.next_moment(), |next, peer| {
            let joins = if peer.player.is_none() { peer.join_at } else { never };
            let whim = if self.plan.disturbed { peer.next_whim } else { never };
            next.min(joins).min(whim)
        })
    }

    /// A peer whose connection ended comes back; one who has waited long enough joins or follows a whim.
    fn attend(&mut self, peer: usize) {
        let now = self.play.now();
        if let Some(closed) = self.peers[peer].player.and_then(|id| self.play[id].closed()) {
            // A cut of a train's link takes so long.
            let wait = if closed == Close::Lost { 2000 } else { 300 };
            self.part(peer, Duration::from_millis(wait));
        }
        if self.peers[peer].player.is_none() && self.peers[peer].join_at <= now {
            self.connect(peer);
        }
        if self.plan.disturbed && self.peers[peer].next_whim <= now {
            self.whim(peer);
        }
    }

    fn connect(&mut self, peer: usize) {
        let refuse = self.plan.disturbed && below(&mut self.random, 20) == 0;
        let options: &[(&str, &str)] = if refuse { &[("refuse", "")] } else { &[] };
        let rate = self.plan.wanted[peer % self.plan.wanted.len()];
        let id = self.play.join_with(&format!("p{peer}"), options, rate);
        let unique = below(&mut self.random, 2) == 0;
        let random = Pcg32::new(below(&mut self.random, u32::MAX).into(), 11);
        let maker = Rc::new(RefCell::new(Maker { unique, made: Vec::new(), random }));
        self.judge.borrow_mut().accounts.insert(id, Account::new(maker.clone()));
        self.play[id].steer(move |_| maker.borrow_mut().next().to_vec());
        self.peers[peer].player = Some(id);
    }

    /// The peer's connection is over; the next one opens after a while.
    pub fn part(&mut self, peer: usize, back_in: Duration) {
        self.peers[peer].player = None;
        self.peers[peer].join_at = self.play.now().plus(back_in);
    }
}
