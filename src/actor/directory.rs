//! The directory lists the rooms of a server and decides which room a player enters.
//!
//! One actor finds and makes rooms; rooms end by themselves. Their statuses report that they have changed, without messages:
//! the directory looks at those before it places a client, and publishes the changes a few times per second.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, Arbiter, AsyncContext, Context, Handler};

use super::archiving::RoomMatch;
use super::clock::Clock;
use super::clustering::Membership;
use super::films::Films;
use super::gatekeeper::{Gatekeeper, RoomPermit};
use super::journaling::Files;
use super::local_rooms::LocalRooms;
use super::matches::Matches;
use super::message::{CloseRoom, Drain, Explain, Locate, RoomEntry, RoomKey, RoomSlot, Stop};
use super::metrics::Metrics;
use super::moving::MoveRoom;
use super::recordings::Recordings;
use super::remaking::Ended;
use super::room::RoomActor;
use super::room_board::RoomBoard;
use super::room_channels::RoomChannels;
use super::room_handle::RoomHandle;
use super::room_store::RoomStore;
use super::sleeping::Sleeping;
use super::status::{PendingJoin, Status};
use super::tapping::RoomTap;
use super::watchdog::{Heartbeat, Part, Watchdog};
use crate::cluster::{Channels, Cluster};
use crate::engine::registry::{self, Placement, RoomRegistry};
use crate::engine::{CloseReason, JoinRequest, Occupancy, Reservations, Room, RoomCosts, RoomPolicy};
use crate::game::Factory;
use crate::store::{Found, Journal};
use crate::tap::Outbox;
use crate::tick::TickRate;
use crate::wire::{Close, Join, limits};

/// Configuration of a [`Directory`].
pub struct DirectoryConfig {
    /// Games by name.
    pub games: BTreeMap<String, Factory>,
    /// Tick rate of rooms whose creator named none.
    pub rate: TickRate,
    /// The highest tick rate that the creator of a room may name.
    pub most_rate: TickRate,
    /// Most rooms at a time.
    pub most_rooms: usize,
    /// Number of threads that run rooms.
    pub arbiters: usize,
    /// Counts rooms by their maker's address.
    pub gatekeeper: Arc<Gatekeeper>,
    /// The policy of rooms whose creator asked for nothing else.
    pub policy: RoomPolicy,
    /// Where rooms are stored when the server stops, if anywhere.
    pub store: Option<Arc<RoomStore>>,
    /// Where rooms are written to all the time, if anywhere.
    pub journal: Option<Journal>,
    /// What the journal of the last server has.
    pub found: Option<Found>,
    /// This program, if rooms of other ones that crashed go back to their checkpoints.
    pub goes_back_unless: Option<String>,
    /// Writes recordings, if there is a folder for them.
    pub recordings: Option<Arc<Recordings>>,
    /// What systems outside of the server are told, if anybody listens.
    pub tap: Option<Outbox>,
    /// Is told of rooms that end.
    pub matches: Arc<Matches>,
    /// The films of rooms.
    pub films: Arc<Films>,
    /// Between rooms.
    pub channels: Channels,
    /// Watches the threads of the directory and the rooms.
    pub watchdog: Arc<Watchdog>,
    /// This server as a node, in a cluster.
    pub cluster: Option<Arc<Cluster>>,
    /// Most sessions at a time.
    pub most_sessions: usize,
}

/// The directory actor.
pub struct Directory {
    pub(super) config: DirectoryConfig,
    pub(super) rooms: LocalRooms,
    /// The key of the next room.
    pub(super) next: u64,
    /// Ids of rooms that have ended here: they are not made again.
    pub(super) ended: Ended,
    /// Rooms that could not be recovered.
    pub(super) lost: BTreeSet<String>,
    pub(super) sleeping: Sleeping,
    pub(super) reservations: Reservations<RoomKey, PendingJoin>,
    pub(super) membership: Membership,
    arbiters: Vec<Arbiter>,
    pub(super) draining: bool,
    board: Arc<RoomBoard>,
    /// The rooms that have changed since the list was published, and the ids of those that have ended.
    pub(super) changed: BTreeSet<RoomKey>,
    pub(super) gone: Vec<String>,
    pub(super) clock: Clock,
    pub(super) metrics: Arc<Metrics>,
    heartbeat: Arc<Heartbeat>,
}

