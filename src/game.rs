//! What an embedder writes: a [`Game`]. This is the one file to read before writing one.
//!
//! A game is a plain, deterministic state machine: the same seed, joins, leaves and inputs lead to the same rows on
//! every machine. It has no clock (ticks are time), draws randomness only from its [`Context`], and must not iterate
//! over hash maps. Inside it may use any data structure it likes; once per tick it writes rows of integers.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;

use crate::id::{EntityId, Seat, ZoneId};
pub use crate::snapshot::SnapshotWriter;
use crate::snapshot::{InputSchema, MAX_INPUT_FIELDS, Schema};
use crate::tick::{Tick, TickRate};
use crate::wire::limits::{PROPERTIES, TEXT};
use crate::wire::{Authority, Close};

/// The rules of one room. Hooks run on the room's thread, one at a time; a panic in any of them ends this room only.
pub trait Game: Send {
    /// What the room needs to know about the game, asked once.
    fn spec(&self) -> Spec;

    /// A player takes a seat. Returns the player's entity, usually fresh from [`Context::spawn`]. Called between ticks,
    /// so the next step and frame include the player.
    ///
    /// # Errors
    /// A refusal, with a text for the log; the player is told that the room is not for them.
    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, String>;

    /// A player's seat is free. Called between ticks, once per successful join.
    fn leave(&mut self, seat: Seat, cx: &mut Context);

    /// Advances the world by one tick. `inputs` has one entry per taken seat, in seat order.
    fn step(&mut self, inputs: &[PlayerInput], cx: &mut Context);

    /// Writes every visible entity into the zones from which it can be seen.
    fn write_snapshot(&self, out: &mut SnapshotWriter);

    /// A player's client sent a reliable message. Called before the step of the tick, in order, exactly once.
    fn command(&mut self, seat: Seat, kind: u16, body: &[u8], cx: &mut Context) {
        let _ = (seat, kind, body, cx);
    }

    /// A player's client asks something and waits for the answer. Called as [`Self::command`] is; the answer reaches the
    /// client with the frame of the tick, exactly once, also across a lost connection.
    ///
    /// # Errors
    /// Why not, told to the player's client; cut at [`crate::wire::limits::BODY`] bytes, as an answer is.
    fn call(&mut self, seat: Seat, kind: u16, body: &[u8], cx: &mut Context) -> Result<Bytes, String> {
        let _ = (seat, body, cx);
        Err(format!("no call of kind {kind}"))
    }

    /// A player's connection is gone, and the seat is held: moves go on, with the neutral input. Called between ticks;
    /// [`Self::reconnected`] or [`Self::leave`] follows.
    fn disconnected(&mut self, seat: Seat, cx: &mut Context) {
        let _ = (seat, cx);
    }

    /// A player's client is back on a new connection. It may have forgotten all but its seat, as a reloaded page has.
    /// Called between ticks; without [`Self::disconnected`] when the new connection took over from one that still lived.
    fn reconnected(&mut self, seat: Seat, cx: &mut Context) {
        let _ = (seat, cx);
    }

    /// A player says something to everyone, or to some. Whether to pass it on.
    fn chat(&mut self, from: Seat, text: &str, cx: &mut Context) -> bool {
        let _ = (from, text, cx);
        true
    }

    /// The zones that a spectator who comes now may see.
    fn spectate(&self) -> Vec<ZoneId> {
        vec![ZoneId(0)]
    }

    /// A spectator says something to everyone. Whether to pass it on.
    fn spectator_chat(&mut self, name: &str, text: &str, cx: &mut Context) -> bool {
        let _ = (name, text, cx);
        false
    }
}

/// Makes the game of a new room.
///
/// # Errors
/// Options the game cannot use, with a text that names them.
pub type Factory = Arc<dyn Fn(&RoomSetup) -> Result<Box<dyn Game>, String> + Send + Sync>;

/// What a room needs to know about its game.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The layout of rows.
    pub schema: Arc<Schema>,
    /// The layout of inputs.
    pub inputs: InputSchema,
    /// How inputs are treated.
    pub authority: Authority,
    /// Seats, unless the room's creator asked for fewer; at most [`crate::wire::limits::SEATS`].
    pub capacity: u16,
    /// Told to every client in the welcome, such as the name of the map.
    pub properties: Vec<(String, String)>,
}

