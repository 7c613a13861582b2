//! The types of a game's messages as TypeScript has them.

use std::collections::BTreeMap;

/// The types that messages are made of, as they are collected.
#[derive(Debug, Default)]
pub struct Definitions {
    /// By name: the doc comment and the type; none while it is being defined, as types may contain themselves.
    defined: BTreeMap<&'static str, (&'static str, Option<String>)>,
}

impl Definitions {
    /// The types: name, doc comment, TypeScript.
    pub(super) fn finish(self) -> Vec<(String, String, String)> {
        let defined = self.defined.into_iter();
        defined.map(|(name, (docs, made))| (name.to_owned(), docs.to_owned(), made.unwrap_or_default())).collect()
    }

    /// Defines a type of the game once. Returns its name.
    pub fn define(&mut self, name: &'static str, docs: &'static str, make: impl FnOnce(&mut Self) -> String) -> String {
        if !self.defined.contains_key(name) {
            self.defined.insert(name, (docs, None));
            let made = make(self);
            self.defined.insert(name, (docs, Some(made)));
        }
        name.to_owned()
    }
}

/// What a struct or a variant has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyForm {
    /// No fields.
    Nothing,
    /// Fields without names: their types.
    Values(Vec<String>),
    /// Names, doc comments and types.
    Fields(Vec<(&'static str, &'static str, String)>),
}

impl BodyForm {
    /// The type of such a value.
    pub fn as_type(&self) -> String {
        match self {
            Self::Nothing => "null".to_owned(),
            Self::Values(types) if types.len() == 1 => types[0].clone(),
            Self::Values(types) => format!("[{}]", types.join(", ")),
            Self::Fields(fields) => {
                let field = |(name, _, page_type): &(&str, &str, String)| format!("{name}: {page_type}");
                format!("{{ {} }}", fields.iter().map(field).collect::<Vec<_>>().join("; "))
            }
        }
    }
}

/// The type of an enum within a message.
pub fn one_of(variants: Vec<(&str, BodyForm)>) -> String {
    let variant = |(name, form): &(&str, BodyForm)| match form {
        BodyForm::Nothing => format!("{name:?}"),
        form => format!("{{ {name}: {} }}", form.as_type()),
    };
    variants.iter().map(variant).collect::<Vec<_>>().join(" | ")
}
