//! Channels: messages for everybody who listens, wherever in a cluster, and who is present.
//!
//! A channel is a name. All messages and changes of presence are [`Entry`]s of one [`Log`], in one order for all processes. Its entries
//! are numbered without gaps, so a reader that was away reads on where it was, and notices if entries that it lacks are not kept any more.
//!
//! Each process has a [`Board`]: what it has to add to the log, and what it has read. Who is present follows from the entries, so
//! all boards that have read the same entries agree. The presences that a node announces end with the node.
//!
//! A [`Backend`] brings entries from a board to all boards: [`Alone`] within one process; in a cluster, the log is in Redis, and its
//! decisions are scripts, which a test compares with [`Log`].

mod board;
mod entry;
mod log;
mod outgoing;
mod reader;
mod roster;

pub use board::{Alone, Backend, Board};
pub use entry::{Entry, Position, Presence};
pub use log::Log;
pub use outgoing::{Batch, NotTaken};
pub use reader::{ChannelEvent, Gap};

#[cfg(test)]
mod tests;
