//! The film of a room over HTTP: segments that follow each other and show what players saw, later; and a stream of them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tickwire::engine::film::Projector;
use tickwire::engine::recording::{Recording, Rerun};

use crate::admin::room_of;
use crate::support::{PATIENT, Player, TestServer, arena, lean};

/// The status line, the head in lower case, and the body.
fn ask(server: &TestServer, path: &str) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect(server.address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENT)).expect("a timeout");
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("the server reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the server answers");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    (status, head, answer.split_off(end + 4))
}

fn index(server: &TestServer, room: &str) -> serde_json::Value {
    let (status, _, body) = ask(server, &format!("/api/rooms/{room}/film"));
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).expect("JSON")
}

/// Somebody who runs to and fro on a thread of their own.
fn run(mut player: Player) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        for tick in 0.. {
            player.client.input(&[tick / 20 % 2 * 128, 1, 0, i32::from(tick % 15 == 0)]);
            if player.frame().is_err() {
                return;
            }
        }
    })
}

#[test]
fn segments_follow_each_other_and_can_each_be_watched_alone() {
    let mut server = TestServer::start();
    let player = Player::join_as(&server, arena(), "Ada", Vec::new()).expect("a seat");
    let room = room_of(&player);
    let runner = run(player);
    let first = index(&server, &room);
    let incarnation = first["incarnation"].as_u64().expect("a number");
    let mut tick = first["segments"][0].as_u64().expect("a first segment");
    let mut moved = 0;
    for _ in 0..3 {
        let (status, head, body) = ask(&server, &format!("/api/rooms/{room}/film/{incarnation}/{tick}"));
        assert_eq!(status, 200);
        assert!(head.contains("cache-control: public, max-age=31536000, immutable"), "{head}");
        let segment = Recording::decode(&body).expect("a recording");
        assert!(matches!(segment.rerun, Rerun::Unknown), "nobody can run it again");
        let (from, to) = segment.header.ticks;
        assert_eq!((u64::from(from.0), to.since(from)), (tick, 20), "a second");
        let mut projector = Projector::new(&segment.header.schema, &segment.film).expect("a film");
        assert_eq!(projector.presence().seats.len(), 1);
        assert!(projector.presence().seats.values().all(|seat| seat.zones.is_empty()), "what players see is not told");
        let place = |projector: &Projector<'_>| projector.zones().values().next().map(tickwire::snapshot::Zone::hash);
        let start = place(&projector);
        while projector.advance().expect("a film") {}
        moved += usize::from(place(&projector) != start);
        tick = u64::from(to.0);
    }
    assert!(moved >= 2, "somebody runs");
    // Long ago, of another start of the room, or of no room.
    for path in [format!("{incarnation}/4000000000"), format!("{}/{tick}", incarnation + 1)] {
        let (status, head, _) = ask(&server, &format!("/api/rooms/{room}/film/{path}"));
        assert!(status == 404 && head.contains("no-store"), "{path}: {status}");
    }
    assert_eq!(ask(&server, "/api/rooms/nowhere/film").0, 404);
    server.ask_to_stop();
    runner.join().expect("it ends with the server");
}

#[test]
fn a_stream_goes_on_where_it_was_interrupted() {
    let server = TestServer::start();
    let player = Player::join_as(&server, arena(), "Ada", Vec::new()).expect("a seat");
    let room = room_of(&player);
    let _runner = run(player);
    let listen = |last: Option<&str>, count: usize| -> Vec<(String, Recording)> {
        let mut stream = TcpStream::connect(server.address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENT)).expect("a timeout");
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let head = format!("GET /api/rooms/{room}/film/events HTTP/1.1\r\nHost: localhost\r\n{last}\r\n");
        stream.write_all(head.as_bytes()).expect("the server reads");
        let (mut heard, mut chunk) = (String::new(), [0; 4096]);
        while heard.matches("\n\ndata").count() + heard.matches("\ndata: ").count() < count || !heard.ends_with("\n\n")
        {
            let read = stream.read(&mut chunk).expect("the stream goes on");
            assert!(read > 0, "the stream goes on: {heard}");
            heard.push_str(&String::from_utf8_lossy(&chunk[..read]));
        }
        let ids = heard.lines().filter_map(|line| line.strip_prefix("id: ")).map(str::to_owned);
        let data = heard.lines().filter_map(|line| line.strip_prefix("data: "));
        let segments = data.map(|text| BASE64_STANDARD.decode(text).expect("base64"));
        ids.zip(segments.map(|file| Recording::decode(&file).expect("a recording"))).collect()
    };
    let begun = listen(None, 2);
    let (id, last) = begun.last().expect("two");
    let (_, resumed) = &listen(Some(id), 1)[0];
    assert_eq!(resumed.header.ticks.0, last.header.ticks.1, "no tick is missing, none comes twice");
    assert_eq!(begun[0].1.header.ticks.1, last.header.ticks.0);
}

#[test]
fn viewers_see_nothing_before_its_time_nor_where_nobody_may_watch() {
    let delayed = |delay| {
        TestServer::with(tickwire::Config { film_delay: Duration::from_secs(delay), ..lean() }, |server| server)
    };
    let server = delayed(3);
    let mut player = Player::join_as(&server, arena(), "Ada", Vec::new()).expect("a seat");
    let room = room_of(&player);
    let told = index(&server, &room);
    assert_eq!((told["segments"].as_array().map(Vec::len), told["delay"].as_u64()), (Some(0), Some(3000)));
    let (incarnation, next) = (told["incarnation"].as_u64().expect("a number"), told["next"].as_u64().expect("a tick"));
    let (status, _, body) = ask(&server, &format!("/api/rooms/{room}/film/{incarnation}/{next}"));
    let seen = Recording::decode(&body).expect("a recording").header.ticks.1;
    while player.frame().is_ok_and(|_| player.client.tick().since(seen) < 0) {}
    let newest = player.client.tick();
    assert!(status == 200 && newest.since(seen) >= 3 * 20 - 2, "{seen:?} was seen at {newest:?}");

    // One server at a time: a test that measures waits for all others.
    drop((player, server));
    let closed = TestServer::with(tickwire::Config { most_spectators: 0, ..lean() }, |server| server);
    let ada = Player::join_as(&closed, arena(), "Ada", Vec::new()).expect("a seat");
    assert_eq!(ask(&closed, &format!("/api/rooms/{}/film", room_of(&ada))).0, 404);
}
