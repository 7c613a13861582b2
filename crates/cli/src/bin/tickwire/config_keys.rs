//! The configuration keys for operators: each key defines its variable, its flag and its help.
//!
//! One row per field of `tickwire::Config`, which holds types, defaults and bounds; a test compares the two. `settings.rs`
//! merges the sources.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};

/// A configuration key. Its environment variable is `TICKWIRE_` and the key in capitals.
pub struct ConfigKey {
    pub key: &'static str,
    /// The flag, without dashes. A secret has none, because other users of the machine can read a command's arguments.
    pub flag: &'static str,
    /// The placeholder of the value in the help, which also names its unit.
    value: &'static str,
    help: &'static str,
}

impl ConfigKey {
    /// The name of the variable.
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.key.to_uppercase())
    }
}

/// The prefix of all variables.
pub const PREFIX: &str = "TICKWIRE_";

/// All keys, in the order of `tickwire config`.
#[rustfmt::skip]
pub const CONFIG_KEYS: [ConfigKey; 60] = [
    ConfigKey { key: "bind", flag: "bind", value: "ADDR:PORT",
        help: "Address and port to listen on; port 0 picks a free one [default: 127.0.0.1:8080]" },
    ConfigKey { key: "tick_rate", flag: "tick-rate", value: "HZ",
        help: "Ticks per second of rooms whose creator names none, 1 to 120 [default: 20]" },
    ConfigKey { key: "most_tick_rate", flag: "most-tick-rate", value: "HZ",
        help: "Highest tick rate that the creator of a room may name, 1 to 120 [default: 60]" },
    ConfigKey { key: "origins", flag: "allow-origin", value: "ORIGIN",
        help: "An origin whose pages may connect, besides the server's own and localhost; may be repeated" },
    ConfigKey { key: "require_origin", flag: "require-origin", value: "true|false",
        help: "Whether to refuse WebSockets without an origin; browsers always send one [default: false]" },
    ConfigKey { key: "hosts", flag: "host", value: "NAME",
        help: "A name by which clients may address the server, besides those in the origins; may be repeated" },
    ConfigKey { key: "most_rooms", flag: "most-rooms", value: "N",
        help: "Most rooms [default: 10000]" },
    ConfigKey { key: "most_sessions", flag: "most-sessions", value: "N",
        help: "Most sessions; each takes two file descriptors [default: 20000]" },
    ConfigKey { key: "connections_per_address", flag: "connections-per-address", value: "N",
        help: "Most connections from one address [default: 100]" },
    ConfigKey { key: "attempts_per_address", flag: "attempts-per-address", value: "N",
        help: "Most attempts per second to open a session from one address [default: 10]" },
    ConfigKey { key: "rooms_per_address", flag: "rooms-per-address", value: "N",
        help: "Most open rooms made from one address [default: 20]" },
    ConfigKey { key: "exempt", flag: "exempt", value: "NETWORK",
        help: "A network to which limits per address do not apply, instead of this machine; may be repeated" },
    ConfigKey { key: "trusted_proxies", flag: "trusted-proxy", value: "NETWORK",
        help: "A network of trusted proxies, whose forwarding header names the client's address; may be repeated" },
    ConfigKey { key: "forwarded_header", flag: "forwarded-header", value: "HEADER",
        help: "The header that trusted proxies set, x-forwarded-for or forwarded [default: x-forwarded-for]" },
    ConfigKey { key: "token_secret", flag: "", value: "SECRET",
        help: "A shared secret for join tokens" },
    ConfigKey { key: "token_keys", flag: "token-key", value: "KID=FILE",
        help: "A key for join tokens: a shared secret, or an Ed25519 key in PEM; may be repeated" },
    ConfigKey { key: "token_audience", flag: "token-audience", value: "NAME",
        help: "The audience that join tokens must name [default: tickwire]" },
    ConfigKey { key: "token_issuer", flag: "token-issuer", value: "NAME",
        help: "The issuer that join tokens must name; any if empty" },
    ConfigKey { key: "guests", flag: "guests", value: "true|false",
        help: "Whether players without a token may join [default: true]" },
    ConfigKey { key: "second_device", flag: "second-device", value: "allow|refuse|replace",
        help: "When an identity enters a room in which it plays already [default: allow]" },
    ConfigKey { key: "tls_cert", flag: "tls-cert", value: "FILE",
        help: "The certificate chain in PEM, for TLS; read again when the file changes" },
    ConfigKey { key: "tls_key", flag: "tls-key", value: "FILE",
        help: "The certificate's private key in PEM" },
    ConfigKey { key: "room_threads", flag: "room-threads", value: "N",
        help: "Threads that run rooms, 1 to 256 [default: one per core]" },
    ConfigKey { key: "workers", flag: "workers", value: "N",
        help: "Threads that serve connections, 1 to 256 [default: one per core]" },
    ConfigKey { key: "empty_room_for", flag: "empty-room-for", value: "SECONDS",
        help: "How long an empty room stays open [default: 10]" },
    ConfigKey { key: "come_back_within", flag: "come-back-within", value: "SECONDS",
        help: "When the server stops, clients reconnect after a random delay of up to this time [default: 5]" },
    ConfigKey { key: "hold_seats_for", flag: "hold-seats-for", value: "SECONDS",
        help: "How long a seat is held for a player whose connection was lost; 0 holds none [default: 30]" },
    ConfigKey { key: "idle_after", flag: "idle-after", value: "SECONDS",
        help: "How long a player may be idle before the session is ended; 0 means no limit [default: 0]" },
    ConfigKey { key: "most_spectators", flag: "most-spectators", value: "N",
        help: "Most spectators per room [default: 100]" },
    ConfigKey { key: "film_delay", flag: "film-delay", value: "SECONDS",
        help: "Seconds by which the films of rooms are delayed, 0 to 120 [default: 0]" },
    ConfigKey { key: "player_bytes", flag: "player-bytes", value: "N",
        help: "Most bytes per second for a player of a large world; 0 for any number [default: 0]" },
    ConfigKey { key: "admin_token", flag: "", value: "SECRET",
        help: "The token that opens /admin to operators" },
    ConfigKey { key: "pages", flag: "pages", value: "embedded|none|folder:FOLDER|dev:FOLDER",
        help: "Where the pages come from [default: embedded]" },
    ConfigKey { key: "log", flag: "log", value: "FILTER",
        help: "What to log: a level, or levels by target [default: tickwire=info,warn]" },
    ConfigKey { key: "log_format", flag: "log-format", value: "text|json",
        help: "The format of the log [default: text]" },
    ConfigKey { key: "trace", flag: "trace", value: "FILE",
        help: "Write a trace of where time goes to this file, at most 64 MiB; browsers' trace viewers open it" },
    ConfigKey { key: "data", flag: "data", value: "FOLDER",
        help: "Keep rooms in this folder: they go on when the server starts again, after a stop or a crash" },
    ConfigKey { key: "durability", flag: "durability", value: "process|disk",
        help: "What clients are told of survives the end of the process, or a loss of power [default: process]" },
    ConfigKey { key: "store_failure", flag: "store-failure", value: "go-on|end",
        help: "What rooms do when the folder cannot be written [default: go-on]" },
    ConfigKey { key: "other_build", flag: "other-build", value: "wait|replay|checkpoint",
        help: "How rooms of another build that crashed are recovered by this one, if they are [default: wait]" },
    ConfigKey { key: "outbox_mib", flag: "outbox-mib", value: "MIB",
        help: "Most MiB of what outlets have not got yet [default: 64]" },
    ConfigKey { key: "outbox_full", flag: "outbox-full", value: "drop|refuse",
        help: "When an outlet is too far behind: drop the oldest, or refuse new rooms [default: drop]" },
    ConfigKey { key: "outlets", flag: "outlets", value: "FILE",
        help: "A file that lists webhooks and brokers that are told what happens in rooms" },
    ConfigKey { key: "recordings", flag: "recordings", value: "FOLDER",
        help: "Keep recordings of rooms in this folder: when a game panics, a client desyncs, or somebody asks for one" },
    ConfigKey { key: "most_recordings", flag: "most-recordings", value: "N",
        help: "Most recordings in the folder [default: 100]" },
    ConfigKey { key: "recordings_mib", flag: "recordings-mib", value: "MIB",
        help: "Most MiB of all recordings [default: 1024]" },
    ConfigKey { key: "matches", flag: "matches", value: "FOLDER",
        help: "Keep the results and films of ended matches in this folder" },
    ConfigKey { key: "match_days", flag: "match-days", value: "DAYS",
        help: "How long a match is kept [default: 30]" },
    ConfigKey { key: "most_matches", flag: "most-matches", value: "N",
        help: "Most matches in the folder [default: 10000]" },
    ConfigKey { key: "matches_mib", flag: "matches-mib", value: "MIB",
        help: "Most MiB of all matches [default: 4096]" },
    ConfigKey { key: "redis", flag: "redis", value: "URL",
        help: "Be a node of a cluster, whose directory is kept in this Redis, such as redis://10.0.0.5:6379" },
    ConfigKey { key: "redis_password", flag: "", value: "SECRET",
        help: "The password of that Redis" },
    ConfigKey { key: "redis_replicas", flag: "redis-replicas", value: "N",
        help: "How many replicas of that Redis must have what it was told before that counts [default: 0]" },
    ConfigKey { key: "advertise", flag: "advertise", value: "URL",
        help: "The WebSocket URL at which clients reach this node, such as wss://n3.play.example/play" },
    ConfigKey { key: "peer_address", flag: "peer-address", value: "HOST:PORT",
        help: "The host and port at which other nodes reach this one, to pass connections on by their path" },
    ConfigKey { key: "cluster", flag: "cluster", value: "NAME",
        help: "The name of the cluster; several can share a Redis [default: tickwire]" },
    ConfigKey { key: "node", flag: "node", value: "NAME",
        help: "The name of this node, for people; if empty, the host and port at which clients reach it" },
    ConfigKey { key: "lease", flag: "lease", value: "SECONDS",
        help: "How long the directory waits for a node before its rooms are given up [default: 8]" },
    ConfigKey { key: "takeover", flag: "takeover", value: "true|false",
        help: "Write rooms to Redis all the time, so that other nodes go on with them when this one fails [default: false]" },
    ConfigKey { key: "rehearse", flag: "rehearse", value: "true|false",
        help: "Take no rooms before those of other builds were run again to the same end [default: false]" },
];

