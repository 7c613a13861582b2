//! The directory: which rooms there are, and which one a player is sent to.
//!
//! One actor finds and makes rooms; rooms end by themselves. What it lists comes from the rooms' statuses, looked at a
//! few times per second and published when it changed, so that no room ever reports.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, Addr, Arbiter, AsyncContext, Context, Handler};
use bytes::Bytes;
use rand::TryRng;
use rand::rngs::SysRng;
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::clock::Clock;
use super::door::{Door, Ground};
use super::message::{CloseRoom, Drain, Explain, Found, Locate, RoomEntry, RoomKey, Stop};
use super::metrics::Metrics;
use super::room::RoomActor;
use super::status::Status;
use crate::engine::{Address, Room, RoomConfig, RoomCosts};
use crate::game::{Factory, Setup};
use crate::tick::TickRate;
use crate::wire::{Close, Join, limits};

/// How a directory is made.
pub struct DirectoryConfig {
    /// Games by name.
    pub games: BTreeMap<String, Factory>,
    /// Rate of rooms whose creator named none.
    pub rate: TickRate,
    /// Rooms at the most.
    pub most_rooms: usize,
    /// Threads that rooms live on.
    pub arbiters: usize,
    /// How long a room without players lives on.
    pub empty_for: Duration,
    /// Counts rooms by who made them.
    pub door: Arc<Door>,
    /// How long seats are held for players whose connection was lost.
    pub hold: Duration,
}

/// The actor.
pub struct Directory {
    config: DirectoryConfig,
    rooms: BTreeMap<RoomKey, Listed>,
    next: u64,
    arbiters: Vec<Arbiter>,
    draining: bool,
    list: watch::Sender<Bytes>,
    clock: Clock,
    metrics: Arc<Metrics>,
}

struct Listed {
    entry: RoomEntry,
    options: BTreeMap<String, String>,
    room: Addr<RoomActor>,
    status: Arc<Status>,
    arbiter: usize,
    /// Counts it on its maker's address while it is listed.
    _ground: Ground,
}

impl Directory {
    const LOOK_EVERY: Duration = Duration::from_millis(250);
    /// Players who are sent away at once when the server stops; more, when there would be too many batches.
    const BATCH: usize = 100;
    const BATCHES: usize = 40;
    const BATCH_EVERY: Duration = Duration::from_millis(50);

    /// A directory without rooms; and the list of rooms as JSON, whenever it changes.
    pub fn new(config: DirectoryConfig, clock: Clock, metrics: Arc<Metrics>) -> (Self, watch::Receiver<Bytes>) {
        let (list, listed) = watch::channel(Bytes::from_static(b"[]"));
        let arbiters = (0..config.arbiters.max(1)).map(|_| Arbiter::new()).collect();
        let (rooms, next, draining) = (BTreeMap::new(), 0, false);
        (Self { config, rooms, next, arbiters, draining, list, clock, metrics }, listed)
    }

    fn locate(&mut self, letter: Locate) -> Result<Found, Close> {
        if self.draining {
            return Err(Close::Draining);
        }
        let Locate { join, claims, only_game, maker } = letter;
        match join {
            Join::ById { room } => {
                let listed = self.rooms.iter().find(|(_, listed)| listed.entry.id == room);
                let (key, listed) = listed.filter(|(_, listed)| !listed.status.is_closed()).ok_or(Close::NoSuchRoom)?;
                if only_game.is_some_and(|only| only != listed.entry.game) {
                    return Err(Close::BadToken);
                }
                // Whoever comes back has a seat also in a full room; whether they do, the room knows.
                let found = if claims { listed.expect_back(*key) } else { listed.expect(*key) };
                found.ok_or(Close::RoomFull)
            }
            Join::JoinOrCreate { game, options } => {
                let options = options.into_iter().collect();
                let fitting = self.rooms.iter().filter(|(_, l)| l.entry.game == game && l.options == options);
                let found = fitting.filter_map(|(key, listed)| listed.expect(*key)).next();
                found.map_or_else(|| self.create(game, options, maker), Ok)
            }
            Join::Create { game, options } => self.create(game, options.into_iter().collect(), maker),
            // Nothing is ever reserved.
            Join::Reserved { .. } => Err(Close::NoSuchRoom),
        }
    }

    fn create(
        &mut self,
        game: String,
        options: BTreeMap<String, String>,
        maker: Option<Address>,
    ) -> Result<Found, Close> {
        if self.rooms.len() >= self.config.most_rooms {
            return Err(Close::TryLater);
        }
        let refused = |why: String| {
            debug!(?game, ?why, "no room was made");
            Close::NoSuchRoom
        };
        let factory = self.config.games.get(&game).ok_or_else(|| refused("there is no such game".to_owned()))?;
        let (rate, capacity) = self.read_options(&options).map_err(refused)?;
        // Given back when the game refuses.
        let ground = self.config.door.make_room(maker).ok_or(Close::TryLater)?;
        let setup = Setup { rate, seed: random_u64(), options: options.clone() };
        let made = catch_unwind(AssertUnwindSafe(|| {
            let made = factory(&setup)?;
            let config = RoomConfig { id: random_id(), game: game.clone(), setup, capacity };
            Ok(Room::new(config, made).holding_seats_for(self.config.hold))
        }));
        let room = made.unwrap_or_else(|_| Err("the game panicked".to_owned())).map_err(refused)?;
        let key = RoomKey(self.next);
        self.next += 1;
        let listed = self.start(key, room, options, ground);
        let found = listed.expect(key).ok_or(Close::RoomFull);
        info!(room = listed.entry.id, game, "room made");
        self.rooms.insert(key, listed);
        found
    }

