//! Events, commands and replies as types. On the wire, the kind of a message is the number of its variant, and its body is
//! JSON.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::page_types::{BodyForm, Definitions};
use crate::game::{Context, MessageNote, Recipients};
use crate::id::{EntityId, Seat};

/// A value in a message: numbers, text, lists, and structs and enums that derive [`Message`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a message",
    note = "add `#[derive(tickwire::Message)]` to a struct or enum of your own"
)]
pub trait Body: Serialize + DeserializeOwned {
    /// What TypeScript calls the type.
    #[doc(hidden)]
    fn page_type(types: &mut Definitions) -> String;

    /// The value as JSON, for [`Context::end`] and for replies to calls.
    fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }
}

/// The events or the commands of a game: an enum. Derive it:
///
/// ```
/// use tickwire::{EntityId, Message, Seat};
///
/// #[derive(Message)]
/// enum Event {
///     Tagged { by: EntityId, whom: EntityId },
///     Standings(Vec<Score>),
///     TimeIsUp,
/// }
///
/// #[derive(Message)]
/// struct Score { seat: Seat, points: u32 }
/// ```
///
/// The kind of a message is the index of its variant, so variants are only added at the end while older clients are about. The
/// body is JSON: an object with the fields in camel case, the value of a variant with one value, an array of several; without
/// any, nothing. The derive implements serde's traits, too. Numbers beyond 2^53 lose their last digits in JavaScript, and
/// `NaN` becomes `null`.
///
/// A variant that is used for calls may say what the reply is, for the page's types: `#[message(reply = Vec<Score>)]`. An event
/// that is marked with `#[message(public)]` is told to [systems outside of the room](crate::guide::outlets) as well, by its name
/// and with its body, when it is sent to everybody.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    note = "add `#[derive(tickwire::Message)]` to an enum"
)]
pub trait Message: Body {
    /// The names of the variants, by kind.
    const NAMES: &'static [&'static str];

    /// Which variants are public, by kind.
    #[doc(hidden)]
    const PUBLIC: &'static [bool];

    /// The index of the variant.
    fn kind(&self) -> u16;

    /// The body.
    fn to_body(&self) -> Vec<u8>;

    /// Reads what [`Self::to_body`] wrote, or a page.
    ///
    /// # Errors
    /// There is no such variant, or the body is not its.
    fn from_body(kind: u16, body: &[u8]) -> Result<Self, MessageError>;

    /// The doc comment, the body and the reply of each variant.
    #[doc(hidden)]
    fn forms(types: &mut Definitions) -> Vec<(&'static str, BodyForm, Option<String>)>;
}

/// A message that the game does not know. The text names the message and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MessageError(String);

impl MessageError {
    #[doc(hidden)]
    pub fn unknown<M: Message>(kind: u16) -> Self {
        if M::NAMES.is_empty() {
            return Self(format!("no message of kind {kind}: this game has none"));
        }
        let known: Vec<String> = M::NAMES.iter().enumerate().map(|(kind, name)| format!("{kind} {name}")).collect();
        Self(format!("no message of kind {kind}: there are {}", known.join(", ")))
    }

    #[doc(hidden)]
    pub fn malformed<M: Message>(kind: u16, error: serde_json::Error) -> Self {
        Self(format!("{}: {error}", M::NAMES.get(usize::from(kind)).unwrap_or(&"")))
    }
}

impl From<MessageError> for crate::game::Refused {
    fn from(error: MessageError) -> Self {
        Self::new(error.0)
    }
}

/// The messages of a game that has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Nothing {}

impl Body for Nothing {
    fn page_type(_: &mut Definitions) -> String {
        "never".to_owned()
    }
}

impl Message for Nothing {
    const NAMES: &'static [&'static str] = &[];
    const PUBLIC: &'static [bool] = &[];

    fn kind(&self) -> u16 {
        match *self {}
    }

    fn to_body(&self) -> Vec<u8> {
        match *self {}
    }

    fn from_body(kind: u16, _: &[u8]) -> Result<Self, MessageError> {
        Err(MessageError::unknown::<Self>(kind))
    }

    fn forms(_: &mut Definitions) -> Vec<(&'static str, BodyForm, Option<String>)> {
        Vec::new()
    }
}

impl Context {
    /// Sends an event of the game's own type; as [`Self::emit`] otherwise.
    ///
    /// # Panics
    /// When the body is longer than [`crate::wire::limits::BODY`].
    #[track_caller]
    pub fn send(&mut self, to: Recipients, event: &impl Message) {
        self.emit(to, event.kind(), event.to_body());
    }
}

/// What pages know of the messages of a type.
pub(super) fn notes<M: Message>(types: &mut Definitions) -> Vec<MessageNote> {
    let forms = M::forms(types);
    let note = |(name, (docs, form, reply)): (&&'static str, (&'static str, BodyForm, Option<String>))| MessageNote {
        name,
        docs,
        body: form.as_type(),
        reply,
    };
    M::NAMES.iter().zip(forms).map(note).collect()
}

/// The name and the body of an event, if it is public.
pub(super) fn public<M: Message>(kind: u16, body: &[u8]) -> Option<(String, serde_json::Value)> {
    let index = usize::from(kind);
    let name = M::NAMES.get(index).filter(|_| M::PUBLIC[index])?;
    let value = if body.is_empty() { Some(serde_json::Value::Null) } else { serde_json::from_slice(body).ok() };
    value.map(|value| ((*name).to_owned(), value))
}

#[doc(hidden)]
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("derived types can be serialized")
}

#[doc(hidden)]
pub fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(body)
}

/// Reads the body of a variant without fields, for which some pages send `null`.
#[doc(hidden)]
pub fn nothing(body: &[u8]) -> Result<(), serde_json::Error> {
    if body.is_empty() { Ok(()) } else { serde_json::from_slice(body) }
}

macro_rules! simple {
    ($name:literal: $($body:ty),+) => {$(
        impl Body for $body {
            fn page_type(_: &mut Definitions) -> String {
                $name.to_owned()
            }
        }
    )+};
}

simple!("number": u8, i8, u16, i16, u32, i32, u64, i64, usize, isize, f32, f64, EntityId, Seat);
simple!("boolean": bool);
simple!("string": String, char);
simple!("null": ());
simple!("unknown": serde_json::Value);

impl<T: Body> Body for Option<T> {
    fn page_type(types: &mut Definitions) -> String {
        format!("{} | null", T::page_type(types))
    }
}

impl<T: Body> Body for Vec<T> {
    fn page_type(types: &mut Definitions) -> String {
        format!("Array<{}>", T::page_type(types))
    }
}

impl<T: Body> Body for Box<T> {
    fn page_type(types: &mut Definitions) -> String {
        T::page_type(types)
    }
}

impl<T: Body> Body for BTreeMap<String, T> {
    fn page_type(types: &mut Definitions) -> String {
        format!("Record<string, {}>", T::page_type(types))
    }
}

impl<T: Body> Body for [T; 2] {
    fn page_type(types: &mut Definitions) -> String {
        format!("[{0}, {0}]", T::page_type(types))
    }
}

impl<T: Body> Body for [T; 3] {
    fn page_type(types: &mut Definitions) -> String {
        format!("[{0}, {0}, {0}]", T::page_type(types))
    }
}

impl<A: Body, B: Body> Body for (A, B) {
    fn page_type(types: &mut Definitions) -> String {
        format!("[{}, {}]", A::page_type(types), B::page_type(types))
    }
}
