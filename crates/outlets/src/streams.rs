//! Redis Streams: each entry an entry of a stream, which is trimmed approximately.

use std::time::Duration;

use redis::{Client, Connection, RedisError};
use serde::Deserialize;
use tickwire::tap::{Delivery, Undelivered, Verdict};

use crate::config::{Secret, Target};
use crate::envelope::Envelope;
use crate::filter::Template;

/// How long Redis may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The settings of a Redis.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamsSettings {
    /// `redis://` or `rediss://`, with credentials if there are any.
    url: Secret,
    /// The key of the stream of an entry.
    #[serde(default = "stream")]
    stream: String,
    /// About how many entries a stream keeps.
    #[serde(default = "length")]
    length: u64,
    /// How many replicas must have an entry.
    #[serde(default)]
    replicas: u32,
}

fn stream() -> String {
    "tickwire".to_owned()
}

fn length() -> u64 {
    100_000
}

/// A Redis.
pub struct Streams {
    client: Client,
    connection: Option<Connection>,
    stream: Template,
    length: u64,
    replicas: u32,
}

impl Streams {
    /// A Redis that nobody is connected to yet.
    ///
    /// # Errors
    /// A setting is wrong.
    pub fn new(settings: StreamsSettings, node: &str) -> Result<Self, String> {
        let StreamsSettings { url, stream, length, replicas } = settings;
        // An error would show the address with its password.
        let wanted = "url must be such as redis://user:password@host:6379/0, or rediss:// for TLS";
        let client = Client::open(url.0).map_err(|_| wanted.to_owned())?;
        if length == 0 {
            return Err("length = 0 must be at least 1".to_owned());
        }
        Ok(Self { client, connection: None, stream: Template::new(&stream, node)?, length, replicas })
    }

    fn connect(&self) -> Result<Connection, RedisError> {
        let connection = self.client.get_connection_with_timeout(PATIENCE)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.set_write_timeout(Some(PATIENCE))?;
        Ok(connection)
    }

    fn send(&mut self, deliveries: &[Delivery]) -> Result<(), String> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().map_err(|error| error.to_string())?,
        };
        let mut pipeline = redis::pipe();
        for delivery in deliveries {
            let event = Envelope::new(delivery);
            let stream = self.stream.fill(&delivery.entry, delivery.entry.body.kind());
            pipeline.cmd("XADD").arg(stream).arg("MAXLEN").arg("~").arg(self.length).arg("*");
            pipeline.arg("id").arg(&event.id).arg("source").arg(&event.source).arg("type").arg(&event.kind);
            pipeline.arg("subject").arg(&event.subject).arg("time").arg(&event.time);
            pipeline.arg("data").arg(event.data.to_string()).ignore();
        }
        if self.replicas > 0 {
            pipeline.cmd("WAIT").arg(self.replicas).arg(PATIENCE.as_millis() as u64 / 2);
        }
        let replicas: Vec<u32> = pipeline.query(&mut connection).map_err(|error| error.to_string())?;
        if let Some(had) = replicas.first().filter(|had| **had < self.replicas) {
            return Err(format!("{had} replicas have the entries, and {} must", self.replicas));
        }
        self.connection = Some(connection);
        Ok(())
    }
}

impl Target for Streams {
    fn deliver(&mut self, deliveries: &[Delivery]) -> Result<(), Undelivered> {
        // Whatever Redis complains of, it is not about one entry.
        self.send(deliveries).map_err(|why| Undelivered { delivered: 0, verdict: Verdict::Away, why })
    }

    fn probe(&mut self) -> Result<String, String> {
        let mut connection = self.connect().map_err(|error| error.to_string())?;
        redis::cmd("PING").query::<String>(&mut connection).map_err(|error| error.to_string())?;
        Ok(match self.replicas {
            0 => "its answer is its promise, which a crash without appendfsync always, or a failover, may break"
                .to_owned(),
            replicas => format!("its answer and {replicas} replicas are its promise"),
        })
    }
}