/// Keys whose value is a list: their flags may be repeated, and variables are split at commas.
pub const LISTS: [&str; 5] = ["origins", "hosts", "exempt", "trusted_proxies", "token_keys"];
/// Keys whose values are never shown.
pub const SECRETS: [&str; 3] = ["admin_token", "redis_password", "token_secret"];

/// The flags of every command that reads the configuration. `settings.rs` checks their values, like those of all sources.
#[derive(Clone, Default)]
pub struct Flags {
    /// The configuration file.
    pub file: Option<PathBuf>,
    /// Values by key.
    pub values: BTreeMap<&'static str, String>,
    /// Whether the pages were given as `--dev`.
    pub pages_given_as_dev: bool,
}

impl Flags {
    const FILE: &str = "config";
    const DEV: &str = "dev";

    /// One of the flags that were given.
    pub fn first(&self) -> Option<String> {
        let given = CONFIG_KEYS.iter().find(|config_key| self.values.contains_key(config_key.key));
        let file = self.file.as_ref().map(|_| format!("--{}", Self::FILE));
        file.or_else(|| given.map(|config_key| self.typed(config_key)))
    }

    /// Takes those of `earlier` that are not given here.
    pub fn put_after(&mut self, earlier: Self) {
        self.pages_given_as_dev |= earlier.pages_given_as_dev && !self.values.contains_key("pages");
        self.file = self.file.take().or(earlier.file);
        for (key, value) in earlier.values {
            self.values.entry(key).or_insert(value);
        }
    }

