//! Clients that read slowly or not at all.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use socket2::SockRef;
use tickwire::engine::Client;
use tickwire::game::{Context, Game, PlayerInput, Refused, SnapshotWriter, Spec};
use tickwire::server::Server;
use tickwire::snapshot::{Field, InputSchema, Kind, Schema, Shape};
use tickwire::tick::Tick;
use tickwire::wire::{Authority, Join};
use tickwire::{EntityId, KindId, Seat};

use crate::support::{Aside, Budget, Player, Raw, SUBPROTOCOL, TestServer, wait_for};

#[test]
fn a_stopped_reader_is_evicted_and_disturbs_nobody() {
    let server = TestServer::alone(|server| server);
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
    assert!(neighbour.back().was_undisturbed());
    assert_eq!(server.metric("tickwire_skipped_ticks_total"), 0.0);
    let descriptors = open_descriptors();
    crowd.into_iter().for_each(|aside| _ = aside.back());
    server.wait_for_metric("tickwire_sessions", 0.0);
    // Two ends and the server's second handle for each of the 22 connections, all in this process.
    wait_for(|| open_descriptors() + 3 * 20 <= descriptors, "descriptors are freed");
}

#[test]
fn a_stopped_reader_holds_little_memory() {
    const READERS: usize = 8;
    const MOST: usize = 128 * 1024;
    let server = Restless::server(3000);
    let join = || {
        let player = Player::join(&server, Restless::join()).expect("a seat");
        // What this side's kernel took in would not count as held.
        SockRef::from(&player.raw.stream).set_recv_buffer_size(4096).expect("a socket");
        player.aside()
    };
    let players: Vec<Aside> = (0..READERS).map(|_| join()).collect();
    // Time enough for every session to trust its client with a wide window.
    std::thread::sleep(Duration::from_secs(4));
    // The room remembers its last minute, whoever reads.
    let before = resident_bytes();
    std::thread::sleep(Duration::from_secs(4));
    let remembered = resident_bytes().saturating_sub(before);
    let stopped: Vec<Player> = players.into_iter().map(Aside::back).collect();
    let before = resident_bytes() + remembered;
    let mut queued = 0;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(4) {
        std::thread::sleep(Duration::from_millis(100));
        queued = queued.max(longest_send_queue(server.address.port()));
    }
    let grown = resident_bytes().saturating_sub(before) / READERS;
    println!("a stopped reader: {grown} bytes of memory, {queued} in the kernel; the room: {remembered}");
    assert!(grown + queued <= MOST, "{grown} + {queued}");
    assert!(queued > 0, "nothing was queued, so nothing was measured");
    assert_eq!(server.metric("tickwire_sessions"), READERS as f64);
    drop(stopped);
}

