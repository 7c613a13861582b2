//! A room with all that surrounds it: recent frames, waiting joins, returns, and whose messages count.
//!
//! The host is a state machine without I/O. Its shell moves bytes and time: it passes on what sessions received, answers
//! joins when it has time for them, ticks at the deadline, and does what the outputs require. Every change of the room is
//! a [`RoomInput`], and can be recorded before it is applied. With a [journal](Host::with_journal), outputs wait until the
//! record that leads to them is safe; frames do not.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use super::camera::{Archive, Filmed};
use super::checkpoint::Checkpoint;
use super::close_reason::CloseReason;
use super::history::{FrameStore, History};
use super::join_request::JoinRequest;
use super::journal::{Outbox, Record, UnsafeIds};
use super::overload::OverloadStep;
use super::pending_input::PendingInput;
use super::phase::Phase;
use super::recorder::FlightRecorder;
use super::recording::Recording;
use super::resume::{Claim, ResumeToken, Secret, SecretDigest};
use super::room::{Admitted, Answer, Refusal, Room, RoomOutput};
use super::room_input::{Base, Enter, Return, RoomInput};
use super::tap::HostTap;
use crate::id::{Incarnation, Seat, Seq, ZoneId};
use crate::snapshot::SeatNote;
use crate::tick::Moment;
use crate::wire::{Close, Role, limits};

/// What a shell knows about a client that waits for an answer, and gets back with the answer.
pub trait Waiting {
    /// Whether the client still wants an answer.
    fn is_wanted(&self) -> bool {
        true
    }

    /// Whether a seat was reserved for the client.
    fn is_reserved(&self) -> bool {
        false
    }

    /// The client's claim opened no seat, so it needs a new one of `capacity` seats.
    ///
    /// # Errors
    /// The free seats are promised to others.
    fn becomes_newcomer(&mut self, capacity: u16) -> Result<(), Close> {
        let _ = capacity;
        Ok(())
    }
}

/// One client's stay in a seat, from a welcome to the end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeatSession {
    /// The seat.
    pub seat: Seat,
    /// The generation of the entry into the seat.
    pub generation: u32,
}

/// What a host requires of its shell.
#[derive(Debug)]
pub enum HostOutput<T> {
    /// Answer a client.
    Answer {
        /// What the shell knows about the client.
        waiting: T,
        /// The client's first message, or the reason with which its session ends.
        answer: Result<Box<Admitted>, CloseReason>,
    },
    /// A session that ended has parted from its room.
    Parted {
        /// The session.
        session: SeatSession,
        /// How it ended.
        close: Close,
    },
    /// With a journal: the client may be told that the game has seen its commands up to this one; see
    /// [`Session::confirm_commands`](super::Session::confirm_commands).
    CommandsSafe {
        /// The session.
        session: SeatSession,
        /// The newest command.
        upto: Seq,
    },
    /// A part of the room's film is complete.
    Filmed(Filmed),
    /// An output of the room.
    Room(RoomOutput),
}

/// A room without I/O, its recent frames, the joins that wait for an answer, and the rule that decides whose messages
/// still count.
///
/// `T` is what the shell knows about a waiting client, `F` keeps the recent frames.
pub struct Host<T, F = History> {
    pub(super) room: Room,
    frames: F,
    waiting: VecDeque<(Arc<JoinRequest>, T)>,
    pub(super) outputs: Outbox<HostOutput<T>>,
    room_outputs: Vec<RoomOutput>,
    /// The inputs, if they are recorded.
    pub(super) record: Option<Record>,
    pub(super) unsafe_ids: Option<UnsafeIds>,
    pub(super) recorder: Option<FlightRecorder>,
    pub(super) archive: Option<Archive>,
    pub(super) tap: HostTap,
    /// Since when the room has no player, no held seat and no spectator.
    empty_since: Option<Moment>,
}

