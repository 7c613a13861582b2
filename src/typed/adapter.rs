//! The trait of games in types of their own, and the [`Game`] that every such game is.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::message::{self, Message, MessageError};
use super::options::Options;
use super::page_types::Definitions;
use super::row::{Input, Rows};
use super::writer::RowWriter;
use crate::game::{
    ChannelNews, Context, Game, Interest, LoadError, PageMessages, PageNotes, Persistence, Player, PlayerInput,
    Refused, Saved, SnapshotWriter, Spec,
};
use crate::id::{EntityId, Seat, ZoneId};
use crate::snapshot::{InputSchema, Kind, Schema};
use crate::wire::{Authority, Close};

/// The rules of one room, in types of their own. A [`Game`] with named fields in place of integers, enums in place of bytes,
/// and options that were read; hooks without a description here are those of [`Game`].
///
/// `#[tickwire::game]` above the implementation adds the types that it leaves out: [`Nothing`](super::Nothing) for commands and events,
/// [`RawOptions`](super::RawOptions), and no input.
#[expect(missing_docs, reason = "hooks that are those of `Game` are described there")]
pub trait TypedGame: Send {
    /// What clients see: a type that derives [`Row`](super::Row), or a tuple of several.
    type Rows: Rows;
    /// What a player wants in a tick.
    type Input: Input;
    /// What players send reliably: commands, and calls, which wait for a reply.
    type Command: Message;
    /// What the game tells players, by [`Context::send`].
    type Event: Message;
    /// What a player joins with.
    type Options: Options;

    /// Whether inputs are intents, the default, or position reports.
    fn authority(&self) -> Authority {
        Authority::Server
    }

    /// Number of seats, at most [`crate::wire::limits::SEATS`]. The room's creator may ask for fewer.
    fn capacity(&self) -> u16 {
        100
    }

