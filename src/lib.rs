//! Tickwire synchronises the state of realtime games over WebSockets: you write the rules, Tickwire moves the bytes.
//!
//! A room is an actor with a fixed tick rate. On each tick, the room merges the players' inputs, steps the game,
//! freezes the result into an immutable frame, and sends each player the smallest message that brings its client to
//! that frame. Slow clients, lost connections and desyncs are handled by Tickwire, not by the game.
//!
//! **Start here.** The [guide] has one page per subject: [concepts](guide::concepts), [your first
//! game](guide::first_game) from `cargo new` to two browser tabs, [inputs and authority](guide::inputs),
//! [zones](guide::zones), [tests](guide::testing). Read [`game`] before you write a game.
//!
//! **A server.** Implement [`Game`], pass it to a [`Server`] and call [`serve`](Server::serve). To use your own
//! listener, call [`run`](Server::run); to embed it in an actix-web app, call [`mount`](Server::mount). [`Config`]
//! holds every setting.
//!
//! **A game's types.** [`Spec`] describes rows with a [`Schema`] ([`Kind`], [`Field`], [`Shape`], [`Motion`]), and
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
//! | `cluster` | many servers with one directory of rooms in Redis: [`guide::cluster`] | no |
//!
//! With `default-features = false`, only the part without I/O builds: schema, deltas, wire, engine. It has no clock,
//! socket, thread or lock, and runs over any transport that can move bytes.

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
pub mod wire;

pub use game::{
    Area, Context, Factory, Game, InputValues, Interest, LoadError, Persistence, Player, PlayerInput, Recipients,
    Refused, RoomSetup, Saved, SetupError, SnapshotWriter, Spec, SpeedGate,
};
pub use id::{EntityId, KindId, Seat, ZoneId};
#[cfg(feature = "server")]
pub use server::{Config, LogFormat, Pages, Server};
pub use snapshot::{Field, InputSchema, Kind, Motion, Schema, Shape};
pub use tick::TickRate;
pub use wire::{Authority, Close};

#[cfg(all(doctest, feature = "server"))]
#[doc = include_str!("../README.md")]
struct Readme;
