//! The directory lists the rooms of a server and decides which room a player enters.
//!
//! One actor finds and makes rooms; rooms end by themselves. The directory reads the rooms' statuses a few times per second
//! and publishes the list when it changed, so rooms send it no reports.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, Arbiter, AsyncContext, Context, Handler};
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::clock::Clock;
use super::gatekeeper::{Gatekeeper, RoomPermit};
use super::message::{
    CloseRoom, Drain, Explain, Locate, Reserve, Reserved, RoomEntry, RoomKey, RoomList, RoomSlot, Stop,
};
use super::metrics::Metrics;
use super::names;
use super::reservations::Reservations;
use super::room::RoomActor;
use super::room_handle::{RoomHandle, is_private};
use super::status::Status;
use super::watchdog::{Heartbeat, Part, Watchdog};
use crate::engine::{Address, CloseReason, JoinRequest, Room, RoomConfig, RoomCosts, RoomPolicy};
use crate::game::{Factory, RoomSetup};
use crate::tick::TickRate;
use crate::wire::{Close, Join, Role, limits};

/// Configuration of a [`Directory`].
pub struct DirectoryConfig {
    /// Games by name.
    pub games: BTreeMap<String, Factory>,
    /// Tick rate of rooms whose creator named none.
    pub rate: TickRate,
    /// Most rooms at a time.
    pub most_rooms: usize,
    /// Number of threads that run rooms.
    pub arbiters: usize,
    /// Counts rooms by their maker's address.
    pub gatekeeper: Arc<Gatekeeper>,
    /// The policy of rooms whose creator asked for nothing else.
    pub policy: RoomPolicy,
    /// Watches the threads of the directory and the rooms.
    pub watchdog: Arc<Watchdog>,
}

/// The directory actor.
pub struct Directory {
    config: DirectoryConfig,
    pub(super) rooms: BTreeMap<RoomKey, RoomHandle>,
    next: u64,
    reservations: Reservations,
    arbiters: Vec<Arbiter>,
    draining: bool,
    list: watch::Sender<RoomList>,
    clock: Clock,
    metrics: Arc<Metrics>,
    heartbeat: Arc<Heartbeat>,
}

impl Directory {
    const LOOK_EVERY: Duration = limits::BEAT_EVERY;
    /// Sessions that are closed per batch when the server stops. Batches grow when there would be more than `BATCHES` of
    /// them.
    const BATCH: usize = 100;
    const BATCHES: usize = 40;
    const BATCH_EVERY: Duration = Duration::from_millis(50);

    /// Makes a directory without rooms. Also returns the receiver of the list of rooms.
    pub fn new(config: DirectoryConfig, clock: Clock, metrics: Arc<Metrics>) -> (Self, watch::Receiver<RoomList>) {
        let (list, listed) = watch::channel(RoomList::default());
        let arbiters = (0..config.arbiters.max(1)).map(|index| watched_arbiter(index, &config.watchdog)).collect();
        let heartbeat = Arc::new(Heartbeat::of_thread());
        config.watchdog.watch(Part::Directory, &heartbeat);
        let (rooms, next, draining, reservations) = (BTreeMap::new(), 0, false, Reservations::default());
        (Self { config, rooms, next, reservations, arbiters, draining, list, clock, metrics, heartbeat }, listed)
    }

