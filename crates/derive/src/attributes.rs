//! The attributes of a field: which values it can have and how it moves.

use proc_macro2::{Literal, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::meta::ParseNestedMeta;
use syn::parse::ParseStream;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Field, Fields, Ident, LitInt, LitStr, Result, Token};

use crate::docs::docs;
use crate::names::camel_case;

/// A field of a row or an input.
pub struct FieldSpec<'a> {
    pub ident: &'a Ident,
    pub ty: &'a syn::Type,
    /// What clients call it.
    pub name: String,
    pub docs: String,
    pub unit: Option<String>,
    pub form: Form,
    pub motion: Option<Motion>,
    /// Whether it is the game's own, and no client sees it.
    pub skip: bool,
}

/// How the values of a field are counted.
pub enum Form {
    /// The type says it.
    Plain,
    /// From `min` to `max`, in units; with steps of one unit, or of its `per_unit`-th part.
    Number { min: TokenStream, max: TokenStream, per_unit: Option<TokenStream> },
    /// A direction in 2^bits parts of a turn.
    Angle(u8),
    /// An index into a palette of so many colours.
    Colours(TokenStream),
}

/// How a field moves.
pub struct Motion {
    name: Ident,
    heading: Option<Ident>,
}

/// The fields of a struct that derives a row, an input or options.
pub fn named_fields<'a>(input: &'a DeriveInput, what: &str) -> Result<Vec<&'a Field>> {
    if let Some(parameter) = input.generics.params.first() {
        return Err(Error::new(parameter.span(), format!("{what} cannot be generic")));
    }
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Ok(fields.named.iter().collect()),
            Fields::Unit => Ok(Vec::new()),
            Fields::Unnamed(fields) => Err(Error::new(
                fields.span(),
                format!(
                    "{what} has named fields, as clients know them by their names: struct {} {{ x: i32 }}",
                    input.ident
                ),
            )),
        },
        _ => Err(Error::new(input.ident.span(), format!("{what} is a struct with named fields"))),
    }
}

impl<'a> FieldSpec<'a> {
    /// Reads a field and its attributes, `#[row(...)]` or `#[input(...)]`.
    pub fn parse(field: &'a Field, attribute: &str) -> Result<Self> {
        let ident = field.ident.as_ref().expect("a field with a name");
        let mut spec = Self {
            ident,
            ty: &field.ty,
            name: camel_case(ident),
            docs: docs(&field.attrs),
            unit: None,
            form: Form::Plain,
            motion: None,
            skip: false,
        };
        let (mut step, mut forms) = (None, Vec::new());
        for own in field.attrs.iter().filter(|own| own.path().is_ident(attribute)) {
            own.parse_nested_meta(|meta| spec.parse_key(&meta, attribute, &mut step, &mut forms))?;
        }
        if let [_, second, ..] = &forms[..] {
            return Err(Error::new(*second, "a field has one of range, angle and colours"));
        }
        if let Some((span, tokens)) = step {
            let Form::Number { per_unit, .. } = &mut spec.form else {
                return Err(Error::new(span, "a step belongs to a range: range = -64..=64, step = 1/64"));
            };
            *per_unit = Some(tokens);
        }
        Ok(spec)
    }

    fn parse_key(
        &mut self,
        meta: &ParseNestedMeta,
        attribute: &str,
        step: &mut Option<(Span, TokenStream)>,
        forms: &mut Vec<Span>,
    ) -> Result<()> {
        let is = |key: &str| meta.path.is_ident(key);
        let span = meta.path.span();
        if is("range") {
            let (min, max) = parse_range(meta.value()?)?;
            self.form = Form::Number { min, max, per_unit: None };
            forms.push(span);
        } else if is("step") {
            *step = Some((span, parse_step(meta.value()?)?));
        } else if is("angle") {
            let bits: LitInt = meta.value()?.parse()?;
            let wrong = || Error::new(bits.span(), format!("an angle of {bits} bits: 1 to 16"));
            self.form = Form::Angle(bits.base10_parse().ok().filter(|bits| (1..=16).contains(bits)).ok_or_else(wrong)?);
            forms.push(span);
        } else if is("colours") {
            self.form = Form::Colours(until_comma(meta.value()?)?);
            forms.push(span);
        } else if is("name") {
            self.name = parse_name(meta.value()?)?;
        } else if is("unit") {
            self.unit = Some(meta.value()?.parse::<LitStr>()?.value());
        } else if is("motion") && attribute == "row" {
            self.motion = Some(Motion::parse(meta.value()?)?);
        } else if is("skip") && attribute == "row" {
            self.skip = true;
        } else {
            let keys = if attribute == "row" { ", unit, motion or skip" } else { " or unit" };
            return Err(meta.error(format!("unknown key: a field has range, step, angle, colours, name{keys}")));
        }
        Ok(())
    }

