//! A server in a thread and a well-behaved player; [`Raw`] sockets may say anything. With `TICKWIRE_TEST_ROAD=mounted` the
//! server is mounted in an app, and sessions are the bodies of responses; with `listened`, that app is served by the mount.

mod raw;
mod upgrade;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use actix_web::{App, HttpServer};
use futures_util::FutureExt;
use tickwire::Factory;
use tickwire::engine::{Arrived, Client, ClientEvent, Depth, Pass};
use tickwire::server::{Config, Server};
use tickwire::tick::Moment;
use tickwire::wire::{Close, Join};
use tickwire_games::builtin;
use tokio::sync::oneshot;

pub use raw::{Budget, Frame, Raw, masked};
pub use upgrade::{SUBPROTOCOL, upgrade};

pub const PATIENT: Duration = Duration::from_secs(20);

/// Tests run side by side, but for those that measure time or memory: each of them runs alone.
static TURN: RwLock<()> = RwLock::new(());

#[expect(dead_code, reason = "held, never looked at")]
enum Turn {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

/// What is between the sockets and the sessions.
#[derive(Clone, Copy, Debug)]
pub enum Road {
    /// `Server::run`.
    Run,
    /// An app with rooms in it, served by actix-web's `HttpServer`.
    Mounted,
    /// The same app, served by `Mount::listen`.
    Listened,
}

impl Road {
    fn of_environment() -> Self {
        match std::env::var("TICKWIRE_TEST_ROAD").as_deref() {
            Ok("mounted") => Self::Mounted,
            Ok("listened") => Self::Listened,
            Ok(road) => panic!("TICKWIRE_TEST_ROAD is {road:?}: mounted and listened are the other roads"),
            Err(_) => Self::Run,
        }
    }
}

/// One thread of each kind; seats are not held, so that who is gone is gone.
pub fn lean() -> Config {
    Config { workers: 1, room_threads: 1, hold_seats_for: Duration::ZERO, ..Config::default() }
}

pub struct TestServer {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
    _turn: Turn,
}

impl TestServer {
    pub fn start() -> Self {
        Self::with(lean(), |server| server)
    }

    pub fn with(config: Config, add: impl FnOnce(Server) -> Server + Send + 'static) -> Self {
        Self::run(|| add(Server::new(config).games(builtin())))
    }

    /// As [`Self::with`] and one thread of each kind, while no other test has a server.
    pub fn alone(add: impl FnOnce(Server) -> Server + Send + 'static) -> Self {
        Self::alone_with(lean(), add)
    }

    /// As [`Self::with`], while no other test has a server.
    pub fn alone_with(config: Config, add: impl FnOnce(Server) -> Server + Send + 'static) -> Self {
        let turn = Turn::Alone(TURN.write().unwrap_or_else(PoisonError::into_inner));
        Self::spawn(turn, Road::of_environment(), || add(Server::new(config).games(builtin())))
    }

    /// As [`Self::start`] on that road, while no other test has a server.
    pub fn alone_on(road: Road) -> Self {
        let turn = Turn::Alone(TURN.write().unwrap_or_else(PoisonError::into_inner));
        Self::spawn(turn, road, || Server::new(lean()).games(builtin()))
    }

    /// Runs what `make` makes, in a thread of its own.
    pub fn run(make: impl FnOnce() -> Server + Send + 'static) -> Self {
        let turn = Turn::Shared(TURN.read().unwrap_or_else(PoisonError::into_inner));
        Self::spawn(turn, Road::of_environment(), make)
    }

