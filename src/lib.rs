//! Realtime game state over WebSockets.

pub mod game;
pub mod id;
pub mod snapshot;
pub mod tick;
pub mod wire;
