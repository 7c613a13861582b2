//! The peer's half: what a client knows and says. Used by bots and tests; the browser has its own in JavaScript.
//!
//! It numbers inputs, acknowledges, rebuilds the state and checks it against the server's hashes. It opens no socket and
//! starts no timer: bytes go in and come out, time is an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::id::{PlacementEpoch, Seq, ZoneId};
use crate::snapshot::delta::{apply, read_keyframe};
use crate::snapshot::{DecodeError, Zone};
use crate::tick::{Moment, Tick};
use crate::wire::{
    Ack, ClientMessage, Command, CommandBody, Correction, EventBody, FrameMessage, Hello, Inputs, Join,
    PROTOCOL_VERSION, Resync, Role, Run, ServerMessage, Welcome, WireError, ZoneForm, decode_server, encode_client,
    limits, pack_runs,
};

/// How closely a client looks at what it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Rebuilds every zone and checks its hashes.
    Full,
    /// Checks only that messages decode and ticks rise.
    Continuity,
}

/// What a message told.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// The room let the client in; see [`Client::welcome`].
    Welcome,
    /// The client was brought to a newer tick.
    Frame(Arrived),
    /// The answer to a ping.
    Pong {
        /// Its stamp.
        stamp: u32,
    },
    /// The connection is about to be closed.
    ComeBack {
        /// Milliseconds until it is time to come back.
        after: u32,
    },
    /// The answer to a newer token.
    Refreshed {
        /// Seconds until it expires.
        expires: u32,
    },
}

/// A frame that arrived.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arrived {
    /// Its tick.
    pub tick: Tick,
    /// Ticks since the last one that arrived.
    pub advance: u32,
    /// The last input consumed.
    pub consumed: Seq,
    /// Inputs dropped unused since the last frame.
    pub superseded: u32,
    /// A server-side move.
    pub correction: Option<Correction>,
    /// Events, oldest first.
    pub events: Vec<EventBody<'static>>,
    /// Events lost for good just before those.
    pub lost: u32,
    /// Bytes of zone payload in the message.
    pub payload: usize,
    /// Zones whose state was not the server's.
    pub desyncs: u32,
    /// Players in the room, the client included.
    pub players: u32,
}

