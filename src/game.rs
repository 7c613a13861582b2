//! The API for game authors: implement [`Game`]. Read this file before you write a game.
//!
//! A game is a deterministic state machine: the same seed, joins, leaves and inputs produce the same rows on every
//! machine. A game has no clock (ticks are its time), draws randomness only from its [`Context`], and must not iterate
//! over hash maps. Internally it may use any data structure; once per tick it writes rows of integers.

mod channel;
mod context;
mod effect;
mod entity_ids;
mod errors;
mod hidden;
mod interest;
mod page;
mod past;
mod persistence;
pub(crate) mod saved;
mod speed_gate;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use self::channel::{ChannelEffect, ChannelNews};
pub use self::context::Context;
#[doc(hidden)]
pub use self::effect::{Effect, RoomEffect, SeatEffect};
pub use self::errors::{LoadError, Refused, SetupError};
pub use self::interest::{Interest, Viewpoint, Wall};
pub use self::page::Note;
#[doc(hidden)]
pub use self::page::{MessageNote, OptionNote, PageMessages, PageNotes};
pub(crate) use self::past::RowHistory;
pub use self::past::{Past, PastRow};
pub use self::persistence::Persistence;
pub use self::saved::Saved;
pub use self::speed_gate::SpeedGate;
use crate::id::{EntityId, Seat, ZoneId};
pub use crate::snapshot::{Area, SnapshotWriter};
use crate::snapshot::{InputSchema, MAX_INPUT_FIELDS, Schema};
use crate::tick::{TickRate, ViewTime};
use crate::wire::Authority;

/// The rules of one room. The room's thread calls the hooks one at a time; a panic in a hook ends only this room.
pub trait Game: Send {
    /// Describes the game to its room. Called once.
    fn spec(&self) -> Spec;

    /// How far back the game judges by what a player was shown, such as whether a shot hits; see [`Context::rewind`]. Inputs
    /// then tell the moment that their player was shown, at a byte or two per message, and the room keeps its rows for so
    /// long: at most [`limits::REWIND`](crate::wire::limits::REWIND). The default is not at all. Called once.
    ///
    /// The longer, the more players with slow connections hit what they aim at, and the more often somebody is hit who was
    /// already behind a wall. The usual 250 ms are enough for a round trip of 100 ms and a
    /// client that shows the world 100 ms late.
    fn rewind(&self) -> Duration {
        Duration::ZERO
    }

    /// How far players see. With `None`, the default, everybody sees every entity that is written
    /// [by its position](SnapshotWriter::entity). Called once.
    fn interest(&self) -> Option<Interest> {
        None
    }

    /// A player takes a seat. Returns the player's entity, usually a new one from [`Context::spawn`]. Called between
    /// ticks, so the next step and frame include the player.
    ///
    /// # Errors
    /// The game refuses the player, who gets the reason.
    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused>;

    /// The player left and the seat is free. Called between ticks, once per successful join.
    fn leave(&mut self, seat: Seat, cx: &mut Context);

    /// Advances the world by one tick. `inputs` has one entry per taken seat, in seat order.
    fn step(&mut self, inputs: &[PlayerInput], cx: &mut Context);

    /// Writes every visible entity into the zones from which it can be seen.
    fn write_snapshot(&self, out: &mut SnapshotWriter);

    /// A player's client sent a command, a reliable message. Called before the step of the tick, in order, exactly
    /// once.
    fn command(&mut self, seat: Seat, kind: u16, body: &[u8], cx: &mut Context) {
        let _ = (seat, kind, body, cx);
    }

    /// A player's client sent a call, a command that waits for a reply. Called like [`Self::command`]. The reply is an
    /// event: it reaches the client with the frame of the tick, once, even if the connection is lost in between.
    ///
    /// # Errors
    /// The reason for a refusal, whose text is sent to the client. Like a reply, it is cut at
    /// [`crate::wire::limits::BODY`] bytes.
    fn call(&mut self, seat: Seat, kind: u16, body: &[u8], cx: &mut Context) -> Result<Bytes, Refused> {
        let _ = (seat, body, cx);
        Err(format!("no call of kind {kind}").into())
    }

