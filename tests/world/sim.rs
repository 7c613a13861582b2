//! The test world: a room, its sessions, the links and the clients, driven from moment to moment.
//!
//! It is the shell that the actors are in production, with a counter for a clock. Whims (leaves, cuts, freezes,
//! commands) and server pauses come from one seed; `serve` is the server's half.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand_pcg::Pcg32;
use tickwire::engine::link::Profile;
use tickwire::engine::{Ask, Client, History, Laid, Room, RoomConfig, Told};
use tickwire::game::Setup;
use tickwire::id::{Seat, Seq};
use tickwire::snapshot::Frame;
use tickwire::tick::{Moment, Tick, TickClock, TickRate};
use tickwire::wire::{Join, limits};

use crate::ends::{Arrival, CLOSE, ClientEnd, Connection, MESSAGE, PING, ServerEnd, below};
use crate::seen::Seen;
use crate::zoo::{Tape, Wildness, Zoo};

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

/// A player, over all of its connections.
#[derive(Debug)]
pub struct Peer {
    pub connection: Option<usize>,
    /// When to come (back).
    pub join_at: Moment,
    pub next_whim: Moment,
}

/// Makes a wrong message from the one for a frame, if it can.
pub type Falsify = fn(&[u8], &Frame) -> Option<Vec<u8>>;

/// What a session laid down for the next tick.
pub enum Tray {
    Inputs(Laid),
    Command { seq: Seq, ask: Ask },
}

pub struct World {
    pub plan: Plan,
    pub now: Moment,
    pub room: Room,
    pub clock: TickClock,
    pub tape: Arc<Mutex<Tape>>,
    pub history: History,
    /// All frames, from tick 1 on.
    pub frames: Vec<Arc<Frame>>,
    /// When each frame was due, in the same order.
    pub due: Vec<Moment>,
    pub paused_until: Moment,
    pub connections: BTreeMap<usize, Connection>,
    pub peers: Vec<Peer>,
    /// Whose connection has which seat.
    pub seats: BTreeMap<Seat, usize>,
    pub tray: Vec<(usize, Tray)>,
    pub endings: BTreeMap<&'static str, u32>,
    pub random: Pcg32,
    /// Of every byte that a client received.
    pub digest: u64,
    /// How many frames were compared, and what was in them.
    pub seen: Seen,
    /// Falsifies a message on its way to a client, once, when it returns one.
    pub tamper: Option<Falsify>,
    opened: usize,
}

impl World {
    pub fn new(plan: Plan) -> Self {
        let rate = TickRate::new(plan.rate).expect("a valid rate");
        let setup = Setup { rate, seed: plan.seed, options: BTreeMap::new() };
        let (zoo, tape) = Zoo::new(&setup, plan.wild);
        let config = RoomConfig { id: "r1".to_owned(), game: "zoo".to_owned(), setup, capacity: None };
        let mut random = Pcg32::new(plan.seed, 9);
        let mut peer = |_| {
            let join_at = Moment(u64::from(below(&mut random, 500_000)));
            Peer { connection: None, join_at, next_whim: join_at.plus(Duration::from_millis(700)) }
        };
        let peers = (0..plan.peers).map(&mut peer).collect();
        Self {
            now: Moment(0),
            room: Room::new(config, Box::new(zoo)),
            clock: TickClock::new(rate, Moment(0)),
            tape,
            history: History::new(rate.ticks_in(limits::FEED_SPAN), limits::FEED_BYTES),
            frames: Vec::new(),
            due: Vec::new(),
            paused_until: Moment(0),
            connections: BTreeMap::new(),
            peers,
            seats: BTreeMap::new(),
            tray: Vec::new(),
            endings: BTreeMap::new(),
            random,
            digest: 0xcbf2_9ce4_8422_2325,
            seen: Seen::default(),
            tamper: None,
            opened: 0,
            plan,
        }
    }

    /// Runs until `end`.
    pub fn run_until(&mut self, end: Moment) {
        while let at = self.next_moment()
            && at <= end
        {
            self.now = self.now.max(at);
            self.happen();
        }
        self.now = end;
    }

    /// The client's end of a peer's connection.
    pub fn client(&mut self, peer: usize) -> &mut ClientEnd {
        let id = self.peers[peer].connection.expect("the peer is connected");
        self.connections.get_mut(&id).and_then(|connection| connection.client.as_mut()).expect("a client end")
    }

    /// Ends all disturbance; every client must then reach the newest tick and hear every event.
    pub fn heal(&mut self) {
        self.plan.disturbed = false;
        for peer in self.peers.iter_mut().filter(|peer| peer.connection.is_none()) {
            peer.join_at = self.now.plus(Duration::from_millis(50));
        }
        let newest = self.newest();
        // A train may still cut the link once, and a session that nobody reads from takes seconds to be ended.
        let deadline = self.now.plus(Duration::from_secs(30));
        while !self.is_whole(newest) {
            assert!(self.now < deadline, "not healed within 30 s: {:?}", self.endings);
            self.run_until(self.now.plus(Duration::from_millis(250)));
        }
    }

    pub fn newest(&self) -> Tick {
        self.room.frame().tick()
    }

    fn is_whole(&self, newest: Tick) -> bool {
        self.room.players() == self.peers.len()
            && self.peers.iter().all(|peer| {
                let connection = peer.connection.and_then(|id| self.connections.get(&id));
                connection.is_some_and(|connection| {
                    let client = connection.client.as_ref();
                    client.is_some_and(|client| {
                        client.client.welcome().is_some()
                            && client.client.tick().since(newest) >= 0
                            && client.is_complete(client.client.tick(), &connection.expected)
                    })
                })
            })
    }

