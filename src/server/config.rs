//! The knobs of a server: each with its unit, its default and the values it may have.
//!
//! Reading says what is wrong with a value and what would be right; who merges files, variables and flags adds the key
//! and where the value came from. Bounds that an operator has no business with are in `wire/limits.rs`.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use super::form;
use super::secret::Secret;
use crate::tick::TickRate;
use crate::trust::ForwardedHeader;
use crate::wire::limits;

/// How a server is set up. The names of the fields are the keys of `tickwire.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port that the command listens on. A [`Server`](super::Server) is given its listener instead; one that is
    /// [mounted](super::Server::mount) has none and goes by this address when it decides which `hosts` it answers to.
    #[serde(deserialize_with = "form::address")]
    pub bind: SocketAddr,
    /// Ticks per second, 1 to 120, of rooms whose creator names no rate.
    #[serde(deserialize_with = "form::rate")]
    pub tick_rate: TickRate,
    /// Origins whose pages may connect, besides the server's own and localhost, such as `https://play.example`.
    #[serde(deserialize_with = "form::origins")]
    pub origins: Vec<String>,
    /// Whether WebSockets without an origin, which no browser opens, are refused.
    pub require_origin: bool,
    /// Names by which the server may be addressed, besides those of `origins`. When there are none: on the local machine
    /// `localhost` and addresses, otherwise any.
    #[serde(deserialize_with = "form::hosts")]
    pub hosts: Vec<String>,
    /// Rooms at the most, 1 to 100,000.
    #[serde(deserialize_with = "form::rooms")]
    pub most_rooms: usize,
    /// Sessions at the most, 1 to 1,000,000; further ones are told to come back later.
    #[serde(deserialize_with = "form::sessions")]
    pub most_sessions: usize,
    /// Connections from one address (IPv6: from one /64), 1 to 1,000,000.
    #[serde(deserialize_with = "form::sessions")]
    pub connections_per_address: usize,
    /// Attempts to open a session from one address, per second, 1 to 10,000; four seconds' worth may come at once.
    #[serde(deserialize_with = "form::attempts")]
    pub attempts_per_address: u32,
    /// Rooms made from one address and still open, 1 to 100,000.
    #[serde(deserialize_with = "form::rooms")]
    pub rooms_per_address: usize,
    /// Networks that no limit per address applies to.
    #[serde(deserialize_with = "form::networks")]
    pub exempt: Vec<IpNet>,
    /// Networks of proxies, whose word counts on whom they connect for.
    #[serde(deserialize_with = "form::networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// The header that they put it in.
    #[serde(deserialize_with = "form::forwarded_header")]
    pub forwarded_header: ForwardedHeader,
    /// A shared secret for join tokens without `kid`, signed by HS256: 32 bytes or more. Empty: there is none.
    #[serde(deserialize_with = "form::secret")]
    pub token_secret: Secret,
    /// Further keys for join tokens, each `KID=FILE`: a shared secret, or an Ed25519 key in PEM.
    #[serde(deserialize_with = "form::token_keys")]
    pub token_keys: Vec<String>,
    /// The audience that join tokens must be for.
    #[serde(deserialize_with = "form::audience")]
    pub token_audience: String,
    /// The issuer that join tokens must be from. Empty: any who has a key.
    pub token_issuer: String,
    /// Whether players without a token may join.
    pub guests: bool,
    /// The certificate chain in PEM, the server's own first. Empty: no TLS. Read again when it changes.
    pub tls_cert: PathBuf,
    /// The certificate's key in PEM.
    pub tls_key: PathBuf,
    /// Threads that rooms live on, 1 to 256.
    #[serde(deserialize_with = "form::threads")]
    pub room_threads: usize,
    /// Threads that serve HTTP and sessions, 1 to 256.
    #[serde(deserialize_with = "form::threads")]
    pub workers: usize,
    /// How long a room with nobody in it, not even a spectator, lives on: whole seconds, 1 to 86,400.
    #[serde(serialize_with = "form::write_seconds", deserialize_with = "form::seconds")]
    pub empty_room_for: Duration,
    /// Clients that are sent away by a stopping server come back within this time: whole seconds, 1 to 86,400.
    #[serde(serialize_with = "form::write_seconds", deserialize_with = "form::seconds")]
    pub come_back_within: Duration,
    /// How long a seat is held for a player whose connection was lost: whole seconds, 0 to 3,600; 0 holds none.
    #[serde(serialize_with = "form::write_seconds", deserialize_with = "form::hold")]
    pub hold_seats_for: Duration,
    /// How long a player may do nothing before the session is ended: whole seconds, 0 to 86,400; 0 is for ever.
    #[serde(serialize_with = "form::write_seconds", deserialize_with = "form::idle")]
    pub idle_after: Duration,
    /// Spectators per room at the most, 0 to 4,096; with 0 nobody may look on.
    #[serde(deserialize_with = "form::spectators")]
    pub most_spectators: u16,
    /// What lets operators in at `/admin`: 32 bytes or more. Empty: there is no such page.
    #[serde(deserialize_with = "form::secret")]
    pub admin_token: Secret,
    /// Where the pages come from.
    pub pages: Pages,
    /// What the command logs: a filter such as `tickwire=info,warn`. An embedder sets up logs of its own.
    pub log: String,
    /// How the command writes its logs.
    #[serde(deserialize_with = "form::log_format")]
    pub log_format: LogFormat,
    /// A file for a trace of what rooms and sessions spend their time on, written anew, 64 MiB at the most; trace viewers of
    /// browsers open it. Empty: there is none.
    pub trace: PathBuf,
}