#[test]
fn a_frozen_session_is_cut_from_outside() {
    let server = Restless::server(24_000);
    let mut raw = Raw::open(server.address);
    SockRef::from(&raw.stream).set_recv_buffer_size(4096).expect("a socket");
    raw.upgrade(SUBPROTOCOL);
    // The first keyframe is larger than all buffers on its way, so the session's actor stops being polled.
    raw.send(&Client::hello(Restless::join(), "frozen", Vec::new(), 0));
    let start = Instant::now();
    let ending = "tickwire_session_endings_total{reason=\"slow_consumer\"}";
    wait_for(|| server.metric(ending) == 1.0, "the frozen session is cut");
    assert!((5..10).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    assert_eq!(server.metric("tickwire_evictions_total"), 1.0);
    server.wait_for_metric("tickwire_players", 0.0);
}

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a resident size");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}

/// The most bytes that any connection of the server at `port` has in the kernel's send queue.
pub fn longest_send_queue(port: u16) -> usize {
    let local = format!(":{port:04X}");
    // Not as a whole: the sockets of other tests would count as memory of this one.
    let table = BufReader::new(File::open("/proc/net/tcp").expect("linux"));
    let queues = table.lines().filter_map(|line| {
        let line = line.expect("text");
        let mut columns = line.split_whitespace().skip(1);
        let ours = columns.next()?.ends_with(&local);
        let queue = columns.nth(2)?.split(':').next()?;
        ours.then(|| usize::from_str_radix(queue, 16).expect("a number"))
    });
    queues.max().unwrap_or(0)
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("linux").count()
}

/// Dots that jitter by themselves: a world in which nothing can be predicted.
pub struct Restless {
    dots: Vec<(EntityId, i32, i32)>,
    count: usize,
}

impl Restless {
    fn server(count: usize) -> TestServer {
        TestServer::alone(move |server| Self::added(server, count))
    }

    pub fn added(server: Server, count: usize) -> Server {
        server.game("restless", move |_| Ok(Box::new(Restless { dots: Vec::new(), count })))
    }

    pub fn join() -> Join {
        Join::JoinOrCreate { game: "restless".to_owned(), options: Vec::new() }
    }
}

impl Game for Restless {
    fn spec(&self) -> Spec {
        let place = Shape::Fixed { min: 0, max: 6400, per_unit: 64 };
        let dot = Kind::new("dot", vec![Field::linear("x", place.clone()), Field::linear("y", place)]);
        Spec {
            schema: Arc::new(Schema::new(vec![dot]).expect("a valid schema")),
            inputs: InputSchema::new(Vec::new()).expect("no inputs"),
            authority: Authority::Server,
            capacity: 100,
            properties: Vec::new(),
        }
    }
    fn join(&mut self, _: &tickwire::Player, cx: &mut Context) -> Result<EntityId, Refused> {
        while self.dots.len() < self.count {
            let (x, y) = (cx.random_below(6401).cast_signed(), cx.random_below(6401).cast_signed());
            self.dots.push((cx.spawn(), x, y));
        }
        Ok(cx.spawn())
    }
    fn leave(&mut self, _: Seat, _: &mut Context) {}
    fn step(&mut self, _: &[PlayerInput], cx: &mut Context) {
        for (_, x, y) in &mut self.dots {
            *x = (*x + cx.random_below(129).cast_signed() - 64).clamp(0, 6400);
            *y = (*y + cx.random_below(129).cast_signed() - 64).clamp(0, 6400);
        }
    }
    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        self.dots.iter().for_each(|(id, x, y)| out.entity(KindId(0), *id, &[*x, *y]));
    }
}

#[test]
fn a_reader_at_a_tenth_of_the_rate_stays_near_the_present() {
    let server = Restless::server(60);
    let mut quick = Player::join(&server, Restless::join()).expect("a seat");
    quick.frame().expect("a frame");
    let (start, before) = (Instant::now(), quick.raw.received);
    while start.elapsed() < Duration::from_secs(2) {
        quick.frame().expect("the session goes on");
    }
    let needed = (quick.raw.received - before) as f64 / start.elapsed().as_secs_f64();
    let present = Arc::new(AtomicU32::new(0));
    let quick = quick.telling(present.clone()).aside();

    let mut slow = Player::join(&server, Restless::join()).expect("a seat");
    SockRef::from(&slow.raw.stream).set_recv_buffer_size(2048).expect("a socket");
    slow.raw.budget = Some(Budget::new(needed / 10.0));
    let start = Instant::now();
    let (mut staleness, mut longest) = (Vec::new(), 0);
    while start.elapsed() < Duration::from_secs(20) {
        let before = slow.raw.received;
        let arrived = slow.frame().expect("a slow reader is not thrown out");
        let behind = Tick(present.load(Ordering::Relaxed)).since(arrived.tick);
        if start.elapsed() > Duration::from_secs(5) {
            staleness.push(f64::from(behind) / 20.0);
            longest = longest.max(slow.raw.received - before);
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
    // No client is closer to the present than its link takes for one message.
    let takes = longest as f64 / (needed / 10.0);
    assert!(*worst <= takes + 0.6, "{worst} s behind, the longest message takes {takes} s");
    assert!(staleness.len() >= 10, "{}", staleness.len());
}
