//! Deserializers for configuration values: strict, with errors that describe the accepted values.
//!
//! `config.rs` lists the keys. Files, environment variables and flags are handled elsewhere.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use ipnet::IpNet;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

use super::{LogFormat, OtherBuild, cores};
use crate::engine::SecondDevice;
use crate::server::secret::Secret;
use crate::store::{Durability, StoreFailure};
use crate::tap::OutboxFull;
use crate::tick::TickRate;
use crate::trust::{ForwardedHeader, split};
use crate::wire::limits;

/// Threads of one kind: more than any machine that this was tried on has cores.
pub const MOST_THREADS: usize = 256;
/// Each room is an actor and a few seconds of frames.
const MOST_ROOMS: usize = 100_000;
/// Each session is a file descriptor and two buffers.
const MOST_SESSIONS: usize = 1_000_000;
/// Fewer bytes per second would not suffice for a player's own cell.
const LEAST_BUDGET: usize = 1000;
const MOST_BUDGET: usize = 100_000_000;
/// Attempts of one address per second; each is a handshake.
const MOST_ATTEMPTS: usize = 10_000;
/// One day.
const MOST_SECONDS: usize = 86_400;

/// The accepted notations of a number. Fractions and `true` are rejected.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Whole(usize),
    Word(String),
}

fn whole<'de, D: Deserializer<'de>>(from: D, range: RangeInclusive<usize>) -> Result<usize, D::Error> {
    match Number::deserialize(from) {
        Ok(Number::Whole(number)) if range.contains(&number) => Ok(number),
        _ => Err(D::Error::custom(format!("must be a whole number from {} to {}", range.start(), range.end()))),
    }
}

pub fn rate<'de, D: Deserializer<'de>>(from: D) -> Result<TickRate, D::Error> {
    let number = whole(from, 1..=TickRate::MAX.into())?;
    TickRate::new(u16::try_from(number).map_err(D::Error::custom)?).map_err(D::Error::custom)
}

pub fn rooms<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    whole(from, 1..=MOST_ROOMS)
}

pub fn sessions<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    whole(from, 1..=MOST_SESSIONS)
}

pub fn attempts<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    whole(from, 1..=MOST_ATTEMPTS).map(|attempts| attempts as u32)
}

/// Networks; a single address is a network of one.
pub fn networks<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
    const WANTED: &str = "must be a list of networks or addresses such as 10.0.0.0/8 or 2001:db8::1";
    let texts = Vec::<String>::deserialize(from).map_err(|_| D::Error::custom(WANTED))?;
    let network = |text: &String| text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    texts.iter().map(|text| network(text).ok_or_else(|| D::Error::custom(WANTED))).collect()
}

pub fn forwarded_header<'de, D: Deserializer<'de>>(from: D) -> Result<ForwardedHeader, D::Error> {
    let wanted = "must be \"x-forwarded-for\" or \"forwarded\"";
    ForwardedHeader::deserialize(from).map_err(|_| D::Error::custom(wanted))
}

pub fn hosts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    const WANTED: &str = "must be names as browsers write them: lower-case, no port, such as play.example";
    let hosts = Vec::<String>::deserialize(from).map_err(|_| D::Error::custom(WANTED))?;
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_".contains(c);
    let good = hosts.iter().all(|host| !host.is_empty() && host.chars().all(known));
    if good { Ok(hosts) } else { Err(D::Error::custom(WANTED)) }
}

/// A secret. Error messages must not contain it.
pub fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
    let wanted = || D::Error::custom(format!("must be a text of at least {} bytes, or empty", limits::SECRET));
    let text = String::deserialize(from).map_err(|_| wanted())?;
    if text.is_empty() || text.len() >= limits::SECRET { Ok(Secret::from(text)) } else { Err(wanted()) }
}

/// The URL of a Redis. Command lines and printed configurations show it, so the password is elsewhere.
pub fn redis<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    const WANTED: &str = "must be a URL such as redis://10.0.0.5:6379, or empty";
    let url = String::deserialize(from).map_err(|_| D::Error::custom(WANTED))?;
    let Some(rest) = url.strip_prefix("redis://").or(url.strip_prefix("redis+sentinel://")) else {
        return if url.is_empty() { Ok(url) } else { Err(D::Error::custom(WANTED)) };
    };
    match rest.rsplit_once('@') {
        Some((user, _)) if user.contains(':') => {
            Err(D::Error::custom("must have no password in it: set redis_password, which is never shown"))
        }
        _ if rest.is_empty() => Err(D::Error::custom(WANTED)),
        _ => Ok(url),
    }
}

pub fn password<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
    String::deserialize(from).map(Secret::from).map_err(|_| D::Error::custom("must be a text"))
}

pub fn advertise<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    const WANTED: &str = "must be a WebSocket URL such as wss://n3.play.example/play, or empty";
    let url = String::deserialize(from).map_err(|_| D::Error::custom(WANTED))?;
    let rest = url.strip_prefix("ws://").or(url.strip_prefix("wss://"));
    let good = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/')) && url.len() <= limits::ADDRESS;
    if url.is_empty() || good { Ok(url) } else { Err(D::Error::custom(WANTED)) }
}

pub fn peer_address<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    const WANTED: &str = "must be a host and port such as 10.0.0.7:8080, or empty";
    let text = String::deserialize(from).map_err(|_| D::Error::custom(WANTED))?;
    let parts = text.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>()));
    let good = matches!(parts, Some((host, Ok(1..))) if !host.is_empty() && !host.contains('/'));
    if text.is_empty() || (good && text.len() <= limits::ADDRESS) { Ok(text) } else { Err(D::Error::custom(WANTED)) }
}

