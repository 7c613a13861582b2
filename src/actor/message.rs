//! The messages between actors. None of them is frequent: frames have a way of their own (`frame_feed`).

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use actix::{Addr, Message, Recipient};
use serde::{Deserialize, Serialize};

use super::frame_feed::FrameInbox;
use super::frame_history::FrameHistory;
use super::gatekeeper::SeatPermit;
use super::room::RoomActor;
use super::seat_channel::SeatHandle;
use super::status::PendingJoin;
use crate::engine::{Address, CloseReason, JoinRequest, RoomCosts, SenderStart};
use crate::wire::{Close, Join, Prepare, Redirect, Welcome};

/// Identifies a room within a server. Unlike the room's id, a key is never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomKey(pub u64);

/// Identifies a relay; there is one per HTTP worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelayKey(pub u64);

/// Room to session: what becomes of it.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub enum RoomNotice {
    /// With this reason.
    Closed(CloseReason),
    /// The room goes on at another server.
    Moved(Redirect),
    /// The room is about to go on at another server: nothing ends yet.
    Moving(Prepare),
}

/// Session to directory: find or make a room.
#[derive(Debug, Message)]
#[rtype(result = "Result<RoomSlot, CloseReason>")]
pub struct Locate(pub Arc<JoinRequest>);

/// HTTP handler to directory: what do the deltas of the room with this id cost? `None`: there is no such room.
#[derive(Debug, Message)]
#[rtype(result = "Option<Arc<RoomCosts>>")]
pub struct Explain(pub String);

/// HTTP handler to directory: reserve seats for a party, in the room with this id or in any room that a join would find.
#[derive(Debug, Message)]
#[rtype(result = "Result<Reserved, CloseReason>")]
pub struct Reserve {
    pub join: Join,
    /// The number of seats.
    pub seats: usize,
    /// The only game that the party may be sent to.
    pub only_game: Option<String>,
    /// The address on which a new room and the reservations are counted.
    pub maker: Option<Address>,
}

/// Reserved seats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reserved {
    /// The room's id.
    pub room: String,
    /// One ticket per seat, each valid for one join.
    pub tickets: Vec<String>,
    /// Seconds until the tickets expire.
    pub expires_in: u64,
}

/// The room that was found. It stays open until the player has arrived.
#[derive(Debug)]
pub struct RoomSlot {
    pub key: RoomKey,
    pub room: Addr<RoomActor>,
    pub expected: PendingJoin,
}

/// Session to room: admit this client. The room answers at its next tick.
#[derive(Debug, Message)]
#[rtype(result = "Result<Joined, CloseReason>")]
pub struct Enter {
    pub request: Arc<JoinRequest>,
    pub applicant: Applicant,
}

/// How the room reaches the session of a client that wants to enter.
#[derive(Debug)]
pub struct Applicant {
    pub notices: Recipient<RoomNotice>,
    /// Where the session's relay gets frames.
    pub inbox: Arc<FrameInbox>,
    pub expected: PendingJoin,
    /// Counts the seat of a player on their address.
    pub permit: SeatPermit,
    /// Alive while the session waits for the answer.
    pub wanted: Weak<()>,
}

/// What an admitted session needs.
#[derive(Debug)]
pub struct Joined {
    pub welcome: Welcome,
    pub start: SenderStart,
    pub channel: SeatHandle,
    pub history: FrameHistory,
}

/// Directory to room: end, and close all sessions with this reason.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct CloseRoom(pub Close);

/// Server to directory: stop; no more requests will come.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Stop;

/// Server to directory, at shutdown: admit no more players and end all rooms.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Drain;

/// A room's entry in the list of rooms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomEntry {
    /// The id by which clients join the room.
    pub id: String,
    /// The game's name.
    pub game: String,
    /// Seats taken.
    pub players: usize,
    /// Of these, seats held for disconnected players.
    pub away: usize,
    /// Seats in total.
    pub capacity: u16,
    /// The number of spectators.
    pub spectators: usize,
    /// Whether the room admits nobody new.
    pub locked: bool,
    /// Ticks per second.
    pub rate: u16,
    /// Properties that the game has set for the room.
    pub properties: Arc<BTreeMap<String, String>>,
}
