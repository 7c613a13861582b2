//! What a message of the WebSocket codec is to a session, before its bytes are read: something to hear, or its ending.
//!
//! `tests/autobahn` compiles this file too, and `frame_guard`, to put the shipped rules to an echo endpoint.

use actix_http::ws::{CloseReason, Message, ProtocolError};
use bytes::Bytes;

use crate::wire::Close;

/// Something to hear.
pub enum WsMessage {
    /// A message.
    Bytes(Bytes),
    /// A ping, with what is to come back.
    Ping(Bytes),
    /// A pong. Counted like pings: an honest client answers a few, a flood of them is a flood.
    Pong,
    /// Nothing.
    Nothing,
}

/// Tells what the codec made of the stream. `offence` is what the guard found.
///
/// # Errors
/// How the session must end. An error that is not acted on is returned again and again.
pub fn ws_message(message: Result<Message, ProtocolError>, offence: Option<Close>) -> Result<WsMessage, Close> {
    match message {
        Ok(Message::Binary(bytes)) => Ok(WsMessage::Bytes(bytes)),
        Ok(Message::Ping(stamp)) => Ok(WsMessage::Ping(stamp)),
        Ok(Message::Pong(_)) => Ok(WsMessage::Pong),
        Ok(Message::Nop) => Ok(WsMessage::Nothing),
        Ok(Message::Close(reason)) => Err(answer_to(reason.as_ref())),
        Ok(Message::Text(_)) => Err(Close::Unsupported),
        Ok(Message::Continuation(_)) => Err(Close::TooBig),
        Err(error) => Err(match (offence, error) {
            (Some(offence), _) => offence,
            (None, ProtocolError::Overflow) => Close::TooBig,
            (None, ProtocolError::Io(_)) => Close::Lost,
            (None, _) => Close::Protocol,
        }),
    }
}

/// How a session ends when the client closes with `reason`.
fn answer_to(reason: Option<&CloseReason>) -> Close {
    match reason.map_or(1000, |reason| u16::from(reason.code)) {
        // What browsers say when a page is closed or reloaded.
        1001 => Close::GoingAway,
        1000..=1003 | 1007..=1014 | 3000..=4999 => Close::Left,
        _ => Close::Protocol,
    }
}
