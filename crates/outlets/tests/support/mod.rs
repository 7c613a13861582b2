//! Entries to deliver, and brokers as processes that end with their test.

#![allow(dead_code, unused_imports, reason = "each test needs a part of it")]

#[path = "../../../../tests/ports/mod.rs"]
mod ports;

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

pub use ports::free_port;
use tickwire::Seat;
use tickwire::tap::{Delivery, Sink, TapBody, TapEntry, TapKey};
use tickwire_outlets::Outlets;

pub const PATIENT: Duration = Duration::from_secs(40);

/// The only sink of a file.
pub fn sink(text: &str) -> Box<dyn Sink> {
    Outlets::parse(text, "here").expect("a sink").into_sinks().next().expect("a sink").1
}

/// What the doctor is told of the only sink of a file.
pub fn probe(text: &str) -> Result<String, String> {
    Outlets::parse(text, "here").expect("a sink").probe().remove(0).1
}

pub fn delivery(room: &str, index: u32, body: TapBody) -> Delivery {
    let key = TapKey { room: room.to_owned(), incarnation: 3, tick: 70, index };
    let entry = TapEntry { key, game: "duel".to_owned(), private: false, body };
    Delivery { position: index.into(), time: 951_782_400_000, entry: Arc::new(entry) }
}

pub fn result(room: &str, index: u32) -> Delivery {
    delivery(room, index, TapBody::MatchEnded { result: serde_json::json!({ "winner": index }) })
}

pub fn joined(room: &str, index: u32, seat: u16, name: &str) -> Delivery {
    delivery(room, index, TapBody::PlayerJoined { seat: Seat(seat), name: name.to_owned(), identity: None })
}

/// A folder that no test used before.
pub fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("outlets-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

pub fn wait_for(mut done: impl FnMut() -> bool, what: &str) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENT, "never came true: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A process that is killed when its test ends.
pub struct Process(pub Child);

impl Process {
    /// Starts a program that listens on `port`.
    pub fn listening(program: &str, arguments: &[&str], port: u16) -> Self {
        let process = Self::start(program, arguments);
        wait_for(|| TcpStream::connect(("127.0.0.1", port)).is_ok(), &format!("{program} listens"));
        process
    }

    pub fn start(program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn();
        Self(child.unwrap_or_else(|error| panic!("{program} is missing (scripts/need-brokers): {error}")))
    }

    pub fn kill(mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ends");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
