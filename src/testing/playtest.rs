//! The playtest itself: a room, its players and their links, driven from moment to moment by a counter for a clock.
//!
//! `serve` is the server's half, `player` is one player with its client, `oracle` compares the two.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;

use super::crash::Journal;
use super::oracle::{Addressed, Oracle};
use super::packet::Packet;
use super::plan::Plan;
use super::player::{Player, PlayerId};
use super::replica::{OutputDigest, Replica};
use crate::engine::{Client, CloseReason, Depth, History, Hit, Host, Pass, Room, RoomConfig, RoomPolicy};
use crate::game::{Game, RoomSetup, SetupError};
use crate::id::Seat;
use crate::snapshot::Frame;
use crate::tick::{Moment, Tick, TickClock};
use crate::wire::{ClientMessage, Close, Hello, Join, Role, encode_client, limits};

/// Observes a playtest and may change its messages.
pub trait Watch {
    /// The room made a step, and its frame is the newest. After a pause, the server makes several steps before it
    /// sends.
    fn stepped(&mut self, play: &Playtest) {
        let _ = play;
    }

    /// A message is about to reach a player's client. If this changes it, the oracle tolerates a wrong state until the
    /// state is right again.
    fn delivers(&mut self, play: &Playtest, player: PlayerId, message: &mut Vec<u8>) {
        let _ = (play, player, message);
    }
}

/// A room with players over simulated links, in virtual time; see the [module](super).
///
/// The playtest keeps every frame of the run for inspection. When a test panics, it prints the seed.
pub struct Playtest {
    pub(super) plan: Plan,
    pub(super) now: Moment,
    pub(super) host: Host<PlayerId>,
    /// Repeats the room from its recorded inputs.
    pub(super) replica: Replica,
    /// What the room required so far, to compare with the replica.
    pub(super) digest: OutputDigest,
    pub(super) clock: TickClock,
    /// All frames with the moments at which they were due, from tick 1 on.
    pub(super) frames: Vec<(Moment, Arc<Frame>)>,
    pub(super) players: Vec<Player>,
    /// Players with at least one open end of the connection, ascending.
    live: Vec<PlayerId>,
    /// The player whose session has each seat.
    pub(super) seats: BTreeMap<Seat, PlayerId>,
    /// The events for every taken seat.
    pub(super) addressed: BTreeMap<Seat, Addressed>,
    /// Sessions that lost their seat to a newer connection; the next tick ends them.
    pub(super) retired: Vec<PlayerId>,
    pub(super) random: Pcg32,
    /// Randomness for resume tokens.
    pub(super) secrets: Pcg32,
    paused_until: Moment,
    watch: Option<Box<dyn Watch>>,
    pub(super) factory: Box<MakeGame>,
    pub(super) journal: Option<Journal>,
    pub(super) hits: Vec<Hit>,
}

/// Makes the game of a room and those of its replicas.
type MakeGame = dyn FnMut(&RoomSetup) -> Result<Box<dyn Game>, SetupError>;

impl Playtest {
    /// Makes a playtest of the game that `factory` makes. It makes two: one for the room, and one for the room that repeats
    /// it; and another one whenever a room is restored from a checkpoint.
    ///
    /// # Panics
    /// When the game refuses the plan's options.
    pub fn new(plan: Plan, mut factory: impl FnMut(&RoomSetup) -> Result<Box<dyn Game>, SetupError> + 'static) -> Self {
        const STREAM: u64 = 9;
        let [room, second] = [(); 2].map(|()| {
            let setup = RoomSetup { rate: plan.rate, seed: plan.seed, options: plan.options.clone() };
            let game = factory(&setup).unwrap_or_else(|reason| panic!("the game refuses the room: {reason}"));
            let (hold, idle_after, most_spectators) = (plan.hold, plan.idle_after, limits::SPECTATORS);
            let policy = RoomPolicy { hold, idle_after, most_spectators, ..RoomPolicy::default() };
            let config = RoomConfig::new("playtest", "game", setup, policy);
            Room::new(RoomConfig { counters: plan.counters, ..config }, game)
        });
        let host = Host::new(Moment(0), room, History::new(plan.rate));
        let mut host = if plan.journal.is_some() { host.with_journal() } else { host.with_record().with_recorder() };
        let journal = plan.journal.map(|late| Journal::starting_with(host.take_entry(), late));
        Self {
            now: Moment(0),
            host,
            replica: Replica::new(second),
            digest: OutputDigest::default(),
            clock: TickClock::new(plan.rate, Moment(0)),
            frames: Vec::new(),
            players: Vec::new(),
            live: Vec::new(),
            seats: BTreeMap::new(),
            addressed: BTreeMap::new(),
            retired: Vec::new(),
            random: Pcg32::new(plan.seed, STREAM),
            secrets: Pcg32::new(plan.seed, STREAM + 100),
            paused_until: Moment(0),
            watch: None,
            factory: Box::new(factory),
            journal,
            hits: Vec::new(),
            plan,
        }
    }