    /// The flag as it was typed to set `config_key`.
    pub fn typed(&self, config_key: &ConfigKey) -> String {
        let flag = if config_key.key == "pages" && self.pages_given_as_dev { Self::DEV } else { config_key.flag };
        format!("--{flag}")
    }
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new(Self::FILE).long(Self::FILE).value_name("FILE").value_parser(clap::value_parser!(PathBuf));
        let file = file.help("The configuration file (default: tickwire.toml in this folder, if there is one)");
        let command = CONFIG_KEYS.iter().filter(|config_key| !config_key.flag.is_empty()).fold(
            command.arg(file),
            |command, config_key| {
                let arg =
                    Arg::new(config_key.key).long(config_key.flag).value_name(config_key.value).help(config_key.help);
                let repeats = LISTS.contains(&config_key.key);
                command.arg(arg.action(if repeats { ArgAction::Append } else { ArgAction::Set }))
            },
        );
        let dev = Arg::new(Self::DEV).long(Self::DEV).value_name("FOLDER").conflicts_with("pages");
        command.arg(dev.help("Read pages from this folder at each request; short for --pages dev:FOLDER"))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.file = matches.get_one(Self::FILE).cloned().or(self.file.take());
        for config_key in CONFIG_KEYS.iter().filter(|config_key| !config_key.flag.is_empty()) {
            // Values in lists contain no commas; `settings.rs` splits them again.
            if let Some(values) = matches.get_many::<String>(config_key.key) {
                self.values.insert(config_key.key, values.cloned().collect::<Vec<_>>().join(","));
            }
        }
        if let Some(folder) = matches.get_one::<String>(Self::DEV) {
            self.values.insert("pages", format!("dev:{folder}"));
            self.pages_given_as_dev = true;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_the_configuration_has_its_knob() {
        let fields = serde_json::to_value(tickwire::Config::demo()).expect("it can be written");
        let fields: Vec<&String> = fields.as_object().expect("an object").keys().collect();
        let mut keys: Vec<&str> = CONFIG_KEYS.iter().map(|config_key| config_key.key).collect();
        keys.sort_unstable();
        assert_eq!(fields, keys);
    }

    #[test]
    fn the_help_knows_the_defaults() {
        let defaults = serde_json::to_value(tickwire::Config::demo()).expect("it can be written");
        for config_key in &CONFIG_KEYS {
            let default = match &defaults[config_key.key] {
                serde_json::Value::Array(_) => continue,
                serde_json::Value::String(text) if text.is_empty() => continue,
                _ if ["workers", "room_threads"].contains(&config_key.key) => "one per core".to_owned(),
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert!(config_key.help.ends_with(&format!("[default: {default}]")), "{}: {default}", config_key.flag);
        }
    }
}