    /// A server outside of the room sent an event: a backend by an SDK of the [Pusher protocol](crate::guide::outlets), or a route
    /// of an embedder. Whoever can do that has a secret of the operator; the game checks `name` and `data`, which is usually
    /// JSON, all the same. Called before the step of a tick. The sender is told that the game took it when a crash cannot undo it
    /// any more; one that hears nothing may send it again.
    ///
    /// # Errors
    /// The game does not take the event, the default. The sender gets the reason.
    fn server_event(&mut self, name: &str, data: &str, cx: &mut Context) -> Result<(), Refused> {
        let _ = (data, cx);
        Err(format!("the game takes no event {name:?} of servers").into())
    }

    /// Something has happened in a channel between rooms that the room [listens](Context::listen) to. Called before the step of a tick, in
    /// the order in which all rooms hear of it.
    fn channel_news(&mut self, news: &ChannelNews, cx: &mut Context) {
        let _ = (news, cx);
    }

    /// A player's connection was lost, and the room holds the seat: steps go on with the neutral input. Called between
    /// ticks; [`Self::reconnected`] or [`Self::leave`] follows.
    fn disconnected(&mut self, seat: Seat, cx: &mut Context) {
        let _ = (seat, cx);
    }

    /// A player's client resumed its seat on a new connection. Like a reloaded page, the client may know nothing but
    /// its seat. Called between ticks. If the new connection replaces a live one, [`Self::disconnected`] is not called
    /// before.
    fn reconnected(&mut self, seat: Seat, cx: &mut Context) {
        let _ = (seat, cx);
    }

    /// A player sent a chat line to everyone or to some players. Returns whether to deliver it.
    fn chat(&mut self, from: Seat, text: &str, cx: &mut Context) -> bool {
        let _ = (from, text, cx);
        true
    }

    /// The name and the JSON of an event that is emitted for [everybody](Recipients::All), for systems outside of the room
    /// that get what a server [taps](crate::guide::outlets); `None`, the default, keeps the event inside. Events for some are
    /// never asked about: what not everybody in the room may know does not leave it.
    fn public_event(&self, kind: u16, body: &[u8]) -> Option<(String, serde_json::Value)> {
        let _ = (kind, body);
        None
    }

    /// The JSON of a [result](Context::end), for systems outside of the room. By default, the result itself if it is JSON, else
    /// its bytes as an array of numbers.
    fn public_result(&self, result: &[u8]) -> serde_json::Value {
        serde_json::from_slice(result).unwrap_or_else(|_| result.into())
    }

    /// The whole state of the game between two hooks, from which a game of the same setup can [continue](Self::load);
    /// `None`, the default, when the game is not saved. See [`Saved::new`], and `testing::check_saves` for a test that
    /// finds what was forgotten.
    fn save(&self) -> Option<Saved> {
        None
    }

    /// Continues from what was saved. Called on a newly made game of the same setup, before any other hook.
    ///
    /// # Errors
    /// The game cannot read what was saved.
    fn load(&mut self, saved: &Saved) -> Result<(), LoadError> {
        let _ = saved;
        Err(LoadError::NotSaved)
    }

    /// Whether a room outlives its last player, if the game is saved and the server has a folder for rooms. Called once.
    fn persistence(&self) -> Persistence {
        Persistence::Never
    }

    /// The room has slept for `elapsed` while nobody was in it. Ticks stood still. Called before the next join.
    fn woke(&mut self, elapsed: Duration, cx: &mut Context) {
        let _ = (elapsed, cx);
    }

    /// Whether the same inputs lead to the same rows in any process, as integers, `Context::random` and ordered maps do.
    /// After a crash, a room is brought back by running its inputs again. If this is false, it goes back to its last
    /// checkpoint instead, which is at most some ten seconds old, and its clients are told that they lost events.
    fn is_deterministic(&self) -> bool {
        true
    }

    /// Whether the room may be made again, empty and under its id, after a server without
    /// [`data`](crate::guide::operations) has restarted: by the first of its clients that comes back. So a party meets again
    /// whose members came by a link.
    fn can_be_remade(&self) -> bool {
        false
    }

    /// What the types of pages say beyond the [`Spec`].
    #[doc(hidden)]
    fn page_notes(&self) -> PageNotes {
        PageNotes::default()
    }

    /// The zones that a spectator who enters now will see.
    fn spectate(&self) -> Vec<ZoneId> {
        vec![ZoneId(0)]
    }