    fn spawn(turn: Turn, road: Road, make: impl FnOnce() -> Server + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let stopped = stopped.map(drop);
            actix_web::rt::System::new().block_on(async {
                match road {
                    Road::Run => make().run(listener, stopped).await,
                    _ => mounted(make(), road, listener, stopped).await,
                }
            })
        });
        Self { address, stop: Some(stop), thread: Some(thread), _turn: turn }
    }

    /// Asks the server to stop, without waiting.
    pub fn ask_to_stop(&mut self) {
        let _ = self.stop.take().expect("asked once").send(());
    }

    /// Waits for the end of a server that was asked to stop.
    pub fn join(&mut self) -> std::io::Result<()> {
        self.thread.take().expect("joined once").join().expect("the server does not panic")
    }

    pub fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
    }

    /// Sends a request as it is; returns the answer to its end.
    pub fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENT)).expect("a timeout");
        stream.write_all(request.as_bytes()).expect("the server reads");
        let mut answer = Vec::new();
        // A server that refuses a body does not read it to its end.
        let read = stream.read_to_end(&mut answer);
        assert!(read.is_ok() || !answer.is_empty(), "the server answers: {read:?}");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The value of a metric line.
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics");
        let line = text.lines().find(|line| line.split(' ').next() == Some(name));
        line.and_then(|line| line.split(' ').nth(1)).map_or(0.0, |value| value.parse().expect("a number"))
    }

    pub fn wait_for_metric(&self, name: &str, wanted: f64) {
        wait_for(|| self.metric(name) == wanted, &format!("{name} = {wanted}"));
    }
}

