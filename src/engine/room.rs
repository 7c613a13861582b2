//! A room: seats, their input timelines, one game, and the chain of frames.
//!
//! Between ticks players come, go, lay inputs and send commands; a tick consumes one input per seat, steps the game and
//! freezes the next frame. When to tick, how inputs travel and who is told is the shell's business; seats whose client
//! is away are in `holding`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::chat::ChatHistory;
use super::command::Ask;
use super::events::Event;
use super::inbox::{Inbox, Laid};
use super::seated::Seated;
use super::viewer::Entry;
use crate::game::{Context, Effect, Game, Move, Player, Setup, Spec, To};
use crate::id::{Seat, Seq};
use crate::snapshot::Frame;
use crate::tick::{Tick, TickRate};
use crate::wire::{Close, Continuity, EventBody, PROTOCOL_VERSION, Welcome, limits};

/// How a room is made.
#[derive(Clone, Debug)]
pub struct RoomConfig {
    /// Its id, told in the welcome.
    pub id: String,
    /// Its game's name, told in the welcome.
    pub game: String,
    /// Rate, seed and options, as the game got them.
    pub setup: Setup,
    /// Seats, if fewer than the game's own number are wanted.
    pub capacity: Option<u16>,
}

/// Why a player was not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Every seat is taken.
    Full,
    /// The game said no.
    Game(String),
}

/// A player who was let in.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Where their frames start.
    pub entry: Entry,
    /// What to tell them first.
    pub welcome: Welcome,
}

/// An event and the seats it is for.
#[derive(Clone, Debug)]
pub struct Post {
    /// Ascending.
    pub seats: Vec<Seat>,
    /// The event.
    pub event: Arc<Event>,
}

/// What a tick led to.
#[derive(Debug)]
pub struct Ticked {
    /// The frame to publish.
    pub frame: Arc<Frame>,
    /// Seats whose sessions the game ended. [`Room::leave`] must still be called.
    pub kicks: Vec<(Seat, Close)>,
    /// Seats that were held and are free now, because nobody came back.
    pub released: Vec<Seat>,
}

/// A room without its surroundings.
pub struct Room {
    config: RoomConfig,
    pub(super) spec: Spec,
    pub(super) game: Box<dyn Game>,
    pub(super) cx: Context,
    pub(super) frame: Arc<Frame>,
    /// Ascending by seat.
    pub(super) seats: Vec<Seated>,
    moves: Vec<Move>,
    /// Events since they were last taken.
    posts: Vec<Post>,
    kicks: Vec<(Seat, Close)>,
    chat: ChatHistory,
    /// Entries into the room so far, modulo 2^32.
    sittings: u32,
    /// Ticks for which a seat is held.
    pub(super) hold: u32,
    /// The hook of the game that runs.
    running: Option<&'static str>,
}

impl Room {
    /// An empty room around `game`, which was made with `config.setup`.
    pub fn new(config: RoomConfig, game: Box<dyn Game>) -> Self {
        let spec = game.spec();
        let frame = Arc::new(Frame::initial(spec.schema.clone(), Tick(0)));
        let cx = Context::new(config.setup.rate, config.setup.seed);
        let (seats, moves, posts, kicks, chat) = Default::default();
        let (sittings, hold, running) = (0, 0, None);
        Self { config, spec, game, cx, frame, seats, moves, posts, kicks, chat, sittings, hold, running }
    }

    /// The room's rate.
    pub fn rate(&self) -> TickRate {
        self.config.setup.rate
    }

    /// How it was made.
    pub fn config(&self) -> &RoomConfig {
        &self.config
    }

    /// What its game said about itself.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Seats in all.
    pub fn capacity(&self) -> u16 {
        let most = self.spec.capacity.min(crate::wire::limits::SEATS);
        self.config.capacity.map_or(most, |wanted| wanted.min(most))
    }

    /// Seats taken, those of players who are away included.
    pub fn players(&self) -> usize {
        self.seats.len()
    }

    /// The newest frame.
    pub fn frame(&self) -> &Arc<Frame> {
        &self.frame
    }

