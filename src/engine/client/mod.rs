//! The peer's half: what a client knows and says. Used by bots and tests; the browser has its own in JavaScript.
//!
//! It numbers inputs, acknowledges, rebuilds the state and checks it against the server's hashes. It opens no socket and
//! starts no timer: bytes go in and come out, time is an argument. Over several connections it stays one client.

mod receive;
mod unseen;
mod unsent;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;

use self::unseen::Unseen;
use self::unsent::Unsent;
use super::command::Ask;
use crate::id::{CorrectionEpoch, Seat, Seq, ZoneId};
use crate::snapshot::{DecodeError, Zone};
use crate::tick::{Moment, Tick};
use crate::wire::{
    Ack, ClientMessage, Correction, EventBody, Hello, Inputs, Join, PROTOCOL_VERSION, Resume, Role, ServerMessage,
    Welcome, WireError, decode_server, encode_client, limits,
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
pub enum ClientEvent {
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
    /// Events lost for good just before those, also while the client was away.
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

/// The right to a seat, all that a client needs to come back to it after it forgot the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// The room's id.
    pub room: String,
    /// From the newest welcome.
    pub token: Vec<u8>,
}

/// What a client knows and says.
#[derive(Clone, Debug)]
pub struct Client {
    depth: Depth,
    /// The welcome of this connection.
    welcome: Option<Box<Welcome>>,
    pass: Option<Pass>,
    /// Whether the newest event and command are known from this or an earlier connection to the seat.
    remembers: bool,
    /// Whether the zones are those of `tick`.
    has_state: bool,
    tick: Tick,
    consumed: Seq,
    epoch: CorrectionEpoch,
    zones: BTreeMap<ZoneId, Zone>,
    /// Zones whose state is not the server's: deltas mean nothing until their keyframe comes.
    lost: BTreeSet<ZoneId>,
    players: u32,
    /// Frame messages so far, modulo 256.
    frames: u8,
    events: Seq,
    /// Events lost while away that nobody was told of yet.
    missed: u32,
    /// The newest event that the server knows to have arrived.
    told_events: Seq,
    commands: Unseen,
    inputs: Unsent,
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
            pass: None,
            remembers: false,
            has_state: false,
            tick: Tick(0),
            consumed: Seq(0),
            epoch: CorrectionEpoch(0),
            zones: BTreeMap::new(),
            lost: BTreeSet::new(),
            players: 0,
            frames: 0,
            events: Seq(0),
            missed: 0,
            told_events: Seq(0),
            commands: Unseen::default(),
            inputs: Unsent::default(),
            sent_inputs: Moment(0),
            sent_ack: Moment(0),
            ack_due: false,
            awaited: false,
            rate: 0,
            outbox: Vec::new(),
        }
    }

    /// The same, with the right to a seat and no other memory, as a page has it that was reloaded.
    #[must_use]
    pub fn with_pass(self, pass: Pass) -> Self {
        Self { pass: Some(pass), ..self }
    }

    /// The right to the seat; `None` before a welcome, and where seats are not held.
    pub fn pass(&self) -> Option<&Pass> {
        self.pass.as_ref()
    }

    /// The same, knowing the rate that its hello asks for, so that fewer frames than ticks are no surprise to it.
    #[must_use]
    pub fn asking(self, rate: u16) -> Self {
        Self { rate, ..self }
    }

    /// The first message. `rate` is how many frame messages per second are wanted, 0 for one per tick.
    pub fn hello(join: Join, name: &str, player: Vec<(String, String)>, rate: u16) -> Vec<u8> {
        Self::hello_as(Role::Player, join, name, player, rate)
    }

    /// The same for a spectator, who must make no inputs, or a player.
    pub fn hello_as(role: Role, join: Join, name: &str, player: Vec<(String, String)>, rate: u16) -> Vec<u8> {
        let version = PROTOCOL_VERSION;
        encode_client(&ClientMessage::Hello(Hello {
            version,
            join,
            name: name.to_owned(),
            player,
            resume: None,
            token: None,
            rate,
            role,
        }))
    }

    /// Begins a new connection, which takes up the seat of the last one as far as the server still holds it. Returns the
    /// first message; `None` when there is no right to a seat. Inputs that were not consumed are forgotten; commands that the
    /// game has not seen are sent again.
    pub fn resume(&mut self, name: &str, player: Vec<(String, String)>) -> Option<Vec<u8>> {
        let Pass { room, token } = self.pass.clone()?;
        self.welcome = None;
        self.outbox.clear();
        (self.frames, self.consumed, self.inputs) = (0, Seq(0), Unsent::default());
        (self.ack_due, self.awaited) = (false, false);
        let tick = (self.has_state && self.lost.is_empty()).then_some(self.tick);
        let events = self.remembers.then_some(self.events);
        let resume = Some(Resume { token: serde_bytes::Bytes::new(&token), tick, events });
        let (version, join, name) = (PROTOCOL_VERSION, Join::ById { room }, name.to_owned());
        let (role, rate) = (Role::Player, self.rate);
        Some(encode_client(&ClientMessage::Hello(Hello {
            version,
            join,
            name,
            player,
            resume,
            token: None,
            rate,
            role,
        })))
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
    pub fn on_message(&mut self, bytes: &[u8]) -> Result<ClientEvent, ClientError> {
        match decode_server(bytes)? {
            ServerMessage::Welcome(_) if self.welcome.is_some() => Err(ClientError::Unexpected("a second welcome")),
            ServerMessage::Welcome(welcome) => self.on_welcome(welcome).map(|()| ClientEvent::Welcome),
            ServerMessage::Frame(frame) => self.on_frame(&frame).map(ClientEvent::Frame),
            ServerMessage::Pong { stamp } => Ok(ClientEvent::Pong { stamp }),
            ServerMessage::ComeBack { after } => Ok(ClientEvent::ComeBack { after }),
            ServerMessage::Refreshed { expires } => Ok(ClientEvent::Refreshed { expires }),
        }
    }

    /// Makes the next input, which must be one that the welcome's schema admits. Returns its number.
    pub fn input(&mut self, values: &[i32]) -> Seq {
        self.inputs.make(values)
    }

    /// Makes a command, sent with the next [`Self::poll`]. Returns its number, which counts once a welcome has come.
    ///
    /// # Panics
    /// When [`limits::UNSEEN_COMMANDS`] wait to be seen by the game.
    pub fn command(&mut self, kind: u16, body: &[u8]) -> Seq {
        self.commands.push(Ask::Tell { kind, body: Bytes::copy_from_slice(body) })
    }

    /// As [`Self::command`]; an [`EventBody::Reply`] will answer.
    ///
    /// # Panics
    /// As [`Self::command`].
    pub fn call(&mut self, kind: u16, body: &[u8]) -> Seq {
        self.commands.push(Ask::Call { kind, body: Bytes::copy_from_slice(body) })
    }

    /// As [`Self::command`]: says something to some, or to everyone when `to` is empty. Whoever has the seats when it arrives
    /// hears it: do not leave lines to some waiting for a connection.
    ///
    /// # Panics
    /// As [`Self::command`].
    pub fn chat(&mut self, to: &[Seat], text: &str) -> Seq {
        self.commands.push(Ask::Chat { to: to.to_vec(), text: text.to_owned() })
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
        if let Some(command) = self.commands.send() {
            return Some(command);
        }
        let unsent = !self.inputs.is_empty();
        let run_due = unsent && now.since(self.sent_inputs) >= Self::RUN_EVERY;
        let ack_due = self.ack_due && (self.awaited || now.since(self.sent_ack) >= limits::ACK_EVERY);
        if !(self.inputs.urgent || run_due || ack_due) {
            return None;
        }
        let events = (self.events != self.told_events).then_some(self.events);
        let ack = Ack { frames: self.frames, events };
        (self.ack_due, self.sent_ack, self.told_events) = (false, now, self.events);
        if !unsent {
            return Some(encode_client(&ClientMessage::Ack(ack)));
        }
        self.sent_inputs = now;
        let packed = self.inputs.pack(&self.welcome.as_ref()?.inputs);
        let (epoch, runs) = (self.epoch, serde_bytes::Bytes::new(&packed.runs));
        let inputs = Inputs { ack, epoch, held: packed.held, counted: packed.counted, runs };
        Some(encode_client(&ClientMessage::Inputs(inputs)))
    }
}
