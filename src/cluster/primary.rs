//! Which server of Redis has the directory: the one that is named, or the primary of which Sentinels tell.
//!
//! All Sentinels are asked at the same time, and the answer with the newest configuration counts: one that was away knows an
//! older primary. That a primary takes no writes any more from which it was deposed is up to `min-replicas-to-write`, and what
//! counts as told to `redis_replicas`.

use std::time::Duration;

use futures_util::future::join_all;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo};

use super::Settings;
use super::link::Unavailable;

/// What the URLs of Sentinels begin with.
const SENTINEL: &str = "redis+sentinel://";

/// How to find the server that has the directory.
#[derive(Clone, Debug)]
pub enum Way {
    /// It is always the same.
    Direct(Client),
    /// Whatever Sentinels say.
    Sentinels {
        /// The Sentinels, which need no password.
        sentinels: Vec<Client>,
        /// The name under which they watch the primary.
        name: String,
        /// The user at the primary; empty for the usual one.
        user: String,
        /// The password at the primary; empty if it needs none.
        password: String,
    },
}

impl Way {
    /// The way that the settings name.
    ///
    /// # Errors
    /// The URL is none of Redis.
    pub fn new(settings: &Settings) -> Result<Self, Unavailable> {
        let Some(rest) = settings.redis.strip_prefix(SENTINEL) else {
            return Ok(Self::Direct(client(&settings.redis, &settings.password)?));
        };
        let (user, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
        let wanted = || Unavailable(format!("such a URL is {SENTINEL}10.0.0.5:26379,10.0.0.6:26379/NAME"));
        let (hosts, name) = rest.split_once('/').ok_or_else(wanted)?;
        if name.is_empty() || hosts.is_empty() {
            return Err(wanted());
        }
        let sentinels: Result<_, _> = hosts.split(',').map(|host| client(&format!("redis://{host}"), "")).collect();
        let (name, user, password) = (name.to_owned(), user.to_owned(), settings.password.clone());
        Ok(Self::Sentinels { sentinels: sentinels?, name, user, password })
    }

    /// A client for the primary of now.
    ///
    /// # Errors
    /// No Sentinel knows one, or none answers within `patience`.
    pub async fn primary(&self, patience: Duration) -> Result<Client, Unavailable> {
        let (sentinels, name, user, password) = match self {
            Self::Direct(client) => return Ok(client.clone()),
            Self::Sentinels { sentinels, name, user, password } => (sentinels, name, user, password),
        };
        let told = join_all(sentinels.iter().map(|sentinel| ask(sentinel, name, patience))).await;
        let mut why = String::new();
        let known = told.into_iter().filter_map(|told| told.inspect_err(|error| why = error.to_string()).ok());
        let Some((_, address)) = known.max_by_key(|(configuration, _)| *configuration) else {
            return Err(Unavailable(format!("no Sentinel knows the primary {name}: {why}")));
        };
        let user = if user.is_empty() { String::new() } else { format!("{user}@") };
        client(&format!("redis://{user}{address}"), password)
    }
}

/// Asks a Sentinel. Returns the number of its configuration, and the host and port of the primary.
async fn ask(sentinel: &Client, name: &str, patience: Duration) -> Result<(u64, String), Unavailable> {
    let config =
        AsyncConnectionConfig::new().set_connection_timeout(Some(patience)).set_response_timeout(Some(patience));
    let mut connection = sentinel.get_multiplexed_async_connection_with_config(&config).await?;
    let told: Vec<String> = redis::cmd("SENTINEL").arg("MASTER").arg(name).query_async(&mut connection).await?;
    read(&told).ok_or_else(|| Unavailable("what a Sentinel told is no primary".to_owned()))
}

/// Reads pairs of names and values.
fn read(told: &[String]) -> Option<(u64, String)> {
    let field = |name: &str| told.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| pair[1].as_str());
    let (host, port) = (field("ip")?, field("port")?.parse::<u16>().ok()?);
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    Some((field("config-epoch")?.parse().ok()?, format!("{host}:{port}")))
}

fn client(url: &str, password: &str) -> Result<Client, Unavailable> {
    let info = url.into_connection_info()?;
    let known = info.redis_settings().clone();
    let known = if password.is_empty() { known } else { known.set_password(password) };
    Ok(Client::open(info.set_redis_settings(known))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(redis: &str) -> Settings {
        Settings {
            redis: redis.to_owned(),
            password: "secret".to_owned(),
            advertise: String::new(),
            peer_address: String::new(),
            cluster: "tickwire".to_owned(),
            name: String::new(),
            lease: Duration::from_secs(8),
            version: String::new(),
            most_rooms: 1,
            takeover: false,
            replicas: 0,
            rehearse: false,
        }
    }

    #[test]
    fn a_url_names_a_server_or_sentinels() {
        assert!(matches!(Way::new(&settings("redis://10.0.0.5:6379")), Ok(Way::Direct(_))));
        let Ok(Way::Sentinels { sentinels, name, user, password }) =
            Way::new(&settings("redis+sentinel://me@a:1,[::1]:2/main"))
        else {
            panic!("Sentinels");
        };
        let addresses: Vec<_> =
            sentinels.iter().map(|sentinel| sentinel.get_connection_info().addr().to_string()).collect();
        assert_eq!(
            (addresses, name.as_str(), user.as_str()),
            (vec!["a:1".to_owned(), "::1:2".to_owned()], "main", "me")
        );
        assert_eq!(password, "secret");
        for wrong in ["redis+sentinel://", "redis+sentinel://a:1", "redis+sentinel:///main", "redis+sentinel://a:1/"] {
            assert!(Way::new(&settings(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_a_sentinel_tells_is_read() {
        let told = |pairs: &[&str]| read(&pairs.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        let whole = ["name", "main", "ip", "10.0.0.5", "port", "6379", "config-epoch", "7"];
        assert_eq!(told(&whole), Some((7, "10.0.0.5:6379".to_owned())));
        assert_eq!(told(&["ip", "::1", "port", "1", "config-epoch", "0"]), Some((0, "[::1]:1".to_owned())));
        assert_eq!(told(&whole[..6]), None);
        assert_eq!(told(&["ip", "a", "port", "none", "config-epoch", "7"]), None);
    }
}