impl Directory {
    const REFRESH_EVERY: Duration = limits::BEAT_EVERY;
    /// Sessions that are closed per batch when the server stops. Batches grow when there would be more than `BATCHES` of
    /// them.
    const BATCH: usize = 100;
    const BATCHES: usize = 40;
    const BATCH_EVERY: Duration = Duration::from_millis(50);

    /// Makes a directory without rooms. Also returns the list of rooms that it publishes.
    pub fn new(config: DirectoryConfig, clock: Clock, metrics: Arc<Metrics>) -> (Self, Arc<RoomBoard>) {
        let board = Arc::<RoomBoard>::default();
        let threads = config.arbiters.max(1);
        let arbiters = (0..threads).map(|index| watched_arbiter(index, &config.watchdog)).collect();
        let heartbeat = Arc::new(Heartbeat::of_thread());
        config.watchdog.watch(Part::Directory, &heartbeat);
        let (rooms, next, draining, reservations) = (LocalRooms::on(threads), 0, false, Reservations::default());
        let (ended, lost, sleeping, membership, changed, gone) = Default::default();
        (
            Self {
                config,
                rooms,
                next,
                ended,
                lost,
                sleeping,
                reservations,
                membership,
                arbiters,
                draining,
                board: board.clone(),
                changed,
                gone,
                clock,
                metrics,
                heartbeat,
            },
            board,
        )
    }

    fn locate(&mut self, request: &JoinRequest) -> Result<RoomSlot, CloseReason> {
        if self.draining {
            return Err(Close::Draining.into());
        }
        self.heed_changes();
        self.wake_named(request.room())?;
        let most_spectators = self.config.policy.most_spectators;
        self.remake(request)?;
        let (key, expected) =
            match registry::place(&self.rooms, &mut self.reservations, self.clock.now(), request, most_spectators)
                .map_err(|reason| self.explain(request, reason))?
            {
                Placement::Room(key, expected) => (key, expected),
                Placement::Create { game, options } => {
                    let finds = matches!(request.join, Join::JoinOrCreate { .. });
                    let woken = if finds { self.wake_matching(&game, &options)? } else { None };
                    let key = match woken {
                        Some(key) => key,
                        None => self.make(game, options, 1, request.address)?,
                    };
                    (key, self.rooms.announce(key, request.role.into())?)
                }
            };
        Ok(RoomSlot { key, room: self.room_handle(key)?.room.clone(), expected })
    }

    /// Who comes back to a room that was lost is told so.
    fn explain(&self, request: &JoinRequest, reason: CloseReason) -> CloseReason {
        let was_lost = request.room().is_some_and(|room| self.lost.contains(room));
        if was_lost && reason.close() == Close::NoSuchRoom { Close::RoomLost.into() } else { reason }
    }

    pub(super) fn room_handle(&self, key: RoomKey) -> Result<&RoomHandle, Close> {
        self.rooms.get(key).ok_or(Close::RoomClosed)
    }

    /// The open room with this id, listed or not.
    pub(super) fn find(&self, id: &str) -> Option<&RoomHandle> {
        self.rooms.find(id).and_then(|key| self.rooms.get(key))
    }

