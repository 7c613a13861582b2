//! Which entries an outlet gets, and what its addresses are called.

use tickwire::tap::{TapBody, TapEntry};

/// Which entries an outlet gets: those of some games and of some kinds; of all where a list is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    games: Vec<String>,
    kinds: Vec<String>,
}

impl Filter {
    /// A filter. A kind is one of [`TapBody::KINDS`], or the first part of some, such as `player.*`.
    ///
    /// # Errors
    /// No entry has such a kind.
    pub fn new(games: Vec<String>, kinds: Vec<String>) -> Result<Self, String> {
        for kind in &kinds {
            if !TapBody::KINDS.iter().any(|known| matches(kind, known)) {
                return Err(format!("kinds has {kind:?}: must be player.*, or such as {}", TapBody::KINDS.join(", ")));
            }
        }
        Ok(Self { games, kinds })
    }

    /// Whether it lets an entry pass. Entries of the server itself belong to no game, and pass whatever games are named.
    pub fn admits(&self, entry: &TapEntry) -> bool {
        let game = self.games.is_empty() || entry.game.is_empty() || self.games.contains(&entry.game);
        game && (self.kinds.is_empty() || self.kinds.iter().any(|kind| matches(kind, entry.body.kind())))
    }
}

fn matches(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => kind.starts_with(start),
        None => pattern == kind,
    }
}

/// An address with `{node}`, `{game}`, `{room}` and `{kind}` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    node: String,
}

impl Template {
    /// A template for a server of this name.
    ///
    /// # Errors
    /// It names something else in braces.
    pub fn new(text: &str, node: &str) -> Result<Self, String> {
        let known =
            ["{node}", "{game}", "{room}", "{kind}"].iter().fold(text.to_owned(), |rest, part| rest.replace(part, ""));
        if known.contains(['{', '}']) {
            return Err(format!("{text:?}: only {{node}}, {{game}}, {{room}} and {{kind}} stand for something"));
        }
        Ok(Self { text: text.to_owned(), node: node.to_owned() })
    }

    /// The address of an entry. Names are cut into `[A-Za-z0-9_-]`, so that none adds a level or a wildcard.
    pub fn fill(&self, entry: &TapEntry, kind: &str) -> String {
        let safe = |text: &str| text.replace(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c), "_");
        let or_server = |text: &str| if text.is_empty() { "server".to_owned() } else { safe(text) };
        self.text
            .replace("{node}", &safe(&self.node))
            .replace("{game}", &or_server(&entry.game))
            .replace("{room}", &or_server(&entry.key.room))
            .replace("{kind}", kind)
    }
}
