//! Players in rooms of several nodes, who talk and call all the time while something fails, and a history of it all.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::history::{check, files_in, read};
use crate::nodes::{keeper, lease, until};
use crate::number;
use crate::process::Server;
use crate::redis::Redis;
use crate::redis::sentinel::Ensemble;
use crate::relay::{Plant, Relay};
use crate::witness::{self, Shared, Tally};

pub const PLAYERS: usize = 5;
const NODES: usize = 3;

/// A node, and its own way to Redis if it has one.
pub struct Member {
    pub server: Server,
    pub relay: Option<Relay>,
}

/// Players in rooms of several nodes.
pub struct Stage {
    name: &'static str,
    redis: String,
    /// The port of Redis, if each node reaches it through a relay of its own, and what these relays change.
    relays_to: Option<(u16, &'static [Plant])>,
    /// Further settings of nodes.
    args: &'static [&'static str],
    pub nodes: Vec<Member>,
    pub shared: Arc<Shared>,
    pub rooms: usize,
    players: Vec<JoinHandle<()>>,
    /// How long it took until the rooms of failed nodes went on.
    takeovers: Vec<Duration>,
    /// When the last fault came, and how many welcomes there were before.
    since: (Instant, usize),
    rounds: usize,
    /// The longest time without a frame of each player and fault.
    pauses: Vec<Duration>,
    folder: PathBuf,
    nodes_started: usize,
}

impl Stage {
    pub async fn set(name: &'static str, redis: &Redis) -> Self {
        Self::set_over(name, redis.url(), None, &[]).await
    }

    /// Each node reaches Redis through a relay of its own.
    pub async fn set_with_relays(name: &'static str, redis: &Redis) -> Self {
        Self::set_planted(name, redis, &[]).await
    }

    /// The relays change scripts on their way to Redis.
    pub async fn set_planted(name: &'static str, redis: &Redis, plants: &'static [Plant]) -> Self {
        Self::set_over(name, redis.url(), Some((redis.port, plants)), &[]).await
    }

    /// A Redis that fails over by Sentinels. What counts has a replica.
    pub async fn set_with_sentinels(name: &'static str, redis: &Ensemble) -> Self {
        Self::set_over(name, redis.url(), None, &["--redis-replicas", "1"]).await
    }

