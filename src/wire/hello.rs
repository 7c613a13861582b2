//! How a stay in a room begins: the client's first message, and the server's answer.
//!
//! Later messages are in `message`. Fields change only with the protocol version; what a later feature needs is an
//! extension.

use serde::{Deserialize, Serialize};
use serde_bytes::Bytes as Raw;

use super::features::Features;
use super::message::PROTOCOL_VERSION;
use crate::id::{CorrectionEpoch, EntityId, Incarnation, Seat, Seq};
use crate::snapshot::{InputSchema, Schema};
use crate::tick::{Tick, TickRate};

/// What a later feature needs in a hello or welcome: a number, in ascending order, and its content. Peers ignore numbers
/// that they do not know.
pub type Extension = (u16, serde_bytes::ByteBuf);

/// A client's request to enter a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello<'a> {
    /// [`PROTOCOL_VERSION`](super::PROTOCOL_VERSION) of the client. Always remains the first field.
    pub version: u16,
    /// What the client knows beyond the core of the protocol.
    pub features: Features,
    /// The room to enter.
    pub join: Join,
    /// The role to enter in.
    pub role: Role,
    /// Shown to other players, as text only.
    pub name: String,
    /// Options of the player, for the game.
    pub player: Vec<(String, String)>,
    /// The claim to a seat of the room that was held before. If that seat is gone, the hello is a fresh join.
    #[serde(borrow)]
    pub resume: Option<Resume<'a>>,
    /// A join token, which proves the player's identity.
    #[serde(borrow)]
    pub token: Option<&'a str>,
    /// The wanted number of frame messages per second; 0 or more than the room's rate means one per tick.
    pub rate: u16,
    /// What later features need.
    pub extensions: Vec<Extension>,
}

impl Hello<'_> {
    /// A new player who wants one frame message per tick and knows no features.
    pub fn new(join: Join, name: &str) -> Self {
        let (resume, token, name) = (None, None, name.to_owned());
        let (player, extensions) = (Vec::new(), Vec::new());
        let (version, features, role) = (PROTOCOL_VERSION, Features::NONE, Role::Player);
        Self { version, features, join, role, name, player, resume, token, rate: 0, extensions }
    }
}

/// The role of a client in a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Has an entity and makes inputs.
    #[default]
    Player,
    /// Watches only: has no entity, sends no inputs and is not in the list of players.
    Spectator,
}

/// The claim to a seat held before, and what the client still knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume<'a> {
    /// The token of the newest welcome.
    #[serde(borrow)]
    pub token: &'a Raw,
    /// The incarnation of the room that `tick` and `events` belong to.
    pub incarnation: Incarnation,
    /// The tick of the client's state; `None` when it has no state.
    pub tick: Option<Tick>,
    /// The newest event that arrived; `None` when the client has forgotten it.
    pub events: Option<Seq>,
}

/// The room that a client wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Join {
    /// Any room of this game with these options and a free seat, or a new room if there is none.
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
    /// An existing room.
    ById {
        /// The id from the list of rooms, or the code of a private room.
        room: String,
    },
    /// A seat that was reserved.
    Reserved {
        /// The ticket of the reservation, valid for one join.
        ticket: String,
    },
    /// The seat that [`Resume`] claims, and no other: if it is gone, the client does not want to enter as a new player.
    Return {
        /// The room of the seat.
        room: String,
    },
}

/// How a game treats inputs, and who moves the players' entities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Authority {
    /// Inputs are intent: the server consumes one per tick, in order, and moves the entity.
    Server,
    /// Inputs are position reports: the newest wins, and the server checks and corrects it.
    Client,
}

/// All that a client needs to play: to decode rows, to encode inputs, and to know itself and the other players.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The server's [`PROTOCOL_VERSION`](super::PROTOCOL_VERSION).
    pub version: u16,
    /// The features that both sides use from now on.
    pub features: Features,
    /// The room's id, as in the list of rooms.
    pub room: String,
    /// Which start of the room this is.
    pub incarnation: Incarnation,
    /// The game's name.
    pub game: String,
    /// Ticks per second.
    pub rate: TickRate,
    /// The tick before the client's first frame.
    pub tick: Tick,
    /// The client's seat.
    pub seat: Seat,
    /// The client's entity.
    pub entity: EntityId,
    /// How inputs are treated.
    pub authority: Authority,
    /// The current correction epoch.
    pub epoch: CorrectionEpoch,
    /// The token with which the client can resume this seat; `None` where seats are not held.
    pub resume: Option<serde_bytes::ByteBuf>,
    /// The result of the claim to a seat.
    pub continuity: Continuity,
    /// The number before that of the client's next event. Events between the newest one it knew and this one are lost.
    pub events: Seq,
    /// The newest event whose effect `players` and `properties` include.
    pub listed: Seq,
    /// The newest command that the game has seen. The client must send later ones again.
    pub commands: Seq,
    /// Seconds until the join token expires, if it does.
    pub expires: Option<u32>,
    /// The layout of rows.
    pub schema: Schema,
    /// The layout of inputs.
    pub inputs: InputSchema,
    /// The room's properties, such as its map.
    pub properties: Vec<(String, String)>,
    /// All players in the room now, the client included.
    pub players: Vec<RosterEntry>,
    /// What later features need.
    pub extensions: Vec<Extension>,
}

/// The result of the claim to a seat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Continuity {
    /// There was no claim, or the seat is gone: this is a fresh join.
    #[default]
    Fresh,
    /// The seat is the same, but the client's state is of no use: it must forget all zones.
    Seat,
    /// The seat is the same, and frames continue from the client's state.
    State,
}

/// A player as others see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterEntry {
    /// The player's seat.
    pub seat: Seat,
    /// The player's entity.
    pub entity: EntityId,
    /// The player's name. Untrusted text.
    pub name: String,
    /// Whether the player is disconnected and the seat is held.
    pub away: bool,
}
