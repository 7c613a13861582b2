//! A server in a thread, a well-behaved player, and a raw socket that may say anything.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tickwire::engine::{Arrived, Client, Depth, Told};
use tickwire::server::{Config, Server};
use tickwire::tick::Moment;
use tickwire::wire::{Close, Join};
use tokio::sync::oneshot;

pub const PATIENT: Duration = Duration::from_secs(20);

/// Load and timing tests take turns: they would measure each other.
pub static ALONE: Mutex<()> = Mutex::new(());

pub struct TestServer {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl TestServer {
    pub fn start() -> Self {
        Self::with(Config { workers: 1, room_threads: 1, ..Config::default() }, |server| server)
    }

    pub fn with(config: Config, add: impl FnOnce(Server) -> Server + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let server = add(Server::new(config).demo_games());
            actix_web::rt::System::new().block_on(server.run(listener, async {
                let _ = stopped.await;
            }))
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
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
        let mut stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENT)).expect("a timeout");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .expect("the server reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the server answers");
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

/// A WebSocket connection made by hand.
pub struct Raw {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

/// A frame of the server.
#[derive(Debug, PartialEq)]
pub enum Frame {
    Binary(Vec<u8>),
    Ping,
    Pong(Vec<u8>),
    Close(u16),
}

impl Raw {
    pub fn connect(address: SocketAddr) -> Self {
        let mut raw = Self::open(address);
        let status = raw.upgrade("Sec-WebSocket-Protocol: tickwire.v1\r\n");
        assert!(status.starts_with("HTTP/1.1 101"), "{status}");
        raw
    }

    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENT)).expect("a timeout");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, buffer: Vec::new() }
    }

    /// Sends an upgrade with further headers; returns the head of the answer.
    pub fn upgrade(&mut self, headers: &str) -> String {
        let head = format!(
            "GET /play HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        );
        self.stream.write_all(head.as_bytes()).expect("the server reads");
        self.head()
    }

    pub fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if self.stream.read(&mut byte).expect("the server answers") == 0 {
                break;
            }
            head.push(byte[0]);
        }
        String::from_utf8_lossy(&head).into_owned()
    }

    /// Sends bytes as they are. The server may have hung up already.
    pub fn say(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    pub fn send(&mut self, message: &[u8]) {
        let framed = masked(0x82, message);
        self.say(&framed);
    }

    /// The next frame; `None` when the connection ended without one.
    pub fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, used)) = parse(&self.buffer) {
                self.buffer.drain(..used);
                return Some(frame);
            }
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(read) => self.buffer.extend_from_slice(&chunk[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing came: {error}"),
            }
        }
    }

    /// The next frame if it comes within a moment.
    pub fn poll(&mut self) -> Poll<Option<Frame>> {
        self.stream.set_read_timeout(Some(Duration::from_millis(10))).expect("a timeout");
        let mut byte = [0];
        let waiting =
            parse(&self.buffer).is_some() || !matches!(self.stream.peek(&mut byte), Err(error) if is_timeout(&error));
        self.stream.set_read_timeout(Some(PATIENT)).expect("a timeout");
        if waiting { Poll::Ready(self.next()) } else { Poll::Pending }
    }

    /// Reads on to the close frame and the end; returns the code.
    pub fn close_code(&mut self) -> Option<u16> {
        let mut code = None;
        while let Some(frame) = self.next() {
            if let Frame::Close(found) = frame {
                code = Some(found);
            }
        }
        code
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            frame.push(0xfe);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(0xff);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

fn parse(bytes: &[u8]) -> Option<(Frame, usize)> {
    let (&[first, second], rest) = bytes.split_first_chunk::<2>()?;
    let (len, rest) = match second {
        126 => rest.split_first_chunk::<2>().map(|(len, rest)| (u16::from_be_bytes(*len).into(), rest))?,
        127 => rest.split_first_chunk::<8>().map(|(len, rest)| (u64::from_be_bytes(*len) as usize, rest))?,
        len => (usize::from(len), rest),
    };
    let payload = rest.get(..len)?.to_vec();
    let used = bytes.len() - rest.len() + len;
    let frame = match first {
        0x82 => Frame::Binary(payload),
        0x88 => Frame::Close(u16::from_be_bytes([payload[0], payload[1]])),
        0x89 => Frame::Ping,
        0x8a => Frame::Pong(payload),
        other => panic!("the server sent a frame of type {other:#x}"),
    };
    Some((frame, used))
}

/// A player over a [`Raw`] connection.
pub struct Player {
    pub raw: Raw,
    pub client: Client,
    start: Instant,
    /// The most ticks between two frames that arrived while the player was aside.
    pub longest_advance: u32,
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
        let mut raw = Raw::connect(server.address);
        raw.send(&Client::hello(join, name, options));
        let mut player = Self { raw, client: Client::new(Depth::Full), start: Instant::now(), longest_advance: 0 };
        match player.raw.next() {
            Some(Frame::Binary(bytes)) => {
                assert_eq!(player.client.on_message(&bytes), Ok(Told::Welcome));
                Ok(player)
            }
            Some(Frame::Close(code)) => Err(Some(code)),
            other => panic!("neither a welcome nor a close: {other:?}"),
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

    /// The next frame, or how the session ended.
    pub fn frame(&mut self) -> Result<Arrived, Close> {
        let start = Instant::now();
        loop {
            self.talk();
            match self.raw.poll() {
                Poll::Ready(Some(Frame::Binary(bytes))) => {
                    let told = self.client.on_message(&bytes).expect("the server speaks the protocol");
                    if let Told::Frame(arrived) = told {
                        assert_eq!(arrived.desyncs, 0);
                        self.talk();
                        return Ok(arrived);
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

    /// Plays on in a thread.
    pub fn aside(mut self) -> Aside {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let arrived = self.frame().expect("the session goes on");
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
