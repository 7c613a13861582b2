//! Bytes: messages, their codec, limits and close codes. PROTOCOL.md describes them.

mod close;
mod codec;
mod cursor;
mod dense_list;
mod encoded_events;
mod event;
mod features;
mod frame;
mod frame_stamp;
mod guard;
mod hello;
mod inputs;
pub mod limits;
mod message;
mod note;
mod recipe;
mod steady_frame;
pub mod weight;
mod world_grid;

pub use close::Close;
pub use codec::{
    WireError, decode_client, decode_server, encode_client, encode_server, explain_excess, hello_version, is_frequent,
};
pub(crate) use codec::{append, split};
pub(crate) use dense_list::can_tell as can_tell_densely;
pub use encoded_events::{EncodedEvents, encode_delivery};
pub use event::{EventBatch, EventBody, EventItem};
pub use features::Features;
pub use frame::encode_frame;
pub(crate) use frame::usual_frame;
pub use frame_stamp::FrameStamp;
pub use guard::{Guard, ShortMessage, short_message};
pub use hello::{Authority, Continuity, Extension, Hello, Join, Resume, Role, RosterEntry, Welcome};
pub use inputs::{pack_runs, unpack_runs};
pub use message::{
    Ack, AckedTick, ClientMessage, CommandBody, Correction, Delivery, FrameMessage, Inputs, Note, NumberedCommand,
    PROTOCOL_VERSION, Prepare, Redirect, Resync, Run, SUBPROTOCOLS, ServerMessage, ZoneForm, ZonePart,
};
pub use recipe::RoomRecipe;
pub(crate) use steady_frame::SteadyFrame;
pub use world_grid::WorldGrid;
