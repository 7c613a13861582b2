//! A process' part in channels: what it adds to the log, and what it has read of it.

use super::entry::{Entry, Position, Presence};
use super::outgoing::{Batch, NotTaken, Outgoing};
use super::reader::{ChannelEvent, Gap, Reader};
use crate::engine::cluster::Epoch;

/// Brings what boards add to the log, and what is in the log to boards.
pub trait Backend: Send + Sync {
    /// The board has something to add. Returns what has happened meanwhile, if the backend does not tell later.
    fn carry(&self, board: &mut Board) -> Vec<ChannelEvent>;
}

/// There is one process, and nobody is ever away from it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Alone {
    const NODE: Epoch = Epoch(1);
}

impl Backend for Alone {
    fn carry(&self, board: &mut Board) -> Vec<ChannelEvent> {
        let mut events = Vec::new();
        loop {
            let batch = board.outgoing.next(true);
            if batch.is_empty() {
                return events;
            }
            board.outgoing.confirm(&batch);
            let presences = batch.presences.iter();
            events.extend(presences.filter_map(|presence| board.reader.roster.set(Self::NODE, presence, true)));
            let messages = batch.messages.into_iter();
            events.extend(messages.map(|(channel, body)| ChannelEvent::Message { channel, body }));
        }
    }
}

/// A process' part in channels.
#[derive(Clone, Debug, Default)]
pub struct Board {
    outgoing: Outgoing,
    reader: Reader,
    /// The node that this process is.
    own: Option<Epoch>,
}

impl Board {
    /// Tells a message to everybody who listens. Returns its number, by which [`Self::sent`] says that the log has it.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn publish(&mut self, channel: &str, body: &str) -> Result<u64, NotTaken> {
        self.outgoing.publish(channel, body)
    }

    /// One more client is present as this member.
    ///
    /// # Errors
    /// Why it is not.
    pub fn enter(&mut self, channel: &str, member: &str, info: &str) -> Result<(), NotTaken> {
        self.outgoing.enter(channel, member, info)
    }

    /// One of these clients has gone.
    pub fn leave(&mut self, channel: &str, member: &str) {
        self.outgoing.leave(channel, member);
    }

    /// How many of its messages the log has.
    pub fn sent(&self) -> u64 {
        self.outgoing.sent()
    }

    /// What the log should have next; with `counts`, also numbers for which nobody waits.
    pub fn next(&self, counts: bool) -> Batch {
        self.outgoing.next(counts)
    }

    /// The log has this.
    pub fn confirm(&mut self, batch: &Batch) {
        self.outgoing.confirm(batch);
    }

    /// The process is this node from now on, or the log may have forgotten who is present.
    pub fn announce_again(&mut self, own: Epoch) {
        self.own = Some(own);
        self.outgoing.announce_again();
    }

    /// Where it is in the log, and whether a gap follows that it knows of; `None` before the first [`resync`](Self::resync).
    pub fn position(&self) -> Option<(Position, bool)> {
        self.reader.position()
    }

    /// Reads entries that follow. Returns what has happened, and whether some are missing before one of them.
    pub fn read(&mut self, entries: &[(Position, Entry)]) -> (Vec<ChannelEvent>, Result<(), Gap>) {
        let mut events = Vec::new();
        let read = self.reader.read(self.own, entries, &mut events);
        (events, read)
    }

    /// As the reader's; see there.
    pub fn resync(&mut self, at: Position, all: &[(Epoch, Vec<Presence>)], keeps: bool) -> Vec<ChannelEvent> {
        self.reader.resync(self.own, at, all, keeps)
    }

    /// As the reader's; see there.
    pub fn refresh(&mut self, at: Position, all: &[(Epoch, Vec<Presence>)]) -> Vec<ChannelEvent> {
        self.reader.refresh(self.own, at, all)
    }

    /// Who is present in a channel.
    pub fn present_in(&self, channel: &str) -> Vec<Presence> {
        self.reader.roster.of(channel)
    }

    /// Everybody who is present, for a listener who knows nothing.
    pub fn present(&self) -> impl Iterator<Item = ChannelEvent> {
        self.reader.roster.all()
    }
}
