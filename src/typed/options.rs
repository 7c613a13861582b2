//! Options as types: what players and creators of rooms ask for, which arrives as text.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use crate::game::{OptionNote, Refused, SetupError};

/// Options as they arrive.
pub type RawOptions = BTreeMap<String, String>;

/// The options of a player or of a room. Derive it:
///
/// ```
/// use tickwire::{Labels, Options, typed::Options as _};
///
/// #[derive(Debug, PartialEq, Options)]
/// struct Setup {
///     /// How many rounds are played.
///     #[option(range = 1..=9, default = 3)]
///     rounds: u8,
///     #[option(default)]
///     map: Map,
///     seed_text: Option<String>,
/// }
///
/// #[derive(Debug, Default, PartialEq, Labels)]
/// enum Map { #[default] Courtyard, Field }
///
/// let options = [("rounds".to_owned(), "5".to_owned())].into();
/// assert_eq!(Setup::read(&options).unwrap(), Setup { rounds: 5, map: Map::Courtyard, seed_text: None });
/// let options = [("map".to_owned(), "moon".to_owned())].into();
/// assert_eq!(Setup::read(&options).unwrap_err().to_string(), "map \"moon\": must be courtyard or field");
/// ```
///
/// Fields are numbers, text, bools and enums that derive [`Labels`](super::Labels). Without `default`, which may have a value, an
/// option is required; an `Option` never is. Keys that no field has are ignored. [`OptionError`] becomes a [`Refused`] for
/// players and a [`SetupError`] for rooms.
pub trait Options: Sized {
    /// Reads the options.
    ///
    /// # Errors
    /// An option is missing or has a value that it cannot have.
    fn read(options: &RawOptions) -> Result<Self, OptionError>;

    /// What there is; none for anything.
    #[doc(hidden)]
    fn notes() -> Option<Vec<OptionNote>>;
}

impl Options for RawOptions {
    fn read(options: &RawOptions) -> Result<Self, OptionError> {
        Ok(options.clone())
    }

    fn notes() -> Option<Vec<OptionNote>> {
        None
    }
}

/// An option with a value that it cannot have, or without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionError {
    option: String,
    value: Option<String>,
    wanted: String,
}

impl Display for OptionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { option, value, wanted } = self;
        match value {
            Some(value) => write!(f, "{option} {value:?}: {wanted}"),
            None => write!(f, "{option} is missing: {wanted}"),
        }
    }
}

impl std::error::Error for OptionError {}

impl From<OptionError> for Refused {
    fn from(error: OptionError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<OptionError> for SetupError {
    fn from(error: OptionError) -> Self {
        match error.value {
            Some(value) => Self::Option { option: error.option, value, wanted: error.wanted },
            None => Self::Other(error.to_string()),
        }
    }
}

/// A value of an option.
#[diagnostic::on_unimplemented(
    message = "an option cannot be a `{Self}`",
    note = "options are numbers, text, bools, enums that derive `Labels`, or an `Option` of these"
)]
pub trait OptionValue: Sized {
    /// Reads the text of an option.
    ///
    /// # Errors
    /// What would be right, such as "must be a whole number".
    fn parse(text: &str) -> Result<Self, String>;

    /// The value of an absent option without a default, if that is allowed.
    fn absent() -> Option<Self> {
        None
    }

    /// What TypeScript calls the type.
    #[doc(hidden)]
    fn page_type() -> String;
}

macro_rules! parsed {
    ($wanted:literal, $page:literal: $($value:ty),+) => {$(
        impl OptionValue for $value {
            fn parse(text: &str) -> Result<Self, String> {
                Self::from_str(text).map_err(|_| $wanted.to_owned())
            }

            fn page_type() -> String {
                $page.to_owned()
            }
        }
    )+};
}

parsed!("must be a whole number", "number": i8, i16, i32, i64);
parsed!("must be a whole number that is not negative", "number": u8, u16, u32, u64);
parsed!("must be a number", "number": f32, f64);
parsed!("must be true or false", "boolean": bool);
parsed!("must be text", "string": String);

impl<T: OptionValue> OptionValue for Option<T> {
    fn parse(text: &str) -> Result<Self, String> {
        T::parse(text).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn page_type() -> String {
        T::page_type()
    }
}

#[doc(hidden)]
pub fn read_option<T: OptionValue>(
    options: &RawOptions,
    name: &str,
    check: impl Fn(&T) -> Result<(), String>,
    fallback: impl FnOnce() -> Option<T>,
) -> Result<T, OptionError> {
    let error =
        |value: Option<&String>, wanted: String| OptionError { option: name.to_owned(), value: value.cloned(), wanted };
    let Some(text) = options.get(name) else {
        return fallback().ok_or_else(|| error(None, "it is required".to_owned()));
    };
    let value = T::parse(text).map_err(|wanted| error(Some(text), wanted))?;
    check(&value).map_err(|wanted| error(Some(text), wanted))?;
    Ok(value)
}

#[doc(hidden)]
pub fn within<T: PartialOrd + Display>(min: T, max: T) -> impl Fn(&T) -> Result<(), String> {
    move |value| if *value >= min && *value <= max { Ok(()) } else { Err(format!("must be {min} to {max}")) }
}

#[doc(hidden)]
pub fn one_label_of(labels: &[&str]) -> String {
    match labels {
        [] => String::new(),
        [only] => format!("must be {only}"),
        [others @ .., last] => format!("must be {} or {last}", others.join(", ")),
    }
}

#[doc(hidden)]
pub fn label_type(labels: &[&str]) -> String {
    labels.iter().map(|label| format!("{label:?}")).collect::<Vec<_>>().join(" | ")
}
