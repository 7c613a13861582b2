//! The node: one task that holds the lease, reports what its rooms are like, and reads what other nodes have published.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix::Arbiter;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::timeout;
use tracing::{error, info, trace, warn};

use super::legacy::Legacies;
use super::link::{Link, Unavailable};
use super::rehearsal::RunsAgain;
use super::state::State;
use super::tenure::Tenure;
use super::{Parts, Settings, Status, boottime};
use crate::engine::cluster::{Answer, Epoch, LeaseTimes, Registration, Request, RoomReport, digest};
use crate::tick::Moment;

/// Rooms per request: more would keep Redis from others for longer.
const ROOMS_PER_REQUEST: usize = 100;
/// This server as a node.
pub struct Cluster {
    pub(super) settings: Settings,
    pub(super) times: LeaseTimes,
    pub(super) link: Link,
    pub(super) state: Mutex<State>,
    /// The moment at which rooms stand still, as their tenures see it.
    until: Arc<AtomicU64>,
    pub(super) wake: Notify,
    pub(super) redirects: AtomicU64,
    pub(super) passed: AtomicU64,
    pub(super) legacies: Legacies,
    pub(super) runs_again: RunsAgain,
    /// Ended with the node.
    arbiter: Arbiter,
}

impl Cluster {
    /// Starts the node on a thread of its own.
    ///
    /// # Errors
    /// One line that names the setting and its fault.
    pub fn start(settings: Settings) -> Result<Arc<Self>, String> {
        let times = LeaseTimes { lease: settings.lease };
        let link = Link::new(&settings, times.patience()).map_err(|error| format!("redis: {error}"))?;
        let state = State::new(times, settings.rehearse);
        let (until, wake, redirects, passed, legacies, runs_again) = Default::default();
        let arbiter = Arbiter::new();
        let node = Arc::new(Self {
            settings,
            times,
            link,
            state: Mutex::new(state),
            until,
            wake,
            redirects,
            passed,
            legacies,
            runs_again,
            arbiter,
        });
        let task = node.clone();
        let spawned = node.arbiter.spawn_fn(move || _ = actix::spawn(task.run()));
        if !spawned {
            return Err("the thread of the cluster has ended".to_owned());
        }
        Ok(node)
    }

    /// Whether the node may run rooms now.
    pub fn holds(&self) -> bool {
        boottime::now().0 < self.until.load(Ordering::Acquire)
    }

    /// Whether this room is registered as the node's.
    pub fn owns(&self, room: &str) -> bool {
        self.state.lock().rooms.get(room).is_some_and(|(_, tenure)| !tenure.is_lost())
    }

    /// Rooms that are not this node's any more know that before there is another epoch.
    pub(super) fn epoch(&self) -> Option<Epoch> {
        self.state.lock().epoch
    }

    /// The epoch, and the start of Redis that gave it or was heard of since.
    pub(super) fn epoch_and_boot(&self) -> Option<(Epoch, u64)> {
        let state = self.state.lock();
        Some((state.epoch?, state.boot))
    }

