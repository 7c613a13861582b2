//! What fails: nodes and Redis, and the way between them.

use std::time::{Duration, Instant};

use tickwire::wire::Close;
use tokio::time::sleep;

use crate::nodes::{any, by_id, lease, listed, node, until};
use crate::player::Player;
use crate::redis::Redis;
use crate::relay::Relay;
use crate::{number, run};

/// Whoever wants to enter a room that may be gone: until it is known to be.
async fn is_gone(url: &str, room: &str) -> Duration {
    let start = Instant::now();
    loop {
        match Player::try_enter(url, by_id(room)).await {
            Err(code) if code == Close::NoSuchRoom.code() => return start.elapsed(),
            Err(code) if code == Close::TryLater.code() || code == Close::Lost.code() => {}
            Err(code) => panic!("refused with {code}"),
            // Its lease has not ended yet.
            Ok(player) => drop(player),
        }
        assert!(start.elapsed() < 4 * lease(), "its lease does not end");
        sleep(Duration::from_millis(100)).await;
    }
}

#[test]
fn the_rooms_of_a_killed_node_are_gone_and_made_anew() {
    run(async {
        for _ in 0..number("TICKWIRE_ROUNDS", 1) {
            let redis = Redis::start_settled();
            let (stays, dies) = (node(&redis.url()), node(&redis.url()));
            let kept = Player::enter(&stays.url(), any(&[("kind", "kept")])).await;
            // A node that is no fuller than the others makes the rooms that it is asked for.
            let lost = Player::enter(&dies.url(), any(&[("kind", "lost")])).await;
            assert_eq!((&kept.place.address, &lost.place.address), (&stays.url(), &dies.url()));
            lost.sees_frames().await;
            dies.signal("KILL");
            assert_eq!(lost.ended().await, Close::Lost.code());
            let took = is_gone(&stays.url(), &lost.place.room).await;
            println!("gone {took:?} after the kill");
            let anew = Player::enter(&stays.url(), any(&[("kind", "lost")])).await;
            assert_eq!(anew.place.address, stays.url());
            assert!(anew.place.room != lost.place.room && anew.place.incarnation > lost.place.incarnation);
            until("the list forgets it", || async { !listed(&stays).await.contains(&lost.place.room) }).await;
            kept.sees_frames().await;
            assert_eq!(kept.seen(|seen| seen.ended), None);
        }
    });
}

#[test]
fn a_node_that_was_stopped_does_not_go_on_with_its_rooms() {
    run(async {
        for _ in 0..number("TICKWIRE_ROUNDS", 1) {
            let redis = Redis::start_settled();
            let (stays, stops) = (node(&redis.url()), node(&redis.url()));
            let kept = Player::enter(&stays.url(), any(&[("kind", "kept")])).await;
            let lost = Player::enter(&stops.url(), any(&[("kind", "lost")])).await;
            assert_eq!(lost.place.address, stops.url());
            lost.sees_frames().await;
            stops.signal("STOP");
            is_gone(&stays.url(), &lost.place.room).await;
            let anew = Player::enter(&stays.url(), any(&[("kind", "lost")])).await;
            let before = lost.seen(|seen| seen.frames);
            stops.signal("CONT");
            assert_eq!(lost.ended().await, Close::LeaseLost.code());
            // One tick may have been under way when the process was stopped.
            let after = lost.seen(|seen| seen.frames);
            assert!(after <= before + 1, "{} frames after the lease", after - before);
            until("it is a node again", || async { stops.health().0 }).await;
            assert!((stops.counted("tickwire_cluster_fenced_total") - 1.0).abs() < 0.1);
            let back = Player::enter(&stops.url(), any(&[("kind", "lost")])).await;
            assert_eq!(back.place.room, anew.place.room, "there is no second room");
            kept.sees_frames().await;
        }
    });
}

fn redis_comes_back(persists: bool) {
    run(async {
        for _ in 0..number("TICKWIRE_ROUNDS", 1) {
            let mut redis = Redis::start_with(persists);
            let nodes = [(); 2].map(|()| node(&redis.url()));
            let one = Player::enter(&nodes[0].url(), any(&[("kind", "one")])).await;
            let two = Player::enter(&nodes[1].url(), any(&[("kind", "two")])).await;
            assert_ne!(one.place.address, two.place.address);
            redis.restart();
            for (player, kind) in [(&one, "one"), (&two, "two")] {
                for node in &nodes {
                    let other = Player::enter(&node.url(), any(&[("kind", kind)])).await;
                    assert_eq!(
                        (&other.place.room, other.place.incarnation),
                        (&player.place.room, player.place.incarnation)
                    );
                    let other = Player::enter(&node.url(), by_id(&player.place.room)).await;
                    assert_eq!(other.place.address, player.place.address);
                }
                player.sees_frames().await;
                assert_eq!(player.seen(|seen| seen.ended), None);
            }
            // And rooms can be made again.
            let more = Player::enter(&nodes[0].url(), any(&[("kind", "more")])).await;
            assert!(more.place.incarnation > one.place.incarnation.max(two.place.incarnation));
        }
    });
}

#[test]
fn a_redis_that_forgot_everything_learns_who_has_which_room() {
    redis_comes_back(false);
}

#[test]
fn a_redis_that_was_started_again_goes_on() {
    redis_comes_back(true);
}

#[test]
fn a_node_without_redis_stands_still_before_its_rooms_are_given_up() {
    run(async {
        for _ in 0..number("TICKWIRE_ROUNDS", 1) {
            let redis = Redis::start_settled();
            let relay = Relay::to(redis.port);
            let (whole, cut) = (node(&redis.url()), node(&relay.url()));
            let kept = Player::enter(&whole.url(), any(&[("kind", "kept")])).await;
            let there = Player::enter(&cut.url(), any(&[("kind", "cut")])).await;
            assert_eq!(there.place.address, cut.url());
            // A short partition: nobody notices, and the node's own rooms can be joined by their id.
            relay.set_silent(true);
            sleep(lease() / 4).await;
            let friend = Player::enter(&cut.url(), by_id(&there.place.room)).await;
            assert_eq!(friend.place.room, there.place.room);
            relay.set_silent(false);
            until("the lease is renewed", || async { cut.metric("tickwire_cluster_redis_connected") > 0.5 }).await;
            sleep(lease()).await;
            there.sees_frames().await;
            assert_eq!(there.seen(|seen| seen.ended), None);
            // A long one.
            relay.set_silent(true);
            let start = Instant::now();
            let gone = start + is_gone(&whole.url(), &there.place.room).await;
            let last = there.seen(|seen| seen.last).expect("it saw frames");
            assert!(last < gone, "it went on {:?} after its room was given up", last - gone);
            assert!(!cut.health().0, "it says so");
            let anew = Player::enter(&whole.url(), any(&[("kind", "cut")])).await;
            relay.set_silent(false);
            assert_eq!(there.ended().await, Close::LeaseLost.code());
            let later = there.seen(|seen| seen.last).expect("it saw frames");
            assert!(later - last < Duration::from_millis(500), "it went on when Redis was back");
            until("it is a node again", || async { cut.health().0 }).await;
            let back = Player::enter(&cut.url(), any(&[("kind", "cut")])).await;
            assert_eq!(back.place.room, anew.place.room, "there is no second room");
            kept.sees_frames().await;
        }
    });
}
