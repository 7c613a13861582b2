//! A game's types for its pages: a declaration file for TypeScript, and the small module that it declares.
//!
//! The module has the names of messages in the order of their numbers, which is all that the browser client needs; rows and
//! inputs are in the welcome.

use std::fmt::Write;

use crate::game::{MessageNote, Note, OptionNote, PageNotes, Spec};
use crate::snapshot::{Field, Shape};

/// The files of a game for its pages; see [`Server::types`](crate::Server::types).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageTypes {
    /// The name of the game, which is that of the files.
    pub name: String,
    /// The text of `NAME.d.ts`.
    pub declarations: String,
    /// The text of `NAME.js`.
    pub module: String,
}

impl PageTypes {
    /// The files of the game that is called `name`.
    pub(crate) fn new(name: &str, spec: &Spec, notes: &PageNotes) -> Self {
        let (value, game) = (Self::identifier(name, false), Self::identifier(name, true));
        let declarations = declarations(name, &value, &game, spec, notes);
        Self { name: name.to_owned(), declarations, module: module(name, &value, notes) }
    }

    /// What the game that is called `name` is called in JavaScript: `myGame`, or `MyGame` for its type.
    pub fn identifier(name: &str, is_type: bool) -> String {
        identifier(name, is_type)
    }
}

fn identifier(name: &str, is_type: bool) -> String {
    let mut text = String::new();
    let mut raise = is_type;
    for c in name.chars() {
        match c {
            c if c.is_ascii_alphanumeric() && raise => text.extend(c.to_uppercase()),
            c if c.is_ascii_alphanumeric() => text.push(c),
            _ => {
                raise = is_type || !text.is_empty();
                continue;
            }
        }
        raise = false;
    }
    if text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        text
    } else {
        format!("{}{text}", if is_type { "Game" } else { "game" })
    }
}

fn made_from(name: &str) -> String {
    format!(
        "// The types of the game {name:?}, made by Tickwire. Do not change them here: make them again when the game changes.\n\n"
    )
}

fn module(name: &str, value: &str, notes: &PageNotes) -> String {
    let messages = notes.messages.clone().unwrap_or_default();
    let list =
        |notes: &[MessageNote]| notes.iter().map(|note| format!("'{}'", note.name)).collect::<Vec<_>>().join(", ");
    let mut out = made_from(name);
    let _ = writeln!(
        out,
        "/** For `new Client(url, {{ game: {value} }})`. The index of a name is the number of the message. */"
    );
    let _ = writeln!(out, "export const {value} = {{\n  game: {name:?},");
    let _ = writeln!(out, "  commands: [{}],\n  events: [{}],\n}};", list(&messages.commands), list(&messages.events));
    out
}

fn declarations(name: &str, value: &str, game: &str, spec: &Spec, notes: &PageNotes) -> String {
    let mut out = made_from(name);
    let messages = notes.messages.clone().unwrap_or_default();
    // A type of the game's own may have the name of the game.
    let taken = messages.definitions.iter().any(|(name, ..)| name == game);
    let game = if taken { format!("{game}Game") } else { game.to_owned() };
    for (name, docs, made) in &messages.definitions {
        comment(&mut out, "", docs);
        let _ = writeln!(out, "export type {name} = {made};\n");
    }
    let _ = writeln!(
        out,
        "/** The types of the game. */\nexport interface {game} {{\n  /** What clients see, by kind. */\n  rows: {{"
    );
    for (index, kind) in spec.schema.kinds().iter().enumerate() {
        let (docs, fields) = notes.rows.get(index).copied().unwrap_or_default();
        comment(&mut out, "    ", docs);
        let _ = writeln!(out, "    {}: {{", key(&kind.name));
        fields_of(&mut out, "      readonly ", &kind.fields, fields);
        out.push_str("    };\n");
    }
    out.push_str("  };\n  /** For `setInput` and `pressInput`. */\n  input: {\n");
    fields_of(&mut out, "    ", spec.inputs.fields(), notes.input);
    out.push_str("  };\n");
    if notes.messages.is_some() {
        bodies(&mut out, "For `send` and `call`.", "commands", &messages.commands, |note| Some(&note.body));
        bodies(&mut out, "What `call` returns.", "replies", &messages.commands, |note| note.reply.as_ref());
        bodies(&mut out, "For `onMessage`.", "events", &messages.events, |note| Some(&note.body));
    } else {
        for member in ["commands", "replies", "events"] {
            let _ = writeln!(out, "  {member}: Record<number, Uint8Array>;");
        }
    }
    options(&mut out, notes.player.as_deref());
    let _ = write!(
        out,
        "}}\n\n/** For `new Client(url, {{ game: {value} }})`. */\nexport declare const {value}: {{\n  readonly game: {name:?};\n  \
         readonly commands: readonly string[];\n  readonly events: readonly string[];\n  readonly types?: {game};\n}};\n"
    );
    out
}

