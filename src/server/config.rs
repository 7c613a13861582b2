//! The configuration of a server: each key with its unit, default and range.
//!
//! Parse errors describe the wrong value and the accepted ones. The code that merges files, variables and flags adds the
//! key and the value's origin. Limits that operators should not change are in `wire/limits.rs`.

mod choices;
mod parse;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

pub use choices::{LogFormat, OtherBuild, Pages};

use super::secret::Secret;
use crate::engine::SecondDevice;
use crate::store::{Durability, StoreFailure};
use crate::tap::OutboxFull;
use crate::tick::TickRate;
use crate::trust::ForwardedHeader;
use crate::wire::limits;

/// The configuration of a server. The field names are the keys of `tickwire.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port on which the command listens. A [`Server`](super::Server) can be given a listener instead. A
    /// [mounted](super::Server::mount) server does not listen and uses this address only to decide which `hosts` it
    /// accepts.
    #[serde(deserialize_with = "parse::address")]
    pub bind: SocketAddr,
    /// Ticks per second, 1 to 120, of rooms whose creator names no rate.
    #[serde(deserialize_with = "parse::rate")]
    pub tick_rate: TickRate,
    /// The highest tick rate, 1 to 120, that the creator of a room may name. A room at 120 Hz costs six times as much as one
    /// at 20 Hz.
    #[serde(deserialize_with = "parse::rate")]
    pub most_tick_rate: TickRate,
    /// Origins whose pages may connect and use the API, besides the server's own and localhost, such as
    /// `https://play.example`. Apps have origins such as `capacitor://localhost`. `null` is the origin of files, and of
    /// frames that any site can make.
    #[serde(deserialize_with = "parse::origins")]
    pub origins: Vec<String>,
    /// Whether to refuse WebSockets without an origin. Browsers always send one; other programs do not.
    pub require_origin: bool,
    /// Names by which clients may address the server, besides those in `origins`. Empty: if the server listens on the
    /// loopback interface, `localhost` and IP addresses; otherwise any name.
    #[serde(deserialize_with = "parse::hosts")]
    pub hosts: Vec<String>,
    /// Most rooms, 1 to 100,000.
    #[serde(deserialize_with = "parse::rooms")]
    pub most_rooms: usize,
    /// Most sessions, 1 to 1,000,000. Further clients are told to try later.
    #[serde(deserialize_with = "parse::sessions")]
    pub most_sessions: usize,
    /// Most connections from one address, 1 to 1,000,000, and as many seats that are taken, held or promised. For IPv6, an address is a /64; a /56 may have 4 times and a /48 16
    /// times as many, here and in the other limits per address.
    #[serde(deserialize_with = "parse::sessions")]
    pub connections_per_address: usize,
    /// Most attempts per second to open a session from one address, 1 to 10,000. Bursts may be four seconds' worth, or as
    /// many as `connections_per_address`.
    #[serde(deserialize_with = "parse::attempts")]
    pub attempts_per_address: u32,
    /// Most open rooms made from one address, 1 to 100,000.
    #[serde(deserialize_with = "parse::rooms")]
    pub rooms_per_address: usize,
    /// Networks to which limits per address do not apply.
    #[serde(deserialize_with = "parse::networks")]
    pub exempt: Vec<IpNet>,
    /// Networks of trusted proxies. Their forwarding header names the client's address.
    #[serde(deserialize_with = "parse::networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// The forwarding header that the proxies set.
    #[serde(deserialize_with = "parse::forwarded_header")]
    pub forwarded_header: ForwardedHeader,
    /// A shared secret for join tokens without `kid`, signed with HS256: at least 32 bytes. Empty: no such secret.
    #[serde(deserialize_with = "parse::secret")]
    pub token_secret: Secret,
    /// Further keys for join tokens, each `KID=FILE`: a shared secret, or an Ed25519 key in PEM.
    #[serde(deserialize_with = "parse::token_keys")]
    pub token_keys: Vec<String>,
    /// The audience that join tokens must name.
    #[serde(deserialize_with = "parse::audience")]
    pub token_audience: String,
    /// The issuer that join tokens must name. Empty: any issuer whose key is configured.
    pub token_issuer: String,
    /// Whether players without a token may join.
    pub guests: bool,
    /// What happens when a player with a verified identity enters a room in which the same identity plays.
    #[serde(deserialize_with = "parse::second_device")]
    pub second_device: SecondDevice,
    /// The certificate chain in PEM, the server's own certificate first. Empty: no TLS. Read again when the file changes.
    pub tls_cert: PathBuf,
    /// The certificate's private key in PEM.
    pub tls_key: PathBuf,
    /// Threads that run rooms, 1 to 256.
    #[serde(deserialize_with = "parse::threads")]
    pub room_threads: usize,
    /// Threads that serve HTTP and sessions, 1 to 256.
    #[serde(deserialize_with = "parse::threads")]
    pub workers: usize,
    /// How long an empty room, without players and spectators, stays open: whole seconds, 1 to 86,400.
    #[serde(serialize_with = "parse::write_seconds", deserialize_with = "parse::seconds")]
    pub empty_room_for: Duration,
    /// When the server stops, its clients reconnect after a random delay of up to this time: whole seconds, 1 to 86,400.
    #[serde(serialize_with = "parse::write_seconds", deserialize_with = "parse::seconds")]
    pub come_back_within: Duration,
    /// How long a seat is held for a player whose connection was lost: whole seconds, 0 to 3,600; 0 holds none.
    #[serde(serialize_with = "parse::write_seconds", deserialize_with = "parse::hold")]
    pub hold_seats_for: Duration,
    /// How long a player may keep the same input and send no commands before the session is ended: whole seconds, 0 to
    /// 86,400; 0 means no limit.
    #[serde(serialize_with = "parse::write_seconds", deserialize_with = "parse::idle")]
    pub idle_after: Duration,
    /// Most spectators per room, 0 to 4,096; 0 allows none.
    #[serde(deserialize_with = "parse::spectators")]
    pub most_spectators: u16,
    /// The delay of the films of rooms: whole seconds, 0 to 120.
    #[serde(serialize_with = "parse::write_seconds", deserialize_with = "parse::film_delay")]
    pub film_delay: Duration,
    /// Most bytes per second for a player who sees only a part of a large world, 1,000 to 100,000,000; 0 for any number. Cells
    /// that are far away wait when that is too few, for half a second at most.
    #[serde(deserialize_with = "parse::budget")]
    pub player_bytes: u32,
    /// The token that opens `/admin` to operators: at least 32 bytes. Empty: there is no such page.
    #[serde(deserialize_with = "parse::secret")]
    pub admin_token: Secret,
    /// Where the pages come from.
    pub pages: Pages,
    /// What the command logs: a filter such as `tickwire=info,warn`. Embedders set up their own log.
    pub log: String,
    /// The format of the command's log.
    #[serde(deserialize_with = "parse::log_format")]
    pub log_format: LogFormat,
    /// A file for a trace of what rooms and sessions spend their time on; it is overwritten and limited to 64 MiB.
    /// Browsers' trace viewers open it. Empty: no trace.
    pub trace: PathBuf,
    /// A folder for rooms whose game is saved: they go on when a server starts on this folder, after a crash or when the
    /// last one stopped while somebody had a seat. Created if it is missing; one server at a time uses it. Empty: rooms end
    /// with their server.
    pub data: PathBuf,
    /// What a room's players are told when `data` is set: what survives the end of the process, or also a loss of power.
    #[serde(deserialize_with = "parse::durability")]
    pub durability: Durability,
    /// What rooms do when `data` cannot be written any more.
    #[serde(deserialize_with = "parse::store_failure")]
    pub store_failure: StoreFailure,
    /// What happens at a start after another build of the server crashed: its inputs may lead this build elsewhere.
    #[serde(deserialize_with = "parse::other_build")]
    pub other_build: OtherBuild,
    /// Most MiB of what sinks of the [tap](crate::tap) have not got yet, 1 to 1,000,000. In `data`, if that is set; otherwise in
    /// memory.
    #[serde(deserialize_with = "parse::sessions")]
    pub outbox_mib: usize,
    /// What happens when a sink is so far behind that this is too little.
    #[serde(deserialize_with = "parse::outbox_full")]
    pub outbox_full: OutboxFull,
    /// A file with the outlets of the command: webhooks, brokers, Pusher apps. Embedders call
    /// [`Server::tap`](super::Server::tap) instead. Empty: none.
    pub outlets: PathBuf,
    /// A folder for recordings of rooms: of the last minute before a game panicked, a client reported a desync, or an
    /// operator or the game asked for one. Created if it is missing. Empty: nothing is written.
    pub recordings: PathBuf,
    /// Most recordings in the folder, 1 to 100,000. A new one replaces the oldest of the most frequent kind.
    #[serde(deserialize_with = "parse::rooms")]
    pub most_recordings: usize,
    /// Most bytes of all recordings, in MiB, 1 to 1,000,000.
    #[serde(deserialize_with = "parse::sessions")]
    pub recordings_mib: usize,
    /// A folder for the archive of matches: the results and films of rooms that have ended. Created if it is missing; one server
    /// at a time uses it. Empty: no film is kept, and results are told for an hour.
    pub matches: PathBuf,
    /// How long a match is kept: whole days, 1 to 3,650.
    #[serde(serialize_with = "parse::write_days", deserialize_with = "parse::days")]
    pub match_days: Duration,
    /// Most matches in the folder, 1 to 100,000. The oldest go first.
    #[serde(deserialize_with = "parse::rooms")]
    pub most_matches: usize,
    /// Most bytes of all matches, in MiB, 1 to 1,000,000.
    #[serde(deserialize_with = "parse::sessions")]
    pub matches_mib: usize,
    /// The Redis that keeps the directory of a cluster, such as `redis://10.0.0.5:6379`, or its Sentinels, such as
    /// `redis+sentinel://10.0.0.5:26379,10.0.0.6:26379/NAME`. Empty: this server is alone. Needs the feature `cluster`.
    #[serde(deserialize_with = "parse::redis")]
    pub redis: String,
    /// The password of that Redis. Empty: it needs none.
    #[serde(deserialize_with = "parse::password")]
    pub redis_password: Secret,
    /// How many replicas of that Redis must have what it was told before that counts, 0 to 5.
    #[serde(deserialize_with = "parse::replicas")]
    pub redis_replicas: usize,
    /// The WebSocket URL at which clients reach this node of the cluster, such as `wss://n3.play.example/play`.
    #[serde(deserialize_with = "parse::advertise")]
    pub advertise: String,
    /// The host and port at which the other nodes reach this one, such as `10.0.0.7:8080`, for clusters with one public address. Then
    /// each node passes connections for the path of another node, such as `/play/n3` if that advertises
    /// `wss://play.example/play/n3`, on to it. List the nodes in `trusted_proxies`. Not for servers with TLS, with routes of their own
    /// or [mounted](super::Server::mount). Empty: nothing is passed on.
    #[serde(deserialize_with = "parse::peer_address")]
    pub peer_address: String,
    /// The name of the cluster. Clusters of different names can share a Redis.
    #[serde(deserialize_with = "parse::cluster")]
    pub cluster: String,
    /// The name of this node, for people. Empty: the host and port in `advertise`.
    pub node: String,
    /// For how long the directory waits for a node before its rooms are given up: whole seconds, 1 to 60, the same at all
    /// nodes. A node without Redis freezes its rooms after three quarters of it.
    #[serde(serialize_with = "parse::write_seconds", deserialize_with = "parse::lease")]
    pub lease: Duration,
    /// Whether rooms of this node go on at other nodes when it fails. Then they are written to Redis all the time, and what a
    /// client is told waits until that has happened.
    pub takeover: bool,
    /// Whether this node takes no rooms before it has run those of nodes with another build again: what their journals have of the
    /// last half minute. If it leads one of them elsewhere, it takes none, and `/healthz` says so. Needs `takeover` at the other nodes.
    pub rehearse: bool,
}

