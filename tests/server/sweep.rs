//! Frames that the relay writes beside what sessions write themselves: order, when sockets are full, and fairness.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use rustls::RootCertStore;
use socket2::SockRef;
use tickwire::engine::{Client, Depth};
use tickwire::server::Config;
use tickwire::tick::Tick;
use tickwire::wire::Close;

use crate::slow::{Restless, longest_send_queue};
use crate::support::{Player, Raw, TestServer, lean};
use crate::tls::Pair;

const SEED: u64 = 20_261_130;
/// How long a session reads nothing at most, in milliseconds: at first, and when the server stops. A connection that is closed stays
/// for a second, so whoever reads within that time gets the close.
const STALL: u32 = 1500;
const SHORT_STALL: u32 = 500;

/// Sessions of the one worker: 40, or `TICKWIRE_SESSIONS`.
fn sessions() -> usize {
    std::env::var("TICKWIRE_SESSIONS").map_or(40, |number| number.parse().expect("TICKWIRE_SESSIONS is a number"))
}

/// Rows of a room: fewer for more sessions, all of which rebuild them.
fn dots() -> usize {
    (60_000 / sessions()).clamp(200, 1500)
}

/// One worker whose sessions all come from one address.
fn crowded() -> Config {
    Config { exempt: vec!["127.0.0.1/32".parse().expect("an address")], ..lean() }
}

/// How a session went.
struct Course {
    /// Ticks that a frame skipped, on average.
    skipped: f64,
    /// How many ticks a frame was older than the newest that anybody in the room had, on average.
    age: f64,
    ending: Close,
    after_close: bool,
}

/// The newest tick of each room that has reached anybody.
#[derive(Clone, Default)]
struct Present(Arc<Mutex<BTreeMap<String, Arc<AtomicU32>>>>);

impl Present {
    fn of(&self, player: &Player) -> Arc<AtomicU32> {
        let room = player.client.welcome().expect("a welcome").room.clone();
        self.0.lock().expect("no panic").entry(room).or_default().clone()
    }
}

/// Plays until the server ends the session. Between frames the player sometimes reads nothing for up to `longest`
/// milliseconds.
fn play(mut player: Player, present: &AtomicU32, seed: u64, longest: &AtomicU32) -> Course {
    let mut random = Pcg32::new(seed, 1);
    let (mut frames, mut skipped, mut age) = (0, 0, 0);
    let ending = loop {
        match player.frame() {
            Ok(arrived) => {
                let newest = present.fetch_max(arrived.tick.0, Ordering::Relaxed);
                age += Tick(newest).since(arrived.tick).max(0);
                (frames, skipped) = (frames + 1, skipped + arrived.advance.saturating_sub(1));
            }
            Err(close) => break close,
        }
        let longest = longest.load(Ordering::Relaxed);
        if longest > 0 && random.next_u32().is_multiple_of(8) {
            thread::sleep(Duration::from_millis(u64::from(random.next_u32() % longest)));
        }
    };
    let after_close = player.raw.next().is_some();
    let per_frame = |sum: f64| sum / f64::from(frames.max(1));
    Course { skipped: per_frame(skipped.into()), age: per_frame(age.into()), ending, after_close }
}

/// Joins over TLS, if there is somebody to trust.
fn join(server: &TestServer, roots: Option<&RootCertStore>) -> Player {
    let Some(roots) = roots else { return Player::join(server, Restless::join()).expect("a seat") };
    let mut raw = Raw::connect_encrypted(server.address, roots);
    raw.send(&Client::hello(Restless::join(), "tester", Vec::new(), 0));
    Player::over(raw, Client::new(Depth::Full)).expect("a seat")
}

/// A quarter of the sessions read at once, and the others stall: their sockets are full most of the time. The client checks
/// each message against the protocol and its state against the server's: a frame before the welcome, or one in the wrong
/// place, is an error there.
fn play_with_full_sockets(mut server: TestServer, roots: Option<&RootCertStore>, sessions: usize) {
    println!("seed {SEED}");
    let (prompt, present) = (sessions / 4, Present::default());
    let (never, stall) = (Arc::<AtomicU32>::default(), Arc::new(AtomicU32::new(STALL)));
    let players: Vec<_> = (0..sessions)
        .map(|index| {
            let player = join(&server, roots);
            let longest = if index < prompt { never.clone() } else { stall.clone() };
            if index >= prompt {
                SockRef::from(&player.raw.stream).set_recv_buffer_size(2048).expect("a socket");
            }
            let present = present.of(&player);
            let play = move || play(player, &present, SEED + index as u64, &longest);
            thread::Builder::new().stack_size(512 * 1024).spawn(play).expect("a thread")
        })
        .collect();
    let mut queued = 0;
    for _ in 0..80 {
        thread::sleep(Duration::from_millis(100));
        queued = queued.max(longest_send_queue(server.address.port()));
    }
    assert!(queued > 0, "every socket was empty, so nothing was tested");
    stall.store(SHORT_STALL, Ordering::Relaxed);
    thread::sleep(Duration::from_millis(STALL.into()));
    server.ask_to_stop();
    let courses: Vec<Course> = players.into_iter().map(|player| player.join().expect("no rule was broken")).collect();
    for course in &courses {
        assert_eq!(course.ending, Close::Draining);
        assert!(!course.after_close, "something came behind the close");
    }
    let sorted = |value: fn(&Course) -> f64, courses: &[Course]| {
        let mut values: Vec<f64> = courses.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        (values[values.len() / 2], values[values.len() - 1])
    };
    let (prompt, stalling) = courses.split_at(prompt);
    let [skipped, age] = [|course: &Course| course.skipped, |course: &Course| course.age].map(|of| sorted(of, prompt));
    println!("prompt: {skipped:.3?} ticks skipped per frame and {age:.3?} ticks of age, in the median and at worst");
    let behind = sorted(|course| course.skipped, stalling);
    println!("stalling: {behind:.3?} ticks skipped, {queued} bytes queued");
    assert!(behind.0 > 0.0, "no client was behind, so nothing was tested");
    assert!(skipped.1 <= skipped.0 + 0.2, "one session is served worse than the others");
    assert!(age.1 <= age.0 + 0.5, "one session is served later than the others");
}

#[test]
fn full_sockets_change_no_order_and_the_others_get_every_frame() {
    let server = TestServer::alone_with(crowded(), |server| Restless::added(server, dots()));
    play_with_full_sockets(server, None, sessions());
}

#[test]
fn full_sockets_with_tls_change_no_order_and_the_others_get_every_frame() {
    let pair = Pair::named("tls-sweep");
    let roots = pair.write();
    let config = Config { tls_cert: pair.cert, tls_key: pair.key, ..crowded() };
    let server = TestServer::alone_with(config, |server| Restless::added(server, dots()));
    play_with_full_sockets(server, Some(&roots), sessions());
}