/// What a new room was asked to be.
#[derive(Clone, Debug)]
pub struct RoomSetup {
    /// Ticks per second. Games scale their per-tick amounts by it.
    pub rate: TickRate,
    /// All randomness of the room follows from it.
    pub seed: u64,
    /// Options of the creator; a game refuses values it cannot use and ignores keys it does not know.
    pub options: BTreeMap<String, String>,
}

/// Who takes a seat.
#[derive(Clone, Debug)]
pub struct Player {
    /// Where they sit.
    pub seat: Seat,
    /// Who they are, when they proved it: the subject of their join token. Players without one are guests.
    pub identity: Option<String>,
    /// Normalised and bounded, but chosen by the player: show it as text only.
    pub name: String,
    /// Options of the player.
    pub options: BTreeMap<String, String>,
}

/// The input of one seat for one tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlayerInput {
    /// Whose.
    pub seat: Seat,
    /// One value per input field; the rest is zero. Checked against the input schema.
    pub input: Input,
    /// Whether it was consumed at this tick; otherwise it is the last one, repeated (server authority) or merely remembered (client authority).
    pub fresh: bool,
}

/// The values of an input by field; fields that the schema does not have are zero.
pub type Input = [i32; MAX_INPUT_FIELDS];

/// Who gets an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipients {
    /// Everyone in the room.
    All,
    /// One player.
    Only(Seat),
    /// Everyone but one.
    Except(Seat),
    /// These players.
    Some(Vec<Seat>),
}

/// What a game asks of its room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Emit { to: Recipients, kind: u16, body: Bytes },
    Correct { seat: Seat, reason: u8 },
    Kick { seat: Seat, close: Close, words: String },
    Subscribe { seat: Seat, zones: Arc<[ZoneId]> },
    Lock(bool),
    Close { close: Close, words: String },
    End { result: Bytes },
    Property { key: String, value: String },
}

/// What a game may use and ask for while one of its hooks runs.
#[derive(Debug)]
pub struct Context {
    tick: Tick,
    rate: TickRate,
    random: Pcg32,
    next_entity: u32,
    properties: Vec<(String, String)>,
    effects: Vec<Effect>,
}

impl Context {
    /// A context as a room makes it, for testing a game without a room.
    pub fn new(rate: TickRate, seed: u64) -> Self {
        const STREAM: u64 = 0x0a02_bdbf_7bb3_c0a7;
        let (tick, random) = (Tick(0), Pcg32::new(seed, STREAM));
        Self { tick, rate, random, next_entity: 1, properties: Vec::new(), effects: Vec::new() }
    }

    /// The tick that is being computed; between ticks, the last one.
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// Ticks per second.
    pub fn rate(&self) -> TickRate {
        self.rate
    }

    /// A number below `bound`, evenly distributed; 0 when `bound` is 0. From PCG32, the same on every machine.
    pub fn random_below(&mut self, bound: u32) -> u32 {
        // Multiply-shift: the bias is below bound / 2^32, which no game can notice.
        ((u64::from(self.random.next_u32()) * u64::from(bound)) >> 32) as u32
    }

    /// A fresh entity id, never used before in this room.
    pub fn spawn(&mut self) -> EntityId {
        let id = EntityId(self.next_entity);
        self.next_entity += 1;
        id
    }

    /// Sends an event, delivered exactly once and in order with the frame of this tick. `kind` and `body` are the game's own:
    /// clients get them as they are. Seats that are free are left out.
    ///
    /// # Panics
    /// When `body` is longer than [`crate::wire::limits::BODY`].
    pub fn emit(&mut self, to: Recipients, kind: u16, body: impl Into<Bytes>) {
        let body = body.into();
        assert!(body.len() <= crate::wire::limits::BODY, "an event body of {} bytes", body.len());
        self.effects.push(Effect::Emit { to, kind, body });
    }

    /// Says that the server moved the player's entity (correction, knockback, respawn): opens a new correction epoch.
    /// Position reports made before the client knew are ignored without punishment.
    pub fn correct(&mut self, seat: Seat, reason: u8) {
        self.effects.push(Effect::Correct { seat, reason });
    }

    /// Ends the player's session after this tick, with a close code and its usual text, which the player is shown.
    /// [`Game::leave`] is called; the seat is not held. Nothing happens when the seat is free.
    pub fn kick(&mut self, seat: Seat, close: Close) {
        self.kick_saying(seat, close, "");
    }

    /// As [`Self::kick`], with a reason that the player is told: sanitized, and cut at
    /// [`CLOSE_TEXT`](crate::wire::limits::CLOSE_TEXT) bytes.
    pub fn kick_saying(&mut self, seat: Seat, close: Close, reason: &str) {
        self.effects.push(Effect::Kick { seat, close, words: reason.to_owned() });
    }

