//! Large clusters in virtual time, and histories of small ones.
//!
//! The directory is the model that `cluster_model` compares with the scripts; what each script costs was measured on a real Redis.
//! `TICKWIRE_CROWD=1000` simulates so many nodes with 100 rooms each and prints what Redis does; without it, there are a few.

mod histories;
#[path = "../history/mod.rs"]
mod history;
mod leases;
mod server;
mod world;

use std::collections::BTreeMap;

use server::{Cost, Server};
use tickwire::engine::cluster::{LeaseState, Script};
use world::{Plan, SECOND, World};

const ROOMS_PER_NODE: usize = 100;
const SEATS: usize = 4;
const STAYS: u64 = 600 * SECOND;

/// What `scripts/redis-costs` printed for 100 and for 1,000 nodes, with 100 rooms each, on a busy machine: microseconds of the
/// server's thread.
fn costs(nodes: usize) -> BTreeMap<Script, Cost> {
    let cost = |micros, per_kib| Cost { micros, per_kib };
    let of = |script| match script {
        Script::Find => cost(200.0, 0.0),
        Script::List => cost(250.0 + 3.0 * nodes as f64, 1.5),
        Script::Append => cost(95.0, 4.0),
        Script::Journal => cost(90.0, 2.5),
        Script::Publish => cost(75.0, 3.5),
        Script::Register => cost(1450.0, 0.0),
        Script::Redeem | Script::ById | Script::HandOver => cost(120.0, 0.0),
        _ => cost(115.0, 0.0),
    };
    Script::ALL.into_iter().map(|script| (script, of(script))).collect()
}

/// A cluster whose rooms are full of players who come and go.
fn crowded(nodes: usize, keeps_journal: bool) -> World {
    let plan = Plan { seed: 1, nodes, keeps_journal, stays: STAYS, is_fenced: true };
    let mut world = World::new(plan, Server::new(costs(nodes), nodes));
    world.pass(10 * SECOND);
    let players = nodes * ROOMS_PER_NODE * SEATS;
    // They come within a minute, which costs nothing; from then on as many come as leave.
    world.welcome(players as f64 / 60.0, false);
    world.pass(60 * SECOND);
    world.welcome(players as f64 / (STAYS / SECOND) as f64, true);
    world.server.takes_time = true;
    world
}

/// Lets so many seconds pass, and prints what Redis did.
fn observe(what: &str, world: &mut World, seconds: u64) -> f64 {
    world.server.take_loads(1.0);
    world.pass(seconds * SECOND);
    let longest = world.server.longest / 1000.0;
    let (share, loads) = world.server.take_loads(seconds as f64);
    let bytes: u64 = loads.values().map(|load| load.bytes).sum();
    let calls: u64 = loads.values().map(|load| load.calls).sum();
    let held = world.nodes.iter().filter(|node| node.lease.state(world.moment()) == LeaseState::Held).count();
    println!(
        "{what}: {} rooms, {} players, {held} nodes hold a lease; {} calls/s, {:.1} MiB/s, {:.0} % of the thread, longest wait \
         {longest:.0} ms",
        world.rooms(),
        world.players,
        calls / seconds,
        bytes as f64 / seconds as f64 / 1024.0 / 1024.0,
        share * 100.0,
    );
    for (script, load) in &loads {
        let (calls, share) = (load.calls as f64 / seconds as f64, load.micros / seconds as f64 / 1e4);
        println!("    {script:?}: {calls:.1}/s, {share:.1} %");
    }
    share
}

fn nodes() -> usize {
    std::env::var("TICKWIRE_CROWD").map_or(12, |text| text.parse().expect("TICKWIRE_CROWD is a number"))
}

/// Kills some nodes; returns how long it took until each of their rooms went on, sorted, in milliseconds.
fn kill(world: &mut World, count: usize) -> Vec<u64> {
    let rooms: usize = world.nodes[..count].iter().map(|node| node.rooms.len()).sum();
    let (lost, before) = (world.fallen.len(), world.takeovers.len());
    (0..count).for_each(|node| world.kill(node));
    for _ in 0..60 {
        world.pass(SECOND);
        if world.fallen.len() == lost {
            break;
        }
    }
    let mut took: Vec<u64> = world.takeovers[before..].iter().map(|micros| micros / 1000).collect();
    took.sort_unstable();
    println!("{count} nodes fail: {} of {rooms} rooms go on within a minute", took.len());
    assert!(took.len() == rooms || is_large(), "{} rooms did not go on", world.fallen.len() - lost);
    took
}

/// Whether the cluster may be too large for one Redis.
fn is_large() -> bool {
    nodes() > 50
}

#[test]
fn rooms_of_many_nodes_go_on_wherever_nodes_fail() {
    let mut world = crowded(nodes(), true);
    observe("with takeover", &mut world, 20);
    for count in [1, (nodes() / 20).max(2)] {
        let took = kill(&mut world, count);
        let share = |of: usize| took[(took.len() * of / 100).min(took.len() - 1)];
        println!("    after {} ms (p50), {} ms (p99)", share(50), share(99));
        assert!(share(99) < 12_000 || is_large(), "they were late");
        observe("after it", &mut world, 10);
    }
    let rooms: usize = world.nodes.iter().filter(|node| node.is_up).map(|node| node.rooms.len()).sum();
    // But for those that come and go.
    assert!(
        is_large() || rooms.abs_diff(world.server_rooms()) * 50 <= rooms,
        "the directory has other rooms than the nodes"
    );
}

#[test]
fn a_redis_that_forgot_everything_learns_of_all_rooms_within_a_lease() {
    let mut world = crowded(nodes(), false);
    let share = observe("without takeover", &mut world, 20);
    assert!(is_large() || share < 0.5, "they need more than half a Redis");
    let (rooms, refused) = (world.rooms(), world.refused);
    world.server.forget();
    observe("after it forgot everything", &mut world, 8);
    // Rooms come and go meanwhile, but none is lost.
    assert!(is_large() || world.rooms() * 100 > rooms * 95, "{} of {rooms} rooms are left", world.rooms());
    println!("{} joins were told to come back later", world.refused - refused);
    observe("and then", &mut world, 10);
}
