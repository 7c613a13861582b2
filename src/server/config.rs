//! The knobs of a server, each with its default.

use std::path::PathBuf;
use std::thread::available_parallelism;

use crate::tick::TickRate;
use crate::wire::limits;

/// How a server is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Rate of rooms whose creator names none.
    pub rate: TickRate,
    /// Origins whose pages may connect, besides the server's own and localhost, such as `https://play.example`.
    pub origins: Vec<String>,
    /// Rooms at the most.
    pub most_rooms: usize,
    /// Sessions at the most; further ones are told to come back later.
    pub most_sessions: usize,
    /// Threads that rooms live on.
    pub room_threads: usize,
    /// Threads that serve HTTP and sessions.
    pub workers: usize,
    /// Where the pages come from.
    pub pages: Pages,
}

/// Where the pages of the demo come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pages {
    /// The binary.
    Embedded,
    /// Folders `web-demo` and `assets` under this one, read at each request: for working on them.
    Disk(PathBuf),
    /// There are none: the server is a game's backend only.
    None,
}

impl Default for Config {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self {
            rate: TickRate::DEFAULT,
            origins: Vec::new(),
            most_rooms: limits::ROOMS,
            most_sessions: 20_000,
            room_threads: cores,
            workers: cores,
            pages: Pages::None,
        }
    }
}