    /// Initial properties of the room, such as the name of its map.
    fn properties(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// The kinds of [`Self::Rows`], in that order. Override it where a range depends on the options of the room: change the
    /// shapes of the fields, and neither their number nor their order.
    fn kinds(&self) -> Vec<Kind> {
        Self::Rows::kinds()
    }

    /// The schema, by default that of [`Self::kinds`]. Override it instead to share one among rooms: it has a kilobyte or more.
    ///
    /// # Panics
    /// When the kinds make no schema; the text names the kind or the field.
    fn schema(&self) -> Arc<Schema> {
        let schema = Schema::new(self.kinds());
        Arc::new(schema.unwrap_or_else(|error| panic!("the rows of {}: {error}", std::any::type_name::<Self>())))
    }

    fn rewind(&self) -> Duration {
        Duration::ZERO
    }

    /// How far players see; `schema` is [`Self::schema`].
    fn interest(&self, schema: &Schema) -> Option<Interest> {
        let _ = schema;
        None
    }

    /// A player takes a seat. Returns the player's entity. A player whose options cannot be read was refused before.
    ///
    /// # Errors
    /// The game refuses the player, who gets the reason.
    fn join(&mut self, player: &Player<Self::Options>, cx: &mut Context) -> Result<EntityId, Refused>;

    fn leave(&mut self, seat: Seat, cx: &mut Context);

    /// Advances the world by one tick. `inputs` has one entry per taken seat, in seat order.
    fn step(&mut self, inputs: Inputs<'_, Self::Input>, cx: &mut Context);

    fn write_snapshot(&self, out: &mut RowWriter<'_, '_, Self::Rows>);

    /// A player's client sent a command. Called before the step of the tick, in order, exactly once.
    fn command(&mut self, seat: Seat, command: Self::Command, cx: &mut Context) {
        let _ = (seat, command, cx);
    }

    /// A player's client sent a call. Returns the reply, as [`Body::to_json`](super::Body::to_json) makes it.
    ///
    /// # Errors
    /// The reason for a refusal, whose text is sent to the client; also for a call that cannot be read.
    fn call(&mut self, seat: Seat, call: Self::Command, cx: &mut Context) -> Result<Vec<u8>, Refused> {
        let (_, _, kind) = (seat, cx, usize::from(call.kind()));
        Err(format!("{} is not a call", Self::Command::NAMES.get(kind).unwrap_or(&"this")).into())
    }

    /// A player's client sent a command that is none of [`Self::Command`]. The default ends its session, with the reason:
    /// the page belongs to another version of the game, or does not tell the truth.
    fn bad_command(&mut self, seat: Seat, error: &MessageError, cx: &mut Context) {
        cx.kick_saying(seat, Close::Kicked, &error.to_string());
    }

    /// # Errors
    /// The game does not take the event, the default. The sender gets the reason.
    fn server_event(&mut self, name: &str, data: &str, cx: &mut Context) -> Result<(), Refused> {
        let _ = (data, cx);
        Err(format!("the game takes no event {name:?} of servers").into())
    }

    fn channel_news(&mut self, news: &ChannelNews, cx: &mut Context) {
        let _ = (news, cx);
    }

    fn public_result(&self, result: &[u8]) -> serde_json::Value {
        serde_json::from_slice(result).unwrap_or_else(|_| result.into())
    }

    fn disconnected(&mut self, seat: Seat, cx: &mut Context) {
        let _ = (seat, cx);
    }

    fn reconnected(&mut self, seat: Seat, cx: &mut Context) {
        let _ = (seat, cx);
    }

    fn chat(&mut self, from: Seat, text: &str, cx: &mut Context) -> bool {
        let _ = (from, text, cx);
        true
    }

    fn save(&self) -> Option<Saved> {
        None
    }

    /// # Errors
    /// The game cannot read what was saved.
    fn load(&mut self, saved: &Saved) -> Result<(), LoadError> {
        let _ = saved;
        Err(LoadError::NotSaved)
    }

    fn persistence(&self) -> Persistence {
        Persistence::Never
    }

    fn woke(&mut self, elapsed: Duration, cx: &mut Context) {
        let _ = (elapsed, cx);
    }

    fn is_deterministic(&self) -> bool {
        true
    }

    fn can_be_remade(&self) -> bool {
        false
    }

    fn spectate(&self) -> Vec<ZoneId> {
        vec![ZoneId(0)]
    }

    /// As [`Game::spectator_joined`]. Options that cannot be read are those of somebody who says nothing, if that is possible;
    /// otherwise the hook is not called.
    fn spectator_joined(&mut self, spectator: &Player<Self::Options>, cx: &mut Context) {
        let _ = (spectator, cx);
    }

    /// A spectator sent a command; one that cannot be read has no effect.
    fn spectator_command(&mut self, seat: Seat, command: Self::Command, cx: &mut Context) {
        let _ = (seat, command, cx);
    }

    fn spectators_need_token(&self) -> bool {
        false
    }

    fn spectator_chat(&mut self, name: &str, text: &str, cx: &mut Context) -> bool {
        let _ = (name, text, cx);
        false
    }
}

/// The inputs of a tick: an iterator over one [`PlayerInput`] per taken seat, in seat order.
#[derive(Debug)]
pub struct Inputs<'a, I> {
    rest: std::slice::Iter<'a, PlayerInput>,
    form: PhantomData<fn() -> I>,
}

impl<'a, I: Input> Inputs<'a, I> {
    /// The inputs in `raw`, which the input schema of `I` admits.
    pub fn new(raw: &'a [PlayerInput]) -> Self {
        Self { rest: raw.iter(), form: PhantomData }
    }

    /// Finds the input of a player among those that were not iterated over.
    pub fn get(&self, seat: Seat) -> Option<PlayerInput<I>> {
        let raw = self.rest.as_slice();
        raw.binary_search_by_key(&seat, |one| one.seat).ok().map(|index| Self::read(&raw[index]))
    }

    fn read(raw: &PlayerInput) -> PlayerInput<I> {
        let PlayerInput { seat, ref input, fresh, view } = *raw;
        PlayerInput { seat, input: I::from_values(input), fresh, view }
    }
}

impl<I> Clone for Inputs<'_, I> {
    fn clone(&self) -> Self {
        Self { rest: self.rest.clone(), form: PhantomData }
    }
}

impl<I: Input> Iterator for Inputs<'_, I> {
    type Item = PlayerInput<I>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.rest.next().map(Self::read)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rest.size_hint()
    }
}

impl<I: Input> ExactSizeIterator for Inputs<'_, I> {}

impl<G: TypedGame> Game for G {
    fn spec(&self) -> Spec {
        let inputs = InputSchema::new(G::Input::fields());
        let inputs = inputs.unwrap_or_else(|error| panic!("the input of {}: {error}", std::any::type_name::<G>()));
        let (authority, capacity, properties) = (self.authority(), self.capacity(), self.properties());
        Spec { schema: self.schema(), inputs, authority, capacity, properties }
    }

