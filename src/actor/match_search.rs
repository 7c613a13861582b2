//! Who may see which matches, and what they look for.

use serde_json::Value;

use super::matches::{EndedMatch, Persons};
use super::names;
use crate::trust::PersonMarks;

/// Who asks for matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MatchViewer {
    /// Sees all.
    Operator,
    /// Sees the matches that this person was in; with a token for one room or game, of these only.
    Person {
        /// The verified identity.
        identity: String,
        /// The only room.
        room: Option<String>,
        /// The only game.
        game: Option<String>,
        /// Whether they also see what everybody does.
        public: bool,
    },
    /// Sees the matches of listed rooms.
    Everybody,
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MatchSearch {
    /// The game's name.
    pub game: Option<String>,
    /// The room's id.
    pub room: Option<String>,
    /// Ended at this time or later, in milliseconds since 1970.
    pub since: Option<u64>,
    /// Ended before this time.
    pub until: Option<u64>,
    /// Whether there is a result.
    pub has_result: Option<bool>,
    /// Fields of the result, with their values as texts.
    pub result: Vec<(String, String)>,
    /// Only those that the viewer was in.
    pub mine: bool,
}

/// A viewer with what finds their matches.
pub(super) struct Eyes<'a> {
    viewer: &'a MatchViewer,
    key: Option<PersonMarks>,
}

impl<'a> Eyes<'a> {
    /// `key`: of the viewer, if the folder has one.
    pub fn new(viewer: &'a MatchViewer, key: Option<PersonMarks>) -> Self {
        Self { viewer, key }
    }

    /// Whether the viewer may see a match, and it is what they look for; not by its result.
    pub fn see(&self, ended: &EndedMatch, search: &MatchSearch) -> bool {
        let may = match self.viewer {
            MatchViewer::Operator => !search.mine,
            MatchViewer::Everybody => !ended.private && !search.mine,
            MatchViewer::Person { identity, room, game, public } => {
                (*public && !ended.private && !search.mine)
                    || (room.as_ref().is_none_or(|only| is_room(ended, only))
                        && game.as_ref().is_none_or(|only| *only == ended.game)
                        && self.was_in(ended, identity))
            }
        };
        may && search.finds(ended)
    }

    fn was_in(&self, ended: &EndedMatch, identity: &str) -> bool {
        match &ended.persons {
            Persons::Named(names) => names.contains(identity),
            Persons::Marked(marks) => {
                self.key.as_ref().is_some_and(|key| marks.contains(&key.mark(&ended.number.to_le_bytes())))
            }
        }
    }
}

fn is_room(ended: &EndedMatch, id: &str) -> bool {
    ended.room == names::for_logs(id)
}

impl MatchSearch {
    fn finds(&self, ended: &EndedMatch) -> bool {
        self.game.as_ref().is_none_or(|game| *game == ended.game)
            && self.room.as_ref().is_none_or(|room| *room == ended.room || is_room(ended, room))
            && self.since.is_none_or(|since| ended.ended >= since)
            && self.until.is_none_or(|until| ended.ended < until)
            && self.has_result.is_none_or(|wanted| wanted == ended.has_result)
            && (self.result.is_empty() || ended.has_result)
    }

    /// Whether the fields of a result are those that are looked for. Texts are compared as they are, other values as JSON.
    pub(super) fn finds_result(&self, result: Option<&Value>) -> bool {
        self.result.iter().all(|(field, wanted)| match result.and_then(|result| result.get(field)) {
            Some(Value::String(text)) => text == wanted,
            Some(value) => serde_json::from_str::<Value>(wanted).is_ok_and(|wanted| wanted == *value),
            None => false,
        })
    }
}
