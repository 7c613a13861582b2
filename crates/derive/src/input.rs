//! `derive(Input)`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Error, Result};

use crate::attributes::{FieldSpec, named_fields};

pub fn expand(input: DeriveInput) -> Result<TokenStream> {
    let mut fields = Vec::new();
    for field in named_fields(&input, "an input")? {
        fields.push(FieldSpec::parse(field, "input")?);
    }
    if let Some(field) = fields.get(8) {
        return Err(Error::new(field.ident.span(), "an input has at most 8 fields: send what is rare as a command"));
    }
    let (ident, notes) = (&input.ident, fields.iter().map(FieldSpec::note));
    let columns = fields.iter().map(|field| {
        let (name, shape) = (&field.name, field.shape());
        quote!(::tickwire::Field::held(#name, #shape))
    });
    let written = fields.iter().enumerate().map(|(index, field)| {
        let own = field.ident;
        let quanta = field.writing(&quote!(&self.#own));
        quote!(values[#index] = #quanta;)
    });
    let read = fields.iter().enumerate().map(|(index, field)| {
        let (own, value) = (field.ident, field.reading(&quote!(values[#index])));
        quote!(#own: #value)
    });
    Ok(quote! {
        #[automatically_derived]
        impl ::tickwire::typed::Input for #ident {
            const NOTES: &'static [::tickwire::typed::Note] = &[#(#notes),*];

            fn fields() -> ::std::vec::Vec<::tickwire::Field> {
                ::std::vec![#(#columns),*]
            }

            #[inline]
            fn from_values(values: &::tickwire::InputValues) -> Self {
                let _ = values;
                Self { #(#read),* }
            }

            #[allow(unused_mut)]
            fn to_values(&self) -> ::tickwire::InputValues {
                let mut values = ::tickwire::InputValues::default();
                #(#written)*
                values
            }
        }
    })
}
