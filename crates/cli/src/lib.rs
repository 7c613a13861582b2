//! The library behind the command `tickwire`: simulated players ([`bots`]), viewers of films ([`viewers`]) and the cost of
//! movement on the wire ([`measure`]). `src/bin/tickwire` is the command: it parses flags, and reads and writes files.
//!
//! A game's own tests need neither: [`tickwire::testing`] plays it in virtual time. Use [`bots`] where sockets matter: for
//! load tests, and for a player of yours without a screen.

pub mod bots;
pub mod measure;
pub mod viewers;

/// The guide's page about bots: its code needs this package.
#[cfg(doctest)]
#[doc = include_str!("../../../src/guide/bots.md")]
struct BotsPage;
