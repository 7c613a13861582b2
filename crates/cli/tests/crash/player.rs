//! A player that notices when something that it was told is lost, told twice, or changed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tickwire::Seat;
use tickwire::engine::{Client, ClientEvent, Depth};
use tickwire::id::Seq;
use tickwire::tick::Moment;
use tickwire::wire::{Close, Continuity, EventBody, Features, Join, Redirect, SUBPROTOCOLS};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How long anything may take before the run has failed.
const PATIENT: Duration = Duration::from_secs(90);

/// A player who has acknowledged so many frames is known to have its seat. Before, a room need not hold it.
const SETTLED: u32 = 10;

/// Calls of one player without a reply: those of half a minute.
const OPEN_CALLS: usize = 150;

/// What all players share.
pub struct Shared {
    /// Addresses of servers that have the rooms or know where they are.
    pub urls: Mutex<Vec<String>>,
    pub port: u16,
    start: Instant,
    tally: Mutex<Tally>,
}

/// What all players found so far.
#[derive(Default)]
pub struct Tally {
    /// Players who have a frame of this server.
    pub playing: usize,
    /// Players who returned after the last kill.
    pub back: usize,
    /// Chat lines and replies that were told.
    pub lines: u64,
    pub replies: u64,
    /// Reservations that were told, and those of them that were good.
    pub promised: u64,
    pub kept: u64,
    /// Of these, seats of guests whom the server ended as too slow before it knew that they had come.
    pub dismissed: u64,
    /// The time without a frame of each player and kill.
    pub gaps: Vec<Duration>,
    latencies: Vec<Duration>,
    /// By room.
    rooms: BTreeMap<usize, String>,
    /// Lines that each player said, by room and player. Who has said something returns to the seat.
    pub said: BTreeMap<(usize, usize), u32>,
    /// The newest line heard, by room, hearer and speaker.
    heard: BTreeMap<(usize, usize, usize), u32>,
    /// Calls without a reply.
    open_calls: usize,
    crashes: usize,
    quiet: bool,
    over: bool,
}

impl Tally {
    /// Whether every line was heard by everybody in its room, every call answered, and every reservation good.
    pub fn is_complete(&self) -> bool {
        let everybody = self.said.keys();
        let hears_all = |(room, hearer): &(usize, usize)| {
            let said = self.said.iter().filter(|((other, _), _)| other == room);
            said.into_iter().all(|((_, speaker), said)| self.heard.get(&(*room, *hearer, *speaker)) == Some(said))
        };
        self.open_calls == 0 && self.promised == self.kept && everybody.into_iter().all(hears_all)
    }

    /// From calls to their replies, sorted; without those that a kill came in between.
    pub fn latencies(&self) -> Vec<Duration> {
        let mut sorted = self.latencies.clone();
        sorted.sort();
        sorted
    }
}

impl Shared {
    pub fn new(port: u16) -> Self {
        let urls = Mutex::new(vec![format!("ws://127.0.0.1:{port}/play")]);
        Self { urls, port, start: Instant::now(), tally: Mutex::default() }
    }

    pub fn url(&self, which: usize) -> String {
        let urls = self.urls.lock().expect("no player fails");
        urls[which % urls.len()].clone()
    }

