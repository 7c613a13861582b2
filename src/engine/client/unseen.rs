//! Commands that the game may not have seen: kept until a frame confirms them, and sent again on a new connection.

use std::collections::VecDeque;

use crate::engine::Command;
use crate::id::Seq;
use crate::wire::{ClientMessage, NumberedCommand, encode_client, limits};

/// Commands of one seat, numbered from 1 across its connections.
#[derive(Clone, Debug, Default)]
pub(super) struct Unseen {
    /// Ascending without gaps; the last command has number `newest`.
    waiting: VecDeque<Command>,
    newest: Seq,
    /// How many commands at the back were not sent on this connection.
    unsent: usize,
}

impl Unseen {
    /// Adds the next command. Returns its number.
    ///
    /// # Panics
    /// When too many commands wait.
    pub fn push(&mut self, command: Command) -> Seq {
        assert!(self.waiting.len() < limits::UNSEEN_COMMANDS, "too many commands that the server has not seen");
        self.waiting.push_back(command);
        self.unsent += 1;
        self.newest = self.newest.plus(1);
        self.newest
    }

    /// The next command to send, as a message.
    pub fn send(&mut self) -> Option<Vec<u8>> {
        let command = self.waiting.get(self.waiting.len() - self.unsent)?;
        let seq = Seq(self.newest.0.wrapping_sub(self.unsent as u32 - 1));
        self.unsent -= 1;
        Some(encode_client(&ClientMessage::Command(NumberedCommand { seq, body: command.as_wire() })))
    }

    /// Drops the commands up to `seq`, which the game has seen.
    pub fn seen(&mut self, seq: Seq) {
        while !self.waiting.is_empty() && !self.oldest().is_after(seq) {
            self.waiting.pop_front();
        }
        self.unsent = self.unsent.min(self.waiting.len());
    }

    /// Starts a new connection to the same seat. The game has seen commands up to `seq`; later ones are sent again.
    pub fn resume(&mut self, seq: Seq) {
        self.seen(seq);
        if self.waiting.is_empty() {
            self.newest = seq;
        }
        self.unsent = self.waiting.len();
    }

    /// Starts the first connection of a client that knows nothing of the seat: waiting commands get the numbers after
    /// `seq`.
    pub fn begin(&mut self, seq: Seq) {
        self.newest = seq.plus(self.waiting.len() as u32);
        self.unsent = self.waiting.len();
    }

    fn oldest(&self) -> Seq {
        Seq(self.newest.0.wrapping_sub(self.waiting.len() as u32 - 1))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::wire::decode_client;

    fn command() -> Command {
        Command::Message { kind: 1, body: Bytes::new() }
    }

    fn sent(unseen: &mut Unseen) -> Vec<u32> {
        let number = |bytes: Vec<u8>| match decode_client(&bytes) {
            Ok(ClientMessage::Command(command)) => command.seq.0,
            other => panic!("{other:?}"),
        };
        std::iter::from_fn(|| unseen.send()).map(number).collect()
    }

    #[test]
    fn what_was_not_seen_is_sent_again_on_a_new_connection() {
        let mut unseen = Unseen::default();
        (0..4).for_each(|_| _ = unseen.push(command()));
        assert_eq!(sent(&mut unseen), [1, 2, 3, 4]);
        unseen.seen(Seq(1));
        assert_eq!(unseen.push(command()), Seq(5));
        unseen.resume(Seq(2));
        assert_eq!(sent(&mut unseen), [3, 4, 5]);
        unseen.seen(Seq(5));
        assert_eq!((unseen.push(command()), sent(&mut unseen)), (Seq(6), vec![6]));
    }

    #[test]
    fn who_forgot_numbers_on_from_what_the_game_has_seen() {
        let mut unseen = Unseen::default();
        unseen.push(command());
        unseen.begin(Seq(7));
        assert_eq!(sent(&mut unseen), [8]);
        let mut empty = Unseen::default();
        empty.begin(Seq(7));
        assert_eq!(empty.push(command()), Seq(8));
    }
}
