//! What a process has to add to the log: its messages in order, and its presences as they are now.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::entry::Presence;
use crate::wire::limits;

/// Why a channel does not take something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// No channel can have such a name.
    BadName,
    /// The message, the member's id, or what there is to know of the member is too long.
    TooLong,
    /// Too much waits, or too many are present.
    TooMany,
}

/// A part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The number of the first message; messages of a node are numbered.
    pub first: u64,
    /// Channels and bodies.
    pub messages: Vec<(String, String)>,
    /// Presences that have changed.
    pub presences: Vec<Presence>,
}

impl Batch {
    /// Messages and presences of one batch, and bytes of messages: more would keep Redis from others for longer.
    const MOST: usize = 256;
    const BYTES: usize = 512 * 1024;

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.presences.is_empty()
    }
}

#[derive(Clone, Debug)]
struct Present {
    info: String,
    count: u32,
    /// As the log has it.
    known: u32,
}

/// Channel and member.
type Place = (String, String);

/// What a process has to add.
#[derive(Clone, Debug, Default)]
pub struct Outgoing {
    messages: VecDeque<(String, String)>,
    /// How many messages the log has.
    sent: u64,
    bytes: usize,
    present: BTreeMap<Place, Present>,
    /// Who came, or went altogether.
    urgent: BTreeSet<Place>,
    /// Of whom there are more or fewer: nobody waits for these numbers.
    counts: BTreeSet<Place>,
}

/// Whether a channel can have this name.
fn check_name(channel: &str) -> Result<(), NotTaken> {
    let fits = (1..=limits::CHANNEL_NAME).contains(&channel.len()) && !channel.chars().any(char::is_control);
    if fits { Ok(()) } else { Err(NotTaken::BadName) }
}

impl Outgoing {
    /// Adds a message. Returns its number.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn publish(&mut self, channel: &str, body: &str) -> Result<u64, NotTaken> {
        check_name(channel)?;
        if body.len() > limits::CHANNEL_BODY {
            return Err(NotTaken::TooLong);
        }
        let bytes = self.bytes + channel.len() + body.len();
        if self.messages.len() >= limits::CHANNEL_MESSAGES_WAITING || bytes > limits::CHANNEL_BYTES_WAITING {
            return Err(NotTaken::TooMany);
        }
        self.bytes = bytes;
        self.messages.push_back((channel.to_owned(), body.to_owned()));
        Ok(self.sent + self.messages.len() as u64)
    }

    /// One more is present. What the first one says of the member counts.
    ///
    /// # Errors
    /// Why they are not.
    pub fn enter(&mut self, channel: &str, member: &str, info: &str) -> Result<(), NotTaken> {
        check_name(channel)?;
        if member.len() > limits::CHANNEL_MEMBER || info.len() > limits::CHANNEL_MEMBER_INFO {
            return Err(NotTaken::TooLong);
        }
        let place = (channel.to_owned(), member.to_owned());
        let is_new = !self.present.contains_key(&place);
        if is_new && self.present.len() >= limits::CHANNEL_PRESENCES {
            return Err(NotTaken::TooMany);
        }
        let fresh = || Present { info: info.to_owned(), count: 0, known: 0 };
        let present = self.present.entry(place.clone()).or_insert_with(fresh);
        if present.count == 0 {
            info.clone_into(&mut present.info);
        }
        present.count += 1;
        self.note(place);
        Ok(())
    }

    /// One of them has gone.
    pub fn leave(&mut self, channel: &str, member: &str) {
        let place = (channel.to_owned(), member.to_owned());
        let Some(present) = self.present.get_mut(&place).filter(|present| present.count > 0) else { return };
        present.count -= 1;
        self.note(place);
    }

    fn note(&mut self, place: Place) {
        let Some(present) = self.present.get(&place) else { return };
        if (present.count == 0) == (present.known == 0) {
            self.counts.insert(place);
        } else {
            self.urgent.insert(place);
        }
    }

    /// What the log should have next; with `counts`, also what nobody waits for.
    pub fn next(&self, counts: bool) -> Batch {
        let mut left = Batch::BYTES;
        let fits = |(channel, body): &&(String, String)| {
            let fits = left > 0;
            left = left.saturating_sub(channel.len() + body.len());
            fits
        };
        let messages = self.messages.iter().take(Batch::MOST).take_while(fits).cloned().collect();
        let later = self.counts.iter().filter(|place| counts && !self.urgent.contains(*place));
        let places = self.urgent.iter().chain(later).take(Batch::MOST);
        let presences = places.filter_map(|place| {
            let ((channel, member), present) = (place.clone(), self.present.get(place)?);
            Some(Presence { channel, member, info: present.info.clone(), count: present.count })
        });
        Batch { first: self.sent + 1, messages, presences: presences.collect() }
    }

    /// The log has this, and maybe something has changed since.
    pub fn confirm(&mut self, batch: &Batch) {
        for _ in 0..batch.messages.len() {
            let Some((channel, body)) = self.messages.pop_front() else { break };
            self.bytes -= channel.len() + body.len();
            self.sent += 1;
        }
        for Presence { channel, member, count, .. } in &batch.presences {
            let place = (channel.clone(), member.clone());
            let Some(present) = self.present.get_mut(&place) else { continue };
            present.known = *count;
            self.urgent.remove(&place);
            self.counts.remove(&place);
            if present.count == 0 && *count == 0 {
                self.present.remove(&place);
            } else if present.count != *count {
                self.note(place);
            }
        }
    }

    /// How many messages the log has.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// The log may have forgotten who is present, or counts this process as another node now.
    pub fn announce_again(&mut self) {
        self.counts.clear();
        self.urgent = self.present.keys().cloned().collect();
    }
}
