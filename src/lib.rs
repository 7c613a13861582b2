//! Tickwire synchronises the state of realtime games.
//!
//! A room is an actor. Each tick it merges the players' inputs, steps the game, freezes the result into an immutable
//! frame and broadcasts it to session actors, which send their client the fewest bytes that bring it to that frame, over
//! WebSockets. To embed it, implement [`Game`] and give it to a [`Server`]; [`game`] is the one file to read first.
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
pub mod id;
#[cfg(feature = "measure")]
pub mod measure;
#[cfg(feature = "server")]
pub mod server;
pub mod snapshot;
pub mod testing;
pub mod tick;
pub mod wire;

pub use game::{Context, Factory, Game, Input, Move, Observer, Player, Setup, Spec, SpeedGate, To};
pub use id::{EntityId, KindId, Seat, ZoneId};
#[cfg(feature = "server")]
pub use server::{Config, LogFormat, Pages, Server};
pub use snapshot::{Field, InputSchema, Kind, Motion, Schema, Shape};
pub use tick::TickRate;
pub use wire::{Close, Rule};

#[cfg(all(doctest, feature = "server"))]
#[doc = include_str!("../README.md")]
struct Readme;
