//! Viewers of a film while its server is killed again and again: no tick is missing, none comes twice, and every state is the one with
//! which the segment before ended. Also with a cache in front (`cache`).
//!
//! `TICKWIRE_CRASHES` changes how often the server is killed; the target `film` of the Makefile runs the long ones.

#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]

mod cache;
#[path = "../process/mod.rs"]
mod process;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use process::{Server, ask, command, free_port};
use tickwire::wire::{Join, Welcome};
use tickwire_cli::bots::{Pilot, Seen, play};
use tickwire_cli::viewers::{Outlet, Plan, Shared, fullest_room};

/// Runs to and fro.
struct Runner(u32);

impl Pilot for Runner {
    fn joined(&mut self, _: &Welcome) {}

    fn input(&mut self, _: &Seen<'_>) -> Option<Vec<i32>> {
        self.0 += 1;
        Some(vec![(self.0 / 20 % 2 * 128).cast_signed(), 1, 0, i32::from(self.0.is_multiple_of(15))])
    }
}

/// Somebody who runs in a room from its first start on, and comes again after each crash.
struct Running {
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<()>,
}

impl Running {
    fn start(port: u16) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let (over, room) = (stop.clone(), Arc::<Mutex<Option<String>>>::default());
        let body = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let url = format!("ws://127.0.0.1:{port}/play");
            while !over.load(Ordering::Relaxed) {
                let known = room.lock().expect("fine").clone();
                let join = match known {
                    Some(room) => Join::ById { room },
                    None => Join::JoinOrCreate { game: "arena".to_owned(), options: Vec::new() },
                };
                let playing = play(&url, join, "runner", Runner(0));
                runtime.block_on(async {
                    tokio::pin!(playing);
                    while tokio::time::timeout(Duration::from_millis(100), &mut playing).await.is_err() {
                        if over.load(Ordering::Relaxed) {
                            return;
                        }
                        if room.lock().expect("fine").is_none() {
                            *room.lock().expect("fine") = fullest_room(([127, 0, 0, 1], port).into()).ok();
                        }
                    }
                });
                thread::sleep(Duration::from_millis(50));
            }
        };
        Self { stop, thread: thread::spawn(body) }
    }

    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the runner does not fail");
    }
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("film-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn start(port: u16, folder: &Path, more: &[&str]) -> Server {
    let mut server = command(env!("CARGO_BIN_EXE_tickwire"));
    let log = fs::File::options().create(true).append(true).open(folder.join("log")).expect("a file");
    server.stdout(std::process::Stdio::null()).stderr(log);
    server.args(["serve", "--pages", "none", "--attempts-per-address", "10000", "--hold-seats-for", "10"]).args(more);
    Server::start_on(port, server.arg("--data").arg(folder.join("data")))
}

fn wait_for(mut done: impl FnMut() -> bool, what: &str) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(120), "never came true: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// The room, once it is there.
fn room(port: u16) -> String {
    let mut found = None;
    wait_for(
        || {
            found = fullest_room(([127, 0, 0, 1], port).into()).ok();
            found.is_some()
        },
        "there is a room",
    );
    found.expect("it was found")
}

fn viewers(port: u16, room: &str, outlet: Outlet, viewers: usize) -> Arc<Shared> {
    Shared::new(Plan {
        server: ([127, 0, 0, 1], port).into(),
        film: format!("/api/rooms/{room}/film"),
        outlet,
        viewers,
        decodes: 1,
        arrivals: 1000,
        duration: Duration::ZERO,
        threads: 1,
        token: None,
        server_pid: None,
    })
}

/// A body, if the status is 200.
fn get(port: u16, path: &str) -> Option<Vec<u8>> {
    let (mut stream, head) = ask(port, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
    let mut body = Vec::new();
    stream.read_to_end(&mut body).ok()?;
    head.starts_with("HTTP/1.1 200").then_some(body)
}

fn survives(name: &str, crashes: u32, more: &[&str]) {
    let (folder, port) = (folder(name), free_port());
    let mut server = start(port, &folder, more);
    let runner = Running::start(port);
    let room = room(port);
    let all = [Outlet::Events, Outlet::Segments].map(|outlet| viewers(port, &room, outlet, 3));
    let threads: Vec<_> = all.iter().flat_map(|shared| shared.start().expect("threads")).collect();
    let seen = |shared: &Arc<Shared>| shared.tally.lock().segments;
    for crash in 0..crashes {
        let before = all.each_ref().map(seen);
        let has_more = |shared: &Arc<Shared>, before: u64| seen(shared) >= before + 2 * 3;
        wait_for(|| all.iter().zip(before).all(|(shared, before)| has_more(shared, before)), "everybody sees more");
        let film = format!("/api/rooms/{room}/film");
        let index: serde_json::Value = serde_json::from_slice(&get(port, &film).expect("an index")).expect("JSON");
        let newest = &index["segments"].as_array().expect("a list").last().expect("a segment");
        let address = format!("{film}/{}/{newest}", index["incarnation"]);
        let known = get(port, &address).expect("a segment");
        thread::sleep(Duration::from_millis(u64::from(crash * 377 % 1100)));
        // A stop is no crash, but for viewers it is the same.
        server.end(if crash % 5 == 4 { "TERM" } else { "KILL" });
        server = start(port, &folder, more);
        assert!(get(port, &address).expect("it is still there") == known, "{address} never changes");
    }
    let before = all.each_ref().map(seen);
    wait_for(|| all.iter().zip(before).all(|(shared, before)| seen(shared) >= before + 6), "they go on");
    all.iter().for_each(|shared| shared.end());
    threads.into_iter().for_each(|thread| thread.join().expect("no viewer fails"));
    runner.end();
    for shared in &all {
        let (tally, outlet) = (shared.tally.lock(), shared.plan.outlet);
        println!("{name}, {outlet:?}: {} kills, {} lost connections, {} states", crashes, tally.failures, tally.states);
        let faults = (tally.missing, tally.twice, tally.wrong);
        assert_eq!(faults, (0, 0, 0), "{outlet:?}: missing, twice, wrong; {:?}", tally.fault);
        assert!(tally.failures > 0 || crashes == 0, "they noticed");
    }
    assert_eq!(server.metric("tickwire_rooms_lost_total"), 0.0);
}

fn crashes(usual: u32) -> u32 {
    std::env::var("TICKWIRE_CRASHES").map_or(usual, |text| text.parse().expect("a number"))
}

#[test]
fn viewers_miss_nothing_when_the_server_is_killed() {
    survives("live", crashes(5), &[]);
}

#[test]
fn nor_do_those_who_watch_with_a_delay() {
    survives("delayed", crashes(5).div_ceil(5), &["--film-delay", "3"]);
}
