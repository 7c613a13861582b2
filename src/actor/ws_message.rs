//! Classifies messages of the WebSocket codec before their bytes are decoded: input for the session, or a reason to end it.
//!
//! `tests/autobahn` also compiles this file and `frame_guard`, to test the shipped rules with an echo endpoint.

use actix_http::ws::{CloseReason, Message, ProtocolError};
use bytes::Bytes;

use crate::wire::Close;

/// The close code of a client that may soon be back. Browsers let pages send 1000 and codes from 3000 on only.
const AWAY: u16 = 4100;

/// A message that does not end the session.
pub enum WsMessage {
    /// A binary message.
    Bytes(Bytes),
    /// A ping, with the payload of its pong.
    Ping(Bytes),
    /// A pong. Counted like a ping: an honest client sends few, a flood is limited.
    Pong,
    /// Nothing to do.
    Nothing,
}

/// Classifies a message or error of the codec. `offence` is the rule that the frame guard found broken, if any.
///
/// # Errors
/// The session's close reason. The caller must then end the session: the codec would return the same error again and again.
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

/// The close reason of a session whose client sent a close frame with `reason`.
fn answer_to(reason: Option<&CloseReason>) -> Close {
    match reason.map_or(1000, |reason| u16::from(reason.code)) {
        // Browsers send 1001 when a page is closed or reloaded. A page that is put aside cannot send it, and has its own code.
        1001 | AWAY => Close::GoingAway,
        1000..=1003 | 1007..=1014 | 3000..=4999 => Close::Left,
        _ => Close::Protocol,
    }
}
