//! The floor and the peers, in one run: what the programs of this benchmark share.
//!
//! `bin/compare.rs` starts one server after the other and loads each in the same way; `bin/floor.rs` and `bin/walk.rs` are
//! the servers in Rust, `node/` has the others. README.md says what is measured and how.

pub mod candidate;
pub mod frames;
pub mod load;
pub mod machine;
pub mod promises;
pub mod protocol;
pub mod report;
pub mod walker;
pub mod world;

/// Ticks, updates and inputs per second, of everyone.
pub const RATE: u32 = 20;
/// Clients that measure the time from an input to the update that shows it.
pub const PROBES: usize = 16;
