//! What a room tells systems outside of it: its life, who comes and goes, public events and chat, results.
//!
//! An entry has a key that is the same whenever the room's inputs are run again, so whoever gets an entry twice after a crash
//! can drop the second one. Like all that is a promise, entries wait in the host until their record is safe. Until somebody
//! else has stored them, checkpoints carry them along.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checkpoint::Checkpoint;
use super::close_reason::CloseReason;
use super::history::FrameStore;
use super::host::{Host, HostOutput, Waiting};
use super::registry::RoomOptions;
use super::room::{Room, RoomOutput};
use crate::game::Recipients;
use crate::id::Seat;
use crate::tick::Tick;
use crate::wire::{Close, EventBody};

/// The identity of an entry: whoever gets two with equal keys got one twice.
///
/// Keys of a room ascend, by incarnation, then tick, then index. For entries of the server itself, `room` is empty, and the
/// incarnation is the time of its start, or when the person was forgotten of whom it tells, in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TapKey {
    /// The room's id.
    pub room: String,
    /// Which start of the room recorded it.
    pub incarnation: u64,
    /// The tick at which it can be seen first. Ticks wrap after 2^32.
    pub tick: u32,
    /// Its number among those of the same tick.
    pub index: u32,
}

/// The key as `room/incarnation/tick/index`.
impl fmt::Display for TapKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { room, incarnation, tick, index } = self;
        write!(f, "{room}/{incarnation}/{tick}/{index}")
    }
}

/// Something that happened, as it is told outside of rooms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TapEntry {
    /// What makes it different from all others.
    pub key: TapKey,
    /// The game of the room; empty for entries of the server itself.
    pub game: String,
    /// Whether the room is private: its id is known to those who were invited only, and opens it.
    pub private: bool,
    /// What happened.
    pub body: TapBody,
}

/// What happened.
#[expect(missing_docs, reason = "each variant's text describes its fields")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TapBody {
    /// The server, of this name, accepts players.
    NodeUp { node: String },
    /// The server is about to stop.
    NodeDraining { node: String },
    /// The person with this identity was forgotten: whoever got their entries shall erase them, too.
    PersonForgotten { identity: String },
    /// A room was made, with so many seats and these properties.
    RoomMade { capacity: u16, properties: Vec<(String, String)> },
    /// A room goes on: after a crash, a restart, or its sleep. All its players are disconnected, and keep their seats for a
    /// while; `players` has their seats, names and verified identities.
    RoomResumed { players: Vec<(Seat, String, Option<String>)> },
    /// A room is stored and can go on later: its server stops, or nobody is in it.
    RoomStored,
    /// A room has ended, with this close code and reason. Whoever was in it has [left](Self::PlayerLeft) before.
    RoomEnded { code: u16, reason: String },
    /// A player took a seat. The name is untrusted text; the identity was verified by a join token.
    PlayerJoined { seat: Seat, name: String, identity: Option<String> },
    /// A player's seat is free, and why: the close code of their session and its label.
    PlayerLeft { seat: Seat, name: String, identity: Option<String>, code: u16, reason: String },
    /// A property of the room changed; an empty value stands for none.
    Property { key: String, value: String },
    /// An event of the game that it [makes public](crate::Game::public_event).
    GameEvent { name: String, data: Value },
    /// A chat line for everybody, of a player or a spectator. Name and text are untrusted.
    Chat { seat: Seat, name: String, identity: Option<String>, text: String },
    /// The match is over, and this is [its result](crate::Game::public_result).
    MatchEnded { result: Value },
}

impl TapBody {
    /// The kinds of entries, as filters name them.
    pub const KINDS: [&'static str; 13] = [
        "node.up",
        "node.draining",
        "room.made",
        "room.resumed",
        "room.stored",
        "room.ended",
        "player.joined",
        "player.left",
        "room.property",
        "game.event",
        "chat",
        "match.ended",
        "person.forgotten",
    ];

