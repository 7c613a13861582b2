//! The client's half of the protocol. Bots and tests use it; the browser client has its own in JavaScript.
//!
//! A client numbers inputs, acknowledges frames, rebuilds the state and checks it against the server's hashes. It opens
//! no socket and starts no timer: bytes go in and come out, and time is an argument. It remains one client across
//! connections.

mod clock;
mod display;
mod feel_meter;
mod input_pace;
mod interpolation;
mod own;
mod prediction;
mod receive;
mod redirect;
mod samples;
mod send;
mod timeline;
#[cfg(test)]
mod twins;
mod unseen;
mod unsent;

pub use self::clock::RoomClock;
pub use self::display::{Display, DisplayRow};
pub use self::own::Prediction;
pub use self::prediction::Predictor;

use std::collections::{BTreeMap, BTreeSet};

use self::unseen::Unseen;
use self::unsent::Unsent;
use super::frame_sender::Transport;
use crate::id::{CorrectionEpoch, EntityId, Incarnation, KindId, Seat, Seq, ZoneId};
use crate::snapshot::{DecodeError, Zone};
use crate::tick::{Moment, Tick};
use crate::wire::{
    ClientMessage, Correction, EventBody, Features, Hello, Join, Prepare, Redirect, Role, ServerMessage, Welcome,
    WireError, decode_server, encode_client,
};

/// How thoroughly a client checks what it receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Rebuilds every zone and checks its hashes.
    Full,
    /// Checks only that messages decode and ticks rise.
    Continuity,
}

/// The content of a message from the server.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientEvent {
    /// The room admitted the client; see [`Client::welcome`].
    Welcome,
    /// The client has the state of a newer tick.
    Frame(Arrived),
    /// A frame message was repeated or overtaken: it has no effect.
    Outdated,
    /// Events that came apart from frames.
    Delivery(Delivered),
    /// The room goes on at another server.
    Redirect(Redirect),
    /// The room is about to go on at another server: a shell that can connects there, and says hello when the redirect comes.
    Prepare(Prepare),
    /// The answer to a ping.
    Pong {
        /// The ping's stamp.
        stamp: u32,
    },
    /// The server is about to close the connection.
    ComeBack {
        /// Milliseconds to wait before reconnecting.
        after: u32,
    },
    /// The answer to a newer join token.
    Refreshed {
        /// Seconds until the token expires.
        expires: u32,
    },
}

/// A frame that arrived.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arrived {
    /// The frame's tick.
    pub tick: Tick,
    /// Ticks since the last frame that arrived, or since the welcome.
    pub advance: u32,
    /// The last input that the server consumed.
    pub consumed: Seq,
    /// Inputs dropped unused since the last frame.
    pub superseded: u32,
    /// A new server-side move of the player's entity.
    pub correction: Option<Correction>,
    /// How many ticks the newest changed input waited when it arrived, if the server tells it now.
    pub lead: Option<i8>,
    /// Events, oldest first.
    pub events: Vec<EventBody<'static>>,
    /// Events lost for good just before those, including any lost while the client was disconnected.
    pub lost: u32,
    /// Bytes of zone payload in the message.
    pub payload: usize,
    /// Zones whose state differed from the server's.
    pub desyncs: u32,
    /// Players in the room, the client included.
    pub players: u32,
}

/// Events that arrived apart from frames.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delivered {
    /// Oldest first.
    pub events: Vec<EventBody<'static>>,
    /// Events lost for good just before those, including any lost while the client was disconnected.
    pub lost: u32,
}