impl<T: Waiting, F: FrameStore> Host<T, F> {
    /// Surrounds a `room`, whose recent frames are kept in `frames`.
    pub fn new(now: Moment, mut room: Room, frames: F) -> Self {
        let (waiting, room_outputs, tap, outputs) = (VecDeque::new(), Vec::new(), HostTap::default(), Outbox::open());
        let (record, unsafe_ids, archive, empty_since) = (None, None, None, Some(now));
        // A film that goes on needs the events, and only a recorder takes them.
        let recorder = room.film.is_some().then(|| FlightRecorder::new(&mut room));
        Self { room, frames, waiting, outputs, room_outputs, record, unsafe_ids, recorder, archive, tap, empty_since }
    }

    /// Records every input before it is applied.
    #[must_use]
    pub fn with_record(mut self) -> Self {
        self.record = Some(Record::default());
        self
    }

    /// Keeps the last minute of the room for a [`Recording`].
    #[must_use]
    pub fn with_recorder(mut self) -> Self {
        self.recorder = Some(FlightRecorder::new(&mut self.room));
        self
    }

    /// The last minute of the room, if it [is kept](Self::with_recorder).
    pub fn recording(&self, reason: &str) -> Option<Recording> {
        self.recorder.as_ref().map(|recorder| recorder.recording(&self.room, reason))
    }

    /// The inputs since the last call, as [`RoomInput::split_from`] reads them. What the outputs tell may leave the
    /// process only after this record is safe.
    pub fn take_record(&mut self) -> Vec<u8> {
        self.record.as_mut().map(Record::take).unwrap_or_default()
    }

    /// The state of the room; `None` when its game is not saved. The record taken before, followed by what is recorded from
    /// now on, leads from one checkpoint to the next.
    pub fn checkpoint(&mut self) -> Option<Checkpoint> {
        self.room.checkpoint().map(|checkpoint| self.with_unstored(checkpoint))
    }

    /// The room.
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// The recent frames.
    pub fn frames(&self) -> &F {
        &self.frames
    }

    /// The next thing that the shell must do.
    pub fn poll_output(&mut self) -> Option<HostOutput<T>> {
        self.emit_opening();
        self.outputs.pop()
    }

    /// Lets a client wait for an answer.
    ///
    /// # Errors
    /// Too many wait already.
    pub fn request(&mut self, request: Arc<JoinRequest>, waiting: T) -> Result<(), Close> {
        if self.waiting.len() >= limits::JOINS_WAITING {
            return Err(Close::TryLater);
        }
        self.waiting.push_back((request, waiting));
        Ok(())
    }

    /// Answers up to `most` waiting clients, oldest first, or [more](limits::RETURNS_PER_JOIN) who come back to their seats; those
    /// that have gone with [`Close::Lost`]. `secret` draws the secrets of their resume tokens.
    pub fn answer_requests(&mut self, most: usize, mut secret: impl FnMut() -> Secret) {
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let (wanted, gone): (VecDeque<_>, VecDeque<_>) = waiting.partition(|(_, waiting)| waiting.is_wanted());
        self.waiting = wanted;
        for (_, waiting) in gone {
            self.emit(HostOutput::Answer { waiting, answer: Err(Close::Lost.into()) });
        }
        let mut left = most * limits::RETURNS_PER_JOIN;
        while left > 0 {
            let Some((request, mut waiting)) = self.waiting.pop_front() else { break };
            let returns = request.claim.as_ref().is_some_and(|claim| self.opens(claim, &request));
            left = left.saturating_sub(if returns { 1 } else { limits::RETURNS_PER_JOIN });
            let answer = self.admit(&request, &mut waiting, secret());
            self.emit(HostOutput::Answer { waiting, answer });
        }
    }

    /// The room ends: refuses all waiting clients, and no output waits any longer. What the room required before a hook of the
    /// game panicked is among the outputs.
    pub fn refuse_requests(&mut self, close: Close) {
        self.room.drain_outputs(&mut self.room_outputs);
        self.pass_on();
        for (_, waiting) in std::mem::take(&mut self.waiting) {
            self.emit(HostOutput::Answer { waiting, answer: Err(close.into()) });
        }
        self.outputs.release(u64::MAX);
    }

