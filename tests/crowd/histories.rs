//! What the check of histories finds, and that the histories of a directory with a fence are free of it.

use std::collections::BTreeMap;

use tickwire::engine::cluster::LeaseState;

use crate::history::{Findings, History, Note, check};
use crate::server::Server;
use crate::world::{Plan, SECOND, World};

fn safe(source: usize, incarnation: u64, tick: u32, sent: u64, at: u64) -> (usize, Note) {
    (source, Note::Safe { room: "r".to_owned(), incarnation, tick, sent, at })
}

fn faults(history: &History) -> Vec<String> {
    check(history, true).faults
}

/// One fault, which says this.
fn has(history: &History, wanted: &str) {
    let found = faults(history);
    assert!(found.len() == 1 && found[0].contains(wanted), "{wanted}: {found:?}");
}

#[test]
fn owners_that_follow_each_other_are_no_fault() {
    let mut history = vec![safe(0, 1, 1, 10, 20), safe(0, 1, 2, 20, 30), safe(1, 2, 2, 50, 60), safe(1, 2, 3, 60, 70)];
    assert_eq!(faults(&history), [""; 0]);
    // It may have been safe before: the node was stopped until it heard.
    history.push(safe(0, 1, 3, 40, 90));
    assert_eq!(faults(&history), [""; 0]);
}

#[test]
fn two_owners_are_found() {
    has(&vec![safe(0, 1, 1, 10, 20), safe(1, 2, 1, 30, 40), safe(0, 1, 2, 41, 50)], "two owners");
    has(&vec![safe(0, 1, 1, 10, 20), safe(1, 1, 2, 30, 40)], "at 2 nodes");
    let begins = |source| (source, Note::Begins { room: "r".to_owned(), incarnation: 1, at: 5 });
    has(&vec![begins(0), begins(1)], "at 2 nodes");
    has(&vec![safe(0, 1, 7, 10, 20), safe(0, 1, 6, 30, 40)], "tick 6 after tick 7");
}

#[test]
fn what_players_were_told_wrongly_is_found() {
    let (room, player) = (0, 0);
    let welcomed = |incarnation, fresh| (9, Note::Welcomed { room, player, incarnation, fresh });
    let frame = |tick| (9, Note::Frame { room, player, tick });
    let called = |command| (9, Note::Called { room, player, command });
    let replied = |command| (9, Note::Replied { room, player, command });
    let said = |line| (9, Note::Said { room, player, line });
    let heard = |line| (9, Note::Heard { room, player, speaker: 0, line });
    let well =
        vec![welcomed(1, true), frame(5), called(1), replied(1), welcomed(2, false), frame(4), said(1), heard(1)];
    assert_eq!(faults(&well), [""; 0]);
    has(&vec![welcomed(1, true), frame(5), frame(4)], "goes back");
    has(&vec![welcomed(2, true), frame(5), welcomed(1, false), frame(6)], "goes back");
    has(&vec![called(1), replied(1), replied(1)], "2 times");
    has(&vec![replied(1)], "not sent");
    has(&vec![called(1)], "never answered");
    has(&vec![said(1), said(2), heard(1), heard(1), heard(2)], "done twice");
    has(&vec![said(1), said(2), said(3), heard(1), heard(3)], "lost before it");
    has(&vec![said(1), said(2), heard(1)], "last one heard is 1");
}

/// A small cluster whose nodes are stopped and cut off at random; what its journal has taken.
fn run(seed: u64, is_fenced: bool) -> Findings {
    let plan = Plan { seed, nodes: 4, keeps_journal: true, stays: 1000 * SECOND, is_fenced };
    let mut world = World::new(plan, Server::new(crate::costs(4), 4));
    world.pass(10 * SECOND);
    world.history = Some(History::new());
    world.welcome(8.0, false);
    world.pass(3 * SECOND);
    world.welcome(0.1, false);
    for _ in 0..6 {
        let node = world.below(4) as usize;
        let (stops, lasts) = (world.below(2) == 0, u64::from(world.below(20)) * SECOND + SECOND);
        (world.nodes[node].is_stopped, world.nodes[node].is_cut) = (stops, !stops);
        world.pass(lasts);
        (world.nodes[node].is_stopped, world.nodes[node].is_cut) = (false, false);
        world.pass(4 * SECOND);
    }
    assert!(world.nodes.iter().any(|node| node.lease.state(world.moment()) == LeaseState::Held));
    check(&world.history.take().expect("it was begun"), false)
}

#[test]
fn a_fence_that_is_wrong_is_found() {
    let mut found = BTreeMap::new();
    for seed in 0..10 {
        let right = run(seed, true);
        assert_eq!(right.faults, [""; 0], "seed {seed}");
        assert!(right.records > 100 && right.incarnations > 1, "{right:?}");
        let wrong = run(seed, false).faults;
        found.insert(seed, wrong.iter().filter(|fault| fault.contains("two owners")).count());
    }
    assert!(found.values().filter(|count| **count > 0).count() >= 5, "{found:?}");
}
