//! Realtime game state over WebSockets.

#[cfg(feature = "server")]
mod actor;
pub mod engine;
pub mod game;
pub mod games;
pub mod id;
#[cfg(feature = "server")]
pub mod server;
pub mod snapshot;
pub mod tick;
pub mod wire;
