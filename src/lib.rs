//! Tickwire synchronises the state of realtime games over WebSockets: you write the rules, it moves the bytes.
//!
//! A room is an actor with a fixed tick. Each tick it merges the players' inputs, steps the game, freezes the result into an
//! immutable frame, and sends every player the fewest bytes that bring them there. Slow clients, lost connections and wrong
//! states are its business, not the game's.
//!
//! **Start here.** The [guide] has a page per subject: [the words](guide::concepts), [your first game](guide::first_game)
//! from `cargo new` to two browser tabs, [who moves](guide::inputs), [who sees what](guide::zones), [tests](guide::testing).
//! [`game`] is the one file to read before writing a game.
//!
//! **A server.** Implement [`Game`], give it to a [`Server`], and let it [serve](Server::serve); or [run](Server::run) it on a
//! listener of yours, or [mount](Server::mount) it in an actix-web app. [`Config`] has every knob.
//!
//! **What a game is made of.** [`Spec`] with its [`Schema`] ([`Kind`], [`Field`], [`Shape`], [`Motion`]), [`InputSchema`] and
//! [`Authority`] says what rows and inputs are; [`Context`], [`PlayerInput`] and [`SnapshotWriter`] are what it works with.
//!
//! **Around it.** [`testing`] plays a game in virtual time; [`bots`] plays it over sockets; [`measure`] says what its movement
//! costs; [`engine`] is everything that decides, for those with a loop and a transport of their own; [`snapshot`] and [`wire`]
//! are the bytes.
//!
//! | feature | what it adds | default |
//! |---|---|---|
//! | `server` | actors, HTTP, the pages: [`Server`] | yes |
//! | `bots` | simulated players: [`bots`] | yes |
//! | `measure` | movement on the wire: [`measure`] | yes |
//! | `cli` | the command `tickwire`, and all of the above | yes |
//!
//! With `default-features = false` only the pure half builds: schema, deltas, wire, engine. It has no clock, socket,
//! thread or lock, and runs wherever bytes can be moved.

#[cfg(feature = "server")]
mod actor;
#[cfg(feature = "bots")]
pub mod bots;
pub mod engine;
#[doc(hidden)]
pub mod fuzzing;
pub mod game;
pub mod games;
// Its pages link to every part.
#[cfg(feature = "cli")]
pub mod guide;
pub mod id;
#[cfg(feature = "measure")]
pub mod measure;
#[cfg(feature = "server")]
pub mod server;
pub mod snapshot;
pub mod testing;
pub mod tick;
#[cfg(feature = "server")]
mod trust;
pub mod wire;

pub use game::{
    Context, Factory, Game, Input, Player, PlayerInput, Recipients, RoomSetup, SnapshotWriter, Spec, SpeedGate,
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