    /// Runs a task on the node's thread.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.arbiter.spawn(task);
    }

    pub(super) fn has_left(&self) -> bool {
        self.state.lock().has_left
    }

    /// How the node is.
    pub fn status(&self) -> Status {
        let (now, state) = (boottime::now(), self.state.lock());
        Status {
            lease: state.lease.state(now),
            left: state.lease.until().map_or(Duration::ZERO, |until| until.since(now)),
            is_connected: self.link.is_up(),
            epoch: state.epoch.map_or(0, |epoch| epoch.0),
            nodes: state.nodes,
            errors: state.errors,
            fenced: state.fenced,
            redirects: self.redirects.load(Ordering::Relaxed),
            passed: self.passed.load(Ordering::Relaxed),
            rehearsal: state.rehearsal,
        }
    }

    /// A room begins here, whose record is in the directory.
    pub fn register(&self, room: Registration) -> Tenure {
        let tenure = Tenure::new(room.incarnation, self.until.clone());
        let (id, at) = (digest(&room.id), boottime::now().0);
        trace!(target: "tickwire::history", room = id, incarnation = room.incarnation, at, "begins");
        self.state.lock().rooms.insert(room.id.clone(), (room, tenure.clone()));
        tenure
    }

    /// Rooms have changed. `load` is that of the node, in thousandths, and its number of players.
    pub fn report(&self, rooms: Vec<RoomReport>, load: (u32, usize)) {
        let mut state = self.state.lock();
        state.load = load;
        let wakes = !rooms.is_empty();
        for report in rooms {
            state.note(report);
        }
        drop(state);
        if wakes {
            self.wake.notify_one();
        }
    }

    /// The node's part of the list of rooms has changed.
    pub fn publish(&self, listing: &str) {
        let mut state = self.state.lock();
        if state.listing != listing {
            (state.listing, state.published) = (listing.to_owned(), None);
            self.wake.notify_one();
        }
    }

    /// What other nodes have published.
    pub fn parts(&self) -> Parts {
        Arc::new(self.state.lock().parts.values().map(|(_, part)| part.clone()).collect())
    }

    /// Something is odd about the lease: asks at once.
    pub(super) fn beat_now(&self) {
        self.state.lock().beat_at = Moment(0);
        self.wake.notify_one();
    }

    /// No room shall be placed here any more.
    pub fn drain(&self) {
        let mut state = self.state.lock();
        (state.draining, state.beat_at) = (true, Moment(0));
        drop(state);
        self.wake.notify_one();
    }

    /// The node has ended its rooms.
    pub async fn leave(&self) {
        let epoch = {
            let mut state = self.state.lock();
            state.has_left = true;
            state.epoch.take()
        };
        if let Some(node) = epoch {
            let _ = self.link.ask(&Request::Leave { node }).await;
        }
        self.until.store(0, Ordering::Release);
        self.arbiter.stop();
    }

    async fn run(self: Arc<Self>) {
        loop {
            let turn = self.turn().await;
            let rest = self.note_turn(&turn);
            let _ = timeout(rest, self.wake.notified()).await;
        }
    }

    /// Returns the time until the next turn.
    fn note_turn(&self, turn: &Result<(), Unavailable>) -> Duration {
        let mut state = self.state.lock();
        match (turn, state.failing) {
            (Err(Unavailable(why)), false) => warn!(why, "Redis does not answer; rooms go on until the lease ends"),
            (Ok(()), true) => info!("Redis answers again"),
            _ => {}
        }
        state.failing = turn.is_err();
        state.errors += u64::from(turn.is_err());
        // A server that refuses is not asked in a loop.
        if turn.is_err() { self.times.beat() / 4 } else { state.beat_at.min(state.list_at).since(boottime::now()) }
    }

    async fn turn(self: &Arc<Self>) -> Result<(), Unavailable> {
        if self.state.lock().has_left {
            return Ok(());
        }
        if !self.link.is_up() {
            self.link.connect().await?;
            self.state.lock().beat_at = Moment(0);
        }
        if self.epoch().is_none() {
            self.open().await?;
        }
        if boottime::now() >= self.state.lock().beat_at {
            let fallen = self.beat().await?;
            self.heed_fallen(fallen);
            self.heed_rehearsal();
        }
        self.send_reports().await?;
        self.publish_listing().await?;
        if boottime::now() >= self.state.lock().list_at {
            self.read_list().await?;
            self.read_peers().await?;
        }
        Ok(())
    }

    /// Gets an epoch. Rooms that are still there are registered again before the node may go on with them.
    async fn open(&self) -> Result<(), Unavailable> {
        let sent = boottime::now();
        let Settings {
            lease,
            advertise: address,
            name,
            version,
            most_rooms,
            takeover: keeps_journal,
            peer_address,
            ..
        } = self.settings.clone();
        let draining = self.state.lock().takes_no_rooms();
        let open = Request::Open { lease, address, name, version, most_rooms, keeps_journal, peer_address, draining };
        let Answer::Ok(texts) = self.link.ask(&open).await? else { return Err(unexpected("open")) };
        let (epoch, boot) = (number(&texts, 0)?, number(&texts, 1)?);
        info!(epoch, registers_for_ms = number(&texts, 2)? / 1000, "this server is a node of the cluster");
        self.register_rooms(Epoch(epoch)).await?;
        let mut state = self.state.lock();
        if !state.has_left {
            (state.epoch, state.boot, state.published) = (Some(Epoch(epoch)), boot, None);
            self.confirm(&mut state, sent);
        }
        Ok(())
    }

    /// Returns the number of rooms of nodes that are gone, which shall go on here.
    async fn beat(&self) -> Result<usize, Unavailable> {
        let sent = boottime::now();
        let (node, known, load, players, draining) = {
            let state = self.state.lock();
            let Some(node) = state.epoch else { return Ok(0) };
            (node, state.boot, state.load.0, state.load.1, state.takes_no_rooms())
        };
        let beat = Request::Beat { node, lease: self.settings.lease, load, players, draining };
        match self.link.ask(&beat).await? {
            Answer::Ok(texts) => {
                let (boot, nodes, listing) = (number(&texts, 0)?, number(&texts, 2)?, number(&texts, 3)?);
                let (fallen, ends_in) = (number(&texts, 4)? as usize, number(&texts, 5)?);
                if boot != known {
                    warn!("Redis was started again; this node registers its rooms");
                    self.register_rooms(node).await?;
                }
                let mut state = self.state.lock();
                (state.boot, state.nodes) = (boot, nodes as usize);
                // It has forgotten the list, or never heard of it.
                state.published = state.published.filter(|version| *version == listing);
                self.confirm(&mut state, sent);
                state.beat_at = sent.plus(self.times.beat_before(ends_in, node));
                Ok(fallen)
            }
            Answer::Fenced { boot } => {
                self.fenced(boot.is_some_and(|(boot, left)| boot != known && left > 0));
                self.open().await.map(|()| 0)
            }
            _ => Err(unexpected("beat")),
        }
    }

    fn confirm(&self, state: &mut State, sent: Moment) {
        state.lease.confirm(sent);
        state.beat_at = sent.plus(self.times.beat());
        self.until.store(state.lease.until().map_or(0, |until| until.0), Ordering::Release);
    }

    /// The directory has removed this node. If it has only forgotten everything, the rooms may be registered again.
    fn fenced(&self, forgotten: bool) {
        let mut state = self.state.lock();
        self.until.store(0, Ordering::Release);
        state.lease.lose();
        state.epoch = None;
        if forgotten {
            warn!("Redis has forgotten this node and its rooms");
            return;
        }
        state.fenced += 1;
        error!(rooms = state.rooms.len(), "this node's lease has ended: its rooms are lost");
        let rooms: Vec<String> = state.rooms.keys().cloned().collect();
        rooms.iter().for_each(|id| state.lose(id));
    }

    async fn register_rooms(&self, node: Epoch) -> Result<(), Unavailable> {
        let rooms: Vec<Registration> = self.state.lock().rooms.values().map(|(room, _)| room.clone()).collect();
        for rooms in rooms.chunks(ROOMS_PER_REQUEST) {
            match self.link.ask(&Request::Register { node, rooms: rooms.to_vec() }).await? {
                Answer::Ok(refused) => self.lose(&refused),
                _ => return Err(unexpected("register")),
            }
        }
        Ok(())
    }

    async fn send_reports(&self) -> Result<(), Unavailable> {
        loop {
            let (node, rooms) = {
                let mut state = self.state.lock();
                let Some(node) = state.epoch else { return Ok(()) };
                let ids: Vec<String> = state.reports.keys().take(ROOMS_PER_REQUEST).cloned().collect();
                (node, ids.iter().filter_map(|id| state.reports.remove(id)).collect::<Vec<_>>())
            };
            if rooms.is_empty() {
                return Ok(());
            }
            match self.link.ask(&Request::Report { node, rooms: rooms.clone() }).await {
                Ok(Answer::Ok(lost)) => self.lose(&lost),
                failed => {
                    let mut state = self.state.lock();
                    // What happened since is newer.
                    rooms.into_iter().for_each(|report| state.note_again(report));
                    state.beat_at = Moment(0);
                    return failed.and_then(|_| Err(unexpected("report")));
                }
            }
        }
    }

    fn lose(&self, rooms: &[String]) {
        let mut state = self.state.lock();
        for id in rooms {
            error!(room = id.get(..4), "a room of this node is not its own any more");
            state.lose(id);
        }
    }
}

pub(super) fn unexpected(what: &str) -> Unavailable {
    Unavailable(format!("an answer to {what} that was not expected"))
}

pub(super) fn number(texts: &[String], index: usize) -> Result<u64, Unavailable> {
    texts.get(index).and_then(|text| text.parse().ok()).ok_or_else(|| unexpected("a script"))
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("status", &self.status()).finish_non_exhaustive()
    }
}
