//! Recordings as regression tests.

use std::path::Path;

use crate::engine::recording::Recording;
use crate::engine::replay::Replay;
use crate::game::{Game, RoomSetup, SetupError};

/// Runs a recording again with the game that `factory` makes, and compares every tick with what was visible when it was
/// recorded. Returns the number of ticks that were compared.
///
/// A recording of a fault becomes a regression test in this way: put its file into a folder and replay it. If the fault was a
/// panic of the game, the replay panics as long as the fault is there. Recordings of a server are sealed;
/// `tickwire replay FILE --unseal OTHER` writes one that anybody can run.
///
/// # Panics
/// When the file is no recording, when it cannot be run again, when a tick differs, and when the game panics.
pub fn replay(file: impl AsRef<Path>, factory: impl FnOnce(&RoomSetup) -> Result<Box<dyn Game>, SetupError>) -> usize {
    let file = file.as_ref();
    let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let recording = Recording::decode(&bytes).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut replay = Replay::new(&recording, factory).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut compared = 0;
    while let Some(step) = replay.step().unwrap_or_else(|error| panic!("{}: {error}", file.display())) {
        if let Some(difference) = step.difference {
            panic!("{}: the replay differs at {difference}", file.display());
        }
        compared += usize::from(step.compared);
    }
    compared
}
