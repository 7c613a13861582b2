//! The engine: all decisions of a server, as synchronous state machines without I/O (sans-I/O).
//!
//! Nothing here owns a clock, socket, thread or lock. Time is an argument; bytes and effects are return values. The
//! actors of `actor` are one shell around the engine; `examples/own_loop.rs` is another, in one file.
//!
//! A [`Host`] is a room with its recent frames and the joins that wait. A shell around it does the following:
//!
//! 1. Pass each message of a client to [`Session::on_message`]. If the client has a seat, call [`PendingInput::hear`]: the
//!    room holds only seats whose client has sent a message. Do what the returned [`SessionEvent`] requires:
//!    [`Host::request`] for a client that enters; add inputs, commands and acknowledged events to the session's
//!    [`PendingInput`]; send replies; verify newer tokens. An error of a session is the [`Close`](crate::Close) that ends
//!    it: record it with [`PendingInput::end`].
//! 2. Call [`Session::on_alarm`] about once per second.
//! 3. Tick as often as [`TickClock`](crate::tick::TickClock) says: [`Host::collect`] for every session, and then
//!    [`Host::disconnect`] for those that have ended; [`Host::answer_requests`]; then [`Host::tick`].
//! 4. Do what [`Host::poll_output`] requires: send welcomes ([`Session::enter`]), add events to the [`EventQueue`]s of
//!    sessions, end the sessions of freed seats. A seat whose client returns may still have a session: end it, too. If a
//!    client has gone before its welcome, disconnect its seat.
//! 5. Ask each session for its [`Readiness`]. Give a ready session the frames that its client lacks
//!    ([`History::since`]); it composes the message.
//!
//! A [`Room`] changes by [`RoomInput`]s only, with or without a host.

mod addresses;
mod admission;
mod bucket;
mod budget;
mod camera;
mod channel_news;
pub mod channels;
mod chat;
mod checkpoint;
mod client;
mod client_state;
mod close_reason;
pub mod cluster;
mod command;
mod counters;
mod enter;
mod event_entries;
mod events;
mod feel;
pub mod film;
mod flow;
mod frame_sender;
mod history;
mod host;
mod input_buffer;
mod join_request;
mod journal;
mod lifecycle;
pub mod link;
mod live_film;
#[cfg_attr(not(feature = "server"), expect(dead_code, reason = "the archive is the server's"))]
mod match_film;
mod overload;
mod pending_input;
mod personal;
mod phase;
mod playing;
mod policy;
mod profiler;
mod reconnect;
mod recorder;
pub mod recording;
mod recovery;
pub mod registry;
pub mod replay;
mod reservations;
mod resume;
mod rewind;
mod room;
mod room_input;
mod room_output;
mod sanitize;
mod seat;
mod send_rate;
mod server_event;
mod session;
mod spectator;
mod tap;
mod tickets;
mod vacancies;
mod views;
mod visibility;
pub mod work;

pub use admission::{Address, Admission, Limit, Quota, Verdict};
pub use bucket::Bucket;
pub use budget::Unsent;
pub use camera::{FilmPart, Filmed};
pub use checkpoint::{Checkpoint, RestoreError};
pub use client::{
    Arrived, Client, ClientError, ClientEvent, Delivered, Depth, Display, DisplayRow, Pass, Prediction, Predictor,
    RoomClock,
};
pub use close_reason::CloseReason;
pub use command::Command;
pub use counters::RoomCounters;
pub use events::{Batch, Event, EventQueue};
pub use feel::{FeelCause, FeelDigest};
pub use flow::{Acked, Flow};
pub use frame_sender::{FrameSender, Readiness, SenderStart, Transport};
pub use history::{FrameStore, History};
pub use host::{Host, HostOutput, SeatSession, Waiting};
pub use input_buffer::{InputBuffer, InputRun, TickInput};
pub use join_request::{JoinRequest, Token};
pub use journal::{JournalEntry, Proof};
pub use live_film::FilmSegment;
#[cfg(feature = "server")]
pub(crate) use match_film::{
    GoingMatch, MatchBeginning, MatchRecord, PersonMark, SavedResult, encode_join, encode_part,
};
pub use overload::{OverloadLadder, OverloadStep};
pub use pending_input::PendingInput;
pub use phase::Phase;
pub use policy::{RoomPolicy, SecondDevice};
pub use profiler::{BandwidthProfiler, CostShare, RoomCosts, UnsentShare};
pub use recovery::{GoneBack, RecoverError, Recovery, evidence, go_back, recover};
pub use registry::RoomRegistry;
pub use reservations::Reservations;
pub use resume::{Claim, ResumeToken, Secret, SecretDigest};
pub use rewind::Hit;
pub use room::{Admitted, Answer, Refusal, Room, RoomConfig, RoomOutput};
pub use room_input::{Base, Enter, Return, RoomInput};
pub use session::{Session, SessionEvent, close_for_seat};
#[cfg(feature = "server")]
pub(crate) use spectator::is_spectator;
pub use tap::{TapBody, TapEntry, TapKey};
pub use vacancies::{JoinKind, Occupancy, Vacancies};
