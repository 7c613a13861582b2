//! Messages to bytes and back: the only file that knows `bincode`.
//!
//! The configuration is bincode's standard one: little endian, variable-length integers. Reading is strict: claimed
//! lengths are limited, no byte may be left over, and only the canonical encoding (shortest integers) is accepted,
//! which is checked by comparing the length with that of the message encoded again. The most frequent messages have
//! layouts of their own, in `frame` and `inputs`; their first byte has a bit that no other message has.

use bincode::config::{Configuration, Limit, LittleEndian, Varint, standard};
use bincode::enc::write::SizeWriter;
use serde::{Deserialize, Serialize};

use super::hello::Extension;
use super::message::{ClientMessage, CommandBody, Delivery, ServerMessage};
use super::{frame, inputs, limits};

type Config<const LIMIT: usize> = Configuration<LittleEndian, Varint, Limit<LIMIT>>;

const CLIENT: Config<{ limits::CLIENT_MESSAGE }> = standard().with_limit();
const SERVER: Config<{ limits::SERVER_MESSAGE }> = standard().with_limit();

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes do not encode any message.
    #[error("the bytes are not a message")]
    Malformed,
    /// Bytes are left over after a message.
    #[error("bytes are left over after the message")]
    Trailing,
    /// A message, but not in its canonical form.
    #[error("the message is not in its canonical form")]
    NotCanonical,
    /// A list or text is beyond its limit.
    #[error("{0} is beyond its limit")]
    OverLimit(&'static str),
}

/// Reads a client's message and checks the limits of its parts.
///
/// # Errors
/// See [`WireError`].
pub fn decode_client(bytes: &[u8]) -> Result<ClientMessage<'_>, WireError> {
    if bytes.len() > limits::CLIENT_MESSAGE {
        return Err(WireError::OverLimit("message"));
    }
    if leads_with(bytes, inputs::INPUTS) {
        return inputs::decode(bytes);
    }
    let message = decode(bytes, CLIENT)?;
    check_limits(&message)?;
    Ok(message)
}

/// Reads a server's message.
///
/// # Errors
/// See [`WireError`].
pub fn decode_server(bytes: &[u8]) -> Result<ServerMessage<'_>, WireError> {
    if leads_with(bytes, frame::FRAME) {
        return frame::decode(bytes).map(ServerMessage::Frame);
    }
    match decode(bytes, SERVER)? {
        ServerMessage::Frame(_) => Err(WireError::NotCanonical),
        ServerMessage::Delivery(Delivery { commands: None, events: None, .. }) => Err(WireError::NotCanonical),
        ServerMessage::Welcome(welcome) => {
            check_extensions(&welcome.extensions)?;
            Ok(ServerMessage::Welcome(welcome))
        }
        message => Ok(message),
    }
}

/// Writes a client's message.
///
/// # Panics
/// When inputs have neither a held input nor a run.
pub fn encode_client(message: &ClientMessage) -> Vec<u8> {
    match message {
        ClientMessage::Inputs(inputs) => inputs::encode(inputs),
        ClientMessage::Ack(ack) => inputs::encode_ack(*ack),
        _ => encode(message),
    }
}

/// Writes a server's message.
///
/// # Panics
/// When a chain of a frame has no delta or more than [`limits::CHAIN`].
pub fn encode_server(message: &ServerMessage) -> Vec<u8> {
    match message {
        ServerMessage::Frame(frame) => frame::encode_frame(frame, None),
        _ => encode(message),
    }
}

/// The version stated in a hello; readable even when the rest of the hello is from another version.
pub fn hello_version(bytes: &[u8]) -> Option<u16> {
    let config = standard().with_limit::<16>();
    match bincode::serde::decode_from_slice::<(u32, u16), _>(bytes, config) {
        Ok(((0, version), _)) => Some(version),
        _ => None,
    }
}

/// Appends a part of a message that has a layout of its own, or a record of a room.
pub(crate) fn append<T: Serialize>(part: &T, out: &mut Vec<u8>) {
    bincode::serde::encode_into_std_write(part, out, standard()).expect("writing a part to memory cannot fail");
}