impl Config {
    /// The defaults of the `tickwire` command, which also serves the demo's pages.
    pub fn demo() -> Self {
        Self { pages: Pages::Embedded, ..Self::default() }
    }

    /// The defaults for embedding, and the pages in a folder; see [`Pages::Folder`].
    pub fn with_pages(folder: impl Into<PathBuf>) -> Self {
        Self { pages: Pages::Folder(folder.into()), ..Self::default() }
    }
}

/// The defaults for embedding: no pages.
impl Default for Config {
    fn default() -> Self {
        let cores = cores();
        Self {
            bind: (Ipv4Addr::LOCALHOST, 8080).into(),
            tick_rate: TickRate::DEFAULT,
            most_tick_rate: TickRate::new(60).expect("a valid rate"),
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
            second_device: SecondDevice::Allow,
            tls_cert: PathBuf::new(),
            tls_key: PathBuf::new(),
            room_threads: cores,
            workers: cores,
            empty_room_for: limits::EMPTY_ROOM_FOR,
            come_back_within: Duration::from_secs(5),
            hold_seats_for: limits::HOLD_SEATS_FOR,
            idle_after: Duration::ZERO,
            most_spectators: 100,
            film_delay: Duration::ZERO,
            player_bytes: 0,
            admin_token: Secret::default(),
            pages: Pages::None,
            log: "tickwire=info,warn".to_owned(),
            log_format: LogFormat::Text,
            trace: PathBuf::new(),
            data: PathBuf::new(),
            durability: Durability::Process,
            store_failure: StoreFailure::GoOn,
            other_build: OtherBuild::Wait,
            outbox_mib: 64,
            outbox_full: OutboxFull::Drop,
            outlets: PathBuf::new(),
            recordings: PathBuf::new(),
            most_recordings: 100,
            recordings_mib: 1024,
            matches: PathBuf::new(),
            match_days: Duration::from_secs(30 * 86_400),
            most_matches: 10_000,
            matches_mib: 4096,
            redis: String::new(),
            redis_password: Secret::default(),
            redis_replicas: 0,
            advertise: String::new(),
            peer_address: String::new(),
            cluster: "tickwire".to_owned(),
            node: String::new(),
            lease: Duration::from_secs(8),
            takeover: false,
            rehearse: false,
        }
    }
}

