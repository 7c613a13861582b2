//! Persistent rooms that nobody is in: the directory knows what finds them, and wakes those that somebody wants to join.

use std::collections::{BTreeMap, BTreeSet};

use tracing::{debug, error};

use super::directory::Directory;
use super::message::RoomKey;
use super::names;
use super::room_file::Label;
use crate::engine::CloseReason;
use crate::wire::{Close, limits};

/// The labels of sleeping rooms.
#[derive(Debug, Default)]
pub struct Sleeping {
    by_id: BTreeMap<String, Label>,
    /// The ids of rooms that are found by game and options.
    public: BTreeMap<(String, BTreeMap<String, String>), BTreeSet<String>>,
}

impl Sleeping {
    pub fn insert(&mut self, label: Label) {
        if !label.private {
            let kind = (label.game.clone(), label.options.clone());
            self.public.entry(kind).or_default().insert(label.id.clone());
        }
        self.by_id.insert(label.id.clone(), label);
    }

    fn remove(&mut self, id: &str) -> Option<Label> {
        let label = self.by_id.remove(id)?;
        let kind = (label.game.clone(), label.options.clone());
        if let Some(ids) = self.public.get_mut(&kind) {
            ids.remove(id);
            if ids.is_empty() {
                self.public.remove(&kind);
            }
        }
        Some(label)
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }
}

impl Directory {
    /// Takes note of the rooms that have changed or fell asleep, and forgets those that ended.
    pub(super) fn heed_changes(&mut self) {
        let (ended, changed) = self.rooms.take_changes();
        changed.iter().for_each(|room| self.gather_tickets(*room));
        self.changed.extend(changed);
        for mut listed in ended {
            self.report_ended(&mut listed);
            match listed.status.take_label() {
                Some(label) => self.sleeping.insert(label),
                None => self.ended.insert(&listed.entry.id),
            }
            self.gone.push(listed.entry.id.clone());
        }
        self.metrics.counts.rooms_asleep.set(self.sleeping.len() as i64);
    }

    /// Wakes the room with this id, if it sleeps.
    pub(super) fn wake_named(&mut self, id: Option<&str>) -> Result<(), CloseReason> {
        let Some(id) = id.filter(|id| self.find(id).is_none()) else { return Ok(()) };
        self.heed_changes();
        self.wake(id).map(drop)
    }

    /// Wakes a room of this game with exactly these options, if one sleeps.
    pub(super) fn wake_matching(
        &mut self,
        game: &str,
        options: &BTreeMap<String, String>,
    ) -> Result<Option<RoomKey>, CloseReason> {
        self.heed_changes();
        let ids = self.sleeping.public.get(&(game.to_owned(), options.clone()));
        let Some(id) = ids.and_then(|ids| ids.first()).cloned() else { return Ok(None) };
        self.wake(&id)
    }

    fn wake(&mut self, id: &str) -> Result<Option<RoomKey>, CloseReason> {
        let (Some(store), true) = (self.config.store.clone(), self.sleeping.by_id.contains_key(id)) else {
            return Ok(None);
        };
        if self.rooms.len() >= self.config.most_rooms {
            return Err(Close::TryLater.into());
        }
        let Some(label) = self.sleeping.remove(id) else { return Ok(None) };
        self.metrics.counts.rooms_asleep.set(self.sleeping.len() as i64);
        let room = names::for_logs(id).into_owned();
        match self.revive_file(&store, &label) {
            Ok(revived) => {
                debug!(room, "a room wakes up");
                self.metrics.counts.rooms_woken.inc();
                Ok(Some(self.start_revived(revived)))
            }
            Err(why) => {
                error!(room, why, "a sleeping room cannot go on; its file stays");
                Err(Close::RoomLost.into())
            }
        }
    }

    /// Whether a room that shall outlive its players can be made.
    pub(super) fn check_persistent(&self, outlives: bool, wanted: bool) -> Result<(), CloseReason> {
        let refuse = |why: &str| Err(CloseReason::with_text(Close::NoSuchRoom, why));
        match (outlives, self.config.store.is_some()) {
            (false, _) if wanted => refuse("rooms of this game do not outlive their players: leave out persistent"),
            (true, false) if wanted => refuse("this server keeps no rooms: leave out persistent, or set data"),
            (true, true) if self.sleeping.len() >= limits::ROOMS_ASLEEP => Err(Close::TryLater.into()),
            _ => Ok(()),
        }
    }
}
