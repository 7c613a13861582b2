//! Playtests without waiting: a game, its players and their links in virtual time, for the tests of games.
//!
//! A [`Playtest`] runs the engine as a server does, around a simulated network and a counter for a clock: minutes take
//! milliseconds, and the same plan and calls lead to the same run. Whenever a frame arrives, the client's state is
//! compared with the server's frame of that tick, and its events and inputs with what happened; a difference is a panic
//! that prints the seed. No actor, socket or thread takes part.
//!
//! On a perfect link, which is the default, a test of the rules needs no network in mind: what a player holds counts from
//! the next tick on. With a [link](crate::engine::link::Profile) it is played as over that link.
//!
//! ```
//! use std::time::Duration;
//! use tickwire::engine::link::Profile;
//! use tickwire::games::plaza::Plaza;
//! use tickwire::testing::{Plan, Playtest};
//! use tickwire::KindId;
//!
//! let link = Profile { rtt_ms: 200.0, ..Profile::named("wifi").unwrap() };
//! let mut play = Playtest::new(Plan { seed: 7, link, ..Plan::default() }, |setup| Ok(Box::new(Plaza::new(setup)?)));
//! let (ada, bob) = (play.join("Ada"), play.join("Bob"));
//! play.run_for(Duration::from_secs(60));
//! assert_eq!(play[ada].welcome().properties[0].0, "map");
//! // Both see both avatars, and each sees them where the server had them at that tick.
//! assert_eq!(play[ada].rows(KindId(0)).len(), 2);
//! play.cut(bob, true);
//! play.settle();
//! assert_eq!(play[ada].rows(KindId(0)).len(), 1);
//! ```

mod oracle;
mod player;
mod playtest;
mod serve;

pub use player::{Arrival, Player, PlayerId};
pub use playtest::{Plan, Playtest, Watch};
