//! The engine: all decisions of a server, as synchronous state machines.
//!
//! Nothing here owns a clock, socket, thread or lock. Time is an argument; bytes and effects are return values. The
//! actors of `actor` are one shell around the engine; `examples/own_loop.rs` is another, in one file.
//!
//! A shell does the following, in the order of a tick:
//!
//! 1. Pass each message to [`Session::on_message`] and do what the returned [`SessionEvent`] requires: [`Room::admit`]
//!    for a client that enters (send the welcome from [`Session::enter`] first), [`Room::offer`] for inputs,
//!    [`Room::command`] for commands, [`EventLog::ack`] for events that arrived.
//! 2. Call [`Session::on_alarm`] about once per second. An error of a session is the [`Close`](crate::Close) that ends
//!    it; then call [`Room::leave`].
//! 3. Call [`Room::tick`] as often as [`TickClock`](crate::tick::TickClock) says. Push the frame to a [`History`], and
//!    end the sessions of kicked seats.
//! 4. After each call of the room that may cause events, distribute [`Room::take_posts`] to the [`EventLog`]s of the
//!    seats.
//! 5. Ask each session for its [`Readiness`]. Give a ready session the frames that its client lacks
//!    ([`History::between`]); it composes the message.
//!
//! A room made with [`Room::holding_seats_for`] holds the seats of lost connections. When a session of such a room
//! ends, call [`Room::drop_out`] in place of [`Room::leave`]; for a [`Visit`] with a claim, try [`Room::recognise`] and
//! [`Room::resume`] first.

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
pub use command::Command;
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
