//! Tickwire synchronises the state of realtime games over WebSockets: you write the rules, Tickwire moves the bytes.
//!
//! A room is an actor with a fixed tick rate. On each tick, the room merges the players' inputs, steps the game,
//! freezes the result into an immutable frame, and sends each player the smallest message that brings its client to
//! that frame. Slow clients, lost connections and desyncs are handled by Tickwire, not by the game.
//!
//! **Start here.** The [guide] has one page per subject: [concepts](guide::concepts), [your first
//! game](guide::first_game) from `cargo new` to two browser tabs, [inputs and authority](guide::inputs),
//! [zones](guide::zones), [tests](guide::testing). Read [`game`](mod@game) before you write a game.
//!
//! **A server.** Implement [`TypedGame`], whose rows, inputs and messages are [types of your own](typed), or [`Game`], on which
//! it is built and where all of them are integers and bytes. Pass it to a [`Server`] and call [`serve`](Server::serve). To use your own
//! listener, call [`run`](Server::run); to embed it in an actix-web app, call [`mount`](Server::mount). [`Config`]
//! holds every setting.
//!
//! **The types of a [`Game`].** [`Spec`] describes rows with a [`Schema`] ([`Kind`], [`Field`], [`Shape`], [`Motion`]), and
//! inputs with an [`InputSchema`] and an [`Authority`]. Hooks work with [`Context`], [`PlayerInput`] and
//! [`SnapshotWriter`].
//!
//! **Other modules.** [`testing`] plays a game in virtual time; [`engine`] makes all decisions, for embedders with their
//! own loop and transport; [`snapshot`] and [`wire`] define the bytes.
//!
//! **Other packages** of the repository. `tickwire-cli` has the command `tickwire`, simulated players over sockets
//! (`tickwire_cli::bots`), and the bytes that movement costs (`tickwire_cli::measure`); `tickwire-games` has the games of
//! the demo.
//!
//! | feature | what it adds | default |
//! |---|---|---|
//! | `server` | actors, HTTP, the pages: [`Server`] | yes |
//! | `log` | [`log()`](log), for programs without a `tracing` subscriber | yes |
//! | `cluster` | many servers with one directory of rooms in Redis: [`guide::cluster`] | no |
//!
//! With `default-features = false`, only the part without I/O builds: schema, deltas, wire, engine. It has no clock,
//! socket, thread or lock, and runs over any transport that can move bytes.

// What the derive macros generate names the library by its name, also here.
extern crate self as tickwire;

#[cfg(feature = "server")]
mod actor;
#[cfg(feature = "server")]
mod cluster;
pub mod engine;
#[doc(hidden)]
pub mod fuzzing;
pub mod game;
// The guide links to items of the server.
#[cfg(feature = "server")]
pub mod guide;
pub mod id;
#[cfg(feature = "server")]
pub mod server;
pub mod snapshot;
#[cfg(feature = "server")]
mod store;
#[cfg(feature = "server")]
pub mod tap;
pub mod testing;
pub mod tick;
#[cfg(feature = "server")]
mod trust;
pub mod typed;
pub mod wire;

pub use game::{
    Area, Context, Factory, Game, InputValues, Interest, LoadError, Persistence, Player, PlayerInput, Recipients,
    Refused, RoomSetup, Saved, SetupError, SnapshotWriter, Spec, SpeedGate, Viewpoint, Wall,
};
pub use id::{EntityId, KindId, Seat, ZoneId};
#[cfg(feature = "log")]
pub use server::log;
#[cfg(feature = "server")]
pub use server::{Config, LogFormat, Pages, Server};
pub use snapshot::{Field, InputSchema, Kind, Motion, Schema, Shape};
pub use tick::TickRate;
pub use tickwire_derive::{Input, Labels, Message, Options, Row, game};
pub use typed::{Input, Inputs, Labels, Message, Options, Players, Row, RowWriter, TypedGame};
pub use wire::{Authority, Close};

/// What most games use: `use tickwire::prelude::*;`.
pub mod prelude {
    pub use crate::game::{Context, Player, PlayerInput, Recipients, Refused, RoomSetup, SetupError};
    pub use crate::id::{EntityId, Seat, ZoneId};
    #[cfg(feature = "server")]
    pub use crate::server::{Config, Pages, Server};
    pub use crate::tick::TickRate;
    pub use crate::typed::Body;
    pub use crate::{Input, Inputs, Labels, Message, Options, Players, Row, RowWriter, TypedGame};
}

#[cfg(all(doctest, feature = "server"))]
#[doc = include_str!("../README.md")]
struct Readme;
