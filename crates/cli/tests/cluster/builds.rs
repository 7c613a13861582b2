//! A rolling deploy of another build: the rooms go on there with everybody in them, if it leads them where they went; if not, it gets
//! none.
//!
//! `TICKWIRE_DEPLOYED`: how many players are in rooms of ten.

use std::time::Duration;

use tickwire::Server as GameServer;
use tickwire::game::{Context, Game, PlayerInput, RoomSetup, SetupError};
use tickwire::server::Config;
use tokio::time::sleep;

use crate::nodes::{free_port, lease, until};
use crate::process::{Server, command};
use crate::redis::Redis;
use crate::swarm::{Swarm, assert_faultless, nodes_of, sum};
use crate::{number, run};

const CONFIG: &str = "NODE_CONFIG";
const BUILD: &str = "NODE_BUILD";

/// An arena; in the build `odd`, nobody in it can walk.
struct Built {
    arena: Box<dyn Game>,
    is_odd: bool,
}

impl Game for Built {
    delegate!(arena: spec, join, leave, write_snapshot, save, load);

    fn step(&mut self, inputs: &[PlayerInput], cx: &mut Context) {
        let changed: Vec<PlayerInput> = inputs.iter().map(|input| self.changed(*input)).collect();
        self.arena.step(&changed, cx);
    }
}

impl Built {
    fn changed(&self, mut input: PlayerInput) -> PlayerInput {
        if self.is_odd {
            input.input[1] = 0;
        }
        input
    }
}

#[test]
#[ignore = "the nodes of the other test"]
fn serves_a_build() {
    let Ok(config) = std::env::var(CONFIG) else { return };
    let config: Config = serde_json::from_str(&config).expect("a configuration");
    let build = std::env::var(BUILD).expect("a name");
    let is_odd = build == "odd";
    let (_, make) = tickwire_games::builtin().into_iter().find(|(name, _)| *name == "arena").expect("there is one");
    let arena = move |setup: &RoomSetup| -> Result<Box<dyn Game>, SetupError> {
        Ok(Box::new(Built { arena: make(setup)?, is_odd }))
    };
    GameServer::new(config).build(&build).game("arena", arena).serve().expect("it serves");
}

/// A node of this build, as this program once more.
fn node(redis: &str, build: &str) -> Server {
    let port = free_port();
    let config = serde_json::json!({
        "bind": format!("127.0.0.1:{port}"), "workers": 1, "room_threads": 1, "redis": redis, "lease": lease().as_secs(),
        "advertise": format!("ws://127.0.0.1:{port}/play"), "takeover": true, "rehearse": true,
    });
    let mut node = command(std::env::current_exe().expect("a program"));
    node.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    node.args(["--ignored", "--exact", "builds::serves_a_build"]);
    Server::await_on(port, node.env(CONFIG, config.to_string()).env(BUILD, build))
}

#[test]
fn a_deploy_of_another_build_moves_everybody_or_nobody() {
    run(async {
        let players = number("TICKWIRE_DEPLOYED", 20);
        let redis = Redis::start_settled();
        let nodes: Vec<Server> = (0..3).map(|_| node(&redis.url(), "one")).collect();
        until("all are nodes", || async { nodes.iter().all(|node| node.health().0) }).await;
        let (count, ramp) = (players.to_string(), (players / 50 + 1).to_string());
        let args = ["--players", &count, "--option", "capacity=10", "--verify", "all", "--ramp", &ramp];
        let swarm = Swarm::start(&nodes[0].url(), &args);
        let all_play = || async { sum(&nodes_of(&redis.url()), "", "players") == players as u64 };
        until("all play", all_play).await;
        // Some seconds of everybody's inputs.
        sleep(Duration::from_secs(4)).await;
        let odd = node(&redis.url(), "odd");
        until("its rehearsal fails", || async { odd.health().1.contains("elsewhere") }).await;
        let (_, told) = odd.health();
        assert!(!odd.health().0 && odd.metric("tickwire_cluster_rooms_differ") > 0.5, "{told}");
        println!("the other build says: {}", told.trim());
        let mut deployed = Vec::new();
        for old in nodes {
            let next = node(&redis.url(), "two");
            until("its rehearsal is over", || async { next.health().0 }).await;
            deployed.push(next);
            old.end("TERM");
            until("all play on", all_play).await;
        }
        assert!(odd.metric("tickwire_rooms") < 0.5, "it gets nothing, whichever node stops");
        sleep(Duration::from_secs(2)).await;
        let report = swarm.end();
        assert_faultless(&report);
        let moves = &report["moves"];
        println!("{players} players, gaps: {moves}; {} bots compared hashes", report["verified"]);
    });
}