    /// A spectator has entered, with options as a player has. In a large world, [`Context::look_from`] gives spectators a view
    /// of their own beside the zones of [`Self::spectate`]. The game is not told when spectators leave; their seats, which
    /// lie above those of players, are then free for others.
    fn spectator_joined(&mut self, spectator: &Player, cx: &mut Context) {
        let _ = (spectator, cx);
    }

    /// A spectator sent a command of the game. By default it has no effect.
    fn spectator_command(&mut self, seat: Seat, kind: u16, body: &[u8], cx: &mut Context) {
        let _ = (seat, kind, body, cx);
    }

    /// Whether spectators, with and without delay, need a token: a [join token](crate::guide::operations) that is good for this
    /// room, or one for watching only. Servers without keys for tokens then let nobody watch. Called once.
    fn spectators_need_token(&self) -> bool {
        false
    }

    /// A spectator sent a chat line to everyone. Returns whether to deliver it.
    fn spectator_chat(&mut self, name: &str, text: &str, cx: &mut Context) -> bool {
        let _ = (name, text, cx);
        false
    }
}

/// Makes the game of a new room.
///
/// # Errors
/// When the game cannot use an option.
pub type Factory = Arc<dyn Fn(&RoomSetup) -> Result<Box<dyn Game>, SetupError> + Send + Sync>;

/// What a game tells its room about itself.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The layout of rows.
    pub schema: Arc<Schema>,
    /// The layout of inputs.
    pub inputs: InputSchema,
    /// Whether inputs are intents or position reports.
    pub authority: Authority,
    /// Number of seats, at most [`crate::wire::limits::SEATS`]. The room's creator may ask for fewer.
    pub capacity: u16,
    /// Initial properties of the room, such as the name of its map. The welcome carries them to every client.
    pub properties: Vec<(String, String)>,
}

/// The parameters of a new room.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RoomSetup {
    /// Ticks per second. Games scale their per-tick amounts by it.
    pub rate: TickRate,
    /// Seed of all the room's randomness.
    pub seed: u64,
    /// Options from the room's creator. A game refuses values it cannot use and ignores keys it does not know.
    pub options: BTreeMap<String, String>,
}

/// A player who takes a seat. `O` are the options as the game has them.
#[derive(Clone, Debug)]
pub struct Player<O = BTreeMap<String, String>> {
    /// The player's seat.
    pub seat: Seat,
    /// The verified subject of the player's join token. Players without a token are guests.
    pub identity: Option<String>,
    /// Sanitized and bounded, but chosen by the player: show it as text only.
    pub name: String,
    /// Options from the player's hello.
    pub options: O,
}

/// The input of one seat for one tick. `I` are its values as the game has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlayerInput<I = InputValues> {
    /// The seat.
    pub seat: Seat,
    /// One value per input field, checked against the input schema; the other elements are zero.
    pub input: I,
    /// Whether the room consumed `input` at this tick. Otherwise it is the last input, repeated (server authority) or
    /// merely remembered (client authority).
    pub fresh: bool,
    /// The moment that the player was shown when the input was made, if the room still has its rows, and else the nearest of
    /// which it has them; `None` when it is not fresh, and where the game does not [rewind](Game::rewind) or the client does
    /// not tell it.
    pub view: Option<ViewTime>,
}

/// The values of an input in field order; elements beyond the schema's fields are zero.
pub type InputValues = [i32; MAX_INPUT_FIELDS];

/// The recipients of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipients {
    /// Everyone in the room, spectators included.
    All,
    /// One player.
    Only(Seat),
    /// Everyone but this player.
    Except(Seat),
    /// These players.
    Some(Vec<Seat>),
    /// Everyone, spectators included, who sees the cell at this position, in quanta, in the frame before the event's. Everyone
    /// in the room when the game has no [interest](Game::interest).
    Around([i32; 2]),
}

impl Recipients {
    pub(crate) fn include(&self, seat: Seat) -> bool {
        match self {
            Self::All => true,
            Self::Only(only) => seat == *only,
            Self::Except(except) => seat != *except,
            Self::Some(some) => some.contains(&seat),
            // The room knows who that is.
            Self::Around(_) => true,
        }
    }
}