    /// Applies what a session has received since the last tick, and forgets it. If the seat has another session by now, it
    /// has no effect. Returns how the session ended, if it did: call [`Self::disconnect`] when all sessions are collected,
    /// so that commands reach everybody who was there when they were made.
    #[must_use]
    pub fn collect(&mut self, session: SeatSession, pending: &mut PendingInput) -> Option<Close> {
        let seat = session.seat;
        if self.room.live_generation(seat) == Some(session.generation) {
            // Most messages confirm nothing new, and a record need not say so.
            if pending.heard && self.room.awaits_confirmation(seat) {
                self.apply(RoomInput::Confirmed { seat });
            }
            if let Some(upto) = pending.events.filter(|upto| self.room.awaits_events(seat, *upto)) {
                self.apply(RoomInput::EventsArrived { seat, upto });
            }
            for run in pending.runs.drain(..) {
                self.apply(RoomInput::Inputs { seat, run });
            }
            let newest = pending.commands.last().map(|(seq, _)| *seq);
            for (seq, command) in pending.commands.drain(..) {
                self.apply(RoomInput::Command { seat, seq, command });
            }
            if let Some(upto) = newest.filter(|_| self.outputs.has_journal()) {
                self.emit(HostOutput::CommandsSafe { session, upto });
            }
        }
        let ended = pending.ended;
        pending.clear();
        ended
    }

    /// A session has ended: the room holds its seat or frees it. If the seat has another session by now, this has no effect.
    pub fn disconnect(&mut self, session: SeatSession, close: Close) {
        let input = RoomInput::Disconnected { seat: session.seat, close };
        let has_seat = self.room.live_generation(session.seat) == Some(session.generation);
        if has_seat {
            self.record(&input);
        }
        self.emit(HostOutput::Parted { session, close });
        if has_seat {
            self.room.apply(input, &mut self.room_outputs);
            self.pass_on();
        }
    }

    /// Computes the next tick. Calls `over` at the end of each [`Phase`].
    pub fn tick(&mut self, now: Moment, over: impl FnMut(Phase)) {
        self.record(&RoomInput::Tick);
        self.room.apply_in_phases(RoomInput::Tick, &mut self.room_outputs, over);
        self.frames.push(self.room.frame().clone());
        let live = self.room.film_tick().map(Filmed::Live);
        let kept = self.archive.as_mut().and_then(|archive| archive.ticked(&mut self.room));
        if let Some(recorder) = &mut self.recorder {
            recorder.ticked(&mut self.room);
        }
        self.pass_on();
        live.into_iter().chain(kept).for_each(|part| self.emit(HostOutput::Filmed(part)));
        let is_empty = self.room.players() + self.room.spectators() == 0;
        self.empty_since = is_empty.then(|| self.empty_since.unwrap_or(now));
    }

    /// Whether the room has been empty for so long that it may end.
    pub fn is_deserted(&self, now: Moment) -> bool {
        let empty_for = self.room.config().policy.empty_for;
        self.waiting.is_empty() && self.empty_since.is_some_and(|since| now.since(since) >= empty_for)
    }

    /// Removes a player or spectator at the next tick. Does nothing when the seat is free.
    pub fn kick(&mut self, seat: Seat, reason: CloseReason) {
        self.apply(RoomInput::Kick { seat, reason });
    }

    /// Locks or unlocks the room. A locked room admits players only if they resume a seat or have reserved one.
    pub fn lock(&mut self, locked: bool) {
        self.apply(RoomInput::Lock(locked));
    }

    /// The room goes on in another process than before, with a greater incarnation: no client is connected. It skips
    /// `spare_ids` entity ids: none after a stop, [`limits::SPARE_IDS`] after a crash.
    pub fn recover(&mut self, incarnation: Incarnation, spare_ids: u32) {
        self.apply(RoomInput::Recovered { incarnation, spare_ids });
    }

    /// The room has moved here from another process, as all clients were told: nobody is told of those who come soon.
    pub fn arrive(&mut self, incarnation: Incarnation) {
        self.apply(RoomInput::Moved { incarnation });
    }

    /// The room saves as much work as `step` says, from the next tick on.
    pub fn overload(&mut self, step: OverloadStep) {
        self.apply(RoomInput::Overload { step: step.number() });
    }

    /// Ends the room at the next tick. Only the first ending counts.
    pub fn close(&mut self, reason: CloseReason) {
        self.apply(RoomInput::Close(reason));
    }