    pub fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().expect("no player fails")
    }

    /// Waits until `reached`.
    pub fn wait(&self, what: &str, reached: impl Fn(&Tally) -> bool) {
        let start = Instant::now();
        while !reached(&self.tally()) {
            let Tally { playing, back, open_calls, .. } = &*self.tally();
            assert!(
                start.elapsed() < PATIENT,
                "{what}: not after {PATIENT:?}; {playing} play, {back} are back, {open_calls} open"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The server was killed.
    pub fn crashed(&self) {
        let mut tally = self.tally();
        (tally.back, tally.crashes) = (0, tally.crashes + 1);
    }

    /// Players say nothing new from now on.
    pub fn hush(&self) {
        self.tally().quiet = true;
    }

    pub fn end(&self) {
        self.tally().over = true;
    }

    pub fn is_quiet(&self) -> bool {
        self.tally().quiet
    }

    /// The id of a room, once it is there.
    pub fn room(&self, room: usize) -> Option<String> {
        self.tally().rooms.get(&room).cloned()
    }

    pub fn now(&self) -> Moment {
        Moment(0).plus(self.start.elapsed())
    }
}

/// Servers whose process was stopped say nothing, and keep their connections.
const SILENT: Duration = Duration::from_secs(4);

fn new_client() -> Client {
    Client::new(Depth::Full).knowing(Features::REDIRECT)
}

struct Player {
    shared: Arc<Shared>,
    room: usize,
    number: usize,
    client: Client,
    seat: Option<Seat>,
    /// Where the room is, until the player has gone there.
    redirect: Option<Redirect>,
    /// Connections so far.
    connections: usize,
    /// Lines heard of each player in the room.
    heard: BTreeMap<usize, u32>,
    /// When each call without a reply was made, and after how many kills.
    calls: BTreeMap<u32, (Instant, usize)>,
    /// The last frame, and after how many kills it came.
    last_frame: Option<(Instant, usize)>,
    frames: u32,
    turns: u32,
}

/// Plays until the run is over.
pub async fn play(shared: Arc<Shared>, room: usize, number: usize) {
    let mut player = Player {
        shared,
        room,
        number,
        client: new_client(),
        seat: None,
        redirect: None,
        connections: number,
        heard: BTreeMap::new(),
        calls: BTreeMap::new(),
        last_frame: None,
        frames: 0,
        turns: 0,
    };
    while !player.shared.tally().over {
        if let Ok(mut socket) = player.connect().await {
            let welcomed = player.stay(&mut socket).await;
            player.shared.tally().playing -= usize::from(welcomed);
        }
        sleep(Duration::from_millis(30)).await;
    }
}

/// Connects, and says hello.
pub async fn open(url: &str, hello: Vec<u8>) -> Result<Socket, ()> {
    let mut request = url.into_client_request().expect("an address");
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOLS[0]));
    let connected = timeout(Duration::from_secs(5), connect_async(request)).await;
    let (mut socket, _) = connected.map_err(|_| ())?.map_err(|_| ())?;
    socket.send(Message::Binary(hello.into())).await.map_err(|_| ())?;
    Ok(socket)
}

impl Player {
    async fn connect(&mut self) -> Result<Socket, ()> {
        if let Some(redirect) = self.redirect.take() {
            let hello = self.client.follow_redirect(&redirect, &self.name(), Vec::new());
            return open(&redirect.address, hello).await;
        }
        self.connections += 1;
        if self.frames < SETTLED {
            (self.client, self.seat, self.heard) = (new_client(), None, BTreeMap::new());
        }
        let hello = match self.seat {
            Some(_) => self.client.resume(&self.name(), Vec::new()).expect("the right to the seat"),
            None => Client::hello_following(self.find_room().await, &self.name(), Vec::new(), 0),
        };
        open(&self.shared.url(self.connections), hello).await
    }