    fn rewind(&self) -> Duration {
        TypedGame::rewind(self)
    }

    fn interest(&self) -> Option<Interest> {
        TypedGame::interest(self, &self.schema())
    }

    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        let options = G::Options::read(&player.options)?;
        let (seat, identity, name) = (player.seat, player.identity.clone(), player.name.clone());
        TypedGame::join(self, &Player { seat, identity, name, options }, cx)
    }

    fn leave(&mut self, seat: Seat, cx: &mut Context) {
        TypedGame::leave(self, seat, cx);
    }

    fn step(&mut self, inputs: &[PlayerInput], cx: &mut Context) {
        TypedGame::step(self, Inputs::new(inputs), cx);
    }

    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        TypedGame::write_snapshot(self, &mut RowWriter::new(out));
    }

    fn command(&mut self, seat: Seat, kind: u16, body: &[u8], cx: &mut Context) {
        match G::Command::from_body(kind, body) {
            Ok(command) => TypedGame::command(self, seat, command, cx),
            Err(error) => self.bad_command(seat, &error, cx),
        }
    }

    fn call(&mut self, seat: Seat, kind: u16, body: &[u8], cx: &mut Context) -> Result<Bytes, Refused> {
        TypedGame::call(self, seat, G::Command::from_body(kind, body)?, cx).map(Bytes::from)
    }

    fn server_event(&mut self, name: &str, data: &str, cx: &mut Context) -> Result<(), Refused> {
        TypedGame::server_event(self, name, data, cx)
    }

    fn channel_news(&mut self, news: &ChannelNews, cx: &mut Context) {
        TypedGame::channel_news(self, news, cx);
    }

    fn public_result(&self, result: &[u8]) -> serde_json::Value {
        TypedGame::public_result(self, result)
    }

    fn disconnected(&mut self, seat: Seat, cx: &mut Context) {
        TypedGame::disconnected(self, seat, cx);
    }

    fn reconnected(&mut self, seat: Seat, cx: &mut Context) {
        TypedGame::reconnected(self, seat, cx);
    }

    fn chat(&mut self, from: Seat, text: &str, cx: &mut Context) -> bool {
        TypedGame::chat(self, from, text, cx)
    }

    fn public_event(&self, kind: u16, body: &[u8]) -> Option<(String, serde_json::Value)> {
        message::public::<G::Event>(kind, body)
    }

    fn save(&self) -> Option<Saved> {
        TypedGame::save(self)
    }

    fn load(&mut self, saved: &Saved) -> Result<(), LoadError> {
        TypedGame::load(self, saved)
    }

    fn persistence(&self) -> Persistence {
        TypedGame::persistence(self)
    }

    fn woke(&mut self, elapsed: Duration, cx: &mut Context) {
        TypedGame::woke(self, elapsed, cx);
    }

    fn is_deterministic(&self) -> bool {
        TypedGame::is_deterministic(self)
    }

    fn page_notes(&self) -> PageNotes {
        let mut types = Definitions::default();
        let commands = message::notes::<G::Command>(&mut types);
        let events = message::notes::<G::Event>(&mut types);
        let messages = Some(PageMessages { commands, events, definitions: types.finish() });
        PageNotes { rows: G::Rows::notes(), input: G::Input::NOTES, messages, player: G::Options::notes() }
    }

    fn can_be_remade(&self) -> bool {
        TypedGame::can_be_remade(self)
    }

    fn spectate(&self) -> Vec<ZoneId> {
        TypedGame::spectate(self)
    }

    fn spectator_joined(&mut self, spectator: &Player, cx: &mut Context) {
        let options = G::Options::read(&spectator.options).or_else(|_| G::Options::read(&BTreeMap::new()));
        let (seat, identity, name) = (spectator.seat, spectator.identity.clone(), spectator.name.clone());
        if let Ok(options) = options {
            TypedGame::spectator_joined(self, &Player { seat, identity, name, options }, cx);
        }
    }

    fn spectator_command(&mut self, seat: Seat, kind: u16, body: &[u8], cx: &mut Context) {
        if let Ok(command) = G::Command::from_body(kind, body) {
            TypedGame::spectator_command(self, seat, command, cx);
        }
    }

    fn spectators_need_token(&self) -> bool {
        TypedGame::spectators_need_token(self)
    }

    fn spectator_chat(&mut self, name: &str, text: &str, cx: &mut Context) -> bool {
        TypedGame::spectator_chat(self, name, text, cx)
    }
}