/// The number of cores that this process may use, for which `"cores"` stands in a configuration.
pub(super) fn cores() -> usize {
    available_parallelism().map_or(1, usize::from).min(parse::MOST_THREADS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_reads_what_it_writes() {
        for pages in [Pages::Embedded, Pages::None, Pages::Disk("a/b".into()), Pages::Folder("a/b".into())] {
            let origins = ["https://play.example", "capacitor://localhost", "app://game", "null"].map(str::to_owned);
            let config = Config { pages, origins: origins.into(), ..Config::demo() };
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
            (json!({ "origins": ["app://"] }), "capacitor://localhost"),
            (json!({ "origins": ["://play.example"] }), "https://play.example"),
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
            (json!({ "film_delay": 121 }), "0 to 120"),
            (json!({ "player_bytes": 999 }), "0, or 1000 to 100000000"),
            (json!({ "admin_token": "sesame" }), "at least 32 bytes"),
            (json!({ "pages": "embeded" }), "\"dev:FOLDER\""),
            (json!({ "log_format": "xml" }), "\"text\" or \"json\""),
            (json!({ "durability": "none" }), "\"process\" or \"disk\""),
            (json!({ "store_failure": "stop" }), "\"go-on\" or \"end\""),
            (json!({ "other_build": "ask" }), "\"wait\", \"replay\" or \"checkpoint\""),
            (json!({ "redis": "10.0.0.5:6379" }), "redis://10.0.0.5:6379"),
            (json!({ "redis": "redis://:sesame@10.0.0.5" }), "redis_password"),
            (json!({ "advertise": "https://play.example/play" }), "wss://n3.play.example/play"),
            (json!({ "peer_address": "http://10.0.0.7" }), "10.0.0.7:8080"),
            (json!({ "cluster": "a:b" }), "letters, digits"),
            (json!({ "lease": 61 }), "1 to 60"),
            (json!({ "match_days": 0 }), "1 to 3650"),
            (json!({ "outbox_full": "wait" }), "\"drop\" or \"refuse\""),
            (json!({ "colour": 1 }), "colour"),
        ] {
            let error = serde_json::from_value::<Config>(bad.clone()).expect_err("it is bad").to_string();
            assert!(error.contains(wanted), "{bad}: {error}");
        }
    }
}
