//! A room: seats, their input timelines, one game, and the chain of frames.
//!
//! Between ticks, players enter, leave, and send inputs and commands. A tick consumes one input per seat, steps the
//! game and freezes the next frame. The shell decides when to tick, carries inputs, and delivers events and frames. The
//! handling of disconnected clients is in `reconnect`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::chat::ChatHistory;
use super::close_reason::CloseReason;
use super::events::Event;
use super::frame_sender::Entry;
use super::input_buffer::InputRun;
use super::lifecycle::RoomLifecycle;
use super::phase::Phase;
use super::seat::Seated;
use super::spectator::Spectator;
use crate::game::{Context, Effect, Game, Player, PlayerInput, Recipients, RoomSetup, Spec};
use crate::id::{CorrectionEpoch, EntityId, Seat, Seq};
use crate::snapshot::Frame;
use crate::tick::{Tick, TickRate};
use crate::wire::{Close, Continuity, EventBody, PROTOCOL_VERSION, Welcome};

/// The parameters of a room.
#[derive(Clone, Debug)]
pub struct RoomConfig {
    /// The room's id, sent in the welcome.
    pub id: String,
    /// The game's name, sent in the welcome.
    pub game: String,
    /// Rate, seed and options, as the game got them.
    pub setup: RoomSetup,
    /// Seats, if fewer than the game's own number are wanted.
    pub capacity: Option<u16>,
}

/// Why a room did not admit a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Every seat is taken.
    Full,
    /// The room admits no one new, for this reason.
    Shut(Close),
    /// The game refused the player, with this text.
    Game(String),
}

/// A player or spectator who was admitted.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Where the client's frames start.
    pub entry: Entry,
    /// The first message to the client.
    pub welcome: Welcome,
}

/// An event and the seats of its recipients.
#[derive(Clone, Debug)]
pub struct Post {
    /// Ascending.
    pub seats: Vec<Seat>,
    /// The event.
    pub event: Arc<Event>,
}

/// The result of a tick.
#[derive(Debug)]
pub struct Ticked {
    /// The frame to publish.
    pub frame: Arc<Frame>,
    /// Seats whose sessions must be ended, and why. [`Room::leave`] must still be called.
    pub kicks: Vec<(Seat, CloseReason)>,
    /// Held seats that are free now, because their clients did not reconnect in time.
    pub released: Vec<Seat>,
    /// If set, the room ends with this frame: all sessions must be ended for this reason.
    pub over: Option<CloseReason>,
}

/// A room without its I/O.
pub struct Room {
    config: RoomConfig,
    pub(super) spec: Spec,
    pub(super) game: Box<dyn Game>,
    pub(super) cx: Context,
    pub(super) frame: Arc<Frame>,
    /// Ascending by seat.
    pub(super) seats: Vec<Seated>,
    /// Ascending by seat; all of these come after the seats of players.
    pub(super) spectators: Vec<Spectator>,
    pub(super) lifecycle: RoomLifecycle,
    inputs: Vec<PlayerInput>,
    /// Events since the last [`Room::take_posts`].
    pub(super) posts: Vec<Post>,
    pub(super) kicks: Vec<(Seat, CloseReason)>,
    pub(super) chat: ChatHistory,
    /// Entries into the room so far, modulo 2^32; the generation of the last one.
    seat_generations: u32,
    /// How many ticks a seat is held after its client disconnects; 0 holds none.
    pub(super) hold_ticks: u32,
    /// The game's hook that is running.
    running: Option<&'static str>,
}

impl Room {
    /// Makes an empty room around `game`, which was made with `config.setup`.
    pub fn new(config: RoomConfig, game: Box<dyn Game>) -> Self {
        let spec = game.spec();
        let frame = Arc::new(Frame::initial(spec.schema.clone(), Tick(0)));
        let mut cx = Context::new(config.setup.rate, config.setup.seed);
        cx.set_properties(spec.properties.clone());
        let (seats, inputs, posts, kicks, chat) = Default::default();
        let (spectators, lifecycle, seat_generations, hold_ticks, running) =
            (Vec::new(), RoomLifecycle::default(), 0, 0, None);
        Self {
            config,
            spec,
            game,
            cx,
            frame,
            seats,
            spectators,
            lifecycle,
            inputs,
            posts,
            kicks,
            chat,
            seat_generations,
            hold_ticks,
            running,
        }
    }

