//! The rooms of a server, found by id, by game and options, and by what has changed. Nothing here looks through all rooms.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::message::RoomKey;
use super::room_handle::RoomHandle;
use super::status::{Changes, PendingJoin};
use crate::engine::JoinKind;
use crate::engine::registry::{self, RoomRegistry};
use crate::wire::Close;

type Options = BTreeMap<String, String>;

/// The rooms of a server. Rooms that have ended may still be there.
#[derive(Default)]
pub struct LocalRooms {
    rooms: BTreeMap<RoomKey, RoomHandle>,
    /// The newest room with each id.
    by_id: BTreeMap<String, RoomKey>,
    /// The listed rooms by game and options.
    listed: BTreeMap<String, BTreeMap<Arc<Options>, Vacant>>,
    /// By room thread: its rooms and their players.
    loads: Vec<usize>,
    changes: Arc<Changes>,
}

/// Rooms that had a place when their status last changed.
#[derive(Default)]
struct Vacant {
    players: BTreeSet<RoomKey>,
    spectators: BTreeSet<RoomKey>,
}

impl Vacant {
    fn of(&self, kind: JoinKind) -> &BTreeSet<RoomKey> {
        match kind {
            JoinKind::Newcomer | JoinKind::Returning => &self.players,
            JoinKind::Spectator => &self.spectators,
        }
    }

    fn put(&mut self, key: RoomKey, [players, spectators]: [bool; 2]) {
        for (rooms, has_place) in [(&mut self.players, players), (&mut self.spectators, spectators)] {
            if has_place {
                rooms.insert(key);
            } else {
                rooms.remove(&key);
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.players.is_empty() && self.spectators.is_empty()
    }
}

impl LocalRooms {
    /// No rooms, on so many threads.
    pub fn on(threads: usize) -> Self {
        Self { loads: vec![0; threads], ..Self::default() }
    }

    /// What new rooms report their changes to.
    pub fn changes(&self) -> &Arc<Changes> {
        &self.changes
    }

    /// The number of rooms.
    pub fn len(&self) -> usize {
        self.rooms.len()
    }

    pub fn get(&self, key: RoomKey) -> Option<&RoomHandle> {
        self.rooms.get(&key)
    }

    /// The newest room with this id, which may have ended.
    pub fn by_id(&self, id: &str) -> Option<RoomKey> {
        self.by_id.get(id).copied()
    }

    pub fn keys(&self) -> impl Iterator<Item = RoomKey> {
        self.rooms.keys().copied()
    }

    pub fn values(&self) -> impl Iterator<Item = &RoomHandle> {
        self.rooms.values()
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut RoomHandle> {
        self.rooms.values_mut()
    }

    /// The thread with the fewest rooms and players.
    pub fn least_loaded(&self) -> usize {
        registry::least_loaded(self.loads.iter().copied()).unwrap_or(0)
    }

    /// Adds a room.
    pub fn insert(&mut self, key: RoomKey, handle: RoomHandle) {
        self.by_id.insert(handle.entry.id.clone(), key);
        self.rooms.insert(key, handle);
        self.update(key);
    }

    /// Takes note of what has changed. Returns the rooms that have ended, which are not there any more, and the keys of the
    /// others.
    pub fn take_changes(&mut self) -> (Vec<RoomHandle>, Vec<RoomKey>) {
        let (mut ended, mut changed) = (Vec::new(), Vec::new());
        for key in self.changes.take() {
            if self.update(key) {
                changed.push(key);
            } else if self.get(key).is_some_and(|room| room.status.is_over()) {
                // Before that it may still fall asleep.
                ended.extend(self.remove(key));
            }
        }
        (ended, changed)
    }

    /// Takes note of a room's status. Returns whether the room is open.
    fn update(&mut self, key: RoomKey) -> bool {
        let Some(handle) = self.rooms.get_mut(&key) else { return false };
        handle.refresh();
        let load = 1 + handle.entry.players;
        self.loads[handle.arbiter] += load;
        self.loads[handle.arbiter] -= std::mem::replace(&mut handle.load, load);
        let is_open = !handle.status.is_closed();
        if !handle.private {
            let kinds = [JoinKind::Newcomer, JoinKind::Spectator];
            let has_place = kinds.map(|kind| is_open && handle.status.admits(kind, handle.most(kind)));
            let by_options = self.listed.entry(handle.entry.game.clone()).or_default();
            let vacant = by_options.entry(handle.options.clone()).or_default();
            vacant.put(key, has_place);
            if vacant.is_empty() {
                by_options.remove(&handle.options);
            }
        }
        is_open
    }

    fn remove(&mut self, key: RoomKey) -> Option<RoomHandle> {
        let handle = self.rooms.remove(&key)?;
        self.loads[handle.arbiter] -= handle.load;
        if self.by_id(&handle.entry.id) == Some(key) {
            self.by_id.remove(&handle.entry.id);
        }
        Some(handle)
    }
}

impl RoomRegistry for LocalRooms {
    type Key = RoomKey;
    type Pending = PendingJoin;

    fn find(&self, id: &str) -> Option<RoomKey> {
        self.by_id(id).filter(|key| self.get(*key).is_some_and(|found| !found.status.is_closed()))
    }

    fn matching(&self, game: &str, options: &Options, kind: JoinKind) -> impl Iterator<Item = RoomKey> {
        let vacant = self.listed.get(game).and_then(|by_options| by_options.get(options));
        vacant.into_iter().flat_map(move |vacant| vacant.of(kind)).copied()
    }

    fn game(&self, room: RoomKey) -> Option<&str> {
        self.get(room).map(|found| &*found.entry.game)
    }

    fn announce(&self, room: RoomKey, kind: JoinKind) -> Result<PendingJoin, Close> {
        let found = self.get(room).ok_or(Close::RoomClosed)?;
        found.status.announce(kind, found.most(kind))
    }
}
