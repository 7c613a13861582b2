//! A session: what a connection may send and when, and what it receives.
//!
//! A session is a state machine from the first byte to the last: waiting for the hello, waiting for the room, playing.
//! The shell moves bytes and messages; every ending is a [`Close`].

use std::sync::Arc;

use super::bucket::Bucket;
use super::budget::Unsent;
use super::close_reason::CloseReason;
use super::command::Command;
use super::events::Batch;
use super::feel::FeelDigest;
use super::frame_sender::{FrameSender, Readiness, SenderStart, Transport};
use super::input_buffer::InputRun;
use super::join_request::{JoinRequest, Token};
use super::playing::Playing;
use crate::id::Seq;
use crate::snapshot::Frame;
use crate::tick::Moment;
use crate::wire::{
    ClientMessage, Close, Continuity, Features, PROTOCOL_VERSION, Prepare, Redirect, ServerMessage, Welcome,
    decode_client, encode_server, explain_excess, hello_version, limits,
};

/// What a client's message requires of the shell.
#[expect(missing_docs, reason = "each variant's text describes its fields")]
#[derive(Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// Nothing.
    Nothing,
    /// Find a room.
    Enter(Box<JoinRequest>),
    /// Add the inputs in [`Session::runs`] and the number of the newest event that arrived to the seat's
    /// [`PendingInput`](super::PendingInput).
    Inputs { events: Seq },
    /// Add the number of the newest event that arrived to the seat's pending input.
    Events(Seq),
    /// Add a command to the seat's pending input.
    Command { seq: Seq, command: Command },
    /// Nothing but to account for the cost: a keyframe will be sent.
    Resync,
    /// Nothing but to note how the game feels at the client.
    Feel(FeelDigest),
    /// Send these bytes.
    Reply(Vec<u8>),
    /// Verify this newer token, then call [`Session::trust`].
    Refresh(Token),
}

/// The deciding half of a connection.
#[derive(Debug)]
pub struct Session {
    state: State,
    transport: Transport,
    /// The features of the hello.
    features: Features,
    /// Frame messages per second that the hello asked for.
    rate: u16,
    opened: Moment,
    /// When the token expires, if it does.
    trusted_until: Option<Moment>,
    last_heard: Moment,
    last_ping: Moment,
    last_alarm: Moment,
    messages: Bucket,
    pings: Bucket,
    /// Messages over the rate, and messages that claimed more inputs than there was time for, since they were taken.
    over_rate: u64,
    runs: Vec<InputRun>,
    /// What was too long in the message that ended the session.
    excess: Option<String>,
    /// Bytes per second; 0 for any number.
    budget: u32,
}

#[derive(Debug)]
enum State {
    /// The client has not sent a hello yet.
    Silent,
    /// The shell has asked the room.
    Entering,
    Playing(Box<Playing>),
}

impl Session {
    /// Makes a session on a new connection.
    pub fn new(now: Moment) -> Self {
        Self {
            state: State::Silent,
            transport: Transport::Ordered,
            features: Features::NONE,
            rate: 0,
            opened: now,
            trusted_until: None,
            last_heard: now,
            last_ping: now,
            last_alarm: now,
            messages: Bucket::per_second(limits::MESSAGE_RATE),
            pings: Bucket::per_second(limits::PING_RATE),
            over_rate: 0,
            runs: Vec::new(),
            excess: None,
            budget: 0,
        }
    }

    /// The reason that the client is told when the session ends with `close`: it names what was too long in a message.
    pub fn close_reason(&self, close: Close) -> CloseReason {
        match &self.excess {
            Some(excess) if close == Close::BadMessage => CloseReason::with_text(close, excess),
            _ => close.into(),
        }
    }

    /// The same session on another transport.
    #[must_use]
    pub fn over(self, transport: Transport) -> Self {
        Self { transport, ..self }
    }

    /// The same session with a budget of so many bytes per second for the cells of a grid; see [`FrameSender::within`].
    #[must_use]
    pub fn within(self, bytes_per_second: u32) -> Self {
        Self { budget: bytes_per_second, ..self }
    }

