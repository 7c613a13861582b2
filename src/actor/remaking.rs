//! Rooms that are made again under their ids after a restart, for clients who come back to them.

use std::collections::{BTreeSet, VecDeque};

use tracing::info;

use super::directory::Directory;
use super::names;
use crate::engine::{CloseReason, JoinRequest};
use crate::wire::{Join, RoomRecipe, limits};

/// The ids of rooms that have ended in this process, the newest of them.
#[derive(Debug, Default)]
pub struct Ended {
    ids: BTreeSet<String>,
    oldest_first: VecDeque<String>,
}

impl Ended {
    pub fn insert(&mut self, id: &str) {
        if self.ids.insert(id.to_owned()) {
            self.oldest_first.push_back(id.to_owned());
        }
        if self.oldest_first.len() > limits::ROOMS_ENDED {
            self.oldest_first.pop_front().into_iter().for_each(|id| _ = self.ids.remove(&id));
        }
    }

    pub fn contains(&self, id: &str) -> bool {
        self.ids.contains(id)
    }
}

impl Directory {
    /// Makes the room again that a client wants to come back to, if the server lost it in a restart. With a folder for rooms,
    /// nothing is lost that could be made again.
    pub(super) fn remake(&mut self, request: &JoinRequest) -> Result<(), CloseReason> {
        let (Join::ById { room: id }, Some(recipe)) = (&request.join, &request.recipe) else { return Ok(()) };
        self.heed_changes();
        if self.config.store.is_some() || self.find(id).is_some() || self.ended.contains(id) {
            return Ok(());
        }
        if request.only_game.as_ref().is_some_and(|only| *only != recipe.game) {
            return Ok(());
        }
        let RoomRecipe { game, options } = recipe.clone();
        self.make_as(Some(id), game, options.into_iter().collect(), 1, request.address)?;
        info!(room = %names::for_logs(id), "a room from before the restart is made again");
        Ok(())
    }
}
