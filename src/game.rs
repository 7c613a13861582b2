//! The API for game authors: implement [`Game`]. Read this file before you write a game.
//!
//! A game is a deterministic state machine: the same seed, joins, leaves and inputs produce the same rows on every
//! machine. A game has no clock (ticks are its time), draws randomness only from its [`Context`], and must not iterate
//! over hash maps. Internally it may use any data structure; once per tick it writes rows of integers.

mod effect;
mod entity_ids;
mod errors;
mod persistence;
pub(crate) mod saved;
mod speed_gate;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use serde::{Deserialize, Serialize};

#[doc(hidden)]
pub use self::effect::{Effect, RoomEffect, SeatEffect};
use self::entity_ids::EntityIds;
pub use self::errors::{LoadError, Refused, SetupError};
pub use self::persistence::Persistence;
pub use self::saved::Saved;
pub use self::speed_gate::SpeedGate;
use crate::id::{EntityId, Seat, ZoneId};
pub use crate::snapshot::{Area, SnapshotWriter};
use crate::snapshot::{InputSchema, MAX_INPUT_FIELDS, Schema};
use crate::tick::{Tick, TickRate, ViewTime};
use crate::wire::limits::{PROPERTIES, TEXT};
use crate::wire::{Authority, Close};

/// The rules of one room. The room's thread calls the hooks one at a time; a panic in a hook ends only this room.
pub trait Game: Send {
    /// Describes the game to its room. Called once.
    fn spec(&self) -> Spec;

    /// Whether inputs shall tell the moment that their player was shown, for games that judge a shot by what the player
    /// saw. Costs a byte or two in each message with inputs. Called once.
    fn wants_view_times(&self) -> bool {
        false
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

    /// The zones that a spectator who enters now will see.
    fn spectate(&self) -> Vec<ZoneId> {
        vec![ZoneId(0)]
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

/// A player who takes a seat.
#[derive(Clone, Debug)]
pub struct Player {
    /// The player's seat.
    pub seat: Seat,
    /// The verified subject of the player's join token. Players without a token are guests.
    pub identity: Option<String>,
    /// Sanitized and bounded, but chosen by the player: show it as text only.
    pub name: String,
    /// Options from the player's hello.
    pub options: BTreeMap<String, String>,
}

/// The input of one seat for one tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlayerInput {
    /// The seat.
    pub seat: Seat,
    /// One value per input field, checked against the input schema; the other elements are zero.
    pub input: Input,
    /// Whether the room consumed `input` at this tick. Otherwise it is the last input, repeated (server authority) or
    /// merely remembered (client authority).
    pub fresh: bool,
    /// The moment that the player was shown when the input was made; `None` when it is not fresh, and where the game does
    /// not [want it](Game::wants_view_times) or the client does not tell it.
    pub view: Option<ViewTime>,
}

/// The values of an input in field order; elements beyond the schema's fields are zero.
pub type Input = [i32; MAX_INPUT_FIELDS];

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
}

impl Recipients {
    pub(crate) fn include(&self, seat: Seat) -> bool {
        match self {
            Self::All => true,
            Self::Only(only) => seat == *only,
            Self::Except(except) => seat != *except,
            Self::Some(some) => some.contains(&seat),
        }
    }
}

/// What a game's hooks work with: the tick, randomness, entity ids, and requests to the room.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Context {
    tick: Tick,
    rate: TickRate,
    random: Pcg32,
    entities: EntityIds,
    properties: Vec<(String, String)>,
    #[serde(skip)]
    effects: Vec<Effect>,
}

impl Context {
    /// Makes a context as a room does, for testing a game without a room.
    pub fn new(rate: TickRate, seed: u64) -> Self {
        const STREAM: u64 = 0x0a02_bdbf_7bb3_c0a7;
        let (tick, random, entities) = (Tick(0), Pcg32::new(seed, STREAM), EntityIds::after(0));
        Self { tick, rate, random, entities, properties: Vec::new(), effects: Vec::new() }
    }

    /// The tick that is being computed; between ticks, the last one computed.
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// Ticks per second.
    pub fn rate(&self) -> TickRate {
        self.rate
    }

    /// A uniformly distributed number below `bound`; 0 when `bound` is 0. Drawn from PCG32, the same on every machine.
    pub fn random_below(&mut self, bound: u32) -> u32 {
        // Multiply-shift: the bias is below bound / 2^32, which no game can notice.
        ((u64::from(self.random.next_u32()) * u64::from(bound)) >> 32) as u32
    }

    /// A new entity id, never used before in this room. After 2^32 - 1 of them, ids begin anew with those that neither a
    /// row of the last frame nor a player has; no id is 0.
    pub fn spawn(&mut self) -> EntityId {
        self.entities.spawn()
    }

    /// Goes on from this tick, and after so many entity ids.
    pub(crate) fn start_at(&mut self, tick: Tick, entities: u32) {
        (self.tick, self.entities) = (tick, EntityIds::after(entities));
    }

    /// Whether ids may be spawned before the next tick that were used before.
    pub(crate) fn reuses_entities(&self) -> bool {
        self.entities.may_repeat()
    }

    /// Keeps these ids from being spawned.
    pub(crate) fn reserve_entities(&mut self, used: Vec<EntityId>) {
        self.entities.reserve(used);
    }

    /// Leaves out the next `count` entity ids.
    pub(crate) fn skip_entities(&mut self, count: u32) {
        self.entities.skip(count);
    }

