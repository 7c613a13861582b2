//! The queries and orders of operators: the state of all rooms, the contents of one room; kicks, locks and closes.
//!
//! Queries are answered at once; orders take effect at the room's next tick. The HTTP layer decides who is an operator.

use std::cmp::Reverse;
use std::sync::Arc;

use actix::{Addr, Context, Handler, Message, MessageResult, ResponseFuture};
use serde::Serialize;
use tokio::sync::oneshot;
use tracing::info;

use super::directory::Directory;
use super::film_metrics::FilmViewers;
use super::message::RoomEntry;
use super::recordings::Why;
use super::room::RoomActor;
use super::room_handle::RoomHandle;
use super::seat_channel::SeatChannel;
use crate::engine::{CloseReason, FeelCause, FeelDigest};
use crate::id::Seat;
use crate::snapshot::Frame;
use crate::wire::{Close, RosterEntry, limits};

/// To the directory: the state of all rooms, private ones included.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "RoomHealthList")]
pub struct ListRoomHealth;

/// Rooms, the fullest first.
#[derive(Clone, Debug, Serialize)]
pub struct RoomHealthList {
    pub rooms: Vec<RoomHealth>,
    /// How many rooms the list leaves out.
    pub more: usize,
}

/// A room's entry and load.
#[derive(Clone, Debug, Serialize)]
pub struct RoomHealth {
    #[serde(flatten)]
    pub entry: RoomEntry,
    pub private: bool,
    /// Microseconds per tick over the last second: the mean and the maximum.
    pub tick_mean: u64,
    pub tick_worst: u64,
    /// Viewers of its film.
    pub film: FilmViewers,
}

/// To the directory: find the room with this id.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Option<Addr<RoomActor>>")]
pub struct Find(pub String);

/// To a room: return its contents. `None`: the room has ended.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Option<RoomContents>")]
pub struct Inspect;

/// The contents of a room.
#[derive(Debug)]
pub struct RoomContents {
    pub frame: Arc<Frame>,
    pub players: Vec<PlayerContents>,
    pub locked: bool,
}

/// A player of a room.
#[derive(Debug, Serialize)]
pub struct PlayerContents {
    #[serde(flatten)]
    pub listed: RosterEntry,
    /// How the game feels at the player's client, if it has told.
    pub feel: Option<PlayerFeel>,
}

/// How the game feels at a client.
#[derive(Debug, Serialize)]
pub struct PlayerFeel {
    /// See [`FeelDigest::pain`].
    pub pain: u32,
    /// Whose fault it is.
    pub cause: Option<&'static str>,
    pub jumps: u8,
    pub moves_back: u8,
    /// Milliseconds.
    pub age_p99: u128,
    pub silence: u128,
    pub round_trip: u128,
    pub long_pictures: u8,
}

impl From<FeelDigest> for PlayerFeel {
    fn from(digest: FeelDigest) -> Self {
        Self {
            pain: digest.pain(),
            cause: digest.cause().map(FeelCause::label),
            jumps: digest.jumps,
            moves_back: digest.moves_back,
            age_p99: digest.age_p99.as_millis(),
            silence: digest.silence.as_millis(),
            round_trip: digest.round_trip.as_millis(),
            long_pictures: digest.long_pictures,
        }
    }
}

/// The player whom an order means. Fields that are absent fit everyone.
#[derive(Clone, Debug)]
pub struct Expected {
    pub entity: Option<u32>,
    pub name: Option<String>,
}

impl Expected {
    fn fits(&self, player: &RosterEntry) -> bool {
        self.entity.is_none_or(|entity| entity == player.entity.0)
            && self.name.as_ref().is_none_or(|name| *name == player.name)
    }

    fn is_anyone(&self) -> bool {
        self.entity.is_none() && self.name.is_none()
    }
}