    /// Gives a player the lowest free seat.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn admit(&mut self, name: String, options: BTreeMap<String, String>) -> Result<Admitted, Refusal> {
        self.admit_as(None, name, options)
    }

    /// As [`Self::admit`], for a player who proved to be `identity`.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn admit_as(
        &mut self,
        identity: Option<String>,
        name: String,
        options: BTreeMap<String, String>,
    ) -> Result<Admitted, Refusal> {
        if self.seats.len() >= usize::from(self.capacity()) {
            return Err(Refusal::Full);
        }
        let index = self.seats.iter().zip(0_u16..).position(|(seated, number)| seated.seat.0 != number);
        let index = index.unwrap_or(self.seats.len());
        let seat = Seat(index as u16);
        let player = Player { seat, identity, name, options };
        let joined = self.ask("join", |game, cx| game.join(&player, cx));
        let entity = joined.map_err(|reason| {
            // What the game asked for on the way to its refusal is about a player who never was.
            self.cx.take_effects();
            Refusal::Game(reason)
        })?;
        let inbox = Inbox::new(self.spec.rule, self.spec.inputs.neutral());
        let seated = Seated::new(player, entity, self.next_sitting(), inbox);
        self.post(&To::All, EventBody::Joined(seated.listed()));
        self.seats.insert(index, seated);
        self.posts.extend(self.chat.iter().map(|line| Post { seats: vec![seat], event: line.clone() }));
        self.apply_effects();
        Ok(self.admitted(index))
    }

    /// Frees a seat whose session ended by `close`, which the others are told. Does nothing when it is free.
    pub fn leave(&mut self, seat: Seat, close: Close) {
        let Ok(index) = self.find(seat) else { return };
        self.seats.remove(index);
        self.ask("leave", |game, cx| game.leave(seat, cx));
        self.post(&To::All, EventBody::Left { seat, code: close.code() });
        self.apply_effects();
        // A kick must not outlive its player and hit the next one in the seat.
        self.kicks.retain(|(kicked, _)| *kicked != seat);
    }

    /// Takes in inputs of a seat, for the ticks to come. Does nothing when the seat is free.
    pub fn offer(&mut self, seat: Seat, laid: &Laid) {
        if let Ok(index) = self.find(seat) {
            self.seats[index].inbox.offer(laid);
        }
    }

    /// Does what a client asks, unless it was done already.
    pub fn command(&mut self, seat: Seat, seq: Seq, ask: &Ask) {
        let Ok(index) = self.find(seat) else { return };
        if !seq.is_after(self.seats[index].commands) {
            return;
        }
        self.seats[index].commands = seq;
        match ask {
            Ask::Tell { kind, body } => {
                self.ask("command", |game, cx| game.command(seat, *kind, body, cx));
                self.apply_effects();
            }
            Ask::Call { kind, body } => {
                let answer = self.ask("call", |game, cx| game.call(seat, *kind, body, cx));
                self.apply_effects();
                let (done, mut body) = match answer {
                    Ok(body) => (true, body.to_vec()),
                    Err(why) => (false, why.into_bytes()),
                };
                body.truncate(limits::BODY);
                let body = Cow::Owned(serde_bytes::ByteBuf::from(body));
                self.post(&To::Only(seat), EventBody::Reply { command: seq, done, body });
            }
            Ask::Chat { to, text } => {
                let passed = self.ask("chat", |game, cx| game.chat(seat, text, cx));
                self.apply_effects();
                if passed && !text.is_empty() {
                    self.chat(index, to, text);
                }
            }
        }
    }

    fn chat(&mut self, index: usize, to: &[Seat], text: &str) {
        let Seated { seat, ref name, .. } = self.seats[index];
        let (name, text, private) = (Cow::Owned(name.clone()), Cow::Owned(text.to_owned()), !to.is_empty());
        // Who speaks hears it too: that is how they know that it was said.
        let to = if private { To::Some(to.iter().copied().chain([seat]).collect()) } else { To::All };
        let line = self.event(EventBody::Chat { from: seat, name, text, private });
        if !private {
            self.chat.push(line.clone());
        }
        self.post_event(&to, line);
    }

    /// Frees seats that were held for long enough, consumes one input per seat, steps the game and freezes the next frame.
    pub fn tick(&mut self) -> Ticked {
        let released = self.release();
        self.cx.set_tick(self.frame.tick().plus(1));
        let mut moves = std::mem::take(&mut self.moves);
        moves.clear();
        moves.extend(self.seats.iter_mut().map(|seated| {
            let taken = seated.inbox.take(seated.placement);
            Move { seat: seated.seat, input: taken.input, fresh: taken.fresh }
        }));
        self.ask("step", |game, cx| game.step(&moves, cx));
        self.moves = moves;
        self.apply_effects();
        let notes = self.seats.iter().map(Seated::note).collect();
        self.running = Some("observe");
        let game = &self.game;
        self.frame = Arc::new(self.frame.freeze(notes, |out| game.observe(out)));
        self.running = None;
        Ticked { frame: self.frame.clone(), kicks: std::mem::take(&mut self.kicks), released }
    }

    /// The game's hook that runs; after a panic, the one that panicked.
    pub fn running(&self) -> Option<&'static str> {
        self.running
    }

    /// The events since the last call, in order. Each is for the seats taken when it happened.
    pub fn take_posts(&mut self) -> Vec<Post> {
        std::mem::take(&mut self.posts)
    }

    /// Inputs dropped unused so far, over all seats taken now.
    pub fn superseded(&self) -> u64 {
        self.seats.iter().map(|seated| u64::from(seated.inbox.superseded())).sum()
    }

    pub(super) fn find(&self, seat: Seat) -> Result<usize, usize> {
        self.seats.binary_search_by_key(&seat, |seated| seated.seat)
    }

    pub(super) fn next_sitting(&mut self) -> u32 {
        self.sittings = self.sittings.wrapping_add(1);
        self.sittings
    }

    /// Lets the game speak, and remembers in which hook.
    pub(super) fn ask<T>(&mut self, hook: &'static str, hear: impl FnOnce(&mut dyn Game, &mut Context) -> T) -> T {
        self.running = Some(hook);
        let answer = hear(&mut *self.game, &mut self.cx);
        self.running = None;
        answer
    }

    /// What to tell a client that has no state, as one who came afresh.
    pub(super) fn admitted(&self, index: usize) -> Admitted {
        let seated = &self.seats[index];
        let (rate, tick) = (self.rate(), self.frame.tick());
        let welcome = Welcome {
            version: PROTOCOL_VERSION,
            room: self.config.id.clone(),
            game: self.config.game.clone(),
            rate,
            tick,
            seat: seated.seat,
            entity: seated.entity,
            rule: self.spec.rule,
            placement: seated.placement,
            resume: None,
            continuity: Continuity::Fresh,
            events: Seq(0),
            listed: Seq(0),
            commands: seated.commands,
            expires: None,
            schema: (*self.spec.schema).clone(),
            inputs: self.spec.inputs.clone(),
            properties: self.spec.properties.clone(),
            players: self.seats.iter().map(Seated::listed).collect(),
        };
        Admitted { entry: seated.entry(rate, tick, [].into()), welcome }
    }

    /// Events count for the frame that is computed next: its tick is the first at which they can be seen.
    fn event(&self, body: EventBody<'static>) -> Arc<Event> {
        Arc::new(Event { tick: self.frame.tick().plus(1), body })
    }

    pub(super) fn post(&mut self, to: &To, body: EventBody<'static>) {
        self.post_event(to, self.event(body));
    }

    fn post_event(&mut self, to: &To, event: Arc<Event>) {
        let addressed = |seat: &Seat| match to {
            To::All => true,
            To::Only(only) => seat == only,
            To::Except(except) => seat != except,
            To::Some(some) => some.contains(seat),
        };
        let seats: Vec<Seat> = self.seats.iter().map(|seated| seated.seat).filter(addressed).collect();
        if !seats.is_empty() {
            self.posts.push(Post { seats, event });
        }
    }

    pub(super) fn apply_effects(&mut self) {
        for effect in self.cx.take_effects() {
            match effect {
                Effect::Emit { to, kind, body } => {
                    let event = Event::game(self.frame.tick().plus(1), kind, &body);
                    self.post_event(&to, Arc::new(event));
                }
                Effect::Correct { seat, reason } => {
                    if let Ok(index) = self.find(seat) {
                        let seated = &mut self.seats[index];
                        seated.placement = seated.placement.next();
                        seated.reason = reason;
                    }
                }
                Effect::Kick { seat, close } => self.kicks.push((seat, close)),
                Effect::Subscribe { seat, zones } => {
                    if let Ok(index) = self.find(seat) {
                        self.seats[index].zones = zones;
                    }
                }
            }
        }
    }
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let players = self.players();
        f.debug_struct("Room").field("config", &self.config).field("players", &players).finish_non_exhaustive()
    }
}
