//! The entity and the state of each player.

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

use crate::game::Context;
use crate::id::{EntityId, Seat};

/// The entity of each player and what the game knows of it, in the order of seats: for games in which every player has one
/// entity. `T` is often the type of its row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Players<T>(BTreeMap<Seat, (EntityId, T)>);

impl<T> Default for Players<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Players<T> {
    /// Adds a player with a new entity, which is returned.
    pub fn join(&mut self, seat: Seat, state: T, cx: &mut Context) -> EntityId {
        let id = cx.spawn();
        self.0.insert(seat, (id, state));
        id
    }

    /// Removes a player. Returns what was known of it.
    pub fn leave(&mut self, seat: Seat) -> Option<T> {
        self.0.remove(&seat).map(|(_, state)| state)
    }

    /// Finds a player.
    pub fn get(&self, seat: Seat) -> Option<&T> {
        self.0.get(&seat).map(|(_, state)| state)
    }

    /// Finds a player.
    pub fn get_mut(&mut self, seat: Seat) -> Option<&mut T> {
        self.0.get_mut(&seat).map(|(_, state)| state)
    }

    /// The entity of a player.
    ///
    /// # Panics
    /// When the seat is free.
    #[track_caller]
    pub fn entity(&self, seat: Seat) -> EntityId {
        // Not in a closure, whose panic would point here; so in what follows.
        let Some((id, _)) = self.0.get(&seat) else { vacant(seat) };
        *id
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The seats and states, in the order of seats.
    pub fn iter(&self) -> impl Iterator<Item = (Seat, &T)> {
        self.0.iter().map(|(seat, (_, state))| (*seat, state))
    }

    /// The seats and states, in the order of seats.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Seat, &mut T)> {
        self.0.iter_mut().map(|(seat, (_, state))| (*seat, state))
    }

    /// The entities and states, in the order of seats.
    pub fn entities(&self) -> Entities<'_, T> {
        Entities(self.0.values())
    }
}

#[cold]
#[track_caller]
fn vacant(seat: Seat) -> ! {
    panic!("nobody has seat {}", seat.0)
}

impl<T> Index<Seat> for Players<T> {
    type Output = T;

    #[track_caller]
    fn index(&self, seat: Seat) -> &T {
        let Some(state) = self.get(seat) else { vacant(seat) };
        state
    }
}

impl<T> IndexMut<Seat> for Players<T> {
    #[track_caller]
    fn index_mut(&mut self, seat: Seat) -> &mut T {
        let Some(state) = self.get_mut(seat) else { vacant(seat) };
        state
    }
}

impl<'a, T> IntoIterator for &'a Players<T> {
    type Item = (EntityId, &'a T);
    type IntoIter = Entities<'a, T>;

    /// The entities and states, as they are written into a snapshot.
    fn into_iter(self) -> Self::IntoIter {
        self.entities()
    }
}

/// Iterates over the entities and states of players.
#[derive(Clone, Debug)]
pub struct Entities<'a, T>(btree_map::Values<'a, Seat, (EntityId, T)>);

impl<'a, T> Iterator for Entities<'a, T> {
    type Item = (EntityId, &'a T);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(id, state)| (*id, state))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}
