//! Clients that read slowly or not at all.

use std::io::Read;
use std::time::{Duration, Instant};

use socket2::SockRef;

use tickwire::wire::Join;

use crate::support::{ALONE, Player, TestServer, wait_for};

#[test]
fn a_stopped_reader_is_evicted_and_disturbs_nobody() {
    let _alone = ALONE.lock();
    let server = TestServer::start();
    let mut neighbour = Player::arena(&server);
    let crowd: Vec<Player> = (0..20).map(|_| Player::arena(&server)).collect();
    let mut stopped = Player::arena(&server);
    SockRef::from(&stopped.raw.stream).set_recv_buffer_size(4096).expect("a socket");
    stopped.frame().expect("a frame");
    let descriptors = open_descriptors();
    let start = Instant::now();
    let before = neighbour.client.tick();
    while server.metric("tickwire_session_endings_total{reason=\"slow_consumer\"}") == 0.0 {
        neighbour.frame().expect("the neighbour plays on");
        assert!(start.elapsed() < Duration::from_secs(10), "evicted in time");
    }
    let gone_after = start.elapsed();
    let _ = before;
    assert!(gone_after > Duration::from_secs(4), "{gone_after:?}");
    assert_eq!(server.metric("tickwire_skipped_ticks_total"), 0.0);
    drop(crowd);
    drop(stopped);
    wait_for(|| open_descriptors() < descriptors - 20, "descriptors are freed");
}

/// Reads `per_second` bytes per second from a plaza full of restless walkers and measures how old the newest frame is.
#[test]
fn a_slow_reader_gets_fewer_frames_and_its_session_stays() {
    let _alone = ALONE.lock();
    let server = TestServer::start();
    let join = || Join::JoinOrCreate { game: "arena".to_owned(), options: Vec::new() };
    let crowd: Vec<Player> = (0..10).map(|_| Player::join(&server, join()).expect("a seat")).collect();
    let mut slow = Player::join(&server, join()).expect("a seat");
    slow.frame().expect("a frame");
    let (start, first) = (Instant::now(), slow.client.tick());
    let mut frames = 0;
    while start.elapsed() < Duration::from_secs(8) {
        std::thread::sleep(Duration::from_millis(400));
        slow.frame().expect("the session stays");
        frames += 1;
    }
    let mut rest = [0; 1];
    let _ = slow.raw.stream.set_nonblocking(true);
    let _ = slow.raw.stream.read(&mut rest);
    let advanced = slow.client.tick().since(first);
    assert!(frames <= 21, "{frames}");
    assert!(advanced > 20 * 5, "{advanced} ticks in 8 s");
    drop(crowd);
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("linux").count()
}
