//! Bytes: messages, their codec, limits and close codes. PROTOCOL.md describes them.

mod close;
mod codec;
mod cursor;
mod event;
mod frame;
mod guard;
mod hello;
mod inputs;
pub mod limits;
mod message;
pub mod weight;

pub use close::Close;
pub use codec::{WireError, decode_client, decode_server, encode_client, encode_server, hello_version};
pub(crate) use codec::{append, split};
pub use event::{EventBatch, EventBody, EventItem};
pub(crate) use frame::usual_frame;
pub use frame::{EncodedEvents, encode_frame};
pub use guard::Guard;
pub use hello::{Authority, Continuity, Hello, Join, Resume, Role, RosterEntry, Welcome};
pub use inputs::{pack_runs, unpack_runs};
pub use message::{
    Ack, ClientMessage, CommandBody, Correction, FrameMessage, Inputs, Note, NumberedCommand, PROTOCOL_VERSION, Resync,
    Run, SUBPROTOCOL, ServerMessage, ZoneForm, ZonePart,
};
