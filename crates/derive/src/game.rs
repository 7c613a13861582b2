//! `#[tickwire::game]`: adds the types that an implementation leaves out.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::quote;
use syn::{Error, Result};

pub fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    if let Some(token) = arguments.into_iter().next() {
        return Err(Error::new(token.span(), "#[game] has no arguments"));
    }
    let mut tokens: Vec<TokenTree> = item.into_iter().collect();
    let names = |word: &str| tokens.iter().any(|token| matches!(token, TokenTree::Ident(ident) if ident == word));
    let (is_impl, is_game) = (names("impl"), names("TypedGame"));
    let Some(TokenTree::Group(body)) = tokens.pop().filter(|_| is_impl && is_game) else {
        return Err(Error::new(Span::call_site(), "#[game] stands above an `impl TypedGame for ...`"));
    };
    if body.delimiter() != Delimiter::Brace {
        return Err(Error::new(body.span(), "#[game] stands above an `impl TypedGame for ...`"));
    }
    let given = types_of(body.stream());
    let mut contents = TokenStream::new();
    for (name, default) in [
        (
            "Input",
            quote!(
                type Input = ();
            ),
        ),
        (
            "Command",
            quote!(
                type Command = ::tickwire::typed::Nothing;
            ),
        ),
        (
            "Event",
            quote!(
                type Event = ::tickwire::typed::Nothing;
            ),
        ),
        (
            "Options",
            quote!(
                type Options = ::tickwire::typed::RawOptions;
            ),
        ),
    ] {
        if !given.iter().any(|given| given == name) {
            contents.extend(default);
        }
    }
    contents.extend(body.stream());
    let mut whole = Group::new(Delimiter::Brace, contents);
    whole.set_span(body.span());
    tokens.push(TokenTree::Group(whole));
    Ok(tokens.into_iter().collect())
}

/// The names behind `type` at the top level.
fn types_of(body: TokenStream) -> Vec<String> {
    let tokens: Vec<TokenTree> = body.into_iter().collect();
    let is_type = |token: &TokenTree| matches!(token, TokenTree::Ident(ident) if ident == "type");
    tokens.windows(2).filter(|pair| is_type(&pair[0])).map(|pair| pair[1].to_string()).collect()
}
