//! Many rooms that sleep: what each costs the server that keeps them, how soon one wakes, and one that has slept for very long.
//!
//! `TICKWIRE_SLEEPERS=10000 cargo test --release --test hibernation -- --nocapture` measures; without it, a small number of rooms
//! shows that everything works.

#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]

#[macro_use]
#[path = "../../../tests/delegate/mod.rs"]
mod delegate;
#[path = "faults/line.rs"]
mod line;
mod process;
mod sleepers;

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use line::{Line, Member};
use process::Server;
use sleepers::{Sleeper, now};
use tickwire::engine::RoomCounters;
use tickwire::game::{Context, Game, Persistence, RoomSetup};
use tickwire::server::{Config, ShutdownSignal};
use tickwire::tick::TickRate;
use tickwire::wire::Join;
use tickwire_games::arena::Arena;

/// Bytes that a sleeping room may cost, and how soon 99 of 100 wake, on a machine that does nothing else.
const BYTES: u64 = 10 * 1024;
const WITHIN: Duration = Duration::from_millis(50);
/// So many rooms are woken.
const WOKEN: usize = 500;

fn empty(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("hibernation-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn serve(folder: &Path) -> Server {
    let mut command = process::command(env!("CARGO_BIN_EXE_tickwire"));
    let data = folder.to_string_lossy().into_owned();
    Server::start(command.args(["--log", "warn", "--data", &data]).stderr(Stdio::inherit()), &[])
}

/// What the server holds when it has nothing to do.
fn at_rest(server: &Server) -> u64 {
    let mut last = server.resident_kib();
    loop {
        std::thread::sleep(Duration::from_millis(500));
        let now = server.resident_kib();
        if now <= last + 64 {
            return now;
        }
        last = now;
    }
}

/// From a client's first message to its welcome.
fn wake(server: &Server, id: &str) -> Duration {
    let mut line = Line::open_from(Ipv4Addr::LOCALHOST, server.port).expect("a connection");
    let start = Instant::now();
    line.sit_down(&Join::ById { room: id.to_owned() }).expect("a seat");
    start.elapsed()
}

#[test]
fn a_sleeping_room_costs_little_and_wakes_soon() {
    let wanted = std::env::var("TICKWIRE_SLEEPERS").ok().map(|text| text.parse().expect("a number of rooms"));
    let rooms: usize = wanted.unwrap_or(300);
    let nobody = serve(&empty("none"));
    let without = at_rest(&nobody);
    drop(nobody);
    let folder = empty("many");
    let (rate, counters, asleep_since) = (TickRate::DEFAULT, RoomCounters::default(), now());
    let id = |number: usize| format!("sleeper-{number}");
    for number in 0..rooms {
        Sleeper { id: &id(number), game: "arena", rate, counters, asleep_since }.write(&folder).expect("a disk");
    }
    let begin = Instant::now();
    let server = serve(&folder);
    while server.metric("tickwire_rooms_asleep") < rooms as f64 {
        assert!(begin.elapsed() < Duration::from_secs(60), "not all of them are known");
        std::thread::sleep(Duration::from_millis(10));
    }
    let (started, with) = (begin.elapsed(), at_rest(&server));
    let each = (with.saturating_sub(without) * 1024) / rooms as u64;
    println!("{rooms} rooms: started in {started:.2?}; {without} KiB without, {with} KiB with them: {each} bytes each");
    let woken = WOKEN.min(rooms);
    let mut times: Vec<Duration> = (0..woken).map(|number| wake(&server, &id(number * (rooms / woken)))).collect();
    times.sort();
    let (median, p99, most) = (times[woken / 2], times[(woken * 99).div_ceil(100) - 1], times[woken - 1]);
    println!("{woken} woken: median {median:.1?}, p99 {p99:.1?}, at most {most:.1?}");
    assert_eq!(server.metric("tickwire_rooms_woken_total"), woken as f64);
    if wanted.is_some() {
        assert!(each <= BYTES, "{each} bytes for each");
        assert!(p99 <= WITHIN, "{p99:?}");
    }
}

/// How long a room was told to have slept, in milliseconds.
static SLEPT: AtomicU64 = AtomicU64::new(0);

/// An arena that notes it.
struct Noting(Arena);

impl Game for Noting {
    delegate!(0: spec, join, leave, step, write_snapshot, save, load);
    fn persistence(&self) -> Persistence {
        self.0.persistence()
    }
    fn woke(&mut self, elapsed: Duration, cx: &mut Context) {
        SLEPT.store(elapsed.as_millis() as u64, Ordering::Relaxed);
        self.0.woke(elapsed, cx);
    }
}

#[test]
fn a_room_that_slept_past_two_thousand_million_ticks_plays_on() {
    let (folder, rate) = (empty("long"), TickRate::new(120).expect("a valid rate"));
    // A little more than 2^31 ticks: clocks that compare ticks see its next one before its last.
    let seconds = (1_u64 << 31) / 120 + 1;
    let counters = RoomCounters { tick: tickwire::tick::Tick(1000), ..RoomCounters::default() };
    let sleeper = Sleeper { id: "long", game: "arena", rate, counters, asleep_since: now() - seconds };
    sleeper.write(&folder).expect("a disk");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let make = |setup: &RoomSetup| Ok(Box::new(Noting(Arena::new(setup)?)) as Box<dyn Game>);
    let config = Config { data: folder, workers: 1, room_threads: 1, ..Config::default() };
    std::thread::spawn(move || {
        let server = tickwire::Server::new(config).game("arena", make);
        let signal = ShutdownSignal::install().expect("signals");
        actix_web::rt::System::new().block_on(server.run(listener, signal.received())).expect("it serves");
    });
    let join = Join::ById { room: "long".to_owned() };
    let mut players: Vec<Member> =
        (0..2).map(|_| Member::join(Ipv4Addr::LOCALHOST, port, &join).expect("a seat")).collect();
    let slept = SLEPT.load(Ordering::Relaxed);
    assert!((seconds * 1000..(seconds + 60) * 1000).contains(&slept), "{slept} ms");
    let first = players[0].welcome().tick;
    assert!(first.0 >= 1000 && first.0 < 2000, "ticks stood still: {first:?}");
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        for player in &mut players {
            assert_eq!(player.turn(), Ok(()), "they play");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    for player in &players {
        let ticks = player.ticks();
        assert!(ticks > 200, "{ticks} ticks in three seconds");
    }
}
