//! Nodes of a cluster as processes.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::Value;
use tickwire::wire::Join;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::player::PATIENT;
use crate::process::{Server, command};

/// Short, so that tests are; long enough for a busy machine.
pub const LEASE: Duration = Duration::from_secs(3);

/// Starts a node.
pub fn node(redis: &str) -> Server {
    node_with(redis, &[])
}

/// Starts a node with these variables.
pub fn node_with(redis: &str, variables: &[(&str, &str)]) -> Server {
    node_as(redis, variables, &["--hold-seats-for", "5"])
}

/// Starts a node whose rooms others take over.
pub fn keeper(redis: &str) -> Server {
    let args = ["--takeover", "true", "--hold-seats-for", "60", "--attempts-per-address", "10000"];
    node_as(redis, &[], &args)
}

fn node_as(redis: &str, variables: &[(&str, &str)], args: &[&str]) -> Server {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let port = free.port();
    let mut node = command(env!("CARGO_BIN_EXE_tickwire"));
    node.args(["serve", "--pages", "none", "--workers", "1", "--room-threads", "1", "--redis", redis]);
    node.args(["--lease", &LEASE.as_secs().to_string(), "--advertise", &format!("ws://127.0.0.1:{port}/play")]);
    node.envs(variables.iter().copied());
    // Nobody reads its log.
    node.args(["--log", "off"]).args(args);
    Server::start_on(port, &mut node)
}

/// Any room of this kind.
pub fn any(options: &[(&str, &str)]) -> Join {
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Join::JoinOrCreate { game: "arena".to_owned(), options }
}

/// The room with this id.
pub fn by_id(room: &str) -> Join {
    Join::ById { room: room.to_owned() }
}

/// Asks a node by HTTP. Returns the status and the body.
pub async fn ask(node: &Server, what: &str, body: &str) -> (u16, String) {
    ask_as(node, what, "", body).await
}

/// As [`ask`], with further headers, each with the end of its line.
pub async fn ask_as(node: &Server, what: &str, headers: &str, body: &str) -> (u16, String) {
    let request = format!(
        "{what} HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(node.address()).await.expect("it listens");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, body.to_owned())
}

/// The ids of the rooms that a node lists.
pub async fn listed(node: &Server) -> Vec<String> {
    let (_, body) = ask(node, "GET /api/rooms", "").await;
    let rooms: Value = serde_json::from_str(&body).expect("JSON");
    let ids = rooms.as_array().expect("a list").iter().map(|room| room["id"].as_str().expect("an id").to_owned());
    ids.collect()
}

/// Waits until this holds.
pub async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < PATIENT, "{what}: not within {PATIENT:?}");
        sleep(Duration::from_millis(50)).await;
    }
}
