//! A cluster of real processes on a real Redis server: rooms are found from every node, and have one owner whatever fails.
//!
//! `TICKWIRE_JOINS`: how many join at once; `TICKWIRE_ROUNDS`: how often each fault comes; `TICKWIRE_LEASE`: seconds;
//! `TICKWIRE_FALLING_ROOMS`: rooms of five players each, to which the faults of `table` come. Further ones are told where they are used.

#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]

#[macro_use]
#[path = "../../../../tests/delegate/mod.rs"]
mod delegate;
mod builds;
mod channels;
mod compose;
mod faults;
mod fence;
mod handover;
mod herd;
#[path = "../../../../tests/history/mod.rs"]
mod history;
mod moves;
mod nodes;
mod passing;
mod paths;
mod player;
#[path = "../process/mod.rs"]
mod process;
#[path = "../../../../tests/redis/mod.rs"]
mod redis;
mod relay;
mod stage;
mod swarm;
mod table;
#[path = "../crash/player.rs"]
#[allow(dead_code, reason = "guests are not needed here")]
mod witness;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use futures_util::future::join_all;
use nodes::{any, ask, ask_as, by_id, listed, node, node_with, until};
use player::Player;
use process::ports;
use redis::Redis;
use serde_json::Value;
use tickwire::wire::{Close, Join};

/// Runs a test's future.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(test);
}

fn number(name: &str, usual: usize) -> usize {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} = {text}: a number")))
}

#[test]
fn rooms_are_found_from_every_node() {
    run(async {
        let redis = Redis::start_settled();
        let nodes = [(); 3].map(|()| node(&redis.url()));
        let first = Player::enter(&nodes[0].url(), any(&[])).await;
        for node in &nodes {
            let other = Player::enter(&node.url(), any(&[])).await;
            assert_eq!((&other.place.room, &other.place.address), (&first.place.room, &first.place.address));
            assert_eq!(other.place.hops, usize::from(node.url() != first.place.address));
            let again = Player::enter(&node.url(), by_id(&first.place.room)).await;
            assert_eq!(again.place.room, first.place.room);
            again.sees_frames().await;
            until("the room is listed", || async { listed(node).await == [first.place.room.clone()] }).await;
        }
        // A private room is found by its code alone.
        let options = vec![("private".to_owned(), "true".to_owned())];
        let create = Join::Create { game: "arena".to_owned(), options };
        let private = Player::enter(&nodes[1].url(), create).await;
        let guest = Player::enter(&nodes[2].url(), by_id(&private.place.room)).await;
        assert_eq!(guest.place.room, private.place.room);
        assert_eq!(listed(&nodes[1]).await, [first.place.room.as_str()]);
        for (join, wanted) in [
            (by_id("nowhere"), Close::NoSuchRoom),
            (any(&[("private", "true")]), Close::NoSuchRoom),
            (any(&[("capacity", "none")]), Close::NoSuchRoom),
            (Join::Reserved { ticket: "none".to_owned() }, Close::NoSuchRoom),
        ] {
            let refused = Player::try_enter(&nodes[0].url(), join.clone()).await.err();
            assert_eq!(refused, Some(wanted.code()), "{join:?}");
        }
    });
}

#[test]
fn a_party_takes_its_seats_at_any_node() {
    run(async {
        let redis = Redis::start_settled();
        let nodes = [(); 2].map(|()| node(&redis.url()));
        let know_each_other = || async { nodes.iter().all(|node| node.health().1.contains("nodes: 2")) };
        until("both are nodes", know_each_other).await;
        let _first = Player::enter(&nodes[0].url(), any(&[("capacity", "3")])).await;
        let body = r#"{"game": "arena", "options": {"capacity": "3"}, "seats": 2}"#;
        let (status, answer) = ask(&nodes[1], "POST /api/reservations", body).await;
        assert_eq!(status, 200, "{answer}");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let ticket =
            |index: usize| Join::Reserved { ticket: answer["tickets"][index].as_str().expect("a ticket").to_owned() };
        // The seats are taken: others get another room.
        let other = Player::enter(&nodes[0].url(), any(&[("capacity", "3")])).await;
        assert_ne!(other.place.room, answer["room"].as_str().expect("a room"));
        for (index, node) in nodes.iter().enumerate() {
            let guest = Player::enter(&node.url(), ticket(index)).await;
            assert_eq!(guest.place.room, answer["room"].as_str().expect("a room"));
            let again = Player::try_enter(&node.url(), ticket(index)).await.err();
            assert_eq!(again, Some(Close::NoSuchRoom.code()), "a ticket is good once");
        }
    });
}

