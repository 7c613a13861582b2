//! The messages. Enums are append-only; the fields of a message change only with the protocol version.
//!
//! A message borrows the bytes it carries where that saves a copy, as for the zone payloads of frames.

use serde::{Deserialize, Serialize};
use serde_bytes::Bytes as Raw;

use super::event::EventBatch;
use super::frame_stamp::FrameStamp;
use super::hello::{Hello, Welcome};
use crate::id::{CorrectionEpoch, Incarnation, Seat, Seq, ZoneId};
use crate::tick::Tick;

/// The version that a client states in its hello.
pub const PROTOCOL_VERSION: u16 = 2;
/// The WebSocket subprotocols that this build speaks, the best first.
pub const SUBPROTOCOLS: [&str; 1] = ["tickwire.v2"];

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
    /// How the game felt at the client; with [`Features::FEEL_DIGEST`](super::Features::FEEL_DIGEST).
    FeelDigest {
        /// At most [`limits::FEEL_DIGEST`](super::limits::FEEL_DIGEST) bytes.
        body: &'a Raw,
    },
}

/// The inputs after those of the last message: one per client tick, implicitly numbered from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs<'a> {
    /// The acknowledgement.
    pub ack: Ack,
    /// The newest correction epoch that the client knows.
    pub epoch: CorrectionEpoch,
    /// How far the moment that the player was shown when the newest input was made lies before the acknowledged tick, in
    /// 16ths of a tick; with [`Features::VIEW_TIME`](super::Features::VIEW_TIME).
    pub view: Option<u16>,
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
    /// The tick of the newest frame; the welcome's before the first one.
    pub tick: AckedTick,
    /// The newest event's number, if it changed since the last acknowledgement.
    pub events: Option<Seq>,
}

/// The tick that an acknowledgement names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AckedTick {
    /// The tick modulo 256, on ordered transports, where the ticks in flight span less.
    Low(u8),
    /// The tick, on unordered transports.
    Full(Tick),
}

impl Default for AckedTick {
    fn default() -> Self {
        Self::Low(0)
    }
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
    /// What was delivered to the game and to the client, apart from frames.
    #[serde(borrow)]
    Delivery(Delivery<'a>),
    /// The room goes on at another server; with [`Features::REDIRECT`](super::Features::REDIRECT).
    Redirect(Redirect),
    /// The room is about to go on at another server; with [`Features::PREPARE`](super::Features::PREPARE).
    Prepare(Prepare),
}

/// What a frame may tell as well. At least one of the two is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery<'a> {
    /// The tick from which the ages of the events count.
    pub tick: Tick,
    /// The newest command that the game has seen.
    pub commands: Option<Seq>,
    /// Events.
    #[serde(borrow)]
    pub events: Option<EventBatch<'a>>,
}

/// Where a room goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// The WebSocket URL of the other server.
    pub address: String,
    /// Opens the client's seat there, as [`Join::Reserved`](super::Join::Reserved).
    pub ticket: String,
    /// The first tick that is computed there.
    pub at_tick: Tick,
}

/// Where a room is about to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepare {
    /// The WebSocket URL of the other server.
    pub address: String,
    /// Milliseconds over which clients spread their connections.
    pub within: u32,
}

/// One frame for one client: the parts for it alone, and the shared bytes of its zones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameMessage<'a> {
    /// The frame's tick and the inputs consumed.
    pub stamp: FrameStamp,
    /// The parts that are rarely sent.
    pub note: Option<Note>,
    /// Events due at this tick.
    #[serde(borrow)]
    pub events: Option<EventBatch<'a>>,
    /// The client's zones, each at most once. Zones without a part stay as they are.
    #[serde(borrow)]
    pub zones: Vec<ZonePart<'a>>,
}

/// The parts of a frame for one seat that are rarely sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// How many of the inputs consumed were dropped unused: since the last frame message, or with
    /// [`FrameStamp::Absolute`] since the welcome.
    pub superseded: u32,
    /// The last command that the game has seen, if it changed.
    pub commands: Option<Seq>,
    /// The newest server-side move, if the client does not know it.
    pub correction: Option<Correction>,
    /// The incarnation of this frame and all later ones, if it is another one than before.
    pub incarnation: Option<Incarnation>,
    /// How many ticks the newest changed input waited when it arrived; negative when it was that late. With
    /// [`Features::INPUT_LEAD`](super::Features::INPUT_LEAD).
    pub lead: Option<i8>,
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
    /// How many ticks the zone's state is older than the frame.
    pub lag: u32,
    /// How the client gets to the zone's state.
    #[serde(borrow)]
    pub form: ZoneForm<'a>,
    /// The hash of that state; sent now and then.
    pub hash: Option<u32>,
}

/// How a client gets to a zone's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ZoneForm<'a> {
    /// Deltas to apply in order to the client's state of the zone, which is as many ticks older as there are deltas.
    #[serde(borrow)]
    Chain(Vec<&'a Raw>),
    /// Deltas to apply in order to the empty zone.
    #[serde(borrow)]
    Fresh(Vec<&'a Raw>),
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
            Self::Chain(deltas) | Self::Fresh(deltas) => deltas.iter().map(|delta| delta.len()).sum(),
            Self::Keyframe(bytes) => bytes.len(),
            Self::Gone => 0,
        }
    }
}
