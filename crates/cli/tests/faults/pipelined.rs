//! Pipelined requests against the shipped binary, beside fifty honest players; not an example for embedders.
//!
//! Ten thousand requests at once; 0.42 MB of requests whose answers are not read, or behind an event stream; and many such
//! streams. Each attack must cost as much as one request. The honest players' figures are compared with those of pauses between
//! the attacks, because a busy machine disturbs both.

#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]

mod honest;
#[path = "../process/mod.rs"]
mod process;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use honest::{COMING, Honest, Span, command};
use process::Server;

const GET: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
const EVENTS: &str = "GET /api/rooms/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
const BEHIND: usize = 420_000;
const HELD: Duration = Duration::from_secs(10);
/// Streams are held and let go by turns, so often.
const ROUNDS: u32 = 3;
/// Until those let go have ended.
const ENDING: Duration = Duration::from_secs(3);

/// A connection from 127.0.0.`last`, on which `request` was sent as far as the server takes it within two seconds.
fn send(server: &Server, last: u8, request: &[u8]) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0)).into()).expect("a local address");
    socket.connect(&server.address().into()).expect("it listens");
    let mut stream = TcpStream::from(socket);
    stream.set_write_timeout(Some(Duration::from_secs(2))).expect("a timeout");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let _ = stream.write_all(request);
    stream
}

/// What one client can do.
fn alone(server: &Server, mut demand: impl FnMut(bool, String)) {
    let (start, cpu) = (Instant::now(), server.processor_seconds());
    let mut answer = Vec::new();
    let read = send(server, 2, GET.repeat(10_000).as_bytes()).read_to_end(&mut answer);
    let answers = String::from_utf8_lossy(&answer).matches("HTTP/1.1 200").count();
    let (cpu, took) = (server.processor_seconds() - cpu, start.elapsed());
    let ended = read.is_ok();
    let said = format!("10,000 requests at once: {answers} answered, {cpu:.2} s of CPU in {took:.2?}, {read:?}");
    demand(answers == 1 && ended && cpu < 0.2, said);
    for (what, before) in [("whose answers are not read", ""), ("behind a stream", EVENTS)] {
        let cpu = server.processor_seconds();
        let held = send(server, 2, format!("{before}{}", pipelined()).as_bytes());
        std::thread::sleep(HELD);
        let cpu = server.processor_seconds() - cpu;
        drop(held);
        demand(cpu < 0.5, format!("{BEHIND} bytes of requests {what}: {cpu:.2} s of CPU in {HELD:?}"));
    }
}

/// Streams of one address, while others play. Adds the times with them and without them.
fn beside_players(
    server: &Server,
    count: u64,
    [without, beside]: [&mut Vec<Span>; 2],
    mut demand: impl FnMut(bool, String),
) {
    let descriptors = server.count("fd");
    let request = format!("{EVENTS}{}", pipelined());
    for _ in 0..ROUNDS {
        let (memory, calm) = (server.resident_kib(), Instant::now());
        std::thread::sleep(HELD);
        let stormy = Instant::now();
        let streams: Vec<TcpStream> = (0..count).map(|_| send(server, 3, request.as_bytes())).collect();
        std::thread::sleep(HELD);
        let grown = server.resident_kib().saturating_sub(memory);
        without.push((calm, stormy));
        beside.push((stormy, Instant::now()));
        drop(streams);
        demand(grown < 50 * count, format!("{count} such streams from one address: {grown} KiB more"));
        std::thread::sleep(ENDING);
    }
    let calm = Instant::now();
    std::thread::sleep(HELD);
    without.push((calm, Instant::now()));
    let waiting = Instant::now();
    while server.count("fd") > descriptors && waiting.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(100));
    }
    let open = server.count("fd");
    demand(open <= descriptors, format!("{descriptors} descriptors before, {open} after"));
}

fn pipelined() -> String {
    GET.repeat(BEHIND / GET.len())
}

fn main() -> ExitCode {
    let binary = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "target/release/tickwire".to_owned()));
    let binary = std::path::absolute(binary).expect("a path");
    let server = Server::start(&mut command(&binary), &["--log", "warn", "--hold-seats-for", "0"]);
    let mut faults = Vec::new();
    let mut demand = |held: bool, what: String| {
        println!("{} {what}", if held { "ok  " } else { "FAIL" });
        faults.extend((!held).then_some(what));
    };
    alone(&server, &mut demand);
    for count in [90, 300] {
        // Sending may take two seconds for each stream that the server does not read.
        let honest = Honest::start(&binary, &server, COMING + (HELD * 3 + ENDING) * ROUNDS + HELD);
        std::thread::sleep(COMING);
        let (mut without, mut beside) = (Vec::new(), Vec::new());
        beside_players(&server, count, [&mut without, &mut beside], &mut demand);
        let report = honest.report();
        report.compare(&without, &beside).judge(&format!("{count} streams"), &mut demand);
        report.judge(&mut demand);
    }
    println!("{} faults", faults.len());
    ExitCode::from(u8::from(!faults.is_empty()))
}
