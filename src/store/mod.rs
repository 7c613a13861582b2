//! Journals: what rooms did, in a folder or elsewhere, so that they survive the end of their process.
//!
//! All rooms of a server share one journal. It is a sequence of segments, files to which one thread appends batches of
//! entries. An entry is a room's inputs of a tick, a checkpoint, or the end of a room. Checkpoints make earlier entries of
//! their room needless, and segments that no room needs are deleted.
//!
//! Own segments, because the embedded store that was tried first, fjall, took two seconds to open what a crash had left, and
//! committed at twelve times the processor time.

mod disk;
mod entry;
mod found;
pub(crate) mod fuzzed;
mod history;
mod journal;
mod seals;
mod segment;
#[allow(clippy::disallowed_methods, reason = "commits are timed")]
mod writer;

pub use disk::{Disk, Folder};
#[cfg(feature = "cluster")]
pub use found::Remains;
pub use found::{Found, FoundRoom};
pub use journal::{Journal, JournalReport, RoomJournal, StoreState};
pub use seals::sealed;
pub use writer::{Durability, StoreFailure};

#[cfg(test)]
mod tests;