fn fields_of(out: &mut String, start: &str, fields: &[Field], notes: &[Note]) {
    let indent = start.trim_end_matches("readonly ");
    for field in fields {
        let note = notes.iter().find(|note| note.name == field.name);
        let (docs, unit) = note.map_or(("", ""), |note| (note.docs, note.unit));
        let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        let (page_type, values) = values_of(&field.shape, &unit);
        comment(
            out,
            indent,
            &[docs, &values].iter().filter(|text| !text.is_empty()).copied().collect::<Vec<_>>().join(" "),
        );
        let _ = writeln!(out, "{start}{}: {page_type};", key(&field.name));
    }
}

/// The type of such values, and which there are.
fn values_of(shape: &Shape, unit: &str) -> (String, String) {
    let number = "number".to_owned();
    match shape {
        Shape::Bool => ("boolean".to_owned(), String::new()),
        Shape::Int { min, max } => (number, format!("{min} to {max}{unit}.")),
        Shape::Fixed { min, max, per_unit } => {
            let units = |quanta: i32| f64::from(quanta) / f64::from(*per_unit);
            (number, format!("{} to {}{unit} in steps of 1/{per_unit}.", units(*min), units(*max)))
        }
        Shape::Angle { bits } => (number, format!("In radians, in 1/{} of a turn.", 1_u32 << bits)),
        Shape::Enum { labels } => {
            (labels.iter().map(|label| format!("{label:?}")).collect::<Vec<_>>().join(" | "), String::new())
        }
        Shape::Colour { count } => (number, format!("A colour, 0 to {}.", u32::from(*count) - 1)),
    }
}

fn bodies(
    out: &mut String,
    docs: &str,
    member: &str,
    notes: &[MessageNote],
    body: impl Fn(&MessageNote) -> Option<&String>,
) {
    let _ = writeln!(out, "  /** {docs} */\n  {member}: {{");
    for note in notes {
        let Some(body) = body(note) else { continue };
        comment(out, "    ", note.docs);
        let _ = writeln!(out, "    {}: {body};", key(note.name));
    }
    out.push_str("  };\n");
}

fn options(out: &mut String, notes: Option<&[OptionNote]>) {
    let Some(notes) = notes else {
        out.push_str("  /** What a player joins with. */\n  player: Record<string, string | number | boolean>;\n");
        return;
    };
    out.push_str("  /** What a player joins with. */\n  player: {\n");
    for note in notes {
        comment(out, "    ", note.docs);
        let mark = if note.is_optional { "?" } else { "" };
        let _ = writeln!(out, "    {}{mark}: {};", key(note.name), note.page_type);
    }
    out.push_str("  };\n");
}

/// A doc comment, if there is something to say.
fn comment(out: &mut String, indent: &str, docs: &str) {
    let docs = docs.replace("*/", "* /");
    match docs.lines().collect::<Vec<_>>()[..] {
        [] => {}
        [line] => _ = writeln!(out, "{indent}/** {line} */"),
        ref lines => {
            let _ = writeln!(out, "{indent}/**");
            lines.iter().for_each(|line| _ = writeln!(out, "{}", format!("{indent} * {line}").trim_end()));
            let _ = writeln!(out, "{indent} */");
        }
    }
}

/// A name as the key of an object type.
fn key(name: &str) -> String {
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_plain { name.to_owned() } else { format!("{name:?}") }
}
