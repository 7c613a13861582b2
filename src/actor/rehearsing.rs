//! Runs again what another node's journal has of a room, to find out whether this build leads it where it went.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::directory::Directory;
use super::names;
use crate::engine::{Checkpoint, Room, recover};
use crate::game::Factory;
use crate::store::FoundRoom;

impl Directory {
    /// Lets the node run rooms again before it takes some. That needs nothing of the directory but its games.
    pub(super) fn help_rehearse(&self) {
        if let Some(cluster) = &self.config.cluster {
            let games = self.config.games.clone();
            cluster.rehearse_by(move |found| run_again(&games, found));
        }
    }
}

/// The error names the room and says where it led.
fn run_again(games: &BTreeMap<String, Factory>, found: &FoundRoom) -> Result<(), String> {
    // Nobody can say where such a room went.
    if found.damage.is_some() {
        return Ok(());
    }
    let checkpoint = Checkpoint::decode(&found.checkpoint).map_err(|error| error.to_string())?;
    let config = checkpoint.config().clone();
    let named = |why: String| format!("room {} of {:?}: {why}", names::for_logs(&config.id), config.game);
    let factory = games.get(&config.game).ok_or_else(|| named("there is no such game".to_owned()))?;
    let run = || {
        let game = factory(&config.setup).map_err(|error| error.to_string())?;
        let leads_elsewhere_anyway = found.forgotten || checkpoint.has_forgotten() || !game.is_deterministic();
        if leads_elsewhere_anyway {
            return Room::restore(checkpoint, game).map(drop).map_err(|error| error.to_string());
        }
        recover(checkpoint, found.from, &found.tail, game).map(drop).map_err(|error| error.to_string())
    };
    let ran = catch_unwind(AssertUnwindSafe(run));
    ran.unwrap_or_else(|_| Err("the game panicked".to_owned())).map_err(named)
}
