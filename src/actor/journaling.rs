//! The journal of a room: what the room actor appends after each tick, and what it may tell once that is safe.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use actix::{AsyncContext, Context, Handler, Message, Recipient};
use tracing::{debug, error};

use super::archiving::RoomMatch;
use super::films::Films;
use super::frame_feed::FrameFeed;
use super::recordings::Recordings;
use super::room::RoomActor;
use super::room_channels::RoomChannels;
use super::room_file::{Label, StoredRoom};
use super::room_store::RoomStore;
use super::tapping::RoomTap;
use crate::cluster::Tenure;
use crate::engine::{FrameStore, Host, Room, Waiting};
use crate::store::Journal;
use crate::trust::wall_clock;
use crate::wire::Close;

/// Where the room is written to, if anywhere.
pub struct Files {
    /// When the server stops.
    pub store: Option<Arc<RoomStore>>,
    /// Whether its file is there, from which the room was made.
    pub is_stored: bool,
    /// All the time.
    pub journal: Option<Journal>,
    /// When something went wrong.
    pub recordings: Option<Arc<Recordings>>,
    /// What systems outside of the server are told.
    pub tap: Option<RoomTap>,
    /// When the match has ended.
    pub matches: RoomMatch,
    /// Those of the server.
    pub films: Arc<Films>,
    /// Between rooms.
    pub channels: RoomChannels,
}

/// Journal to room: look at what is safe.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Safe;

/// The host of a room that is written to a journal if there is one and its game is saved.
pub(super) fn surround<T: Waiting, F: FrameStore>(mut host: Host<T, F>, files: &Files) -> (Host<T, F>, bool) {
    if files.tap.is_some() {
        host = host.with_tap();
    }
    if files.journal.is_none() {
        // Nobody could ask for the last minute of a room without a folder for it.
        let keeps = files.recordings.is_some() || files.matches.keeps_film();
        return (filmed(if keeps { host.with_recorder() } else { host }, files), false);
    }
    let mut host = filmed(host.with_journal(), files);
    // A room whose game is not saved cannot be brought back, so nothing needs to wait.
    let saved = host.has_checkpoint();
    if !saved {
        host.safe(u64::MAX);
    }
    (host, saved)
}

fn filmed<T: Waiting, F: FrameStore>(host: Host<T, F>, files: &Files) -> Host<T, F> {
    if files.matches.keeps_film() { host.with_archive() } else { host }
}

impl RoomActor {
    /// Appends the state from which the room starts.
    pub(super) fn open_journal(&mut self, ctx: &mut Context<Self>) {
        let Some(journal) = self.files.journal.as_ref().filter(|_| self.is_journaled) else {
            return self.status.set_recorded();
        };
        let wake: Recipient<Safe> = ctx.address().recipient();
        // If its mailbox is full, the room looks at its next tick.
        let wake = move || _ = wake.try_send(Safe);
        let id = self.room().map_or_else(String::new, |room| room.config().id.clone());
        let journal = self.journal.insert(journal.room(&id, self.tenure.clone(), wake));
        if let Some(host) = &mut self.host {
            journal.append(host.take_entry(), true);
        }
    }

    /// Appends what has happened since the entry before.
    pub(super) fn write_journal(&mut self) {
        self.heed_outbox();
        let Some(host) = &mut self.host else { return };
        if let Some(journal) = &self.journal {
            let entry = host.take_entry();
            journal.append(entry, host.is_waiting());
        } else if self.files.journal.is_some() {
            host.take_record();
        }
    }

    /// Lets out what is safe by now. Returns whether the room can go on.
    pub(super) fn heed_journal(&mut self) -> bool {
        if let (Some(journal), Some(host)) = (&self.journal, &mut self.host) {
            if journal.has_failed() {
                return false;
            }
            let upto = journal.safe();
            if upto > 0 {
                self.status.set_recorded();
            }
            // The record may be this node's, and the room another one's.
            if self.tenure.as_ref().is_some_and(Tenure::is_lost) {
                return true;
            }
            host.safe(upto);
            if upto == u64::MAX {
                // It was given up: there is nothing to append to.
                self.journal = None;
            }
        }
        true
    }

