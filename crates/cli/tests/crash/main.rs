//! `kill -9`: rooms go on after their server was killed and started again, and nothing that a player was told is lost.
//!
//! Players join rooms over real sockets, run, chat and call while the server is killed again and again at random moments.
//! Each player counts what it hears: every line of everybody once and in order, one reply to each of its calls, the same
//! seat after each return, and no wrong hash. One guest per room reserves seats and comes with the tickets. `TICKWIRE_CRASHES`, `TICKWIRE_ROOMS` and `TICKWIRE_DURABILITY` change the
//! run; the target `crashes` of the Makefile runs the long ones.

#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;

mod guest;
#[path = "../../../../tests/history/mod.rs"]
mod history;
#[allow(dead_code, reason = "histories are for clusters")]
mod player;
#[path = "../process/mod.rs"]
mod process;

use player::{Shared, Tally};
use process::{Server, command, free_port};

const PLAYERS: usize = 5;

struct Plan {
    rooms: usize,
    crashes: usize,
    durability: String,
    seed: u64,
}

impl Plan {
    fn from_variables() -> Self {
        let number = |name: &str, default| {
            std::env::var(name)
                .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}: a number")))
        };
        let durability = std::env::var("TICKWIRE_DURABILITY").unwrap_or_else(|_| "process".to_owned());
        let (rooms, crashes) = (number("TICKWIRE_ROOMS", 6), number("TICKWIRE_CRASHES", 3));
        Self { rooms, crashes, durability, seed: number("TICKWIRE_SEED", 1) as u64 }
    }
}

/// A folder that no test used before.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("crash-{name}"));
    let _ = fs::remove_dir_all(&folder);
    folder
}

/// A port that was free a moment ago: the next server must listen where the last one did.
fn start(port: u16, folder: &Path, durability: &str) -> Server {
    let mut server = command(env!("CARGO_BIN_EXE_tickwire"));
    let data = folder.join("data");
    fs::create_dir_all(folder).expect("a folder");
    let log = fs::File::options().create(true).append(true).open(folder.join("log")).expect("a file");
    server.stdout(std::process::Stdio::null()).stderr(log);
    server.args(["serve", "--pages", "none", "--attempts-per-address", "10000", "--durability", durability, "--data"]);
    server.arg(data);
    Server::start_on(port, &mut server)
}

/// Starts the players of all rooms. One thread of a debug build could not play for 200 of them.
fn play_in_threads(shared: &Arc<Shared>, rooms: usize) -> Vec<JoinHandle<()>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let start = |thread: usize| {
        let (shared, rooms) = (shared.clone(), (thread..rooms).step_by(threads));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let tasks = rooms.flat_map(|room| {
                let guest = runtime.spawn(guest::come_and_go(shared.clone(), room));
                let players = (0..PLAYERS).map(|player| runtime.spawn(player::play(shared.clone(), room, player)));
                players.chain([guest]).collect::<Vec<_>>()
            });
            let tasks: Vec<_> = tasks.collect();
            runtime.block_on(async {
                for task in tasks {
                    task.await.expect("no player fails");
                }
            });
        })
    };
    (0..threads).map(start).collect()
}

#[test]
fn rooms_outlive_a_kill_and_nothing_that_was_told_is_lost() {
    let plan = Plan::from_variables();
    let (folder, port) = (folder(&plan.durability), free_port());
    let mut server = start(port, &folder, &plan.durability);
    let shared = Arc::new(Shared::new(port));
    let all = plan.rooms * PLAYERS;
    let threads = play_in_threads(&shared, plan.rooms);
    let driver = shared.clone();
    let waiting = std::thread::spawn(move || {
        let mut random = Pcg32::new(plan.seed, 1);
        let mut below = |bound: u32| random.next_u32() % bound;
        driver.wait("everybody plays", |tally| tally.playing == all);
        let mut starts = Vec::new();
        for _ in 0..plan.crashes {
            std::thread::sleep(Duration::from_millis(300 + u64::from(below(1700))));
            server.end("KILL");
            driver.crashed();
            let begun = Instant::now();
            server = start(port, &folder, &plan.durability);
            assert!(server.health().0, "it serves");
            starts.push(begun.elapsed());
            driver.wait("everybody is back", |tally| tally.playing == all && tally.back == all);
        }
        driver.hush();
        driver.wait("everything was heard", Tally::is_complete);
        let (restored, lost) =
            (server.metric("tickwire_rooms_recovered_total"), server.metric("tickwire_rooms_lost_total"));
        assert_eq!((restored, lost), (plan.rooms as f64, 0.0), "every room goes on");
        driver.end();
        starts.sort();
        (starts, plan)
    });
    threads.into_iter().for_each(|thread| thread.join().expect("no player fails"));
    let (starts, plan) = waiting.join().expect("the run ends well");
    let tally = shared.tally();
    let share = |sorted: &[Duration], of: usize| sorted[(sorted.len() * of / 100).min(sorted.len() - 1)];
    let mut gaps = tally.gaps.clone();
    gaps.sort();
    println!(
        "{} kills, {} rooms of {PLAYERS}, durability {}: {} lines and {} replies told, each once; {} seats \
         promised and taken, but for {} of guests too slow to say that they had come; serving again after {:?} \
         (p50) and {:?} (p99); players without a frame for {:?} (p50) and {:?} (p99); latency of a reply {:?} (p50), {:?} (p99)",
        plan.crashes,
        plan.rooms,
        plan.durability,
        tally.lines,
        tally.replies,
        tally.kept,
        tally.dismissed,
        share(&starts, 50),
        share(&starts, 99),
        share(&gaps, 50),
        share(&gaps, 99),
        share(&tally.latencies(), 50),
        share(&tally.latencies(), 99),
    );
}
