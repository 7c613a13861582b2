//! The test world: a playtest of the zoo with peers that join, reconnect and act at random (`whims`), under one seed.
//!
//! The playtest moves time and bytes and compares every client with the server; `judge` adds the checks of the engine's own
//! tests.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand_pcg::Pcg32;
use tickwire::engine::link::Profile;
use tickwire::engine::recording::Recording;
use tickwire::engine::replay::Replay;
use tickwire::engine::{OverloadStep, Pass, RoomCounters};
use tickwire::testing::{self, Player, PlayerId, Playtest, Sabotage};
use tickwire::tick::{Moment, Tick, TickRate};
use tickwire::wire::{Close, Features, limits};

use crate::judge::{Account, Judge, Maker, Seen, Watching, below};
use crate::zoo::{Tape, Wildness, Zoo};

/// What a run is.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub profile: Profile,
    pub features: Features,
    pub rate: u16,
    pub peers: usize,
    /// Frames per second that clients ask for, in turn; 0 for one per tick.
    pub wanted: &'static [u16],
    pub wild: Wildness,
    /// Whether clients have whims and the server pauses.
    pub disturbed: bool,
    /// Whether sessions are looked after, so that slow and silent ones are ended.
    pub alarms: bool,
    /// Seconds for which seats are held.
    pub hold: u64,
    /// Whether the server is restarted once in a while.
    pub restarts: bool,
    /// In ticks; zero for never.
    pub checkpoint_every: u32,
    /// With a journal: after how many ticks a record is safe. The server then crashes once in a while.
    pub journal: Option<u32>,
    /// Where the room's counters start.
    pub counters: RoomCounters,
    /// Bytes per second that the server sends to a player who sees only a part of the world; 0 for any number.
    pub budget: u32,
    /// A fault that is planted on purpose.
    pub sabotage: Option<Sabotage>,
}

/// Somebody who plays, over all of their connections.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    pub player: Option<PlayerId>,
    /// The last connection.
    pub last: Option<PlayerId>,
    /// What is left of it for the next one.
    pub memory: Memory,
    /// When to come (back).
    pub join_at: Moment,
    pub next_whim: Moment,
}

/// What somebody who comes back knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Nothing.
    Nothing,
    /// The right to the seat, as after a reload.
    Pass,
    /// A right that they had once, and that may be used up.
    OldPass,
    /// Everything.
    All,
}

pub struct World {
    pub plan: Plan,
    pub play: Playtest,
    tapes: Rc<RefCell<Vec<Arc<Mutex<Tape>>>>>,
    pub judge: Rc<RefCell<Judge>>,
    pub peers: Vec<Peer>,
    pub random: Pcg32,
    /// Rights to seats that were given to each peer so far.
    passes: Vec<(usize, Pass)>,
    /// When a cut of the link last broke a peer's connection.
    broken: Moment,
}

