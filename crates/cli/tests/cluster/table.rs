//! The table of faults: each comes to players in rooms of three nodes, and whatever it costs, nothing that a player was told is
//! lost or comes twice, and no room has two owners.
//!
//! Each test prints a row: the fault, how often it came, the time until the rooms of the failed node went on (p50 / p99), how
//! many players had no frame for longer than half a lease, for how long (p50 / p99), the longest time without a frame of the
//! others, lines and replies, each heard once, and what was checked.

use tokio::time::sleep;

use crate::nodes::{lease, until};
use crate::process::wall::Wall;
use crate::redis::Redis;
use crate::redis::sentinel::Ensemble;
use crate::relay::Relay;
use crate::stage::{Member, Stage};
use crate::{number, run};

fn rounds() -> usize {
    number("TICKWIRE_ROUNDS", 1)
}

/// A node that was stopped or cut off is a node again, which has lost its rooms once.
async fn returns(node: &Member, fenced_before: f64) {
    let rooms = || node.server.values("tickwire_rooms");
    until("its rooms have ended", || async { rooms().is_some_and(|rooms| rooms < 0.5) }).await;
    until("it is a node again", || async { node.server.health().0 }).await;
    let fenced = node.server.counted("tickwire_cluster_fenced_total") - fenced_before;
    assert!((fenced - 1.0).abs() < 0.1, "refused {fenced} times");
}

#[test]
fn a_node_is_killed() {
    run(async {
        let redis = Redis::start_settled();
        let mut stage = Stage::set("node: kill -9", &redis).await;
        for _ in 0..rounds() + 1 {
            stage.fullest_dies(|| {}).await;
        }
        stage.end().await;
    });
}

#[test]
fn a_node_is_stopped_and_goes_on() {
    run(async {
        let redis = Redis::start_settled();
        let mut stage = Stage::set("node: SIGSTOP for 2.5 leases, then SIGCONT", &redis).await;
        for _ in 0..rounds() {
            let (stops, rooms) = stage.fullest();
            let (taken, fenced) = (stage.taken_over(), stops.server.counted("tickwire_cluster_fenced_total"));
            stage.fails();
            stops.server.signal("STOP");
            let over = sleep(lease() * 5 / 2);
            stage.goes_on(taken, rooms).await;
            over.await;
            stops.server.signal("CONT");
            returns(&stops, fenced).await;
            stage.add(stops);
        }
        stage.end().await;
    });
}

#[test]
fn a_node_is_cut_off_for_a_moment() {
    run(async {
        let redis = Redis::start_settled();
        let mut stage = Stage::set_with_relays("node and Redis apart for 3/8 of a lease", &redis).await;
        for round in 0..rounds() {
            let relay = stage.nodes[round % stage.nodes.len()].relay.as_ref().expect("it has one");
            relay.set_silent(true);
            stage.fails();
            sleep(lease() * 3 / 8).await;
            stage.nodes[round % stage.nodes.len()].relay.as_ref().expect("it has one").set_silent(false);
            stage.is_unharmed().await;
        }
        stage.end().await;
    });
}

#[test]
fn a_node_is_cut_off_for_long() {
    run(async {
        let redis = Redis::start_settled();
        let mut stage = Stage::set_with_relays("node and Redis apart for 2.5 leases", &redis).await;
        for _ in 0..rounds() {
            let (cut, rooms) = stage.fullest();
            let (taken, fenced) = (stage.taken_over(), cut.server.counted("tickwire_cluster_fenced_total"));
            let relay = cut.relay.as_ref().expect("it has one");
            stage.fails();
            relay.set_silent(true);
            let over = sleep(lease() * 5 / 2);
            stage.goes_on(taken, rooms).await;
            over.await;
            relay.set_silent(false);
            returns(&cut, fenced).await;
            stage.add(cut);
        }
        stage.end().await;
    });
}

/// Redis alone is killed, and is away for a quarter of a lease.
fn redis_is_killed(name: &'static str, persists: bool) {
    run(async {
        let mut redis = Redis::start_with(persists);
        let mut stage = Stage::set(name, &redis).await;
        for _ in 0..rounds() {
            stage.fails();
            redis.kill();
            sleep(lease() / 4).await;
            redis.start_again();
            stage.is_unharmed().await;
            // Until its nodes have registered, it would not know of a node that fails.
            sleep(lease() * 2).await;
        }
        stage.end().await;
    });
}

#[test]
fn redis_is_killed_and_remembers() {
    redis_is_killed("Redis with appendfsync always: kill -9", true);
}

#[test]
fn redis_is_killed_and_forgets() {
    redis_is_killed("Redis without persistence: kill -9", false);
}

#[test]
fn a_node_and_redis_fail_at_once() {
    run(async {
        let mut redis = Redis::start_with(true);
        let mut stage = Stage::set("node and Redis at once: kill -9", &redis).await;
        for _ in 0..rounds() {
            stage.fullest_dies(|| redis.restart()).await;
        }
        stage.end().await;
    });
}

#[test]
fn a_redis_that_forgot_everything_gets_the_journals_again() {
    run(async {
        let mut redis = Redis::start_with(false);
        let mut stage = Stage::set("Redis without persistence: kill -9, then a node", &redis).await;
        for _ in 0..rounds() {
            redis.restart();
            let well = || async { stage.nodes.iter().all(|node| node.server.health().0) };
            until("all are registered again", well).await;
            sleep(2 * lease()).await;
            stage.fullest_dies(|| {}).await;
        }
        stage.end().await;
    });
}

