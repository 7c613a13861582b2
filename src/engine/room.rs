//! A room: seats, their input timelines, one game, and the chain of frames.
//!
//! Everything that happens to a room is a [`RoomInput`] and passes through [`Room::apply`]. A tick consumes one input
//! per seat, steps the game and freezes the next frame. The handling of newcomers is in `enter`, of disconnected clients
//! in `reconnect`, of the room as a whole in `lifecycle`.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::chat::ChatHistory;
use super::close_reason::CloseReason;
use super::counters::RoomCounters;
use super::events::Event;
use super::film::is_public;
use super::input_buffer::InputRun;
use super::lifecycle::RoomLifecycle;
use super::live_film::LiveFilm;
use super::overload::OverloadStep;
use super::phase::Phase;
use super::policy::RoomPolicy;
use super::rewind::rewind_ticks;
use super::room_input::RoomInput;
pub use super::room_output::{Admitted, Answer, Refusal, RoomOutput};
use super::seat::Seated;
use super::spectator::Spectator;
use super::tap::TapCount;
use super::tickets::Tickets;
use super::views::Views;
use crate::game::{Context, Effect, Game, PlayerInput, Recipients, RoomSetup, RowHistory, Spec};
use crate::id::{Incarnation, Seat};
use crate::snapshot::{Frame, FreezeBuffers, SnapshotWriter};
use crate::tick::{Tick, TickRate};
use crate::wire::{EventBody, Features, RoomRecipe, limits};

/// The parameters of a room.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RoomConfig {
    /// The room's id, sent in the welcome.
    pub id: String,
    /// The game's name, sent in the welcome.
    pub game: String,
    /// Which start of the room this is.
    pub incarnation: Incarnation,
    /// Rate, seed and options, as the game got them.
    pub setup: RoomSetup,
    /// What the server's configuration and the room's creator decide about the room.
    pub policy: RoomPolicy,
    /// Where the room's counters start.
    #[serde(default)]
    pub counters: RoomCounters,
}

impl RoomConfig {
    /// The parameters of a room that is started for the first time.
    pub fn new(id: impl Into<String>, game: impl Into<String>, setup: RoomSetup, policy: RoomPolicy) -> Self {
        let (incarnation, counters) = (Incarnation::FIRST, RoomCounters::default());
        Self { id: id.into(), game: game.into(), incarnation, setup, policy, counters }
    }
}

/// A room without its I/O.
pub struct Room {
    pub(super) config: RoomConfig,
    pub(super) spec: Spec,
    /// The features that clients can use here, if they know them.
    pub(super) features: Features,
    /// How players see a world that is larger than what each of them sees.
    pub(super) views: Option<Views>,
    pub(super) game: Box<dyn Game>,
    pub(super) cx: Context,
    pub(super) frame: Arc<Frame>,
    freeze_buffers: FreezeBuffers,
    /// Ascending by seat.
    pub(super) seats: Vec<Seated>,
    /// Ascending by seat; all of these come after the seats of players.
    pub(super) spectators: Vec<Spectator>,
    pub(super) lifecycle: RoomLifecycle,
    pub(super) overload: OverloadStep,
    pub(super) inputs: Vec<PlayerInput>,
    /// Since the last input was applied.
    pub(super) outputs: Vec<RoomOutput>,
    pub(super) kicks: Vec<(Seat, CloseReason)>,
    pub(super) chat_history: ChatHistory,
    pub(super) tickets: Tickets,
    /// Identities that were here, and when they left, while their words may wait for others.
    pub(super) departed: Vec<(String, Tick)>,
    /// Entries into the room so far, modulo 2^32; the generation of the last one.
    pub(super) seat_generations: u32,
    /// The game's hook that is running.
    running: Option<&'static str>,
    /// The events for the film, if there is one, until its recorder takes them.
    pub(super) film_events: Option<Vec<Arc<Event>>>,
    /// Whether the game wants a token of spectators.
    pub(super) needs_token: bool,
    /// The film for the public, while it is made.
    pub(super) film: Option<Box<LiveFilm>>,
    /// Whether systems outside of the room are told what happens, and the number of what they were told last.
    pub(super) tapped: bool,
    pub(super) tap_count: TapCount,
    /// Players whose seats were free when the room went on in this process.
    pub(super) lost: Vec<(Seat, String, Option<String>)>,
}

