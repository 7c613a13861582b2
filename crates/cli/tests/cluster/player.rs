//! A player of a cluster: follows redirects, plays, and notes when frames came and how the connection ended.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tickwire::engine::cluster::Home;
use tickwire::engine::{Client, ClientEvent, Depth};
use tickwire::tick::Moment;
use tickwire::wire::{
    ClientMessage, Close, Continuity, EventBody, Features, Hello, Join, Redirect, SUBPROTOCOLS, encode_client,
};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How long anything may take before the test has failed.
pub const PATIENT: Duration = Duration::from_secs(60);

/// Where a player was admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub room: String,
    pub incarnation: u64,
    /// The address of the node.
    pub address: String,
    pub hops: usize,
}

/// What a player has seen.
#[derive(Debug, Default)]
pub struct Seen {
    pub frames: u32,
    pub last: Option<Instant>,
    /// The longest time between two frames.
    pub gap: Duration,
    /// Chat lines, in the order in which they came.
    pub lines: Vec<String>,
    /// The texts in events of the game, in that order.
    pub heard: Vec<String>,
    /// Where the room went on, and what of the seat was kept.
    pub moves: Vec<(String, Continuity)>,
    pub ended: Option<(u16, Instant)>,
}

/// A player who plays in the background.
pub struct Player {
    pub place: Place,
    seen: Arc<Mutex<Seen>>,
    says: UnboundedSender<String>,
    playing: JoinHandle<()>,
}

impl Player {
    /// Enters a room, however long it takes until one can be made.
    pub async fn enter(url: &str, join: Join) -> Self {
        let start = Instant::now();
        loop {
            match Self::try_enter(url, join.clone()).await {
                Ok(player) => return player,
                // The cluster asks for patience, or a node has just gone.
                Err(code) if code == Close::TryLater.code() || code == Close::Lost.code() => {}
                Err(code) => panic!("refused with {code}: {join:?}"),
            }
            assert!(start.elapsed() < PATIENT, "nobody can enter: {join:?}");
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Tries once. The error is the code with which the last connection was closed.
    pub async fn try_enter(url: &str, join: Join) -> Result<Self, u16> {
        Self::try_enter_as(url, join, None).await
    }

    /// As [`Self::try_enter`], with a join token.
    pub async fn try_enter_as(url: &str, join: Join, token: Option<&str>) -> Result<Self, u16> {
        let (mut home, mut client) = (Home::new(url), Client::new(Depth::Full));
        let hello = |join| {
            let features = Features::REDIRECT;
            encode_client(&ClientMessage::Hello(Hello { features, token, ..Hello::new(join, "player") }))
        };
        let mut hello_now = hello(join);
        let mut hops = 0;
        loop {
            let lost = Close::Lost.code();
            let mut socket = open(home.address(), hello_now).await.ok_or(lost)?;
            let redirect = loop {
                match timeout(Duration::from_secs(20), socket.next()).await {
                    Ok(Some(Ok(Message::Binary(bytes)))) => match client.on_message(&bytes).expect("a message") {
                        ClientEvent::Welcome => break None,
                        ClientEvent::Redirect(redirect) => break Some(redirect),
                        _ => {}
                    },
                    Ok(Some(Ok(Message::Close(Some(frame))))) => return Err(frame.code.into()),
                    Ok(Some(Ok(_))) => {}
                    Ok(Some(Err(_)) | None) | Err(_) => return Err(lost),
                }
            };
            let Some(redirect) = redirect else {
                let welcome = client.welcome().expect("it was welcomed");
                let (room, incarnation) = (welcome.room.clone(), welcome.incarnation.0);
                let place = Place { room, incarnation, address: home.address().to_owned(), hops };
                let seen = Arc::<Mutex<Seen>>::default();
                let (says, said) = unbounded_channel();
                let playing = tokio::spawn(play(socket, client, home, seen.clone(), said));
                return Ok(Self { place, seen, says, playing });
            };
            hops += 1;
            assert!(home.follow(&redirect.address), "sent around");
            hello_now = hello(Join::Reserved { ticket: redirect.ticket });
        }
    }

    /// Says a line to everybody.
    pub fn say(&self, line: String) {
        self.says.send(line).expect("it plays");
    }

    pub fn seen<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.seen.lock().expect("no player panicked"))
    }