/// Why a client cannot continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The bytes are not a message.
    #[error("message: {0}")]
    Wire(#[from] WireError),
    /// A zone payload does not decode.
    #[error("zone payload: {0}")]
    Zone(#[from] DecodeError),
    /// The message is not allowed now.
    #[error("the message must not come now: {0}")]
    Unexpected(&'static str),
}

/// The right to a seat: all that a client needs to resume the seat after it forgot everything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// The room's id.
    pub room: String,
    /// The token of the newest welcome.
    pub token: Vec<u8>,
}

/// The client's half of a connection, and what the client keeps between connections.
#[derive(Clone, Debug)]
pub struct Client {
    depth: Depth,
    /// The welcome of this connection.
    welcome: Option<Box<Welcome>>,
    pass: Option<Pass>,
    /// Whether the client knows the newest event and command of its seat, from this or an earlier connection.
    remembers: bool,
    transport: Transport,
    features: Features,
    /// Whether `zones` are those that the server takes the client to have at `tick`.
    has_state: bool,
    tick: Tick,
    /// The incarnation of the room that `tick` belongs to.
    incarnation: Incarnation,
    consumed: Seq,
    /// Inputs dropped unused since the welcome.
    superseded: u32,
    epoch: CorrectionEpoch,
    zones: BTreeMap<ZoneId, Zone>,
    /// The tick of each zone.
    ticks: BTreeMap<ZoneId, Tick>,
    /// Rows that the newest frame placed somewhere, instead of moving them there.
    placed: BTreeSet<(ZoneId, KindId, EntityId)>,
    /// How far the moment shown to the player lies before `tick`, in 16ths of a tick.
    shown_behind: u16,
    /// Zones whose state is not the server's. Deltas of them are ignored until a keyframe arrives.
    lost: BTreeSet<ZoneId>,
    /// The seats of the players in the room.
    players: BTreeSet<Seat>,
    events: Seq,
    /// Events lost while disconnected that no [`Arrived`] has reported yet.
    missed: u32,
    /// The newest event that the client acknowledged.
    acked_events: Seq,
    commands: Unseen,
    inputs: Unsent,
    inputs_sent_at: Moment,
    ack_sent_at: Moment,
    ack_due: bool,
    /// Whether the last frame advanced by more ticks than asked for: the server may be waiting for an acknowledgement.
    awaited: bool,
    /// Frame messages per second that the hello asked for; 0 means one per tick.
    rate: u16,
    outbox: Vec<Vec<u8>>,
}

impl Client {
    /// Makes a client that has sent nothing yet.
    pub fn new(depth: Depth) -> Self {
        Self {
            depth,
            welcome: None,
            pass: None,
            remembers: false,
            transport: Transport::Ordered,
            features: Features::NONE,
            has_state: false,
            tick: Tick(0),
            incarnation: Incarnation::default(),
            consumed: Seq(0),
            superseded: 0,
            epoch: CorrectionEpoch(0),
            zones: BTreeMap::new(),
            ticks: BTreeMap::new(),
            placed: BTreeSet::new(),
            shown_behind: 0,
            lost: BTreeSet::new(),
            players: BTreeSet::new(),
            events: Seq(0),
            missed: 0,
            acked_events: Seq(0),
            commands: Unseen::default(),
            inputs: Unsent::default(),
            inputs_sent_at: Moment(0),
            ack_sent_at: Moment(0),
            ack_due: false,
            awaited: false,
            rate: 0,
            outbox: Vec::new(),
        }
    }

    /// Gives the client the right to a seat, the only memory of a reloaded page.
    #[must_use]
    pub fn with_pass(self, pass: Pass) -> Self {
        Self { pass: Some(pass), ..self }
    }

    /// The same client on another transport.
    #[must_use]
    pub fn over(self, transport: Transport) -> Self {
        Self { transport, ..self }
    }

    /// The same client with these features, which it names when it resumes its seat.
    #[must_use]
    pub fn knowing(self, features: Features) -> Self {
        Self { features, ..self }
    }

    /// Sets how far the moment shown to the player lies before the newest frame, in 16ths of a tick. Inputs tell it where
    /// [`Features::VIEW_TIME`] is agreed.
    pub fn shows(&mut self, behind: u16) {
        self.shown_behind = behind;
    }

    /// The right to the seat; `None` before a welcome, and where seats are not held.
    pub fn pass(&self) -> Option<&Pass> {
        self.pass.as_ref()
    }

    /// Tells the client the rate that its hello asks for, so that it expects fewer frames than ticks.
    #[must_use]
    pub fn asking(self, rate: u16) -> Self {
        Self { rate, ..self }
    }

    /// The first message. `rate` is the wanted number of frame messages per second; 0 means one per tick.
    pub fn hello(join: Join, name: &str, player: Vec<(String, String)>, rate: u16) -> Vec<u8> {
        Self::hello_as(Role::Player, join, name, player, rate)
    }

    /// As [`Self::hello`], for a player or a spectator. A spectator must make no inputs.
    pub fn hello_as(role: Role, join: Join, name: &str, player: Vec<(String, String)>, rate: u16) -> Vec<u8> {
        encode_client(&ClientMessage::Hello(Hello { player, rate, role, ..Hello::new(join, name) }))
    }

    /// Begins a new connection that resumes the seat of the last one, if the server still holds it. Returns the first
    /// message; `None` when the client has no right to a seat. Inputs that were not consumed are forgotten; commands
    /// that the game has not seen are sent again.
    pub fn resume(&mut self, name: &str, player: Vec<(String, String)>) -> Option<Vec<u8>> {
        let Pass { room, .. } = self.pass.clone()?;
        self.claim(Join::ById { room }, name, player)
    }

    /// Lowers the depth to [`Depth::Continuity`], which costs far less.
    pub fn relax(&mut self) {
        self.depth = Depth::Continuity;
        self.zones.clear();
        self.ticks.clear();
        // From here on players are only counted: a thousand clients with a thousand names each take much memory.
        if let Some(welcome) = &mut self.welcome {
            welcome.players = Vec::new();
        }
    }

    /// The server's first message, once it has arrived.
    pub fn welcome(&self) -> Option<&Welcome> {
        self.welcome.as_deref()
    }

    /// The tick of the newest frame.
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// The last input that the server is known to have consumed.
    pub fn consumed(&self) -> Seq {
        self.consumed
    }

    /// The zones as rebuilt; empty unless the depth is [`Depth::Full`].
    pub fn zones(&self) -> &BTreeMap<ZoneId, Zone> {
        &self.zones
    }

    /// How many players are in the room, with those whose seats are held, by the welcome and the events since.
    pub fn players(&self) -> usize {
        self.players.len()
    }

    /// Handles a message from the server.
    ///
    /// # Errors
    /// See [`ClientError`]; the connection is of no further use.
    pub fn on_message(&mut self, bytes: &[u8]) -> Result<ClientEvent, ClientError> {
        match decode_server(bytes)? {
            ServerMessage::Welcome(_) if self.welcome.is_some() => Err(ClientError::Unexpected("a second welcome")),
            ServerMessage::Welcome(welcome) => self.on_welcome(welcome).map(|()| ClientEvent::Welcome),
            ServerMessage::Frame(frame) => {
                Ok(self.on_frame(&frame)?.map_or(ClientEvent::Outdated, |arrived| ClientEvent::Frame(*arrived)))
            }
            ServerMessage::Delivery(delivery) => self.on_delivery(&delivery).map(ClientEvent::Delivery),
            ServerMessage::Redirect(redirect) => Ok(ClientEvent::Redirect(redirect)),
            ServerMessage::Prepare(prepare) => Ok(ClientEvent::Prepare(prepare)),
            ServerMessage::Pong { stamp } => Ok(ClientEvent::Pong { stamp }),
            ServerMessage::ComeBack { after } => Ok(ClientEvent::ComeBack { after }),
            ServerMessage::Refreshed { expires } => Ok(ClientEvent::Refreshed { expires }),
        }
    }
}
