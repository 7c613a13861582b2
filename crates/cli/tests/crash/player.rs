//! A player that notices when something that it was told is lost, told twice, or changed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tickwire::Seat;
use tickwire::engine::{Client, ClientEvent, Depth};
use tickwire::id::Seq;
use tickwire::wire::{Close, Continuity, EventBody, Features, Join, Redirect, SUBPROTOCOLS};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

#[path = "tally.rs"]
mod tally;

pub use tally::{Shared, Tally};

use crate::history::Note;

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How long anything may take before the run has failed.
const PATIENT: Duration = Duration::from_secs(90);

/// A player who has acknowledged so many frames is known to have its seat. Before, a room need not hold it.
const SETTLED: u32 = 10;

/// Calls of one player without a reply: those of half a minute.
const OPEN_CALLS: usize = 150;

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
                let (room, player, tick) = (self.room, self.number, arrived.tick.0);
                self.shared.note(&Note::Frame { room, player, tick });
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
        let (fresh, incarnation) = (self.seat.is_none(), welcome.incarnation.0);
        self.seat = Some(welcome.seat);
        self.shared.note(&Note::Welcomed { room: self.room, player: self.number, incarnation, fresh });
        let mut tally = self.shared.tally();
        (tally.playing, tally.welcomes) = (tally.playing + 1, tally.welcomes + 1);
    }

    /// Counts how long the player had no frame, if the server was killed meanwhile.
    fn note_frame(&mut self) {
        self.frames += 1;
        let mut tally = self.shared.tally();
        let now = Instant::now();
        if let Some((before, _)) = self.last_frame {
            let pause = tally.pauses.entry((self.room, self.number)).or_default();
            *pause = now.duration_since(before).max(*pause);
        }
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
        self.shared.note(&Note::Heard { room: self.room, player: self.number, speaker, line: number });
        let mut tally = self.shared.tally();
        tally.lines += 1;
        tally.heard.insert((self.room, self.number, speaker), number);
    }

    fn hear_reply(&mut self, command: Seq) {
        self.shared.note(&Note::Replied { room: self.room, player: self.number, command: command.0 });
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
            self.shared.note(&Note::Called { room: self.room, player: self.number, command: call.0 });
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
            self.shared.note(&Note::Said { room: self.room, player: self.number, line: said });
            self.client.chat(&[], &format!("{} {said}", self.number));
        }
    }
}