    /// Waits until frames come.
    pub async fn sees_frames(&self) {
        let before = self.seen(|seen| seen.frames);
        let start = Instant::now();
        while self.seen(|seen| seen.frames) < before + 3 {
            assert!(start.elapsed() < PATIENT, "no frames: {:?}", self.seen(|seen| format!("{seen:?}")));
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for the end of the connection. Returns its code.
    pub async fn ended(&self) -> u16 {
        let start = Instant::now();
        loop {
            if let Some((code, _)) = self.seen(|seen| seen.ended) {
                return code;
            }
            assert!(start.elapsed() < PATIENT, "the connection does not end");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.playing.abort();
    }
}

async fn open(url: &str, hello: Vec<u8>) -> Option<Socket> {
    let mut request = url.into_client_request().expect("a URL");
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOLS[0]));
    // A stopped process is connected to, and says nothing.
    let (mut socket, _) = timeout(Duration::from_secs(3), connect_async(request)).await.ok()?.ok()?;
    socket.send(Message::Binary(hello.into())).await.ok()?;
    Some(socket)
}

async fn play(
    mut socket: Socket,
    mut client: Client,
    mut home: Home,
    seen: Arc<Mutex<Seen>>,
    mut said: UnboundedReceiver<String>,
) {
    let start = Instant::now();
    let code = loop {
        tokio::select! {
            heard = socket.next() => match heard {
                Some(Ok(Message::Binary(bytes))) => {
                    let event = client.on_message(&bytes).expect("a message");
                    if let Some(redirect) = hear(event, &client, &home, &seen) {
                        assert!(home.follow(&redirect.address), "sent around");
                        let hello = client.follow_redirect(&redirect, "player", Vec::new());
                        match open(home.address(), hello).await {
                            Some(other) => socket = other,
                            None => break Close::Lost.code(),
                        }
                    }
                }
                Some(Ok(Message::Close(Some(frame)))) => break frame.code.into(),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break Close::Lost.code(),
            },
            // An acknowledgement may be due although nothing comes.
            () = sleep(Duration::from_millis(20)) => {}
            Some(line) = said.recv(), if client.welcome().is_some() => { client.chat(&[], &line); }
        }
        while let Some(bytes) = client.poll(Moment(1_000_000).plus(start.elapsed())) {
            if socket.send(Message::Binary(bytes.into())).await.is_err() {
                break;
            }
        }
    };
    seen.lock().expect("no player panicked").ended = Some((code, Instant::now()));
}

/// Notes what has come. Returns where the room goes on, if it does so elsewhere.
fn hear(event: ClientEvent, client: &Client, home: &Home, seen: &Mutex<Seen>) -> Option<Redirect> {
    let mut seen = seen.lock().expect("no player panicked");
    let events = match event {
        ClientEvent::Redirect(redirect) => return Some(redirect),
        ClientEvent::Welcome => {
            let continuity = client.welcome().expect("it was welcomed").continuity;
            seen.moves.push((home.address().to_owned(), continuity));
            return None;
        }
        ClientEvent::Frame(arrived) => {
            assert_eq!(arrived.desyncs, 0, "the state differs");
            let now = Instant::now();
            seen.gap = seen.gap.max(seen.last.map_or(Duration::ZERO, |last| now - last));
            (seen.frames, seen.last) = (seen.frames + 1, Some(now));
            assert_eq!(arrived.lost, 0, "events are missing");
            arrived.events
        }
        ClientEvent::Delivery(news) => news.events,
        _ => return None,
    };
    for event in events {
        match event {
            EventBody::Chat { text, .. } => seen.lines.push(text.into_owned()),
            EventBody::Game { body, .. } => {
                let told: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
                seen.heard.extend(told.and_then(|told| Some(told["text"].as_str()?.to_owned())));
            }
            _ => {}
        }
    }
    None
}