    /// Stores the room for the next server, if there is a folder for it, its game is saved, and somebody has a seat to come
    /// to or the room outlives its players.
    pub(super) fn store(&mut self) {
        let Some(store) = self.files.store.clone() else { return };
        // What clients have sent until now is part of the room.
        let stored = catch_unwind(AssertUnwindSafe(|| {
            self.collect_inputs();
            let host = self.host.as_mut().filter(|host| is_needed(host.room()));
            host.map(Host::checkpoint)
        }));
        match stored {
            Ok(None) => {}
            // The journal is needed until the file is whole.
            Ok(Some(Some(checkpoint))) => {
                let asleep = self.room().is_some_and(|room| !has_seats(room));
                let label = Label::of(checkpoint.config(), asleep.then(wall_clock));
                self.put(&store, StoredRoom { label, checkpoint });
            }
            Ok(Some(None)) => debug!("the game is not saved, so the room ends"),
            Err(_) => self.crashed("save", self.room().map_or(0, |room| room.frame().tick().0)),
        }
    }

    /// Stores the room until somebody wants to join, if it outlives its players and can be stored.
    pub(super) fn fall_asleep(&mut self) {
        let persistent = self.room().is_some_and(Room::outlives_players);
        let Some(store) = self.files.store.clone().filter(|_| persistent) else { return };
        let saved = catch_unwind(AssertUnwindSafe(|| self.host.as_mut().and_then(Host::checkpoint)));
        if let Ok(Some(checkpoint)) = saved {
            let label = Label::of(checkpoint.config(), Some(wall_clock()));
            self.status.fall_asleep(label.clone());
            self.put(&store, StoredRoom { label, checkpoint });
        }
    }

    fn put(&mut self, store: &RoomStore, room: StoredRoom) {
        store.put(&room, self.journal.take());
        self.files.is_stored = false;
        self.files.tap.iter_mut().for_each(|tap| tap.is_kept = true);
        self.files.matches.goes_on = true;
    }

    /// The file from which the room was made is not needed any more.
    pub(super) fn forget_stored(&mut self) {
        let is_stored = std::mem::take(&mut self.files.is_stored);
        if let (true, Some(store), Some(room)) = (is_stored, &self.files.store, self.room()) {
            store.forget(&room.config().id);
        }
    }

    /// The room's journal cannot be written, and by configuration the room must not go on without it.
    pub(super) fn abandon(&mut self, ctx: &mut Context<Self>) {
        error!("the room ends, because its journal cannot be written");
        // What is safe must stay: another start may bring it back.
        (self.journal, self.files.is_stored) = (None, false);
        // What is not safe is not told.
        self.files.tap = None;
        self.files.matches.goes_on = true;
        self.end_room(Close::StoreFailed.into(), ctx);
    }
}

/// Whether the room must go on somewhere when its server stops.
pub(super) fn is_needed(room: &Room) -> bool {
    has_seats(room) || room.outlives_players()
}

/// Whether somebody has a seat to come back to, or was promised one.
fn has_seats(room: &Room) -> bool {
    room.players() > 0 || room.tickets().next().is_some()
}

impl Handler<Safe> for RoomActor {
    type Result = ();

    fn handle(&mut self, _: Safe, ctx: &mut Context<Self>) {
        self.span.clone().in_scope(|| {
            if !self.heed_journal() {
                return self.abandon(ctx);
            }
            // Whatever was recorded, the start was recorded first.
            self.status.set_recorded();
            self.forget_stored();
            self.follow_outputs();
            self.report_occupancy();
            self.answer_goodbyes();
            if let Some(reason) = self.over.take() {
                return self.end_room(reason, ctx);
            }
            self.seats.feeds().for_each(FrameFeed::tell);
        });
    }
}