    fn locate(&mut self, request: &JoinRequest) -> Result<RoomSlot, CloseReason> {
        if self.draining {
            return Err(Close::Draining.into());
        }
        let JoinRequest { join, role, claim, only_game, address, .. } = request;
        let (role, maker, only_game) = (*role, *address, only_game.as_deref());
        // Checked first, so that no room is made for a spectator who is then refused.
        if role == Role::Spectator && self.config.policy.most_spectators == 0 {
            return Err(CloseReason::with_text(Close::Forbidden, "spectators are not let in here"));
        }
        match join {
            Join::ById { room } => {
                let (key, listed) = self.find(room).ok_or(Close::NoSuchRoom)?;
                listed.suits(only_game)?;
                // A returning player has a seat even in a full room. Only the room can tell whether the claim is valid.
                let back = if claim.is_some() { listed.expect_back(key) } else { None };
                back.map_or_else(|| listed.expect(key, role), Ok)
            }
            Join::Return { room } => {
                let (key, listed) = self.find(room).ok_or(Close::NoSuchRoom)?;
                listed.suits(only_game)?;
                listed.expect_back(key).ok_or_else(|| Close::NoSuchRoom.into())
            }
            Join::JoinOrCreate { game, options } => {
                let options = options.iter().cloned().collect();
                let found = self.fitting(game, &options)?.find_map(|(key, listed)| listed.expect(key, role).ok());
                found.map_or_else(|| self.create(game.clone(), options, role, maker), Ok)
            }
            Join::Create { game, options } => self.create(game.clone(), options.iter().cloned().collect(), role, maker),
            Join::Reserved { ticket } => {
                // A ticket stays valid when its bearer may not use it.
                if let Some(listed) = self.reservations.room_of(ticket).and_then(|key| self.rooms.get(&key)) {
                    listed.suits(only_game)?;
                }
                let found = self.reservations.redeem(self.clock.now(), ticket);
                let wanted = "the ticket is not known, used or older than a minute: reserve again";
                found.ok_or_else(|| CloseReason::with_text(Close::NoSuchRoom, wanted))
            }
        }
    }

    /// The room with this id, listed or not.
    pub(super) fn find(&self, id: &str) -> Option<(RoomKey, &RoomHandle)> {
        // Ids are compared first: whether a room is closed is behind a lock.
        let mut rooms = self.rooms.iter();
        let found = rooms.find(|(_, listed)| listed.entry.id == id && !listed.status.is_closed());
        found.map(|(key, listed)| (*key, listed))
    }

