//! Decisions: everything that can be wrong, as synchronous state machines.
//!
//! Nothing here owns a clock, socket, thread or lock. Time comes in as an argument, bytes and effects come out as return
//! values. The actors of `actor` are the shell around this; `examples/own_loop.rs` is another one, in one file.
//!
//! What a shell does, in the order of a tick:
//!
//! 1. Gives each message to [`Session::on_message`] and does what the answer ([`SessionEvent`]) asks: [`Room::admit`] for whoever enters
//!    (the welcome of [`Session::enter`] is the first thing to send), [`Room::offer`] for inputs, [`Room::command`] for
//!    commands, [`EventLog::ack`] for events that arrived.
//! 2. Calls [`Session::on_alarm`] about once per second. Every error is the [`Close`](crate::Close) the session ends with, and
//!    then comes [`Room::leave`].
//! 3. Ticks as often as [`TickClock`](crate::tick::TickClock) says: [`Room::tick`]. The frame goes into a [`History`], kicked seats
//!    are ended.
//! 4. After each call of the room that may have led to events, hands out [`Room::take_posts`] into the [`EventLog`]s of the seats.
//! 5. Asks each session for its [`Readiness`]; a ready one is given the frames its client lacks ([`History::between`]) and composes
//!    the message.
//!
//! A room made with [`Room::holding_seats_for`] holds seats of lost connections: then [`Room::drop_out`] comes before
//! [`Room::leave`], and a [`Visit`] with a claim goes to [`Room::recognise`] and [`Room::resume`] first.

mod admission;
mod bucket;
mod chat;
mod client;
mod close_reason;
mod command;
mod events;
mod flow;
mod frame_sender;
mod history;
mod input_buffer;
mod lifecycle;
pub mod link;
mod phase;
mod profiler;
mod reconnect;
mod resume;
mod room;
mod sanitize;
mod seat;
mod send_rate;
mod session;
mod spectator;
mod visit;
pub mod work;

pub use admission::{Address, Admission, Quota, Verdict};
pub use bucket::Bucket;
pub use client::{Arrived, Client, ClientError, ClientEvent, Depth, Pass};
pub use close_reason::CloseReason;
pub use command::Ask;
pub use events::{Batch, Event, EventLog, ImpossibleAck, Rewound};
pub use flow::Flow;
pub use frame_sender::{Entry, FrameSender, Readiness};
pub use history::History;
pub use input_buffer::{InputBuffer, InputRun, TickInput};
pub use phase::Phase;
pub use profiler::{BandwidthProfiler, CostShare, RoomCosts};
pub use resume::{Claim, ResumeToken, Secret};
pub use room::{Admitted, Post, Refusal, Room, RoomConfig, Ticked};
pub use session::{Session, SessionCounts, SessionEvent};
pub use visit::{Token, Visit};