#[test]
fn a_token_for_one_join_is_good_once_in_the_whole_cluster() {
    run(async {
        const SECRET: (&str, &str) = ("TICKWIRE_TOKEN_SECRET", "a secret of at least 32 bytes, as must be");
        let redis = Redis::start_settled();
        let nodes = [(); 2].map(|()| node_with(&redis.url(), &[SECRET]));
        let sign = |once: &str| {
            let mut command = process::command(env!("CARGO_BIN_EXE_tickwire"));
            let signed =
                command.env(SECRET.0, SECRET.1).args(["token", "--sub", "ada", "--once", once, "--for", "5m"]).output();
            String::from_utf8(signed.expect("it signs").stdout).expect("text").trim().to_owned()
        };
        let room = Player::enter(&nodes[0].url(), any(&[])).await;
        for (node, once) in nodes.iter().zip(["one", "two"]) {
            // Wherever it is shown first, and through a redirect.
            let token = sign(once);
            let first = Player::try_enter_as(&node.url(), by_id(&room.place.room), Some(&token)).await;
            assert_eq!(first.map(|player| player.place.room.clone()).ok(), Some(room.place.room.clone()));
            for node in &nodes {
                let again = Player::try_enter_as(&node.url(), by_id(&room.place.room), Some(&token)).await.err();
                assert_eq!(again, Some(Close::BadToken.code()));
            }
        }
        // A join that comes to nothing uses nothing up.
        let token = sign("three");
        let nowhere = Player::try_enter_as(&nodes[0].url(), by_id("nowhere"), Some(&token)).await.err();
        assert_eq!(nowhere, Some(Close::NoSuchRoom.code()));
        assert!(Player::try_enter_as(&nodes[1].url(), by_id(&room.place.room), Some(&token)).await.is_ok());
    });
}

#[test]
fn an_operator_sees_nodes_and_what_is_wrong() {
    run(async {
        let redis = Redis::start_settled();
        const TOKEN: &str = "a token of at least 32 bytes, as must be";
        let nodes = [(); 2].map(|()| node_with(&redis.url(), &[("TICKWIRE_ADMIN_TOKEN", TOKEN)]));
        let _player = Player::enter(&nodes[0].url(), any(&[])).await;
        let tickwire = |args: &[&str]| {
            let output = process::command(env!("CARGO_BIN_EXE_tickwire")).args(args).output().expect("it starts");
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
        };
        until("a player is counted", || async {
            let listed: Value =
                serde_json::from_str(&tickwire(&["nodes", "--json", "--redis", &redis.url()])).expect("JSON");
            let listed = listed.as_array().expect("a list");
            let sum = |key: &str| listed.iter().map(|node| node[key].as_u64().expect("a number")).sum::<u64>();
            listed.len() == 2 && sum("rooms") == 1 && sum("players") == 1
        })
        .await;
        let table = tickwire(&["nodes", "--redis", &redis.url()]);
        assert!(nodes.iter().all(|node| table.contains(&node.url())), "{table}");
        let (well, text) = nodes[0].health();
        assert!(well && text.contains("redis: connected") && text.contains("nodes: 2"), "{text}");
        let operator = format!("Authorization: Bearer {TOKEN}\r\n");
        let (status, listed) = ask_as(&nodes[1], "GET /admin/api/nodes", &operator, "").await;
        assert_eq!((status, listed.matches("lease_left").count()), (200, 2), "{listed}");
        assert_eq!(ask(&nodes[1], "GET /admin/api/nodes", "").await.0, 401);
        let doctor = |advertise: &str| tickwire(&["doctor", "--redis", &redis.url(), "--advertise", advertise]);
        let found = doctor(&nodes[0].url());
        assert!(found.contains("Redis forgets everything") && !found.contains("advertise ="), "{found}");
        assert!(doctor("ws://127.0.0.1:1/play").contains("advertise = ws://127.0.0.1:1/play"));
        let url = "redis://127.0.0.1:1";
        assert!(tickwire(&["doctor", "--redis", url, "--advertise", "ws://a/play"]).contains("unsafe: redis"));
        for (args, wanted) in [
            (&["serve", "--redis", url][..], "advertise is not"),
            (&["serve", "--redis", url, "--advertise", "ws://a/play", "--data", "x"], "data are both set"),
            (&["nodes"], "this server is alone"),
            (&["nodes", "--redis", url], "redis: "),
        ] {
            let text = tickwire(args);
            assert!(text.contains(wanted) && text.lines().count() == 1, "{text}");
        }
    });
}

