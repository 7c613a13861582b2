//! How long players have no frame while their room goes on at another node.
//!
//! `TICKWIRE_MOVED`: how many players are in one room; `TICKWIRE_SPREAD`: how many are in rooms of ten. Prints a row for each: players,
//! rooms, the longest time between two frames (p50 / p99 / max), and how busy the bots were, which share the machine.

use std::path::Path;
use std::time::Duration;

use tokio::time::sleep;

use crate::nodes::{free_port, node_secured, until};
use crate::redis::Redis;
use crate::swarm::{Swarm, assert_faultless, nodes_of, sum};
use crate::{number, run};

/// A certificate and its key, in files.
struct Pair {
    cert: String,
    key: String,
}

impl Pair {
    fn write(name: &str) -> Self {
        let file = |end: &str| Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.{end}"));
        let wanted = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a name");
        let key = rcgen::KeyPair::generate().expect("a key");
        let made = wanted.self_signed(&key).expect("a certificate");
        let write = |end: &str, text: String| {
            std::fs::write(file(end), text).expect("a writable folder");
            file(end).display().to_string()
        };
        Self { cert: write("crt", made.pem()), key: write("key", key.serialize_pem()) }
    }
}

/// Players in so many rooms move twice: there, and on to a third node.
fn all_move(players: usize, rooms: usize, is_secured: bool) {
    run(async {
        let redis = Redis::start_settled();
        let pair = Pair::write(&format!("moved-{players}-{rooms}-{is_secured}"));
        let secured = is_secured.then_some((pair.cert.as_str(), pair.key.as_str()));
        let start = || node_secured(free_port(), &redis.url(), secured);
        let mut at = start();
        // Bots try once.
        until("the first one is a node", || async { nodes_of(&redis.url()).len() == 1 }).await;
        sleep(Duration::from_millis(500)).await;
        let url = |port: u16| {
            if is_secured { format!("wss://localhost:{port}/play") } else { format!("ws://127.0.0.1:{port}/play") }
        };
        let capacity = format!("capacity={}", players / rooms);
        let (count, trust) = (players.to_string(), ["--ca", pair.cert.as_str()]);
        let ramp = (players / 50 + 1).to_string();
        let args = ["--players", &count, "--option", &capacity, "--verify", "4", "--ramp", &ramp];
        let trust = if is_secured { &trust[..] } else { &[] };
        let swarm = Swarm::start(&url(at.port), &[&args[..], trust].concat());
        let all_at = |port: u16| {
            let redis = redis.url();
            move || {
                let nodes = nodes_of(&redis);
                async move { sum(&nodes, &format!(":{port}/"), "players") == players as u64 }
            }
        };
        until("all play", all_at(at.port)).await;
        for _ in 0..2 {
            let next = start();
            until("the other is a node", || async { nodes_of(&redis.url()).len() == 2 }).await;
            sleep(Duration::from_secs(2)).await;
            at.signal("TERM");
            until("all play there", all_at(next.port)).await;
            sleep(Duration::from_secs(2)).await;
            at.wait();
            at = next;
        }
        let report = swarm.end();
        assert_faultless(&report);
        let moves = &report["moves"];
        let figure = |name: &str| moves[name].as_f64().expect("a number");
        let bots = report["load"]["bots"].as_f64().unwrap_or(0.0) * 100.0;
        println!(
            "| {players} | {rooms} | {} | {:.0} / {:.0} / {:.0} ms | {bots:.0} % |",
            if is_secured { "TLS" } else { "plain" },
            figure("p50_ms"),
            figure("p99_ms"),
            figure("max_ms"),
        );
        assert_eq!(moves["count"], 2 * players, "everybody has moved twice");
    });
}

#[test]
fn one_full_room_moves() {
    all_move(number("TICKWIRE_MOVED", 20), 1, false);
}

#[test]
fn one_full_room_moves_over_tls() {
    all_move(number("TICKWIRE_MOVED", 20), 1, true);
}

#[test]
fn many_rooms_move() {
    let players = number("TICKWIRE_SPREAD", 20);
    all_move(players, players / 10, false);
}

#[test]
fn many_rooms_move_over_tls() {
    let players = number("TICKWIRE_SPREAD", 20);
    all_move(players, players / 10, true);
}
