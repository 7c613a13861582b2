//! `derive(Options)`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Field, Result};

use crate::attributes::{named_fields, parse_name, parse_range, until_comma};
use crate::docs::docs;
use crate::names::camel_case;

/// An expression that reads one option, and one for its `OptionNote`.
fn expressions(field: &Field) -> Result<(TokenStream, TokenStream)> {
    let ident = field.ident.as_ref().expect("a field with a name");
    let (mut name, mut range, mut default) = (camel_case(ident), None, None);
    for own in field.attrs.iter().filter(|own| own.path().is_ident("option")) {
        own.parse_nested_meta(|meta| {
            if meta.path.is_ident("name") {
                name = parse_name(meta.value()?)?;
            } else if meta.path.is_ident("range") {
                range = Some(parse_range(meta.value()?)?);
            } else if meta.path.is_ident("default") {
                // Without a value, it is the type's own.
                let given = meta.input.peek(syn::Token![=]);
                default = Some(if given { Some(until_comma(meta.value()?)?) } else { None });
            } else {
                return Err(meta.error("unknown key: an option has range, default or name"));
            }
            Ok(())
        })?;
    }
    let (ty, span, docs) = (&field.ty, field.ty.span(), docs(&field.attrs));
    let check = match &range {
        Some((min, max)) => quote!(::tickwire::typed::within(#min, #max)),
        None => quote!(|_| ::core::result::Result::Ok(())),
    };
    let is_optional = default.is_some();
    let fallback = match default {
        Some(Some(value)) => quote!(|| ::core::option::Option::Some(#value)),
        Some(None) => quote!(|| ::core::option::Option::Some(::core::default::Default::default())),
        None => quote!(<#ty as ::tickwire::typed::OptionValue>::absent),
    };
    let read = quote_spanned!(span=> ::tickwire::typed::read_option::<#ty>(options, #name, #check, #fallback)?);
    let note = quote! {
        ::tickwire::typed::OptionNote {
            name: #name,
            docs: #docs,
            page_type: <#ty as ::tickwire::typed::OptionValue>::page_type(),
            is_optional: #is_optional || <#ty as ::tickwire::typed::OptionValue>::absent().is_some(),
        }
    };
    Ok((quote!(#ident: #read), note))
}

pub fn expand(input: DeriveInput) -> Result<TokenStream> {
    let (mut reads, mut notes) = (Vec::new(), Vec::new());
    for field in named_fields(&input, "a struct of options")? {
        let (read, note) = expressions(field)?;
        reads.push(read);
        notes.push(note);
    }
    let ident = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl ::tickwire::typed::Options for #ident {
            fn read(
                options: &::tickwire::typed::RawOptions,
            ) -> ::core::result::Result<Self, ::tickwire::typed::OptionError> {
                let _ = options;
                ::core::result::Result::Ok(Self { #(#reads),* })
            }

            fn notes() -> ::core::option::Option<::std::vec::Vec<::tickwire::typed::OptionNote>> {
                ::core::option::Option::Some(::std::vec![#(#notes),*])
            }
        }
    })
}
