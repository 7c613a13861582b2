//! Commands that the game may not have seen: kept until a frame confirms them, and sent again on a new connection.
//!
//! They are sent more slowly than a session accepts them. It closes a connection that exceeds its rate, so a client that
//! sent all at once after an outage would lose each new connection, too.

use std::collections::VecDeque;
use std::time::Duration;

use crate::engine::Command;
use crate::engine::bucket::Bucket;
use crate::id::Seq;
use crate::tick::Moment;
use crate::wire::{ClientMessage, NumberedCommand, encode_client, limits};

/// How fast commands are sent, and how many before the first of them is confirmed. A link that stalls delivers at once what
/// is unconfirmed, and what the client sends next: both bursts together must not exceed the session's.
#[derive(Clone, Debug)]
struct CommandRate {
    rate: Bucket,
    unconfirmed: usize,
}

impl CommandRate {
    /// Below [`limits::COMMAND_RATE`], of which a session takes a second's worth at once.
    fn of_commands() -> Self {
        Self { rate: Bucket::new(Duration::from_millis(60), 10), unconfirmed: 10 }
    }

    /// Below [`limits::CHAT_EVERY`] and its burst of five.
    fn of_chat() -> Self {
        Self { rate: Bucket::new(Duration::from_millis(600), 3), unconfirmed: 2 }
    }

    fn admits(&self, now: Moment, unconfirmed: usize) -> bool {
        unconfirmed < self.unconfirmed && self.rate.has(now)
    }
}

/// Commands of one seat, numbered from 1 across its connections.
#[derive(Clone, Debug)]
pub(super) struct Unseen {
    /// Ascending without gaps; the last command has number `newest`.
    waiting: VecDeque<Command>,
    newest: Seq,
    /// How many commands at the back were not sent on this connection.
    unsent: usize,
    pace: CommandRate,
    chat_pace: CommandRate,
}

impl Default for Unseen {
    fn default() -> Self {
        let (pace, chat_pace) = (CommandRate::of_commands(), CommandRate::of_chat());
        Self { waiting: VecDeque::new(), newest: Seq(0), unsent: 0, pace, chat_pace }
    }
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

    /// The next command, as a message, if one may be sent now.
    pub fn send(&mut self, now: Moment) -> Option<Vec<u8>> {
        let sent = self.waiting.len() - self.unsent;
        let command = self.waiting.get(sent)?;
        if is_chat(command) {
            let unconfirmed = self.waiting.iter().take(sent).filter(|command| is_chat(command)).count();
            if !(self.chat_pace.admits(now, unconfirmed) && self.pace.admits(now, sent)) {
                return None;
            }
            self.chat_pace.rate.take(now);
        } else if !self.pace.admits(now, sent) {
            return None;
        }
        self.pace.rate.take(now);
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

    /// Starts a new connection to the same seat. The game has seen commands up to `seq`; later ones are sent again. They get
    /// other numbers when the room went back to a time before commands that it had confirmed.
    pub fn resume(&mut self, seq: Seq) {
        self.seen(seq);
        self.begin(seq);
    }

    /// Starts a connection: waiting commands get the numbers after `seq`.
    pub fn begin(&mut self, seq: Seq) {
        self.newest = seq.plus(self.waiting.len() as u32);
        // A new connection has its own limits.
        self.unsent = self.waiting.len();
        (self.pace, self.chat_pace) = (CommandRate::of_commands(), CommandRate::of_chat());
    }

    fn oldest(&self) -> Seq {
        Seq(self.newest.0.wrapping_sub(self.waiting.len() as u32 - 1))
    }
}

fn is_chat(command: &Command) -> bool {
    matches!(command, Command::Chat { .. })
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
        sent_at(unseen, Moment(0))
    }

    fn sent_at(unseen: &mut Unseen, now: Moment) -> Vec<u32> {
        let number = |bytes: Vec<u8>| match decode_client(&bytes) {
            Ok(ClientMessage::Command(command)) => command.seq.0,
            other => panic!("{other:?}"),
        };
        std::iter::from_fn(|| unseen.send(now)).map(number).collect()
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
        unseen.resume(Seq(2));
        assert_eq!(sent(&mut unseen), [3], "a room that went back gets the next one");
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

    #[test]
    fn a_session_accepts_all_that_a_link_delivers_at_once() {
        for (command, mut limit) in [
            (command(), Bucket::per_second(limits::COMMAND_RATE)),
            (Command::Chat { to: Vec::new(), text: "line".into() }, Bucket::new(limits::CHAT_EVERY, 5)),
        ] {
            let mut unseen = Unseen::default();
            (0..limits::UNSEEN_COMMANDS).for_each(|_| _ = unseen.push(command.clone()));
            // The link stalls for one second of two; what was sent meanwhile arrives at its end, and is confirmed then.
            let (mut stalled, mut arrived) = (Vec::new(), 0);
            for at in (0..600_000).step_by(20).map(|millis| Moment(millis * 1000)) {
                stalled.extend(sent_at(&mut unseen, at));
                if at.0 / 1_000_000 % 2 == 0 {
                    assert!(stalled.iter().all(|_| limit.take(at)), "{} commands at once, at {at:?}", stalled.len());
                    arrived += stalled.len() as u32;
                    stalled.clear();
                    unseen.seen(Seq(arrived));
                }
            }
            assert_eq!(arrived as usize, limits::UNSEEN_COMMANDS);
        }
    }
}