/// Why a client cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The bytes are no message.
    #[error("message: {0}")]
    Wire(#[from] WireError),
    /// A zone payload does not decode.
    #[error("zone payload: {0}")]
    Zone(#[from] DecodeError),
    /// A message that must not come now.
    #[error("the message must not come now: {0}")]
    Unexpected(&'static str),
}

/// What a client knows and says.
#[derive(Debug)]
pub struct Client {
    depth: Depth,
    welcome: Option<Box<Welcome>>,
    tick: Tick,
    consumed: Seq,
    placement: PlacementEpoch,
    zones: BTreeMap<ZoneId, Zone>,
    /// Zones whose state is not the server's: deltas mean nothing until their keyframe comes.
    lost: BTreeSet<ZoneId>,
    players: u32,
    /// Frame messages so far, modulo 256.
    frames: u8,
    events: Seq,
    /// The newest event that the server knows to have arrived.
    told_events: Seq,
    commands: Seq,
    /// The number of the last input made.
    made: Seq,
    /// Inputs not sent yet that are equal to the last one sent.
    held: u16,
    /// Made after those and not sent yet.
    runs: Vec<Run>,
    /// The values of the last input made.
    last: Vec<i32>,
    /// Something not sent yet differs from what was sent before: it must go out at once.
    urgent: bool,
    sent_inputs: Moment,
    sent_ack: Moment,
    ack_due: bool,
    /// The last frame stood for more ticks than asked for: it may be all that the server dares to send before it hears of it.
    awaited: bool,
    /// Frame messages per second that the hello asked for; 0 for one per tick.
    rate: u16,
    outbox: Vec<Vec<u8>>,
}

impl Client {
    /// An unchanged run is sent this often.
    const RUN_EVERY: Duration = Duration::from_millis(250);

    /// A client that has said nothing yet.
    pub fn new(depth: Depth) -> Self {
        Self {
            depth,
            welcome: None,
            tick: Tick(0),
            consumed: Seq(0),
            placement: PlacementEpoch(0),
            zones: BTreeMap::new(),
            lost: BTreeSet::new(),
            players: 0,
            frames: 0,
            events: Seq(0),
            told_events: Seq(0),
            commands: Seq(0),
            made: Seq(0),
            held: 0,
            runs: Vec::new(),
            last: Vec::new(),
            urgent: false,
            sent_inputs: Moment(0),
            sent_ack: Moment(0),
            ack_due: false,
            awaited: false,
            rate: 0,
            outbox: Vec::new(),
        }
    }

    /// The same, knowing the rate that its hello asks for, so that fewer frames than ticks are no surprise to it.
    #[must_use]
    pub fn asking(self, rate: u16) -> Self {
        Self { rate, ..self }
    }

    /// The first message. `rate` is how many frame messages per second are wanted, 0 for one per tick.
    pub fn hello(join: Join, name: &str, player: Vec<(String, String)>, rate: u16) -> Vec<u8> {
        let version = PROTOCOL_VERSION;
        encode_client(&ClientMessage::Hello(Hello {
            version,
            join,
            name: name.to_owned(),
            player,
            resume: None,
            token: None,
            rate,
            role: Role::Player,
        }))
    }

    /// From now on looks no closer than [`Depth::Continuity`], which costs far less.
    pub fn relax(&mut self) {
        self.depth = Depth::Continuity;
        self.zones.clear();
        // Only counted from here on; a thousand clients with a thousand names each are a lot of names.
        if let Some(welcome) = &mut self.welcome {
            welcome.players = Vec::new();
        }
    }

    /// What the server said first.
    pub fn welcome(&self) -> Option<&Welcome> {
        self.welcome.as_deref()
    }

    /// The newest frame's tick.
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// The last input consumed by the server, as far as is known.
    pub fn consumed(&self) -> Seq {
        self.consumed
    }

    /// The zones as rebuilt; empty unless the depth is [`Depth::Full`].
    pub fn zones(&self) -> &BTreeMap<ZoneId, Zone> {
        &self.zones
    }

    /// Takes a message of the server.
    ///
    /// # Errors
    /// See [`ClientError`]; the connection is of no further use.
    pub fn on_message(&mut self, bytes: &[u8]) -> Result<Told, ClientError> {
        match decode_server(bytes)? {
            ServerMessage::Welcome(_) if self.welcome.is_some() => Err(ClientError::Unexpected("a second welcome")),
            ServerMessage::Welcome(welcome) => {
                self.tick = welcome.tick;
                self.placement = welcome.placement;
                self.players = welcome.players.len() as u32;
                self.welcome = Some(welcome);
                Ok(Told::Welcome)
            }
            ServerMessage::Frame(frame) => self.on_frame(&frame).map(Told::Frame),
            ServerMessage::Pong { stamp } => Ok(Told::Pong { stamp }),
            ServerMessage::ComeBack { after } => Ok(Told::ComeBack { after }),
            ServerMessage::Refreshed { expires } => Ok(Told::Refreshed { expires }),
        }
    }

    /// Makes the next input, which must be one that the welcome's schema admits. Returns its number.
    pub fn input(&mut self, values: &[i32]) -> Seq {
        let changed = self.made == Seq(0) || self.last != values;
        self.made = self.made.plus(1);
        self.urgent |= changed;
        match self.runs.last_mut() {
            None if !changed && self.held < limits::RUN_LENGTH => self.held += 1,
            Some(run) if !changed && run.count < limits::RUN_LENGTH => run.count += 1,
            _ => self.runs.push(Run { count: 1, values: values.to_vec() }),
        }
        self.last.clear();
        self.last.extend_from_slice(values);
        self.made
    }

    /// Makes a command, sent with the next [`Self::poll`].
    pub fn command(&mut self, kind: u16, body: &[u8]) -> Seq {
        self.commands = self.commands.plus(1);
        let command =
            Command { seq: self.commands, body: CommandBody::Game { kind, body: serde_bytes::Bytes::new(body) } };
        self.outbox.push(encode_client(&ClientMessage::Command(command)));
        self.commands
    }

    /// Makes a ping, sent with the next [`Self::poll`].
    pub fn ping(&mut self, stamp: u32) {
        self.outbox.push(encode_client(&ClientMessage::Ping { stamp }));
    }

    /// What to send now, one message per call until there is none.
    pub fn poll(&mut self, now: Moment) -> Option<Vec<u8>> {
        self.welcome.as_ref()?;
        if !self.outbox.is_empty() {
            return Some(self.outbox.remove(0));
        }
        let unsent = self.held > 0 || !self.runs.is_empty();
        let run_due = unsent && now.since(self.sent_inputs) >= Self::RUN_EVERY;
        let ack_due = self.ack_due && (self.awaited || now.since(self.sent_ack) >= limits::ACK_EVERY);
        if !(self.urgent || run_due || ack_due) {
            return None;
        }
        let events = (self.events != self.told_events).then_some(self.events);
        let ack = Ack { frames: self.frames, events };
        (self.ack_due, self.sent_ack, self.told_events) = (false, now, self.events);
        if !unsent {
            return Some(encode_client(&ClientMessage::Ack(ack)));
        }
        self.sent_inputs = now;
        self.urgent = false;
        let (counted, runs) = pack_runs(&self.welcome.as_ref()?.inputs, &self.runs);
        self.runs.clear();
        let (placement, held, runs) = (self.placement, std::mem::take(&mut self.held), serde_bytes::Bytes::new(&runs));
        Some(encode_client(&ClientMessage::Inputs(Inputs { ack, placement, held, counted, runs })))
    }

    fn on_frame(&mut self, frame: &FrameMessage) -> Result<Arrived, ClientError> {
        let Some(welcome) = &self.welcome else {
            return Err(ClientError::Unexpected("a frame before the welcome"));
        };
        if frame.advance == 0 || frame.advance > i32::MAX.cast_unsigned() {
            return Err(ClientError::Unexpected("a frame that does not advance"));
        }
        let spacing = if self.rate == 0 { 1 } else { welcome.rate.per_second().div_ceil(self.rate).into() };
        let mut arrived = Arrived { advance: frame.advance, ..Arrived::default() };
        self.frames = self.frames.wrapping_add(1);
        self.tick = self.tick.plus(frame.advance);
        self.consumed = self.consumed.plus(frame.consumed);
        (arrived.tick, arrived.consumed) = (self.tick, self.consumed);
        if let Some(note) = frame.note {
            arrived.superseded = note.superseded;
            arrived.correction = note.correction;
            self.placement = note.correction.map_or(self.placement, |correction| correction.placement);
        }
        if let Some(batch) = &frame.events {
            if batch.first != self.events.plus(1 + batch.lost) {
                return Err(ClientError::Unexpected("events out of order"));
            }
            self.events = self.events.plus(batch.lost + batch.items.len() as u32);
            arrived.lost = batch.lost;
            for item in &batch.items {
                match item.body {
                    EventBody::Joined(_) => self.players += 1,
                    EventBody::Left { .. } => self.players = self.players.saturating_sub(1),
                    _ => {}
                }
            }
            arrived.events = batch.items.iter().map(|item| item.body.clone().into_owned()).collect();
        }
        for part in &frame.zones {
            arrived.payload += part.form.weight();
            if self.depth == Depth::Continuity {
                continue;
            }
            let zone = match &part.form {
                ZoneForm::Gone => {
                    self.zones.remove(&part.zone);
                    self.lost.remove(&part.zone);
                    continue;
                }
                ZoneForm::Keyframe(bytes) => {
                    self.lost.remove(&part.zone);
                    Some(read_keyframe(&welcome.schema, bytes)?)
                }
                ZoneForm::Chain(_) if self.lost.contains(&part.zone) => None,
                ZoneForm::Chain(deltas) => {
                    let known = self.zones.remove(&part.zone);
                    let zone = known.unwrap_or_else(|| Zone::empty(&welcome.schema));
                    // Deltas that do not decode do not start from this state: the same finding as a wrong hash.
                    deltas.iter().try_fold(zone, |zone, delta| apply(&welcome.schema, &zone, delta)).ok()
                }
            };
            let right = zone.as_ref().is_some_and(|zone| part.hash.is_none_or(|hash| hash == zone.hash()));
            if !right && (part.hash.is_some() || self.lost.insert(part.zone)) {
                self.lost.insert(part.zone);
                arrived.desyncs += 1;
                let resync = Resync { zone: part.zone, tick: self.tick };
                self.outbox.push(encode_client(&ClientMessage::Resync(resync)));
            }
            if let Some(zone) = zone {
                self.zones.insert(part.zone, zone);
            }
        }
        arrived.players = self.players;
        (self.ack_due, self.awaited) = (true, frame.advance > spacing);
        Ok(arrived)
    }
}
