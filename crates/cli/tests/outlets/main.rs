//! Outlets through faults: the server is killed again and again, the receiver is away, answers errors or is slow, and every
//! result and leave that a player was told of arrives at least once, in order per room, doubles with equal keys.
//!
//! `TICKWIRE_CRASHES` changes how often the server is killed.

#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]

#[path = "../../examples/duel.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod duel;
mod forgotten;
mod kafka;
#[path = "../process/mod.rs"]
mod process;
mod receiver;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use process::{Server, command, free_port};
use receiver::{Mood, Receiver};
use serde_json::Value;
use tickwire::wire::{EventBody, Join, Welcome};
use tickwire_cli::bots::{Pilot, Seen, play};

const PLAYERS: usize = 6;
const FOLDER: &str = "DUEL_FOLDER";
const BIND: &str = "DUEL_BIND";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";

/// What players were told, by room.
#[derive(Default)]
struct Promised {
    results: BTreeMap<String, Value>,
    /// Seats that somebody left.
    left: Vec<(String, u16)>,
}

/// Strikes, and remembers what it is told.
struct Fighter {
    room: String,
    promised: Arc<Mutex<Promised>>,
    /// How many inputs it still makes before it leaves.
    patience: u32,
}

impl Pilot for Fighter {
    fn joined(&mut self, welcome: &Welcome) {
        self.room.clone_from(&welcome.room);
    }

    fn input(&mut self, _: &Seen<'_>) -> Option<Vec<i32>> {
        self.patience = self.patience.checked_sub(1)?;
        Some(vec![i32::from(self.patience.is_multiple_of(3))])
    }

    fn event(&mut self, event: &EventBody<'_>) {
        let mut promised = self.promised.lock().expect("no holder panics");
        match event {
            EventBody::Ended { result } => {
                let result = serde_json::from_slice(result).expect("JSON");
                promised.results.insert(self.room.clone(), result);
            }
            EventBody::Left { seat, .. } => promised.left.push((self.room.clone(), seat.0)),
            _ => {}
        }
    }
}

/// Players who fight match after match.
fn fight(port: u16, promised: &Arc<Mutex<Promised>>, stop: &Arc<AtomicBool>) -> Vec<thread::JoinHandle<()>> {
    let fighter = |number: usize| {
        let (promised, stop) = (promised.clone(), stop.clone());
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let url = format!("ws://127.0.0.1:{port}/play");
            let mut visits = number as u32;
            while !stop.load(Ordering::Relaxed) {
                visits += 1;
                // Some leave in the middle of a match.
                let patience = if visits.is_multiple_of(3) { 15 } else { 1000 };
                let pilot = Fighter { room: String::new(), promised: promised.clone(), patience };
                let join = Join::JoinOrCreate { game: "duel".to_owned(), options: Vec::new() };
                // However it ends, there is another match.
                let playing = play(&url, join, "fighter", pilot);
                let _ = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), playing).await });
                thread::sleep(Duration::from_millis(50));
            }
        })
    };
    (0..PLAYERS).map(fighter).collect()
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("outlets-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// The example `duel`, as this program once more.
fn start(port: u16, folder: &Path) -> Server {
    let mut server = command(std::env::current_exe().expect("a program"));
    let log = fs::File::options().create(true).append(true).open(folder.join("log")).expect("a file");
    server.stdout(std::process::Stdio::null()).stderr(log);
    server.args(["--ignored", "--exact", "serves_duels"]).env(FOLDER, folder).env(BIND, format!("127.0.0.1:{port}"));
    Server::await_on(port, &mut server)
}

#[test]
#[ignore = "the server of the other test"]
fn serves_duels() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let bind = std::env::var(BIND).expect("an address");
    let (data, outlets) = (format!("{folder}/data"), format!("{folder}/outlets.toml"));
    let arguments = ["--bind", &bind, "--data", &data, "--outlets", &outlets].map(str::to_owned);
    duel::serve(&arguments).expect("it serves");
}

