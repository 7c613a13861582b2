//! What a room answers to clients that want to enter, and what it requires of its shell.

use std::sync::Arc;

use super::close_reason::CloseReason;
use super::events::{Event, EventQueue};
use super::frame_sender::SenderStart;
use super::resume::SecretDigest;
use super::rewind::Hit;
use super::tap::TapEntry;
use crate::game::{ChannelEffect, Refused};
use crate::id::Seat;
use crate::snapshot::Frame;
use crate::wire::{Close, Welcome};

/// A room's answer to a client that asks to enter.
pub type Answer = Result<Box<Admitted>, Refusal>;

/// Why a room did not admit a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Every seat is taken.
    Full,
    /// The room admits no one new, for this reason.
    Shut(Close),
    /// The game refused the player.
    Game(Refused),
    /// The same identity plays here on another device.
    SecondDevice,
    /// The game wants a token of spectators.
    NoToken,
    /// The claim opens no seat.
    NoSeat,
    /// The claim names events that never happened.
    ImpossibleClaim,
}

impl Refusal {
    /// The reason with which the client's session ends.
    pub fn reason(&self) -> CloseReason {
        match self {
            Self::Full => Close::RoomFull.into(),
            Self::Shut(close) => (*close).into(),
            Self::Game(refused) => CloseReason::with_text(Close::Forbidden, refused.text()),
            Self::SecondDevice => CloseReason::with_text(Close::Forbidden, "you play here on another device"),
            Self::NoToken => CloseReason::with_text(Close::BadToken, "spectators of this room need a token"),
            Self::NoSeat => Close::NoSuchRoom.into(),
            Self::ImpossibleClaim => Close::BadMessage.into(),
        }
    }
}

/// A player or spectator who was admitted.
#[derive(Debug)]
pub struct Admitted {
    /// The first message to the client, without its resume token, and with all features of the room.
    pub welcome: Welcome,
    /// Where the client's frames start.
    pub start: SenderStart,
    /// The events for the client so far. The outputs of the same input name some of them, too; a shell that works those off
    /// first, as a host does, gets each event once.
    pub events: EventQueue,
}

/// What a room requires of the shell.
#[derive(Clone, Debug)]
pub enum RoomOutput {
    /// Add an event to the queues of these recipients.
    Event {
        /// Ascending.
        seats: Vec<Seat>,
        /// The event.
        event: Arc<Event>,
    },
    /// Publish the frame of the tick.
    Frame {
        /// The frame.
        frame: Arc<Frame>,
        /// Inputs that were dropped unused since the frame before.
        superseded: u32,
    },
    /// The seat is free. If a session still has it, end the session.
    Freed {
        /// The seat.
        seat: Seat,
        /// Why.
        reason: CloseReason,
        /// Whether the seat was held and its client did not reconnect in time.
        expired: bool,
    },
    /// What the list of rooms shows has changed: the room's properties, or whether it admits newcomers.
    Listed,
    /// The room ends with the newest frame: end all sessions.
    Over(CloseReason),
    /// The seats of the oldest [`RoomInput::Reserve`](super::RoomInput::Reserve) without this output are reserved.
    Reserved,
    /// The game's answer to the oldest [`RoomInput::ServerEvent`](super::RoomInput::ServerEvent) without this output.
    ServerEvent(Result<(), Refused>),
    /// The ticket of a seat that is about to be free is good again: its client was lost before it said anything. See
    /// [`Room::ticket_left`](super::Room::ticket_left).
    TicketBack {
        /// The seat.
        seat: Seat,
        /// The digest of the ticket.
        ticket: SecretDigest,
    },
    /// A hit for the fairness ledger.
    Judged(Hit),
    /// The game asks for a recording of the room, for this reason.
    Record(String),
    /// The game uses a channel between rooms.
    Channel(ChannelEffect),
    /// With a [tap](super::Host::with_tap): tell systems outside of the room.
    Tap(Arc<TapEntry>),
}
