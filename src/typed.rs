//! Games in types of their own: rows, inputs, commands, events and options are structs and enums, and the derive macros make
//! integers, names and bytes of them.
//!
//! Implement [`TypedGame`]; the library makes a [`Game`](crate::Game) of it. Whatever is here calls that interface and adds
//! nothing below it: no allocation per row or input, and no byte on the wire.
//!
//! ```
//! use tickwire::prelude::*;
//!
//! #[derive(Row)]
//! struct Dot {
//!     #[row(range = 0..=999, motion = linear)]
//!     x: i32,
//! }
//!
//! #[derive(Input)]
//! struct Steer {
//!     #[input(range = -1..=1)]
//!     right: i32,
//! }
//!
//! #[derive(Message)]
//! enum Event {
//!     Bumped { who: EntityId },
//! }
//!
//! #[derive(Default)]
//! struct Dots(Players<Dot>);
//!
//! #[tickwire::game]
//! impl TypedGame for Dots {
//!     type Rows = Dot;
//!     type Input = Steer;
//!     type Event = Event;
//!
//!     fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
//!         Ok(self.0.join(player.seat, Dot { x: 500 }, cx))
//!     }
//!
//!     fn leave(&mut self, seat: Seat, _: &mut Context) {
//!         self.0.leave(seat);
//!     }
//!
//!     fn step(&mut self, inputs: Inputs<Steer>, cx: &mut Context) {
//!         for player in inputs {
//!             let dot = &mut self.0[player.seat];
//!             dot.x += 5 * player.input.right;
//!             if !(0..=999).contains(&dot.x) {
//!                 dot.x = dot.x.clamp(0, 999);
//!                 let who = self.0.entity(player.seat);
//!                 cx.send(Recipients::All, &Event::Bumped { who });
//!             }
//!         }
//!     }
//!
//!     fn write_snapshot(&self, out: &mut RowWriter<Dot>) {
//!         out.entities(&self.0);
//!     }
//! }
//! ```

mod adapter;
mod message;
mod number;
mod options;
#[cfg(feature = "server")]
mod page_files;
mod page_types;
mod players;
mod row;
mod writer;

#[doc(hidden)]
pub use serde;

pub use self::adapter::{Inputs, TypedGame};
pub use self::message::{Body, Message, MessageError, Nothing};
#[doc(hidden)]
pub use self::message::{from_json, nothing, to_json};
#[doc(hidden)]
pub use self::number::number_shape;
pub use self::number::{Number, Plain};
pub use self::options::{OptionError, OptionValue, Options, RawOptions};
#[doc(hidden)]
pub use self::options::{label_type, one_label_of, read_option, within};
#[cfg(feature = "server")]
pub use self::page_files::PageTypes;
#[doc(hidden)]
pub use self::page_types::{BodyForm, Definitions, one_of};
pub use self::players::Players;
pub use self::row::{At, HasRow, Input, Labels, Only, Row, Rows};
pub use self::writer::RowWriter;
pub use crate::game::Note;
#[doc(hidden)]
pub use crate::game::OptionNote;
