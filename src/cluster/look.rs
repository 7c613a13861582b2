//! What an operator looks at from outside: the nodes of a cluster, and whether its Redis is set up for one.

use std::time::Duration;

use super::link::{Link, Unavailable};
use super::primary::Way;
use super::{Settings, boottime};
use crate::engine::cluster::{Answer, LeaseTimes, NodeEntry, Request};

/// What is wrong with a cluster, and its remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether rooms or writes can be lost.
    pub is_unsafe: bool,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub mend: String,
}

/// The oldest version of Redis whose scripts behave as these need it.
const LEAST_VERSION: u32 = 7;
/// Clocks that differ by more than this confuse whoever reads logs; leases do not mind.
const MOST_APART: Duration = Duration::from_secs(2);

/// The nodes of a cluster.
///
/// # Errors
/// Redis does not answer.
pub async fn nodes(settings: &Settings) -> Result<Vec<NodeEntry>, Unavailable> {
    let link = Link::new(settings, LeaseTimes { lease: settings.lease }.patience())?;
    link.connect().await?;
    match link.ask(&Request::Nodes).await? {
        Answer::Ok(texts) => Ok(NodeEntry::read(&texts)),
        answer => Err(Unavailable(format!("{answer:?} is no list of nodes"))),
    }
}

/// What is wrong with the Redis of a cluster. `wall`: this machine's clock, in seconds since 1970.
///
/// # Errors
/// Redis does not answer.
pub async fn findings(settings: &Settings, wall: u64) -> Result<Vec<Finding>, Unavailable> {
    let patience = LeaseTimes { lease: settings.lease }.patience();
    let primary = Way::new(settings)?.primary(patience).await?;
    let mut connection = primary.get_multiplexed_async_connection().await?;
    let info: String = redis::cmd("INFO").query_async(&mut connection).await?;
    let asked = boottime::now();
    let (seconds, _): (u64, u64) = redis::cmd("TIME").query_async(&mut connection).await?;
    let trip = boottime::now().since(asked);
    let mut policies = Vec::new();
    for name in ["maxmemory-policy", "appendonly", "save", "min-replicas-to-write"] {
        // Hosted servers may refuse to tell.
        let told: Vec<String> = redis::cmd("CONFIG").arg("GET").arg(name).query_async(&mut connection).await?;
        policies.push(told.get(1).cloned().unwrap_or_default());
    }
    Ok(judge(&info, &policies, wall.abs_diff(seconds), trip, (settings.lease, settings.replicas)))
}

fn judge(
    info: &str,
    policies: &[String],
    apart: u64,
    trip: Duration,
    (lease, waits_for): (Duration, u32),
) -> Vec<Finding> {
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or("");
    let [eviction, append, save, replicas] = policies else { return Vec::new() };
    let mut findings = Vec::new();
    let mut find = |is_unsafe, what: String, mend: &str| {
        findings.push(Finding { is_unsafe, what, mend: mend.to_owned() });
    };
    let version = field("redis_version");
    if version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_none_or(|major| major < LEAST_VERSION) {
        find(true, format!("Redis is of version {version:?}"), "use 7.0 or newer, or Valkey");
    }
    if field("role") != "master" {
        find(true, format!("this Redis is a {}, which takes no writes", field("role")), "set redis to the primary");
    }
    if eviction != "noeviction" {
        let what = format!("maxmemory-policy = {eviction}: Redis may forget rooms when its memory is full");
        find(true, what, "set maxmemory-policy noeviction");
    }
    if append != "yes" && save.is_empty() {
        let what = "Redis forgets everything when it ends: for one lease, no room can be made then".to_owned();
        find(false, what, "set appendonly yes");
    }
    if field("connected_slaves") != "0" && replicas == "0" {
        let what = "min-replicas-to-write = 0: a failover may lose writes, and rooms with them".to_owned();
        find(true, what, "set min-replicas-to-write 1 and min-replicas-max-lag 2");
    }
    let connected: u32 = field("connected_slaves").parse().unwrap_or(0);
    if connected > 0 && waits_for == 0 {
        let what =
            "redis_replicas = 0: what a client was told may be lost when Redis fails over to a replica".to_owned();
        find(true, what, "set redis_replicas 1 at all nodes");
    }
    if connected < waits_for {
        let what = format!("redis_replicas = {waits_for}, and Redis has {connected} replicas: nothing can be decided");
        find(true, what, "start more replicas, or set redis_replicas lower");
    }
    if Duration::from_secs(apart) > MOST_APART {
        let what = format!("the clocks of Redis and of this machine are {apart} s apart");
        find(false, what, "let both follow a time server; leases do not depend on it, but logs and tokens do");
    }
    if trip > lease / 16 {
        let what = format!("an answer of Redis takes {} ms, and a lease is {} s", trip.as_millis(), lease.as_secs());
        find(false, what, "bring Redis nearer, or set a longer lease");
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(info: &str, policies: [&str; 4]) -> Vec<String> {
        found_waiting(info, policies, 1)
    }

    fn found_waiting(info: &str, policies: [&str; 4], replicas: u32) -> Vec<String> {
        let policies = policies.map(str::to_owned);
        let findings = judge(info, &policies, 0, Duration::ZERO, (Duration::from_secs(8), replicas));
        findings.into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_redis_that_forgets_is_found() {
        let good = "redis_version:7.0.15\r\nrole:master\r\nconnected_slaves:1\r\n".replace('\r', "");
        assert_eq!(found(&good, ["noeviction", "yes", "", "1"]), [""; 0]);
        assert_eq!(found(&good, ["noeviction", "no", "3600 1", "1"]), [""; 0]);
        for (info, policies, wanted) in [
            (good.replace("7.0.15", "6.2.1"), ["noeviction", "yes", "", "1"], "6.2.1"),
            (good.replace("master", "slave"), ["noeviction", "yes", "", "1"], "no writes"),
            (good.clone(), ["allkeys-lru", "yes", "", "1"], "maxmemory-policy"),
            (good.clone(), ["noeviction", "no", "", "1"], "forgets everything"),
            (good.clone(), ["noeviction", "yes", "", "0"], "min-replicas-to-write"),
        ] {
            let found = found(&info, policies);
            assert!(found.len() == 1 && found[0].contains(wanted), "{found:?}");
        }
        for (replicas, wanted) in [(0, "redis_replicas = 0"), (2, "has 1 replicas")] {
            let found = found_waiting(&good, ["noeviction", "yes", "", "1"], replicas);
            assert!(found.len() == 1 && found[0].contains(wanted), "{found:?}");
        }
        let alone = good.replace("slaves:1", "slaves:0");
        assert_eq!(found_waiting(&alone, ["noeviction", "yes", "", "0"], 0), [""; 0]);
    }
}
