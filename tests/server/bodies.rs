//! Bodies that trickle or never come, and answers that nobody reads: each ends within seconds. Tested with `Server::run` and
//! `Mount::listen`; an embedder's own `HttpServer` times heads only.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use tickwire::server::{Config, Pages};

use crate::support::{PATIENT, Raw, Road, TestServer, lean};

const ROADS: [Road; 2] = [Road::Run, Road::Listened];
/// Far more than any of them may take, far less than they took without a time limit.
const LONG: Duration = Duration::from_secs(25);

struct Trickle {
    name: &'static str,
    raw: Raw,
    head: String,
    answer: Vec<u8>,
    ended: bool,
}

fn post(path: &str, headers: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")
}

const JSON: &str = "Content-Type: application/json\r\n";

fn trickles(server: &TestServer) -> Vec<Trickle> {
    let many = " ".repeat(5000);
    [
        ("with a length", post("/api/reservations", &format!("{JSON}Content-Length: 4000\r\n"))),
        ("chunked", post("/api/reservations", &format!("{JSON}Transfer-Encoding: chunked\r\n")) + "fa0\r\n"),
        ("continued", post("/api/reservations", &format!("{JSON}Expect: 100-continue\r\nContent-Length: 4000\r\n"))),
        ("413", post("/api/reservations", &format!("{JSON}Content-Length: 900000\r\n")) + &many),
        (
            "413, chunked",
            post("/api/reservations", &format!("{JSON}Transfer-Encoding: chunked\r\n")) + "fffff\r\n" + &many,
        ),
        ("413, no JSON", post("/api/reservations", "Content-Length: 900000\r\n")),
        ("no JSON, chunked", post("/api/reservations", "Transfer-Encoding: chunked\r\n") + "fffff\r\n"),
        ("405", post("/api/rooms", "Content-Length: 900000\r\n")),
        ("405, chunked", post("/api/rooms", "Transfer-Encoding: chunked\r\n") + "fffff\r\n"),
        ("a get with a body", post("/healthz", "Transfer-Encoding: chunked\r\n").replace("POST", "GET") + "fffff\r\n"),
        ("an operator's order", post("/admin/api/rooms/x/close", "Content-Length: 4000\r\n")),
        ("HTTP/1.0", post("/api/reservations", &format!("{JSON}Content-Length: 4000\r\n")).replace("/1.1", "/1.0")),
    ]
    .map(|(name, head)| Trickle { name, raw: Raw::open(server.address), head, answer: Vec::new(), ended: false })
    .into()
}

#[test]
fn a_body_that_trickles_is_not_waited_for() {
    for road in ROADS {
        let server = TestServer::alone_on(road);
        let mut trickles = trickles(&server);
        let start = Instant::now();
        trickles.iter_mut().for_each(|trickle| trickle.raw.say(trickle.head.as_bytes()));
        while trickles.iter().any(|trickle| !trickle.ended) && start.elapsed() < LONG {
            std::thread::sleep(Duration::from_millis(250));
            for trickle in trickles.iter_mut().filter(|trickle| !trickle.ended) {
                trickle.raw.say(b" ");
                trickle.raw.stream.set_nonblocking(true).expect("a socket");
                let mut chunk = [0; 4096];
                match trickle.raw.stream.read(&mut chunk) {
                    Ok(0) => trickle.ended = true,
                    Ok(read) => trickle.answer.extend_from_slice(&chunk[..read]),
                    Err(error) => trickle.ended = error.kind() != std::io::ErrorKind::WouldBlock,
                }
                trickle.raw.stream.set_nonblocking(false).expect("a socket");
                if trickle.ended {
                    let answer = String::from_utf8_lossy(&trickle.answer);
                    println!("{road:?}, {}: {:?}, {:?}", trickle.name, start.elapsed(), answer.lines().next());
                }
            }
        }
        let open: Vec<&str> = trickles.iter().filter(|trickle| !trickle.ended).map(|trickle| trickle.name).collect();
        assert!(open.is_empty(), "{road:?}: still open after {:?}: {open:?}", start.elapsed());
        for trickle in trickles {
            let answer = String::from_utf8_lossy(&trickle.answer).into_owned();
            if let Some(status) = trickle.name.get(..3).filter(|name| name.parse::<u16>().is_ok()) {
                assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{road:?}, {}: {answer}", trickle.name);
            }
        }
    }
}

#[test]
fn a_body_that_comes_slowly_but_steadily_is_served() {
    for road in ROADS {
        let server = TestServer::alone_on(road);
        let body = format!("{{\"game\": \"arena\", \"seats\": 1}}{}", " ".repeat(3000));
        let mut raw = Raw::open(server.address);
        raw.say(post("/api/reservations", &format!("{JSON}Content-Length: {}\r\n", body.len())).as_bytes());
        // Three seconds in all.
        for part in body.as_bytes().chunks(100) {
            std::thread::sleep(Duration::from_millis(100));
            raw.say(part);
        }
        let mut answer = String::new();
        raw.stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{road:?}: {answer}");
    }
}

/// Larger than all buffers between server and client.
const ANSWER: usize = 4 * 1024 * 1024;

/// A client that reads nothing at all is cut by the operating system; one that reads a little is not.
#[test]
fn an_answer_that_is_hardly_read_is_given_up() {
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("unread-files");
    std::fs::create_dir_all(&folder).expect("a writable folder");
    std::fs::write(folder.join("large.bin"), vec![7; ANSWER]).expect("a writable folder");
    let config = Config { pages: Pages::Folder(folder.clone()), ..lean() };
    let server = TestServer::alone_with(config, |server| server);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(2048).expect("a socket");
    socket.connect(&server.address.into()).expect("it listens");
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENT)).expect("a timeout");
    stream.write_all(b"GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it reads");
    let (start, mut received, mut chunk) = (Instant::now(), 0, [0; 75]);
    while start.elapsed() < 2 * LONG {
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => break,
            Ok(read) => received += read,
        }
        // Some 150 bytes per second, until what is on its way has come.
        if start.elapsed() < LONG {
            std::thread::sleep(Duration::from_millis(500));
        }
    }
    println!("{received} bytes in {:?}", start.elapsed());
    assert!(received < ANSWER / 2, "{received} bytes in {:?}", start.elapsed());
    std::fs::remove_dir_all(folder).expect("it was there");
}
