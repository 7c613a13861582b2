//! Messages to bytes and back: the only file that knows `bincode`.
//!
//! The configuration is bincode's standard one: little endian, variable-length integers. Reading is strict: claimed
//! lengths are limited, no byte may be left over, and only the canonical encoding (shortest integers) is accepted,
//! which is checked by comparing the length with that of the message encoded again. The most frequent messages have
//! layouts of their own, in `frame` and `inputs`; their first byte has a bit that no other message has.

use std::borrow::Cow;

use bincode::config::{Configuration, Limit, LittleEndian, Varint, standard};
use bincode::enc::write::SizeWriter;
use serde::{Deserialize, Serialize};

use super::hello::{Extension, Hello, Join};
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
    check_limits(&message).map_err(|excess| excess.error())?;
    Ok(message)
}

/// Whether a client's message is one of those that it sends all the time: inputs or an acknowledgement.
pub fn is_frequent(bytes: &[u8]) -> bool {
    leads_with(bytes, inputs::INPUTS)
}

/// What of a client's message is beyond its limit, in words for the client: which part it is, how long it is and how long
/// it may be. `None` when that is not what is wrong with it.
pub fn explain_excess(bytes: &[u8]) -> Option<String> {
    let message: ClientMessage = decode(bytes, CLIENT).ok()?;
    match check_limits(&message) {
        Err(Excess::Length { what, length, most, unit }) => Some(format!("{what} has {length} {unit}: at most {most}")),
        _ => None,
    }
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
            check_extensions(&welcome.extensions).map_err(|excess| excess.error())?;
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

/// Why a message breaks a rule that its encoding does not express.
enum Excess {
    /// A part is too long, or has too many parts.
    Length { what: Cow<'static, str>, length: usize, most: usize, unit: &'static str },
    /// The message has another form.
    Form,
}

impl Excess {
    fn error(self) -> WireError {
        match self {
            Self::Length { what: Cow::Borrowed(what), .. } => WireError::OverLimit(what),
            Self::Length { what: Cow::Owned(_), .. } => WireError::OverLimit("an option"),
            Self::Form => WireError::NotCanonical,
        }
    }
}

fn at_most(what: &'static str, length: usize, most: usize, unit: &'static str) -> Result<(), Excess> {
    if length <= most { Ok(()) } else { Err(Excess::Length { what: what.into(), length, most, unit }) }
}

fn check_limits(message: &ClientMessage) -> Result<(), Excess> {
    const BYTES: &str = "bytes";
    match message {
        ClientMessage::Hello(hello) => check_hello(hello),
        ClientMessage::Command(command) => match &command.body {
            CommandBody::Game { body, .. } | CommandBody::Call { body, .. } => {
                at_most("the command", body.len(), limits::BODY, BYTES)
            }
            CommandBody::Chat { to, text } => {
                at_most("the line", to.len(), limits::CHAT_TO, "recipients")?;
                at_most("the line", text.len(), limits::CHAT_BYTES, BYTES)
            }
        },
        ClientMessage::Refresh { token } => at_most("the token", token.len(), limits::TOKEN, BYTES),
        ClientMessage::FeelDigest { body } => at_most("the digest", body.len(), limits::FEEL_DIGEST, BYTES),
        ClientMessage::Ping { .. } | ClientMessage::Resync(_) => Ok(()),
        // These messages have a first byte of their own.
        ClientMessage::Inputs(_) | ClientMessage::Ack(_) => Err(Excess::Form),
    }
}

fn check_hello(hello: &Hello) -> Result<(), Excess> {
    const BYTES: &str = "bytes";
    at_most("the name", hello.name.len(), limits::RAW_NAME, BYTES)?;
    let resume = hello.resume.as_ref().map_or(0, |resume| resume.token.len());
    at_most("the resume token", resume, limits::RESUME, BYTES)?;
    at_most("the token", hello.token.map_or(0, str::len), limits::TOKEN, BYTES)?;
    check_options("the player", "player option", &hello.player)?;
    check_extensions(&hello.extensions)?;
    match &hello.join {
        Join::JoinOrCreate { game, options } | Join::Create { game, options } => {
            at_most("the game's name", game.len(), limits::TEXT, BYTES)?;
            check_options("the room", "option", options)
        }
        Join::ById { room } | Join::Return { room } => at_most("the room's id", room.len(), limits::TEXT, BYTES),
        Join::Reserved { ticket } => at_most("the ticket", ticket.len(), limits::TEXT, BYTES),
    }
}

fn check_options(whose: &'static str, what: &str, options: &[(String, String)]) -> Result<(), Excess> {
    at_most(whose, options.len(), limits::OPTIONS, "options")?;
    for (key, value) in options {
        let too_long = |part: &str, length| Excess::Length {
            what: format!("{part}{what} {:?}", &key[..key.floor_char_boundary(limits::TEXT)]).into(),
            length,
            most: limits::TEXT,
            unit: "bytes",
        };
        if key.len() > limits::TEXT {
            return Err(too_long("the key of ", key.len()));
        }
        if value.len() > limits::TEXT {
            return Err(too_long("", value.len()));
        }
    }
    Ok(())
}

fn check_extensions(extensions: &[Extension]) -> Result<(), Excess> {
    at_most("the message", extensions.len(), limits::EXTENSIONS, "extensions")?;
    for (_, content) in extensions {
        at_most("an extension", content.len(), limits::EXTENSION, "bytes")?;
    }
    let ascend = extensions.is_sorted_by(|(number, _), (next, _)| number < next);
    if ascend { Ok(()) } else { Err(Excess::Form) }
}