/// To a room: execute this order at the next tick. The answer says whether the order still fits the room.
#[derive(Clone, Debug, Message)]
#[rtype(result = "bool")]
pub enum Order {
    /// Ends a player's session. The player receives the reason.
    Kick {
        seat: Seat,
        expected: Expected,
        reason: String,
    },
    Lock(bool),
    /// Ends the room. Everyone in it receives the reason.
    Close {
        reason: String,
    },
}

/// To a room: record it. Returns the name of the file, or why there is none.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<String, String>")]
pub struct RecordRoom;

impl Handler<ListRoomHealth> for Directory {
    type Result = MessageResult<ListRoomHealth>;

    fn handle(&mut self, _: ListRoomHealth, _: &mut Context<Self>) -> Self::Result {
        self.heed_changes();
        let fullest_first = |(at, listed): &(usize, &RoomHandle)| (Reverse(listed.entry.players), *at);
        let mut fullest: Vec<_> = self.rooms.values().enumerate().collect();
        let more = fullest.len().saturating_sub(limits::ADMIN_ROOMS);
        if more > 0 {
            fullest.select_nth_unstable_by_key(limits::ADMIN_ROOMS, fullest_first);
            fullest.truncate(limits::ADMIN_ROOMS);
        }
        fullest.sort_unstable_by_key(fullest_first);
        let health = |(_, listed): (usize, &RoomHandle)| {
            let tick_times = listed.status.tick_times();
            RoomHealth {
                entry: listed.entry.clone(),
                private: listed.private,
                tick_mean: tick_times.mean.as_micros().try_into().unwrap_or(u64::MAX),
                tick_worst: tick_times.worst.as_micros().try_into().unwrap_or(u64::MAX),
                film: self.config.films.viewers(&listed.entry.id),
            }
        };
        MessageResult(RoomHealthList { rooms: fullest.into_iter().map(health).collect(), more })
    }
}

impl Handler<Find> for Directory {
    type Result = Option<Addr<RoomActor>>;

    fn handle(&mut self, Find(id): Find, _: &mut Context<Self>) -> Self::Result {
        self.find(&id).map(|listed| listed.room.clone())
    }
}

impl Handler<Inspect> for RoomActor {
    type Result = Option<RoomContents>;

    fn handle(&mut self, _: Inspect, _: &mut Context<Self>) -> Self::Result {
        let room = self.room()?;
        let player = |listed: RosterEntry| {
            let feel = self.seats.channel(listed.seat).and_then(SeatChannel::feel).map(PlayerFeel::from);
            PlayerContents { listed, feel }
        };
        let players = room.roster().into_iter().map(player).collect();
        Some(RoomContents { frame: room.frame().clone(), players, locked: room.is_locked() })
    }
}

impl Handler<RecordRoom> for RoomActor {
    type Result = ResponseFuture<Result<String, String>>;

    fn handle(&mut self, _: RecordRoom, _: &mut Context<Self>) -> Self::Result {
        let (written, name) = oneshot::channel();
        let passed = self.record(Why::Operator, "an operator asked for it", Some(written));
        Box::pin(async move {
            passed?;
            let written = name.await.map_err(|_| "the writer has ended".to_owned())?;
            written.map_err(|error| error.to_string())
        })
    }
}

impl Handler<Order> for RoomActor {
    type Result = bool;

    fn handle(&mut self, order: Order, _: &mut Context<Self>) -> bool {
        let Some(host) = &mut self.host else { return true };
        let _span = self.span.enter();
        match order {
            Order::Kick { seat, expected, reason } => {
                // The seat may have changed hands since the operator looked.
                let fits = host.room().roster().iter().any(|player| player.seat == seat && expected.fits(player));
                if !fits && !expected.is_anyone() {
                    return false;
                }
                info!(seat = seat.0, "kicked by an operator");
                host.kick(seat, CloseReason::with_text(Close::Kicked, &reason));
            }
            Order::Lock(locked) => {
                info!(locked, "locked or unlocked by an operator");
                host.lock(locked);
            }
            Order::Close { reason } => {
                info!("closed by an operator");
                host.close(CloseReason::with_text(Close::RoomClosed, &reason));
            }
        }
        true
    }
}