/// Where the pages come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Pages {
    /// The demo's, from the binary.
    Embedded,
    /// The files of this folder, read at each request, with `index.html` for the folder itself; and below `client/` the
    /// browser client, from the binary. For the page of one's own game.
    Folder(PathBuf),
    /// The demo's, from folders `web-demo` and `assets` under this one, read at each request: for working on them.
    Disk(PathBuf),
    /// There are none: the server is a game's backend only.
    None,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One line per event, for people.
    Text,
    /// One JSON object per line and event, for machines.
    Json,
}

impl Config {
    /// The defaults of the `tickwire` command, which also serves the pages of the demo.
    pub fn demo() -> Self {
        Self { pages: Pages::Embedded, ..Self::default() }
    }
}

/// For embedding: without pages.
impl Default for Config {
    fn default() -> Self {
        let cores = cores();
        Self {
            bind: (Ipv4Addr::LOCALHOST, 8080).into(),
            tick_rate: TickRate::DEFAULT,
            origins: Vec::new(),
            require_origin: false,
            hosts: Vec::new(),
            most_rooms: limits::ROOMS,
            most_sessions: 20_000,
            connections_per_address: 100,
            attempts_per_address: 10,
            rooms_per_address: 20,
            exempt: vec![
                Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8).into(),
                Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128).into(),
            ],
            trusted_proxies: Vec::new(),
            forwarded_header: ForwardedHeader::XForwardedFor,
            token_secret: Secret::default(),
            token_keys: Vec::new(),
            token_audience: "tickwire".to_owned(),
            token_issuer: String::new(),
            guests: true,
            tls_cert: PathBuf::new(),
            tls_key: PathBuf::new(),
            room_threads: cores,
            workers: cores,
            empty_room_for: limits::EMPTY_ROOM_FOR,
            come_back_within: Duration::from_secs(5),
            hold_seats_for: limits::HOLD_SEATS_FOR,
            idle_after: Duration::ZERO,
            most_spectators: 100,
            admin_token: Secret::default(),
            pages: Pages::None,
            log: "tickwire=info,warn".to_owned(),
            log_format: LogFormat::Text,
            trace: PathBuf::new(),
        }
    }
}

/// Cores this process may use; what `"cores"` stands for in a configuration.
pub(super) fn cores() -> usize {
    available_parallelism().map_or(1, usize::from).min(form::MOST_THREADS)
}