    /// The id of the next entity.
    pub(crate) fn next_entity(&self) -> u32 {
        self.entities.next()
    }

    /// Sends an event with the frame of this tick. Each client gets its events once and in order; a client that is too
    /// slow learns how many it lost. `kind` and `body` belong to the game and reach clients unchanged. Free seats are
    /// skipped.
    ///
    /// # Panics
    /// When `body` is longer than [`crate::wire::limits::BODY`].
    pub fn emit(&mut self, to: Recipients, kind: u16, body: impl Into<Bytes>) {
        let body = body.into();
        assert!(body.len() <= crate::wire::limits::BODY, "an event body of {} bytes", body.len());
        self.effects.push(Effect::Emit { to, kind, body });
    }

    /// Reports that the server moved the player's entity (correction, knockback, respawn) and opens a new correction
    /// epoch. Position reports that the client made before it knew of the move are ignored without penalty.
    pub fn correct(&mut self, seat: Seat, reason: u8) {
        self.effects.push(Effect::Seat(seat, SeatEffect::Correct { reason }));
    }

    /// Ends the player's session after this tick, with a close code and its usual text, which the player may see.
    /// [`Game::leave`] is called; the seat is not held. Does nothing when the seat is free.
    pub fn kick(&mut self, seat: Seat, close: Close) {
        self.kick_saying(seat, close, "");
    }

    /// As [`Self::kick`], with a reason for the player in place of the usual text: sanitized, and cut at
    /// [`CLOSE_TEXT`](crate::wire::limits::CLOSE_TEXT) bytes.
    pub fn kick_saying(&mut self, seat: Seat, close: Close, reason: &str) {
        self.effects.push(Effect::Room(RoomEffect::Kick { seat, close, words: reason.to_owned() }));
    }

    /// Locks or unlocks the room. A locked room admits players only if they resume a seat or have reserved one.
    pub fn lock(&mut self, locked: bool) {
        self.effects.push(Effect::Room(RoomEffect::Lock(locked)));
    }

    /// Ends the room and all its sessions after this tick, with [`Close::RoomClosed`] and a reason for every player;
    /// see [`Self::kick_saying`]. An empty reason stands for the usual text.
    pub fn close(&mut self, reason: &str) {
        self.effects.push(Effect::Room(RoomEffect::Close { close: Close::RoomClosed, words: reason.to_owned() }));
    }

    /// Ends the match. Every client gets the result with the frame of this tick, and the room ends with
    /// [`Close::MatchOver`] [a moment later](crate::wire::limits::END_GRACE). No one new is admitted in between.
    ///
    /// # Panics
    /// When `result` is longer than [`crate::wire::limits::BODY`].
    pub fn end(&mut self, result: impl Into<Bytes>) {
        let result = result.into();
        assert!(result.len() <= crate::wire::limits::BODY, "a result of {} bytes", result.len());
        self.effects.push(Effect::Room(RoomEffect::End { result }));
    }

    /// Asks for a recording of the last minute of the room, for a reason that its file names, such as a state that must not
    /// happen. A server writes it into its folder of recordings, if it has one, at most once in ten seconds per room.
    pub fn record(&mut self, reason: &str) {
        self.effects.push(Effect::Room(RoomEffect::Record { reason: reason.to_owned() }));
    }

    /// The room's properties: those of [`Spec::properties`], with the changes made since.
    pub fn properties(&self) -> &[(String, String)] {
        &self.properties
    }

    /// Sets a property of the room, such as its map or phase. Every client in the room gets the change; the list of
    /// rooms shows the property and can be searched by it. An empty value removes the property.
    ///
    /// # Panics
    /// When `key` is empty, when `key` or `value` is longer than [`TEXT`] bytes, or when the room would have more than
    /// [`PROPERTIES`] properties.
    pub fn set_property(&mut self, key: &str, value: &str) {
        assert!(!key.is_empty() && key.len() <= TEXT, "a property's key of {} bytes", key.len());
        assert!(value.len() <= TEXT, "the property {key:?} of {} bytes", value.len());
        let known = self.properties.iter().position(|(old, _)| old == key);
        match known {
            Some(index) if self.properties[index].1 == value => return,
            Some(index) if value.is_empty() => _ = self.properties.remove(index),
            Some(index) => value.clone_into(&mut self.properties[index].1),
            None if value.is_empty() => return,
            None => {
                assert!(self.properties.len() < PROPERTIES, "more than {PROPERTIES} properties: {key:?}");
                self.properties.push((key.to_owned(), value.to_owned()));
            }
        }
        self.effects.push(Effect::Room(RoomEffect::Property { key: key.to_owned(), value: value.to_owned() }));
    }

    /// Sets the zones that the player sees from the next frame on. A new player sees zone 0.
    pub fn subscribe(&mut self, seat: Seat, mut zones: Vec<ZoneId>) {
        zones.sort_unstable();
        zones.dedup();
        self.effects.push(Effect::Seat(seat, SeatEffect::Subscribe { zones: zones.into() }));
    }

    pub(crate) fn set_properties(&mut self, properties: Vec<(String, String)>) {
        self.properties = properties;
    }

    pub(crate) fn set_tick(&mut self, tick: Tick) {
        self.tick = tick;
    }

    /// What the game has requested since the last call. Only rooms call it, and tests of a game's rules.
    #[doc(hidden)]
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn randomness_is_the_published_pcg32() {
        // First output of pcg32 with the reference seed 42, stream 54.
        assert_eq!(Pcg32::new(42, 54).next_u32(), 0xa15c_02b7);
    }
}