    /// Opens a connection and sends the hello. On a perfect link, the player has a seat when this returns; on other
    /// links, once the welcome has arrived.
    pub fn join(&mut self, name: &str) -> PlayerId {
        self.join_with(name, &[], 0)
    }

    /// As [`Self::join`], with options of the player and a wanted number of frames per second; 0 means one per tick.
    pub fn join_with(&mut self, name: &str, options: &[(&str, &str)], rate: u16) -> PlayerId {
        let player = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        self.greet(Hello { player, rate, ..self.hello(name) })
    }

    /// Opens a connection for a spectator, who makes no inputs.
    pub fn spectate(&mut self, name: &str) -> PlayerId {
        self.greet(Hello { role: Role::Spectator, ..self.hello(name) })
    }

    fn hello(&self, name: &str) -> Hello<'static> {
        let join = Join::JoinOrCreate { game: "game".to_owned(), options: Vec::new() };
        Hello { features: self.plan.features, ..Hello::new(join, name) }
    }

    /// Opens a connection and sends this hello.
    pub fn greet(&mut self, hello: Hello) -> PlayerId {
        let client = Client::new(Depth::Full).asking(hello.rate).knowing(hello.features);
        self.open(client, encode_client(&ClientMessage::Hello(hello)), Oracle::default())
    }

    /// As an operator, removes a player or spectator at the next tick. Does nothing when the seat is free.
    pub fn kick(&mut self, seat: Seat, reason: CloseReason) {
        self.host.kick(seat, reason);
    }

    /// As an operator, locks or unlocks the room.
    pub fn lock(&mut self, locked: bool) {
        self.host.lock(locked);
    }

    /// As an operator, ends the room at the next tick.
    pub fn close(&mut self, reason: CloseReason) {
        self.host.close(reason);
    }

    /// Reconnects a player's client with all that it knows, like a page that lost its connection.
    ///
    /// # Panics
    /// When the client has no [right to a seat](Client::pass).
    pub fn resume(&mut self, player: PlayerId, name: &str) -> PlayerId {
        let mut client = self[player].client().clone();
        let hello = client.resume(name, Vec::new()).expect("the player has the right to a seat");
        let oracle = Oracle::following(&self[player].oracle);
        self.open(client, hello, oracle)
    }

    /// Connects a client that knows only its right to a seat, like a reloaded page or a second tab.
    pub fn reload(&mut self, pass: Pass, name: &str, rate: u16) -> PlayerId {
        let mut client = Client::new(Depth::Full).asking(rate).knowing(self.plan.features).with_pass(pass);
        let hello = client.resume(name, Vec::new()).expect("it was just given the right");
        self.open(client, hello, Oracle::default())
    }

    fn open(&mut self, client: Client, hello: Vec<u8>, oracle: Oracle) -> PlayerId {
        let id = PlayerId(self.players.len());
        let links = self.plan.link.links(self.now, self.plan.seed ^ (id.0 as u64 + 1) << 32);
        // A random phase within a tick, and within the interval of the server's alarms.
        let period = self.clock.rate().period().as_micros() as u32;
        let phase = Duration::from_micros(u64::from(1 + self.below(period - 1)));
        let alarm = self.now.plus(Duration::from_micros(self.below(1_000_000).into()));
        let mut player = Player::new(self.now, links, self.room().spec().inputs.clone(), phase, alarm, client);
        player.oracle = oracle;
        player.oracle.is_patient = self.plan.link.datagrams.is_some();
        player.server = player.server.take().map(|server| server.within(self.plan.budget));
        player.send_up(self.now, Packet::Message(hello));
        self.players.push(player);
        self.live.push(id);
        self.run_until(self.now);
        id
    }

    /// Closes a player's connection because the player leaves.
    pub fn leave(&mut self, player: PlayerId) {
        self.part(player, Close::Left);
    }

    /// Closes a player's connection because its page is closed or reloaded.
    pub fn unload(&mut self, player: PlayerId) {
        self.part(player, Close::GoingAway);
    }

    fn part(&mut self, player: PlayerId, close: Close) {
        let now = self.now;
        let player = &mut self[player];
        if player.is_open() {
            player.send_up(now, Packet::Close(close));
            player.close(close);
        }
    }

    /// Breaks a player's connection: nothing gets through any more. If `told`, the server learns of it at once,
    /// otherwise only from the silence.
    pub fn cut(&mut self, player: PlayerId, told: bool) {
        self[player].sever();
        if told {
            self.end(player, Close::Lost);
        }
    }

    /// Freezes a player's client for `span`, like a page in the background: it neither reads nor sends.
    pub fn freeze(&mut self, player: PlayerId, span: Duration) {
        self[player].frozen_until = self.now.plus(span);
    }

    /// Keeps the server from ticking for `span`.
    pub fn pause(&mut self, span: Duration) {
        self.paused_until = self.now.plus(span);
    }

    /// Installs `watch` in place of the previous one.
    pub fn watch(&mut self, watch: impl Watch + 'static) {
        self.watch = Some(Box::new(watch));
    }

    /// Runs for `span` of virtual time.
    pub fn run_for(&mut self, span: Duration) {
        self.run_until(self.now.plus(span));
    }

    /// Runs until the room has made `count` more steps, or a few more after a pause.
    pub fn run_ticks(&mut self, count: u32) {
        let wanted = self.frames.len() + count as usize;
        while self.frames.len() < wanted {
            let next = self.next_moment();
            self.run_until(next);
        }
    }

    /// Runs until `end`, including everything that happens at that moment.
    pub fn run_until(&mut self, end: Moment) {
        while let at = self.next_moment()
            && at <= end
        {
            self.now = self.now.max(at);
            self.happen();
        }
        self.now = self.now.max(end);
    }

    /// Runs until every connected player is in the game, has the state of the next tick, and got every event due by
    /// then. After that, joins, leaves and commands that reached the server show; inputs in flight may not.
    ///
    /// # Panics
    /// When that takes longer than 30 seconds of virtual time.
    pub fn settle(&mut self) {
        let next = self.frame().tick().plus(1);
        let deadline = self.now.plus(Duration::from_secs(30));
        while self.live.iter().any(|id| self[*id].is_open() && !self[*id].is_complete(next)) {
            assert!(self.now < deadline, "a client has not caught up within 30 s");
            self.run_ticks(1);
        }
    }

    /// The current moment.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// The moment of the next event.
    pub fn next_moment(&mut self) -> Moment {
        let tick = self.clock.deadline().max(self.paused_until);
        let (now, patience, players) = (self.now, self.plan.patience, &mut self.players);
        self.live.iter().fold(tick, |next, id| next.min(players[id.0].next_moment(now, patience)))
    }

    /// The room.
    pub fn room(&self) -> &Room {
        self.host.room()
    }

    /// The server's newest frame, which every player sees sooner or later.
    pub fn frame(&self) -> &Arc<Frame> {
        self.room().frame()
    }

    /// The server's frame of a tick, if it was made; tick 0 has none.
    pub fn frame_at(&self, tick: Tick) -> Option<&Arc<Frame>> {
        self.at(tick).map(|(_, frame)| frame)
    }

    /// The time from when a tick was due until `at`; zero when the tick was not made yet.
    pub fn age(&self, tick: Tick, at: Moment) -> Duration {
        self.at(tick).map_or(Duration::ZERO, |(due, _)| at.since(*due))
    }

    fn at(&self, tick: Tick) -> Option<&(Moment, Arc<Frame>)> {
        self.frames.get(self.plan.index_of(tick)?)
    }

    fn happen(&mut self) {
        let live = self.live.clone();
        for id in &live {
            self.serve(*id);
        }
        if self.now >= self.paused_until && self.now >= self.clock.deadline() {
            self.tick();
        }
        for id in &live {
            self.strike(*id);
            self.receive(*id);
            let (now, period) = (self.now, self.clock.rate().period());
            self[*id].act(now, period);
        }
        let players = &self.players;
        self.live.retain(|id| players[id.0].is_open() || players[id.0].session().is_some());
    }

    /// A cut of the link resets the connection. The server learns of it at once, or only from the silence.
    fn strike(&mut self, id: PlayerId) {
        let now = self.now;
        if self[id].is_struck(now) {
            let told = self.below(3) > 0;
            self.cut(id, told);
        }
    }

    fn receive(&mut self, id: PlayerId) {
        while let Some(packet) = self.players[id.0].arrived(self.now) {
            let now = self.now;
            match packet {
                Packet::Ping => self[id].send_up(now, Packet::Ping),
                Packet::Close(close) => self[id].close(close),
                Packet::Message(mut bytes) => {
                    let before = bytes.clone();
                    self.with_watch(|watch, play| watch.delivers(play, id, &mut bytes));
                    let tampered = bytes != before;
                    let frames = &self.frames;
                    let plan = &self.plan;
                    let frame = |tick: Tick| frames.get(plan.index_of(tick)?).map(|(_, frame)| &**frame);
                    self.players[id.0].receive(now, &bytes, tampered, frame);
                }
            }
        }
    }

    pub(super) fn with_watch(&mut self, look: impl FnOnce(&mut dyn Watch, &Self)) {
        if let Some(mut watch) = self.watch.take() {
            look(&mut *watch, self);
            self.watch = Some(watch);
        }
    }

    fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.random.next_u32()) * u64::from(bound)) >> 32) as u32
    }
}

impl std::ops::Index<PlayerId> for Playtest {
    type Output = Player;
    fn index(&self, id: PlayerId) -> &Player {
        &self.players[id.0]
    }
}

impl std::ops::IndexMut<PlayerId> for Playtest {
    fn index_mut(&mut self, id: PlayerId) -> &mut Player {
        &mut self.players[id.0]
    }
}

impl fmt::Debug for Playtest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Playtest").field("plan", &self.plan).field("now", &self.now).finish_non_exhaustive()
    }
}

impl Drop for Playtest {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Plan { seed, link, .. } = &self.plan;
            eprintln!("failed in a playtest with seed {seed} at {:?}, {:?}, {link:?}", self.now, self.frame().tick());
        }
    }
}
