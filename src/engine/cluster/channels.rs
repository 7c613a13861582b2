//! What nodes ask of the log of [channels](crate::engine::channels), which is kept beside the directory.

use super::request::{Epoch, Script, flag, text};
use crate::engine::channels::{Batch, Entry, Position, Presence};

/// A request to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the scripts say what their arguments mean")]
pub enum ChannelRequest {
    Announce { node: Epoch, batch: Batch },
    Follow { after: Position, anyway: bool, most: usize },
    Roster { after: Epoch },
}

impl ChannelRequest {
    pub(super) fn script(&self) -> Script {
        match self {
            Self::Announce { .. } => Script::Announce,
            Self::Follow { .. } => Script::Follow,
            Self::Roster { .. } => Script::Roster,
        }
    }

    pub(super) fn args(&self) -> Vec<String> {
        match self {
            Self::Announce { node, batch } => {
                let head = [text(node.0), text(batch.first), text(batch.messages.len())];
                let messages = batch.messages.iter().flat_map(|(channel, body)| [channel.clone(), body.clone()]);
                let presences = batch.presences.iter().flat_map(Presence::texts);
                head.into_iter().chain(messages).chain(presences).collect()
            }
            Self::Follow { after, anyway, most } => {
                vec![text(after.era), text(after.number), text(*most), flag(*anyway)]
            }
            Self::Roster { after } => vec![text(after.0)],
        }
    }
}

/// Reads the answer to [`ChannelRequest::Follow`]; `None` if it is none.
pub fn read_entries(mut texts: &[String]) -> Option<Vec<(Position, Entry)>> {
    let mut entries = Vec::new();
    while let [era, number, count, rest @ ..] = texts {
        let (entry, more) = rest.split_at_checked(count.parse().ok()?)?;
        let at = Position { era: era.parse().ok()?, number: number.parse().ok()? };
        entries.push((at, Entry::read(entry)?));
        texts = more;
    }
    texts.is_empty().then_some(entries)
}

/// A part of who is present: by one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RosterPage {
    /// For how many microseconds nodes only register, so that some may not have announced anything yet.
    pub registers_for: u64,
    /// The newest entry.
    pub at: Position,
    /// The node, and who is present there; `None` behind the last node.
    pub node: Option<(Epoch, Vec<Presence>)>,
}

impl RosterPage {
    /// Reads the answer to [`ChannelRequest::Roster`]; `None` if it is none.
    pub fn read(texts: &[String]) -> Option<Self> {
        let [left, era, number, node, rest @ ..] = texts else { return None };
        let presences: Option<Vec<_>> = rest.chunks(Presence::FIELDS).map(Presence::read).collect();
        let node = if node.is_empty() { None } else { Some((Epoch(node.parse().ok()?), presences?)) };
        let at = Position { era: era.parse().ok()?, number: number.parse().ok()? };
        Some(Self { registers_for: left.parse().ok()?, at, node })
    }
}
