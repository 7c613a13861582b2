//! The desk of a seat, where a room and a session meet without letters.
//!
//! In the in-tray the session lays inputs, commands and its goodbye; the room empties it at its tick. In the out-tray
//! the room lays events; the session takes them with the frames. A desk belongs to one session: a replaced or departed
//! session keeps its old desk, which nobody looks at any more, so nothing it lays there counts. The log of events goes over
//! to the desk of the next session under the seat.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::status::{Departure, Status};
use crate::engine::{Ask, Batch, Event, EventLog, InputRun};
use crate::id::Seq;
use crate::tick::Tick;
use crate::wire::{Close, limits};

/// What a session and its room share.
#[derive(Debug)]
pub struct Desk {
    input: Mutex<InTray>,
    /// `None` when the desk was retired.
    events: Mutex<Option<EventLog>>,
    has_events: AtomicBool,
    /// The room's.
    status: Arc<Status>,
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
    pub runs: Vec<InputRun>,
    /// Commands, oldest first.
    pub commands: Vec<(Seq, Ask)>,
    /// The client said something, for the first time at this desk.
    pub heard: bool,
    /// The session ended.
    pub goodbye: Option<Close>,
    /// ... in a way that frees its seat.
    pub departure: Option<Departure>,
}

impl Desk {
    /// A desk for the session that goes on with `log`, in the room of `status`.
    pub fn with(log: EventLog, status: Arc<Status>) -> Self {
        let has_events = AtomicBool::new(log.has_unsent());
        Self { input: Mutex::default(), events: Mutex::new(Some(log)), has_events, status }
    }

    /// Says that the client was heard from.
    pub fn hear(&self) {
        self.input.lock().heard = true;
    }

    /// Lays down inputs. Returns how many runs were pushed out: a tick takes few, so the oldest are worth least.
    pub fn push_inputs(&self, runs: &[InputRun]) -> usize {
        let mut tray = self.input.lock();
        let over = (tray.runs.len() + runs.len()).saturating_sub(limits::TRAY_RUNS);
        let dropped = over.min(tray.runs.len());
        tray.runs.drain(..dropped);
        tray.runs.extend_from_slice(runs);
        dropped
    }

    /// Lays down a command. Returns `false` when the tray is full: a command must not vanish, so the session must end.
    #[must_use]
    pub fn push_command(&self, seq: Seq, ask: Ask) -> bool {
        let mut tray = self.input.lock();
        let fits = tray.commands.len() < limits::TRAY_COMMANDS;
        if fits {
            tray.commands.push((seq, ask));
        }
        fits
    }

    /// Says goodbye for the session; the first reason counts. A seat that this frees counts as free at once, so that whoever
    /// joins right behind the goodbye finds it.
    pub fn leave(&self, close: Close) {
        let retired = self.events.lock().is_none();
        let mut tray = self.input.lock();
        if tray.goodbye.is_none() {
            tray.goodbye = Some(close);
            tray.departure = (!retired && !close.keeps_seat()).then(|| self.status.depart());
        }
    }

    /// Swaps the in-tray with an empty one.
    pub fn empty_into(&self, tray: &mut InTray) {
        tray.runs.clear();
        tray.commands.clear();
        (tray.heard, tray.goodbye, tray.departure) = (false, None, None);
        std::mem::swap(tray, &mut self.input.lock());
    }

    /// Lays down an event for the session.
    pub fn post(&self, event: Arc<Event>) {
        if let Some(log) = self.events.lock().as_mut() {
            log.push(event);
            self.has_events.store(true, Ordering::Release);
        }
    }

    /// The next events for the session that are due at `tick`; a look without a lock when there are none at all.
    pub fn batch(&self, tick: Tick) -> Option<Batch> {
        if !self.has_events.load(Ordering::Acquire) {
            return None;
        }
        let mut events = self.events.lock();
        let log = events.as_mut()?;
        let batch = log.batch(tick);
        self.has_events.store(log.has_unsent(), Ordering::Release);
        batch
    }

    /// Forgets events that arrived. Returns `false` when they were never sent. At a retired desk nothing is wrong any more:
    /// its session ends anyway, for another reason.
    #[must_use]
    pub fn ack(&self, upto: Seq) -> bool {
        self.events.lock().as_mut().is_none_or(|log| log.ack(upto).is_ok())
    }

    /// Hands the log over to `move_on`, which says whether it took it; if so, the desk is retired. No lock is held meanwhile:
    /// game code may run.
    pub fn retire<T, E>(&self, move_on: impl FnOnce(&mut EventLog) -> Result<T, E>) -> Result<(T, EventLog), E> {
        self.has_events.store(false, Ordering::Release);
        let mut log = self.events.lock().take().unwrap_or_default();
        match move_on(&mut log) {
            Ok(moved) => {
                self.input.lock().departure = None;
                Ok((moved, log))
            }
            Err(error) => {
                self.has_events.store(log.has_unsent(), Ordering::Release);
                *self.events.lock() = Some(log);
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ImpossibleAck;

    fn event() -> Arc<Event> {
        Arc::new(Event::game(Tick(1), 1, &bytes::Bytes::new()))
    }

    #[test]
    fn a_retired_desk_is_neither_right_nor_wrong() {
        let desk = Desk::with(EventLog::default(), Arc::default());
        desk.post(event());
        assert!(desk.batch(Tick(1)).is_some() && desk.batch(Tick(1)).is_none());
        assert!(!desk.ack(Seq(2)), "never sent");
        assert_eq!(desk.retire(|log| log.rewind(Some(Seq(2)))).err(), Some(ImpossibleAck));
        desk.post(event());
        let (rewound, log) = desk.retire(|log| log.rewind(None)).expect("no claim");
        assert_eq!((rewound.events, rewound.newest), (Seq(0), Seq(2)));
        // The session that sat here may go on for a moment.
        desk.post(event());
        assert!(desk.ack(Seq(1)) && desk.ack(Seq(77)) && desk.batch(Tick(9)).is_none());
        let next = Desk::with(log, Arc::default());
        assert_eq!(next.batch(Tick(1)).map(|batch| batch.as_wire(Tick(1)).items.len()), Some(2));
        assert!(next.ack(Seq(2)));
    }
}
