//! The entries of an outbox, numbered: in files, or in memory.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use super::Delivery;
use super::segments::{Place, Segments};
use crate::engine::TapEntry;

/// Most entries that a sink gets at a time.
const BATCH: usize = 256;

/// The entries.
pub(super) enum Log {
    Memory { entries: VecDeque<(Delivery, u64)>, next: u64, bytes: u64 },
    Files(Segments),
}

/// Where a sink is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    /// The number of its next entry.
    pub position: u64,
    /// Where that is in the files, if it is known.
    pub place: Option<Place>,
}

impl Log {
    /// A log without files.
    pub fn in_memory() -> Self {
        Self::Memory { entries: VecDeque::new(), next: 0, bytes: 0 }
    }

    /// The number of the oldest entry.
    pub fn start(&self) -> u64 {
        match self {
            Self::Memory { entries, next, .. } => next - entries.len() as u64,
            Self::Files(segments) => segments.start(),
        }
    }

    /// The number of the next entry.
    pub fn end(&self) -> u64 {
        match self {
            Self::Memory { next, .. } => *next,
            Self::Files(segments) => segments.end(),
        }
    }

    /// The bytes that it takes.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Memory { bytes, .. } => *bytes,
            Self::Files(segments) => segments.bytes(),
        }
    }

    /// Appends entries, all or none, each with its length as JSON.
    ///
    /// # Errors
    /// They could not be written.
    pub fn append(&mut self, time: u64, added: &[(Arc<TapEntry>, Vec<u8>)]) -> io::Result<()> {
        match self {
            Self::Memory { entries, next, bytes } => {
                for (entry, json) in added {
                    let delivery = Delivery { position: *next, time, entry: entry.clone() };
                    // What an entry takes in memory is about what it takes as text.
                    let weight = json.len() as u64 + size_of::<Delivery>() as u64;
                    entries.push_back((delivery, weight));
                    (*next, *bytes) = (*next + 1, *bytes + weight);
                }
                Ok(())
            }
            Self::Files(segments) => segments.append(time, added.iter().map(|(_, json)| &json[..])),
        }
    }

    /// Lets the next entry begin a file, so that those before it can be deleted as soon as all sinks have them.
    ///
    /// # Errors
    /// There is no new file.
    pub fn begin_anew(&mut self) -> io::Result<()> {
        match self {
            Self::Memory { .. } => Ok(()),
            Self::Files(segments) => segments.begin(),
        }
    }

    /// The next entries after `cursor`, which moves behind them.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn read(&self, cursor: &mut Cursor) -> io::Result<Vec<Delivery>> {
        match self {
            Self::Memory { entries, .. } => {
                let skipped = cursor.position.saturating_sub(self.start()) as usize;
                let read: Vec<Delivery> =
                    entries.iter().skip(skipped).take(BATCH).map(|(delivery, _)| delivery.clone()).collect();
                cursor.position += read.len() as u64;
                Ok(read)
            }
            Self::Files(segments) => segments.read(cursor, BATCH),
        }
    }

    /// Forgets the entries before `needed`, and the oldest others while all take more than `most` bytes.
    pub fn trim(&mut self, needed: u64, most: u64) {
        match self {
            Self::Memory { entries, bytes, .. } => {
                while let Some((_, weight)) =
                    entries.pop_front_if(|(delivery, _)| delivery.position < needed || *bytes > most)
                {
                    *bytes -= weight;
                }
            }
            Self::Files(segments) => segments.trim(needed, most),
        }
    }
}
