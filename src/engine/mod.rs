//! Decisions: everything that can be wrong, as synchronous state machines.
//!
//! Nothing here owns a clock, socket, thread or lock. Time comes in as an argument, bytes and effects come out as return
//! values. The actors of `actor` are the shell around this.

mod bucket;
mod chat;
mod client;
mod command;
mod events;
mod explain;
mod flow;
mod history;
mod holding;
mod inbox;
pub mod link;
mod onlooker;
mod pace;
mod parting;
mod resume;
mod room;
mod seated;
mod session;
mod standing;
mod tidy;
mod viewer;

pub use bucket::Bucket;
pub use client::{Arrived, Client, ClientError, Depth, Pass, Told};
pub use command::Ask;
pub use events::{Batch, Event, EventLog, ImpossibleAck, Rewound};
pub use explain::{CostShare, Explainer, RoomCosts};
pub use flow::Flow;
pub use history::History;
pub use inbox::{Inbox, Laid, Taken};
pub use parting::Parting;
pub use resume::{Claim, ResumeToken, Secret};
pub use room::{Admitted, Post, Refusal, Room, RoomConfig, Ticked};
pub use session::{Heard, Session, SessionCounts, Visit};
pub use viewer::{Entry, Readiness, Viewer};
