//! What a process has read of the log: where it is, and who is present there.

use super::entry::{Entry, Position, Presence};
use super::roster::Roster;
use crate::engine::cluster::Epoch;

/// Entries are missing: the reader needs the roster before it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap;

/// What happens in channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelEvent {
    /// A message.
    Message {
        /// The channel.
        channel: String,
        /// What is told.
        body: String,
    },
    /// More or fewer are present as a member.
    Presence {
        /// Who, and how many at all nodes together now.
        presence: Presence,
        /// How many there were before.
        before: u32,
        /// Whether this process is the one that tells others of it, of all that hear of it.
        is_ours: bool,
    },
    /// Messages were lost while this process was away. Who is present is right all the same.
    Missed,
}

/// A reader of the log.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    position: Option<Position>,
    /// Up to here the roster has been read as a whole.
    settled: u64,
    /// There is a gap behind the position, which has been told; and where the roster was read then.
    gap_until: Option<Position>,
    pub(super) roster: Roster,
}

impl Reader {
    /// The newest entry that was read, and whether a gap follows that is known; `None` before the first
    /// [`resync`](Self::resync).
    pub fn position(&self) -> Option<(Position, bool)> {
        self.position.map(|position| (position, self.gap_until.is_some()))
    }

    /// Reads entries that follow. `own`: the node that this process is.
    ///
    /// # Errors
    /// Some are missing before one of them. Those before that were read.
    pub fn read(
        &mut self,
        own: Option<Epoch>,
        entries: &[(Position, Entry)],
        events: &mut Vec<ChannelEvent>,
    ) -> Result<(), Gap> {
        if let Some(until) = self.gap_until.filter(|_| entries.is_empty()) {
            // Nothing is kept of what was missed.
            (self.position, self.gap_until) = (Some(until), None);
        }
        for (at, entry) in entries {
            let follows = match self.gap_until {
                // Behind it, the roster is not right any more.
                Some(until) => at.number <= until.number + 1,
                None => self.position.is_some_and(|position| position.number + 1 == at.number),
            };
            if !follows {
                return Err(Gap);
            }
            (self.position, self.gap_until) = (Some(*at), None);
            let is_known = at.number <= self.settled;
            match entry {
                Entry::Message { channel, body } => {
                    events.push(ChannelEvent::Message { channel: channel.clone(), body: body.clone() });
                }
                _ if is_known => {}
                Entry::Presence { node, presence } => {
                    events.extend(self.roster.set(*node, presence, own == Some(*node)));
                }
                Entry::NodeGone { node, heir } => {
                    let is_ours = own.is_some() && (own == *heir || own == Some(*node));
                    events.extend(self.roster.remove_node(*node, is_ours));
                }
            }
        }
        Ok(())
    }

    /// The roster was read as a whole, by nodes, beginning when the log was `at` there. At the start, reading goes on from there; after a
    /// gap, with whatever is kept of what follows. `keeps`: nodes of which nothing is said may still be there, because the log was lost and
    /// they have not announced anything since.
    pub fn resync(
        &mut self,
        own: Option<Epoch>,
        at: Position,
        all: &[(Epoch, Vec<Presence>)],
        keeps: bool,
    ) -> Vec<ChannelEvent> {
        let events = self.roster.replace(all, keeps, own);
        self.settled = at.number;
        match self.position {
            None => {
                self.position = Some(at);
                events
            }
            Some(_) => {
                self.gap_until = Some(at);
                [ChannelEvent::Missed].into_iter().chain(events).collect()
            }
        }
    }

    /// The roster was read as a whole although nothing is missing: nodes have had the time to announce who is present.
    pub fn refresh(&mut self, own: Option<Epoch>, at: Position, all: &[(Epoch, Vec<Presence>)]) -> Vec<ChannelEvent> {
        self.settled = self.settled.max(at.number);
        self.roster.replace(all, false, own)
    }
}
