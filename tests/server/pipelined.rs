//! Pipelined requests: a connection carries one, and the bytes after it cost next to nothing. Tested with `Server::run` and
//! `Mount::listen`; an embedder's own `HttpServer` decodes all requests that it receives.

use std::io::{ErrorKind, Read};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use tickwire::engine::Client;

use crate::hostile::{cpu_seconds, resident_kib};
use crate::support::{Frame, Player, Raw, Road, SUBPROTOCOL, TestServer, arena, upgrade, wait_for};

const ROADS: [Road; 2] = [Road::Run, Road::Listened];
const GET: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
const EVENTS: &str = "GET /api/rooms/events HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// What comes until the server hangs up. A reset is an end, too, but an answer may be lost by it.
fn rest(raw: &mut Raw) -> Result<String, ErrorKind> {
    let mut answer = Vec::new();
    raw.stream.read_to_end(&mut answer).map_err(|error| error.kind())?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Sends bytes; returns how many answers came before the server hung up, and the status of the first.
fn answers(server: &TestServer, request: &[u8]) -> (usize, String) {
    let mut raw = Raw::open(server.address);
    raw.say(request);
    let said = rest(&mut raw).expect("the connection ends without a reset");
    (said.matches("HTTP/1.1 ").count(), said.chars().skip("HTTP/1.1 ".len()).take(3).collect())
}

fn one(status: &str) -> (usize, String) {
    (1, status.to_owned())
}

#[test]
fn of_ten_thousand_pipelined_requests_one_is_answered() {
    for road in ROADS {
        let server = TestServer::alone_on(road);
        let (start, cpu) = (Instant::now(), cpu_seconds());
        assert_eq!(answers(&server, GET.repeat(10_000).as_bytes()), one("200"), "{road:?}");
        let cpu = cpu_seconds() - cpu;
        println!("{road:?}: {cpu:.2} s of CPU in {:?}", start.elapsed());
        assert!(cpu < 0.5, "{road:?}: {cpu} s of CPU");
        // The same with a pause between them.
        let mut raw = Raw::open(server.address);
        raw.say(GET.as_bytes());
        assert!(raw.head().starts_with("HTTP/1.1 200"));
        raw.say(GET.as_bytes());
        assert_eq!(rest(&mut raw).as_deref(), Ok("ok\n"), "{road:?}: nothing but the rest of the first answer");
    }
}

#[test]
fn requests_behind_a_stream_of_events_neither_spin_nor_grow() {
    for road in ROADS {
        let server = TestServer::alone_on(road);
        let behind = GET.repeat(420_000 / GET.len());
        let descriptors = || std::fs::read_dir("/proc/self/fd").expect("linux").count();
        let first = Player::arena(&server).aside();
        let (memory, open) = (resident_kib(), descriptors());
        let mut streams: Vec<Raw> = (0..20).map(|_| Raw::open(server.address)).collect();
        for raw in &mut streams {
            raw.stream.set_write_timeout(Some(Duration::from_secs(1))).expect("a timeout");
            raw.say(format!("{EVENTS}{behind}").as_bytes());
        }
        // Answers that nobody reads are something to wait behind, too.
        let mut unread: Vec<Raw> = (0..5).map(|_| Raw::open(server.address)).collect();
        for raw in &mut unread {
            raw.stream.set_write_timeout(Some(Duration::from_secs(1))).expect("a timeout");
            raw.say(GET.repeat(10_000).as_bytes());
        }
        std::thread::sleep(Duration::from_millis(500));
        let cpu = cpu_seconds();
        std::thread::sleep(Duration::from_secs(2));
        let (cpu, memory) = (cpu_seconds() - cpu, resident_kib().saturating_sub(memory));
        println!("{road:?}: {cpu:.2} s of CPU in 2 s, {memory} KiB more");
        assert!(cpu < 0.4, "{road:?}: {cpu} s of CPU");
        assert!(memory < 10 * 1024, "{road:?}: {memory} KiB more");
        // The streams go on.
        let second = Player::arena(&server);
        let (mut seen, mut chunk) = (String::new(), [0; 4096]);
        while !seen.contains("\"players\":2") {
            let read = streams[0].stream.read(&mut chunk).expect("the stream goes on");
            assert!(read > 0, "{road:?}: the stream ended: {seen}");
            seen.push_str(&String::from_utf8_lossy(&chunk[..read]));
        }
        assert!(!seen.contains("ok\n"), "{seen}");
        // Clients that are gone leave no connection behind, whatever they sent before: they are noticed when something is written.
        drop((streams, unread, second));
        for _ in 0..3 {
            drop(Player::arena(&server));
            std::thread::sleep(Duration::from_millis(400));
        }
        wait_for(|| descriptors() <= open, &format!("{road:?}: the connections end"));
        first.back();
    }
}

#[test]
fn whoever_sends_on_behind_a_request_is_hung_up_on() {
    for road in ROADS {
        let server = TestServer::alone_on(road);
        let mut raw = Raw::open(server.address);
        raw.stream.set_write_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        raw.say(EVENTS.as_bytes());
        assert!(raw.head().starts_with("HTTP/1.1 200"));
        (0..32).for_each(|_| raw.say(&[b'x'; 64 * 1024]));
        wait_for(|| raw.poll_end() == Some(true), "the connection ends");
    }
}

#[test]
fn one_request_passes_whole_whatever_it_is() {
    const SEATS: &str = r#"{"game": "arena", "seats": 1}"#;
    let head = |more: &str| {
        format!(
            "POST /api/reservations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{more}\r\n\r\n"
        )
    };
    for road in ROADS {
        let server = TestServer::alone_on(road);
        let measured = head(&format!("Content-Length: {}", SEATS.len())) + SEATS;
        let chunked =
            format!("{}5\r\n{}\r\n18\r\n{}\r\n0\r\n\r\n", head("Transfer-Encoding: chunked"), &SEATS[..5], &SEATS[5..]);
        for request in [&measured, &chunked] {
            assert_eq!(
                answers(&server, (request.clone() + &GET.repeat(100)).as_bytes()),
                one("200"),
                "{road:?}: {request}"
            );
            let mut raw = Raw::open(server.address);
            for byte in request.bytes() {
                raw.say(&[byte]);
                std::thread::sleep(Duration::from_micros(100));
            }
            assert!(rest(&mut raw).expect("no reset").starts_with("HTTP/1.1 200"), "{road:?}, by bytes: {request}");
        }
        let mut patient = Raw::open(server.address);
        patient.say(head(&format!("Expect: 100-continue\r\nContent-Length: {}", SEATS.len())).as_bytes());
        assert_eq!(patient.head(), "HTTP/1.1 100 Continue\r\n\r\n", "{road:?}");
        patient.say(SEATS.as_bytes());
        assert!(rest(&mut patient).expect("no reset").starts_with("HTTP/1.1 200"), "{road:?}");
        assert_eq!(answers(&server, GET.replace("GET", "HEAD").repeat(3).as_bytes()), one("200"), "{road:?}");
        // Half of the connection may end with the request.
        let mut half = Raw::open(server.address);
        half.say(GET.as_bytes());
        half.stream.shutdown(Shutdown::Write).expect("it is open");
        assert!(rest(&mut half).expect("no reset").starts_with("HTTP/1.1 200"), "{road:?}");
        // What comes with the request for an upgrade is the session's.
        let mut eager = Raw::open(server.address);
        let hello = crate::support::masked(0x82, &Client::hello(arena(), "tester", Vec::new(), 0));
        eager.say(&[upgrade(SUBPROTOCOL).as_bytes(), &hello].concat());
        assert!(eager.head().starts_with("HTTP/1.1 101"), "{road:?}");
        assert!(matches!(eager.next(), Some(Frame::Binary(bytes)) if bytes[0] == 0), "{road:?}: a welcome");
    }
}

#[test]
fn heads_and_bodies_have_limits() {
    for road in ROADS {
        let server = TestServer::alone_on(road);
        let get = |filler: usize| {
            format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nCookie: {}\r\n\r\n", "x".repeat(filler))
        };
        assert_eq!(answers(&server, get(15_000).as_bytes()), one("200"), "{road:?}");
        assert_eq!(answers(&server, get(40_000).as_bytes()), one("431"), "{road:?}");
        assert_eq!(answers(&server, get(400_000).as_bytes()), one("431"), "{road:?}");
        assert_eq!(answers(&server, b"\0\r\n\r\n"), one("400"), "{road:?}");
        let body = |length: usize| {
            let head = "POST /api/reservations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
            format!("{head}Content-Length: {length}\r\n\r\n{}", " ".repeat(length))
        };
        assert_eq!(answers(&server, body(100_000).as_bytes()), one("413"), "{road:?}");
    }
}