    /// The options that every game understands: `tick_rate` and `capacity`.
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

    fn start(&mut self, key: RoomKey, room: Room, options: BTreeMap<String, String>, ground: Ground) -> Listed {
        let entry = RoomEntry {
            id: room.config().id.clone(),
            game: room.config().game.clone(),
            players: 0,
            capacity: room.capacity(),
            rate: room.rate().per_second(),
            properties: room.spec().properties.iter().cloned().collect(),
        };
        let load = |arbiter: usize| {
            let rooms = self.rooms.values().filter(|listed| listed.arbiter == arbiter);
            rooms.map(|listed| 1 + listed.status.players()).sum::<usize>()
        };
        let arbiter = (0..self.arbiters.len()).min_by_key(|arbiter| load(*arbiter)).unwrap_or(0);
        let status = Arc::new(Status::default());
        let (clock, metrics, shared) = (self.clock, self.metrics.clone(), status.clone());
        let (handle, empty_for) = (self.arbiters[arbiter].handle(), self.config.empty_for);
        let room =
            RoomActor::start_in_arbiter(&handle, move |_| RoomActor::new(key, room, empty_for, clock, shared, metrics));
        Listed { entry, options, room, status, arbiter, _ground: ground }
    }

    /// Ends the rooms of `waiting`, some `batch` players at a time, so that not all hang up and come back at once.
    #[expect(clippy::disallowed_methods, reason = "one letter per room, and it must arrive")]
    fn send_away(&mut self, mut waiting: VecDeque<RoomKey>, batch: usize, ctx: &mut Context<Self>) {
        let mut told = 0;
        while told < batch {
            let Some(key) = waiting.pop_front() else { return };
            let Some(listed) = self.rooms.get(&key) else { continue };
            told += listed.status.players().max(1);
            listed.room.do_send(CloseRoom(Close::Draining));
        }
        ctx.run_later(Self::BATCH_EVERY, move |act, ctx| act.send_away(waiting, batch, ctx));
    }

    fn look_around(&mut self, ctx: &mut Context<Self>) {
        self.rooms.retain(|_, listed| !listed.status.is_closed());
        let entries = self.rooms.values_mut().map(|listed| {
            listed.entry.players = listed.status.players();
            &listed.entry
        });
        match serde_json::to_vec(&entries.collect::<Vec<_>>()) {
            Ok(json) => {
                self.list.send_if_modified(|old| {
                    let changed = *old != json;
                    *old = json.into();
                    changed
                });
            }
            Err(error) => warn!(%error, "the list of rooms could not be written"),
        }
        ctx.run_later(Self::LOOK_EVERY, Self::look_around);
    }
}

impl Listed {
    fn expect(&self, key: RoomKey) -> Option<Found> {
        let expected = self.status.expect(usize::from(self.entry.capacity))?;
        Some(Found { key, room: self.room.clone(), expected })
    }

    fn expect_back(&self, key: RoomKey) -> Option<Found> {
        let expected = self.status.expect_back()?;
        Some(Found { key, room: self.room.clone(), expected })
    }
}

impl Actor for Directory {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(limits::JOINS_WAITING);
        self.look_around(ctx);
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.arbiters.iter().for_each(|arbiter| _ = arbiter.stop());
    }
}

impl Handler<Locate> for Directory {
    type Result = Result<Found, Close>;

    fn handle(&mut self, letter: Locate, _: &mut Context<Self>) -> Self::Result {
        self.locate(letter)
    }
}

impl Handler<Explain> for Directory {
    type Result = Option<Arc<RoomCosts>>;

    fn handle(&mut self, Explain(id): Explain, _: &mut Context<Self>) -> Self::Result {
        let listed = self.rooms.values().find(|listed| listed.entry.id == id && !listed.status.is_closed());
        listed.map(|listed| listed.status.costs())
    }
}

impl Handler<Drain> for Directory {
    type Result = ();

    fn handle(&mut self, _: Drain, ctx: &mut Context<Self>) {
        self.draining = true;
        let players: usize = self.rooms.values().map(|listed| listed.status.players()).sum();
        let waiting = self.rooms.keys().copied().collect();
        self.send_away(waiting, Self::BATCH.max(players / Self::BATCHES), ctx);
    }
}

impl Handler<Stop> for Directory {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

fn random_u64() -> u64 {
    SysRng.try_next_u64().expect("the operating system has randomness")
}

/// Eight letters and digits that cannot be mistaken for each other: 40 random bits, unguessable enough for a name that
/// is no secret.
fn random_id() -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let bits = random_u64();
    (0..8).map(|place| char::from(ALPHABET[(bits >> (5 * place) & 31) as usize])).collect()
}
