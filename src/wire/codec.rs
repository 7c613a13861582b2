//! Messages to bytes and back: the only file that knows `bincode`.
//!
//! The configuration is bincode's standard one: little endian, variable-length integers. Reading is exact: a limit on
//! what may be claimed, nothing left over, and only the canonical encoding (shortest integers), which is checked by
//! writing the message again and comparing lengths.

use bincode::config::{Configuration, Limit, LittleEndian, Varint, standard};
use bincode::enc::write::SizeWriter;
use serde::{Deserialize, Serialize};

use super::limits;
use super::message::{ClientMessage, ServerMessage};

type Config<const LIMIT: usize> = Configuration<LittleEndian, Varint, Limit<LIMIT>>;

const CLIENT: Config<{ limits::CLIENT_MESSAGE }> = standard().with_limit();
const SERVER: Config<{ limits::SERVER_MESSAGE }> = standard().with_limit();

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Not the encoding of any message.
    #[error("the bytes are not a message")]
    Malformed,
    /// A message, followed by something.
    #[error("bytes are left over after the message")]
    Trailing,
    /// A message, but not in the one form that it has.
    #[error("the message is not in its canonical form")]
    NotCanonical,
    /// A list or text beyond its limit.
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
    let message = decode(bytes, CLIENT)?;
    check_limits(&message)?;
    Ok(message)
}

/// Reads a server's message.
///
/// # Errors
/// See [`WireError`].
pub fn decode_server(bytes: &[u8]) -> Result<ServerMessage<'_>, WireError> {
    decode(bytes, SERVER)
}

/// Writes a client's message.
pub fn encode_client(message: &ClientMessage) -> Vec<u8> {
    encode(message)
}

/// Writes a server's message.
pub fn encode_server(message: &ServerMessage) -> Vec<u8> {
    encode(message)
}

/// The version that a hello states, readable even when the rest of the hello is from another version.
pub fn hello_version(bytes: &[u8]) -> Option<u16> {
    let config = standard().with_limit::<16>();
    match bincode::serde::decode_from_slice::<(u32, u16), _>(bytes, config) {
        Ok(((0, version), _)) => Some(version),
        _ => None,
    }
}

fn decode<'a, T, const LIMIT: usize>(bytes: &'a [u8], config: Config<LIMIT>) -> Result<T, WireError>
where
    T: Deserialize<'a> + Serialize,
{
    let (message, read) = bincode::serde::borrow_decode_from_slice(bytes, config).map_err(|_| WireError::Malformed)?;
    if read != bytes.len() {
        return Err(WireError::Trailing);
    }
    if encoded_len(&message) != read { Err(WireError::NotCanonical) } else { Ok(message) }
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
            within(hello.resume.is_none_or(|resume| resume.len() <= limits::RESUME), "resume")?;
            within(hello.token.is_none_or(|token| token.len() <= limits::TOKEN), "token")?;
            within(options_fit(&hello.player), "player options")?;
            match &hello.join {
                super::Join::JoinOrCreate { game, options } | super::Join::Create { game, options } => {
                    within(game.len() <= limits::TEXT, "game")?;
                    within(options_fit(options), "room options")
                }
                super::Join::ById { room } => within(room.len() <= limits::TEXT, "room"),
            }
        }
        ClientMessage::Inputs(inputs) => {
            within((1..=limits::RUNS).contains(&inputs.runs.len()), "number of runs")?;
            let lengths = inputs.runs.iter().all(|run| (1..=limits::RUN_LENGTH).contains(&run.count));
            within(lengths, "length of a run")
        }
        ClientMessage::Command(command) => within(command.body.len() <= limits::BODY, "command"),
        ClientMessage::Ack(_) | ClientMessage::Ping { .. } | ClientMessage::Resync(_) => Ok(()),
    }
}

fn options_fit(options: &[(String, String)]) -> bool {
    options.len() <= limits::OPTIONS
        && options.iter().all(|(key, value)| key.len() <= limits::TEXT && value.len() <= limits::TEXT)
}
