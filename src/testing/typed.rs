//! What players of a typed game do and see, in the game's own types.

use std::collections::BTreeMap;

use super::player::Player;
use crate::id::{EntityId, KindId, Seq};
use crate::typed::{Input, Message, Row};
use crate::wire::EventBody;

impl Player {
    /// As [`Self::hold`], for a game with this type of input.
    ///
    /// # Panics
    /// When a value is outside its range.
    #[track_caller]
    pub fn hold_input<I: Input>(&mut self, input: &I) {
        self.hold(&input.to_values()[..I::NOTES.len()]);
    }

    /// As [`Self::press`], for a game with this type of input.
    ///
    /// # Panics
    /// When a value is outside its range.
    #[track_caller]
    pub fn press_input<I: Input>(&mut self, input: &I) {
        self.press(&input.to_values()[..I::NOTES.len()]);
    }

    /// As [`Self::command`], with a command of the game's own type.
    pub fn send<M: Message>(&mut self, command: &M) -> Seq {
        self.command(command.kind(), &command.to_body())
    }

    /// As [`Self::call`], with a command of the game's own type.
    pub fn ask<M: Message>(&mut self, call: &M) -> Seq {
        self.call(call.kind(), &call.to_body())
    }

    /// The row of the player's own entity, as its client knows it.
    ///
    /// # Panics
    /// When the client knows no such row, or the game has no such kind.
    #[track_caller]
    pub fn own_row<R: Row>(&self) -> R {
        R::from_values(self.own(self.kind_of::<R>()))
    }

    /// The rows of a kind in all zones that the client knows.
    ///
    /// # Panics
    /// When the game has no such kind.
    #[track_caller]
    pub fn rows_of<R: Row>(&self) -> BTreeMap<EntityId, R> {
        let rows = self.rows(self.kind_of::<R>());
        rows.into_iter().map(|(id, values)| (id, R::from_values(values))).collect()
    }

    /// The events of the game that arrived, oldest first.
    ///
    /// # Panics
    /// When one of them is no `M`.
    #[track_caller]
    pub fn heard<M: Message>(&self) -> Vec<M> {
        let events = self.events().filter_map(|event| match event {
            EventBody::Game { kind, body } => Some(M::from_body(*kind, body)),
            _ => None,
        });
        events.map(|event| event.unwrap_or_else(|error| panic!("{error}"))).collect()
    }

    #[track_caller]
    fn kind_of<R: Row>(&self) -> KindId {
        let kinds = self.welcome().schema.kinds();
        let found = kinds.iter().position(|kind| kind.name == R::NAME).and_then(|index| u8::try_from(index).ok());
        let Some(index) = found else {
            let known = kinds.iter().map(|kind| kind.name.as_str()).collect::<Vec<_>>().join(", ");
            // Not in a closure, whose panic would point here.
            panic!("no kind {:?}: this game has {known}", R::NAME);
        };
        KindId(index)
    }
}
