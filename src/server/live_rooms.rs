//! The live list of rooms: first the rooms that a watcher asked for, then what becomes of them.
//!
//! What a watcher costs is bounded: it is told of no more rooms at a time than it asked for, and one that does not keep up gets
//! the list anew instead of a backlog.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use actix_web::rt::time::timeout;
use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::lobby::Search;
use crate::actor::{ListChange, ListedRoom, RoomBoard, json_list};

/// Somebody who watches the list of rooms.
struct Watcher {
    search: Search,
    board: Arc<RoomBoard>,
    changes: Receiver<Arc<[ListChange]>>,
    /// The ids of the rooms that the watcher knows.
    told: BTreeSet<String>,
    /// Whether there were more rooms than the watcher may be told of.
    has_more: bool,
    is_new: bool,
}

/// The rooms found, and what becomes of them. A periodic comment lets dead connections be detected.
pub(super) fn events(board: Arc<RoomBoard>, search: Search) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
    let (changes, told) = (board.watch(), BTreeSet::new());
    let watcher = Watcher { search, board, changes, told, has_more: false, is_new: true };
    stream::unfold(watcher, |mut watcher| async { watcher.next().await.map(|event| (Ok(event), watcher)) })
}

impl Watcher {
    const QUIET: Duration = Duration::from_secs(10);

    async fn next(&mut self) -> Option<Bytes> {
        if std::mem::take(&mut self.is_new) {
            return Some(self.list());
        }
        loop {
            match timeout(Self::QUIET, self.changes.recv()).await {
                Ok(Ok(changes)) => {
                    if let Some(event) = self.changed(&changes) {
                        return Some(event);
                    }
                }
                Ok(Err(RecvError::Lagged(_))) => {
                    self.changes = self.board.watch();
                    return Some(self.list());
                }
                Ok(Err(RecvError::Closed)) => return None,
                Err(_) => return Some(Bytes::from_static(b": still here\n\n")),
            }
        }
    }

    /// The rooms found.
    fn list(&mut self) -> Bytes {
        let mut rooms = self.search.through(&self.board, self.search.limit + 1, |_| true);
        self.has_more = rooms.len() > self.search.limit;
        rooms.truncate(self.search.limit);
        self.told = rooms.iter().map(|room| room.entry.id.clone()).collect();
        event(&[("rooms", json_list(&rooms))], self.has_more)
    }

    /// What has become of the rooms found; `None` when nothing has.
    fn changed(&mut self, changes: &[ListChange]) -> Option<Bytes> {
        let before = self.has_more;
        let (mut added, mut changed, mut removed) = (Vec::new(), Vec::new(), Vec::new());
        for (id, listed) in changes {
            match (self.told.contains(id), listed.as_ref().filter(|listed| self.search.finds(&listed.entry))) {
                (true, Some(listed)) => changed.push(listed.clone()),
                (true, None) => {
                    self.told.remove(id);
                    removed.push(id.as_str());
                }
                (false, Some(_)) if self.told.len() >= self.search.limit => self.has_more = true,
                (false, Some(listed)) => self.add(listed.clone(), &mut added),
                (false, None) => {}
            }
        }
        self.fill(&mut added);
        if added.is_empty() && changed.is_empty() && removed.is_empty() && before == self.has_more {
            return None;
        }
        let mut parts = Vec::new();
        parts.extend((!added.is_empty()).then(|| ("added", json_list(&added))));
        parts.extend((!changed.is_empty()).then(|| ("changed", json_list(&changed))));
        parts.extend(
            (!removed.is_empty()).then(|| ("removed", serde_json::to_vec(&removed).unwrap_or_default().into())),
        );
        Some(event(&parts, self.has_more))
    }

    /// Tells of rooms for which there was no space before.
    fn fill(&mut self, added: &mut Vec<Arc<ListedRoom>>) {
        let space = self.search.limit.saturating_sub(self.told.len());
        if !self.has_more || space == 0 {
            return;
        }
        let mut rooms = self.search.through(&self.board, space + 1, |id| !self.told.contains(id));
        self.has_more = rooms.len() > space;
        rooms.truncate(space);
        rooms.into_iter().for_each(|listed| self.add(listed, added));
    }

    fn add(&mut self, listed: Arc<ListedRoom>, added: &mut Vec<Arc<ListedRoom>>) {
        self.told.insert(listed.entry.id.clone());
        added.push(listed);
    }
}

