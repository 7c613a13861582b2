//! The guide: how to make a game with Tickwire, one short page per subject. There is no code here.
//!
//! | page | what it answers |
//! |---|---|
//! | [`concepts`] | What are ticks, frames, zones, deltas, seats and sessions? |
//! | [`first_game`] | How do I get from `cargo new` to two browser tabs that see each other? |
//! | [`inputs`] | Who moves the player, the server or the client? |
//! | [`zones`] | Who sees what? |
//! | [`bandwidth`] | How often is what sent, and what does it cost? |
//! | [`testing`](mod@testing) | How do I test my game, over bad links too? |
//! | [`bots`](mod@bots) | How do I get company, and how do I load a server? |
//! | [`embedding`] | How does it fit into my web app, or into my own loop? |
//! | [`limits`] | How much of everything may there be? |
//! | [`operations`] | What must I watch once it runs? |

#[doc = include_str!("concepts.md")]
pub mod concepts {}

pub mod first_game;

#[doc = include_str!("inputs.md")]
pub mod inputs {}

#[doc = include_str!("zones.md")]
pub mod zones {}

#[doc = include_str!("bandwidth.md")]
pub mod bandwidth {}

#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("bots.md")]
pub mod bots {}

#[doc = include_str!("embedding.md")]
pub mod embedding {}

#[doc = include_str!("limits.md")]
pub mod limits {}

#[doc = include_str!("operations.md")]
pub mod operations {}
