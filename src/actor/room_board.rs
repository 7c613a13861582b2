//! The list of rooms as the directory publishes it: pages for those who ask, and changes for those who watch.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;
use tokio::sync::broadcast;
use tracing::warn;

use super::message::RoomEntry;

/// A listed room.
#[derive(Debug, PartialEq, Eq)]
pub struct ListedRoom {
    pub entry: RoomEntry,
    /// The entry as JSON, for all who ask.
    pub json: Bytes,
}

impl ListedRoom {
    fn new(entry: RoomEntry) -> Option<Arc<Self>> {
        match serde_json::to_vec(&entry) {
            Ok(json) => Some(Arc::new(Self { entry, json: json.into() })),
            Err(error) => {
                warn!(%error, "a room could not be listed");
                None
            }
        }
    }
}

/// What has become of the room with this id: as it is listed from now on, or `None` when it is not listed any more.
pub type ListChange = (String, Option<Arc<ListedRoom>>);

/// The listed rooms, ordered by id.
#[derive(Debug)]
pub struct RoomBoard {
    rooms: RwLock<BTreeMap<String, Arc<ListedRoom>>>,
    changes: broadcast::Sender<Arc<[ListChange]>>,
}

impl Default for RoomBoard {
    fn default() -> Self {
        Self { rooms: RwLock::default(), changes: broadcast::Sender::new(Self::BACKLOG) }
    }
}

impl RoomBoard {
    /// Changes that a watcher may be behind, before it gets the list anew: some seconds of them.
    const BACKLOG: usize = 32;

    /// Publishes what has become of rooms. What is published already changes nothing.
    pub fn publish(&self, gone: impl IntoIterator<Item = String>, entries: impl IntoIterator<Item = RoomEntry>) {
        let mut rooms = self.rooms.write();
        let mut changes: Vec<ListChange> = Vec::new();
        changes.extend(gone.into_iter().filter(|id| rooms.remove(id).is_some()).map(|id| (id, None)));
        for entry in entries {
            if rooms.get(&entry.id).is_some_and(|known| known.entry == entry) {
                continue;
            }
            let Some(listed) = ListedRoom::new(entry) else { continue };
            rooms.insert(listed.entry.id.clone(), listed.clone());
            changes.push((listed.entry.id.clone(), Some(listed)));
        }
        if !changes.is_empty() {
            // Without watchers nobody receives it.
            let _ = self.changes.send(changes.into());
        }
    }

    /// Publishes the whole list.
    pub fn replace(&self, entries: Vec<RoomEntry>) {
        let kept: BTreeMap<&str, ()> = entries.iter().map(|entry| (&*entry.id, ())).collect();
        let gone: Vec<String> = self.rooms.read().keys().filter(|id| !kept.contains_key(&***id)).cloned().collect();
        self.publish(gone, entries);
    }

    /// The changes from now on. Ask for the list afterwards: it may have some of the changes already.
    pub fn watch(&self) -> broadcast::Receiver<Arc<[ListChange]>> {
        self.changes.subscribe()
    }

    /// The first `limit` rooms after the id `after` that `finds` selects, in the order of their ids.
    pub fn page(&self, after: Option<&str>, limit: usize, finds: impl Fn(&RoomEntry) -> bool) -> Vec<Arc<ListedRoom>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rooms = self.rooms.read();
        let rooms = rooms.range::<str, _>((from, Bound::Unbounded)).map(|(_, listed)| listed);
        rooms.filter(|listed| finds(&listed.entry)).take(limit).cloned().collect()
    }

    /// The whole list as JSON.
    pub fn json(&self) -> Bytes {
        json_list(&self.page(None, usize::MAX, |_| true))
    }
}

/// A list of rooms as JSON.
pub fn json_list(rooms: &[Arc<ListedRoom>]) -> Bytes {
    let length: usize = rooms.iter().map(|listed| listed.json.len() + 1).sum();
    let mut json = Vec::with_capacity(length + 2);
    json.push(b'[');
    for (index, listed) in rooms.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        json.extend_from_slice(&listed.json);
    }
    json.push(b']');
    json.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, players: usize) -> RoomEntry {
        let (id, game, properties) = (id.to_owned(), "arena".to_owned(), Arc::default());
        RoomEntry { id, game, players, away: 0, capacity: 9, spectators: 0, locked: false, rate: 20, properties }
    }

    fn ids(rooms: &[Arc<ListedRoom>]) -> Vec<&str> {
        rooms.iter().map(|listed| &*listed.entry.id).collect()
    }

    #[test]
    fn watchers_get_what_has_changed_and_nothing_else() {
        let board = RoomBoard::default();
        board.publish([], ["b", "a", "c"].map(|id| entry(id, 0)));
        let mut changes = board.watch();
        board.publish([], [entry("a", 0)]);
        assert!(changes.try_recv().is_err(), "it is listed as it was");
        board.publish(["c".to_owned(), "x".to_owned()], [entry("a", 1), entry("b", 0)]);
        let change = changes.try_recv().expect("a change");
        let told: Vec<_> = change.iter().map(|(id, now)| (&**id, now.as_ref().map(|now| now.entry.players))).collect();
        assert_eq!(told, [("c", None), ("a", Some(1))]);
        board.replace(vec![entry("b", 0), entry("d", 0)]);
        let change = changes.try_recv().expect("a change");
        let told: Vec<_> = change.iter().map(|(id, now)| (&**id, now.is_some())).collect();
        assert_eq!(told, [("a", false), ("d", true)]);
        assert_eq!(board.json(), serde_json::to_vec(&[entry("b", 0), entry("d", 0)]).expect("JSON"));
    }

    #[test]
    fn pages_go_on_after_a_room_that_is_gone() {
        let board = RoomBoard::default();
        board.publish([], ["a", "b", "c", "d", "e"].map(|id| entry(id, usize::from(id == "d"))));
        assert_eq!(ids(&board.page(None, 2, |_| true)), ["a", "b"]);
        board.publish(["b".to_owned()], []);
        assert_eq!(ids(&board.page(Some("b"), 2, |_| true)), ["c", "d"]);
        assert_eq!(ids(&board.page(Some("b"), 2, |entry| entry.players == 0)), ["c", "e"]);
        assert!(board.page(Some("e"), 2, |_| true).is_empty());
    }
}
