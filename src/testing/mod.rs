//! Tests of games in virtual time: a game, its players and their links, without waiting.
//!
//! A [`Playtest`] runs the engine as a server does, over a simulated network and with a counter for a clock: minutes of
//! play take milliseconds, and the same plan and calls produce the same run. Whenever a frame arrives, the playtest
//! compares the client's state with the server's frame of that tick, and the events and inputs that the client knows of
//! with those of the server; a mismatch panics and prints the seed. No actor, socket or thread is involved.
//!
//! A second room with a game of its own gets nothing but the recorded inputs of the first one, and must compute the same
//! frames and events at every tick. This finds games that depend on more than their inputs, such as the order of a hash
//! map.
//!
//! When the [plan](Plan) holds seats, [`Playtest::resume`] reconnects a client whose connection was cut, and
//! [`Playtest::reload`] simulates a reloaded page or a second tab.
//!
//! The default link is perfect, so tests of the rules need not consider the network: an input takes effect at the next
//! tick. With another [link](crate::engine::link::Profile), the game plays as over that link.
//!
//! ```
//! use std::time::Duration;
//! use tickwire::engine::link::Profile;
//! use tickwire_games::arena::{AVATAR, Arena}; // or a game of your own
//! use tickwire::testing::{Plan, Playtest};
//!
//! let link = Profile { rtt_ms: 200.0, ..Profile::named("wifi").unwrap() };
//! let mut play = Playtest::new(Plan { seed: 7, link, ..Plan::default() }, |setup| Ok(Box::new(Arena::new(setup)?)));
//! let (ada, bob) = (play.join("Ada"), play.join("Bob"));
//! play.run_for(Duration::from_secs(1));
//! let start = play[ada].own(AVATAR).to_vec();
//! play[ada].hold(&[64, 1, 0, 0]); // as the input schema says: heading, run, dash, throw
//! play.run_for(Duration::from_secs(60));
//! assert_ne!(play[ada].own(AVATAR), start);
//! assert_eq!(play[bob].rows(AVATAR).len(), 2);
//! play.cut(ada, true); // the connection breaks, and the server is told
//! play.settle();
//! assert_eq!(play[bob].rows(AVATAR).len(), 1);
//! ```

mod crash;
mod oracle;
mod packet;
mod plan;
mod player;
mod playtest;
mod replay;
pub(crate) mod replica;
mod saves;
mod serve;
mod steps;
mod typed;

pub use plan::{Plan, Sabotage};
pub use player::{Arrival, Player, PlayerId};
pub use playtest::{Playtest, Watch};
pub use replay::replay;
pub use saves::check_saves;
pub use steps::{Acted, StepRun, Steps};
