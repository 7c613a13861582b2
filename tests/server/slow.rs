//! Clients that read slowly or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use socket2::SockRef;
use tickwire::game::{Context, Game, Move, Observer, Spec};
use tickwire::server::Config;
use tickwire::snapshot::{Field, InputSchema, Kind, Schema, Shape};
use tickwire::tick::Tick;
use tickwire::wire::{Join, Rule};
use tickwire::{EntityId, KindId, Seat, ZoneId};

use crate::support::{ALONE, Aside, Budget, Player, TestServer, wait_for};

#[test]
fn a_stopped_reader_is_evicted_and_disturbs_nobody() {
    let _alone = ALONE.lock();
    let server = TestServer::start();
    let neighbour = Player::arena(&server).aside();
    let crowd: Vec<Aside> = (0..20).map(|_| Player::arena(&server).aside()).collect();
    let mut stopped = Player::arena(&server);
    SockRef::from(&stopped.raw.stream).set_recv_buffer_size(4096).expect("a socket");
    stopped.frame().expect("a frame");
    let start = Instant::now();
    wait_for(
        || server.metric("tickwire_session_endings_total{reason=\"slow_consumer\"}") == 1.0,
        "the stopped reader is evicted",
    );
    let gone_after = start.elapsed();
    assert!((4..10).contains(&gone_after.as_secs()), "{gone_after:?}");
    assert!(neighbour.back().longest_advance <= 3);
    assert_eq!(server.metric("tickwire_skipped_ticks_total"), 0.0);
    let descriptors = open_descriptors();
    crowd.into_iter().for_each(|aside| _ = aside.back());
    server.wait_for_metric("tickwire_sessions", 0.0);
    // Two ends and the server's second handle for each of the 22 connections, all in this process.
    wait_for(|| open_descriptors() + 3 * 20 <= descriptors, "descriptors are freed");
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("linux").count()
}

/// Sixty dots that jitter by themselves: a world in which nothing can be predicted.
struct Restless(Vec<(EntityId, i32, i32)>);

impl Game for Restless {
    fn spec(&self) -> Spec {
        let place = Shape::Fixed { min: 0, max: 6400, per_unit: 64 };
        let dot = Kind::new("dot", vec![Field::linear("x", place.clone()), Field::linear("y", place)]);
        Spec {
            schema: Arc::new(Schema::new(vec![dot]).expect("a valid schema")),
            inputs: InputSchema::new(Vec::new()).expect("no inputs"),
            rule: Rule::Steer,
            capacity: 10,
            properties: Vec::new(),
        }
    }
    fn join(&mut self, _: &tickwire::Player, cx: &mut Context) -> Result<EntityId, String> {
        while self.0.len() < 60 {
            self.0.push((cx.spawn(), 3200, 3200));
        }
        Ok(cx.spawn())
    }
    fn leave(&mut self, _: Seat, _: &mut Context) {}
    fn step(&mut self, _: &[Move], cx: &mut Context) {
        for (_, x, y) in &mut self.0 {
            *x = (*x + cx.below(129).cast_signed() - 64).clamp(0, 6400);
            *y = (*y + cx.below(129).cast_signed() - 64).clamp(0, 6400);
        }
    }
    fn observe(&self, out: &mut Observer) {
        self.0.iter().for_each(|(id, x, y)| out.row(ZoneId(0), KindId(0), *id, &[*x, *y]));
    }
}

#[test]
fn a_reader_at_a_tenth_of_the_rate_stays_near_the_present() {
    let _alone = ALONE.lock();
    let config = Config { workers: 1, room_threads: 1, ..Config::default() };
    let server = TestServer::with(config, |server| server.game("restless", |_| Ok(Box::new(Restless(Vec::new())))));
    let join = || Join::JoinOrCreate { game: "restless".to_owned(), options: Vec::new() };
    let mut quick = Player::join(&server, join()).expect("a seat");
    quick.frame().expect("a frame");
    let (start, before) = (Instant::now(), quick.raw.received);
    while start.elapsed() < Duration::from_secs(2) {
        quick.frame().expect("the session goes on");
    }
    let needed = (quick.raw.received - before) as f64 / start.elapsed().as_secs_f64();
    let present = Arc::new(AtomicU32::new(0));
    let quick = quick.telling(present.clone()).aside();

    let mut slow = Player::join(&server, join()).expect("a seat");
    SockRef::from(&slow.raw.stream).set_recv_buffer_size(2048).expect("a socket");
    slow.raw.budget = Some(Budget::new(needed / 10.0));
    let start = Instant::now();
    let mut staleness = Vec::new();
    while start.elapsed() < Duration::from_secs(20) {
        let arrived = slow.frame().expect("a slow reader is not thrown out");
        let behind = Tick(present.load(Ordering::Relaxed)).since(arrived.tick);
        if start.elapsed() > Duration::from_secs(5) {
            staleness.push(f64::from(behind) / 20.0);
        }
    }
    quick.back();
    staleness.sort_by(f64::total_cmp);
    let worst = staleness.last().expect("frames came");
    let median = staleness[staleness.len() / 2];
    println!(
        "needed {needed:.0} B/s; at a tenth: {} frames in 15 s, {median:.2} s old in the median, {worst:.2} s at worst",
        staleness.len()
    );
    assert!(*worst <= 1.0, "{worst} s behind");
    assert!(staleness.len() >= 10, "{}", staleness.len());
}