impl Room {
    /// Makes an empty room around `game`, which was made with `config.setup`.
    pub fn new(config: RoomConfig, game: Box<dyn Game>) -> Self {
        let (spec, needs_token) = (game.spec(), game.spectators_need_token());
        let view_times = if game.rewind().is_zero() { Features::NONE } else { Features::VIEW_TIME };
        let features = Features::INPUT_LEAD.with(Features::FEEL_DIGEST).with(Features::DENSE_LIST).with(view_times);
        let linger = config.setup.rate.ticks_in(limits::CELLS_LINGER);
        let views = game.interest().map(|interest| Views::new(interest, linger));
        let counters = config.counters;
        // Frames count references to the schema. Many rooms have the same, and no two threads should write to one count.
        let schema = Arc::new((*spec.schema).clone());
        let frame = Arc::new(Frame::initial(schema, counters.tick).of(config.incarnation));
        let mut cx = Context::new(config.setup.rate, config.setup.seed);
        cx.start_at(counters.tick, counters.entities);
        cx.set_properties(spec.properties.clone());
        *cx.rows_mut() = RowHistory::of(rewind_ticks(&*game, config.setup.rate));
        cx.rows_mut().push(&frame);
        let (seats, spectators, inputs, outputs, kicks) = Default::default();
        let (lifecycle, chat_history, tickets, departed) = Default::default();
        let (seat_generations, running, film_events) = (counters.seat_generations, None, None);
        Self {
            config,
            spec,
            features,
            views,
            game,
            cx,
            frame,
            freeze_buffers: FreezeBuffers::default(),
            seats,
            spectators,
            lifecycle,
            overload: OverloadStep::None,
            inputs,
            outputs,
            kicks,
            chat_history,
            tickets,
            departed,
            seat_generations,
            running,
            film_events,
            needs_token,
            film: None,
            tapped: false,
            tap_count: TapCount::default(),
            lost: Vec::new(),
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
        let most = self.spec.capacity.min(limits::SEATS);
        self.config.policy.capacity.map_or(most, |wanted| wanted.min(most))
    }

    /// Seats taken, including held ones.
    pub fn players(&self) -> usize {
        self.seats.len()
    }

    /// The newest frame.
    pub fn frame(&self) -> &Arc<Frame> {
        &self.frame
    }

    /// How the room can be made again under its id, if its game allows that.
    pub fn recipe(&self) -> Option<RoomRecipe> {
        let RoomConfig { game, setup, .. } = &self.config;
        let options = setup.options.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        self.game.can_be_remade().then(|| RoomRecipe { game: game.clone(), options })
    }

    /// The game's hook that is running; after a panic, the hook that panicked.
    pub fn running(&self) -> Option<&'static str> {
        self.running
    }

    /// The generation of the last entry into a seat that has a live connection.
    pub fn live_generation(&self, seat: Seat) -> Option<u32> {
        match self.find(seat) {
            Ok(index) => Some(&self.seats[index]).filter(|seated| seated.away.is_none()).map(|one| one.seat_generation),
            Err(_) => self.find_spectator(seat).ok().map(|index| self.spectators[index].seat_generation),
        }
    }

    /// How many entity ids were spawned or skipped so far, modulo 2^32.
    pub(crate) fn entities_issued(&self) -> u32 {
        self.cx.entities_issued()
    }

    /// Moves what an input required before a hook of the game panicked to `out`.
    pub(super) fn drain_outputs(&mut self, out: &mut Vec<RoomOutput>) {
        out.append(&mut self.outputs);
    }

    /// Applies an input, and appends what it requires to `out`. Returns the answer to a client that asks to enter, and
    /// `None` for all other inputs.
    pub fn apply(&mut self, input: RoomInput, out: &mut Vec<RoomOutput>) -> Option<Answer> {
        self.apply_in_phases(input, out, |_| {})
    }

    /// As [`Self::apply`]; calls `over` at the end of each [`Phase`] of a tick.
    pub fn apply_in_phases(
        &mut self,
        input: RoomInput,
        out: &mut Vec<RoomOutput>,
        over: impl FnMut(Phase),
    ) -> Option<Answer> {
        let mut answer = None;
        match input {
            RoomInput::Enter(enter) => answer = Some(self.enter(enter)),
            RoomInput::Return(back) => answer = Some(self.take_back(&back)),
            RoomInput::Inputs { seat, run } => self.offer(seat, &run),
            RoomInput::Command { seat, seq, command } => self.command(seat, seq, &command),
            RoomInput::Confirmed { seat } => self.confirm(seat),
            RoomInput::EventsArrived { seat, upto } => self.events_arrived(seat, upto),
            RoomInput::Disconnected { seat, close } => self.disconnect(seat, close),
            RoomInput::Kick { seat, reason } => self.kick(seat, reason),
            RoomInput::Lock(locked) => self.lock(locked),
            RoomInput::Close(reason) => self.close(reason),
            RoomInput::Tick => self.tick(over),
            RoomInput::Recovered { incarnation, spare_ids } => self.recover(incarnation, spare_ids),
            RoomInput::Moved { incarnation } => self.arrive(incarnation),
            RoomInput::Reserve { tickets, ticks } => self.reserve(&tickets, ticks),
            RoomInput::Redeemed { ticket, seat } => self.redeem(&ticket, seat),
            RoomInput::ServerEvent { name, data } => self.server_event(&name, &data),
            RoomInput::ChannelNews(news) => self.channel_news(&news),
            RoomInput::Overload { step } => self.overload(OverloadStep::from_number(step)),
            RoomInput::Woke { elapsed } => {
                self.call_hook("woke", |game, cx| game.woke(Duration::from_millis(elapsed), cx));
                self.apply_effects();
            }
        }
        out.append(&mut self.outputs);
        answer
    }