fn wait_for(mut done: impl FnMut() -> bool, what: &str) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(120), "never came true: {what}");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn what_players_were_told_arrives_whatever_happens_to_the_server_and_the_receiver() {
    let crashes: u32 = std::env::var("TICKWIRE_CRASHES").map_or(4, |text| text.parse().expect("a number"));
    let (folder, port) = (folder("crashes"), free_port());
    let receiver = Receiver::start();
    let outlets = format!(
        "[[sink]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"{}\"\nsecret = \"{SECRET}\"\nbatch = 50\ntimeout = 2\n",
        receiver.url()
    );
    fs::write(folder.join("outlets.toml"), outlets).expect("a file");
    let mut server = start(port, &folder);
    let (promised, stop) = (Arc::<Mutex<Promised>>::default(), Arc::<AtomicBool>::default());
    let fighters = fight(port, &promised, &stop);
    for crash in 0..crashes {
        let moods = [Mood::Fine, Mood::Failing, Mood::Away, Mood::Slow];
        receiver.set(moods[crash as usize % moods.len()]);
        thread::sleep(Duration::from_millis(900 + u64::from(crash * 577 % 1300)));
        server.end("KILL");
        server = start(port, &folder);
    }
    receiver.set(Mood::Fine);
    let results = || promised.lock().expect("no holder panics").results.len();
    let before = results();
    wait_for(|| results() > before + 2, "matches go on");
    stop.store(true, Ordering::Relaxed);
    fighters.into_iter().for_each(|fighter| fighter.join().expect("no fighter fails"));
    wait_for(|| server.metric("tickwire_rooms") == 0.0, "all rooms have ended");
    // What the last of them told may be on its way to the outbox.
    wait_for(|| server.counted("tickwire_sink_lag") == 0.0 && all_have_left(&receiver.events()), "all is delivered");
    let (dropped, dead) =
        (server.counted("tickwire_sink_dropped_total"), server.counted("tickwire_sink_dead_letters_total"));
    assert_eq!((dropped, dead, server.counted("tickwire_outbox_lost_total")), (0.0, 0.0, 0.0));
    judge(&receiver.events(), &promised.lock().expect("no holder panics"));
}

/// Whether as many players were told to have left as to have joined; each counts once.
fn all_have_left(events: &[Value]) -> bool {
    let count = |kind: &str| {
        let ids = events.iter().filter(|event| event["type"] == kind).map(|event| event["id"].as_str());
        ids.collect::<BTreeSet<_>>().len()
    };
    count("tickwire.player.joined") == count("tickwire.player.left")
}

fn judge(events: &[Value], promised: &Promised) {
    let mut first: BTreeMap<&str, &Value> = BTreeMap::new();
    let mut newest: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    let mut doubles = 0;
    for event in events {
        let id = event["id"].as_str().expect("an id");
        if let Some(known) = first.get(id) {
            doubles += 1;
            assert_eq!((&known["data"], &known["type"]), (&event["data"], &event["type"]), "equal keys, equal entries");
            continue;
        }
        first.insert(id, event);
        let data = &event["data"];
        let Some(room) = event["subject"].as_str() else { continue };
        let key = ["incarnation", "tick", "index"].map(|part| data[part].as_u64().expect("a number")).to_vec();
        let before = newest.insert(room, key.clone());
        assert!(before.as_ref().is_none_or(|before| *before < key), "{room}: {before:?} before {key:?}");
    }
    let of = |kind: &str, room: &str| -> Vec<&Value> {
        let is_it = |event: &&&Value| event["type"] == kind && event["subject"] == room;
        first.values().filter(is_it).map(|event| &event["data"]).collect()
    };
    for (room, result) in &promised.results {
        let told = of("tickwire.match.ended", room);
        assert_eq!(told.iter().map(|data| &data["result"]).collect::<Vec<_>>(), [result], "the result of {room}");
        assert_eq!(of("tickwire.room.ended", room).len(), 1, "the end of {room}");
    }
    for (room, seat) in &promised.left {
        let told = of("tickwire.player.left", room);
        assert!(told.iter().any(|data| data["seat"] == *seat), "somebody left seat {seat} of {room}: {told:?}");
    }
    assert!(all_have_left(events), "every room has ended");
    println!(
        "{} entries, {doubles} of them twice; {} results and {} leaves that players were told of",
        first.len(),
        promised.results.len(),
        promised.left.len()
    );
    assert!(!promised.results.is_empty() && !promised.left.is_empty());
}
