//! `derive(Labels)`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, Ident, Result};

use crate::attributes::parse_name;
use crate::names::camel_case;

/// The labels and the variants.
fn variants(input: &DeriveInput) -> Result<(Vec<String>, Vec<&Ident>)> {
    let Data::Enum(data) = &input.data else {
        return Err(Error::new(input.ident.span(), "labels are the variants of an enum without fields"));
    };
    let count = data.variants.len();
    if !(1..=64).contains(&count) {
        return Err(Error::new(input.ident.span(), format!("{count} labels: 1 to 64")));
    }
    let (mut labels, mut variants) = (Vec::new(), Vec::new());
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(Error::new(variant.ident.span(), format!("the label `{}` cannot have fields", variant.ident)));
        }
        let mut label = camel_case(&variant.ident);
        for own in variant.attrs.iter().filter(|own| own.path().is_ident("label")) {
            own.parse_nested_meta(|meta| {
                if !meta.path.is_ident("name") {
                    return Err(meta.error("unknown key: a label has name"));
                }
                label = parse_name(meta.value()?)?;
                Ok(())
            })?;
        }
        labels.push(label);
        variants.push(&variant.ident);
    }
    Ok((labels, variants))
}

pub fn expand(input: DeriveInput) -> Result<TokenStream> {
    let (labels, variants) = variants(&input)?;
    let count = variants.len();
    let (ident, indices) = (&input.ident, 0..i32::try_from(count).unwrap_or(0));
    let (read, last) = (indices.clone(), variants[count - 1]);
    let others = &variants[..count - 1];
    let read = read.take(count - 1);
    Ok(quote! {
        #[automatically_derived]
        impl ::tickwire::typed::Labels for #ident {
            const LABELS: &'static [&'static str] = &[#(#labels),*];

            #[inline]
            fn index(&self) -> i32 {
                match self {
                    #(Self::#variants => #indices,)*
                }
            }

            #[inline]
            fn at(index: i32) -> Self {
                match index {
                    #(#read => Self::#others,)*
                    _ => Self::#last,
                }
            }
        }

        #[automatically_derived]
        impl ::tickwire::typed::Plain for #ident {
            fn shape() -> ::tickwire::Shape {
                <Self as ::tickwire::typed::Labels>::labels()
            }

            #[inline]
            fn to_quanta(&self) -> i32 {
                ::tickwire::typed::Labels::index(self)
            }

            fn from_quanta(quanta: i32) -> Self {
                ::tickwire::typed::Labels::at(quanta)
            }
        }

        #[automatically_derived]
        impl ::tickwire::typed::OptionValue for #ident {
            fn parse(text: &str) -> ::core::result::Result<Self, ::std::string::String> {
                let at = <Self as ::tickwire::typed::Labels>::LABELS.iter().position(|label| *label == text);
                let at = at.and_then(|at| i32::try_from(at).ok());
                at.map(<Self as ::tickwire::typed::Labels>::at)
                    .ok_or_else(|| ::tickwire::typed::one_label_of(<Self as ::tickwire::typed::Labels>::LABELS))
            }

            fn page_type() -> ::std::string::String {
                ::tickwire::typed::label_type(<Self as ::tickwire::typed::Labels>::LABELS)
            }
        }
    })
}
