//! Outlets: what happens in rooms, for the systems that are there already.
//!
//! An outlet is a consumer of the [tap](tickwire::tap) that a file configures: which entries it gets, and where they go.
//! The guide's page on outlets (`tickwire::guide::outlets`) says what each promises. The command `tickwire` has all of them;
//! a program of your own adds them to its server:
//!
//! ```no_run
//! use std::path::Path;
//!
//! # fn main() -> Result<(), String> {
//! let outlets = tickwire_outlets::Outlets::read(Path::new("outlets.toml"), "eu-1")?;
//! let server = tickwire::Server::new(tickwire::Config::default()).node(&outlets.node);
//! let server = outlets.add_routes(server);
//! let server = outlets.into_sinks().fold(server, |server, (name, sink)| server.tap(&name, sink));
//! # Ok(())
//! # }
//! ```

mod config;
mod envelope;
mod filter;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "mqtt")]
mod mqtt;
#[cfg(feature = "pusher")]
mod pusher;
#[cfg(feature = "redis")]
mod streams;
#[cfg(feature = "webhook")]
mod webhook;

pub use config::{Outlet, Outlets};
pub use envelope::{Envelope, data};
pub use filter::{Filter, Template};
#[cfg(feature = "pusher")]
pub use pusher::Pusher;