    async fn set_over(
        name: &'static str,
        redis: String,
        relays_to: Option<(u16, &'static [Plant])>,
        args: &'static [&'static str],
    ) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("history-{}", name.replace([' ', ','], "-")));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let rooms = number("TICKWIRE_FALLING_ROOMS", 6);
        let shared = Arc::new(Shared::noting(0, &folder.join("players")));
        let (nodes, players, takeovers, pauses, rounds, nodes_started) = Default::default();
        let since = (Instant::now(), 0);
        let mut stage = Self {
            name,
            redis,
            relays_to,
            args,
            nodes,
            shared,
            rooms,
            players,
            takeovers,
            since,
            rounds,
            pauses,
            folder,
            nodes_started,
        };
        (0..NODES).for_each(|_| stage.add_node(|command| command));
        let all = (0..rooms).flat_map(|room| (0..PLAYERS).map(move |player| (room, player)));
        let play = |(room, player)| tokio::spawn(witness::play(stage.shared.clone(), room, player));
        stage.players = all.map(play).collect();
        let all = stage.all();
        stage.wait("everybody plays", |tally| tally.playing == all).await;
        stage.wait("they talk", |tally| tally.said.len() == all && tally.replies > 0).await;
        stage
    }

    fn all(&self) -> usize {
        self.rooms * PLAYERS
    }

    /// Starts a node, after `prepare` had its command.
    pub fn add_node(&mut self, prepare: impl FnOnce(Command) -> Command) {
        self.nodes_started += 1;
        let relay = self.relays_to.map(|(port, plants)| Relay::planting(port, plants));
        let url = relay.as_ref().map_or_else(|| self.redis.clone(), Relay::url);
        let log = self.folder.join(format!("node-{:03}", self.nodes_started));
        let server = keeper(&url, &log, |mut command| {
            command.args(self.args);
            prepare(command)
        });
        self.add(Member { server, relay });
    }

    pub fn add(&mut self, node: Member) {
        self.nodes.push(node);
        self.announce();
    }

    fn announce(&self) {
        let urls = self.nodes.iter().map(|node| node.server.url()).collect();
        *self.shared.urls.lock().expect("no player fails") = urls;
    }

    pub async fn wait(&self, what: &str, holds: impl Fn(&Tally) -> bool) {
        until(what, || async {
            assert!(!self.players.iter().any(JoinHandle::is_finished), "{}: {what}: a player has failed", self.name);
            holds(&self.shared.tally())
        })
        .await;
    }

    /// Takes the node with the most rooms away; at least one. Also returns how many these are.
    pub fn fullest(&mut self) -> (Member, f64) {
        let rooms = |node: &Member| node.server.metric("tickwire_rooms");
        let fullest = (0..self.nodes.len()).max_by(|a, b| rooms(&self.nodes[*a]).total_cmp(&rooms(&self.nodes[*b])));
        let node = self.nodes.remove(fullest.expect("nodes"));
        let count = rooms(&node);
        assert!(count > 0.0, "no node has rooms");
        (node, count)
    }

    fn sum(&self, metric: &str) -> f64 {
        self.nodes.iter().map(|node| node.server.metric(metric)).sum()
    }

    /// Rooms that the nodes, without those that were taken away, have taken over.
    pub fn taken_over(&self) -> f64 {
        self.sum("tickwire_rooms_taken_over_total")
    }

    /// Something fails now.
    pub fn fails(&mut self) {
        self.shared.faults();
        self.since = (Instant::now(), self.shared.tally().welcomes);
        self.rounds += 1;
    }

    /// After nodes with so many rooms have failed: waits until others go on with these, and everybody is back.
    pub async fn goes_on(&mut self, taken_before: f64, rooms: f64) {
        let all = self.all();
        self.announce();
        // What is under way still arrives, and shows nothing.
        self.wait("players notice it", |tally| tally.playing < all).await;
        self.shared.crashed();
        until("the rooms go on", || async { self.taken_over() >= taken_before + rooms }).await;
        self.takeovers.push(self.since.0.elapsed());
        self.wait("everybody is back", |tally| tally.playing == all && tally.back == all).await;
        self.take_pauses();
        // A room whose node fails before the directory has heard that it plays counts as one that may have been the cause.
        sleep(lease() / 4).await;
    }

    /// Kills the node with the most rooms while `meanwhile` happens, waits until others go on with its rooms, and replaces it.
    pub async fn fullest_dies(&mut self, meanwhile: impl FnOnce()) {
        let (dies, rooms) = self.fullest();
        let taken = self.taken_over();
        self.fails();
        dies.server.signal("KILL");
        meanwhile();
        self.goes_on(taken, rooms).await;
        self.add_node(|command| command);
    }

    /// After a fault that costs nobody the connection.
    pub async fn is_unharmed(&mut self) {
        self.recovers().await;
        assert_eq!(self.shared.tally().welcomes, self.since.1, "{}: somebody lost the connection", self.name);
    }

    /// Waits until everybody plays and calls are answered.
    pub async fn recovers(&mut self) {
        let (all, before) = (self.all(), self.shared.tally().replies);
        let answered = before + 2 * all as u64;
        self.wait("calls are answered", |tally| tally.replies > answered && tally.playing == all).await;
        self.take_pauses();
    }

    fn take_pauses(&mut self) {
        self.pauses.extend(std::mem::take(&mut self.shared.tally().pauses).into_values());
    }

    /// The end without a judgement: what was noted.
    pub fn break_off(self) -> Vec<PathBuf> {
        self.shared.end();
        self.players.iter().for_each(JoinHandle::abort);
        self.shared.finish_history();
        files_in(&self.folder)
    }

    /// Everybody has heard everything, in one room each, and the history holds. Prints a row of the table.
    pub async fn end(self) {
        self.shared.hush();
        self.wait("everything was heard", Tally::is_complete).await;
        for (name, wanted) in [("tickwire_rooms", self.rooms as f64), ("tickwire_rooms_lost_total", 0.0)] {
            until(name, || async { (self.sum(name) - wanted).abs() < 0.1 }).await;
        }
        self.shared.end();
        for player in self.players {
            player.await.expect("no player fails");
        }
        self.shared.finish_history();
        drop(self.nodes);
        let findings = check(&read(&files_in(&self.folder)), true);
        assert!(findings.faults.is_empty(), "{}: {:#?}", self.name, findings.faults);
        assert!(findings.records > 0 && findings.frames > 0 && findings.commands > 0, "{findings:?}");
        let longest = lease() / 2;
        let (harmed, others): (Vec<_>, Vec<_>) = self.pauses.into_iter().partition(|pause| *pause > longest);
        let tally = self.shared.tally();
        println!(
            "| {} | {} | {} | {} of {} | {} | {} | {} | {} records, {} frames, {} commands: 0 faults |",
            self.name,
            self.rounds,
            shares(self.takeovers),
            harmed.len(),
            harmed.len() + others.len(),
            shares(harmed),
            others.into_iter().max().map_or("-".to_owned(), seconds),
            tally.lines + tally.replies,
            findings.records,
            findings.frames,
            findings.commands,
        );
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn seconds(span: Duration) -> String {
    format!("{:.1} s", span.as_secs_f64())
}

/// The median and the 99th percentile.
fn shares(mut spans: Vec<Duration>) -> String {
    spans.sort();
    let share = |of: usize| spans.get((spans.len() * of / 100).min(spans.len().saturating_sub(1))).copied();
    match (share(50), share(99)) {
        (Some(half), Some(most)) => format!("{} / {}", seconds(half), seconds(most)),
        _ => "-".to_owned(),
    }
}