/// Serves as somebody else's app does, where a session is the body of a response.
async fn mounted(
    server: Server,
    road: Road,
    listener: TcpListener,
    stopped: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let mount = server.mount()?;
    let rooms = mount.clone();
    let app = move || App::new().configure(|app| rooms.configure(app));
    let serving = match road {
        Road::Listened => mount.listen(listener, app)?,
        _ => mount.tuned(HttpServer::new(app)).workers(1).disable_signals().listen(listener)?.run(),
    };
    let handle = serving.handle();
    let serving = actix_web::rt::spawn(serving);
    stopped.await;
    mount.drain().await;
    handle.stop(false).await;
    serving.await?
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub fn wait_for(mut done: impl FnMut() -> bool, what: &str) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENT, "never came true: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A player over a [`Raw`] connection.
pub struct Player {
    pub raw: Raw,
    pub client: Client,
    start: Instant,
    /// Frames that arrived while the player was aside, how many of them left out ticks, and the most ticks at once.
    frames: u32,
    skips: u32,
    longest_advance: u32,
    /// Where to tell the newest tick.
    present: Option<Arc<AtomicU32>>,
}

impl Player {
    pub fn join(server: &TestServer, join: Join) -> Result<Self, Option<u16>> {
        Self::join_as(server, join, "tester", Vec::new())
    }

    pub fn join_as(
        server: &TestServer,
        join: Join,
        name: &str,
        options: Vec<(String, String)>,
    ) -> Result<Self, Option<u16>> {
        Self::open(server, Client::new(Depth::Full), &Client::hello(join, name, options, 0))
    }

    /// Comes back on a new connection, with all that the client knows.
    pub fn resume(&self, server: &TestServer) -> Result<Self, Option<u16>> {
        let mut client = self.client.clone();
        let hello = client.resume("tester", Vec::new()).expect("a seat that is held");
        Self::open(server, client, &hello)
    }

    /// Comes with the right to a seat and no other memory.
    pub fn reload(server: &TestServer, pass: Pass) -> Result<Self, Option<u16>> {
        let mut client = Client::new(Depth::Full).with_pass(pass);
        let hello = client.resume("tester", Vec::new()).expect("the right to a seat");
        Self::open(server, client, &hello)
    }

    /// The connection breaks.
    pub fn break_off(&self) {
        self.raw.stream.shutdown(Shutdown::Both).expect("it was open");
    }

    fn open(server: &TestServer, client: Client, hello: &[u8]) -> Result<Self, Option<u16>> {
        let mut raw = Raw::connect(server.address);
        raw.send(hello);
        match Self::over(raw, client) {
            Ok(player) => Ok(player),
            Err(Frame::Close(code)) => Err(Some(code)),
            Err(other) => panic!("neither a welcome nor a close: {other:?}"),
        }
    }

    /// A player over a connection on which hello was said.
    pub fn over(raw: Raw, client: Client) -> Result<Self, Frame> {
        let mut player =
            Self { raw, client, start: Instant::now(), frames: 0, skips: 0, longest_advance: 0, present: None };
        loop {
            match player.raw.next() {
                Some(Frame::Binary(bytes)) => match player.client.on_message(&bytes).expect("a message") {
                    ClientEvent::Welcome => return Ok(player),
                    // Sent away, and the close follows.
                    ClientEvent::ComeBack { .. } => {}
                    other => panic!("neither a welcome nor a close: {other:?}"),
                },
                other => return Err(other.expect("an answer")),
            }
        }
    }

    pub fn arena(server: &TestServer) -> Self {
        Self::join(server, arena()).expect("the arena has room")
    }

    /// Acknowledges and sends what is due.
    pub fn talk(&mut self) {
        let now = Moment(0).plus(self.start.elapsed() + Duration::from_secs(1));
        while let Some(message) = self.client.poll(now) {
            self.raw.send(&message);
        }
    }

    /// The next frame, with the events that came before it, or how the session ended.
    pub fn frame(&mut self) -> Result<Arrived, Close> {
        let (start, mut delivered) = (Instant::now(), Vec::new());
        loop {
            self.talk();
            match self.raw.poll() {
                Poll::Ready(Some(Frame::Binary(bytes))) => {
                    match self.client.on_message(&bytes).expect("the server speaks the protocol") {
                        ClientEvent::Delivery(news) => delivered.extend(news.events),
                        ClientEvent::Frame(mut arrived) => {
                            assert_eq!(arrived.desyncs, 0);
                            if let Some(present) = &self.present {
                                present.store(arrived.tick.0, Ordering::Relaxed);
                            }
                            self.talk();
                            arrived.events.splice(0..0, delivered);
                            return Ok(arrived);
                        }
                        _ => {}
                    }
                }
                Poll::Ready(Some(Frame::Close(code))) => {
                    return Err(*Close::ALL.iter().find(|close| close.code() == code).expect("a known close code"));
                }
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => return Err(Close::Lost),
                Poll::Pending => assert!(start.elapsed() < PATIENT, "no frame came"),
            }
        }
    }

    /// How the session ends.
    pub fn ending(&mut self) -> Close {
        loop {
            if let Err(close) = self.frame() {
                return close;
            }
        }
    }

    /// Whether the player, while aside, got frames as one does in peace on a shared machine.
    pub fn was_undisturbed(&self) -> bool {
        println!("{} frames, {} left out ticks, {} ticks at once", self.frames, self.skips, self.longest_advance);
        self.frames > 50 && self.skips * 20 <= self.frames && self.longest_advance <= 10
    }

    /// Tells the tick of each frame that arrives.
    pub fn telling(mut self, present: Arc<AtomicU32>) -> Self {
        self.present = Some(present);
        self
    }

    /// Plays on in a thread.
    pub fn aside(mut self) -> Aside {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let arrived = self.frame().expect("the session goes on");
                self.frames += 1;
                self.skips += u32::from(arrived.advance > 1);
                self.longest_advance = self.longest_advance.max(arrived.advance);
            }
            self
        });
        Aside { stop, thread }
    }

    /// Plays until a frame shows what is wanted.
    pub fn until(&mut self, mut wanted: impl FnMut(&Arrived, &Client) -> bool) -> Arrived {
        let start = Instant::now();
        loop {
            let arrived = self.frame().expect("the session goes on");
            if wanted(&arrived, &self.client) {
                return arrived;
            }
            assert!(start.elapsed() < PATIENT, "no frame showed it");
        }
    }
}

/// How to make a game of the demo.
pub fn demo(name: &str) -> Factory {
    let (_, make) = builtin().into_iter().find(|(found, _)| *found == name).expect("a game of the demo");
    make
}

pub fn arena() -> Join {
    Join::JoinOrCreate { game: "arena".to_owned(), options: Vec::new() }
}

/// A player who plays on in a thread.
pub struct Aside {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Player>,
}

impl Aside {
    /// The player, who was never thrown out.
    pub fn back(self) -> Player {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the player was never thrown out")
    }
}