    /// Handles a message from the client.
    ///
    /// # Errors
    /// The close with which the session ends.
    pub fn on_message(&mut self, now: Moment, bytes: &[u8]) -> Result<SessionEvent, Close> {
        self.last_heard = now;
        let over_rate = !self.messages.take(now);
        if over_rate {
            self.over_rate += 1;
            if self.messages.over_for(now) >= limits::OVER_RATE_FOR {
                return Err(Close::RateLimited);
            }
        }
        let State::Playing(playing) = &mut self.state else {
            return if over_rate { Ok(SessionEvent::Nothing) } else { self.on_hello(bytes) };
        };
        let message = decode_client(bytes).map_err(|_| malformed(&mut self.excess, bytes))?;
        match message {
            ClientMessage::Hello(_) => Err(Close::BadMessage),
            ClientMessage::Inputs(inputs) => {
                self.runs.clear();
                let events = playing.on_inputs(now, &inputs, &mut self.runs)?;
                // Inputs over the rate have no effect, but the numbers of later inputs include them.
                if over_rate {
                    return Ok(SessionEvent::Events(events));
                }
                self.over_rate += u64::from(playing.clamp_inputs(now, &mut self.runs)?);
                Ok(SessionEvent::Inputs { events })
            }
            ClientMessage::Ack(ack) => playing.on_ack(now, ack).map(SessionEvent::Events),
            // A command must not be lost silently.
            ClientMessage::Command(_) if over_rate => Err(Close::RateLimited),
            _ if over_rate => Ok(SessionEvent::Nothing),
            ClientMessage::Command(command) => playing.on_command(now, &command),
            ClientMessage::Ping { stamp } => {
                let granted = self.on_ping(now)?;
                Ok(if granted {
                    SessionEvent::Reply(encode_server(&ServerMessage::Pong { stamp }))
                } else {
                    SessionEvent::Nothing
                })
            }
            ClientMessage::Resync(resync) => {
                playing.on_resync(now, resync)?;
                Ok(SessionEvent::Resync)
            }
            ClientMessage::Refresh { token } if playing.refreshes.take(now) => {
                Ok(SessionEvent::Refresh(Token(token.to_owned())))
            }
            ClientMessage::Refresh { .. } => Err(Close::RateLimited),
            ClientMessage::FeelDigest { body } => playing.on_feel(now, body),
        }
    }

    /// Handles a ping of the protocol or the WebSocket. Returns whether to answer it.
    ///
    /// # Errors
    /// When pings have come too fast for too long.
    pub fn on_ping(&mut self, now: Moment) -> Result<bool, Close> {
        self.last_heard = now;
        let granted = self.pings.take(now);
        self.over_rate += u64::from(!granted);
        if self.pings.over_for(now) >= limits::OVER_RATE_FOR { Err(Close::RateLimited) } else { Ok(granted) }
    }

    /// The inputs of the last [`SessionEvent::Inputs`].
    pub fn runs(&self) -> &[InputRun] {
        &self.runs
    }

    /// The room admitted the client. Returns the first message.
    pub fn enter(&mut self, now: Moment, mut welcome: Welcome, start: &SenderStart) -> Vec<u8> {
        welcome.features = welcome.features.common(self.features);
        let sender = FrameSender::new(now, start, self.rate, welcome.features, self.transport).within(now, self.budget);
        let mut playing = Playing::new(sender, start, &welcome);
        let bytes = encode_server(&ServerMessage::Welcome(Box::new(welcome)));
        playing.sender.welcomed(bytes.len());
        self.state = State::Playing(Box::new(playing));
        bytes
    }

    /// The room is at another server. Returns the message that says so, if the client follows it, and how the session ends.
    pub fn redirect(&self, redirect: Redirect) -> (Option<Vec<u8>>, Close) {
        if self.features.contain(Features::REDIRECT) {
            (Some(encode_server(&ServerMessage::Redirect(redirect))), Close::Redirected)
        } else {
            (None, Close::Draining)
        }
    }

    /// The room is about to go on at another server. Returns the message that says so, if the client prepares for it.
    pub fn prepare(&self, prepare: Prepare) -> Option<Vec<u8>> {
        self.features.contain(Features::PREPARE).then(|| encode_server(&ServerMessage::Prepare(prepare)))
    }

    /// Sets when the token expires, which ends the session; `None` means never.
    pub fn trust(&mut self, until: Option<Moment>) {
        self.trusted_until = until;
    }

    /// Whether to compose a message for `frame` now.
    pub fn readiness(&mut self, now: Moment, frame: &Frame) -> Readiness {
        match &mut self.state {
            State::Playing(playing) => playing.sender.readiness(now, frame),
            State::Silent | State::Entering => Readiness::Idle,
        }
    }

    /// From now on the client is told of commands only up to `upto`; see [`FrameSender::confirm_commands`].
    pub fn confirm_commands(&mut self, upto: Seq) {
        if let State::Playing(playing) = &mut self.state {
            playing.sender.confirm_commands(upto);
        }
    }

