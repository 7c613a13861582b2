//! The messages. Enums are append-only; the fields of a message change only with the protocol version.
//!
//! A message borrows the bytes it carries where that saves a copy, as for the zone payloads of frames.

use serde::{Deserialize, Serialize};
use serde_bytes::Bytes as Raw;

use super::event::EventBatch;
use super::hello::{Hello, Welcome};
use crate::id::{CorrectionEpoch, Seat, Seq, ZoneId};
use crate::tick::Tick;

/// The version that a client states in its hello.
pub const PROTOCOL_VERSION: u16 = 1;
/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "tickwire.v1";

/// A message from a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientMessage<'a> {
    /// The first message, once.
    #[serde(borrow)]
    Hello(Hello<'a>),
    /// The inputs since the last such message, never repeated, and what the client has applied.
    #[serde(borrow)]
    Inputs(Inputs<'a>),
    /// An acknowledgement alone, when there is no input to send.
    Ack(Ack),
    /// A reliable message to the game.
    #[serde(borrow)]
    Command(NumberedCommand<'a>),
    /// Asks for a pong with the same stamp.
    Ping {
        /// Chosen by the client.
        stamp: u32,
    },
    /// Asks for a keyframe, because the client's state of a zone is wrong.
    Resync(Resync),
    /// A newer join token, before the old one expires.
    Refresh {
        /// The token.
        token: &'a str,
    },
}

/// The inputs after those of the last message: one per client tick, implicitly numbered from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs<'a> {
    /// The acknowledgement.
    pub ack: Ack,
    /// The newest correction epoch that the client knows.
    pub epoch: CorrectionEpoch,
    /// How many inputs come first that equal the last input of the last message.
    pub held: u16,
    /// Whether each run states its length; otherwise there is at most one run, of one input.
    pub counted: bool,
    /// The runs after those inputs, packed under the input schema; see [`pack_runs`](super::pack_runs).
    #[serde(borrow)]
    pub runs: &'a Raw,
}

/// Equal inputs in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// How many inputs, at least one.
    pub count: u16,
    /// One value per input field.
    pub values: Vec<i32>,
}

/// What a client has applied so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Frame messages so far, modulo 256: fewer than 256 are ever in flight.
    pub frames: u8,
    /// The newest event's number, if it changed since the last acknowledgement.
    pub events: Option<Seq>,
}

/// A reliable message to the game.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberedCommand<'a> {
    /// Rises by one, starting at 1, also across reconnects.
    pub seq: Seq,
    /// The command's content.
    #[serde(borrow)]
    pub body: CommandBody<'a>,
}

/// The content of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandBody<'a> {
    /// A message to the game.
    Game {
        /// The game's own message type.
        kind: u16,
        /// The game's own bytes.
        #[serde(borrow)]
        body: &'a Raw,
    },
    /// A message to the game that an [`EventBody::Reply`](super::EventBody::Reply) answers.
    Call {
        /// The game's own message type.
        kind: u16,
        /// The game's own bytes.
        #[serde(borrow)]
        body: &'a Raw,
    },
    /// A chat line.
    Chat {
        /// The recipients; everyone when empty.
        to: Vec<Seat>,
        /// Untrusted text.
        text: &'a str,
    },
}

/// Reports that the client's state is not the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resync {
    /// The zone that differs.
    pub zone: ZoneId,
    /// The tick at which it differs.
    pub tick: Tick,
}

/// A message from a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerMessage<'a> {
    /// Answers the hello, once.
    Welcome(Box<Welcome>),
    /// Brings the client to a newer tick.
    #[serde(borrow)]
    Frame(FrameMessage<'a>),
    /// Answers a ping.
    Pong {
        /// The ping's stamp.
        stamp: u32,
    },
    /// The connection is about to be closed; a client that reconnects waits for exactly this time first.
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

/// One frame for one client: the parts for it alone, and the shared bytes of its zones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameMessage<'a> {
    /// Ticks since the last frame message (or the welcome).
    pub advance: u32,
    /// Inputs consumed since the last frame message (or the welcome, at input 0).
    pub consumed: u32,
    /// The parts that are rarely sent.
    pub note: Option<Note>,
    /// Events due at this tick.
    #[serde(borrow)]
    pub events: Option<EventBatch<'a>>,
    /// The client's zones, each at most once. A zone without a part is empty and was at all ticks since the last
    /// message.
    #[serde(borrow)]
    pub zones: Vec<ZonePart<'a>>,
}

/// The parts of a frame for one seat that are rarely sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// How many of the inputs consumed since the last frame message were dropped unused.
    pub superseded: u32,
    /// The last command that the game has seen, if it changed.
    pub commands: Option<Seq>,
    /// The newest server-side move, if the client does not know it.
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
    /// How the client gets to the zone's state.
    #[serde(borrow)]
    pub form: ZoneForm<'a>,
    /// The zone's hash at this tick; sent now and then.
    pub hash: Option<u32>,
}

/// How a client gets to a zone's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ZoneForm<'a> {
    /// Deltas to apply in order to the client's state of the zone; a zone never seen is empty.
    #[serde(borrow)]
    Chain(Vec<&'a Raw>),
    /// The whole state, which replaces the client's.
    #[serde(borrow)]
    Keyframe(&'a Raw),
    /// The client no longer subscribes to the zone.
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
