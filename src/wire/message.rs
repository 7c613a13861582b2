//! The messages. Enums are append-only; fields of a message change only with the protocol version.
//!
//! A message borrows the bytes it carries where that saves a copy: zone payloads on the way out.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_bytes::Bytes as Raw;

use crate::id::{EntityId, PlacementEpoch, Seat, Seq, ZoneId};
use crate::snapshot::{InputSchema, Schema};
use crate::tick::{Tick, TickRate};

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
}

/// Who comes, and where to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello<'a> {
    /// [`PROTOCOL_VERSION`] of the client. Stays the first field for ever.
    pub version: u16,
    /// Where to.
    pub join: Join,
    /// Shown to others, as text only.
    pub name: String,
    /// Options of the player, for the game.
    pub player: Vec<(String, String)>,
    /// Reserved: takes up a seat that was left.
    #[serde(borrow)]
    pub resume: Option<&'a Raw>,
    /// Reserved: proves who comes.
    #[serde(borrow)]
    pub token: Option<&'a str>,
    /// Frame messages per second that are wanted; 0 or more than the room's rate means one per tick.
    pub rate: u16,
}

/// Which room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Join {
    /// Any room of this game with these options and a free seat; a new one when there is none.
    JoinOrCreate {
        /// The game's name.
        game: String,
        /// Room options.
        options: Vec<(String, String)>,
    },
    /// A new room.
    Create {
        /// The game's name.
        game: String,
        /// Room options.
        options: Vec<(String, String)>,
    },
    /// This room.
    ById {
        /// As listed.
        room: String,
    },
}

/// The inputs after those of the last message: one per client tick, numbered from 1 on without saying so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs<'a> {
    /// What arrived.
    pub ack: Ack,
    /// The placement epoch the client knows.
    pub placement: PlacementEpoch,
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
    /// Rises by one, from 1.
    pub seq: Seq,
    /// The game's own message type.
    pub kind: u16,
    /// The game's own bytes.
    #[serde(borrow)]
    pub body: &'a Raw,
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
}

/// How a game treats inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rule {
    /// Inputs are intent: one is consumed per tick, in order; the server moves.
    Steer,
    /// Inputs are position reports: the newest wins; the server checks and corrects.
    Place,
}

/// All a client needs to play: decode rows, encode inputs, know itself and the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The server's [`PROTOCOL_VERSION`].
    pub version: u16,
    /// The room's id, as in the list of rooms.
    pub room: String,
    /// The game's name.
    pub game: String,
    /// Ticks per second.
    pub rate: TickRate,
    /// The base of the first frame's `advance`.
    pub tick: Tick,
    /// The client's place.
    pub seat: Seat,
    /// The client's entity.
    pub entity: EntityId,
    /// How inputs are treated.
    pub rule: Rule,
    /// The first placement epoch.
    pub placement: PlacementEpoch,
    /// Reserved: lets the client resume this seat.
    pub resume: Option<serde_bytes::ByteBuf>,
    /// How rows are laid out.
    pub schema: Schema,
    /// How inputs are laid out.
    pub inputs: InputSchema,
    /// What the game says about this room, such as its map.
    pub properties: Vec<(String, String)>,
    /// Everyone in the room at `tick`, the client included.
    pub players: Vec<PlayerEntry>,
}

/// A player as others see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlayerEntry {
    /// Their place.
    pub seat: Seat,
    /// Their entity.
    pub entity: EntityId,
    /// Untrusted text.
    pub name: String,
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
    pub placement: PlacementEpoch,
    /// The game's reason code.
    pub reason: u8,
}

/// Consecutive events of one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventBatch<'a> {
    /// The number of the first one.
    pub first: Seq,
    /// How many just before it were lost for good, because the recipient was too slow.
    pub lost: u32,
    /// The events.
    #[serde(borrow)]
    pub items: Vec<EventItem<'a>>,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventItem<'a> {
    /// Ticks between the event and the frame that carries it.
    pub age: u32,
    /// What happened.
    #[serde(borrow)]
    pub body: EventBody<'a>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventBody<'a> {
    /// A player came.
    Joined(PlayerEntry),
    /// A player went.
    Left {
        /// Whose seat is free.
        seat: Seat,
        /// The close code of their session.
        code: u16,
    },
    /// The game says something.
    Game {
        /// The game's own event type.
        kind: u16,
        /// The game's own bytes.
        #[serde(borrow)]
        body: Cow<'a, Raw>,
    },
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
