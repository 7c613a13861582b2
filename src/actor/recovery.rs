//! Rooms that go on when a server starts: those that were stored when the last one stopped, and those in its journal, if it
//! crashed.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tracing::{error, info, warn};

use super::directory::Directory;
use super::gatekeeper::RoomPermit;
use super::message::RoomKey;
use super::names;
use super::recordings::Why;
use super::room_file::{Label, StoredRoom};
use super::room_store::RoomStore;
use crate::engine::registry::RoomOptions;
use crate::engine::{
    Checkpoint, GoneBack, JournalEntry, Recovery, Room, RoomConfig, RoomInput, evidence, go_back, recover,
};
use crate::game::Game;
use crate::id::Incarnation;
use crate::store::{Found, FoundRoom, StoreState};
use crate::trust::wall_clock;
use crate::wire::limits;

/// A room that can go on.
pub(super) struct Revived {
    room: Room,
    options: BTreeMap<String, String>,
    private: bool,
    permit: RoomPermit,
    /// Whether it came from a file, which is still there.
    is_stored: bool,
}

impl Directory {
    /// Lets rooms go on. Stored rooms that cannot go on now stay stored, for another build; what a journal has of rooms that
    /// cannot be recovered is moved aside.
    pub(super) fn restore(&mut self) {
        let mut found = self.config.found.take().unwrap_or_default();
        found.damages.iter().for_each(|damage| error!(%damage, "the journal has lost inputs"));
        let (mut crashed, unreadable) = self.read_checkpoints(std::mem::take(&mut found.rooms));
        let mut revived = self.revive_stored(&mut crashed);
        let (all, mut lost) = (crashed.len(), found.headless + unreadable);
        for (found, checkpoint) in crashed.into_values() {
            let id = checkpoint.config().id.clone();
            match self.revive_crashed(&found, checkpoint.clone(), None) {
                Ok(room) => {
                    self.metrics.counts.rooms_recovered.inc_by(u64::from(room.is_some()));
                    revived.extend(room);
                }
                Err(why) => {
                    error!(room = %names::for_logs(&id), why, "a room cannot be recovered");
                    self.keep_evidence(checkpoint, &found.tail, &why);
                    self.metrics.counts.rooms_lost.inc();
                    self.lost.insert(id);
                    lost += 1;
                }
            }
        }
        if all > 0 || lost > 0 {
            info!(rooms = all, lost, torn_bytes = found.torn, "the last server crashed; its rooms are recovered");
        }
        self.start_all(revived, found, lost);
        self.settle_matches();
    }

    /// Matches of rooms that neither go on nor can be woken have ended, perhaps by the crash.
    fn settle_matches(&self) {
        let stored = self.config.store.iter().flat_map(|store| store.labels()).map(|label| label.id);
        // Those that go on now begin on threads of their own.
        let running = self.rooms.values().map(|listed| listed.entry.id.clone());
        self.config.matches.settle(stored.chain(running).collect());
    }

    /// Rooms of a journal by id, each with its checkpoint, and the number of those that cannot be read: such a room has no id,
    /// and is lost.
    fn read_checkpoints(&mut self, rooms: Vec<FoundRoom>) -> (BTreeMap<String, (FoundRoom, Checkpoint)>, usize) {
        let (mut read, mut unreadable) = (BTreeMap::new(), 0);
        for room in rooms {
            let open = |text: &[u8]| self.config.store.as_ref().and_then(|store| store.keys().open(text));
            match Checkpoint::decode_sealed(&room.checkpoint, open) {
                Ok(checkpoint) => _ = read.insert(checkpoint.config().id.clone(), (room, checkpoint)),
                Err(error) => {
                    error!(%error, "the checkpoint of a room cannot be read; the room is lost");
                    self.metrics.counts.rooms_lost.inc();
                    unreadable += 1;
                }
            }
        }
        (read, unreadable)
    }

    /// Stored rooms, except those that sleep. A room that the journal has in a later incarnation went on after it was stored.
    fn revive_stored(&mut self, crashed: &mut BTreeMap<String, (FoundRoom, Checkpoint)>) -> Vec<Revived> {
        let Some(store) = self.config.store.clone() else { return Vec::new() };
        let (mut all, mut revived) = (0, Vec::new());
        for label in store.labels() {
            let later = |(_, other): &(_, Checkpoint)| other.config().incarnation > label.incarnation;
            if crashed.get(&label.id).is_some_and(later) {
                store.forget(&label.id);
                continue;
            }
            crashed.remove(&label.id);
            if label.asleep_since.is_some() {
                self.sleeping.insert(label);
                continue;
            }
            all += 1;
            match self.revive_file(&store, &label) {
                Ok(room) => revived.push(room),
                Err(why) => {
                    let (room, file) = (names::for_logs(&label.id), store.path(&label.id));
                    error!(%room, why, file = %file.display(), "a stored room cannot go on; its file stays");
                }
            }
        }
        self.metrics.counts.rooms_restored.inc_by(revived.len() as u64);
        if all > 0 {
            info!(rooms = revived.len(), of = all, "stored rooms go on");
        }
        revived
    }

    /// A room that is stored.
    pub(super) fn revive_file(&self, store: &RoomStore, label: &Label) -> Result<Revived, String> {
        let StoredRoom { checkpoint, .. } = store.take(&label.id)?;
        let restored = self.revive(checkpoint, None, |checkpoint, game| {
            let mut room = Room::restore(checkpoint, game).map_err(|error| error.to_string())?;
            if let Some(since) = label.asleep_since {
                let elapsed = wall_clock().saturating_sub(since).saturating_mul(1000);
                room.apply(RoomInput::Woke { elapsed }, &mut Vec::new());
            }
            Ok(Some((room, Some(0))))
        })?;
        restored.map(|room| Revived { is_stored: true, ..room }).ok_or_else(|| "it has ended".to_owned())
    }

