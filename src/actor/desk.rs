//! The desk of a seat, where a room and a session meet without letters.
//!
//! In the in-tray the session lays inputs, commands and its goodbye; the room empties it at its tick. In the out-tray
//! the room lays events; the session takes them with the frames. A desk belongs to one session: a replaced or departed
//! session keeps its old desk, which nobody looks at any more, so nothing it lays there counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::engine::{Ask, Event, EventLog, Laid};
use crate::id::Seq;
use crate::wire::{Close, limits};

/// What a session and its room share.
#[derive(Debug, Default)]
pub struct Desk {
    input: Mutex<InTray>,
    events: Mutex<EventLog>,
    has_events: AtomicBool,
}

/// A session's hold on its desk: whatever becomes of it, a goodbye is laid down when it is dropped.
#[derive(Debug)]
pub struct Sitting(Arc<Desk>);

impl Sitting {
    /// Takes hold.
    pub fn at(desk: &Arc<Desk>) -> Self {
        Self(desk.clone())
    }
}

impl std::ops::Deref for Sitting {
    type Target = Desk;
    fn deref(&self) -> &Desk {
        &self.0
    }
}

impl Drop for Sitting {
    fn drop(&mut self) {
        self.0.leave(Close::Lost);
    }
}

/// What a session laid down since the last tick.
#[derive(Debug, Default)]
pub struct InTray {
    /// Inputs, oldest first.
    pub laid: Vec<Laid>,
    /// Commands, oldest first.
    pub commands: Vec<(Seq, Ask)>,
    /// The session ended.
    pub goodbye: Option<Close>,
}

impl Desk {
    /// Lays down inputs. Returns how many runs were pushed out: a tick takes few, so the oldest are worth least.
    pub fn lay(&self, laid: &[Laid]) -> usize {
        let mut tray = self.input.lock();
        let over = (tray.laid.len() + laid.len()).saturating_sub(limits::TRAY_RUNS);
        let dropped = over.min(tray.laid.len());
        tray.laid.drain(..dropped);
        tray.laid.extend_from_slice(laid);
        dropped
    }

    /// Lays down a command. Returns `false` when the tray is full: a command must not vanish, so the session must end.
    #[must_use]
    pub fn lay_command(&self, seq: Seq, ask: Ask) -> bool {
        let mut tray = self.input.lock();
        let fits = tray.commands.len() < limits::TRAY_COMMANDS;
        if fits {
            tray.commands.push((seq, ask));
        }
        fits
    }

    /// Says goodbye for the session; the first reason counts.
    pub fn leave(&self, close: Close) {
        self.input.lock().goodbye.get_or_insert(close);
    }

    /// Swaps the in-tray with an empty one.
    pub fn empty_into(&self, tray: &mut InTray) {
        tray.laid.clear();
        tray.commands.clear();
        tray.goodbye = None;
        std::mem::swap(tray, &mut self.input.lock());
    }

    /// Lays down an event for the session.
    pub fn post(&self, event: Arc<Event>) {
        self.events.lock().push(event);
        self.has_events.store(true, Ordering::Release);
    }

    /// The events for the session, if there may be any; a look without a lock otherwise.
    pub fn events(&self) -> Option<parking_lot::MutexGuard<'_, EventLog>> {
        self.has_events.load(Ordering::Acquire).then(|| self.events.lock())
    }

    /// Says that nothing unsent is left, while `log` is held.
    pub fn emptied(&self, log: &EventLog) {
        self.has_events.store(log.has_unsent(), Ordering::Release);
    }

    /// Forgets events that arrived. Returns `false` when they were never sent.
    #[must_use]
    pub fn ack(&self, upto: Seq) -> bool {
        self.events.lock().ack(upto).is_ok()
    }
}