    fn admit(&mut self, request: &JoinRequest, waiting: &mut T, secret: Secret) -> Result<Box<Admitted>, CloseReason> {
        let claimed = request.claim.as_ref().filter(|claim| self.opens(claim, request));
        let answer = match claimed {
            Some(claim) => self.apply(RoomInput::Return(self.returning(claim, request, secret))),
            None if request.only_returns() => return Err(Refusal::NoSeat.reason()),
            None => {
                if request.role == Role::Player {
                    waiting.becomes_newcomer(self.room.capacity())?;
                }
                let answer = self.apply(RoomInput::Enter(entering(request, waiting.is_reserved(), secret)));
                self.redeem(request, answer.as_ref());
                answer
            }
        };
        let mut admitted = answer.expect("a room answers").map_err(|refusal| refusal.reason())?;
        if self.room.holds_seats() && request.role == Role::Player {
            let token = ResumeToken::new(admitted.welcome.seat, secret);
            admitted.welcome.resume = Some(token.bytes().to_vec().into());
        }
        Ok(admitted)
    }

    fn opens(&self, claim: &Claim, request: &JoinRequest) -> bool {
        self.room.opens(claim.token.seat(), &claim.token.digest(), request.identity.as_deref())
    }

    fn returning(&self, claim: &Claim, request: &JoinRequest, secret: Secret) -> Return {
        let seat = claim.token.seat();
        let (mine, theirs) = (self.room.config().incarnation, claim.incarnation);
        // A room goes on in another process with the events that it had; a claim from the future is about another room.
        let events = claim.events.filter(|_| theirs <= mine);
        let claim = &Claim { tick: claim.tick.filter(|_| theirs == mine), events, ..*claim };
        let base = claim.tick.and_then(|tick| self.frames.get(tick));
        let note = base.as_ref().and_then(|frame| frame.note(seat));
        let mine = note.filter(|note| self.room.entity(seat) == Some(note.entity));
        let with_rows =
            |zone: &&ZoneId| base.as_ref().and_then(|base| base.zone(**zone)).is_some_and(|zone| zone.rows() > 0);
        let zones = |note: &SeatNote| note.zones.iter().filter(with_rows).copied().collect();
        let base = mine.zip(claim.tick).map(|(note, tick)| Base { tick, zones: zones(note) });
        let (presented, identity, events) = (claim.token.digest(), request.identity.clone(), claim.events);
        Return { seat, presented, identity, events, base, secret: SecretDigest::of(&secret) }
    }

    pub(super) fn apply(&mut self, input: RoomInput) -> Option<Answer> {
        self.record(&input);
        let answer = self.room.apply(input, &mut self.room_outputs);
        self.pass_on();
        answer
    }

    fn record(&mut self, input: &RoomInput) {
        match (&mut self.record, &mut self.recorder) {
            (Some(record), Some(recorder)) => recorder.record_encoded(record.add(input)),
            (Some(record), None) => _ = record.add(input),
            (None, Some(recorder)) => recorder.record(input),
            (None, None) => {}
        }
    }

    pub(super) fn pass_on(&mut self) {
        self.emit_opening();
        let after = self.record.as_ref().map_or(0, Record::position);
        for output in self.room_outputs.drain(..) {
            match output {
                RoomOutput::Frame { .. } => self.outputs.push_at_once(HostOutput::Room(output)),
                output => {
                    self.tap.note(&output);
                    self.outputs.push(after, HostOutput::Room(output));
                }
            }
        }
    }

    pub(super) fn emit(&mut self, output: HostOutput<T>) {
        let after = self.record.as_ref().map_or(0, Record::position);
        self.outputs.push(after, output);
    }
}

fn entering(request: &JoinRequest, reserved: bool, secret: Secret) -> Enter {
    let JoinRequest { role, identity, name, options, .. } = request;
    let (identity, name, options) = (identity.clone(), name.clone(), options.clone());
    Enter { role: *role, identity, name, options, reserved, secret: Some(SecretDigest::of(&secret)) }
}

impl<T, F> fmt::Debug for Host<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("room", &self.room).finish_non_exhaustive()
    }
}
