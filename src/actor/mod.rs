//! The actors around the engine, and their messages. Each actor is a thin shell: a mailbox, an alarm and short handlers.
//!
//! A room runs on a thread for rooms and never waits for a session. It sends each frame to one relay per HTTP worker; the
//! relay has the sessions of its thread compose messages from it and writes them. Inputs, commands and close reasons go
//! through seat channels, which the room reads at its tick. Only joins and queries are messages to the room.

mod alarm;
mod archiving;
mod clock;
mod cluster_metrics;
mod clustering;
mod directory;
mod ending;
mod fairness;
mod feel_metrics;
mod film_metrics;
mod film_tape;
mod films;
mod frame_feed;
mod frame_guard;
mod frame_history;
mod gatekeeper;
mod joining;
mod journal_metrics;
mod journaling;
mod live_session;
mod local_rooms;
mod log_health;
mod making;
mod match_folder;
mod match_search;
mod match_writer;
mod matches;
mod message;
mod metrics;
mod moving;
mod operator;
mod per_thread;
mod poll_on_wake;
mod process;
mod recordings;
mod recovery;
mod refusals;
mod rehearsing;
mod relay;
mod remaking;
mod report;
mod reserving;
mod room;
mod room_board;
mod room_channels;
mod room_file;
mod room_handle;
mod room_store;
mod seat_channel;
mod seat_table;
mod server_events;
mod session;
mod session_context;
mod session_seat;
mod sleeping;
mod socket;
mod socket_handle;
mod status;
mod tapping;
mod times;
mod trace;
mod unsent_metrics;
mod waiter;
mod watchdog;
mod ws_message;

use crate::trust::names;

pub use clock::Clock;
pub use directory::{Directory, DirectoryConfig};
pub use film_metrics::{FilmOutlet, Outlet, Watching};
pub use film_tape::{FilmTape, PublicSegment};
pub use films::Films;
pub use gatekeeper::{Connection, Gatekeeper, Handshake, SessionPermit, ViewerPermit};
pub use log_health::LogHealth;
pub use match_folder::MatchShelf;
pub use match_search::{MatchSearch, MatchViewer};
pub use matches::{FoundMatch, MatchPage, Matches};
pub use message::{Drain, Explain, Reserve, RoomEntry, Stop};
pub use metrics::{Metrics, Totals};
pub use moving::MoveRoom;
pub use operator::{
    Expected, Find, Inspect, ListRoomHealth, Order, PlayerContents, RecordRoom, RoomContents, RoomHealth,
    RoomHealthList,
};
pub use recordings::{Recordings, Shelf, Shelved, listed as recordings_in};
pub use refusals::Refusal;
pub use relay::Relay;
pub use room_board::{ListChange, ListedRoom, RoomBoard, json_list};
pub use room_store::RoomStore;
pub use server_events::{NotTaken, ServerEvent};
pub use session::{converse, start};
pub use session_context::SessionContext;
pub use socket::{carry, linger};
pub use socket_handle::{SocketHandle, socket_of};
pub use trace::Trace;
pub use watchdog::{Part, Watchdog};
