//! How the directory makes a room: checks what was asked for, lets the game be made, and starts the room.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tracing::{debug, info};

use super::directory::Directory;
use super::message::RoomKey;
use super::names;
use crate::engine::registry::RoomOptions;
use crate::engine::{Address, CloseReason, Room, RoomConfig, RoomPolicy};
use crate::game::{Game, RoomSetup};
use crate::id::Incarnation;
use crate::trust::wall_clock;
use crate::wire::Close;

impl Directory {
    /// Makes a room with at least `seats` seats.
    pub(super) fn make(
        &mut self,
        game: String,
        options: BTreeMap<String, String>,
        seats: usize,
        maker: Option<Address>,
    ) -> Result<RoomKey, CloseReason> {
        self.make_as(None, game, options, seats, maker)
    }

    /// As [`Self::make`]; `again` is the id of a room that is made again, which its game must allow.
    pub(super) fn make_as(
        &mut self,
        again: Option<&str>,
        game: String,
        options: BTreeMap<String, String>,
        seats: usize,
        maker: Option<Address>,
    ) -> Result<RoomKey, CloseReason> {
        self.add(game, options, maker, |directory, game, options| {
            // Nothing is known of the earlier starts of a room that is made again, and none of them was later.
            let incarnation = again.map_or(Incarnation::FIRST, |_| Incarnation(wall_clock()));
            let (room, private) = directory.build_as(game, options, incarnation, |made, private| match again {
                Some(id) if made.can_be_remade() && names::is_id(id, private) => Ok(id.to_owned()),
                Some(_) => Err(Close::NoSuchRoom.into()),
                None => Ok(names::of_room(private)),
            })?;
            if usize::from(room.capacity()) < seats {
                let few = format!("such a room has {} seats, which is fewer than {seats}", room.capacity());
                return Err(CloseReason::with_text(Close::RoomFull, &few));
            }
            Ok((room, private))
        })
    }

    /// Makes a room that the directory of a cluster has placed here.
    pub(super) fn make_placed(
        &mut self,
        id: &str,
        incarnation: u64,
        game: String,
        options: BTreeMap<String, String>,
        maker: Option<Address>,
    ) -> Result<RoomKey, CloseReason> {
        self.add(game, options, maker, |directory, game, options| {
            directory.build_as(game, options, Incarnation(incarnation), |_, _| Ok(id.to_owned()))
        })
    }

    fn add(
        &mut self,
        game: String,
        options: BTreeMap<String, String>,
        maker: Option<Address>,
        build: impl FnOnce(&Self, &str, &BTreeMap<String, String>) -> Result<(Room, bool), CloseReason>,
    ) -> Result<RoomKey, CloseReason> {
        if self.rooms.len() >= self.config.most_rooms || self.is_tap_full() {
            return Err(Close::TryLater.into());
        }
        // Dropped, and thereby released, when the game refuses.
        let permit = self.config.gatekeeper.make_room(maker).ok_or(Close::TryLater)?;
        let (room, private) = build(self, &game, &options)?;
        let key = RoomKey(self.next);
        self.next += 1;
        let listed = self.start(key, room, (options, private), permit, false);
        info!(room = %names::for_logs(&listed.entry.id), game, private, "room made");
        self.rooms.insert(key, listed);
        self.changed.insert(key);
        Ok(key)
    }

    /// A new room, and whether it is private.
    pub(super) fn build(
        &self,
        game: &str,
        options: &BTreeMap<String, String>,
        id: impl FnOnce(&dyn Game, bool) -> Result<String, CloseReason>,
    ) -> Result<(Room, bool), CloseReason> {
        self.build_as(game, options, Incarnation::FIRST, id)
    }

    fn build_as(
        &self,
        game: &str,
        options: &BTreeMap<String, String>,
        incarnation: Incarnation,
        id: impl FnOnce(&dyn Game, bool) -> Result<String, CloseReason>,
    ) -> Result<(Room, bool), CloseReason> {
        let refused = |why: String| {
            debug!(?game, ?why, "no room was made");
            CloseReason::with_text(Close::NoSuchRoom, &why)
        };
        let games = || self.config.games.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let unknown = || refused(format!("there is no game {game:?}; there are {}", games()));
        let factory = self.config.games.get(game).ok_or_else(unknown)?;
        let RoomOptions { rate, capacity, private, persistent } = self.options(options).map_err(refused)?;
        let setup = RoomSetup { rate, seed: names::seed(), options: options.clone() };
        let made = catch_unwind(AssertUnwindSafe(|| {
            let made = factory(&setup).map_err(|error| refused(error.to_string()))?;
            let policy = RoomPolicy { capacity, ..self.config.policy };
            let config = RoomConfig::new(id(&*made, private)?, game, setup, policy);
            let room = Room::new(RoomConfig { incarnation, ..config }, made);
            self.check_persistent(room.outlives_players(), persistent)?;
            Ok((room, private))
        }));
        made.unwrap_or_else(|_| Err(refused("the game panicked".to_owned())))
    }

    fn options(&self, options: &BTreeMap<String, String>) -> Result<RoomOptions, String> {
        RoomOptions::read(options, self.config.rate, self.config.most_rate)
    }
}
