//! The guide: how to make a game with Tickwire, one short page per subject. This module contains no code.
//!
//! | page | question |
//! |---|---|
//! | [`concepts`] | What are ticks, frames, zones, deltas, seats and sessions? |
//! | [`first_game`] | How do I get from `cargo new` to two browser tabs that see each other? |
//! | [`page`] | How does my page predict, survive lost connections, and log in? |
//! | [`inputs`] | Does the server or the client move the player? |
//! | [`messages`] | How do players and the game tell each other what happens? |
//! | [`lobby`] | How does a match go, from the lobby to the result? |
//! | [`zones`] | Which player sees which rows? |
//! | [`cookbook`] | Private zones, teams, respawn, timers, physics, large worlds: how? |
//! | [`bandwidth`] | How often does the server send, and how many bytes? |
//! | [`feel`] | What do players see, and how smooth is it on a bad network? |
//! | [`testing`] | How do I test my game, also over bad links? |
//! | [`saving`] | How do I save my game, and test that nothing is forgotten? |
//! | [`bots`] | How do I add simulated players, and how do I load-test a server? |
//! | [`embedding`] | How do I run Tickwire in my web app, or in my own loop? |
//! | [`limits`] | Which limits are there, and what happens beyond them? |
//! | [`access`] | Who may join, and which limits protect the server? |
//! | [`cluster`] | How do I run many servers as one? |
//! | [`outlets`] | How do other systems learn what happens in rooms? |
//! | [`operations`] | How do I configure, watch and stop a server? |
//! | [`comparison`] | How does Tickwire compare with other servers? |
//! | [`coming_from`] | What is it called here that I know from Colyseus, Socket.IO or Nakama? |
//! | [`when_not`] | When is another server better? |

#[doc = include_str!("concepts.md")]
pub mod concepts {}

pub mod first_game;

#[doc = include_str!("page.md")]
pub mod page {}

#[doc = include_str!("inputs.md")]
pub mod inputs {}

#[doc = include_str!("messages.md")]
pub mod messages {}

#[doc = include_str!("lobby.md")]
pub mod lobby {}

#[doc = include_str!("zones.md")]
pub mod zones {}

#[doc = include_str!("cookbook.md")]
pub mod cookbook {}

#[doc = include_str!("bandwidth.md")]
pub mod bandwidth {}

#[doc = include_str!("feel.md")]
pub mod feel {}

#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("saving.md")]
pub mod saving {}

// `tickwire-cli` tests its code, which needs that package.
#[cfg_attr(not(doctest), doc = include_str!("bots.md"))]
pub mod bots {}

#[doc = include_str!("embedding.md")]
pub mod embedding {}

#[doc = include_str!("limits.md")]
pub mod limits {}

#[doc = include_str!("access.md")]
pub mod access {}

#[doc = include_str!("cluster.md")]
pub mod cluster {}
#[doc = include_str!("outlets.md")]
pub mod outlets {}

#[doc = include_str!("operations.md")]
pub mod operations {}

#[doc = include_str!("comparison.md")]
pub mod comparison {}

#[doc = include_str!("coming_from.md")]
pub mod coming_from {}

#[doc = include_str!("when_not.md")]
pub mod when_not {}
