//! The connection to Redis: runs scripts, and nothing else. Besides `look`, the only file that uses `redis`.
//!
//! One task connects; all others use its connection, and are told at once when there is none. A request is never sent twice:
//! whoever asked decides what an answer that did not come means.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, RedisError};

use super::Settings;
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
    client: Client,
    prefix: String,
    patience: Duration,
    lease: Duration,
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
        let client = client(settings)?;
        let prefix = format!("{{{}}}:", settings.cluster);
        Ok(Self { client, prefix, patience, lease: settings.lease, up: Mutex::default() })
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
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
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

    /// Asks the directory.
    ///
    /// # Errors
    /// There is no connection, or no answer in time. What was asked for may have been done all the same.
    pub async fn ask(&self, request: &Request) -> Result<Answer, Unavailable> {
        let up = self.up.lock().clone();
        let Some(Up { mut connection, shas, number }) = up else { return Err(Unavailable("no connection".to_owned())) };
        let mut call = redis::cmd("EVALSHA");
        call.arg(&shas[&request.script()]).arg(1).arg(&self.prefix).arg(request.args());
        let answer: Result<Vec<String>, RedisError> = call.query_async(&mut connection).await;
        let read = answer.map_err(Unavailable::from).and_then(|texts| {
            let read = Answer::read(&texts);
            read.ok_or_else(|| Unavailable(format!("{:?} is no answer to {:?}", texts.first(), request.script())))
        });
        // Whatever went wrong, a new connection begins by noting a start of the server.
        if !matches!(&read, Ok(answer) if *answer != Answer::Boot) {
            let mut up = self.up.lock();
            if up.as_ref().is_some_and(|up| up.number == number) {
                *up = None;
            }
        }
        read
    }
}

/// A client for these settings.
///
/// # Errors
/// The URL is none of Redis.
pub fn client(settings: &Settings) -> Result<Client, Unavailable> {
    let info = settings.redis.as_str().into_connection_info()?;
    let known = info.redis_settings().clone();
    let known = if settings.password.is_empty() { known } else { known.set_password(&settings.password) };
    Ok(Client::open(info.set_redis_settings(known))?)
}
