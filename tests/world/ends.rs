//! Both ends of one connection and the link between them, each end with its part of the oracle.
//!
//! The server's end checks that inputs are consumed at most once and accounted for; the client's end checks that what
//! it rebuilt is what the server had. Neither knows the other; `sim` moves the bytes and the time.

use std::sync::Arc;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use tickwire::engine::link::Link;
use tickwire::engine::{Arrived, Client, Depth, Event, EventLog, Session};
use tickwire::game::Move;
use tickwire::id::{PlacementEpoch, Seat, Seq};
use tickwire::snapshot::{Frame, SeatNote};
use tickwire::tick::{Moment, Tick};
use tickwire::wire::{EventBody, Rule};

/// The first byte of a packet says what it is, as the opcode of a WebSocket frame does.
pub const MESSAGE: u8 = 0;
pub const CLOSE: u8 = 1;
pub const PING: u8 = 2;

pub fn below(random: &mut Pcg32, bound: u32) -> u32 {
    ((u64::from(random.next_u32()) * u64::from(bound)) >> 32) as u32
}

/// A connection; gone when both ends are.
pub struct Connection {
    pub peer: usize,
    pub up: Link,
    pub down: Link,
    /// Nothing gets through any more, but the ends may not know.
    pub severed: bool,
    pub server: Option<ServerEnd>,
    pub client: Option<ClientEnd>,
    /// Every event addressed to this session, in order.
    pub expected: Vec<Arc<Event>>,
}

impl Connection {
    pub fn send_up(&mut self, now: Moment, kind: u8, bytes: &[u8]) {
        if !self.severed {
            self.up.send(now, [&[kind], bytes].concat());
        }
    }

    pub fn send_down(&mut self, now: Moment, kind: u8, bytes: &[u8]) {
        if !self.severed {
            self.down.send(now, [&[kind], bytes].concat());
        }
    }
}

pub struct ServerEnd {
    pub session: Session,
    pub log: EventLog,
    pub seat: Option<Seat>,
    pub next_alarm: Moment,
    consumed: Seq,
    fresh: u32,
    repeated: u32,
    placement: PlacementEpoch,
    commands: u32,
    /// The placement that each input knew, by its number minus one.
    pub placements: Vec<PlacementEpoch>,
}

impl ServerEnd {
    pub fn new(now: Moment, next_alarm: Moment) -> Self {
        Self {
            session: Session::new(now),
            log: EventLog::default(),
            seat: None,
            next_alarm,
            consumed: Seq(0),
            fresh: 0,
            repeated: 0,
            placement: PlacementEpoch(0),
            commands: 0,
            placements: Vec::new(),
        }
    }

    /// Compares a tick's move of this seat and the note about it with what the client made.
    pub fn check_move(&mut self, rule: Rule, taken: &Move, note: &SeatNote, maker: Option<&Maker>) {
        let before = self.consumed;
        assert!(note.consumed.since(before) >= 0, "consumption goes back");
        self.consumed = note.consumed;
        self.fresh += u32::from(taken.fresh);
        self.repeated += u32::from(!taken.fresh);
        let used = self.fresh + note.superseded;
        assert!(used <= note.consumed.0, "an input counted twice");
        if let Some(maker) = maker {
            assert!(note.consumed.0 as usize <= maker.made.len(), "an input consumed that was never made");
            let settled = note.consumed.0 - used;
            let unique = maker.unique || rule == Rule::Place;
            assert!(settled <= if unique { 0 } else { self.repeated }, "{settled} inputs vanished");
            if taken.fresh {
                let candidates = &maker.made[before.0 as usize..note.consumed.0 as usize];
                let known = candidates.iter().position(|made| taken.input.starts_with(made));
                let index = before.0 as usize + known.expect("the consumed input was made and is not an old one");
                let epoch = self.placements[index];
                assert!(rule == Rule::Steer || !maker.unique || epoch == self.placement, "a report of an old epoch");
            }
        }
        self.placement = note.placement;
    }

    /// A command of this seat reached the game.
    pub fn check_command(&mut self, number: u32) {
        assert_eq!(number, self.commands + 1, "commands reach the game once and in order");
        self.commands = number;
    }
}

/// Makes inputs and remembers them.
pub struct Maker {
    /// Whether no two inputs are alike; otherwise they are held for a while.
    pub unique: bool,
    /// By number minus one.
    pub made: Vec<[i32; 5]>,
}

impl Maker {
    fn next(&mut self, random: &mut Pcg32) -> [i32; 5] {
        let mut input = self.made.last().copied().unwrap_or_default();
        if self.unique || self.made.is_empty() || below(random, 10) == 0 {
            input[0] = if self.unique { self.made.len() as i32 + 1 } else { below(random, 3).cast_signed() };
            input[1] = below(random, 1024).cast_signed();
            input[2] = below(random, 2).cast_signed();
            input[3] = below(random, 12_801).cast_signed() - 6400;
            input[4] = below(random, 12_801).cast_signed() - 6400;
        }
        self.made.push(input);
        input
    }
}

