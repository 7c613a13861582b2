//! Bytes: messages, their codec, limits and close reasons. PROTOCOL.md describes what is here.

mod close;
mod codec;
mod cursor;
mod frame;
mod guard;
mod inputs;
pub mod limits;
mod message;
pub mod weight;

pub use close::Close;
pub use codec::{WireError, decode_client, decode_server, encode_client, encode_server, hello_version};
pub use guard::Guard;
pub use inputs::{pack_runs, unpack_runs};
pub use message::{
    Ack, ClientMessage, Command, Correction, EventBatch, EventBody, EventItem, FrameMessage, Hello, Inputs, Join, Note,
    PROTOCOL_VERSION, PlayerEntry, Resync, Rule, Run, SUBPROTOCOL, ServerMessage, Welcome, ZoneForm, ZonePart,
};
