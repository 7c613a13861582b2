//! The tap: what happens in rooms, for systems outside of them.
//!
//! A [`Sink`] is a consumer that an embedder implements and adds with [`Server::tap`](crate::Server::tap). It gets the life of
//! rooms, joins and leaves, events that the game makes public, chat and results, in order per room, from a thread of its own
//! that may wait for whatever it likes: rooms append to an outbox and never wait.
//!
//! With [`Config::data`](crate::Config::data), an entry is told only after its record is safe, the outbox is a log in that
//! folder, and each sink goes on where it was, also after a crash: every entry is delivered at least once, and an entry that
//! comes twice has the same [key](TapKey). Without, what was not delivered when the process ends is lost.
//!
//! The outbox is bounded by [`Config::outbox_mib`](crate::Config::outbox_mib). When a sink is too far behind, it loses the
//! oldest entries, which are counted, or the server makes no new rooms: [`OutboxFull`].

mod consumer;
mod dead_letters;
mod forgotten;
mod log;
mod outbox;
mod report;
mod segments;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(crate) use forgotten::OUTBOX;
pub use forgotten::note_forgotten;
pub(crate) use outbox::{Outbox, OutboxOptions, Stored};
pub(crate) use report::OutboxMetrics;
pub use report::SinkReport;

pub use crate::engine::{TapBody, TapEntry, TapKey};

/// Takes entries out of the server.
pub trait Sink: Send + 'static {
    /// Whether the sink shall get an entry. The others are passed over.
    fn wants(&self, entry: &TapEntry) -> bool {
        let _ = entry;
        true
    }

    /// Delivers some entries, oldest first: at least one, at most 256. May block. When it returns, they are delivered for good,
    /// as far as the target promises that.
    ///
    /// # Errors
    /// How many were delivered, and why the next one was not. It is delivered again later, unless it was refused.
    fn deliver(&mut self, deliveries: &[Delivery]) -> Result<(), Undelivered>;

    /// The server ends; [`Self::deliver`] is not called again.
    fn stop(&mut self) {}
}

impl Sink for Box<dyn Sink> {
    fn wants(&self, entry: &TapEntry) -> bool {
        (**self).wants(entry)
    }

    fn deliver(&mut self, deliveries: &[Delivery]) -> Result<(), Undelivered> {
        (**self).deliver(deliveries)
    }

    fn stop(&mut self) {
        (**self).stop();
    }
}

/// An entry on its way to a sink.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its number in the outbox of this server.
    pub position: u64,
    /// When the outbox got it, in milliseconds since 1970. Not a part of its identity.
    pub time: u64,
    /// The entry.
    pub entry: Arc<TapEntry>,
}

/// Why not all entries were delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// How many were.
    pub delivered: usize,
    /// What happens with the next one.
    pub verdict: Verdict,
    /// What the target said, in one line without secrets.
    pub why: String,
}

/// What happens with an entry that was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The target cannot be reached. The entry is tried again, however long that takes.
    Away,
    /// The target could not take the entry. It is tried again a dozen times, some five minutes, and then is a dead letter.
    Failed,
    /// The target will never take the entry: it is a dead letter.
    Refused,
}

/// What happens when a sink is so far behind that the outbox is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutboxFull {
    /// The sink loses the oldest entries, which are counted.
    Drop,
    /// No new rooms are made until it has caught up. Should the outbox become twice as large, the sink loses the oldest entries.
    Refuse,
}
