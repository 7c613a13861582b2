//! The file with the outlets.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use tickwire::Server;
use tickwire::tap::{Delivery, Sink, TapEntry, Undelivered};
use toml::{Table, Value};

use crate::filter::Filter;

/// The outlets of a server, as its file lists them.
pub struct Outlets {
    /// The name of the server.
    pub node: String,
    outlets: Vec<Outlet>,
    #[cfg(feature = "pusher")]
    pusher: crate::Pusher,
}

/// A target with its name and its filter.
pub struct Outlet {
    name: String,
    filter: Filter,
    target: Box<dyn Target>,
}

/// What takes entries, and can be reached or not.
pub(crate) trait Target: Send {
    /// Delivers entries that passed the filter.
    fn deliver(&mut self, deliveries: &[Delivery]) -> Result<(), Undelivered>;

    /// Reaches the target without an effect there. Returns what it promises.
    fn probe(&mut self) -> Result<String, String>;

    /// The server ends.
    fn stop(&mut self) {}

    /// The target gets entries that the filter holds back, too.
    fn follows_rooms(&self) -> bool {
        false
    }
}

/// A text that is never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// `env:NAME` and `file:PATH` stand for what is there; everything else for itself.
impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let secret = if let Some(name) = text.strip_prefix("env:") {
            std::env::var(name).map_err(|_| format!("the variable {name} is not set"))
        } else if let Some(path) = text.strip_prefix("file:") {
            fs::read_to_string(path)
                .map(|text| text.trim().to_owned())
                .map_err(|error| format!("cannot read {path}: {error}"))
        } else {
            Ok(text)
        };
        secret.map(Self).map_err(serde::de::Error::custom)
    }
}

impl Outlets {
    /// Reads the file. `node` is the name of the server if the file has none.
    ///
    /// # Errors
    /// One line that names the file, the outlet, the value, and what would be right.
    pub fn read(path: &Path, node: &str) -> Result<Self, String> {
        let named = |why: String| format!("outlets: {}: {why}", path.display());
        let text = fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
        Self::parse(&text, node).map_err(named)
    }

    /// Reads the text of such a file.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str, node: &str) -> Result<Self, String> {
        let mut file: Table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
        let node = match file.remove("node") {
            None => node.to_owned(),
            Some(Value::String(node)) if !node.is_empty() => node,
            Some(_) => return Err("node must be a text that is not empty".to_owned()),
        };
        let sinks = match file.remove("sink") {
            None => Vec::new(),
            Some(Value::Array(sinks)) => sinks,
            Some(_) => return Err("sinks are tables with the heading [[sink]]".to_owned()),
        };
        #[cfg(feature = "pusher")]
        let pusher = crate::Pusher::new(take(&mut file, "pusher")?.unwrap_or_default())?;
        if let Some((key, _)) = file.iter().next() {
            return Err(format!("{key:?} is unknown: must be node, [[sink]] or [[pusher]]"));
        }
        let outlets = sinks.into_iter().zip(1..).map(|(sink, number)| Outlet::parse(sink, number, &node));
        #[cfg_attr(not(feature = "pusher"), expect(unused_mut, reason = "only apps add some"))]
        let mut outlets = outlets.collect::<Result<Vec<_>, _>>()?;
        #[cfg(feature = "pusher")]
        outlets.extend(pusher.targets().map(|(name, target)| Outlet { name, filter: Filter::default(), target }));
        Ok(Self {
            outlets,
            node,
            #[cfg(feature = "pusher")]
            pusher,
        })
    }

    /// Adds the routes of the apps of Pusher's protocol to a server.
    pub fn add_routes(&self, server: Server) -> Server {
        #[cfg(feature = "pusher")]
        if !self.pusher.is_empty() {
            let (pusher, apps) = (self.pusher.clone(), self.pusher.clone());
            let server = server.channels(move |channels| apps.attach(channels));
            return server.routes(move |app| pusher.configure(app));
        }
        server
    }

    /// The sinks with their names, for [`Server::tap`](tickwire::Server::tap).
    pub fn into_sinks(self) -> impl Iterator<Item = (String, Box<dyn Sink>)> {
        self.outlets.into_iter().map(|outlet| (outlet.name.clone(), Box::new(outlet) as Box<dyn Sink>))
    }

    /// Reaches every target: its name, and what it promises or why it cannot be reached.
    pub fn probe(&mut self) -> Vec<(String, Result<String, String>)> {
        self.outlets.iter_mut().map(|outlet| (outlet.name.clone(), outlet.target.probe())).collect()
    }
}

impl Outlet {
    fn parse(sink: Value, number: usize, node: &str) -> Result<Self, String> {
        let Value::Table(mut table) = sink else { return Err(format!("sink {number} is no table")) };
        let name = text(&mut table, "name").ok_or_else(|| format!("sink {number} needs a name"))?;
        let named = |why: String| format!("sink {name:?}: {why}");
        let kind =
            text(&mut table, "type").ok_or_else(|| named("needs a type: webhook, mqtt, redis or kafka".to_owned()))?;
        let mut list = |key: &str| take::<Vec<String>>(&mut table, key).map(Option::unwrap_or_default).map_err(named);
        let filter = Filter::new(list("games")?, list("kinds")?).map_err(named)?;
        let target: Result<Box<dyn Target>, String> = match kind.as_str() {
            #[cfg(feature = "webhook")]
            "webhook" => settings(table).and_then(crate::webhook::Webhook::new).map(|target| Box::new(target) as _),
            #[cfg(feature = "mqtt")]
            "mqtt" => settings(table)
                .and_then(|settings| crate::mqtt::Mqtt::new(&name, settings, node, filter.clone()))
                .map(|target| Box::new(target) as _),
            #[cfg(feature = "redis")]
            "redis" => settings(table)
                .and_then(|settings| crate::streams::Streams::new(settings, node))
                .map(|target| Box::new(target) as _),
            #[cfg(feature = "kafka")]
            "kafka" => settings(table)
                .and_then(|settings| crate::kafka::Kafka::new(settings, node))
                .map(|target| Box::new(target) as _),
            other => {
                Err(format!("type {other:?} is unknown, or not in this build: must be webhook, mqtt, redis or kafka"))
            }
        };
        // Not every build has a target that uses it.
        let _ = node;
        Ok(Self { filter, target: target.map_err(named)?, name: name.clone() })
    }
}

impl Sink for Outlet {
    fn wants(&self, entry: &TapEntry) -> bool {
        self.target.follows_rooms() || self.filter.admits(entry)
    }

    fn deliver(&mut self, deliveries: &[Delivery]) -> Result<(), Undelivered> {
        self.target.deliver(deliveries)
    }

    fn stop(&mut self) {
        self.target.stop();
    }
}

fn text(table: &mut Table, key: &str) -> Option<String> {
    take(table, key).ok().flatten().filter(|text: &String| !text.is_empty())
}

fn take<T: DeserializeOwned>(table: &mut Table, key: &str) -> Result<Option<T>, String> {
    let value = table
        .remove(key)
        .map(|value| value.try_into().map_err(|error: toml::de::Error| format!("{key}: {}", error.message())));
    value.transpose()
}

fn settings<T: DeserializeOwned>(table: Table) -> Result<T, String> {
    Value::Table(table).try_into().map_err(|error: toml::de::Error| error.message().to_owned())
}

/// A file with certificates in PEM.
pub(crate) fn read_file(key: &str, path: &PathBuf) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{key}: cannot read {}: {error}", path.display()))
}
