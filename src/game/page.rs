//! What a game says of itself for the types of its pages. A game of integers says nothing; its pages use numbers and bytes.

/// What is not in a game's [`Spec`](super::Spec): made of the types of a [`TypedGame`](crate::TypedGame).
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "hidden; the names say it")]
pub struct PageNotes {
    /// The doc comment of each kind, and what is said about its fields.
    pub rows: Vec<(&'static str, &'static [Note])>,
    pub input: &'static [Note],
    /// None for a game of bytes.
    pub messages: Option<PageMessages>,
    /// What players join with; none for any text.
    pub player: Option<Vec<OptionNote>>,
}

/// The messages of a game.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "hidden; the names say it")]
pub struct PageMessages {
    pub commands: Vec<MessageNote>,
    pub events: Vec<MessageNote>,
    /// The types that they are made of: name, doc comment, TypeScript.
    pub definitions: Vec<(String, String, String)>,
}

/// What is said about a message: the types are TypeScript.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "hidden; the names say it")]
pub struct MessageNote {
    pub name: &'static str,
    pub docs: &'static str,
    pub body: String,
    pub reply: Option<String>,
}

/// What is said about a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// What clients call it.
    pub name: &'static str,
    /// Its doc comment, or empty.
    pub docs: &'static str,
    /// Its unit, or empty.
    pub unit: &'static str,
}

/// What is said about an option.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "hidden; the names say it")]
pub struct OptionNote {
    pub name: &'static str,
    pub docs: &'static str,
    pub page_type: String,
    pub is_optional: bool,
}