impl Pages {
    const DISK: &str = "dev:";
    const FOLDER: &str = "folder:";
}

impl TryFrom<String> for Pages {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let folder = |prefix| text.strip_prefix(prefix).filter(|folder: &&str| !folder.is_empty());
        match (text.as_str(), folder(Self::FOLDER), folder(Self::DISK)) {
            ("embedded", ..) => Ok(Self::Embedded),
            ("none", ..) => Ok(Self::None),
            (_, Some(folder), _) => Ok(Self::Folder(folder.into())),
            (_, _, Some(folder)) => Ok(Self::Disk(folder.into())),
            _ => Err("must be \"embedded\", \"none\", \"folder:FOLDER\" for pages of your own, or \"dev:FOLDER\" to \
                      read FOLDER/web-demo at each request"),
        }
    }
}

impl From<Pages> for String {
    fn from(pages: Pages) -> Self {
        match pages {
            Pages::Embedded => "embedded".to_owned(),
            Pages::None => "none".to_owned(),
            Pages::Folder(folder) => format!("{}{}", Pages::FOLDER, folder.display()),
            Pages::Disk(folder) => format!("{}{}", Pages::DISK, folder.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_reads_what_it_writes() {
        for pages in [Pages::Embedded, Pages::None, Pages::Disk("a/b".into()), Pages::Folder("a/b".into())] {
            let config = Config { pages, origins: vec!["https://play.example".to_owned()], ..Config::demo() };
            let written = serde_json::to_value(&config).expect("it can be written");
            assert_eq!(serde_json::from_value::<Config>(written).expect("it can be read"), config);
        }
        let threads: Config = serde_json::from_value(json!({ "workers": "cores" })).expect("it can be read");
        assert_eq!(threads.workers, cores());
    }

    #[test]
    fn bad_values_are_told_what_is_right() {
        for (bad, wanted) in [
            (json!({ "bind": "localhost:8080" }), "127.0.0.1:8080"),
            (json!({ "tick_rate": 0 }), "1 to 120"),
            (json!({ "tick_rate": 20.5 }), "1 to 120"),
            (json!({ "tick_rate": true }), "1 to 120"),
            (json!({ "origins": ["https://play.example/"] }), "https://play.example"),
            (json!({ "origins": ["https://Play.example"] }), "lower-case"),
            (json!({ "origins": ["play.example"] }), "https://play.example"),
            (json!({ "most_rooms": 0 }), "1 to 100000"),
            (json!({ "most_sessions": -1 }), "1 to 1000000"),
            (json!({ "workers": 257 }), "1 to 256, or \"cores\""),
            (json!({ "room_threads": "many" }), "1 to 256, or \"cores\""),
            (json!({ "empty_room_for": 0 }), "1 to 86400"),
            (json!({ "hosts": ["play.example:443"] }), "no port"),
            (json!({ "exempt": ["10.0.0.0/33"] }), "10.0.0.0/8"),
            (json!({ "trusted_proxies": "10.0.0.1" }), "10.0.0.0/8"),
            (json!({ "forwarded_header": "via" }), "\"x-forwarded-for\" or \"forwarded\""),
            (json!({ "token_secret": "short" }), "32 bytes"),
            (json!({ "token_keys": ["file.pem"] }), "KID=FILE"),
            (json!({ "token_audience": "" }), "not be empty"),
            (json!({ "hold_seats_for": 3601 }), "0 to 3600"),
            (json!({ "idle_after": 86401 }), "0 to 86400"),
            (json!({ "most_spectators": 4097 }), "0 to 4096"),
            (json!({ "admin_token": "sesame" }), "at least 32 bytes"),
            (json!({ "pages": "embeded" }), "\"dev:FOLDER\""),
            (json!({ "log_format": "xml" }), "\"text\" or \"json\""),
            (json!({ "colour": 1 }), "colour"),
        ] {
            let error = serde_json::from_value::<Config>(bad.clone()).expect_err("it is bad").to_string();
            assert!(error.contains(wanted), "{bad}: {error}");
        }
    }
}
