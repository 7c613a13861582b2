//! The derive macros of Tickwire. Use them by way of the library, which has the traits: `tickwire::Row` and so on.
//!
//! Each macro turns a struct or enum into the integers, names and bytes of the library's interface below. What they generate
//! names everything by its full path and calls `tickwire::typed`; what can be wrong about a type is said here, at the tokens
//! that are wrong.

mod attributes;
mod docs;
mod game;
mod input;
mod labels;
mod message;
mod message_body;
mod names;
mod options;
mod row;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

type Expand = fn(syn::DeriveInput) -> syn::Result<proc_macro2::TokenStream>;

fn derived(input: TokenStream, expand: Expand) -> TokenStream {
    syn::parse(input).and_then(expand).unwrap_or_else(|error| error.into_compile_error()).into()
}

/// A struct as a kind of entity: its name, its fields and how to write its row. See `tickwire::typed::Row`.
#[proc_macro_derive(Row, attributes(row))]
pub fn row(input: TokenStream) -> TokenStream {
    derived(input, row::expand)
}

/// A struct as the input of a player for one tick. See `tickwire::typed::Input`.
#[proc_macro_derive(Input, attributes(input))]
pub fn input(input: TokenStream) -> TokenStream {
    derived(input, input::expand)
}

/// An enum without fields as the value of a field, by its labels. See `tickwire::typed::Labels`.
#[proc_macro_derive(Labels, attributes(label))]
pub fn labels(input: TokenStream) -> TokenStream {
    derived(input, labels::expand)
}

/// An enum as the events or the commands of a game, a struct or an enum as a part of them. See `tickwire::typed::Message`.
#[proc_macro_derive(Message, attributes(message))]
pub fn message(input: TokenStream) -> TokenStream {
    derived(input, message::expand)
}

/// A struct as the options of a player or a room. See `tickwire::typed::Options`.
#[proc_macro_derive(Options, attributes(option))]
pub fn options(input: TokenStream) -> TokenStream {
    derived(input, options::expand)
}

/// Adds to an `impl TypedGame` the types that it leaves out: a game without commands, events or options does not name them.
#[proc_macro_attribute]
pub fn game(arguments: TokenStream, item: TokenStream) -> TokenStream {
    game::expand(arguments.into(), item.into()).unwrap_or_else(|error| error.into_compile_error()).into()
}