    /// Public rooms of this game with the same options.
    fn fitting<'a>(
        &'a self,
        game: &'a str,
        options: &'a BTreeMap<String, String>,
    ) -> Result<impl Iterator<Item = (RoomKey, &'a RoomHandle)>, CloseReason> {
        if is_private(options).map_err(|why| CloseReason::with_text(Close::NoSuchRoom, &why))? {
            let wanted = "a private room is created, or joined by its code; it cannot be found";
            return Err(CloseReason::with_text(Close::NoSuchRoom, wanted));
        }
        let listed = self.rooms.iter().filter(|(_, listed)| !listed.private);
        let fitting = listed.filter(move |(_, l)| l.entry.game == game && l.options == *options);
        Ok(fitting.map(|(key, listed)| (*key, listed)))
    }

    fn create(
        &mut self,
        game: String,
        options: BTreeMap<String, String>,
        role: Role,
        maker: Option<Address>,
    ) -> Result<RoomSlot, CloseReason> {
        let key = self.make(game, options, 1, maker)?;
        self.rooms[&key].expect(key, role)
    }

    /// Makes a room with at least `seats` seats.
    fn make(
        &mut self,
        game: String,
        options: BTreeMap<String, String>,
        seats: usize,
        maker: Option<Address>,
    ) -> Result<RoomKey, CloseReason> {
        if self.rooms.len() >= self.config.most_rooms {
            return Err(Close::TryLater.into());
        }
        let refused = |why: String| {
            debug!(?game, ?why, "no room was made");
            CloseReason::with_text(Close::NoSuchRoom, &why)
        };
        let games = || self.config.games.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let unknown = || refused(format!("there is no game {game:?}; there are {}", games()));
        let factory = self.config.games.get(&game).ok_or_else(unknown)?;
        let (rate, capacity) = self.read_options(&options).map_err(refused)?;
        let private = is_private(&options).map_err(refused)?;
        // Dropped, and thereby released, when the game refuses.
        let permit = self.config.gatekeeper.make_room(maker).ok_or(Close::TryLater)?;
        let setup = RoomSetup { rate, seed: names::seed(), options: options.clone() };
        let made = catch_unwind(AssertUnwindSafe(|| {
            let made = factory(&setup).map_err(refused)?;
            let id = if private { names::secret() } else { names::id() };
            let policy = RoomPolicy { capacity, ..self.config.policy };
            let room = Room::new(RoomConfig { id, game: game.clone(), setup, policy }, made);
            if usize::from(room.capacity()) < seats {
                let few = format!("such a room has {} seats, which is fewer than {seats}", room.capacity());
                return Err(CloseReason::with_text(Close::RoomFull, &few));
            }
            Ok(room)
        }));
        let room = made.unwrap_or_else(|_| Err(refused("the game panicked".to_owned())))?;
        let key = RoomKey(self.next);
        self.next += 1;
        let listed = self.start(key, room, (options, private), permit);
        info!(room = %names::for_logs(&listed.entry.id), game, private, "room made");
        self.rooms.insert(key, listed);
        Ok(key)
    }

    fn reserve(&mut self, Reserve { join, seats, only_game, maker }: Reserve) -> Result<Reserved, CloseReason> {
        if self.draining {
            return Err(Close::Draining.into());
        }
        let now = self.clock.now();
        if !self.reservations.has_room_for(seats, maker) {
            return Err(Close::TryLater.into());
        }
        let found = match join {
            Join::ById { room } => {
                let (key, listed) = self.find(&room).ok_or(Close::NoSuchRoom)?;
                listed.suits(only_game.as_deref())?;
                Ok((key, listed.expect_all(seats)?))
            }
            Join::JoinOrCreate { game, options } => {
                let options = options.into_iter().collect();
                let all = |(key, listed): (_, &RoomHandle)| Some((key, listed.expect_all(seats).ok()?));
                let found = self.fitting(&game, &options)?.find_map(all);
                found.ok_or((game, options))
            }
            Join::Create { game, options } => Err((game, options.into_iter().collect())),
            Join::Reserved { .. } | Join::Return { .. } => return Err(Close::NoSuchRoom.into()),
        };
        let (key, expected) = match found {
            Ok(found) => found,
            Err((game, options)) => {
                let key = self.make(game, options, seats, maker)?;
                (key, self.rooms[&key].expect_all(seats)?)
            }
        };
        let listed = &self.rooms[&key];
        let seats_found = expected.into_iter().map(|expected| RoomSlot { key, room: listed.room.clone(), expected });
        let tickets = seats_found.map(|found| self.reservations.promise(now, maker, found)).collect();
        self.metrics.occasions.seats_reserved.inc_by(seats as u64);
        let expires_in = Reservations::GOOD_FOR.as_secs();
        Ok(Reserved { room: listed.entry.id.clone(), tickets, expires_in })
    }

    /// Reads the options that every game understands: `tick_rate` and `capacity`.
    fn read_options(&self, options: &BTreeMap<String, String>) -> Result<(TickRate, Option<u16>), String> {
        let rate = match options.get("tick_rate") {
            None => self.config.rate,
            Some(text) => {
                let number = text.parse().map_err(|_| format!("tick_rate {text:?}: must be 1 to {}", TickRate::MAX))?;
                TickRate::new(number).map_err(|error| error.to_string())?
            }
        };
        let capacity = options.get("capacity").map(|text| match text.parse() {
            Ok(seats @ 1..=limits::SEATS) => Ok(seats),
            _ => Err(format!("capacity {text:?}: must be 1 to {}", limits::SEATS)),
        });
        Ok((rate, capacity.transpose()?))
    }

    fn start(
        &mut self,
        key: RoomKey,
        room: Room,
        (options, private): (BTreeMap<String, String>, bool),
        permit: RoomPermit,
    ) -> RoomHandle {
        let entry = RoomEntry {
            id: room.config().id.clone(),
            game: room.config().game.clone(),
            players: 0,
            away: 0,
            capacity: room.capacity(),
            spectators: 0,
            locked: false,
            rate: room.rate().per_second(),
            properties: room.properties().iter().cloned().collect(),
        };
        let load = |arbiter: usize| {
            let rooms = self.rooms.values().filter(|listed| listed.arbiter == arbiter);
            rooms.map(|listed| 1 + listed.status.occupancy().players).sum::<usize>()
        };
        let arbiter = (0..self.arbiters.len()).min_by_key(|arbiter| load(*arbiter)).unwrap_or(0);
        let status = Arc::new(Status::default());
        let (clock, metrics, shared) = (self.clock, self.metrics.clone(), status.clone());
        let handle = self.arbiters[arbiter].handle();
        let room = RoomActor::start_in_arbiter(&handle, move |_| RoomActor::new(key, room, clock, shared, metrics));
        let most_spectators = self.config.policy.most_spectators;
        RoomHandle { entry, private, options, room, status, arbiter, most_spectators, _permit: permit }
    }

    /// Ends the rooms of `waiting`, about `batch` sessions at a time, so that not all clients disconnect and reconnect at
    /// once.
    #[expect(clippy::disallowed_methods, reason = "one message per room, and it must arrive")]
    fn send_away(&mut self, mut waiting: VecDeque<RoomKey>, batch: usize, ctx: &mut Context<Self>) {
        let mut told = 0;
        while told < batch {
            let Some(key) = waiting.pop_front() else { return };
            let Some(listed) = self.rooms.get(&key) else { continue };
            told += listed.status.occupancy().present().max(1);
            listed.room.do_send(CloseRoom(Close::Draining));
        }
        ctx.run_later(Self::BATCH_EVERY, move |act, ctx| act.send_away(waiting, batch, ctx));
    }

    fn sweep(&mut self, ctx: &mut Context<Self>) {
        self.heartbeat.beat();
        self.rooms.retain(|_, listed| !listed.status.is_closed());
        let late = self.reservations.forget(self.clock.now());
        self.metrics.occasions.reservations_expired.inc_by(late as u64);
        self.rooms.values_mut().for_each(RoomHandle::look);
        let public = self.rooms.values().filter(|listed| !listed.private).map(|listed| &listed.entry);
        let changed = !self.list.borrow().rooms.iter().eq(public.clone());
        if changed {
            let rooms: Vec<RoomEntry> = public.cloned().collect();
            match serde_json::to_vec(&rooms) {
                Ok(json) => _ = self.list.send_replace(RoomList { rooms, json: json.into() }),
                Err(error) => warn!(%error, "the list of rooms could not be written"),
            }
        }
        ctx.run_later(Self::LOOK_EVERY, Self::sweep);
    }
}