pub struct ClientEnd {
    pub client: Client,
    pub maker: Maker,
    pub next_input: Option<Moment>,
    /// Reads and does nothing until then.
    pub frozen_until: Moment,
    /// The state may be wrong, because the test tampered with it.
    pub tampered: bool,
    pub keyframes: u32,
    pub desyncs: u32,
    pub arrivals: Vec<Arrival>,
    tick: Tick,
    superseded: u32,
    placement: PlacementEpoch,
    pub events: usize,
    pub lost: u32,
    pub commands: u32,
    echoes: u32,
}

/// When a frame came.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    pub at: Moment,
    pub tick: Tick,
    pub bytes: usize,
}

impl ClientEnd {
    pub fn new(unique: bool) -> Self {
        Self {
            client: Client::new(Depth::Full),
            maker: Maker { unique, made: Vec::new() },
            next_input: None,
            frozen_until: Moment(0),
            tampered: false,
            keyframes: 0,
            desyncs: 0,
            arrivals: Vec::new(),
            tick: Tick(0),
            superseded: 0,
            placement: PlacementEpoch(0),
            events: 0,
            lost: 0,
            commands: 0,
            echoes: 0,
        }
    }

    pub fn on_welcome(&mut self, first_input: Moment) {
        let welcome = self.client.welcome().expect("just told");
        (self.tick, self.placement) = (welcome.tick, welcome.placement);
        assert!(welcome.players.iter().any(|player| player.seat == welcome.seat), "the roster has the player");
        self.next_input = Some(first_input);
    }

    pub fn make_input(&mut self, random: &mut Pcg32) {
        let input = self.maker.next(random);
        let number = self.client.input(&input);
        assert_eq!(number.0 as usize, self.maker.made.len());
    }

    pub fn make_command(&mut self) {
        self.commands += 1;
        self.client.command(1, &self.commands.to_le_bytes());
    }

    /// Compares what arrived with the server's frame of that tick.
    pub fn check_arrival(&mut self, arrived: &Arrived, frame: &Frame, expected: &[Arc<Event>]) {
        assert!(arrived.tick.is_after(self.tick), "ticks strictly increase");
        assert_eq!((arrived.tick, arrived.tick), (self.tick.plus(arrived.advance), frame.tick()));
        let welcome = self.client.welcome().expect("frames follow the welcome");
        let note = frame.note(welcome.seat).expect("the frame has a note for a seat that it is sent to");
        self.superseded = self.superseded.wrapping_add(arrived.superseded);
        if let Some(correction) = arrived.correction {
            assert_ne!(correction.placement, self.placement, "a correction is told once");
            self.placement = correction.placement;
            assert_eq!(correction.reason, note.reason);
        }
        assert_eq!(
            (arrived.consumed, self.superseded, self.placement),
            (note.consumed, note.superseded, note.placement),
            "consumed, superseded, placement"
        );
        self.check_zones(frame, note);
        self.desyncs += arrived.desyncs;
        assert!(self.tampered || arrived.desyncs == 0, "a hash mismatches at {:?}", arrived.tick);
        self.check_events(arrived, expected);
        self.tick = arrived.tick;
    }

    fn check_zones(&mut self, frame: &Frame, note: &SeatNote) {
        let zones = self.client.zones();
        let equal = note.zones.iter().all(|id| match (zones.get(id), frame.zone(*id)) {
            (Some(rebuilt), Some(original)) => rebuilt == original.zone(),
            (Some(rebuilt), None) => rebuilt.is_empty(),
            (None, original) => original.is_none_or(|original| original.zone().is_empty()),
        });
        assert!(self.tampered || equal, "a zone differs from the server's at {:?}", frame.tick());
        self.tampered &= !equal;
        assert!(zones.keys().all(|id| note.zones.contains(id)), "zones that are not subscribed to are gone");
    }

    fn check_events(&mut self, arrived: &Arrived, expected: &[Arc<Event>]) {
        self.lost += arrived.lost;
        self.events += arrived.lost as usize;
        for body in &arrived.events {
            let event = expected.get(self.events).expect("an event that nobody sent");
            assert_eq!(*body, event.body, "events come once and in order");
            assert!(!event.tick.is_after(arrived.tick), "an event before its tick");
            self.events += 1;
            if let EventBody::Game { kind: 8, body } = body {
                let number = u32::from_le_bytes(body[..].try_into().expect("echoes have four bytes"));
                assert!(number > self.echoes && number <= self.commands, "echo {number}");
                self.echoes = number;
            }
        }
    }

    /// Whether everything said so far has been heard.
    pub fn is_complete(&self, newest: Tick, expected: &[Arc<Event>]) -> bool {
        let due = expected.iter().filter(|event| !event.tick.is_after(newest)).count();
        !self.client.tick().is_after(newest) && self.tick.since(newest) >= 0 && self.events >= due
    }
}