pub fn cluster<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    const WANTED: &str = "must be a name of 1 to 32 letters, digits, - and _";
    let name = String::deserialize(from).map_err(|_| D::Error::custom(WANTED))?;
    let known = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let good = (1..=32).contains(&name.len()) && name.chars().all(known);
    if good { Ok(name) } else { Err(D::Error::custom(WANTED)) }
}

pub fn replicas<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    whole(from, 0..=5)
}

pub fn lease<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    whole(from, 1..=60).map(|seconds| Duration::from_secs(seconds as u64))
}

pub fn token_keys<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    const WANTED: &str = "must be keys as KID=FILE, such as 2026-11=/etc/tickwire/join.pem";
    let keys = Vec::<String>::deserialize(from).map_err(|_| D::Error::custom(WANTED))?;
    if keys.iter().all(|key| split(key).is_some()) { Ok(keys) } else { Err(D::Error::custom(WANTED)) }
}

pub fn audience<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if text.is_empty() {
        Err(D::Error::custom("must not be empty: tokens name the server they are for"))
    } else {
        Ok(text)
    }
}

pub fn threads<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    match Number::deserialize(from) {
        Ok(Number::Whole(number @ 1..=MOST_THREADS)) => Ok(number),
        Ok(Number::Word(word)) if word == "cores" => Ok(cores()),
        _ => Err(D::Error::custom(format!("must be a whole number from 1 to {MOST_THREADS}, or \"cores\""))),
    }
}

pub fn film_delay<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    whole(from, 0..=limits::FILM_DELAY.as_secs() as usize).map(|seconds| Duration::from_secs(seconds as u64))
}

pub fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    whole(from, 1..=MOST_SECONDS).map(|seconds| Duration::from_secs(seconds as u64))
}

pub fn idle<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    whole(from, 0..=MOST_SECONDS).map(|seconds| Duration::from_secs(seconds as u64))
}

/// Bytes per second.
pub fn budget<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let bytes = whole(from, 0..=MOST_BUDGET)?;
    if (1..LEAST_BUDGET).contains(&bytes) {
        let text = format!("{bytes} bytes per second: must be 0, or {LEAST_BUDGET} to {MOST_BUDGET}");
        return Err(D::Error::custom(text));
    }
    Ok(bytes as u32)
}

pub fn spectators<'de, D: Deserializer<'de>>(from: D) -> Result<u16, D::Error> {
    let most = whole(from, 0..=limits::SPECTATORS.into())?;
    u16::try_from(most).map_err(D::Error::custom)
}

pub fn hold<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    whole(from, 0..=limits::LONGEST_HOLD.as_secs() as usize).map(|seconds| Duration::from_secs(seconds as u64))
}

pub fn days<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    whole(from, 1..=3650).map(|days| Duration::from_secs(86_400 * days as u64))
}

pub fn write_days<S: Serializer>(span: &Duration, into: S) -> Result<S::Ok, S::Error> {
    into.serialize_u64(span.as_secs() / 86_400)
}

pub fn write_seconds<S: Serializer>(span: &Duration, into: S) -> Result<S::Ok, S::Error> {
    into.serialize_u64(span.as_secs())
}

pub fn address<'de, D: Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
    const WANTED: &str = "must be an address and port such as 127.0.0.1:8080 or [::]:8080";
    let text = String::deserialize(from).map_err(|_| D::Error::custom(WANTED))?;
    text.parse().map_err(|_| D::Error::custom(WANTED))
}

pub fn second_device<'de, D: Deserializer<'de>>(from: D) -> Result<SecondDevice, D::Error> {
    let wanted = "must be \"allow\", \"refuse\" or \"replace\"";
    SecondDevice::deserialize(from).map_err(|_| D::Error::custom(wanted))
}

pub fn log_format<'de, D: Deserializer<'de>>(from: D) -> Result<LogFormat, D::Error> {
    LogFormat::deserialize(from).map_err(|_| D::Error::custom("must be \"text\" or \"json\""))
}

pub fn durability<'de, D: Deserializer<'de>>(from: D) -> Result<Durability, D::Error> {
    Durability::deserialize(from).map_err(|_| D::Error::custom("must be \"process\" or \"disk\""))
}

pub fn store_failure<'de, D: Deserializer<'de>>(from: D) -> Result<StoreFailure, D::Error> {
    StoreFailure::deserialize(from).map_err(|_| D::Error::custom("must be \"go-on\" or \"end\""))
}

pub fn other_build<'de, D: Deserializer<'de>>(from: D) -> Result<OtherBuild, D::Error> {
    OtherBuild::deserialize(from).map_err(|_| D::Error::custom("must be \"wait\", \"replay\" or \"checkpoint\""))
}

pub fn outbox_full<'de, D: Deserializer<'de>>(from: D) -> Result<OutboxFull, D::Error> {
    OutboxFull::deserialize(from).map_err(|_| D::Error::custom("must be \"drop\" or \"refuse\""))
}

pub fn origins<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    const WANTED: &str = "must be origins as browsers send them: lower-case, no path, such as https://play.example or \
                          capacitor://localhost; or null";
    let origins = Vec::<String>::deserialize(from).map_err(|_| D::Error::custom(WANTED))?;
    if origins.iter().all(|origin| is_origin(origin)) { Ok(origins) } else { Err(D::Error::custom(WANTED)) }
}

/// Whether a browser could send this origin. Anything else, such as a trailing slash, would never match. Apps have schemes of
/// their own; sandboxed frames and files are `null`.
fn is_origin(text: &str) -> bool {
    let part = |text: &str, more: &str| {
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || more.contains(c);
        !text.is_empty() && text.chars().all(known)
    };
    let parts = text.split_once("://");
    text == "null" || parts.is_some_and(|(scheme, authority)| part(scheme, "+-.") && part(authority, ".-_:[]"))
}
