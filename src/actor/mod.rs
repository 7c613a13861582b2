//! Letters: the actors around the engine. Each is a thin shell: a mailbox, an alarm, handlers of about 20 lines.
//!
//! A room lives on an arbiter of its own kind and never waits for a viewer. It hands each frame to one relay per HTTP
//! worker; the relay wakes the sessions of its thread, which compose from the newest frame. Inputs and goodbyes lie on
//! desks that the room looks over at its tick; only joins and questions are letters.

mod clock;
mod desk;
mod directory;
mod door;
mod feed;
mod guarded;
mod guests;
mod line;
mod message;
mod metrics;
mod relay;
mod room;
mod session;
mod status;

pub use clock::Clock;
pub use directory::{Directory, DirectoryConfig};
pub use door::{Connection, Door};
pub use line::{Line, socket_of};
pub use message::{Drain, Explain, Stop};
pub use metrics::Metrics;
pub use relay::Relay;
pub use session::{Gate, start};