#[test]
fn bots_play_in_rooms_of_all_nodes() {
    run(async {
        let redis = Redis::start_settled();
        let nodes = [(); 2].map(|()| node(&redis.url()));
        drop(Player::enter(&nodes[0].url(), any(&[])).await);
        let mut bots = process::command(env!("CARGO_BIN_EXE_tickwire"));
        bots.args(["bots", "--url", &nodes[0].url(), "--players", "24", "--option", "capacity=6", "--verify", "all"]);
        let output = bots.args(["--duration", "3", "--ramp", "1"]).output().expect("it starts");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        // 3: the machine was too slow for a verdict.
        assert!(matches!(output.status.code(), Some(0 | 3)), "{said}");
        let redirects: f64 = nodes.iter().map(|node| node.metric("tickwire_cluster_redirects_total")).sum();
        let matches = |node: &process::Server| node.metric("tickwire_session_endings_total") > 0.0;
        assert!(redirects >= 6.0 && nodes.iter().all(matches), "{redirects} redirects: {said}");
    });
}

#[test]
fn a_storm_of_joins_fills_rooms_exactly() {
    const SEATS: usize = 8;
    run(async {
        let joins = number("TICKWIRE_JOINS", 240);
        let redis = Redis::start_settled();
        let nodes = [(); 3].map(|()| node(&redis.url()));
        // Rooms can be made from now on.
        drop(Player::enter(&nodes[0].url(), any(&[])).await);
        let (capacity, start) = (SEATS.to_string(), Instant::now());
        let options = [("capacity", capacity.as_str()), ("tick_rate", "2")];
        let join = |index: usize| {
            let url = nodes[index % nodes.len()].url();
            async move { Player::enter(&url, any(&options)).await }
        };
        let players: Vec<Player> = join_all((0..joins).map(join)).await;
        let took = start.elapsed();
        let (mut rooms, mut owners) = (BTreeMap::<&str, usize>::new(), BTreeMap::<&str, BTreeSet<_>>::new());
        for player in &players {
            *rooms.entry(&player.place.room).or_default() += 1;
            owners.entry(&player.place.room).or_default().insert((&player.place.address, player.place.incarnation));
        }
        assert!(rooms.values().all(|players| *players <= SEATS), "{rooms:?}");
        assert_eq!(rooms.len(), joins.div_ceil(SEATS), "{rooms:?}");
        assert!(owners.values().all(|owners| owners.len() == 1), "{owners:?}");
        let used: BTreeSet<_> = owners.values().flatten().map(|(address, _)| address).collect();
        assert_eq!(used.len(), nodes.len(), "all nodes have rooms");
        println!("{joins} joins at once: {} rooms in {took:?}; {}", rooms.len(), herd::scripts(&redis));
    });
}