/// Reads what [`append`] wrote. Returns the part and the bytes after it.
///
/// # Errors
/// See [`WireError`].
pub(crate) fn split<'a, T>(bytes: &'a [u8]) -> Result<(T, &'a [u8]), WireError>
where
    T: Deserialize<'a> + Serialize,
{
    split_within(bytes, SERVER)
}

fn leads_with(bytes: &[u8], bit: u8) -> bool {
    bytes.first().is_some_and(|first| first & bit != 0)
}

fn decode<'a, T, const LIMIT: usize>(bytes: &'a [u8], config: Config<LIMIT>) -> Result<T, WireError>
where
    T: Deserialize<'a> + Serialize,
{
    let (message, rest) = split_within(bytes, config)?;
    if rest.is_empty() { Ok(message) } else { Err(WireError::Trailing) }
}

fn split_within<'a, T, const LIMIT: usize>(bytes: &'a [u8], config: Config<LIMIT>) -> Result<(T, &'a [u8]), WireError>
where
    T: Deserialize<'a> + Serialize,
{
    let (part, read) = bincode::serde::borrow_decode_from_slice(bytes, config).map_err(|_| WireError::Malformed)?;
    if encoded_len(&part) != read { Err(WireError::NotCanonical) } else { Ok((part, &bytes[read..])) }
}

fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    bincode::serde::encode_to_vec(message, standard()).expect("writing a message to memory cannot fail")
}

fn encoded_len<T: Serialize>(message: &T) -> usize {
    let mut size = bincode::enc::EncoderImpl::new(SizeWriter::default(), standard());
    let message = bincode::serde::Compat(message);
    bincode::Encode::encode(&message, &mut size).expect("counting bytes cannot fail");
    size.into_writer().bytes_written
}

fn check_limits(message: &ClientMessage) -> Result<(), WireError> {
    let within = |ok: bool, what| if ok { Ok(()) } else { Err(WireError::OverLimit(what)) };
    match message {
        ClientMessage::Hello(hello) => {
            within(hello.name.len() <= limits::NAME_CHARS * 16, "name")?;
            within(hello.resume.as_ref().is_none_or(|resume| resume.token.len() <= limits::RESUME), "resume")?;
            within(hello.token.is_none_or(|token| token.len() <= limits::TOKEN), "token")?;
            within(options_fit(&hello.player), "player options")?;
            check_extensions(&hello.extensions)?;
            match &hello.join {
                super::Join::JoinOrCreate { game, options } | super::Join::Create { game, options } => {
                    within(game.len() <= limits::TEXT, "game")?;
                    within(options_fit(options), "room options")
                }
                super::Join::ById { room } | super::Join::Return { room } => within(room.len() <= limits::TEXT, "room"),
                super::Join::Reserved { ticket } => within(ticket.len() <= limits::TEXT, "ticket"),
            }
        }
        ClientMessage::Command(command) => match &command.body {
            CommandBody::Game { body, .. } | CommandBody::Call { body, .. } => {
                within(body.len() <= limits::BODY, "command")
            }
            CommandBody::Chat { to, text } => {
                within(to.len() <= limits::CHAT_TO, "recipients")?;
                within(text.len() <= limits::CHAT_CHARS * 4, "chat")
            }
        },
        ClientMessage::Refresh { token } => within(token.len() <= limits::TOKEN, "token"),
        ClientMessage::FeelDigest { body } => within(body.len() <= limits::FEEL_DIGEST, "digest"),
        ClientMessage::Ping { .. } | ClientMessage::Resync(_) => Ok(()),
        // These messages have a first byte of their own.
        ClientMessage::Inputs(_) | ClientMessage::Ack(_) => Err(WireError::NotCanonical),
    }
}

fn check_extensions(extensions: &[Extension]) -> Result<(), WireError> {
    let fit = extensions.iter().all(|(_, content)| content.len() <= limits::EXTENSION);
    if extensions.len() > limits::EXTENSIONS || !fit {
        return Err(WireError::OverLimit("extensions"));
    }
    let ascend = extensions.is_sorted_by(|(number, _), (next, _)| number < next);
    if ascend { Ok(()) } else { Err(WireError::NotCanonical) }
}

fn options_fit(options: &[(String, String)]) -> bool {
    options.len() <= limits::OPTIONS
        && options.iter().all(|(key, value)| key.len() <= limits::TEXT && value.len() <= limits::TEXT)
}