    /// The kind, one of [`Self::KINDS`].
    pub fn kind(&self) -> &'static str {
        let index = match self {
            Self::NodeUp { .. } => 0,
            Self::NodeDraining { .. } => 1,
            Self::RoomMade { .. } => 2,
            Self::RoomResumed { .. } => 3,
            Self::RoomStored => 4,
            Self::RoomEnded { .. } => 5,
            Self::PlayerJoined { .. } => 6,
            Self::PlayerLeft { .. } => 7,
            Self::Property { .. } => 8,
            Self::GameEvent { .. } => 9,
            Self::Chat { .. } => 10,
            Self::MatchEnded { .. } => 11,
            Self::PersonForgotten { .. } => 12,
        };
        Self::KINDS[index]
    }

    /// The verified identity of the person whom it names.
    pub fn identity(&self) -> Option<&str> {
        match self {
            Self::PlayerJoined { identity, .. } | Self::PlayerLeft { identity, .. } | Self::Chat { identity, .. } => {
                identity.as_deref()
            }
            Self::PersonForgotten { identity } => Some(identity),
            _ => None,
        }
    }
}

/// Where the keys of a room are.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct TapCount {
    tick: Tick,
    index: u32,
}

impl Room {
    /// From now on, the outputs have what systems outside of the room are told.
    pub(super) fn start_tap(&mut self) {
        self.tapped = true;
    }

    /// Tells what happened, if anybody listens.
    pub(super) fn tap(&mut self, body: impl FnOnce() -> TapBody) {
        if self.tapped {
            let tick = self.frame.tick().plus(1);
            let index = if self.tap_count.tick == tick { self.tap_count.index + 1 } else { 0 };
            self.tap_count = TapCount { tick, index };
            let entry = self.entry_at(tick, index, body());
            self.outputs.push(RoomOutput::Tap(Arc::new(entry)));
        }
    }

    /// Tells of an event that everybody gets, if the game makes it public.
    pub(super) fn tap_event(&mut self, to: &Recipients, kind: u16, body: &[u8]) {
        if !self.tapped || *to != Recipients::All {
            return;
        }
        let public = self.call_hook("public_event", |game, _| game.public_event(kind, body));
        if let Some((name, data)) = public {
            self.tap(|| TapBody::GameEvent { name, data });
        }
    }

    pub(super) fn tap_chat(&mut self, event: &EventBody) {
        if let EventBody::Chat { from, name, text, private: false } = event {
            let identity = self.find(*from).ok().and_then(|index| self.seats[index].identity.clone());
            let (name, text) = (name.as_ref().to_owned(), text.as_ref().to_owned());
            self.tap(|| TapBody::Chat { seat: *from, name, identity, text });
        }
    }

    /// Tells that everybody leaves and the room has ended.
    pub(super) fn tap_end(&mut self, reason: &CloseReason) {
        for (seat, name, identity) in self.present_players() {
            self.tap(|| left(seat, name, identity, reason.close()));
        }
        let (code, reason) = (reason.close().code(), reason.close().label().to_owned());
        self.tap(|| TapBody::RoomEnded { code, reason });
    }

    /// Tells who left when the room went on in this process, before anybody listened.
    fn tap_lost(&mut self) {
        for (seat, name, identity) in std::mem::take(&mut self.lost) {
            self.tap(|| left(seat, name, identity, Close::Lost));
        }
    }

    /// How the room starts in this process. Its tick is that of the newest frame, which no entry of the same incarnation has.
    fn opening(&self) -> TapEntry {
        // In a cluster, the first incarnation of a room is whatever its directory gave it.
        let counters = self.config.counters;
        let is_new = (self.frame.tick(), self.seat_generations) == (counters.tick, counters.seat_generations);
        let properties = || self.properties().to_vec();
        let body = if is_new {
            TapBody::RoomMade { capacity: self.capacity(), properties: properties() }
        } else {
            TapBody::RoomResumed { players: self.present_players() }
        };
        self.entry_at(self.frame.tick(), 0, body)
    }