    /// The first player makes the room, the others wait for it.
    async fn find_room(&self) -> Join {
        loop {
            if let Some(room) = self.shared.room(self.room) {
                return Join::ById { room };
            }
            if self.number == 0 {
                return Join::Create { game: "arena".to_owned(), options: vec![("capacity".into(), "16".into())] };
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    fn name(&self) -> String {
        format!("p{}", self.number)
    }

    /// Plays on this connection until it breaks. Returns whether there was a welcome.
    async fn stay(&mut self, socket: &mut Socket) -> bool {
        let mut due = tokio::time::interval(Duration::from_millis(50));
        let (mut welcomed, mut heard) = (false, Instant::now());
        loop {
            tokio::select! {
                message = socket.next() => match message {
                    Some(Ok(Message::Binary(bytes))) => {
                        heard = Instant::now();
                        welcomed |= self.hear(&bytes, welcomed);
                        if self.redirect.is_some() {
                            return welcomed;
                        }
                    }
                    Some(Ok(Message::Close(Some(frame)))) => {
                        let code = u16::from(frame.code);
                        if self.frames < SETTLED && code == Close::NoSuchRoom.code() {
                            // Nobody had a seat in it for sure, so it has ended.
                            self.shared.tally().rooms.remove(&self.room);
                            return welcomed;
                        }
                        assert!(code < 4500 && code != 1002, "{}: refused with {code}: {}", self.name(), frame.reason);
                        return welcomed;
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return welcomed,
                },
                _ = due.tick() => match welcomed {
                    _ if heard.elapsed() > SILENT => return welcomed,
                    true => self.act(),
                    false => {}
                },
            }
            while let Some(bytes) = self.client.poll(self.shared.now()) {
                if socket.send(Message::Binary(bytes.into())).await.is_err() {
                    return welcomed;
                }
            }
            if self.shared.tally().over {
                return welcomed;
            }
        }
    }

    fn hear(&mut self, bytes: &[u8], welcomed: bool) -> bool {
        let told = self.client.on_message(bytes).expect("the client understands the server");
        match told {
            ClientEvent::Welcome => self.welcomed(),
            ClientEvent::Frame(arrived) => {
                assert_eq!((arrived.desyncs, arrived.lost), (0, 0), "{}: wrong rows, lost events", self.name());
                self.note_frame();
                self.take(&arrived.events);
            }
            ClientEvent::Delivery(delivered) => {
                assert_eq!(delivered.lost, 0, "{}: lost events", self.name());
                self.take(&delivered.events);
            }
            ClientEvent::Redirect(redirect) => {
                self.redirect = Some(redirect);
                return welcomed;
            }
            _ => return welcomed,
        }
        true
    }

    fn welcomed(&mut self) {
        let welcome = self.client.welcome().expect("just told");
        match self.seat {
            Some(seat) => {
                assert_eq!(welcome.seat, seat, "{}: another seat", self.name());
                assert_ne!(welcome.continuity, Continuity::Fresh, "{}: a new player", self.name());
            }
            None => _ = self.shared.tally().rooms.insert(self.room, welcome.room.clone()),
        }
        self.seat = Some(welcome.seat);
        self.shared.tally().playing += 1;
    }

    /// Counts how long the player had no frame, if the server was killed meanwhile.
    fn note_frame(&mut self) {
        self.frames += 1;
        let mut tally = self.shared.tally();
        let now = Instant::now();
        if let Some((before, _)) = self.last_frame.filter(|(_, crashes)| *crashes < tally.crashes) {
            tally.gaps.push(now.duration_since(before));
            tally.back += 1;
        }
        self.last_frame = Some((now, tally.crashes));
    }

    fn take(&mut self, events: &[EventBody]) {
        for event in events {
            match event {
                EventBody::Chat { text, .. } => self.hear_line(text),
                EventBody::Reply { command, .. } => self.hear_reply(*command),
                _ => {}
            }
        }
    }

    fn hear_line(&mut self, text: &str) {
        let (speaker, number) = text.split_once(' ').expect("a line of this test");
        let (speaker, number) = (speaker.parse().expect("a player"), number.parse::<u32>().expect("a number"));
        let heard = self.heard.entry(speaker).or_default();
        // Who joined later hears the latest lines of before.
        assert!(number == *heard + 1 || *heard == 0, "line {number} of {speaker} after {heard}");
        *heard = number;
        let mut tally = self.shared.tally();
        tally.lines += 1;
        tally.heard.insert((self.room, self.number, speaker), number);
    }

    fn hear_reply(&mut self, command: Seq) {
        let (made, crashes) = self.calls.remove(&command.0).expect("a call is answered once");
        let mut tally = self.shared.tally();
        tally.open_calls -= 1;
        tally.replies += 1;
        if tally.crashes == crashes {
            tally.latencies.push(made.elapsed());
        }
    }

    fn act(&mut self) {
        self.turns += 1;
        let turn = self.turns;
        self.client.input(&[(turn / 40 % 4 * 64).cast_signed(), 1, 0, 0]);
        if self.frames < SETTLED || self.shared.tally().quiet {
            return;
        }
        // What waits over an outage is sent below the rate that a session accepts.
        if turn.is_multiple_of(4) && self.calls.len() < OPEN_CALLS {
            let call = self.client.call(1, &turn.to_le_bytes());
            let mut tally = self.shared.tally();
            self.calls.insert(call.0, (Instant::now(), tally.crashes));
            tally.open_calls += 1;
        }
        if turn % 20 == (self.number as u32) {
            let said = {
                let mut tally = self.shared.tally();
                let said = tally.said.entry((self.room, self.number)).or_default();
                *said += 1;
                *said
            };
            self.client.chat(&[], &format!("{} {said}", self.number));
        }
    }
}
