//! Realtime game state over WebSockets.

#[cfg(feature = "server")]
mod actor;
#[cfg(feature = "bots")]
pub mod bots;
pub mod engine;
pub mod game;
pub mod games;
pub mod id;
#[cfg(feature = "server")]
pub mod server;
pub mod snapshot;
pub mod tick;
pub mod wire;