    pub(super) fn present_players(&self) -> Vec<(Seat, String, Option<String>)> {
        self.seats.iter().map(|seated| (seated.seat, seated.name.clone(), seated.identity.clone())).collect()
    }

    fn entry_at(&self, tick: Tick, index: u32, body: TapBody) -> TapEntry {
        let (room, incarnation) = (self.config.id.clone(), self.config.incarnation.0);
        let key = TapKey { room, incarnation, tick: tick.0, index };
        let private = RoomOptions::is_private(&self.config.setup.options).unwrap_or(true);
        TapEntry { key, game: self.config.game.clone(), private, body }
    }
}

/// A seat is free.
pub(super) fn left(seat: Seat, name: String, identity: Option<String>, close: Close) -> TapBody {
    TapBody::PlayerLeft { seat, name, identity, code: close.code(), reason: close.label().to_owned() }
}

/// A host's part of its tap.
#[derive(Debug, Default)]
pub(super) struct HostTap {
    /// How the room starts, until it is told.
    opening: Option<Arc<TapEntry>>,
    /// Entries that nobody else has stored yet, oldest first; `None` without a journal, when nobody could make use of them.
    entries: Option<VecDeque<Arc<TapEntry>>>,
    /// How many there were before.
    stored: u64,
}

impl HostTap {
    /// Keeps entries from now on.
    pub fn keep(&mut self) {
        self.entries.get_or_insert_default();
    }

    /// Keeps the output if it is an entry.
    pub fn note(&mut self, output: &RoomOutput) {
        if let (Some(entries), RoomOutput::Tap(entry)) = (&mut self.entries, output) {
            entries.push_back(entry.clone());
        }
    }

    fn all(&self) -> Vec<TapEntry> {
        self.entries.iter().flatten().map(|entry| TapEntry::clone(entry)).collect()
    }
}

impl<T: Waiting, F: FrameStore> Host<T, F> {
    /// Outputs include what systems outside of the room are told: [`RoomOutput::Tap`]. The first one is how the room starts.
    /// Call it before [`Self::with_journal`] is, or without.
    #[must_use]
    pub fn with_tap(mut self) -> Self {
        self.room.start_tap();
        self.tap.opening = Some(Arc::new(self.room.opening()));
        // Before the first checkpoint, which has the number of the next entry.
        self.room.tap_lost();
        self
    }

    /// With a journal: the first `upto` entries of the tap, since the host was made, are stored elsewhere. Others are in its
    /// checkpoints, see [`Checkpoint::unstored`].
    pub fn tap_stored(&mut self, upto: u64) {
        let HostTap { entries: Some(entries), stored, .. } = &mut self.tap else { return };
        while *stored < upto && entries.pop_front().is_some() {
            *stored += 1;
        }
    }

    /// Tells that the room ends for good, or is stored.
    pub fn tap_end(&mut self, reason: &CloseReason, is_stored: bool) {
        if is_stored {
            self.room.tap(|| TapBody::RoomStored);
        } else {
            self.room.tap_end(reason);
        }
        self.pass_on();
    }

    pub(super) fn emit_opening(&mut self) {
        let Some(entry) = self.tap.opening.take() else { return };
        let mut opening = vec![RoomOutput::Tap(entry)];
        self.room.drain_outputs(&mut opening);
        for output in opening {
            self.tap.note(&output);
            // Not before the state from which the room starts is safe, which is when its first tick is.
            self.outputs.push(1, HostOutput::Room(output));
        }
    }

    pub(super) fn with_unstored(&self, mut checkpoint: Checkpoint) -> Checkpoint {
        checkpoint.unstored = self.tap.all();
        checkpoint
    }

    pub(super) fn with_unstored_shared(&self, checkpoint: Arc<Checkpoint>) -> Arc<Checkpoint> {
        if self.tap.entries.as_ref().is_none_or(VecDeque::is_empty) {
            return checkpoint;
        }
        Arc::new(self.with_unstored(Checkpoint::clone(&checkpoint)))
    }
}