    /// An expression for the shape of its values.
    pub fn shape(&self) -> TokenStream {
        let (ty, span) = (self.ty, self.ty.span());
        match &self.form {
            Form::Plain => quote_spanned!(span=> <#ty as ::tickwire::typed::Plain>::shape()),
            Form::Number { min, max, per_unit } => {
                let per_unit = match per_unit {
                    Some(per_unit) => quote!(::core::option::Option::Some(#per_unit)),
                    None => quote!(::core::option::Option::None),
                };
                let wrong = format!("the field `{}` is a float: it needs a step, such as step = 1/64", self.ident);
                let checked = match &per_unit {
                    _ if matches!(&self.form, Form::Number { per_unit: Some(_), .. }) => quote!(),
                    _ => {
                        quote_spanned!(span=> const { assert!(!<#ty as ::tickwire::typed::Number>::IS_FLOAT, #wrong); })
                    }
                };
                quote!({ #checked ::tickwire::typed::number_shape(f64::from(#min), f64::from(#max), #per_unit) })
            }
            Form::Angle(bits) => quote!(::tickwire::Shape::Angle { bits: #bits }),
            Form::Colours(count) => quote!(::tickwire::Shape::Colour { count: #count }),
        }
    }

    /// An expression for the integer that stands for `value`, an expression of the field's type by reference.
    pub fn writing(&self, value: &TokenStream) -> TokenStream {
        let (ty, span) = (self.ty, self.ty.span());
        match &self.form {
            Form::Plain => quote_spanned!(span=> <#ty as ::tickwire::typed::Plain>::to_quanta(#value)),
            Form::Number { per_unit, .. } => {
                let per_unit = per_unit.clone().unwrap_or_else(|| quote!(1));
                quote_spanned!(span=> <#ty as ::tickwire::typed::Number>::to_quanta(*#value, #per_unit))
            }
            Form::Angle(bits) => quote_spanned!(span=> <#ty as ::tickwire::typed::Number>::to_parts(*#value, #bits)),
            Form::Colours(_) => quote_spanned!(span=> <#ty as ::tickwire::typed::Number>::to_quanta(*#value, 1)),
        }
    }

    /// An expression for the field's value, from `quanta`, an expression for the integer.
    pub fn reading(&self, quanta: &TokenStream) -> TokenStream {
        let (ty, span) = (self.ty, self.ty.span());
        match &self.form {
            Form::Plain => quote_spanned!(span=> <#ty as ::tickwire::typed::Plain>::from_quanta(#quanta)),
            Form::Number { per_unit, .. } => {
                let per_unit = per_unit.clone().unwrap_or_else(|| quote!(1));
                quote_spanned!(span=> <#ty as ::tickwire::typed::Number>::from_quanta(#quanta, #per_unit))
            }
            Form::Angle(bits) => quote_spanned!(span=> <#ty as ::tickwire::typed::Number>::from_parts(#quanta, #bits)),
            Form::Colours(_) => quote_spanned!(span=> <#ty as ::tickwire::typed::Number>::from_quanta(#quanta, 1)),
        }
    }

    /// An expression for its `Note`.
    pub fn note(&self) -> TokenStream {
        let (name, docs) = (&self.name, &self.docs);
        let unit = self.unit.as_deref().unwrap_or_default();
        quote!(::tickwire::typed::Note { name: #name, docs: #docs, unit: #unit })
    }
}

impl Motion {
    const NAMES: [&'static str; 6] = ["hold", "linear", "smooth", "fade", "along", "across"];

    fn parse(input: ParseStream) -> Result<Self> {
        let name: Ident = input.parse()?;
        let wants_heading = name == "along" || name == "across";
        if !Self::NAMES.iter().any(|known| name == known) {
            let wanted = "hold, linear, smooth, fade, along(heading) or across(heading)";
            return Err(Error::new(name.span(), format!("no motion is called `{name}`: {wanted}")));
        }
        let heading = if input.peek(syn::token::Paren) {
            let content;
            syn::parenthesized!(content in input);
            Some(content.parse::<Ident>()?)
        } else {
            None
        };
        if wants_heading != heading.is_some() {
            let wanted = if wants_heading { "needs the field of its heading" } else { "has no heading" };
            return Err(Error::new(name.span(), format!("the motion `{name}` {wanted}")));
        }
        Ok(Self { name, heading })
    }

    /// An expression for the motion of a field of a kind with these fields.
    pub fn expression(&self, fields: &[FieldSpec]) -> Result<TokenStream> {
        let Some(heading) = &self.heading else {
            let name = match self.name.to_string().as_str() {
                "linear" => quote!(Linear),
                "smooth" => quote!(Smooth),
                "fade" => quote!(Fade),
                _ => quote!(Hold),
            };
            return Ok(quote!(::tickwire::Motion::#name));
        };
        let index = fields.iter().position(|field| field.ident == heading);
        let Some(field) = index.map(|index| &fields[index]) else {
            let names: Vec<String> = fields.iter().map(|field| field.ident.to_string()).collect();
            return Err(Error::new(heading.span(), format!("no field `{heading}`: there are {}", names.join(", "))));
        };
        if !matches!(field.form, Form::Angle(_)) {
            return Err(Error::new(
                heading.span(),
                format!("the heading `{heading}` must be an angle: #[row(angle = 8)]"),
            ));
        }
        let index = index.and_then(|index| u8::try_from(index).ok()).unwrap_or(u8::MAX);
        let name = if self.name == "along" { quote!(Along) } else { quote!(Across) };
        Ok(quote!(::tickwire::Motion::#name { heading: #index }))
    }
}

/// A name as clients have it, which is written as text.
pub fn parse_name(input: ParseStream) -> Result<String> {
    let name: LitStr = input.parse()?;
    let text = name.value();
    if text.is_empty() || text.len() > 32 {
        return Err(Error::new(name.span(), "a name has 1 to 32 bytes"));
    }
    Ok(text)
}

/// The tokens of a value, up to the comma behind it.
pub fn until_comma(input: ParseStream) -> Result<TokenStream> {
    let mut tokens = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        tokens.extend([input.parse::<TokenTree>()?]);
    }
    if tokens.is_empty() { Err(input.error("a value is missing")) } else { Ok(tokens) }
}

/// The two ends of `MIN..=MAX`, which are any expressions.
pub fn parse_range(input: ParseStream) -> Result<(TokenStream, TokenStream)> {
    let span = input.span();
    let mut min = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) && !input.peek(Token![..]) {
        min.extend([input.parse::<TokenTree>()?]);
    }
    if !input.peek(Token![..=]) || min.is_empty() {
        return Err(Error::new(span, "a range has both ends and includes them: range = 0..=9"));
    }
    input.parse::<Token![..=]>()?;
    let max = until_comma(input)?;
    if let (Some(low), Some(high)) = (number(&min), number(&max))
        && low > high
    {
        return Err(Error::new(
            span,
            format!("the range {low}..={high} is empty: its first end must be the smaller one"),
        ));
    }
    Ok((min, max))
}

/// The number that tokens stand for, if they are one.
fn number(tokens: &TokenStream) -> Option<f64> {
    tokens.to_string().replace([' ', '_'], "").parse().ok()
}

/// The steps per unit of `1/64`, `1/PER_METRE` or `0.01`, as an expression.
fn parse_step(input: ParseStream) -> Result<TokenStream> {
    let span = input.span();
    let wrong =
        || Error::new(span, "a step is one unit divided by a whole number of 1 to 65535: step = 1/64 or step = 0.01");
    let tokens: Vec<TokenTree> = until_comma(input)?.into_iter().collect();
    match &tokens[..] {
        [TokenTree::Literal(one), TokenTree::Punct(slash), rest @ ..] if slash.as_char() == '/' && !rest.is_empty() => {
            let rest: TokenStream = rest.iter().cloned().collect();
            let bad = number(&rest).is_some_and(|parts| !(1.0..=65_535.0).contains(&parts) || parts.fract() != 0.0);
            if one.to_string() != "1" || bad { Err(wrong()) } else { Ok(rest) }
        }
        [TokenTree::Literal(step)] => {
            let parts = 1.0 / number(&quote!(#step)).ok_or_else(wrong)?;
            let whole = parts.round();
            if (parts - whole).abs() > 1e-6 || !(1.0..=65_535.0).contains(&whole) {
                return Err(wrong());
            }
            // With the span of the decimal, lints would take it for a number that the user wrote.
            Ok(TokenTree::Literal(Literal::u16_unsuffixed(whole as u16)).into())
        }
        _ => Err(wrong()),
    }
}