#[test]
fn the_wall_clock_of_a_node_is_an_hour_off() {
    const HOUR: i64 = 3600;
    run(async {
        let redis = Redis::start_settled();
        let mut stage = Stage::set("wall clock of a node: an hour ahead, then back", &redis).await;
        let mut wall = None;
        stage.add_node(|command| {
            let (clock, command) = Wall::around(command);
            wall = Some(clock);
            command
        });
        let wall = wall.expect("it was started");
        // Of four nodes, the newest gets the rooms of one that fails.
        let (dies, rooms) = stage.fullest();
        let taken = stage.taken_over();
        dies.server.signal("KILL");
        stage.fails();
        stage.goes_on(taken, rooms).await;
        let odd = stage.nodes.last().expect("it was added");
        assert!(odd.server.metric("tickwire_rooms") > 0.5, "it has no rooms");
        for round in 0..rounds() {
            stage.fails();
            wall.set(if round % 2 == 0 { HOUR } else { -HOUR });
            sleep(lease() * 2).await;
            stage.is_unharmed().await;
        }
        // And it is a node like the others when one fails, first another one, then itself.
        for _ in 0..2 {
            let dies = stage.nodes.remove(0);
            let (rooms, taken) = (dies.server.metric("tickwire_rooms"), stage.taken_over());
            stage.fails();
            dies.server.signal("KILL");
            stage.goes_on(taken, rooms).await;
            stage.nodes.reverse();
            stage.add_node(|command| command);
        }
        stage.end().await;
    });
}

#[test]
fn all_nodes_are_started_again() {
    run(async {
        let redis = Redis::start_settled();
        let mut stage = Stage::set("all nodes at once: kill -9, and three new ones", &redis).await;
        for _ in 0..rounds() {
            let all = std::mem::take(&mut stage.nodes);
            stage.fails();
            all.iter().for_each(|node| node.server.signal("KILL"));
            (0..all.len()).for_each(|_| stage.add_node(|command| command));
            let rooms = stage.rooms as f64;
            stage.goes_on(0.0, rooms).await;
        }
        stage.end().await;
    });
}

/// The primary fails, and comes back when another one has taken its place.
fn redis_fails_over(name: &'static str, dies: bool) {
    run(async {
        let mut redis = Ensemble::start();
        let mut stage = Stage::set_with_sentinels(name, &redis).await;
        for _ in 0..number("TICKWIRE_FAILOVERS", rounds()) {
            let old = redis.primary().expect("a primary");
            stage.fails();
            if dies {
                redis.servers[old].kill()
            } else {
                redis.servers[old].signal("STOP")
            }
            until("another one is the primary", || async { redis.has_failed_over(old) }).await;
            sleep(lease() / 2).await;
            if dies {
                redis.servers[old].start_again()
            } else {
                redis.servers[old].signal("CONT")
            }
            // With a short lease, rooms stand still until there is another primary.
            stage.recovers().await;
            until("the old one follows", || async { redis.is_whole() }).await;
            sleep(lease() * 2).await;
        }
        stage.end().await;
    });
}

#[test]
fn the_primary_is_stopped_and_wakes_up_when_there_is_another() {
    redis_fails_over("failover, the old primary wakes up later", false);
}

#[test]
fn the_primary_is_killed_and_comes_back_empty() {
    redis_fails_over("failover, the old primary comes back empty", true);
}

#[test]
fn a_node_and_the_primary_fail_at_once() {
    run(async {
        let mut redis = Ensemble::start();
        let mut stage = Stage::set_with_sentinels("node and primary at once: kill -9, failover", &redis).await;
        for _ in 0..number("TICKWIRE_FAILOVERS", rounds()) {
            let old = redis.primary().expect("a primary");
            stage.fullest_dies(|| redis.servers[old].kill()).await;
            redis.servers[old].start_again();
            until("the old one follows", || async { redis.is_whole() }).await;
            sleep(lease() * 2).await;
        }
        stage.end().await;
    });
}

#[test]
fn the_primary_is_cut_off_from_its_replicas_and_not_from_the_nodes() {
    run(async {
        let mut relays = Vec::new();
        let redis = Ensemble::start_through(|port| {
            relays.push(Relay::to(port));
            relays.last().expect("just made").port
        });
        let name = "failover; the old primary is cut off from its replicas, and not from the nodes";
        let mut stage = Stage::set_with_sentinels(name, &redis).await;
        for _ in 0..rounds() {
            let old = redis.primary().expect("a primary");
            stage.fails();
            relays[old].set_silent_inside(true);
            until("another one is the primary", || async { redis.has_failed_over(old) }).await;
            sleep(lease() / 2).await;
            relays[old].set_silent_inside(false);
            stage.recovers().await;
            until("the old one follows", || async { redis.is_whole() }).await;
            sleep(lease() * 2).await;
        }
        stage.end().await;
    });
}

/// The primary is killed while one replica is stopped, so that the other one takes its place: it has not all that was decided.
#[test]
fn a_replica_that_lags_behind_is_promoted() {
    run(async {
        let mut redis = Ensemble::start();
        let name = "failover to a replica that lags behind by a quarter of a lease";
        let mut stage = Stage::set_with_sentinels(name, &redis).await;
        for _ in 0..rounds() {
            let old = redis.primary().expect("a primary");
            let [whole, behind] = redis.replicas(old);
            stage.fails();
            redis.servers[behind].signal("STOP");
            // All that is decided now has one replica, which will not be the primary.
            sleep(lease() / 4).await;
            redis.servers[whole].signal("STOP");
            redis.servers[old].kill();
            redis.servers[behind].signal("CONT");
            until("the one behind is the primary", || async {
                redis.primary() == Some(behind) && redis.has_failed_over(old)
            })
            .await;
            redis.servers[whole].signal("CONT");
            redis.servers[old].start_again();
            stage.recovers().await;
            until("the others follow", || async { redis.is_whole() }).await;
            sleep(lease() * 2).await;
        }
        stage.end().await;
    });
}
