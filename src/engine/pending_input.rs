//! What a session has received from its client since the last tick.

use super::command::Command;
use super::input_buffer::InputRun;
use crate::id::Seq;
use crate::wire::{Close, limits};

/// What a session passes to its room at the next tick, bounded in number.
#[derive(Debug, Default)]
pub struct PendingInput {
    /// Oldest first.
    pub(super) runs: Vec<InputRun>,
    /// Oldest first.
    pub(super) commands: Vec<(Seq, Command)>,
    /// Whether the client has sent a message.
    pub(super) heard: bool,
    /// The newest event that has arrived.
    pub(super) events: Option<Seq>,
    /// Whether the client has found that its state differs from the server's.
    desynced: bool,
    /// How the session ended, if it did.
    pub(super) ended: Option<Close>,
}

impl PendingInput {
    /// Records that the client has sent a message.
    pub fn hear(&mut self) {
        self.heard = true;
    }

    /// Adds inputs. Returns how many old runs were dropped to make space. A tick uses few runs, so the oldest are worth
    /// least.
    pub fn push_inputs(&mut self, runs: &[InputRun]) -> usize {
        let over = (self.runs.len() + runs.len()).saturating_sub(limits::PENDING_RUNS);
        let dropped = over.min(self.runs.len());
        self.runs.drain(..dropped);
        self.runs.extend_from_slice(runs);
        dropped
    }

    /// Adds a command. Returns `false` when too many are pending: a command must not vanish, so the session must end.
    #[must_use]
    pub fn push_command(&mut self, seq: Seq, command: Command) -> bool {
        let fits = self.commands.len() < limits::PENDING_COMMANDS;
        if fits {
            self.commands.push((seq, command));
        }
        fits
    }

    /// Records the newest event that has arrived.
    pub fn events_arrived(&mut self, upto: Seq) {
        self.events = Some(upto);
    }

    /// Records that the client has found that its state differs from the server's.
    pub fn desync(&mut self) {
        self.desynced = true;
    }

    /// Whether the client has found that its state differs from the server's.
    pub fn is_desynced(&self) -> bool {
        self.desynced
    }

    /// Records how the session ended. The first reason counts; returns whether it is this one.
    pub fn end(&mut self, close: Close) -> bool {
        let first = self.ended.is_none();
        self.ended.get_or_insert(close);
        first
    }

    /// How the session ended, if it did.
    pub fn ended(&self) -> Option<Close> {
        self.ended
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.runs.clear();
        self.commands.clear();
        (self.heard, self.events, self.desynced, self.ended) = (false, None, false, None);
    }
}