    /// The message for the newest of `frames`; see [`FrameSender::compose`].
    ///
    /// # Panics
    /// When [`Self::readiness`] is not `Ready`.
    pub fn compose(&mut self, now: Moment, frames: &[Arc<Frame>], events: Option<&Batch>) -> Vec<u8> {
        match &mut self.state {
            State::Playing(playing) => playing.sender.compose(now, frames, events),
            State::Silent | State::Entering => panic!("only a ready session composes"),
        }
    }

    /// What the client is told apart from frames; see [`FrameSender::deliver`].
    pub fn deliver(&mut self, frame: &Frame, events: Option<&Batch>) -> Option<Vec<u8>> {
        match &mut self.state {
            State::Playing(playing) => playing.sender.deliver(frame, events),
            State::Silent | State::Entering => None,
        }
    }

    /// The sending half, once the session plays.
    pub fn sender(&self) -> Option<&FrameSender> {
        match &self.state {
            State::Playing(playing) => Some(&playing.sender),
            State::Silent | State::Entering => None,
        }
    }

    /// Messages over the rate, and messages that claimed more inputs than there was time for, since the last call.
    pub fn take_over_rate(&mut self) -> u64 {
        std::mem::take(&mut self.over_rate)
    }

    /// Times that sending was held back since the last call.
    pub fn take_holds(&mut self) -> u64 {
        match &mut self.state {
            State::Playing(playing) => playing.sender.take_holds(),
            State::Silent | State::Entering => 0,
        }
    }

    /// Passes on what was wanted and not sent since the last call, if there is anything; see [`FrameSender::take_unsent`].
    pub fn take_unsent(&mut self, take: impl FnOnce(&Unsent)) {
        if let State::Playing(playing) = &mut self.state {
            playing.sender.take_unsent(take);
        }
    }

    /// Checks the session's time limits; call it about once per second. Returns whether to send a ping.
    ///
    /// # Errors
    /// When the client sent nothing or acknowledged nothing for too long, or its token has expired.
    pub fn on_alarm(&mut self, now: Moment) -> Result<bool, Close> {
        let before = std::mem::replace(&mut self.last_alarm, now);
        // After a pause of the whole process, the client's messages from the meantime have not been read yet.
        if now.since(before) >= limits::PAUSE {
            return Ok(false);
        }
        if now.since(self.last_heard) >= limits::SILENCE {
            return Err(Close::HeartbeatLost);
        }
        if matches!(self.state, State::Silent) && now.since(self.opened) >= limits::HELLO_WITHIN {
            return Err(Close::HeartbeatLost);
        }
        if self.trusted_until.is_some_and(|until| now >= until) {
            return Err(Close::TokenExpired);
        }
        let until = self.sender().and_then(|sender| sender.flow().patient_until());
        if until.is_some_and(|until| now >= until) {
            return Err(Close::SlowConsumer);
        }
        let ping = now.since(self.last_heard) >= limits::PING_EVERY && now.since(self.last_ping) >= limits::PING_EVERY;
        if ping {
            self.last_ping = now;
        }
        Ok(ping)
    }

    fn on_hello(&mut self, bytes: &[u8]) -> Result<SessionEvent, Close> {
        if hello_version(bytes).is_some_and(|version| version != PROTOCOL_VERSION) {
            return Err(Close::Version);
        }
        match (&self.state, decode_client(bytes)) {
            (State::Silent, Ok(ClientMessage::Hello(hello))) => {
                self.state = State::Entering;
                (self.rate, self.features) = (hello.rate, hello.features);
                Ok(SessionEvent::Enter(Box::new(hello.into())))
            }
            _ => Err(malformed(&mut self.excess, bytes)),
        }
    }
}

/// The close for bytes that are no message; notes what of them is too long, if that is what is wrong.
fn malformed(excess: &mut Option<String>, bytes: &[u8]) -> Close {
    *excess = explain_excess(bytes);
    Close::BadMessage
}

/// How the room must treat the end of a session with `close`, whose welcome said `continuity`. A returned client that
/// left without sending a message may not have received the welcome: it gave up and will try again, so it counts as lost,
/// which keeps the seat.
pub fn close_for_seat(close: Close, continuity: Continuity, heard: bool) -> Close {
    let gave_up = close == Close::Left && !heard && continuity != Continuity::Fresh;
    if gave_up { Close::Lost } else { close }
}
