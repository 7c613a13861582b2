//! Violations of the WebSocket protocol and floods: each session ends with the right code, nothing spins or grows, and no
//! other session is affected.

use std::io::Write;
use std::time::{Duration, Instant};

use tickwire::wire::{ClientMessage, Close, encode_client};

use crate::support::{Frame, Player, Raw, TestServer, masked};

/// CPU time of this process, server and test together.
pub fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("linux");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("a stat line").split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().expect("utime") + fields[12].parse::<u64>().expect("stime");
    ticks as f64 / 100.0
}

pub fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a resident size");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn every_broken_frame_has_its_code() {
    let server = TestServer::start();
    let cases: &[(&str, Vec<u8>, u16)] = &[
        ("unmasked", vec![0x82, 1, 0], 1002),
        ("reserved bit", vec![0xc2, 0x80, 0, 0, 0, 0], 1002),
        ("reserved opcode", vec![0x83, 0x80, 0, 0, 0, 0], 1002),
        ("stray continuation", vec![0x80, 0x80, 0, 0, 0, 0], 1002),
        ("fragmented ping", vec![0x09, 0x80, 0, 0, 0, 0], 1002),
        ("oversized ping", masked(0x89, &[0; 126]), 1002),
        ("one-byte close", masked(0x88, &[3]), 1002),
        ("bad close code", masked(0x88, &999_u16.to_be_bytes()), 1002),
        ("length in a long form", vec![0x82, 0xfe, 0, 1, 0, 0, 0, 0, 0], 1002),
        ("text", masked(0x81, b"hello"), 1003),
        ("fragment", masked(0x02, b"hello"), 1009),
        ("too big", masked(0x82, &[0; 20_000]), 1009),
        ("1 TiB", vec![0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], 1009),
        ("close", masked(0x88, &1000_u16.to_be_bytes()), 1000),
    ];
    for (name, bytes, code) in cases {
        let mut raw = Raw::connect(server.address);
        let start = Instant::now();
        raw.say(bytes);
        assert_eq!(raw.next(), Some(Frame::Close(*code)), "{name}");
        assert!(start.elapsed() < Duration::from_secs(1), "{name}");
        assert_eq!(raw.next(), None, "{name}");
        let mut player = Player::arena(&server);
        player.raw.say(bytes);
        assert_eq!(player.raw.close_code(), Some(*code), "{name}, while playing");
    }
}

#[test]
fn an_unmasked_frame_does_not_spin_and_a_terabyte_does_not_fill_memory() {
    let server = TestServer::alone(|server| server);
    let mut raws: Vec<Raw> = (0..20).map(|_| Raw::connect(server.address)).collect();
    let (cpu, memory) = (cpu_seconds(), resident_kib());
    for (index, raw) in raws.iter_mut().enumerate() {
        if index % 2 == 0 {
            raw.say(&[0x82, 1, 0]);
        } else {
            raw.say(&[0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            (0..64).for_each(|_| raw.say(&[0; 16 * 1024]));
        }
    }
    // The connections stay open on this side; a server that does not hang up would go on reading or spinning.
    std::thread::sleep(Duration::from_secs(2));
    let (cpu, memory) = (cpu_seconds() - cpu, resident_kib().saturating_sub(memory));
    assert!(cpu < 1.0, "{cpu} s of CPU");
    assert!(memory < 10 * 1024, "{memory} KiB more");
    server.wait_for_metric("tickwire_sessions", 0.0);
}

#[test]
fn a_flood_is_limited_then_ended_and_neighbours_do_not_notice() {
    let server = TestServer::alone(|server| server);
    let neighbour = Player::arena(&server).aside();
    let mut flooder = Player::arena(&server);
    let ping = masked(0x82, &encode_client(&ClientMessage::Ping { stamp: 7 }));
    let burst = ping.repeat(100);
    let mut reader = flooder.raw.stream.try_clone().expect("a second handle");
    let drained = std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
    let start = Instant::now();
    // 10,000 messages per second for longer than the server's patience.
    let ended = loop {
        flooder.raw.say(&burst);
        std::thread::sleep(Duration::from_millis(10));
        if server_counts(&server, "rate_limited") > 0.0 {
            break start.elapsed();
        }
        assert!(start.elapsed() < Duration::from_secs(12));
    };
    assert!(ended > Duration::from_secs(4), "{ended:?}");
    assert!(server.metric("tickwire_messages_over_rate_total") > 10_000.0);
    drop(flooder);
    let _ = drained.join();
    assert!(neighbour.back().was_undisturbed());
    assert_eq!(server.metric("tickwire_skipped_ticks_total"), 0.0);
}

fn server_counts(server: &TestServer, reason: &str) -> f64 {
    server.metric(&format!("tickwire_session_endings_total{{reason=\"{reason}\"}}"))
}

#[test]
fn a_flood_of_pongs_is_a_flood() {
    let server = TestServer::start();
    let mut player = Player::arena(&server);
    let mut flood = player.raw.stream.try_clone().expect("a second handle");
    let ending = std::thread::spawn(move || player.ending());
    let burst = masked(0x8a, b"").repeat(100);
    let start = Instant::now();
    while !ending.is_finished() && start.elapsed() < Duration::from_secs(12) {
        let _ = flood.write_all(&burst);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(ending.join().expect("the player reads on"), Close::RateLimited);
}

#[test]
fn silence_is_ended() {
    let server = TestServer::start();
    let mut raw = Raw::connect(server.address);
    let start = Instant::now();
    assert_eq!(raw.close_code(), Some(Close::HeartbeatLost.code()));
    assert!((4..8).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[test]
fn pings_are_answered() {
    let server = TestServer::start();
    let mut raw = Raw::connect(server.address);
    raw.say(&masked(0x89, b"are you there"));
    assert_eq!(raw.next(), Some(Frame::Pong(b"are you there".to_vec())));
}

#[test]
fn random_bytes_never_hurt() {
    let server = TestServer::start();
    let mut state = 0x2545_f491_u32;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    for _ in 0..300 {
        let bytes: Vec<u8> = (0..random() % 64).map(|_| random() as u8).collect();
        let mut raw = Raw::connect(server.address);
        raw.send(&bytes);
        let mut other = Raw::connect(server.address);
        other.say(&bytes);
    }
    Player::arena(&server).frame().expect("the server still plays");
}