    /// A room of a journal; `None` when it had ended. `incarnation`: as [`Self::revive`].
    pub(super) fn revive_crashed(
        &self,
        found: &FoundRoom,
        checkpoint: Checkpoint,
        incarnation: Option<Incarnation>,
    ) -> Result<Option<Revived>, String> {
        if let Some(damage) = &found.damage {
            return Err(damage.to_string());
        }
        let is_foreign = self.config.goes_back_unless.as_ref().is_some_and(|mine| *mine != found.build);
        self.revive(checkpoint, incarnation, |checkpoint, game| {
            let has_tail = !found.tail.is_empty() || found.forgotten;
            let forgotten = found.forgotten || checkpoint.has_forgotten();
            if has_tail && (is_foreign || forgotten || !game.is_deterministic()) {
                return self.go_back(checkpoint, found, game).map(Some);
            }
            let recovered = recover(checkpoint, found.from, &found.tail, game).map_err(|error| error.to_string())?;
            let Recovery { room, over, entries } = recovered;
            self.retell(entries);
            if over.is_some() {
                let RoomConfig { id, incarnation, .. } = room.config();
                self.config.matches.end(id, incarnation.0, room.public_result().cloned());
            }
            Ok(over.is_none().then_some((room, Some(limits::SPARE_IDS))))
        })
    }

    fn go_back(
        &self,
        checkpoint: Checkpoint,
        found: &FoundRoom,
        game: Box<dyn Game>,
    ) -> Result<(Room, Option<u32>), String> {
        let GoneBack { room, ticks, commands } =
            go_back(checkpoint, &found.tail, game).map_err(|error| error.to_string())?;
        let id = names::for_logs(&room.config().id);
        warn!(room = %id, build = found.build, ticks, commands, "a room goes back to its checkpoint, and its players are told");
        self.metrics.counts.rooms_gone_back.inc();
        Ok((room, Some(limits::SPARE_IDS_BEYOND_CHECKPOINT)))
    }

    /// Makes the game of a room and calls `rebuild`, which also tells how many entity ids are skipped; nothing, if all clients were
    /// told where the room goes on. The room's new incarnation is `incarnation` or the next one.
    pub(super) fn revive(
        &self,
        checkpoint: Checkpoint,
        incarnation: Option<Incarnation>,
        rebuild: impl FnOnce(Checkpoint, Box<dyn Game>) -> Result<Option<(Room, Option<u32>)>, String>,
    ) -> Result<Option<Revived>, String> {
        let RoomConfig { game, setup, .. } = checkpoint.config().clone();
        let factory = self.config.games.get(&game).ok_or_else(|| format!("there is no game {game:?}"))?;
        let RoomOptions { private, .. } = RoomOptions::read(&setup.options, setup.rate, setup.rate)?;
        let permit = self.config.gatekeeper.make_room(None).ok_or("too many rooms")?;
        self.retell(checkpoint.unstored().iter().cloned().map(Arc::new));
        let made = catch_unwind(AssertUnwindSafe(|| {
            let game = factory(&setup).map_err(|error| error.to_string())?;
            let Some((mut room, spare_ids)) = rebuild(checkpoint, game)? else { return Ok(None) };
            let incarnation = incarnation.unwrap_or_else(|| room.config().incarnation.next());
            let goes_on = match spare_ids {
                Some(spare_ids) => RoomInput::Recovered { incarnation, spare_ids },
                None => RoomInput::Moved { incarnation },
            };
            // Nobody is connected who could be told of anything.
            room.apply(goes_on, &mut Vec::new());
            Ok(Some(room))
        }));
        let room = made.unwrap_or_else(|_| Err("the game panicked".to_owned()))?;
        Ok(room.map(|room| Revived { room, options: setup.options, private, permit, is_stored: false }))
    }

    /// Starts rooms. Their new incarnations must be on record before anybody sees them, and what they came from must stay
    /// until then.
    fn start_all(&mut self, mut revived: Vec<Revived>, found: Found, lost: usize) {
        if let Some(journal) = &self.config.journal {
            for Revived { room, .. } in &mut revived {
                if let Some(checkpoint) = room.checkpoint().map(Arc::new) {
                    let start = JournalEntry { checkpoint: Some(checkpoint), ..JournalEntry::default() };
                    journal.room(&room.config().id, None, || {}).append(start, false);
                }
            }
            self.flush_tap();
            match journal.flush() {
                StoreState::Writing if lost > 0 => journal.keep(found),
                StoreState::Writing => journal.forget(found),
                state => warn!(?state, "what was found stays, because the journal cannot be written"),
            }
        }
        revived.into_iter().for_each(|room| _ = self.start_revived(room));
    }

    /// Starts a room.
    pub(super) fn start_revived(&mut self, revived: Revived) -> RoomKey {
        let Revived { room, options, private, permit, is_stored } = revived;
        let key = RoomKey(self.next);
        self.next += 1;
        let tickets = room.tickets().collect();
        let listed = self.start(key, room, (options, private), permit, is_stored);
        self.rooms.insert(key, listed);
        self.changed.insert(key);
        self.reserve_again(key, tickets);
        key
    }

    fn keep_evidence(&self, checkpoint: Checkpoint, tail: &[JournalEntry], why: &str) {
        if let Some(recordings) = &self.config.recordings {
            let recording = evidence(checkpoint, tail, &format!("not recovered: {why}"));
            if !recordings.write(recording, Why::Lost, None) {
                self.metrics.counts.recordings_lost.inc();
            }
        }
    }
}
