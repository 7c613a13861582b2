//! Writes rooms that sleep into a server's folder for data, as a server would that had them before: such rooms may have had any
//! past, and they wake when somebody joins them by their id.

#![allow(dead_code, reason = "each program needs a part of it")]
#![allow(clippy::disallowed_methods, reason = "rooms sleep by the wall clock")]

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use sha2::{Digest, Sha256};
use tickwire::engine::{Room, RoomConfig, RoomCounters, RoomPolicy};
use tickwire::game::{RoomSetup, Saved};
use tickwire::id::Incarnation;
use tickwire::tick::TickRate;
use tickwire_games::builtin;

/// A room that sleeps.
pub struct Sleeper<'a> {
    pub id: &'a str,
    pub game: &'a str,
    pub rate: TickRate,
    pub counters: RoomCounters,
    /// In seconds since 1970.
    pub asleep_since: u64,
}

/// What finds a room.
#[derive(Serialize)]
struct Label<'a> {
    id: &'a str,
    game: &'a str,
    options: BTreeMap<String, String>,
    private: bool,
    incarnation: Incarnation,
    asleep_since: Option<u64>,
}

impl Sleeper<'_> {
    /// Writes it, as `actor/room_file` of the library does.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let Self { id, game, rate, counters, asleep_since } = *self;
        let options = BTreeMap::from(["persistent", "private"].map(|option| (option.to_owned(), "true".to_owned())));
        let setup = RoomSetup { rate, seed: 1, options: options.clone() };
        let (_, make) = builtin().into_iter().find(|(name, _)| *name == game).expect("a game of the demo");
        let made = make(&setup).expect("the options suit the game");
        let policy = RoomPolicy { hold: Duration::from_secs(30), ..RoomPolicy::default() };
        let config = RoomConfig { counters, ..RoomConfig::new(id, game, setup, policy) };
        let state = Room::new(config, made).checkpoint().expect("the games of the demo can be saved").encode();
        let (incarnation, asleep_since) = (Incarnation::FIRST, Some(asleep_since));
        let label = Label { id, game, options, private: true, incarnation, asleep_since };
        let label = Saved::new(0, &label).bytes;
        let length = u32::try_from(label.len()).expect("a short label").to_le_bytes();
        let (label_sum, state_sum) = (Sha256::digest(&label), Sha256::digest(&state));
        let file = [&b"tickroo\x02"[..], &length, &label_sum, &label, &state_sum, &state].concat();
        let name: String = Sha256::digest(id.as_bytes())[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        std::fs::write(folder.join(name).with_extension("room"), file)
    }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
