//! The connection to Redis: runs scripts, and nothing else. Besides `look` and `primary`, the only file that uses `redis`.
//!
//! One task connects; all others use its connection, and are told at once when there is none. A request is never sent twice:
//! whoever asked decides what an answer that did not come means.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisError};

use super::Settings;
use super::primary::Way;
use crate::engine::channels::Position;
use crate::engine::cluster::{Answer, Request, Script};

/// Why Redis did not answer, in words.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

impl From<RedisError> for Unavailable {
    fn from(error: RedisError) -> Self {
        Self(error.to_string())
    }
}

/// The way to the directory.
pub struct Link {
    way: Way,
    prefix: String,
    patience: Duration,
    lease: Duration,
    /// How many replicas must have what a script wrote.
    replicas: u32,
    up: Mutex<Option<Up>>,
}

#[derive(Clone)]
struct Up {
    connection: MultiplexedConnection,
    /// The scripts as this server knows them.
    shas: BTreeMap<Script, String>,
    /// Counts connections, so that an error of an older one does not end a newer one.
    number: u64,
}

impl Link {
    /// No connection yet.
    ///
    /// # Errors
    /// The URL is none of Redis.
    pub fn new(settings: &Settings, patience: Duration) -> Result<Self, Unavailable> {
        let (way, prefix) = (Way::new(settings)?, format!("{{{}}}:", settings.cluster));
        let (lease, replicas) = (settings.lease, settings.replicas);
        Ok(Self { way, prefix, patience, lease, replicas, up: Mutex::default() })
    }

    pub fn is_up(&self) -> bool {
        self.up.lock().is_some()
    }

    /// Connects, lets the directory note a start of its server, and loads the scripts, in this order: no script can run on a
    /// server whose start nobody has noted.
    ///
    /// # Errors
    /// Redis cannot be reached, or refuses.
    pub async fn connect(&self) -> Result<(), Unavailable> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.patience))
            .set_response_timeout(Some(self.patience));
        let mut connection =
            self.way.primary(self.patience).await?.get_multiplexed_async_connection_with_config(&config).await?;
        let boot = Request::Boot { lease: self.lease };
        let mut call = redis::cmd("EVAL");
        call.arg(Script::Boot.text()).arg(1).arg(&self.prefix).arg(boot.args());
        let _: Vec<String> = call.query_async(&mut connection).await?;
        let mut load = redis::pipe();
        Script::ALL.iter().for_each(|script| _ = load.cmd("SCRIPT").arg("LOAD").arg(script.text()));
        let shas: Vec<String> = load.query_async(&mut connection).await?;
        let mut up = self.up.lock();
        let number = up.as_ref().map_or(0, |up| up.number) + 1;
        *up = Some(Up { connection, shas: Script::ALL.into_iter().zip(shas).collect(), number });
        Ok(())
    }

    /// Asks the directory. What was decided counts when so many replicas have it as the settings say.
    ///
    /// # Errors
    /// There is no connection, no answer in time, or too few replicas have what was decided. It may have been done all the same.
    pub async fn ask(&self, request: &Request) -> Result<Answer, Unavailable> {
        let up = self.up.lock().clone();
        let Some(Up { mut connection, shas, number }) = up else { return Err(Unavailable("no connection".to_owned())) };
        let mut call = redis::cmd("EVALSHA");
        call.arg(&shas[&request.script()]).arg(1).arg(&self.prefix).arg(request.args());
        let (answer, replicas) = if self.replicas > 0 && request.writes() {
            // Half of the patience: an answer that comes too late would cost the connection.
            let mut both = redis::pipe();
            both.add_command(call).cmd("WAIT").arg(self.replicas).arg(self.patience.as_millis() as u64 / 2);
            let answer: Result<(Vec<String>, u32), RedisError> = both.query_async(&mut connection).await;
            answer.map_or_else(|error| (Err(error), 0), |(texts, replicas)| (Ok(texts), replicas))
        } else {
            (call.query_async(&mut connection).await, self.replicas)
        };
        let read = answer.map_err(Unavailable::from).and_then(|texts: Vec<String>| {
            let read = Answer::read(&texts);
            read.ok_or_else(|| Unavailable(format!("{:?} is no answer to {:?}", texts.first(), request.script())))
        });
        if !matches!(&read, Ok(answer) if *answer != Answer::Boot) {
            self.give_up(number);
        }
        if read.is_ok() && replicas < self.replicas {
            return Err(Unavailable(format!("only {replicas} replicas of {} have what was decided", self.replicas)));
        }
        read
    }

    /// Whatever went wrong, a new connection begins by noting a start of the server.
    fn give_up(&self, number: u64) {
        let mut up = self.up.lock();
        if up.as_ref().is_some_and(|up| up.number == number) {
            *up = None;
        }
    }

    /// Waits until a log has an entry behind this one, or for so long. Nothing else may be asked on this connection meanwhile.
    ///
    /// # Errors
    /// There is no connection, or no answer in time.
    pub async fn wait_for_entry(&self, log: &str, after: Position, most: Duration) -> Result<(), Unavailable> {
        let up = self.up.lock().clone();
        let Some(Up { mut connection, number, .. }) = up else { return Err(Unavailable("no connection".to_owned())) };
        let (key, after) = (format!("{}{log}", self.prefix), format!("{}-{}", after.era, after.number));
        let mut wait = redis::cmd("XREAD");
        wait.arg("COUNT").arg(1).arg("BLOCK").arg(most.as_millis() as u64).arg("STREAMS").arg(key).arg(after);
        let answer: Result<redis::Value, RedisError> = wait.query_async(&mut connection).await;
        if answer.is_err() {
            self.give_up(number);
        }
        answer.map(drop).map_err(Unavailable::from)
    }
}
