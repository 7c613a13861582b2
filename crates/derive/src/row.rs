//! `derive(Row)`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Error, Ident, Result};

use crate::attributes::{FieldSpec, named_fields, parse_name};
use crate::docs::docs;
use crate::names::camel_case;

/// What the attributes of the struct say.
struct Kind {
    name: String,
    position: Option<[Ident; 2]>,
    without_past: bool,
}

impl Kind {
    fn parse(input: &DeriveInput) -> Result<Self> {
        let mut kind = Self { name: camel_case(&input.ident), position: None, without_past: false };
        for own in input.attrs.iter().filter(|own| own.path().is_ident("row")) {
            own.parse_nested_meta(|meta| {
                if meta.path.is_ident("name") {
                    kind.name = parse_name(meta.value()?)?;
                } else if meta.path.is_ident("position") {
                    let content;
                    syn::parenthesized!(content in meta.input);
                    let x = content.parse()?;
                    content.parse::<syn::Token![,]>()?;
                    kind.position = Some([x, content.parse()?]);
                } else if meta.path.is_ident("without_past") {
                    kind.without_past = true;
                } else {
                    return Err(meta.error("unknown key: a row has name, position(x, y) or without_past"));
                }
                Ok(())
            })?;
        }
        Ok(kind)
    }

    /// What follows the kind's constructor.
    fn calls(&self, fields: &[FieldSpec]) -> Result<TokenStream> {
        let mut calls = TokenStream::new();
        if let Some(position) = &self.position {
            let mut names = Vec::new();
            for ident in position {
                let Some(field) = fields.iter().find(|field| field.ident == ident) else {
                    return Err(Error::new(ident.span(), format!("no field `{ident}` in this row")));
                };
                names.push(&field.name);
            }
            calls.extend(quote!(.at(#(#names),*)));
        }
        if self.without_past {
            calls.extend(quote!(.without_past()));
        }
        Ok(calls)
    }
}

pub fn expand(input: DeriveInput) -> Result<TokenStream> {
    let kind = Kind::parse(&input)?;
    let all = named_fields(&input, "a row")?;
    let mut fields = Vec::new();
    let mut skipped = Vec::new();
    for field in all {
        let spec = FieldSpec::parse(field, "row")?;
        if spec.skip { skipped.push(spec.ident) } else { fields.push(spec) }
    }
    if let Some(field) = fields.get(16) {
        return Err(Error::new(
            field.ident.span(),
            "a row has at most 16 fields: give the rest #[row(skip)] or another row",
        ));
    }
    let mut columns = Vec::new();
    for field in &fields {
        let motion = match &field.motion {
            Some(motion) => motion.expression(&fields)?,
            None => quote!(::tickwire::Motion::Hold),
        };
        let (name, shape) = (&field.name, field.shape());
        columns.push(quote!(::tickwire::Field::moving(#name, #shape, #motion)));
    }
    let calls = kind.calls(&fields)?;
    let (ident, name, docs, count) = (&input.ident, &kind.name, docs(&input.attrs), fields.len());
    let notes = fields.iter().map(FieldSpec::note);
    let idents: Vec<&Ident> = fields.iter().map(|field| field.ident).collect();
    let written = fields.iter().map(|field| {
        let own = field.ident;
        field.writing(&quote!(&self.#own))
    });
    let read = fields.iter().enumerate().map(|(index, field)| field.reading(&quote!(values[#index])));
    Ok(quote! {
        #[automatically_derived]
        impl ::tickwire::typed::Row for #ident {
            const NAME: &'static str = #name;
            const DOCS: &'static str = #docs;
            const NOTES: &'static [::tickwire::typed::Note] = &[#(#notes),*];
            type Values = [i32; #count];

            fn kind() -> ::tickwire::Kind {
                ::tickwire::Kind::new(#name, ::std::vec![#(#columns),*])#calls
            }

            #[inline]
            fn to_values(&self) -> [i32; #count] {
                [#(#written),*]
            }

            fn from_values(values: &[i32]) -> Self {
                Self {
                    #(#idents: #read,)*
                    #(#skipped: ::core::default::Default::default(),)*
                }
            }
        }
    })
}
