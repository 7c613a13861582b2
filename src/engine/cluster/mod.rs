//! A cluster: many servers, its *nodes*, with one directory of rooms, which all of them ask.
//!
//! The directory is kept in Redis. Each decision about it is one script, which Redis runs alone: a [`Request`] says which one
//! and with what arguments, an [`Answer`] is what comes back. [`Model`] makes the same decisions in Rust. A test compares the
//! two answer by answer; simulations use the model.
//!
//! A node holds a [`Lease`]. Its *epoch* is a number greater than all that were given before. When its lease has ended, the
//! directory removes the node and refuses whatever the epoch asks for from then on. Its rooms are forgotten, or go on at other nodes if
//! it kept a journal in Redis.
//!
//! Here are no sockets and no clock: `src/cluster` sends the requests, and reads the clock that goes on while the machine
//! sleeps.

mod answer;
mod channels;
mod heirs;
mod lease;
mod model;
mod model_channels;
mod model_fallen;
mod model_rooms;
mod options;
mod request;

pub use answer::{Answer, Invitation, Legacy, NodeEntry, Summons};
pub use channels::{ChannelRequest, RosterPage, read_entries};
pub use heirs::Heirs;
pub use lease::{Lease, LeaseState, LeaseTimes};
pub use model::Model;
pub use options::{Home, canonical, digest};
pub use request::{Epoch, Registration, Request, RoomReport, Script, Wish};
