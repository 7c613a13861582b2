//! Simulated players over real sockets: they play, rebuild the state, check it against the server's hashes, measure
//! what a player would feel, and come to a verdict.
//!
//! `pilot` decides what a bot does, `bot` is one connection, `swarm` runs many, `tally` collects, `report` sums up.
//! Nothing here knows a game: bots drive any game by the schemas of its welcome. Who does know theirs implements [`Pilot`]
//! and lets it [`play`].

mod bot;
mod headless;
mod machine;
mod pilot;
mod recording;
mod report;
mod room;
mod sight;
mod swarm;
mod tally;

pub use headless::{PlayError, Seen, play};
pub use pilot::{Behaviour, Pilot};
pub use recording::{Path, RecordingError, read_paths};
pub use report::{Follow, Offence, Quantiles, Report};
pub use swarm::{Config, Progress, Verify, run};
pub use tally::Failure;
