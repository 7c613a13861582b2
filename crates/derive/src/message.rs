//! `derive(Message)`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Data, DataEnum, DataStruct, DeriveInput, Error, Ident, Result};

use crate::docs::docs;
use crate::message_body::{Body, mirror_name, serde_attribute};
use crate::names::camel_case;

pub fn expand(input: DeriveInput) -> Result<TokenStream> {
    if let Some(parameter) = input.generics.params.first() {
        return Err(Error::new(parameter.span(), "a message cannot be generic"));
    }
    match &input.data {
        Data::Struct(data) => Ok(of_struct(&input, data)),
        Data::Enum(data) if data.variants.is_empty() => {
            Err(Error::new(input.ident.span(), "a message without variants is never sent: use `Nothing`"))
        }
        Data::Enum(data) => of_enum(&input, data),
        Data::Union(_) => Err(Error::new(input.ident.span(), "a message is an enum or a struct")),
    }
}

/// A part of messages: an object.
fn of_struct(input: &DeriveInput, data: &DataStruct) -> TokenStream {
    let (ident, body, serde) = (&input.ident, Body::new(&data.fields), serde_attribute(&input.ident));
    let (mirror, pattern, form) = (mirror_name(), body.pattern(), body.form());
    let lifetime = body.lifetime();
    let generics = lifetime.as_ref().map(|lifetime| quote!(<#lifetime>));
    let (borrowed, owned) = (body.mirror(lifetime.as_ref()), body.mirror(None));
    let end = matches!(data.fields, syn::Fields::Named(_)).then(|| quote!()).unwrap_or_else(|| quote!(;));
    let (name, docs) = (ident.to_string(), docs(&input.attrs));
    let traits = traits(
        ident,
        quote! {
            #[derive(::tickwire::typed::serde::Serialize)]
            #serde
            struct #mirror #generics #borrowed #end
            let Self #pattern = self;
            ::tickwire::typed::serde::Serialize::serialize(&#mirror #pattern, serializer)
        },
        quote! {
            #[derive(::tickwire::typed::serde::Deserialize)]
            #serde
            struct #mirror #owned #end
            let #mirror #pattern = <#mirror as ::tickwire::typed::serde::Deserialize>::deserialize(deserializer)?;
            ::core::result::Result::Ok(Self #pattern)
        },
    );
    quote! {
        #traits

        #[automatically_derived]
        impl ::tickwire::typed::Body for #ident {
            fn page_type(types: &mut ::tickwire::typed::Definitions) -> ::std::string::String {
                types.define(#name, #docs, |types| {
                    let _ = &types;
                    #form.as_type()
                })
            }
        }
    }
}

/// The events or commands of a game; also a part of messages: an object with one key, or a text for a variant without
/// fields.
fn of_enum(input: &DeriveInput, data: &DataEnum) -> Result<TokenStream> {
    let (ident, serde) = (&input.ident, serde_attribute(&input.ident));
    let mirror = mirror_name();
    let variants: Vec<&Ident> = data.variants.iter().map(|variant| &variant.ident).collect();
    let bodies: Vec<Body> = data.variants.iter().map(|variant| Body::new(&variant.fields)).collect();
    let patterns: Vec<TokenStream> = bodies.iter().map(Body::pattern).collect();
    let has_fields = bodies.iter().any(|body| body.lifetime().is_some());
    let lifetime = has_fields.then(|| quote!('a));
    let generics = lifetime.as_ref().map(|lifetime| quote!(<#lifetime>));
    let borrowed = bodies.iter().map(|body| body.mirror(lifetime.as_ref()));
    let owned = bodies.iter().map(|body| body.mirror(None));
    let rename = quote!(#[serde(rename_all_fields = "camelCase")]);
    let traits = traits(
        ident,
        quote! {
            #[derive(::tickwire::typed::serde::Serialize)]
            #serde
            #rename
            enum #mirror #generics { #(#variants #borrowed),* }
            let mirror = match self { #(Self::#variants #patterns => #mirror::#variants #patterns),* };
            ::tickwire::typed::serde::Serialize::serialize(&mirror, serializer)
        },
        quote! {
            #[derive(::tickwire::typed::serde::Deserialize)]
            #serde
            #rename
            enum #mirror { #(#variants #owned),* }
            let mirror = <#mirror as ::tickwire::typed::serde::Deserialize>::deserialize(deserializer)?;
            ::core::result::Result::Ok(match mirror { #(#mirror::#variants #patterns => Self::#variants #patterns),* })
        },
    );
    let (part, message) = (part(input, data, &bodies), as_message(input, data, &bodies)?);
    Ok(quote!(#traits #part #message))
}

/// The enum as a part of messages.
fn part(input: &DeriveInput, data: &DataEnum, bodies: &[Body]) -> TokenStream {
    let (ident, name, docs) = (&input.ident, input.ident.to_string(), docs(&input.attrs));
    let names = data.variants.iter().map(|variant| camel_case(&variant.ident));
    let forms = bodies.iter().map(Body::form);
    quote! {
        #[automatically_derived]
        impl ::tickwire::typed::Body for #ident {
            fn page_type(types: &mut ::tickwire::typed::Definitions) -> ::std::string::String {
                types.define(#name, #docs, |types| {
                    let _ = &types;
                    ::tickwire::typed::one_of(::std::vec![#((#names, #forms)),*])
                })
            }
        }
    }
}

/// The enum as the events or commands of a game.
fn as_message(input: &DeriveInput, data: &DataEnum, bodies: &[Body]) -> Result<TokenStream> {
    let ident = &input.ident;
    let variants: Vec<&Ident> = data.variants.iter().map(|variant| &variant.ident).collect();
    let patterns = bodies.iter().map(Body::pattern);
    let names = variants.iter().map(|variant| camel_case(variant));
    let docs = data.variants.iter().map(|variant| docs(&variant.attrs));
    let kinds: Vec<u16> = (0..u16::try_from(variants.len()).unwrap_or(u16::MAX)).collect();
    let encoded = bodies.iter().map(Body::encode);
    let decoded = bodies.iter().zip(&variants).map(|(body, variant)| body.decode(variant));
    let forms = bodies.iter().map(Body::form);
    let marks = data.variants.iter().map(Marks::parse).collect::<Result<Vec<_>>>()?;
    let (replies, public) = (marks.iter().map(Marks::reply), marks.iter().map(|marks| marks.is_public));
    Ok(quote! {
        #[automatically_derived]
        impl ::tickwire::typed::Message for #ident {
            const NAMES: &'static [&'static str] = &[#(#names),*];
            const PUBLIC: &'static [bool] = &[#(#public),*];

            fn kind(&self) -> u16 {
                match self { #(Self::#variants { .. } => #kinds),* }
            }

            fn to_body(&self) -> ::std::vec::Vec<u8> {
                match self { #(Self::#variants #patterns => #encoded),* }
            }

            fn from_body(kind: u16, body: &[u8]) -> ::core::result::Result<Self, ::tickwire::typed::MessageError> {
                let read = match kind {
                    #(#kinds => #decoded,)*
                    _ => return ::core::result::Result::Err(::tickwire::typed::MessageError::unknown::<Self>(kind)),
                };
                read.map_err(|error| ::tickwire::typed::MessageError::malformed::<Self>(kind, error))
            }

            fn forms(types: &mut ::tickwire::typed::Definitions) -> ::std::vec::Vec<(
                &'static str,
                ::tickwire::typed::BodyForm,
                ::core::option::Option<::std::string::String>,
            )> {
                let _ = &types;
                ::std::vec![#((#docs, #forms, #replies)),*]
            }
        }
    })
}

/// What the attributes of a variant say.
#[derive(Default)]
struct Marks {
    reply: Option<syn::Type>,
    is_public: bool,
}

impl Marks {
    fn parse(variant: &syn::Variant) -> Result<Self> {
        let mut marks = Self::default();
        for own in variant.attrs.iter().filter(|own| own.path().is_ident("message")) {
            own.parse_nested_meta(|meta| {
                if meta.path.is_ident("reply") {
                    marks.reply = Some(meta.value()?.parse()?);
                } else if meta.path.is_ident("public") {
                    marks.is_public = true;
                } else {
                    return Err(meta.error("unknown key: a message has reply (of a call) or public (of an event)"));
                }
                Ok(())
            })?;
        }
        Ok(marks)
    }

    /// An expression for the type of the reply, if it is a call.
    fn reply(&self) -> TokenStream {
        match &self.reply {
            Some(ty) => quote!(::core::option::Option::Some(<#ty as ::tickwire::typed::Body>::page_type(types))),
            None => quote!(::core::option::Option::None),
        }
    }
}

/// Serde's traits with these bodies.
fn traits(ident: &Ident, serialize: TokenStream, deserialize: TokenStream) -> TokenStream {
    quote! {
        #[automatically_derived]
        impl ::tickwire::typed::serde::Serialize for #ident {
            fn serialize<S: ::tickwire::typed::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                #serialize
            }
        }

        #[automatically_derived]
        impl<'de> ::tickwire::typed::serde::Deserialize<'de> for #ident {
            fn deserialize<D: ::tickwire::typed::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                #deserialize
            }
        }
    }
}
