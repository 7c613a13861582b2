//! How a stay in a room begins: what the client says first, and what the server answers.
//!
//! What follows is in `message`. Fields change only with the protocol version.

use serde::{Deserialize, Serialize};
use serde_bytes::Bytes as Raw;

use crate::id::{CorrectionEpoch, EntityId, Seat, Seq};
use crate::snapshot::{InputSchema, Schema};
use crate::tick::{Tick, TickRate};

/// Who comes, and where to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello<'a> {
    /// [`PROTOCOL_VERSION`](super::PROTOCOL_VERSION) of the client. Stays the first field for ever.
    pub version: u16,
    /// Where to.
    pub join: Join,
    /// What to be there.
    pub role: Role,
    /// Shown to others, as text only.
    pub name: String,
    /// Options of the player, for the game.
    pub player: Vec<(String, String)>,
    /// Takes up a seat of the room that was held before; without that seat, it is a fresh join.
    #[serde(borrow)]
    pub resume: Option<Resume<'a>>,
    /// Proves who comes.
    #[serde(borrow)]
    pub token: Option<&'a str>,
    /// Frame messages per second that are wanted; 0 or more than the room's rate means one per tick.
    pub rate: u16,
}

/// What to be in a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Has an entity and makes inputs.
    #[default]
    Player,
    /// Looks on: no entity, no inputs, not listed.
    Spectator,
}

/// The claim to a seat held before, and what the client still knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume<'a> {
    /// From the newest welcome.
    #[serde(borrow)]
    pub token: &'a Raw,
    /// The tick of the state that the client has; none when it has no state.
    pub tick: Option<Tick>,
    /// The newest event that arrived; none when the client forgot.
    pub events: Option<Seq>,
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
        /// As listed, or the code of a private one.
        room: String,
    },
    /// The seat that was reserved.
    Reserved {
        /// What the reservation said; good for one join.
        ticket: String,
    },
    /// The seat that is claimed by [`Resume`], and no other: whoever finds it gone does not want to come as someone new.
    Return {
        /// The room of the seat.
        room: String,
    },
}

/// How a game treats inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Authority {
    /// Inputs are intent: one is consumed per tick, in order; the server moves.
    Server,
    /// Inputs are position reports: the newest wins; the server checks and corrects.
    Client,
}

/// All a client needs to play: decode rows, encode inputs, know itself and the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The server's [`PROTOCOL_VERSION`](super::PROTOCOL_VERSION).
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
    pub authority: Authority,
    /// The first correction epoch.
    pub epoch: CorrectionEpoch,
    /// Lets the client resume this seat; none where seats are not held.
    pub resume: Option<serde_bytes::ByteBuf>,
    /// What became of the claim to a seat.
    pub continuity: Continuity,
    /// The event before the next one that the client gets. What lies between this and the newest one it knew is lost.
    pub events: Seq,
    /// The newest event whose effect `players` and `properties` include.
    pub listed: Seq,
    /// The newest command that the game has seen. Later ones must be sent again.
    pub commands: Seq,
    /// Seconds until the join token expires, when it does.
    pub expires: Option<u32>,
    /// How rows are laid out.
    pub schema: Schema,
    /// How inputs are laid out.
    pub inputs: InputSchema,
    /// What the game says about this room, such as its map.
    pub properties: Vec<(String, String)>,
    /// Everyone in the room now, the client included.
    pub players: Vec<PlayerEntry>,
}

/// What became of the claim to a seat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Continuity {
    /// There was none, or the seat is gone: this is a fresh join.
    #[default]
    Fresh,
    /// The seat is the same. The state that the client had is of no use: forget all zones.
    Seat,
    /// The seat is the same, and frames go on from the state that the client has.
    State,
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
    /// Their connection is gone, their seat is held for them.
    pub away: bool,
}
