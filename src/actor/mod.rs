//! Letters: the actors around the engine. Each is a thin shell: a mailbox, an alarm, handlers of about 20 lines.
//!
//! A room lives on an arbiter of its own kind and never waits for a viewer. It hands each frame to one relay per HTTP
//! worker; the relay wakes the sessions of its thread, which compose from the newest frame. Inputs and goodbyes lie on
//! desks that the room looks over at its tick; only joins and questions are letters.

mod clock;
mod desk;
mod directory;
mod door;
mod dozing;
mod feed;
mod gate;
mod guarded;
mod guests;
mod joining;
mod line;
mod listed;
mod log_health;
mod message;
mod metrics;
mod names;
mod operator;
mod place;
mod process;
mod relay;
mod report;
mod reservations;
mod room;
mod said;
mod session;
mod socket;
mod status;
mod times;
mod trace;
mod watchdog;

pub use clock::Clock;
pub use directory::{Directory, DirectoryConfig};
pub use door::{Connection, Door, Visitor};
pub use gate::Gate;
pub use line::{Line, socket_of};
pub use log_health::LogHealth;
pub use message::{Drain, Explain, Reserve, RoomEntry, RoomList, Stop};
pub use metrics::{Metrics, Totals};
pub use operator::{Find, Insight, Inspect, LookOver, Order, Survey};
pub use relay::Relay;
pub use session::{converse, start};
pub use socket::{carry, take_leave};
pub use trace::Trace;
pub use watchdog::{Part, Watchdog};
