//! The channel between a room and the session of one seat: shared memory in place of actor messages.
//!
//! The session pushes inputs, commands and its close reason; the room takes them at its tick. The room posts events; the
//! session sends them with its frames. A channel belongs to one session. A replaced or departed session keeps its old
//! channel, which the room no longer reads, so later pushes have no effect.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use parking_lot::{Mutex, MutexGuard};

use super::status::{Departure, Status};
use crate::engine::{Batch, Command, Event, EventQueue, FeelDigest, InputRun, PendingInput, SeatSession, Unsent};
use crate::id::Seq;
use crate::tick::Tick;
use crate::wire::Close;

/// The state that a session and its room share.
#[derive(Debug)]
pub struct SeatChannel {
    session: SeatSession,
    up: Mutex<Up>,
    /// Whether the session has told something that the room has not taken.
    has_news: AtomicBool,
    events: Mutex<EventQueue>,
    has_events: AtomicBool,
    /// With a journal: the newest command whose record is safe.
    safe_commands: Option<AtomicU32>,
    /// How the game feels at the client, as it told last.
    feel: Mutex<Option<FeelDigest>>,
    /// The status of the room.
    status: Arc<Status>,
}

/// What the session tells the room.
#[derive(Debug, Default)]
struct Up {
    pending: PendingInput,
    /// Set if the session's close reason frees the seat.
    departure: Option<Departure>,
    /// Whether another session has the seat.
    replaced: bool,
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

impl SeatChannel {
    /// A channel for a session that starts with these events, in the room of `status`.
    pub fn new(session: SeatSession, events: EventQueue, status: Arc<Status>) -> Self {
        let has_events = AtomicBool::new(!events.is_empty());
        let (up, events, feel) = (Mutex::default(), Mutex::new(events), Mutex::default());
        let has_news = AtomicBool::new(false);
        Self { session, up, has_news, events, has_events, safe_commands: None, feel, status }
    }

    /// The same channel in a room with a journal, which knows that commands up to `upto` are safe.
    #[must_use]
    pub fn with_safe_commands(self, upto: Seq) -> Self {
        Self { safe_commands: Some(AtomicU32::new(upto.0)), ..self }
    }

    /// The record of the session's commands up to `upto` is safe.
    pub fn confirm_commands(&self, upto: Seq) {
        self.safe_commands.iter().for_each(|safe| safe.store(upto.0, Ordering::Release));
    }

    /// With a journal: the newest command that the client may be told of.
    pub fn safe_commands(&self) -> Option<Seq> {
        self.safe_commands.as_ref().map(|safe| Seq(safe.load(Ordering::Acquire)))
    }

    /// Records how the game feels at the client.
    pub fn felt(&self, digest: FeelDigest) {
        *self.feel.lock() = Some(digest);
    }

    /// How the game feels at the client, if it has told.
    pub fn feel(&self) -> Option<FeelDigest> {
        *self.feel.lock()
    }

    /// Records what the client lacks because it was wanted and not sent.
    pub fn lacked(&self, unsent: &Unsent) {
        self.status.add_unsent(unsent);
    }

    /// The session whose channel this is.
    pub fn session(&self) -> SeatSession {
        self.session
    }

    /// Records that the client has sent a message.
    pub fn hear(&self) {
        self.tell().pending.hear();
    }

    /// Pushes inputs. Returns how many old runs were dropped to make space.
    pub fn push_inputs(&self, runs: &[InputRun]) -> usize {
        self.tell().pending.push_inputs(runs)
    }

    /// Pushes a command. Returns `false` when too many are pending: the session must end.
    #[must_use]
    pub fn push_command(&self, seq: Seq, command: Command) -> bool {
        self.tell().pending.push_command(seq, command)
    }

    /// Records the newest event that has arrived.
    pub fn events_arrived(&self, upto: Seq) {
        self.tell().pending.events_arrived(upto);
    }

    /// Records that the client has found that its state differs from the server's.
    pub fn desync(&self) {
        self.tell().pending.desync();
    }

    /// Records the close reason of the session; the first reason counts. If the reason frees the seat, the seat counts as
    /// free at once, so that the next join finds it.
    pub fn leave(&self, close: Close) {
        let mut up = self.tell();
        if up.pending.end(close) && !up.replaced && !close.keeps_seat() {
            up.departure = Some(self.status.depart());
        }
    }

    /// Another session has taken the seat.
    pub fn replace(&self) {
        let mut up = self.up.lock();
        (up.replaced, up.departure) = (true, None);
    }

    /// What the session tells the room, which has not taken it from now on.
    fn tell(&self) -> MutexGuard<'_, Up> {
        let up = self.up.lock();
        self.has_news.store(true, Ordering::Release);
        up
    }

    /// Whether the session has told something since the last call. Takes no lock.
    pub fn has_news(&self) -> bool {
        self.has_news.load(Ordering::Relaxed) && self.has_news.swap(false, Ordering::Acquire)
    }

    /// Swaps what the session has pushed with `pending`, which is empty. Returns the departure, if the session has ended
    /// and its seat becomes free.
    pub fn swap(&self, pending: &mut PendingInput) -> Option<Departure> {
        let mut up = self.up.lock();
        std::mem::swap(pending, &mut up.pending);
        up.departure.take()
    }

    /// Posts an event to the session.
    pub fn post(&self, event: Arc<Event>) {
        self.events.lock().push(event);
        self.has_events.store(true, Ordering::Release);
    }

    /// The next events that are due at `tick`, if any. Takes no lock when there are no events.
    pub fn batch(&self, tick: Tick) -> Option<Batch> {
        if !self.has_events.load(Ordering::Acquire) {
            return None;
        }
        let mut events = self.events.lock();
        let batch = events.batch(tick);
        self.has_events.store(!events.is_empty(), Ordering::Release);
        batch
    }
}