/// Starts a thread for rooms, whose heartbeat the watchdog watches.
fn watched_arbiter(index: usize, watchdog: &Watchdog) -> Arbiter {
    let (arbiter, heartbeat) = (Arbiter::new(), Arc::new(Heartbeat::of_thread()));
    watchdog.watch(Part::RoomThread(index), &heartbeat);
    arbiter.spawn(heartbeat.keep());
    arbiter
}

impl Actor for Directory {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(limits::JOINS_WAITING);
        self.sweep(ctx);
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.arbiters.iter().for_each(|arbiter| _ = arbiter.stop());
    }
}

impl Handler<Locate> for Directory {
    type Result = Result<RoomSlot, CloseReason>;

    fn handle(&mut self, Locate(request): Locate, _: &mut Context<Self>) -> Self::Result {
        self.locate(&request)
    }
}

impl Handler<Reserve> for Directory {
    type Result = Result<Reserved, CloseReason>;

    fn handle(&mut self, reserve: Reserve, _: &mut Context<Self>) -> Self::Result {
        self.reserve(reserve)
    }
}

impl Handler<Explain> for Directory {
    type Result = Option<Arc<RoomCosts>>;

    fn handle(&mut self, Explain(id): Explain, _: &mut Context<Self>) -> Self::Result {
        self.find(&id).map(|(_, listed)| listed.status.costs())
    }
}

impl Handler<Drain> for Directory {
    type Result = ();

    fn handle(&mut self, _: Drain, ctx: &mut Context<Self>) {
        self.draining = true;
        self.reservations.clear();
        let present: usize = self.rooms.values().map(|listed| listed.status.occupancy().present()).sum();
        let waiting = self.rooms.keys().copied().collect();
        self.send_away(waiting, Self::BATCH.max(present / Self::BATCHES), ctx);
    }
}

impl Handler<Stop> for Directory {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
