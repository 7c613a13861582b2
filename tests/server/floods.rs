//! Floods of messages that are valid one by one: pings, inputs, requests for keyframes, joins and leaves.

use std::io::Write;
use std::time::{Duration, Instant};

use tickwire::id::{CorrectionEpoch, ZoneId};
use tickwire::tick::Tick;
use tickwire::wire::{
    Ack, AckedTick, ClientMessage, Close, Inputs, Join, Resync, Run, encode_client, limits, pack_runs,
};

use crate::support::{Frame, Player, Raw, TestServer, arena, masked, wait_for};

/// Says `burst` again and again, and reads what comes without acknowledging any of it, until the session ends.
fn ends_after(player: Player, burst: &[u8], every: Duration) -> (Option<u16>, Duration) {
    let mut raw = player.raw;
    let mut flood = raw.stream.try_clone().expect("a second handle");
    let ending = std::thread::spawn(move || raw.close_code());
    let start = Instant::now();
    while !ending.is_finished() && start.elapsed() < Duration::from_secs(12) {
        let _ = flood.write_all(burst);
        std::thread::sleep(every);
    }
    (ending.join().expect("it reads on"), start.elapsed())
}

#[test]
fn a_flood_of_pings_is_answered_at_a_rate_and_ended() {
    let server = TestServer::alone(|server| server);
    let neighbour = Player::arena(&server).aside();
    let mut raw = Raw::connect(server.address);
    raw.say(&masked(0x89, b"").repeat(1000));
    let mut pongs = 0;
    while let std::task::Poll::Ready(Some(Frame::Pong(_))) = raw.poll() {
        pongs += 1;
    }
    assert!((1..=40).contains(&pongs), "{pongs} pongs for a thousand pings");
    let flooder = Player::arena(&server);
    let (close, took) = ends_after(flooder, &masked(0x89, b"").repeat(1000), Duration::from_millis(10));
    assert_eq!(close, Some(Close::RateLimited.code()));
    assert!(took > Duration::from_secs(4), "{took:?}");
    assert!(neighbour.back().was_undisturbed());
    assert_eq!(server.metric("tickwire_skipped_ticks_total"), 0.0);
}

/// An acknowledgement of the welcome.
fn ack_of(player: &Player) -> Ack {
    let tick = player.client.welcome().expect("a welcome").tick;
    Ack { tick: AckedTick::Low(tick.0 as u8), events: None }
}

#[test]
fn ten_thousand_inputs_a_second_are_dropped_counted_and_ended() {
    let server = TestServer::alone(|server| server);
    let neighbour = Player::arena(&server).aside();
    let flooder = Player::arena(&server);
    let schema = flooder.client.welcome().expect("a welcome").inputs.clone();
    let values = schema.neutral()[..schema.fields().len()].to_vec();
    let (counted, runs) = pack_runs(&schema, &[Run { count: 1, values }]);
    let runs = serde_bytes::Bytes::new(&runs);
    let inputs = Inputs { ack: ack_of(&flooder), epoch: CorrectionEpoch(0), view: None, held: 0, counted, runs };
    let burst = masked(0x82, &encode_client(&ClientMessage::Inputs(inputs))).repeat(100);
    let (close, took) = ends_after(flooder, &burst, Duration::from_millis(10));
    assert_eq!(close, Some(Close::RateLimited.code()));
    assert!((4..9).contains(&took.as_secs()), "{took:?}");
    assert!(server.metric("tickwire_messages_over_rate_total") > 10_000.0);
    assert!(neighbour.back().was_undisturbed());
}

