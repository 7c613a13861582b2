//! The channel between a room and the session of one seat: shared memory in place of actor messages.
//!
//! The session pushes inputs, commands and its close reason; the room takes them at its tick. The room posts events; the
//! session sends them with its frames. A channel belongs to one session. A replaced or departed session keeps its old
//! channel, which the room no longer reads, so later pushes have no effect. The event log moves to the channel of the
//! seat's next session.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::status::{Departure, Status};
use crate::engine::{Batch, Command, Event, EventLog, InputRun};
use crate::id::Seq;
use crate::tick::Tick;
use crate::wire::{Close, limits};

/// The state that a session and its room share.
#[derive(Debug)]
pub struct SeatChannel {
    input: Mutex<PendingInput>,
    /// `None` after the channel was retired.
    events: Mutex<Option<EventLog>>,
    has_events: AtomicBool,
    /// The status of the room.
    status: Arc<Status>,
}

/// A session's handle on its channel. However the session ends, dropping the handle records a close reason.
#[derive(Debug)]
pub struct SeatHandle(Arc<SeatChannel>);

impl SeatHandle {
    /// A handle on `channel`.
    pub fn at(channel: &Arc<SeatChannel>) -> Self {
        Self(channel.clone())
    }
}

impl std::ops::Deref for SeatHandle {
    type Target = SeatChannel;
    fn deref(&self) -> &SeatChannel {
        &self.0
    }
}

impl Drop for SeatHandle {
    fn drop(&mut self) {
        self.0.leave(Close::Lost);
    }
}

/// What a session has pushed since the last tick.
#[derive(Debug, Default)]
pub struct PendingInput {
    /// Inputs, oldest first.
    pub runs: Vec<InputRun>,
    /// Commands, oldest first.
    pub commands: Vec<(Seq, Command)>,
    /// Whether the client has sent its first message through this channel.
    pub heard: bool,
    /// The close reason, if the session has ended.
    pub goodbye: Option<Close>,
    /// Set if the close reason frees the seat.
    pub departure: Option<Departure>,
}

impl SeatChannel {
    /// A channel for a session that continues with `log`, in the room of `status`.
    pub fn with(log: EventLog, status: Arc<Status>) -> Self {
        let has_events = AtomicBool::new(log.has_unsent());
        Self { input: Mutex::default(), events: Mutex::new(Some(log)), has_events, status }
    }

    /// Records that the client has sent a message.
    pub fn hear(&self) {
        self.input.lock().heard = true;
    }

    /// Pushes inputs. Returns how many old runs were dropped to make space. A tick uses few runs, so the oldest are worth
    /// least.
    pub fn push_inputs(&self, runs: &[InputRun]) -> usize {
        let mut pending = self.input.lock();
        let over = (pending.runs.len() + runs.len()).saturating_sub(limits::PENDING_RUNS);
        let dropped = over.min(pending.runs.len());
        pending.runs.drain(..dropped);
        pending.runs.extend_from_slice(runs);
        dropped
    }

    /// Pushes a command. Returns `false` when too many are pending: a command must not vanish, so the session must end.
    #[must_use]
    pub fn push_command(&self, seq: Seq, command: Command) -> bool {
        let mut pending = self.input.lock();
        let fits = pending.commands.len() < limits::PENDING_COMMANDS;
        if fits {
            pending.commands.push((seq, command));
        }
        fits
    }

    /// Records the close reason of the session; the first reason counts. If the reason frees the seat, the seat counts as
    /// free at once, so that the next join finds it.
    pub fn leave(&self, close: Close) {
        let retired = self.events.lock().is_none();
        let mut pending = self.input.lock();
        if pending.goodbye.is_none() {
            pending.goodbye = Some(close);
            pending.departure = (!retired && !close.keeps_seat()).then(|| self.status.depart());
        }
    }

    /// Swaps the pending input with an empty one.
    pub fn empty_into(&self, pending: &mut PendingInput) {
        pending.runs.clear();
        pending.commands.clear();
        (pending.heard, pending.goodbye, pending.departure) = (false, None, None);
        std::mem::swap(pending, &mut self.input.lock());
    }

    /// Posts an event to the session.
    pub fn post(&self, event: Arc<Event>) {
        if let Some(log) = self.events.lock().as_mut() {
            log.push(event);
            self.has_events.store(true, Ordering::Release);
        }
    }

    /// The next events that are due at `tick`, if any. Takes no lock when there are no events.
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

    /// Forgets acknowledged events. Returns `false` when `upto` was never sent. A retired channel accepts every ack: its
    /// session is about to end for another reason.
    #[must_use]
    pub fn ack(&self, upto: Seq) -> bool {
        self.events.lock().as_mut().is_none_or(|log| log.ack(upto).is_ok())
    }

    /// Passes the log to `move_on` and retires the channel if that succeeds. No lock is held meanwhile, because game code
    /// may run.
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
    fn a_retired_channel_is_neither_right_nor_wrong() {
        let channel = SeatChannel::with(EventLog::default(), Arc::default());
        channel.post(event());
        assert!(channel.batch(Tick(1)).is_some() && channel.batch(Tick(1)).is_none());
        assert!(!channel.ack(Seq(2)), "never sent");
        assert_eq!(channel.retire(|log| log.rewind(Some(Seq(2)))).err(), Some(ImpossibleAck));
        channel.post(event());
        let (rewound, log) = channel.retire(|log| log.rewind(None)).expect("no claim");
        assert_eq!((rewound.events, rewound.newest), (Seq(0), Seq(2)));
        // The old session may continue for a moment.
        channel.post(event());
        assert!(channel.ack(Seq(1)) && channel.ack(Seq(77)) && channel.batch(Tick(9)).is_none());
        let next = SeatChannel::with(log, Arc::default());
        assert_eq!(next.batch(Tick(1)).map(|batch| batch.as_wire(Tick(1)).items.len()), Some(2));
        assert!(next.ack(Seq(2)));
    }
}