    fn offer(&mut self, seat: Seat, run: &InputRun) {
        if let Some(seated) = self.present(seat) {
            seated.input_buffer.offer(run);
        }
    }

    /// Frees seats that were held for long enough, consumes one input per seat, steps the game, freezes the next frame
    /// and removes who was kicked.
    fn tick(&mut self, mut over: impl FnMut(Phase)) {
        self.release();
        self.cx.set_tick(self.frame.tick().plus(1));
        self.prepare_tick();
        let (mut inputs, mut superseded) = (std::mem::take(&mut self.inputs), 0);
        inputs.clear();
        inputs.extend(self.seats.iter_mut().map(|seated| {
            let taken = seated.take_input(self.cx.tick());
            superseded += seated.newly_superseded();
            taken
        }));
        self.clamp_views(&mut inputs);
        self.call_hook("step", |game, cx| game.step(&inputs, cx));
        self.inputs = inputs;
        self.apply_effects();
        over(Phase::Step);
        self.running = Some("write_snapshot");
        let frame = self.freeze(&mut over);
        self.frame = Arc::new(frame);
        self.cx.rows_mut().push(&self.frame);
        self.running = None;
        self.outputs.push(RoomOutput::Frame { frame: self.frame.clone(), superseded });
        over(Phase::Freeze);
        self.remove_kicked();
        self.report_lifecycle();
    }

    /// The next frame. Players see what is around the place that they have in it.
    fn freeze(&mut self, over: &mut impl FnMut(Phase)) -> Frame {
        let Self { frame, freeze_buffers, game, seats, spectators, cx, .. } = self;
        let views = self.views.as_ref();
        let write = |out: &mut SnapshotWriter| {
            game.write_snapshot(out);
            over(Phase::WriteSnapshot);
        };
        let next = frame.freeze_with(freeze_buffers, views.map(Views::grid), write, |places, before| {
            if let Some(views) = views {
                for seated in seats.iter_mut() {
                    let at = views.place(seated.viewpoint, seated.entity, places);
                    views.update(seated.view.get_or_insert_default(), at, &seated.zones, cx.tick());
                }
                spectators.iter_mut().for_each(|one| one.update_view(views, places, cx.tick()));
            }
            let notes = || seats.iter().map(Seated::note).chain(spectators.iter().map(Spectator::note));
            if notes().eq(before.iter().cloned()) { before.clone() } else { notes().collect() }
        });
        next.for_clients_every(self.ticks_per_frame())
    }

    pub(super) fn find(&self, seat: Seat) -> Result<usize, usize> {
        self.seats.binary_search_by_key(&seat, |seated| seated.seat)
    }

    /// The player of a seat whose client is connected.
    pub(super) fn present(&mut self, seat: Seat) -> Option<&mut Seated> {
        let index = self.find(seat).ok()?;
        Some(&mut self.seats[index]).filter(|seated| seated.away.is_none())
    }

    /// Whether a player or a spectator has the seat.
    pub(super) fn holds(&self, seat: Seat) -> bool {
        self.find(seat).is_ok() || self.find_spectator(seat).is_ok()
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

    /// Events belong to the frame computed next: its tick is the first at which they can be seen.
    pub(super) fn event(&self, body: &EventBody) -> Arc<Event> {
        Arc::new(Event::new(self.frame.tick().plus(1), body))
    }

    pub(super) fn post(&mut self, to: &Recipients, body: &EventBody) {
        self.post_event(to, self.event(body));
    }

    pub(super) fn post_event(&mut self, to: &Recipients, event: Arc<Event>) {
        if let Some(kept) = self.film_events.as_mut().filter(|_| is_public(to, &event.body())) {
            kept.push(event.clone());
        }
        let mut seats = Vec::new();
        let logs = self.seats.iter_mut().map(|seated| (seated.seat, &mut seated.log));
        for (seat, log) in logs.chain(self.spectators.iter_mut().map(|one| (one.seat, &mut one.log))) {
            if to.include(seat) {
                log.push(event.clone());
                seats.push(seat);
            }
        }
        if !seats.is_empty() {
            self.outputs.push(RoomOutput::Event { seats, event });
        }
    }

    pub(super) fn apply_effects(&mut self) {
        for effect in self.cx.take_effects() {
            match effect {
                Effect::Emit { to, kind, body } => {
                    self.tap_event(&to, kind, &body);
                    let body = Cow::Borrowed(serde_bytes::Bytes::new(&body));
                    let to = self.resolved(to);
                    self.post(&to, &EventBody::Game { kind, body });
                }
                Effect::Seat(seat, effect) => self.apply_to_seat(seat, effect),
                Effect::Room(effect) => self.apply_to_room(effect),
                Effect::Channel(effect) => self.outputs.push(RoomOutput::Channel(effect)),
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
