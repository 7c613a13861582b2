//! A room's part in the tap: what it pushes into the outbox, and what its checkpoints carry along until that is stored.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::directory::Directory;
use super::room::RoomActor;
use crate::engine::{CloseReason, TapEntry};
use crate::tap::{Outbox, Stored};

/// The tap of one room.
pub struct RoomTap {
    outbox: Outbox,
    stored: Stored,
    /// Whether the room has been stored and can go on.
    pub(super) is_kept: bool,
}

impl RoomTap {
    /// How long a start waits for the outbox.
    const STORE: Duration = Duration::from_secs(5);

    /// That of a new room.
    pub fn new(outbox: Outbox) -> Self {
        Self { outbox, stored: Stored::default(), is_kept: false }
    }
}

impl RoomActor {
    pub(super) fn tell(&self, entry: Arc<TapEntry>) {
        if let Some(tap) = &self.files.tap {
            tap.outbox.push(entry, Some(&tap.stored));
        }
    }

    /// Before a checkpoint may be made.
    pub(super) fn heed_outbox(&mut self) {
        if let (Some(tap), Some(host)) = (&self.files.tap, &mut self.host) {
            host.tap_stored(tap.stored.load(Ordering::Acquire));
        }
    }

    pub(super) fn tell_end(&mut self, reason: &CloseReason) {
        if let (Some(tap), Some(host)) = (&self.files.tap, &mut self.host) {
            host.tap_end(reason, tap.is_kept);
        }
    }

    /// Nothing of the room is needed any more, once the outbox has what it told.
    pub(super) fn end_journal(&mut self) {
        let Some(journal) = self.journal.take() else { return };
        match &self.files.tap {
            Some(tap) => tap.outbox.when_stored(move || journal.end()),
            None => journal.end(),
        }
    }
}

impl Directory {
    /// Tells what a room of the last server told, or was about to tell.
    pub(super) fn retell(&self, entries: impl IntoIterator<Item = Arc<TapEntry>>) {
        if let Some(tap) = &self.config.tap {
            entries.into_iter().for_each(|entry| tap.push(entry, None));
        }
    }

    /// Waits until what was told is stored.
    pub(super) fn flush_tap(&self) {
        self.config.tap.iter().for_each(|tap| tap.flush(RoomTap::STORE));
    }

    /// Whether no new rooms are made, because a sink is too far behind.
    pub(super) fn is_tap_full(&self) -> bool {
        self.config.tap.as_ref().is_some_and(Outbox::refuses)
    }
}
