//! Rows as types: a struct is a kind, its schema and its writer in one.

use super::number::Plain;
use crate::game::Note;
use crate::id::KindId;
use crate::snapshot::{Field, Kind, Shape};

/// A struct whose values are rows of one kind. Derive it:
///
/// ```
/// use tickwire::{Labels, Row};
///
/// /// A runner on the field.
/// #[derive(Row)]
/// #[row(position(x, y))]
/// struct Runner {
///     #[row(range = 0..=48, step = 1/64, unit = "m", motion = along(heading))]
///     x: f32,
///     #[row(range = 0..=32, step = 1/64, unit = "m", motion = across(heading))]
///     y: f32,
///     #[row(angle = 8, motion = smooth)]
///     heading: f32, // in radians
///     #[row(range = 0..=1_000_000)]
///     score: u32,
///     mood: Mood,
///     #[row(skip)]
///     frozen_for: u32, // in ticks; clients do not see it
/// }
///
/// #[derive(Labels)]
/// enum Mood { Idle, Run, PoweredUp }
/// ```
///
/// | attribute of a field | the values that it can have |
/// |---|---|
/// | `range = 0..=9` | whole numbers |
/// | `range = -64..=64, step = 1/64` | multiples of the step. The ends are in units. A float is in units, too, and is rounded; an integer counts steps |
/// | `angle = 8` | directions in 2^8 parts of a turn. A float is in radians, an integer counts parts |
/// | `colours = 12` | an index into a palette of the page |
/// | none | as the type says: a bool, an enum that derives [`Labels`], an integer of 8 or 16 bits, a [`Seat`](crate::Seat) |
///
/// | attribute of a field | |
/// |---|---|
/// | `motion = linear` | how it moves, see [`Motion`](crate::Motion): `hold` (the default), `linear`, `smooth`, `fade`, `along(heading)` or `across(heading)` |
/// | `name = "x"` | what clients call it |
/// | `unit = "m"`, and doc comments | are passed on to the page's [types](crate::typed::PageTypes) |
/// | `skip` | is the game's own. [`Row::from_values`] gives it its default value |
///
/// The struct may have `#[row(name = "...", position(x, y), without_past)]`; see [`Kind::at`] and [`Kind::without_past`].
/// Clients call kinds, fields and labels by their Rust names in camel case: `runner`, `poweredUp`.
///
/// A value outside its range is clamped and counted (the metric `values_saturated`). In debug builds, the first one in a room
/// is logged with its field. What is no number becomes the lower end of the range, and counts, too.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a row",
    note = "add `#[derive(tickwire::Row)]` to the struct; rows have named fields"
)]
pub trait Row: Sized {
    /// The name of the kind.
    const NAME: &'static str;
    /// The doc comment of the struct.
    const DOCS: &'static str;
    /// What the fields are called and what is said about them, in field order.
    const NOTES: &'static [Note];
    /// One integer per field.
    type Values: AsRef<[i32]>;

    /// The kind.
    fn kind() -> Kind;

    /// The values in field order, in quanta.
    fn to_values(&self) -> Self::Values;

    /// The row with these values, rounded as clients have it.
    ///
    /// # Panics
    /// When there are fewer values than fields.
    fn from_values(values: &[i32]) -> Self;
}

/// An enum without fields, as the values of a field. Derive it; see [`Row`]. Clients know the values as text, by the names
/// of the variants in camel case, or by `#[label(name = "...")]`.
pub trait Labels: Plain {
    /// The labels.
    const LABELS: &'static [&'static str];

    /// The shape of such a field.
    fn labels() -> Shape {
        Shape::Enum { labels: Self::LABELS.iter().map(|label| (*label).to_owned()).collect() }
    }

    /// Which of them this is.
    fn index(&self) -> i32;

    /// The value with this index; beyond the last one, the last one.
    fn at(index: i32) -> Self;
}

/// The rows of a game: one type that derives [`Row`], or a tuple of up to 12.
pub trait Rows {
    /// The kinds, in the order of their ids.
    fn kinds() -> Vec<Kind>;

    /// The doc comment and the notes of each kind.
    fn notes() -> Vec<(&'static str, &'static [Note])>;
}

/// That a game has rows of this type. `At` is where in its list.
#[diagnostic::on_unimplemented(
    message = "this game has no rows of the type `{R}`",
    note = "add it to the game's `type Rows`, a tuple if there are several"
)]
pub trait HasRow<R, At> {
    /// The kind of these rows.
    const KIND: KindId;
}

/// Where in a tuple a row's type is.
pub struct At<const N: u8>;
/// The only type of rows.
pub struct Only;

impl<R: Row> Rows for R {
    fn kinds() -> Vec<Kind> {
        vec![R::kind()]
    }

    fn notes() -> Vec<(&'static str, &'static [Note])> {
        vec![(R::DOCS, R::NOTES)]
    }
}

impl<R: Row> HasRow<R, Only> for R {
    const KIND: KindId = KindId(0);
}

macro_rules! rows {
    ($($name:ident $index:literal),+) => {
        impl<$($name: Row),+> Rows for ($($name,)+) {
            fn kinds() -> Vec<Kind> {
                vec![$($name::kind()),+]
            }

            fn notes() -> Vec<(&'static str, &'static [Note])> {
                vec![$(($name::DOCS, $name::NOTES)),+]
            }
        }
        rows!(@each ($($name),+) $($name $index),+);
    };
    (@each $all:tt $($name:ident $index:literal),+) => {
        $(rows!(@one $all $name $index);)+
    };
    (@one ($($all:ident),+) $name:ident $index:literal) => {
        impl<$($all: Row),+> HasRow<$name, At<$index>> for ($($all,)+) {
            const KIND: KindId = KindId($index);
        }
    };
}

rows!(A 0);
rows!(A 0, B 1);
rows!(A 0, B 1, C 2);
rows!(A 0, B 1, C 2, D 3);
rows!(A 0, B 1, C 2, D 3, E 4);
rows!(A 0, B 1, C 2, D 3, E 4, F 5);
rows!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
rows!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
rows!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
rows!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
rows!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
rows!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);

/// The input of a player for one tick, as a struct. Derive it:
///
/// ```
/// #[derive(tickwire::Input)]
/// struct Steer {
///     #[input(range = -1..=1, step = 0.01)]
///     right: f32,
///     dash: bool,
/// }
/// ```
///
/// The attributes are those of [rows](Row), without `motion` and `skip`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an input",
    note = "add `#[derive(tickwire::Input)]` to the struct"
)]
pub trait Input: Sized {
    /// What the fields are called and what is said about them, in field order.
    const NOTES: &'static [Note];

    /// The fields of the input schema.
    fn fields() -> Vec<Field>;

    /// The input with these values, which the schema admits.
    fn from_values(values: &crate::game::InputValues) -> Self;

    /// The values in field order, in quanta; the other elements are zero.
    fn to_values(&self) -> crate::game::InputValues;
}

impl Input for () {
    const NOTES: &'static [Note] = &[];

    fn fields() -> Vec<Field> {
        Vec::new()
    }

    fn from_values(_: &crate::game::InputValues) -> Self {}

    fn to_values(&self) -> crate::game::InputValues {
        crate::game::InputValues::default()
    }
}
