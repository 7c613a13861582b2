//! The messages. Enums are append-only; fields of a message change only with the protocol version.
//!
//! A message borrows the bytes it carries where that saves a copy: zone payloads on the way out.

use serde::{Deserialize, Serialize};
use serde_bytes::Bytes as Raw;

use super::event::EventBatch;
use super::hello::{Hello, Welcome};
use crate::id::{CorrectionEpoch, Seat, Seq, ZoneId};
use crate::tick::Tick;

/// The version a client states in its hello.
pub const PROTOCOL_VERSION: u16 = 1;
/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "tickwire.v1";

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientMessage<'a> {
    /// The first message, once.
    #[serde(borrow)]
    Hello(Hello<'a>),
    /// The next inputs, with the acknowledgement of what arrived.
    #[serde(borrow)]
    Inputs(Inputs<'a>),
    /// An acknowledgement alone, when there is no input to send.
    Ack(Ack),
    /// A reliable message to the game.
    #[serde(borrow)]
    Command(Command<'a>),
    /// Asks for a pong with the same stamp.
    Ping {
        /// Chosen by the client.
        stamp: u32,
    },
    /// The client's state of a zone is wrong; asks for a keyframe.
    Resync(Resync),
    /// A newer join token, before the old one expires.
    Refresh {
        /// The token.
        token: &'a str,
    },
}

/// The inputs after those of the last message: one per client tick, numbered from 1 on without saying so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs<'a> {
    /// What arrived.
    pub ack: Ack,
    /// The correction epoch the client knows.
    pub epoch: CorrectionEpoch,
    /// How many inputs equal to the last one of the last message come first.
    pub held: u16,
    /// Whether each run states its length; otherwise there is at most one, of one input.
    pub counted: bool,
    /// The runs after those, packed under the input schema; see [`pack_runs`](super::pack_runs).
    #[serde(borrow)]
    pub runs: &'a Raw,
}

/// Equal inputs in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// How many, at least one.
    pub count: u16,
    /// One value per input field.
    pub values: Vec<i32>,
}

/// What a client has received and applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Frame messages so far, modulo 256: fewer than that are ever in flight.
    pub frames: u8,
    /// The newest event's number, when it is another one than the last acknowledgement said.
    pub events: Option<Seq>,
}

/// A reliable message to the game.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command<'a> {
    /// Rises by one, from 1, also across resumptions.
    pub seq: Seq,
    /// What is asked.
    #[serde(borrow)]
    pub body: CommandBody<'a>,
}

/// What a command asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandBody<'a> {
    /// Tells the game something.
    Game {
        /// The game's own message type.
        kind: u16,
        /// The game's own bytes.
        #[serde(borrow)]
        body: &'a Raw,
    },
    /// Asks the game something; an [`EventBody::Reply`](super::EventBody::Reply) answers.
    Call {
        /// The game's own message type.
        kind: u16,
        /// The game's own bytes.
        #[serde(borrow)]
        body: &'a Raw,
    },
    /// Says something to others.
    Chat {
        /// To whom; everyone when empty.
        to: Vec<Seat>,
        /// Untrusted text.
        text: &'a str,
    },
}

/// A client noticed that its state is not the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resync {
    /// Where.
    pub zone: ZoneId,
    /// When.
    pub tick: Tick,
}

/// What a server says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerMessage<'a> {
    /// Answers the hello, once.
    Welcome(Box<Welcome>),
    /// Brings the client to a tick.
    #[serde(borrow)]
    Frame(FrameMessage<'a>),
    /// Answers a ping.
    Pong {
        /// As it came.
        stamp: u32,
    },
    /// The connection is about to be closed; a client that comes back does so after this time, as it is.
    ComeBack {
        /// Milliseconds.
        after: u32,
    },
    /// Answers a refresh.
    Refreshed {
        /// Seconds until the new token expires.
        expires: u32,
    },
}

/// One frame for one client: what is theirs alone, and the shared bytes of their zones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameMessage<'a> {
    /// Ticks since the last frame message (or the welcome).
    pub advance: u32,
    /// Inputs consumed since the last frame message (or the welcome, at input 0).
    pub consumed: u32,
    /// What is rarely said.
    pub note: Option<Note>,
    /// Events due at this tick.
    #[serde(borrow)]
    pub events: Option<EventBatch<'a>>,
    /// The client's zones, each at most once; one without a part is empty, now and at all ticks since the last message.
    #[serde(borrow)]
    pub zones: Vec<ZonePart<'a>>,
}

/// What is rarely said to a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Of the inputs consumed since the last frame message, how many were dropped unused.
    pub superseded: u32,
    /// The last command that the game has seen, when it is news.
    pub commands: Option<Seq>,
    /// The newest server-side move, when it is new to the client.
    pub correction: Option<Correction>,
}

/// A server-side move of the player's entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// The epoch it opens; position reports must echo it.
    pub epoch: CorrectionEpoch,
    /// The game's reason code.
    pub reason: u8,
}

/// One zone of a frame message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZonePart<'a> {
    /// Which zone.
    pub zone: ZoneId,
    /// How to get there.
    #[serde(borrow)]
    pub form: ZoneForm<'a>,
    /// The zone's hash at this tick, every now and then.
    pub hash: Option<u32>,
}

/// How a client gets to a zone's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ZoneForm<'a> {
    /// Apply these in order to what you have (a zone never seen is empty).
    #[serde(borrow)]
    Chain(Vec<&'a Raw>),
    /// Forget what you have.
    #[serde(borrow)]
    Keyframe(&'a Raw),
    /// The zone is no longer yours.
    Gone,
}

impl ZoneForm<'_> {
    /// Bytes of payload.
    pub fn weight(&self) -> usize {
        match self {
            Self::Chain(deltas) => deltas.iter().map(|delta| delta.len()).sum(),
            Self::Keyframe(bytes) => bytes.len(),
            Self::Gone => 0,
        }
    }
}