    fn next_moment(&mut self) -> Moment {
        let mut next = self.clock.deadline().max(self.paused_until);
        for connection in self.connections.values_mut() {
            if let Some(server) = &connection.server {
                let alarm = if self.plan.alarms { server.next_alarm } else { Moment(u64::MAX) };
                next = next.min(alarm).min(connection.up.next_event().unwrap_or(alarm));
            }
            if let Some(client) = &connection.client {
                let arrival = connection.down.next_event();
                for at in [arrival, client.next_input].into_iter().flatten() {
                    next = next.min(at.max(client.frozen_until));
                }
                let cut = connection.up.next_cut(self.now);
                next = next.min(cut.map_or(Moment(u64::MAX), |(start, _)| start));
            }
        }
        for peer in &self.peers {
            let joins = if peer.connection.is_none() { peer.join_at } else { Moment(u64::MAX) };
            let whim = if self.plan.disturbed { peer.next_whim } else { Moment(u64::MAX) };
            next = next.min(joins).min(whim);
        }
        next
    }

    fn happen(&mut self) {
        let ids: Vec<usize> = self.connections.keys().copied().collect();
        for id in &ids {
            self.serve(*id);
        }
        if self.now >= self.paused_until && self.now >= self.clock.deadline() {
            self.tick();
            if self.plan.disturbed && below(&mut self.random, 100) == 0 {
                let pause = Duration::from_millis(below(&mut self.random, 400).into());
                self.paused_until = self.now.plus(pause);
            }
        }
        for id in &ids {
            self.strike(*id);
            self.receive(*id);
            self.play(*id);
        }
        for peer in 0..self.peers.len() {
            if self.peers[peer].connection.is_none() && self.peers[peer].join_at <= self.now {
                self.connect(peer);
            }
            if self.plan.disturbed && self.peers[peer].next_whim <= self.now {
                self.whim(peer);
            }
        }
        self.connections.retain(|_, connection| connection.server.is_some() || connection.client.is_some());
    }

    fn connect(&mut self, peer: usize) {
        self.opened += 1;
        let id = self.opened;
        let (up, down) = self.plan.profile.links(self.now, self.plan.seed ^ (id as u64) << 32);
        let unique = below(&mut self.random, 2) == 0;
        let alarm = self.now.plus(Duration::from_millis(u64::from(below(&mut self.random, 1000))));
        let mut connection = Connection {
            peer,
            up,
            down,
            severed: false,
            server: Some(ServerEnd::new(self.now, alarm)),
            client: Some(ClientEnd::new(unique)),
            expected: Vec::new(),
        };
        let refuse = self.plan.disturbed && below(&mut self.random, 20) == 0;
        let player = if refuse { vec![("refuse".to_owned(), String::new())] } else { vec![] };
        let join = Join::JoinOrCreate { game: "zoo".to_owned(), options: vec![] };
        let rate = self.plan.wanted[peer % self.plan.wanted.len()];
        connection.send_up(self.now, MESSAGE, &Client::hello(join, &format!("p{peer}"), player, rate));
        self.connections.insert(id, connection);
        self.peers[peer].connection = Some(id);
    }

    /// The client's end goes away; it comes back after a while.
    pub fn drop_client(&mut self, id: usize, back_in: Duration) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.client = None;
        self.peers[connection.peer].connection = None;
        self.peers[connection.peer].join_at = self.now.plus(back_in);
    }

    fn receive(&mut self, id: usize) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        while let Some(client) = connection.client.as_mut().filter(|client| client.frozen_until <= self.now) {
            let Some(packet) = connection.down.poll(self.now) else { break };
            for byte in &packet {
                self.digest = (self.digest ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
            }
            match packet[0] {
                PING => connection.send_up(self.now, PING, &[]),
                CLOSE => return self.drop_client(id, Duration::from_millis(300)),
                _ => {
                    let mut bytes = packet[1..].to_vec();
                    if let Some(falsify) = self.tamper
                        && let Some(falsified) = falsify(&bytes, &self.frames[client.client.tick().0 as usize])
                    {
                        (bytes, self.tamper, client.tampered) = (falsified, None, true);
                    }
                    let told = client.client.on_message(&bytes).expect("the server's bytes are good");
                    if let Told::Frame(arrived) = told {
                        let frame = &self.frames[arrived.tick.0 as usize - 1];
                        let keyframe = crate::has_keyframe(&bytes);
                        self.seen.note(&arrived, keyframe);
                        client.arrivals.push(Arrival { at: self.now, tick: arrived.tick, bytes: packet.len() });
                        client.keyframes += u32::from(keyframe);
                        client.check_arrival(&arrived, frame, &connection.expected);
                    } else if told == Told::Welcome {
                        let phase = below(&mut self.random, 1_000_000 / u32::from(self.plan.rate));
                        client.on_welcome(self.now.plus(Duration::from_micros(phase.into())));
                    }
                    while let Some(bytes) = client.client.poll(self.now) {
                        connection.up.send(self.now, [&[MESSAGE], &bytes[..]].concat());
                    }
                }
            }
        }
    }

    fn play(&mut self, id: usize) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Some(client) = connection.client.as_mut().filter(|client| client.frozen_until <= self.now) else { return };
        if let Some(due) = client.next_input.filter(|due| *due <= self.now) {
            client.make_input(&mut self.random);
            // A frozen page does not make up for what it missed.
            client.next_input = Some(due.plus(self.clock.rate().period()).max(self.now.plus(Duration::from_millis(1))));
            while let Some(bytes) = client.client.poll(self.now) {
                connection.up.send(self.now, [&[MESSAGE], &bytes[..]].concat());
            }
        }
    }
}
