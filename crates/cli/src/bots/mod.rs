//! Simulated players over real sockets. They play, rebuild the state, check it against the server's hashes and measure what
//! players would experience. Each run ends with a verdict.
//!
//! `pilot` is what decides what a bot does (`autopilot` in any game, by its `controls`; `driver` chooses), `actions` are its
//! commands and chat, `movement` is whether that had an effect. `schedule` plans joins and departures, `bot` is one player with
//! its `bot_hello` and `join_tokens`, `hostile` one attacker, `socket` their connection, `trust` whom they trust, `endpoint`
//! checks where it leads, `swarm` runs many bots, `conductor` observes a run, `tally` collects figures, `objective` and
//! `verdict` judge them, `search` finds how many bots a server holds; `report`, `text` and `page` present the results.
//! Nothing here knows a game: bots play any game by the schemas of its welcome. For a bot that knows your game, implement
//! [`Pilot`] and run it with [`play`] (`headless`).

mod actions;
mod autopilot;
mod bot;
mod bot_hello;
mod chart;
mod conductor;
mod connector;
mod controls;
mod driver;
mod endpoint;
mod headless;
mod hostile;
mod join_tokens;
mod machine;
mod movement;
mod objective;
mod outside;
mod page;
mod pilot;
mod recording;
mod report;
mod room;
mod schedule;
mod screen;
mod search;
mod series;
mod sight;
mod socket;
mod swarm;
mod tally;
mod text;
mod trust;
mod verdict;
mod witness;

pub use actions::{Actions, TooMany};
pub use endpoint::check_endpoint;
pub use headless::{PlayError, Seen, play};
pub use hostile::Attack;
pub use join_tokens::JoinTokens;
pub(crate) use machine::Usage;
pub use machine::{Load, most_descriptors};
pub use objective::{Judged, Known, OBJECTIVES, Objective, ObjectiveError, Outcome, Unit};
pub use outside::ServerFigures;
pub use page::page;
pub use pilot::{Behaviour, Pilot, PilotFactory, input_values};
pub use recording::{Path, RecordingError, read_paths};
pub use report::{Churn, FeelFigures, Follow, LinkFigures, Offence, Point, Quantiles, Report};
pub use search::{Edge, Search, Step, find_max};
pub use series::Sample;
pub use swarm::{Config, Progress, Verify, run};
pub use tally::{AttackOutcomes, Failure};
pub use verdict::Verdict;
