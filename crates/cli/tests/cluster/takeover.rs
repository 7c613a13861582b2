//! Nodes that fail, whose rooms go on at others: nothing that a player was told is lost or comes twice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::nodes::{LEASE, keeper, until};
use crate::process::Server;
use crate::redis::Redis;
use crate::witness::{self, Shared, Tally};
use crate::{number, run};

const PLAYERS: usize = 5;
const NODES: usize = 3;

/// Players in rooms of several nodes.
struct Stage {
    nodes: Vec<Server>,
    shared: Arc<Shared>,
    rooms: usize,
    players: Vec<JoinHandle<()>>,
    takeovers: Vec<Duration>,
}

impl Stage {
    async fn set(redis: &Redis) -> Self {
        let nodes: Vec<Server> = (0..NODES).map(|_| keeper(&redis.url())).collect();
        let rooms = number("TICKWIRE_FALLING_ROOMS", 6);
        let shared = Arc::new(Shared::new(nodes[0].port));
        let all = (0..rooms).flat_map(|room| (0..PLAYERS).map(move |player| (room, player)));
        let play = |(room, player)| tokio::spawn(witness::play(shared.clone(), room, player));
        let players = all.map(play).collect();
        let stage = Self { nodes, shared: shared.clone(), rooms, players, takeovers: Vec::new() };
        stage.announce();
        stage.wait("everybody plays", |tally| tally.playing == rooms * PLAYERS).await;
        stage.wait("they talk", |tally| tally.said.len() == rooms * PLAYERS && tally.replies > 0).await;
        stage
    }

    fn announce(&self) {
        *self.shared.urls.lock().expect("no player fails") = self.nodes.iter().map(Server::url).collect();
    }

    async fn wait(&self, what: &str, holds: impl Fn(&Tally) -> bool) {
        until(what, || async {
            assert!(!self.players.iter().any(JoinHandle::is_finished), "{what}: a player has failed");
            holds(&self.shared.tally())
        })
        .await;
    }

    /// Takes the node with the most rooms away; at least one.
    fn fullest(&mut self) -> (Server, f64) {
        let rooms = |node: &Server| node.metric("tickwire_rooms");
        let fullest = (0..self.nodes.len()).max_by(|a, b| rooms(&self.nodes[*a]).total_cmp(&rooms(&self.nodes[*b])));
        let node = self.nodes.remove(fullest.expect("nodes"));
        let count = rooms(&node);
        assert!(count > 0.0, "no node has rooms");
        (node, count)
    }

    fn taken_over(&self) -> f64 {
        self.nodes.iter().map(|node| node.metric("tickwire_rooms_taken_over_total")).sum()
    }

    /// After a node with so many rooms has failed: waits until the others go on with these, and everybody is back.
    async fn goes_on(&mut self, taken_before: f64, rooms: f64) {
        let (start, all) = (Instant::now(), self.rooms * PLAYERS);
        self.announce();
        // What is under way still arrives, and ends no gap.
        self.wait("players notice it", |tally| tally.playing < all).await;
        self.shared.crashed();
        until("the rooms go on", || async { self.taken_over() >= taken_before + rooms }).await;
        self.takeovers.push(start.elapsed());
        // Only they lost their connection; a frame shows the others that the node of theirs still serves.
        self.wait("everybody is back", |tally| tally.playing == all && tally.back == all).await;
    }

    /// Everybody has heard everything, in one room each.
    async fn end(self) {
        self.shared.hush();
        self.wait("everything was heard", Tally::is_complete).await;
        for (name, wanted) in [("tickwire_rooms", self.rooms as f64), ("tickwire_rooms_lost_total", 0.0)] {
            until(name, || async {
                let sum: f64 = self.nodes.iter().map(|node| node.metric(name)).sum();
                (sum - wanted).abs() < 0.1
            })
            .await;
        }
        self.shared.end();
        for player in self.players {
            player.await.expect("no player fails");
        }
        let tally = self.shared.tally();
        let share = |sorted: &[Duration], of: usize| sorted[(sorted.len() * of / 100).min(sorted.len() - 1)];
        // Of those whose node failed.
        let mut gaps: Vec<Duration> = tally.gaps.iter().copied().filter(|gap| *gap > LEASE / 2).collect();
        gaps.sort();
        let mut takeovers = self.takeovers;
        takeovers.sort();
        println!(
            "{} rooms of {PLAYERS}: {} lines and {} replies, each once; rooms taken over after {:?} (p50) and {:?} (p99), \
             lease {LEASE:?}; {} players without a frame for {:?} (p50) and {:?} (p99)",
            self.rooms,
            tally.lines,
            tally.replies,
            share(&takeovers, 50),
            share(&takeovers, 99),
            gaps.len(),
            share(&gaps, 50),
            share(&gaps, 99),
        );
    }
}

#[test]
fn rooms_of_a_killed_node_go_on_with_everybody_in_them() {
    run(async {
        let redis = Redis::start_settled();
        let mut stage = Stage::set(&redis).await;
        for _ in 0..number("TICKWIRE_ROUNDS", 2) {
            let (dies, rooms) = stage.fullest();
            let taken = stage.taken_over();
            dies.signal("KILL");
            stage.goes_on(taken, rooms).await;
            stage.nodes.push(keeper(&redis.url()));
            stage.announce();
        }
        stage.end().await;
    });
}

#[test]
fn a_node_that_was_stopped_is_refused_and_its_rooms_are_elsewhere() {
    run(async {
        let redis = Redis::start_settled();
        let mut stage = Stage::set(&redis).await;
        for _ in 0..number("TICKWIRE_ROUNDS", 1) {
            let (stops, rooms) = stage.fullest();
            let taken = stage.taken_over();
            let fenced = stops.counted("tickwire_cluster_fenced_total");
            stops.signal("STOP");
            stage.goes_on(taken, rooms).await;
            stops.signal("CONT");
            until("its rooms have ended", || async { stops.metric("tickwire_rooms") < 0.5 }).await;
            until("it is a node again", || async { stops.health().0 }).await;
            assert!((stops.counted("tickwire_cluster_fenced_total") - fenced - 1.0).abs() < 0.1);
            stage.nodes.push(stops);
            stage.announce();
        }
        stage.end().await;
    });
}

/// A node dies, and Redis is started again before or after that.
fn redis_is_started_again(persists: bool) {
    run(async {
        let mut redis = Redis::start_with(persists);
        let mut stage = Stage::set(&redis).await;
        for _ in 0..number("TICKWIRE_ROUNDS", 1) {
            if !persists {
                // What Redis has forgotten it gets again from those who live.
                redis.restart();
                until("all are registered again", || async { stage.nodes.iter().all(|node| node.health().0) }).await;
                sleep(2 * LEASE).await;
            }
            let (dies, rooms) = stage.fullest();
            let taken = stage.taken_over();
            dies.signal("KILL");
            if persists {
                redis.restart();
            }
            stage.goes_on(taken, rooms).await;
            stage.nodes.push(keeper(&redis.url()));
            stage.announce();
        }
        stage.end().await;
    });
}

#[test]
fn rooms_go_on_when_their_node_and_redis_fail_at_once() {
    redis_is_started_again(true);
}

#[test]
fn a_redis_that_forgot_everything_gets_the_journals_again() {
    redis_is_started_again(false);
}