    /// Locks or unlocks the room: nobody new gets in, but for those who come back to their seat or have one reserved.
    pub fn lock(&mut self, locked: bool) {
        self.effects.push(Effect::Lock(locked));
    }

    /// Ends the room and everyone's session after this tick, with [`Close::RoomClosed`] and a reason that everyone is told;
    /// see [`Self::kick_saying`]. An empty one stands for the usual text.
    pub fn close(&mut self, reason: &str) {
        self.effects.push(Effect::Close { close: Close::RoomClosed, words: reason.to_owned() });
    }

    /// Ends the match: everyone is told the result with the frame of this tick, and the room ends with
    /// [`Close::MatchOver`] [a moment later](crate::wire::limits::END_GRACE), during which nobody new gets in.
    ///
    /// # Panics
    /// When `result` is longer than [`crate::wire::limits::BODY`].
    pub fn end(&mut self, result: impl Into<Bytes>) {
        let result = result.into();
        assert!(result.len() <= crate::wire::limits::BODY, "a result of {} bytes", result.len());
        self.effects.push(Effect::End { result });
    }

    /// What the room is said to be: what [`Spec::properties`] says, and what was set since.
    pub fn properties(&self) -> &[(String, String)] {
        &self.properties
    }

    /// Says something of the room, such as the map or the phase: everyone in it is told, and so is the list of rooms, which
    /// can be searched by it. An empty value takes the property away.
    ///
    /// # Panics
    /// When the key is empty, the key or the value is longer than [`TEXT`] bytes, or there are
    /// more than [`PROPERTIES`].
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
        self.effects.push(Effect::Property { key: key.to_owned(), value: value.to_owned() });
    }

    /// Sets which zones the player sees from the next frame on. A new player sees zone 0.
    pub fn subscribe(&mut self, seat: Seat, mut zones: Vec<ZoneId>) {
        zones.sort_unstable();
        zones.dedup();
        self.effects.push(Effect::Subscribe { seat, zones: zones.into() });
    }

    pub(crate) fn set_properties(&mut self, properties: Vec<(String, String)>) {
        self.properties = properties;
    }

    pub(crate) fn set_tick(&mut self, tick: Tick) {
        self.tick = tick;
    }

    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }
}

/// Checks reported positions against a top speed: a budget of distance that grows with the room's ticks, not with what
/// the client claims, and holds a few ticks of jitter.
#[derive(Clone, Copy, Debug)]
pub struct SpeedGate {
    /// Quanta per tick.
    top: i64,
    /// Quanta that may be moved now.
    budget: i64,
}

impl SpeedGate {
    /// How many ticks of movement a late report may make up for.
    const BURST: i64 = 6;

    /// A gate for a top speed of `top` quanta per tick, with a full budget of six ticks.
    pub fn new(top: u32) -> Self {
        let top = i64::from(top);
        Self { top, budget: top * Self::BURST }
    }

    /// One tick passes: call it once per tick, whether a report came or not.
    pub fn tick(&mut self) {
        self.budget = (self.budget + self.top).min(self.top * Self::BURST);
    }

    /// Whether a move by (`dx`, `dy`) quanta is possible by now; pays for it if so.
    pub fn admit(&mut self, dx: i32, dy: i32) -> bool {
        let square = i64::from(dx).pow(2) + i64::from(dy).pow(2);
        let distance = square.isqrt() + i64::from(square.isqrt().pow(2) < square);
        let admitted = distance <= self.budget;
        if admitted {
            self.budget -= distance;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_hack_gains_nothing_in_the_long_run() {
        let mut gate = SpeedGate::new(10);
        let mut moved = 0;
        for _ in 0..1000 {
            gate.tick();
            if gate.admit(30, 0) {
                moved += 30;
            }
        }
        assert!(moved <= 10 * 1000 + 60, "{moved}");
    }

    #[test]
    fn honest_jitter_passes() {
        let mut gate = SpeedGate::new(10);
        for tick in 0..1000 {
            gate.tick();
            if tick % 5 == 4 {
                assert!(gate.admit(30, 40));
            }
        }
    }

    #[test]
    fn randomness_is_the_published_pcg32() {
        // First output of pcg32 with the reference seed 42, stream 54.
        assert_eq!(Pcg32::new(42, 54).next_u32(), 0xa15c_02b7);
    }
}
