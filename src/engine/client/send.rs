//! The sending half of a client: what it makes, and which message is due.

use std::time::Duration;

use bytes::Bytes;

use super::super::command::Command;
use super::super::frame_sender::Transport;
use super::Client;
use crate::id::{Seat, Seq};
use crate::tick::Moment;
use crate::wire::{Ack, AckedTick, ClientMessage, Features, Inputs, encode_client, limits};

impl Client {
    /// How often a run of unchanged inputs is sent.
    const RUN_EVERY: Duration = Duration::from_millis(250);

    /// Makes the next input, which the welcome's schema must admit. Returns its number.
    pub fn input(&mut self, values: &[i32]) -> Seq {
        self.inputs.make(values)
    }

    /// Makes a command, sent with the next [`Self::poll`] that has time for it. Returns its number, which is valid once a welcome has
    /// arrived.
    ///
    /// # Panics
    /// When [`limits::UNSEEN_COMMANDS`] commands wait for the game to see them.
    pub fn command(&mut self, kind: u16, body: &[u8]) -> Seq {
        self.commands.push(Command::Message { kind, body: Bytes::copy_from_slice(body) })
    }

    /// As [`Self::command`]; an [`EventBody::Reply`](crate::wire::EventBody::Reply) answers.
    ///
    /// # Panics
    /// As [`Self::command`].
    pub fn call(&mut self, kind: u16, body: &[u8]) -> Seq {
        self.commands.push(Command::Call { kind, body: Bytes::copy_from_slice(body) })
    }

    /// As [`Self::command`]: sends a chat line to the players in `to`, or to everyone when `to` is empty. Whoever has
    /// those seats on arrival gets the line, so do not queue private lines while disconnected.
    ///
    /// # Panics
    /// As [`Self::command`].
    pub fn chat(&mut self, to: &[Seat], text: &str) -> Seq {
        self.commands.push(Command::Chat { to: to.to_vec(), text: text.to_owned() })
    }

    /// Makes a ping, sent with the next [`Self::poll`].
    pub fn ping(&mut self, stamp: u32) {
        self.outbox.push(encode_client(&ClientMessage::Ping { stamp }));
    }

    /// Tells the server how the game felt, if it wants to know.
    pub(super) fn tell_feel(&mut self, body: &[u8]) {
        if self.welcome.as_ref().is_some_and(|welcome| welcome.features.contain(Features::FEEL_DIGEST)) {
            self.outbox.push(encode_client(&ClientMessage::FeelDigest { body: serde_bytes::Bytes::new(body) }));
        }
    }

    /// The next message to send now; call it until it returns `None`. Commands may wait for a later call: they are sent
    /// within the rate that a session accepts.
    pub fn poll(&mut self, now: Moment) -> Option<Vec<u8>> {
        self.welcome.as_ref()?;
        if !self.outbox.is_empty() {
            return Some(self.outbox.remove(0));
        }
        if let Some(command) = self.commands.send(now) {
            return Some(command);
        }
        let unsent = !self.inputs.is_empty();
        let run_due = unsent && now.since(self.inputs_sent_at) >= Self::RUN_EVERY;
        let ack_due = self.ack_due && (self.awaited || now.since(self.ack_sent_at) >= limits::ACK_EVERY);
        if !(self.inputs.urgent || run_due || ack_due) {
            return None;
        }
        // Without order, an acknowledgement may be lost.
        let told = self.events == self.acked_events && self.transport == Transport::Ordered;
        let events = (!told).then_some(self.events);
        let tick = match self.transport {
            Transport::Ordered => AckedTick::Low(self.tick.0 as u8),
            Transport::Unordered => AckedTick::Full(self.tick),
        };
        let ack = Ack { tick, events };
        (self.ack_due, self.ack_sent_at, self.acked_events) = (false, now, self.events);
        if !unsent {
            return Some(encode_client(&ClientMessage::Ack(ack)));
        }
        self.inputs_sent_at = now;
        let welcome = self.welcome.as_ref()?;
        let view = welcome.features.contain(Features::VIEW_TIME).then_some(self.shown_behind);
        let packed = self.inputs.pack(&welcome.inputs);
        let (epoch, runs) = (self.epoch, serde_bytes::Bytes::new(&packed.runs));
        let inputs = Inputs { ack, epoch, view, held: packed.held, counted: packed.counted, runs };
        Some(encode_client(&ClientMessage::Inputs(inputs)))
    }
}