/// Twenty clients send 67 KB/s each, all within the limits of messages: sixty-four runs per message that claim a minute each.
#[test]
fn inputs_for_more_time_than_there_was_cost_no_time() {
    const CLAIMANTS: usize = 20;
    let server = TestServer::alone(|server| server);
    let neighbour = Player::arena(&server).aside();
    let claimants: Vec<Player> = (0..CLAIMANTS).map(|_| Player::arena(&server)).collect();
    let schema = claimants[0].client.welcome().expect("a welcome").inputs.clone();
    let neutral = schema.neutral()[..schema.fields().len()].to_vec();
    let runs: Vec<Run> = (0..limits::RUNS as i32)
        .map(|n| Run { count: limits::RUN_LENGTH, values: [&[n % 2][..], &neutral[1..]].concat() })
        .collect();
    let (counted, runs) = pack_runs(&schema, &runs);
    let runs = serde_bytes::Bytes::new(&runs);
    let message = |claimant: &Player| {
        let (ack, epoch) = (ack_of(claimant), CorrectionEpoch(0));
        let inputs = Inputs { ack, epoch, view: None, held: limits::RUN_LENGTH, counted, runs };
        masked(0x82, &encode_client(&ClientMessage::Inputs(inputs)))
    };
    let flooding = claimants.into_iter().map(|claimant| {
        let message = message(&claimant);
        std::thread::spawn(move || ends_after(claimant, &message, Duration::from_millis(5)))
    });
    for (close, took) in flooding.collect::<Vec<_>>().into_iter().map(|thread| thread.join().expect("it floods")) {
        assert_eq!(close, Some(Close::RateLimited.code()));
        assert!(took > Duration::from_secs(4), "{took:?}");
    }
    assert!(neighbour.back().was_undisturbed());
    assert_eq!(server.metric("tickwire_skipped_ticks_total"), 0.0);
}

#[test]
fn keyframes_again_and_again_are_refused() {
    let server = TestServer::start();
    let mut player = Player::arena(&server);
    player.frame().expect("a frame");
    let resync = encode_client(&ClientMessage::Resync(Resync { zone: ZoneId(0), tick: Tick(0) }));
    (0..3).for_each(|_| player.raw.send(&resync));
    (0..5).for_each(|_| _ = player.frame().expect("a few are granted"));
    player.raw.send(&resync);
    assert_eq!(player.ending(), Close::RateLimited);
    let mut liar = Player::arena(&server);
    liar.raw.send(&encode_client(&ClientMessage::Resync(Resync { zone: ZoneId(0), tick: Tick(1 << 30) })));
    assert_eq!(liar.ending(), Close::BadMessage);
}

#[test]
fn a_storm_of_joins_and_leaves_leaves_no_ghosts() {
    const THREADS: usize = 4;
    const EACH: usize = 150;
    let server = TestServer::alone(|server| server);
    let neighbour = Player::arena(&server).aside();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let server = &server;
            scope.spawn(move || {
                for round in 0..EACH {
                    let mut raw = Raw::connect(server.address);
                    raw.send(&tickwire::engine::Client::hello(arena(), "passer-by", Vec::new(), 0));
                    match (thread + round) % 3 {
                        // Gone within the tick of the join, with and without a word.
                        0 => raw.say(&masked(0x88, &1000_u16.to_be_bytes())),
                        1 => {}
                        // Each that stays for its welcome gets a keyframe.
                        _ => assert!(matches!(raw.next(), Some(Frame::Binary(_)))),
                    }
                }
            });
        }
    });
    server.wait_for_metric("tickwire_sessions", 1.0);
    let mut last = Player::arena(&server);
    last.frame().expect("a frame");
    wait_for(|| server.get("/api/rooms").contains("\"players\":2,"), "the two who stayed are counted");
    drop(last);
    wait_for(|| server.get("/api/rooms").contains("\"players\":1,"), "the one who stayed is counted");
    neighbour.back().frame().expect("the game goes on");
}

#[test]
fn a_hundred_names_make_rooms_that_go_again() {
    let config = tickwire::server::Config { empty_room_for: Duration::from_millis(200), ..crate::support::lean() };
    let server = TestServer::with(config, |server| server);
    let players: Vec<Player> = (0..100)
        .map(|_| Player::join(&server, Join::Create { game: "arena".to_owned(), options: Vec::new() }).expect("a room"))
        .collect();
    assert_eq!(server.metric("tickwire_rooms"), 100.0);
    drop(players);
    server.wait_for_metric("tickwire_rooms", 0.0);
}
