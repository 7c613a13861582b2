//! The state and its changes: schema, tables, zones, deltas, keyframes and frames.
//!
//! Pure data and pure functions. The rest of the crate treats the bytes made here as opaque: `wire` puts them into
//! messages.

mod codec;
mod costs;
pub mod delta;
#[doc(hidden)]
pub mod direction;
mod frame;
mod freeze;
mod grid;
mod hash;
mod keyframe;
mod marks;
mod model;
mod motion;
mod odds;
mod places;
mod plan;
mod row;
mod saturation;
mod schema;
#[doc(hidden)]
pub mod training;
mod writer;
mod zone;

pub use codec::DecodeError;
pub use frame::{Frame, FrameZone, SeatNote};
pub(crate) use freeze::FreezeBuffers;
pub use grid::Grid;
pub use marks::Marks;
pub(crate) use motion::{expect_row, steady};
pub use places::{Place, Places};
pub(crate) use plan::{FieldPlan, KindPlan};
pub use saturation::Saturation;
pub use schema::{Field, InputSchema, Kind, MAX_INPUT_FIELDS, Motion, Schema, SchemaError, Shape};
pub use writer::{Area, SnapshotWriter};
pub use zone::{RowRef, Table, Zone};
