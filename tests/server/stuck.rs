//! Parts of the server that stop, each frozen by an embedder's code: `/healthz` fails within two seconds, names the part, and
//! recovers soon after it. Players that do not depend on the part play on.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use actix_web::{App, HttpServer, web};
use tickwire::Factory;
use tickwire::game::{Context, Game, Player as Guest, PlayerInput, Refused, RoomSetup};
use tickwire::id::EntityId;
use tickwire::server::{Config, Server};
use tickwire::wire::Join;
use tokio::sync::oneshot;

use crate::support::{Player, TestServer, demo, lean, wait_for};

/// Who comes here waits until it is opened.
#[derive(Default)]
struct Barrier {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Barrier {
    fn pass(&self) {
        let mut open = self.open.lock().expect("nobody panics with it");
        while !*open {
            open = self.opened.wait(open).expect("nobody panics with it");
        }
    }

    fn open(&self) {
        *self.open.lock().expect("nobody panics with it") = true;
        self.opened.notify_all();
    }
}

/// Opens a barrier at the end of a test, also of one that fails: nobody may wait for ever.
struct Opens<'a>(&'a Barrier);

impl Drop for Opens<'_> {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// An arena that comes to a barrier in its step, as soon as somebody is in it.
struct Stalls {
    inner: Box<dyn Game>,
    barrier: Arc<Barrier>,
    joined: bool,
}

impl Game for Stalls {
    delegate!(inner: spec, leave, write_snapshot);
    fn join(&mut self, player: &Guest, cx: &mut Context) -> Result<EntityId, Refused> {
        self.joined = true;
        self.inner.join(player, cx)
    }
    fn step(&mut self, inputs: &[PlayerInput], cx: &mut Context) {
        if self.joined {
            self.barrier.pass();
        }
        self.inner.step(inputs, cx);
    }
}

fn join(game: &str) -> Join {
    Join::JoinOrCreate { game: game.to_owned(), options: Vec::new() }
}

/// The status and the body of `/healthz`; `None` when nobody answers for a quarter of a second.
fn health(address: SocketAddr) -> Option<(String, String)> {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_millis(250))).expect("a timeout");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1).expect("a status").to_owned();
    Some((status, answer.split("\r\n\r\n").nth(1).expect("a body").to_owned()))
}

/// Waits until the server says that it is stuck; what it says, and after how long.
fn fails(address: SocketAddr) -> (String, Duration) {
    let (start, mut said) = (Instant::now(), None);
    wait_for(
        || {
            said = health(address).filter(|(status, _)| status == "503").map(|(_, body)| body);
            said.is_some()
        },
        "/healthz fails",
    );
    (said.expect("it was waited for"), start.elapsed())
}

fn recovers(address: SocketAddr) -> Duration {
    let start = Instant::now();
    wait_for(|| health(address).is_some_and(|(status, _)| status == "200"), "/healthz is well again");
    start.elapsed()
}

/// A server with two threads of each kind and `make` as its game `stalls`: someone joins that, and it is stuck as `part`.
fn freezes(make: Factory, barrier: &Barrier, part: &str) {
    let config = Config { workers: 2, room_threads: 2, ..lean() };
    let server = TestServer::alone_with(config, move |server| server.game("stalls", move |setup| make(setup)));
    let neighbour = Player::arena(&server).aside();
    assert_eq!(health(server.address).expect("an answer").0, "200");
    let address = server.address;
    let (said, took, back) = std::thread::scope(|scope| {
        let _opens = Opens(barrier);
        let victim = scope.spawn(|| Player::join(&server, join("stalls")));
        let (said, took) = fails(address);
        // Long enough that a neighbour would notice.
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!(health(address).expect("an answer").0, "503");
        barrier.open();
        let back = recovers(address);
        victim.join().expect("no panic").expect("a new room").frame().expect("a frame");
        (said, took, back)
    });
    println!("{said:?} after {took:?}, well again after {back:?}");
    assert_eq!(said, format!("stuck: {part}\n"));
    assert!(took < Duration::from_secs(2) && back < Duration::from_secs(1), "{took:?}, {back:?}");
    assert!(neighbour.back().was_undisturbed());
}

#[test]
fn a_room_thread_that_stops_fails_the_health_check() {
    let barrier = Arc::new(Barrier::default());
    let at = barrier.clone();
    let make = move |setup: &RoomSetup| {
        let (inner, barrier) = (demo("arena")(setup)?, at.clone());
        Ok(Box::new(Stalls { inner, barrier, joined: false }) as Box<dyn Game>)
    };
    // The neighbour's room is on the first thread, so this one is on the other.
    freezes(Arc::new(make), &barrier, "room thread 1");
}

#[test]
fn a_directory_that_stops_fails_the_health_check() {
    let barrier = Arc::new(Barrier::default());
    let at = barrier.clone();
    let make = move |setup: &RoomSetup| {
        at.pass();
        demo("arena")(setup)
    };
    freezes(Arc::new(make), &barrier, "directory");
}

/// Somebody else's app with two workers, the rooms and a route that blocks the worker which answers it.
fn app(barrier: Arc<Barrier>) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    let (stop, stopped) = oneshot::channel();
    let serve = async move {
        let mount = Server::new(lean()).games(tickwire_games::builtin()).mount().expect("a good configuration");
        let rooms = mount.clone();
        let blocks = move || {
            let barrier = barrier.clone();
            async move {
                barrier.pass();
                "unblocked"
            }
        };
        let app =
            move || App::new().route("/block", web::get().to(blocks.clone())).configure(|app| rooms.configure(app));
        let server = mount.tuned(HttpServer::new(app)).workers(2).disable_signals().listen(listener);
        let server = server.expect("it listens").run();
        let handle = server.handle();
        let serving = actix_web::rt::spawn(server);
        let _ = stopped.await;
        mount.drain().await;
        handle.stop(false).await;
        serving.await.expect("no panic").expect("it served");
    };
    let thread = std::thread::spawn(|| actix_web::rt::System::new().block_on(serve));
    (address, stop, thread)
}

#[test]
fn an_http_worker_that_stops_fails_the_health_check() {
    // Nothing else may run: a third of a second without an answer must mean that nobody answers.
    let _alone = TestServer::alone(|server| server);
    let barrier = Arc::new(Barrier::default());
    let _opens = Opens(&barrier);
    let (address, stop, thread) = app(barrier.clone());
    recovers(address);
    let mut blocked = TcpStream::connect(address).expect("it listens");
    blocked.write_all(b"GET /block HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it reads");
    let (said, took) = fails(address);
    assert!(said.starts_with("stuck: HTTP worker ") && !said.contains(','), "{said}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    // Connections go to each worker in turn: the other one tells, and at this one nobody answers.
    let answers: Vec<_> = (0..8).map(|_| health(address)).collect();
    assert!(answers.iter().flatten().all(|(status, body)| status == "503" && *body == said), "{answers:?}");
    assert!(answers.iter().any(Option::is_none) && answers.iter().any(Option::is_some), "{answers:?}");
    barrier.open();
    let back = recovers(address);
    println!("{said:?} after {took:?}, well again after {back:?}");
    assert!(back < Duration::from_secs(2), "{back:?}");
    stop.send(()).expect("it waits for it");
    thread.join().expect("no panic");
}
