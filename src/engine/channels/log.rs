//! The log in Rust: what the scripts `announce`, `follow` and `roster` decide.

use std::collections::{BTreeMap, VecDeque};

use super::entry::{Entry, Position, Presence};
use super::outgoing::Batch;
use super::reader::Gap;
use crate::engine::cluster::Epoch;

/// Entries that are kept, as in the scripts: an hour of quiet channels, ten seconds of busy ones.
const MOST_ENTRIES: usize = 10_000;

/// How many of a node's clients are present, and what there is to know of them, by channel and member.
type Present = BTreeMap<(String, String), (u32, String)>;

/// A log of channels, and the presences that follow from it.
#[derive(Clone, Debug)]
pub struct Log {
    most: usize,
    now: u64,
    era: u64,
    /// The number of the newest entry. A log that was forgotten begins with the time, and not where a reader could believe to be.
    number: Option<u64>,
    entries: VecDeque<(Position, Entry)>,
    /// By node.
    present: BTreeMap<Epoch, Present>,
    /// The number of the newest message of each node.
    messages: BTreeMap<Epoch, u64>,
}

impl Default for Log {
    fn default() -> Self {
        Self::keeping(MOST_ENTRIES)
    }
}

impl Log {
    /// A log that keeps so many entries.
    pub fn keeping(most: usize) -> Self {
        let (entries, present, messages) = Default::default();
        Self { most, now: 0, era: 0, number: None, entries, present, messages }
    }

    /// What is left of it when everything is forgotten.
    pub fn emptied(&self) -> Self {
        Self::keeping(self.most)
    }

    /// What is said from now on is said at this time, in microseconds, and under this start of the log's server.
    pub fn set_time(&mut self, now: u64, era: u64) {
        (self.now, self.era) = (now, era);
    }

    fn append(&mut self, entry: Entry) {
        let (era, number) = (self.era, self.number() + 1);
        self.number = Some(number);
        self.entries.push_back((Position { era, number }, entry));
        let needless = self.entries.len().saturating_sub(self.most);
        self.entries.drain(..needless);
    }

    /// A node has something to add. What it repeats counts once.
    pub fn announce(&mut self, node: Epoch, batch: &Batch) {
        for presence in &batch.presences {
            let place = (presence.channel.clone(), presence.member.clone());
            let of_node = self.present.entry(node).or_default();
            let now = (presence.count > 0).then(|| (presence.count, presence.info.clone()));
            let before = match now.clone() {
                Some(now) => of_node.insert(place, now),
                None => of_node.remove(&place),
            };
            if of_node.is_empty() {
                self.present.remove(&node);
            }
            if before != now {
                self.append(Entry::Presence { node, presence: presence.clone() });
            }
        }
        let known = self.messages.get(&node).copied().unwrap_or(0);
        for (number, (channel, body)) in (batch.first..).zip(&batch.messages) {
            if number > known {
                self.append(Entry::Message { channel: channel.clone(), body: body.clone() });
                self.messages.insert(node, number);
            }
        }
    }

    /// A node is gone; `heir` speaks for it.
    pub fn remove_node(&mut self, node: Epoch, heir: Option<Epoch>) {
        self.messages.remove(&node);
        if self.present.remove(&node).is_some() {
            self.append(Entry::NodeGone { node, heir });
        }
    }

    /// The number of the newest entry.
    pub fn number(&mut self) -> u64 {
        *self.number.get_or_insert(self.now)
    }

    /// At most so many entries that follow `after`.
    ///
    /// # Errors
    /// Some between are not kept, or `after` is not of this log; unless the reader knows, and goes on `anyway`.
    pub fn follow(&mut self, after: Position, anyway: bool, most: usize) -> Result<Vec<(Position, Entry)>, Gap> {
        let entries: Vec<_> = self.entries.iter().filter(|(at, _)| *at > after).take(most).cloned().collect();
        if anyway {
            return Ok(entries);
        }
        let next = entries.first().map_or_else(|| self.number() + 1, |(at, _)| at.number);
        if next == after.number + 1 { Ok(entries) } else { Err(Gap) }
    }

    /// The presences of the next node after this one, in the order of their epochs; `None` when there is none.
    pub fn roster(&self, after: Epoch) -> Option<(Epoch, Vec<Presence>)> {
        let (node, present) = self.present.iter().find(|(node, _)| **node > after)?;
        let presences = present.iter().map(|((channel, member), (count, info))| Presence {
            channel: channel.clone(),
            member: member.clone(),
            info: info.clone(),
            count: *count,
        });
        Some((*node, presences.collect()))
    }
}
