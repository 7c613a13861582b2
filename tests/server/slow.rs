//! Clients that read slowly or not at all.

use std::time::Instant;

use socket2::SockRef;

use crate::support::{ALONE, Aside, Player, TestServer, wait_for};

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