    /// The room's tick rate.
    pub fn rate(&self) -> TickRate {
        self.config.setup.rate
    }

    /// The parameters that the room was made with.
    pub fn config(&self) -> &RoomConfig {
        &self.config
    }

    /// The game's description of itself.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Seats in total.
    pub fn capacity(&self) -> u16 {
        let most = self.spec.capacity.min(crate::wire::limits::SEATS);
        self.config.capacity.map_or(most, |wanted| wanted.min(most))
    }

    /// Seats taken, including held ones.
    pub fn players(&self) -> usize {
        self.seats.len()
    }

    /// The newest frame.
    pub fn frame(&self) -> &Arc<Frame> {
        &self.frame
    }

    /// Admits a player to the lowest free seat.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn admit(&mut self, name: String, options: BTreeMap<String, String>) -> Result<Admitted, Refusal> {
        self.admit_as(None, name, options)
    }

    /// As [`Self::admit`], for a player whose identity was verified.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn admit_as(
        &mut self,
        identity: Option<String>,
        name: String,
        options: BTreeMap<String, String>,
    ) -> Result<Admitted, Refusal> {
        match self.shut() {
            Some(close) => Err(Refusal::Shut(close)),
            None => self.admit_reserved(identity, name, options),
        }
    }

    /// As [`Self::admit_as`], for a player with a reserved seat: admitted even if the room was locked since.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn admit_reserved(
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
        let joined = self.call_hook("join", |game, cx| game.join(&player, cx));
        let entity = joined.map_err(|reason| {
            // Effects of a refused join are about a player who never entered.
            self.cx.take_effects();
            Refusal::Game(reason)
        })?;
        let mut seated = Seated::new(player, entity, self.next_seat_generation(), self.empty_input_buffer());
        seated.wake(self.frame.tick());
        self.post(&Recipients::All, EventBody::Joined(seated.listed()));
        self.seats.insert(index, seated);
        self.greet_with_chat(seat);
        self.apply_effects();
        Ok(self.admitted(index))
    }

    /// Frees a seat whose session ended by `close`. The other clients get an event, unless the seat was a spectator's.
    /// Does nothing when the seat is free.
    pub fn leave(&mut self, seat: Seat, close: Close) {
        let Ok(index) = self.find(seat) else { return self.leave_spectator(seat) };
        self.seats.remove(index);
        self.call_hook("leave", |game, cx| game.leave(seat, cx));
        self.post(&Recipients::All, EventBody::Left { seat, code: close.code() });
        self.apply_effects();
        // A kick must not outlive its player and hit the next one in the seat.
        self.kicks.retain(|(kicked, _)| *kicked != seat);
    }

    /// Takes in inputs of a seat for the ticks to come. Does nothing when the seat is free.
    pub fn offer(&mut self, seat: Seat, run: &InputRun) {
        if let Ok(index) = self.find(seat) {
            self.seats[index].input_buffer.offer(run);
        }
    }

    /// Frees seats that were held for long enough, consumes one input per seat, steps the game and freezes the next frame.
    pub fn tick(&mut self) -> Ticked {
        self.tick_in_phases(|_| {})
    }

    /// As [`Self::tick`]; calls `over` at the end of each [`Phase`].
    pub fn tick_in_phases(&mut self, mut over: impl FnMut(Phase)) -> Ticked {
        let released = self.release();
        self.cx.set_tick(self.frame.tick().plus(1));
        let mut inputs = std::mem::take(&mut self.inputs);
        inputs.clear();
        inputs.extend(self.seats.iter_mut().map(|seated| {
            let taken = seated.input_buffer.take(seated.epoch);
            seated.notice(&taken.input, self.cx.tick());
            PlayerInput { seat: seated.seat, input: taken.input, fresh: taken.fresh }
        }));
        self.call_hook("step", |game, cx| game.step(&inputs, cx));
        self.inputs = inputs;
        self.apply_effects();
        let notes = self.seats.iter().map(Seated::note).chain(self.spectators.iter().map(Spectator::note)).collect();
        over(Phase::Step);
        self.running = Some("write_snapshot");
        let game = &self.game;
        let frame = self.frame.freeze(notes, |out| {
            game.write_snapshot(out);
            over(Phase::WriteSnapshot);
        });
        self.frame = Arc::new(frame);
        self.running = None;
        over(Phase::Freeze);
        self.kick_idle();
        let (frame, kicks, over) = (self.frame.clone(), std::mem::take(&mut self.kicks), self.ended());
        Ticked { frame, kicks, released, over }
    }

    /// The game's hook that is running; after a panic, the hook that panicked.
    pub fn running(&self) -> Option<&'static str> {
        self.running
    }

    /// Takes the events since the last call, in order. Each event is for the seats that were taken when it happened.
    pub fn take_posts(&mut self) -> Vec<Post> {
        std::mem::take(&mut self.posts)
    }

    /// Inputs dropped unused so far, summed over all seats taken now.
    pub fn superseded(&self) -> u64 {
        self.seats.iter().map(|seated| u64::from(seated.input_buffer.superseded())).sum()
    }

    pub(super) fn find(&self, seat: Seat) -> Result<usize, usize> {
        self.seats.binary_search_by_key(&seat, |seated| seated.seat)
    }

    /// Whether a player or a spectator has the seat.
    pub(super) fn holds(&self, seat: Seat) -> bool {
        self.find(seat).is_ok() || self.spectators.iter().any(|spectator| spectator.seat == seat)
    }

    pub(super) fn next_seat_generation(&mut self) -> u32 {
        self.seat_generations = self.seat_generations.wrapping_add(1);
        self.seat_generations
    }

    /// Calls a hook of the game, and records its name meanwhile.
    pub(super) fn call_hook<T>(
        &mut self,
        hook: &'static str,
        call: impl FnOnce(&mut dyn Game, &mut Context) -> T,
    ) -> T {
        self.running = Some(hook);
        let answer = call(&mut *self.game, &mut self.cx);
        self.running = None;
        answer
    }

    /// The entry and welcome of a client that has no state, as after a fresh join.
    pub(super) fn admitted(&self, index: usize) -> Admitted {
        let seated = &self.seats[index];
        let welcome = self.welcome(seated.seat, seated.entity, seated.epoch, seated.commands);
        Admitted { entry: seated.entry(self.rate(), self.frame.tick(), [].into()), welcome }
    }

    pub(super) fn welcome(&self, seat: Seat, entity: EntityId, epoch: CorrectionEpoch, commands: Seq) -> Welcome {
        Welcome {
            version: PROTOCOL_VERSION,
            room: self.config.id.clone(),
            game: self.config.game.clone(),
            rate: self.rate(),
            tick: self.frame.tick(),
            seat,
            entity,
            authority: self.spec.authority,
            epoch,
            resume: None,
            continuity: Continuity::Fresh,
            events: Seq(0),
            listed: Seq(0),
            commands,
            expires: None,
            schema: (*self.spec.schema).clone(),
            inputs: self.spec.inputs.clone(),
            properties: self.properties().to_vec(),
            players: self.roster(),
        }
    }

    /// Events belong to the frame computed next: its tick is the first at which they can be seen.
    pub(super) fn event(&self, body: EventBody<'static>) -> Arc<Event> {
        Arc::new(Event { tick: self.frame.tick().plus(1), body })
    }

    pub(super) fn post(&mut self, to: &Recipients, body: EventBody<'static>) {
        self.post_event(to, self.event(body));
    }

    pub(super) fn post_event(&mut self, to: &Recipients, event: Arc<Event>) {
        let addressed = |seat: &Seat| match to {
            Recipients::All => true,
            Recipients::Only(only) => seat == only,
            Recipients::Except(except) => seat != except,
            Recipients::Some(some) => some.contains(seat),
        };
        let everyone = self.seats.iter().map(|seated| seated.seat).chain(self.spectators.iter().map(|one| one.seat));
        let seats: Vec<Seat> = everyone.filter(addressed).collect();
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
                        seated.epoch = seated.epoch.next();
                        seated.reason = reason;
                    }
                }
                Effect::Subscribe { seat, zones } => {
                    if let Ok(index) = self.find(seat) {
                        self.seats[index].zones = zones;
                    }
                }
                verb => self.apply_verb(verb),
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
