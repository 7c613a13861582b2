//! The messages of actors. Frames and wake-ups are the only frequent ones, and both are sent with a bound.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use actix::{Addr, Message, Recipient};
use bytes::Bytes;
use serde::Serialize;

use super::frame_history::FrameHistory;
use super::room::RoomActor;
use super::seat_channel::SeatHandle;
use super::status::PendingJoin;
use crate::engine::{Address, Claim, CloseReason, Entry, RoomCosts};
use crate::snapshot::Frame;
use crate::wire::{Close, Join, Role, Welcome};

/// Names a room within a server, also after its id was given away again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomKey(pub u64);

/// Names a relay: one per HTTP worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelayKey(pub u64);

/// Room to relay: the newest frame.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Publish {
    pub room: RoomKey,
    pub frame: Arc<Frame>,
}

/// Room to session: the last message.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct End(pub CloseReason);

/// Session to directory: which room?
#[derive(Debug, Message)]
#[rtype(result = "Result<RoomSlot, CloseReason>")]
pub struct Locate {
    pub join: Join,
    pub role: Role,
    /// The only game that the player may be sent to.
    pub only_game: Option<String>,
    /// What a new room counts by.
    pub maker: Option<Address>,
    /// The player says that they have a seat in the room already.
    pub claims: bool,
}

/// The edge to directory: what do this room's deltas cost? `None`: there is no such room.
#[derive(Debug, Message)]
#[rtype(result = "Option<Arc<RoomCosts>>")]
pub struct Explain(pub String);

/// The edge to directory: seats for a party, in the room with this id or in any that a join would find.
#[derive(Debug, Message)]
#[rtype(result = "Result<Reserved, CloseReason>")]
pub struct Reserve {
    pub join: Join,
    /// How many.
    pub seats: usize,
    /// The only game in which there may be seats for them.
    pub only_game: Option<String>,
    /// What a new room counts by.
    pub maker: Option<Address>,
}

/// Seats promised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reserved {
    /// The room's id.
    pub room: String,
    /// One per seat, each good for one join.
    pub tickets: Vec<String>,
    /// Seconds for which they are good.
    pub expires_in: u64,
}

/// The room that was found; it stays open until the player arrived.
#[derive(Debug)]
pub struct RoomSlot {
    pub key: RoomKey,
    pub room: Addr<RoomActor>,
    pub expected: PendingJoin,
}

/// Session to room: let me in. Answered at the next tick.
#[derive(Debug, Message)]
#[rtype(result = "Result<Joined, Close>")]
pub struct JoinRequest {
    pub name: String,
    pub identity: Option<String>,
    pub player: BTreeMap<String, String>,
    pub claim: Option<Claim>,
    /// Whether nothing but the claimed seat will do.
    pub only_back: bool,
    pub role: Role,
    /// Lives as long as somebody waits for the answer.
    pub wanted: Weak<()>,
    pub relay: RelayKey,
    pub publish: Recipient<Publish>,
    pub end: Recipient<End>,
    pub expected: PendingJoin,
}

/// What a player who was let in needs.
#[derive(Debug)]
pub struct Joined {
    pub entry: Entry,
    pub welcome: Welcome,
    pub channel: SeatHandle,
    pub history: Arc<FrameHistory>,
}

/// Directory to room: end, with this reason for everyone.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct CloseRoom(pub Close);

/// Server to directory: nobody will ask any more.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Stop;

/// Shutdown to directory: take no more players, end all rooms.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Drain;

/// A room as the list of rooms shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoomEntry {
    /// Joins it.
    pub id: String,
    /// The game's name.
    pub game: String,
    /// Seats taken.
    pub players: usize,
    /// Of those, held for players who are away.
    pub away: usize,
    /// Seats in all.
    pub capacity: u16,
    /// Who looks on.
    pub spectators: usize,
    /// Nobody new is let in.
    pub locked: bool,
    /// Ticks per second.
    pub rate: u16,
    /// What the game says about the room.
    pub properties: BTreeMap<String, String>,
}

/// The rooms that are listed, and the same as JSON.
#[derive(Clone, Debug)]
pub struct RoomList {
    pub rooms: Vec<RoomEntry>,
    pub json: Bytes,
}

impl Default for RoomList {
    fn default() -> Self {
        Self { rooms: Vec::new(), json: Bytes::from_static(b"[]") }
    }
}
