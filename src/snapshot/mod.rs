//! What changed: schema, tables, zones, deltas, keyframes and frames.
//!
//! Pure data and pure functions. Bytes made here are opaque to the rest of the crate: `wire` puts them into messages.

mod codec;
mod costs;
pub mod delta;
pub(crate) mod direction;
mod frame;
mod hash;
mod keyframe;
mod model;
mod motion;
mod odds;
mod plan;
mod row;
mod schema;
#[doc(hidden)]
pub mod training;
mod zone;

pub use codec::DecodeError;
pub use frame::{Frame, FrameZone, SeatNote};
pub use schema::{Field, InputSchema, Kind, MAX_INPUT_FIELDS, Motion, Schema, SchemaError, Shape};
pub use zone::{RowRef, SnapshotWriter, Table, Zone};