/// An event of these parts, and whether there are more rooms than the watcher is told of.
fn event(parts: &[(&str, Bytes)], has_more: bool) -> Bytes {
    let mut event = b"data: {".to_vec();
    for (name, json) in parts {
        event.extend_from_slice(format!("\"{name}\":").as_bytes());
        event.extend_from_slice(json);
        event.push(b',');
    }
    event.extend_from_slice(format!("\"more\":{has_more}}}\n\n").as_bytes());
    event.into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::actor::RoomEntry;
    use crate::wire::limits;

    fn entry(id: &str, players: usize) -> RoomEntry {
        let (id, game) = (id.to_owned(), "arena".to_owned());
        let properties = Default::default();
        RoomEntry { id, game, players, away: 0, capacity: 2, spectators: 0, locked: false, rate: 20, properties }
    }

    fn watcher(board: &Arc<RoomBoard>, query: &str) -> Watcher {
        let query = actix_web::web::Query::<Vec<(String, String)>>::from_query(query).expect("a query");
        let search = Search::read(query.into_inner()).expect("a good one");
        let (board, changes, told) = (board.clone(), board.watch(), BTreeSet::new());
        Watcher { search, board, changes, told, has_more: false, is_new: true }
    }

    /// The ids in each part of the next event.
    async fn next(watcher: &mut Watcher) -> Value {
        let event = watcher.next().await.expect("an event");
        let text = std::str::from_utf8(&event).expect("text");
        let json = text.strip_prefix("data: ").and_then(|text| text.strip_suffix("\n\n")).expect("data");
        let mut event: Value = serde_json::from_str(json).expect("JSON");
        for part in ["rooms", "added", "changed"] {
            let entries = event.get_mut(part).and_then(Value::as_array_mut);
            entries.into_iter().flatten().for_each(|entry| *entry = entry["id"].take());
        }
        event
    }

    #[actix_web::test]
    async fn a_watcher_gets_the_list_and_then_its_changes() {
        let board = Arc::<RoomBoard>::default();
        board.publish([], [entry("b", 0), entry("d", 2)]);
        let (mut all, mut open) = (watcher(&board, ""), watcher(&board, "open=true"));
        assert_eq!(next(&mut all).await, json!({"rooms": ["b", "d"], "more": false}));
        assert_eq!(next(&mut open).await, json!({"rooms": ["b"], "more": false}));
        board.publish([], [entry("a", 0), entry("b", 1)]);
        for watcher in [&mut all, &mut open] {
            assert_eq!(next(watcher).await, json!({"added": ["a"], "changed": ["b"], "more": false}));
        }
        board.publish(["a".to_owned()], [entry("b", 2), entry("d", 1)]);
        assert_eq!(next(&mut all).await, json!({"changed": ["b", "d"], "removed": ["a"], "more": false}));
        assert_eq!(next(&mut open).await, json!({"added": ["d"], "removed": ["a", "b"], "more": false}));
    }

    #[actix_web::test]
    async fn a_watcher_is_told_of_so_many_rooms_and_of_others_when_there_is_space() {
        let board = Arc::<RoomBoard>::default();
        board.publish([], ["a", "b", "c", "d"].map(|id| entry(id, 0)));
        let mut watcher = watcher(&board, "limit=2&after=a");
        assert_eq!(next(&mut watcher).await, json!({"rooms": ["b", "c"], "more": true}));
        board.publish([], [entry("d", 1), entry("e", 0)]);
        board.publish(["b".to_owned()], []);
        assert_eq!(next(&mut watcher).await, json!({"added": ["d"], "removed": ["b"], "more": true}));
        board.publish(["c".to_owned(), "d".to_owned()], []);
        assert_eq!(next(&mut watcher).await, json!({"added": ["e"], "removed": ["c", "d"], "more": false}));
    }

    #[actix_web::test]
    async fn a_change_among_ten_thousand_rooms_costs_a_watcher_its_own_bytes() {
        let told = async |rooms: usize| {
            let board = Arc::<RoomBoard>::default();
            board.publish([], (0..rooms).map(|number| entry(&format!("room-{number:05}"), 1)));
            let mut watcher = watcher(&board, "");
            let list = watcher.next().await.expect("the list").len();
            let mut changes = Vec::new();
            for second in 0..20 {
                board.publish([], [entry(&format!("room-{second:05}"), 2)]);
                changes.push(watcher.next().await.expect("a change").len());
            }
            // What a watcher is not told of is not sent.
            board.publish([], [entry("room-09999", 2)]);
            board.publish([], [entry("room-00000", 3)]);
            changes.push(watcher.next().await.expect("a change").len());
            assert!(watcher.told.len() <= limits::ROOMS_LISTED);
            (list, changes)
        };
        let (few, many) = (told(100).await, told(10_000).await);
        println!("the list: {} and {} bytes; a change: {} and {}", few.0, many.0, few.1[0], many.1[0]);
        let one = serde_json::to_vec(&entry("room-00000", 2)).expect("JSON").len();
        assert!(many.0 <= few.0 * limits::ROOMS_LISTED / 100 + 100);
        assert!(many.1.iter().all(|bytes| *bytes <= one + 64), "{one} bytes and {:?}", many.1);
        assert!(few.1[..20].iter().zip(&many.1).all(|(few, many)| few.abs_diff(*many) <= 1), "but for false and true");
    }

    #[actix_web::test]
    async fn a_watcher_that_does_not_keep_up_gets_the_list_anew() {
        let board = Arc::<RoomBoard>::default();
        let mut watcher = watcher(&board, "");
        assert_eq!(next(&mut watcher).await, json!({"rooms": [], "more": false}));
        (1..200).for_each(|players| board.publish([], [entry("a", players)]));
        assert_eq!(next(&mut watcher).await, json!({"rooms": ["a"], "more": false}));
        board.publish(["a".to_owned()], []);
        assert_eq!(next(&mut watcher).await, json!({"removed": ["a"], "more": false}));
    }
}