impl World {
    pub fn new(plan: Plan) -> Self {
        let rate = TickRate::new(plan.rate).expect("a valid rate");
        let (seed, link, patience) = (plan.seed, plan.profile.clone(), plan.alarms);
        let staged = testing::Plan {
            seed,
            rate,
            link,
            features: plan.features,
            options: BTreeMap::new(),
            patience,
            hold: Duration::from_secs(plan.hold),
            checkpoint_every: plan.checkpoint_every,
            journal: plan.journal,
            counters: plan.counters,
            budget: plan.budget,
            sabotage: plan.sabotage,
            ..testing::Plan::default()
        };
        // One tape for each game that was made, the room's before its replica's.
        let tapes = Rc::new(RefCell::new(Vec::new()));
        let (made, wild) = (tapes.clone(), plan.wild);
        let mut play = Playtest::new(staged, move |setup| {
            let (zoo, tape) = Zoo::new(setup, wild);
            made.borrow_mut().push(tape);
            Ok(Box::new(zoo))
        });
        let tape = tapes.borrow()[0].clone();
        let judge = Rc::new(RefCell::new(Judge::new(plan.wild, tape, plan.peers)));
        play.watch(Watching(judge.clone()));
        let mut random = Pcg32::new(seed, 10);
        let mut peer = |_| {
            let join_at = Moment(u64::from(below(&mut random, 500_000)));
            Peer {
                player: None,
                last: None,
                memory: Memory::Nothing,
                join_at,
                next_whim: join_at.plus(Duration::from_millis(700)),
            }
        };
        let peers = (0..plan.peers).map(&mut peer).collect();
        Self { plan, play, tapes, judge, peers, random, passes: Vec::new(), broken: Moment(0) }
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
            if self.plan.disturbed && self.plan.restarts && below(&mut self.random, 400) == 0 {
                self.restart();
            }
            if let (true, Some(late)) = (self.plan.disturbed, self.plan.journal)
                && below(&mut self.random, 300) == 0
            {
                let survived = below(&mut self.random, late + 1);
                self.crash(survived);
            }
            for peer in 0..self.peers.len() {
                self.attend(peer);
            }
        }
        self.play.run_until(end);
    }

    /// Crashes the server, and starts it again with `survived` ticks more than were known to be safe.
    pub fn crash(&mut self, survived: u32) {
        self.play.crash(survived as usize);
        let tapes = self.tapes.borrow();
        self.judge.borrow_mut().goes_back_to(self.play.frame().tick(), tapes[tapes.len() - 2].clone());
    }

    /// Restarts the server. The judge goes on with the tape of the new game.
    pub fn restart(&mut self) {
        self.play.restart();
        let tapes = self.tapes.borrow();
        self.judge.borrow_mut().continues_on(tapes[tapes.len() - 2].clone());
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
        for (id, account) in &self.judge.borrow().accounts {
            seen.note_player(&self.play[*id], account.claimed);
        }
        (seen.hidden, seen.behind) = (self.judge.borrow().hidden, self.judge.borrow().behind);
        seen
    }

    /// Runs the recording of the room again, and checks that every tick is the same.
    pub fn replay(&self) {
        let recording = Recording::decode(&self.play.recording("a test").encode()).expect("it can be read");
        let wild = self.plan.wild;
        let replay = Replay::new(&recording, |setup| Ok(Box::new(Zoo::new(setup, wild).0)));
        let mut replay = replay.expect("the zoo can be run again");
        while let Some(step) = replay.step().expect("it can be read") {
            assert!(step.compared, "the film shows {:?}", step.tick);
            assert_eq!(step.difference, None);
        }
        assert_eq!(replay.room().frame().tick(), self.newest(), "the recording is whole");
    }

    /// Everyone breaks off and nobody comes back: no seat is left when the last hold has ended.
    pub fn desert(&mut self) {
        let present: Vec<PlayerId> = self.peers.iter_mut().filter_map(|peer| peer.player.take()).collect();
        for (id, told) in present.into_iter().zip([true, false].into_iter().cycle()) {
            self.play.cut(id, told || !self.plan.alarms);
        }
        let end = self.play.now().plus(limits::SILENCE + Duration::from_secs(2 + self.plan.hold));
        self.play.run_until(end);
        assert_eq!((self.play.room().players(), self.play.room().away()), (0, 0), "no seat is left");
    }

    /// Ends all disturbance; every client must then reach the newest tick and hear every event, and its commands the game.
    pub fn heal(&mut self) {
        self.plan.disturbed = false;
        self.play.overload(OverloadStep::None);
        let now = self.play.now();
        let present: Vec<PlayerId> = self.peers.iter().filter_map(|peer| peer.player).collect();
        let known: Vec<PlayerId> = self.judge.borrow().accounts.keys().copied().collect();
        // First tabs that the second one did not replace.
        known.into_iter().filter(|id| !present.contains(id)).for_each(|id| self.play.leave(id));
        for peer in self.peers.iter_mut().filter(|peer| peer.player.is_none()) {
            peer.join_at = now.plus(Duration::from_millis(50));
        }
        let newest = self.newest();
        // A session that nobody reads from takes seconds to be ended, and a train goes on cutting links: each cut may leave one
        // more. But not for ever, or a fault would hide behind them.
        let last = now.plus(Duration::from_secs(120));
        while !self.is_whole(newest) {
            let deadline = now.max(self.broken).plus(Duration::from_secs(30)).min(last);
            assert!(self.play.now() < deadline, "not healed within 30 s: {:?}", self.endings());
            self.run_until(self.play.now().plus(Duration::from_millis(250)));
        }
        let judge = self.judge.borrow();
        judge.accounts.iter().for_each(|(id, account)| judge.check_echoes(account, &self.play[*id]));
    }

    pub fn newest(&self) -> Tick {
        self.play.frame().tick()
    }

    fn is_whole(&self, newest: Tick) -> bool {
        let judge = self.judge.borrow();
        let is_whole = |id: PlayerId| {
            let player = &self.play[id];
            player.is_complete(newest)
                && player.client().players() == self.play.room().players()
                && judge.has_handed_all(&judge.accounts[&id], player.client())
        };
        self.play.room().players() == self.peers.len()
            && self.peers.iter().all(|peer| peer.player.is_some_and(is_whole))
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
            if closed == Close::Lost {
                self.broken = now;
            }
            // A cut of a train's link takes so long.
            let wait = if closed == Close::Lost { 2000 } else { 300 };
            let memory = if closed.keeps_seat() { self.memory() } else { Memory::Nothing };
            self.part(peer, Duration::from_millis(wait), memory);
        }
        if self.peers[peer].player.is_none() && self.peers[peer].join_at <= now {
            self.connect(peer);
            // Some think better of it before they are answered.
            if self.plan.disturbed && below(&mut self.random, 20) == 0 {
                self.play.leave(self.player(peer));
                let back_in = Duration::from_millis(below(&mut self.random, 400).into());
                self.part(peer, back_in, Memory::Nothing);
            }
        }
        if self.plan.disturbed && self.peers[peer].next_whim <= now {
            self.whim(peer);
        }
    }

    fn connect(&mut self, peer: usize) {
        let refuse = self.plan.disturbed && below(&mut self.random, 20) == 0;
        let options: &[(&str, &str)] = if refuse { &[("refuse", "")] } else { &[] };
        let rate = self.plan.wanted[peer % self.plan.wanted.len()];
        let name = format!("p{peer}");
        let last = self.peers[peer].last;
        let pass = last.and_then(|last| self.play[last].client().pass().cloned());
        let memory = self.peers[peer].memory;
        let claimed = memory != Memory::Nothing && pass.is_some();
        let id = match (memory, last, pass) {
            (Memory::All, Some(last), Some(_)) => self.play.resume(last, &name),
            (Memory::Pass, _, Some(pass)) => self.play.reload(pass, &name, rate),
            (Memory::OldPass, _, Some(_)) => {
                let old = self.passes.iter().filter(|(owner, _)| *owner == peer).map(|(_, pass)| pass);
                let old: Vec<Pass> = old.cloned().collect();
                let used = below(&mut self.random, old.len() as u32) as usize;
                self.play.reload(old[used].clone(), &name, rate)
            }
            _ => self.play.join_with(&name, options, rate),
        };
        let unique = below(&mut self.random, 2) == 0;
        let random = Pcg32::new(below(&mut self.random, u32::MAX).into(), 11);
        let maker = Rc::new(RefCell::new(Maker { unique, made: Vec::new(), random }));
        let mut judge = self.judge.borrow_mut();
        let mut account = Account::new(maker.clone(), peer, judge.commands[peer], claimed);
        if let Some(last) = last.filter(|_| claimed && memory == Memory::All) {
            account = account.remembering(&judge.accounts[&last], self.play[last].client());
        }
        judge.accounts.insert(id, account);
        self.play[id].shows((37 * peer + 11 * self.passes.len()) as u16 % 160);
        self.play[id].steer(move |_| maker.borrow_mut().next().to_vec());
        self.peers[peer].player = Some(id);
    }

    /// The peer's client makes a command of the game's, or a call when `kind` is not 0.
    pub fn command(&mut self, peer: usize, kind: u16) {
        let player = self.player(peer);
        let number = self.judge.borrow_mut().make(peer, player, self.play[player].client());
        let body = number.to_le_bytes();
        match kind {
            0 => self.play[player].command(1, &body),
            kind => self.play[player].call(kind, &body),
        };
    }

    /// The peer's connection is over; the next one opens after a while.
    pub fn part(&mut self, peer: usize, back_in: Duration, memory: Memory) {
        let last = self.peers[peer].player.take();
        let pass = last.and_then(|last| self.play[last].client().pass().cloned());
        self.passes.extend(pass.map(|pass| (peer, pass)));
        let join_at = self.play.now().plus(back_in);
        self.peers[peer] = Peer { player: None, last, memory, join_at, ..self.peers[peer] };
    }

    /// What is left to somebody whose connection broke.
    pub fn memory(&mut self) -> Memory {
        match below(&mut self.random, 10) {
            0 => Memory::Nothing,
            1..3 => Memory::Pass,
            3 => Memory::OldPass,
            _ => Memory::All,
        }
    }
}
