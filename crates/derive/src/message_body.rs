//! The fields of a struct or variant as JSON: mirrors of them that serde derives its traits for, and their types for pages.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Fields, Ident};

use crate::docs::docs;
use crate::names::camel_case;

/// The fields of a struct or of a variant.
pub struct Body<'a> {
    fields: &'a Fields,
    /// What the fields are bound to: their names, or `field0` and so on.
    pub bindings: Vec<Ident>,
}

impl<'a> Body<'a> {
    pub fn new(fields: &'a Fields) -> Self {
        let name = |(index, field): (usize, &syn::Field)| {
            field.ident.clone().unwrap_or_else(|| Ident::new(&format!("field{index}"), Span::call_site()))
        };
        Self { fields, bindings: fields.iter().enumerate().map(name).collect() }
    }

    /// A pattern or an expression with all fields, behind the name of its type or variant.
    pub fn pattern(&self) -> TokenStream {
        let bindings = &self.bindings;
        match self.fields {
            Fields::Named(_) => quote!({ #(#bindings),* }),
            Fields::Unnamed(_) => quote!((#(#bindings),*)),
            Fields::Unit => quote!(),
        }
    }

    /// The body of a mirror, whose fields refer to the original's if there is a `lifetime`.
    pub fn mirror(&self, lifetime: Option<&TokenStream>) -> TokenStream {
        let types = self.fields.iter().map(|field| {
            let ty = &field.ty;
            match lifetime {
                Some(lifetime) => quote!(&#lifetime #ty),
                None => quote!(#ty),
            }
        });
        let bindings = &self.bindings;
        match self.fields {
            Fields::Named(_) => quote!({ #(#bindings: #types),* }),
            Fields::Unnamed(_) => quote!((#(#types),*)),
            Fields::Unit => quote!(),
        }
    }

    /// The lifetime of a mirror that refers to the original, if it has fields.
    pub fn lifetime(&self) -> Option<TokenStream> {
        (!self.fields.is_empty()).then(|| quote!('a))
    }

    /// Statements that yield the bytes of the bound fields.
    pub fn encode(&self) -> TokenStream {
        let name = mirror_name();
        let (bindings, bytes) = (&self.bindings, quote!(::tickwire::typed::to_json));
        match self.fields {
            Fields::Unit => quote!(::std::vec::Vec::new()),
            Fields::Unnamed(fields) if fields.unnamed.is_empty() => quote!(::std::vec::Vec::new()),
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => quote!(#bytes(field0)),
            Fields::Unnamed(_) => quote!(#bytes(&(#(#bindings),*))),
            Fields::Named(_) => {
                let lifetime = self.lifetime();
                let serde = quote!(#[serde(crate = "::tickwire::typed::serde", rename_all = "camelCase")]);
                let generics = lifetime.as_ref().map(|lifetime| quote!(<#lifetime>));
                let mirror = self.mirror(lifetime.as_ref());
                quote! {{
                    #[derive(::tickwire::typed::serde::Serialize)]
                    #serde
                    struct #name #generics #mirror
                    #bytes(&#name { #(#bindings),* })
                }}
            }
        }
    }

    /// An expression for a variant with these fields, read from `body`; yields a result.
    pub fn decode(&self, variant: &Ident) -> TokenStream {
        let (whole, name) = (quote!(Self::#variant), mirror_name());
        let (bindings, pattern, read) = (&self.bindings, self.pattern(), quote!(::tickwire::typed::from_json));
        let types: Vec<_> = self.fields.iter().map(|field| &field.ty).collect();
        match self.fields {
            Fields::Unit => quote!(::tickwire::typed::nothing(body).map(|()| #whole)),
            Fields::Unnamed(fields) if fields.unnamed.is_empty() => {
                quote!(::tickwire::typed::nothing(body).map(|()| #whole()))
            }
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => quote!(#read(body).map(#whole)),
            Fields::Unnamed(_) => quote!(#read::<(#(#types),*)>(body).map(|(#(#bindings),*)| #whole #pattern)),
            Fields::Named(_) => {
                let (mirror, serde) = (self.mirror(None), serde_attribute(variant));
                quote! {{
                    #[derive(::tickwire::typed::serde::Deserialize)]
                    #serde
                    struct #name #mirror
                    #read::<#name>(body).map(|#name { #(#bindings),* }| #whole #pattern)
                }}
            }
        }
    }

    /// An expression for its `BodyForm`: what the page's types say about it.
    pub fn form(&self) -> TokenStream {
        let types: Vec<_> = self.fields.iter().map(|field| &field.ty).collect();
        let of = |ty: &&syn::Type| quote!(<#ty as ::tickwire::typed::Body>::page_type(types));
        let each = types.iter().map(of);
        match self.fields {
            Fields::Unit => quote!(::tickwire::typed::BodyForm::Nothing),
            Fields::Unnamed(fields) if fields.unnamed.is_empty() => quote!(::tickwire::typed::BodyForm::Nothing),
            Fields::Unnamed(_) => quote!(::tickwire::typed::BodyForm::Values(::std::vec![#(#each),*])),
            Fields::Named(_) => {
                let names = self.bindings.iter().map(camel_case);
                let docs = self.fields.iter().map(|field| docs(&field.attrs));
                quote!(::tickwire::typed::BodyForm::Fields(::std::vec![#((#names, #docs, #each)),*]))
            }
        }
    }
}

/// Where the mirrors find serde, and what errors and clients call them and their fields.
pub fn serde_attribute(ident: &Ident) -> TokenStream {
    let name = ident.to_string();
    quote!(#[serde(crate = "::tickwire::typed::serde", rename = #name, rename_all = "camelCase")])
}

/// The name of all mirrors, which no field's type has.
pub fn mirror_name() -> Ident {
    Ident::new("__TickwireMirror", Span::call_site())
}
