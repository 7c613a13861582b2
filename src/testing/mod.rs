//! Playtests without waiting: a game, its players and their links in virtual time, for the tests of games.
//!
//! A [`Playtest`] runs the engine as a server does, around a simulated network and a counter for a clock: minutes take
//! milliseconds, and the same plan and calls lead to the same run. Whenever a frame arrives, the client's state is
//! compared with the server's frame of that tick, and its events and inputs with what happened; a difference is a panic
//! that prints the seed. No actor, socket or thread takes part.
//!
//! A connection that was cut comes back with [`Playtest::resume`], a reloaded page or a second tab with [`Playtest::reload`], when
//! the [plan](Plan) holds seats.
//!
//! On a perfect link, which is the default, a test of the rules needs no network in mind: what a player holds counts from
//! the next tick on. With a [link](crate::engine::link::Profile) it is played as over that link.
//!
//! ```
//! use std::time::Duration;
//! use tickwire::engine::link::Profile;
//! use tickwire::games::arena::{AVATAR, Arena}; // or a game of your own
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

mod oracle;
mod player;
mod playtest;
mod serve;

pub use player::{Arrival, Player, PlayerId};
pub use playtest::{Plan, Playtest, Watch};