    pub(super) fn start(
        &mut self,
        key: RoomKey,
        room: Room,
        (options, private): (BTreeMap<String, String>, bool),
        permit: RoomPermit,
        is_stored: bool,
    ) -> RoomHandle {
        let entry = RoomEntry {
            id: room.config().id.clone(),
            game: room.config().game.clone(),
            players: 0,
            away: 0,
            capacity: room.capacity(),
            spectators: 0,
            locked: room.is_locked(),
            rate: room.rate().per_second(),
            properties: Arc::new(room.properties().iter().cloned().collect()),
        };
        let arbiter = self.rooms.least_loaded();
        let status = Arc::new(Status::reporting(key, self.rooms.changes()));
        // Held seats of a room that goes on are taken before its first tick.
        let occupancy = Occupancy { players: room.players(), away: room.away(), spectators: room.spectators() };
        status.set_occupancy(occupancy, std::iter::empty(), std::iter::empty());
        let (clock, metrics, shared) = (self.clock, self.metrics.clone(), status.clone());
        let handle = self.arbiters[arbiter].handle();
        let DirectoryConfig { store, journal, recordings, tap, .. } = &self.config;
        let (store, journal, recordings) = (store.clone(), journal.clone(), recordings.clone());
        let tap = tap.clone().map(RoomTap::new);
        let matches = RoomMatch::new(self.config.matches.clone(), entry.id.clone(), private);
        let (films, channels) = (self.config.films.clone(), RoomChannels::new(self.config.channels.clone()));
        let files = Files { store, is_stored, journal, recordings, tap, matches, films, channels };
        let tenure = self.register(&room, &options, private);
        let right = tenure.clone();
        let make = move |_: &mut _| RoomActor::new(key, room, clock, shared, metrics, files, right);
        let room = RoomActor::start_in_arbiter(&handle, make);
        let most_spectators = self.config.policy.most_spectators;
        let (reported, load, options) = (None, 0, Arc::new(options));
        RoomHandle {
            entry,
            private,
            options,
            room,
            status,
            arbiter,
            load,
            most_spectators,
            _permit: permit,
            tenure,
            reported,
        }
    }

    /// Ends the rooms of `waiting`, about `batch` sessions at a time, so that not all clients disconnect and reconnect at
    /// once.
    #[expect(clippy::disallowed_methods, reason = "one message per room, and it must arrive")]
    fn drain_rooms(&mut self, mut waiting: VecDeque<RoomKey>, batch: usize, ctx: &mut Context<Self>) {
        let mut told = 0;
        while told < batch {
            let Some(key) = waiting.pop_front() else { return };
            let Some(listed) = self.rooms.get(key) else { continue };
            told += listed.status.occupancy().present().max(1);
            match &self.config.cluster {
                Some(cluster) => listed.room.do_send(MoveRoom { cluster: cluster.clone(), or_end: true }),
                None => listed.room.do_send(CloseRoom(Close::Draining)),
            }
        }
        ctx.run_later(Self::BATCH_EVERY, move |act, ctx| act.drain_rooms(waiting, batch, ctx));
    }

    fn sweep(&mut self, ctx: &mut Context<Self>) {
        self.heartbeat.beat();
        self.report_rooms();
        self.heed_changes();
        let late = self.reservations.expire(self.clock.now());
        self.metrics.counts.reservations_expired.inc_by(late as u64);
        self.publish_list();
        ctx.run_later(Self::REFRESH_EVERY, Self::sweep);
    }

    fn publish_list(&mut self) {
        let (changed, gone) = (std::mem::take(&mut self.changed), std::mem::take(&mut self.gone));
        if let Some(cluster) = self.config.cluster.clone() {
            let list = self.common_list(&cluster, !changed.is_empty() || !gone.is_empty());
            return list.into_iter().for_each(|list| self.board.replace(list));
        }
        let public = changed.into_iter().filter_map(|key| self.rooms.get(key)).filter(|listed| !listed.private);
        self.board.publish(gone, public.map(|listed| listed.entry.clone()));
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
        self.restore();
        self.take_fallen(ctx);
        self.help_rehearse();
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

impl Handler<Explain> for Directory {
    type Result = Option<Arc<RoomCosts>>;

    fn handle(&mut self, Explain(id): Explain, _: &mut Context<Self>) -> Self::Result {
        self.find(&id).map(|listed| Arc::new(listed.status.costs()))
    }
}

impl Handler<Drain> for Directory {
    type Result = ();

    fn handle(&mut self, _: Drain, ctx: &mut Context<Self>) {
        self.draining = true;
        self.reservations.clear();
        let present: usize = self.rooms.values().map(|listed| listed.status.occupancy().present()).sum();
        let waiting = self.rooms.keys().collect();
        self.drain_rooms(waiting, Self::BATCH.max(present / Self::BATCHES), ctx);
    }
}

impl Handler<Stop> for Directory {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
