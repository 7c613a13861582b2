//! What the hooks of a game work with.

use bytes::Bytes;
use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use serde::{Deserialize, Serialize};

use super::channel::RoomChannels;
use super::effect::{Effect, RoomEffect, SeatEffect};
use super::entity_ids::EntityIds;
use super::hidden::Hidden;
use super::past::{Past, RowHistory};
use super::{Recipients, Viewpoint};
use crate::id::{EntityId, Seat, ZoneId};
use crate::tick::{Tick, TickRate, ViewTime};
use crate::wire::Close;
use crate::wire::limits::{PROPERTIES, TEXT};

/// What a game's hooks work with: the tick, randomness, entity ids, and requests to the room.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Context {
    tick: Tick,
    rate: TickRate,
    random: Pcg32,
    entities: EntityIds,
    #[serde(default)]
    hidden: Hidden,
    properties: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "RoomChannels::is_empty")]
    channels: RoomChannels,
    #[serde(skip)]
    effects: Vec<Effect>,
    /// A checkpoint has it apart.
    #[serde(skip)]
    rows: RowHistory,
}

impl Context {
    /// Makes a context as a room does, for testing a game without a room.
    pub fn new(rate: TickRate, seed: u64) -> Self {
        const STREAM: u64 = 0x0a02_bdbf_7bb3_c0a7;
        let (tick, random, entities) = (Tick(0), Pcg32::new(seed, STREAM), EntityIds::after(0));
        let (hidden, rows) = (Hidden::new(seed), RowHistory::default());
        let (properties, channels, effects) = Default::default();
        Self { tick, rate, random, entities, hidden, properties, channels, effects, rows }
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
        scale(self.random.next_u32(), bound)
    }

    /// A new entity id, never used before in this room. After 2^32 - 1 of them, ids begin anew with those that neither a
    /// row of the last frame nor a player has; no id is 0. A new id is therefore not always the greatest.
    pub fn spawn(&mut self) -> EntityId {
        self.entities.spawn()
    }

    /// As [`Self::spawn`], for an entity that not everybody may see: the id tells neither how many entities there are nor when
    /// this one was made. It is drawn at random from a range of its own, so ids of other entities do not show it either. Such
    /// an id costs about four bytes in each message that brings the entity into view, where an ascending one costs about one.
    pub fn spawn_hidden(&mut self) -> EntityId {
        self.hidden.spawn()
    }

    /// As [`Self::random_below`], from a sequence of its own: for what happens to hidden things, so that what everybody sees
    /// does not depend on it.
    pub fn hidden_random_below(&mut self, bound: u32) -> u32 {
        self.hidden.random_below(bound)
    }

    /// The rows as a player was shown them at a moment that [`PlayerInput::view`](super::PlayerInput::view) tells; `None` for
    /// a moment after the newest frame, and for one that lies further back than [`Game::rewind`](super::Game::rewind).
    pub fn rewind(&self, shown: ViewTime) -> Option<Past> {
        self.rows.at(shown)
    }

    /// Enters a hit into the room's fairness ledger: what its shooter was shown, by which it was judged, and what its victim
    /// was shown. Operators see both as metrics, and `tickwire replay` lists them.
    pub fn judged(&mut self, shooter: Seat, victim: Seat, shown: ViewTime) {
        self.effects.push(Effect::Room(RoomEffect::Judged { shooter, victim, shown }));
    }

    /// Goes on from this tick, and after so many entity ids.
    pub(crate) fn start_at(&mut self, tick: Tick, entities: u32) {
        (self.tick, self.entities) = (tick, EntityIds::after(entities));
    }

    /// Whether ids may be spawned before the next tick that were used before.
    pub(crate) fn reuses_entities(&self) -> bool {
        self.entities.may_repeat() || self.hidden.may_repeat() || self.hidden.meets(self.entities.next())
    }

    /// Keeps these ids from being spawned.
    pub(crate) fn reserve_entities(&mut self, used: Vec<EntityId>) {
        self.hidden.reserve(&used);
        self.entities.reserve(used);
    }

    /// Leaves out the next `count` entity ids.
    pub(crate) fn skip_entities(&mut self, count: u32) {
        self.entities.skip(count);
        self.hidden.skip(count);
    }

    /// How many entity ids were spawned or skipped so far, modulo 2^32.
    pub(crate) fn entities_issued(&self) -> u32 {
        self.entities.next().wrapping_add(self.hidden.issued())
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
    /// [`Game::leave`](super::Game::leave) is called; the seat is not held. Does nothing when the seat is free.
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

    /// The room's properties: those of [`Spec::properties`](super::Spec::properties), with the changes made since.
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

    /// As [`Self::set_property`], but does nothing when the room has all the properties that it may have.
    pub(crate) fn try_set_property(&mut self, key: &str, value: &str) {
        if self.properties.len() < PROPERTIES || self.properties.iter().any(|(known, _)| known == key) {
            self.set_property(key, value);
        }
    }

    /// Sets the zones that the player sees from the next frame on. A new player sees zone 0.
    pub fn subscribe(&mut self, seat: Seat, mut zones: Vec<ZoneId>) {
        zones.sort_unstable();
        zones.dedup();
        self.effects.push(Effect::Seat(seat, SeatEffect::Subscribe { zones: zones.into() }));
    }

    /// Sets from where a player or spectator sees a large world, from the next frame on: somebody who is out of the game sees
    /// what others of the team see, and a spectator goes along with a player. Does nothing without an
    /// [`Interest`](super::Interest).
    pub fn look_from(&mut self, seat: Seat, from: Viewpoint) {
        self.effects.push(Effect::Seat(seat, SeatEffect::LookFrom(from)));
    }

    pub(crate) fn channels(&self) -> &RoomChannels {
        &self.channels
    }

    pub(super) fn channels_mut(&mut self) -> &mut RoomChannels {
        &mut self.channels
    }

    pub(super) fn push_effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(crate) fn rows(&self) -> &RowHistory {
        &self.rows
    }

    pub(crate) fn into_rows(self) -> RowHistory {
        self.rows
    }

    pub(crate) fn rows_mut(&mut self) -> &mut RowHistory {
        &mut self.rows
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

/// A number below `bound` from a random one. Multiply-shift: the bias is below bound / 2^32, which no game can notice.
pub(super) fn scale(random: u32, bound: u32) -> u32 {
    ((u64::from(random) * u64::from(bound)) >> 32) as u32
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
