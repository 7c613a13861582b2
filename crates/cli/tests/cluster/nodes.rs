//! Nodes of a cluster as processes.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tickwire::wire::Join;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::number;
use crate::player::PATIENT;
pub use crate::process::free_port;
use crate::process::{Server, command};

/// The lease of nodes: short, so that tests are; long enough for a busy machine.
pub fn lease() -> Duration {
    Duration::from_secs(number("TICKWIRE_LEASE", 3) as u64)
}

/// Starts a node.
pub fn node(redis: &str) -> Server {
    node_with(redis, &[])
}

/// Starts a node with these variables.
pub fn node_with(redis: &str, variables: &[(&str, &str)]) -> Server {
    node_as(redis, variables, &["--hold-seats-for", "5"])
}

/// Starts a node that clients reach at this URL.
pub fn node_behind(redis: &str, advertised: &str) -> Server {
    let (port, mut node) = node_at(free_port(), redis, Some(advertised));
    node.args(["--log", "off"]);
    Server::start_on(port, &mut node)
}

/// Starts a node on this port that clients reach at this URL, by whichever node of the cluster they come.
pub fn node_beside(port: u16, redis: &str, advertised: &str, args: &[&str]) -> Server {
    let (port, mut node) = node_at(port, redis, Some(advertised));
    node.args(["--log", "off", "--trusted-proxy", "127.0.0.1", "--peer-address", &format!("127.0.0.1:{port}")]);
    Server::start_on(port, node.args(args))
}

/// Starts a node on this port, with TLS if there are files with a certificate and its key.
pub fn node_secured(port: u16, redis: &str, files: Option<(&str, &str)>) -> Server {
    let secured = format!("wss://localhost:{port}/play");
    let (port, mut node) = node_at(port, redis, files.map(|_| secured.as_str()));
    files.into_iter().for_each(|(cert, key)| _ = node.args(["--tls-cert", cert, "--tls-key", key]));
    Server::start_on(port, node.args(["--log", "off"]))
}

/// Starts a node whose rooms others take over. `log`: where it writes its history.
pub fn keeper(redis: &str, log: &Path, prepare: impl FnOnce(Command) -> Command) -> Server {
    let log = File::create(log).expect("a writable folder");
    let args = ["--takeover", "true", "--hold-seats-for", "120", "--attempts-per-address", "10000"];
    let (port, mut node) = node_at(free_port(), redis, None);
    node.args(["--log", "off,tickwire::history=trace", "--log-format", "json"]).args(args).stderr(log);
    Server::start_on(port, &mut prepare(node))
}

/// As [`keeper`], on this port and without a history.
pub fn keeper_on(port: u16, redis: &str) -> Server {
    let (port, mut node) = node_at(port, redis, None);
    node.args(["--takeover", "true", "--hold-seats-for", "120", "--log", "off"]);
    Server::start_on(port, &mut node)
}

fn node_as(redis: &str, variables: &[(&str, &str)], args: &[&str]) -> Server {
    let (port, mut node) = node_at(free_port(), redis, None);
    node.envs(variables.iter().copied());
    // Nobody reads its log.
    node.args(["--log", "off"]).args(args);
    Server::start_on(port, &mut node)
}

/// The command of a node on this port, which clients reach there or at `advertised`.
fn node_at(port: u16, redis: &str, advertised: Option<&str>) -> (u16, Command) {
    let mut node = command(env!("CARGO_BIN_EXE_tickwire"));
    node.args(["serve", "--pages", "none", "--workers", "1", "--room-threads", "1", "--redis", redis]);
    let own = format!("ws://127.0.0.1:{port}/play");
    node.args(["--lease", &lease().as_secs().to_string(), "--advertise", advertised.unwrap_or(&own)]);
    (port, node)
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
