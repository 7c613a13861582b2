//! Hostile bots: each attack, and the close code that the protocol prescribes for it.
//!
//! Their latency is not measured. The verdict covers how each of them ends, and that honest bots are not affected.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::socket::{Socket, connect};
use super::swarm::Shared;
use tickwire::engine::{Client, Depth};
use tickwire::wire::{ClientMessage, Close, Join, encode_client, limits};

/// An attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// Sends bytes that are no message, instead of a hello.
    Garbage,
    /// Sends a hello of an unknown version.
    Version,
    /// Sends a hello for an unknown game.
    Stranger,
    /// Sends a frame that breaks the WebSocket protocol.
    BrokenFrame,
    /// Sends text to the binary endpoint.
    Text,
    /// Sends a frame header that declares a terabyte.
    TooBig,
    /// Acknowledges frames that were never sent.
    Lie,
    /// Connects and sends nothing.
    Silence,
    /// Joins and sends far more messages than allowed.
    Flood,
    /// Joins and stops reading.
    StoppedReader,
}

/// A hostile bot.
#[derive(Debug)]
pub struct Attacker {
    /// Its number within the swarm.
    pub number: u32,
    /// The endpoint.
    pub url: String,
    /// The game whose rooms it may join.
    pub game: String,
    /// The index of its first attack in [`Attack::ALL`], modulo its length.
    pub turn: usize,
    /// Its own seed.
    pub seed: u64,
    /// When it starts.
    pub join_at: Instant,
    /// It starts no attack after this time.
    pub until: Instant,
}

impl Attack {
    /// All attacks.
    pub const ALL: [Self; 10] = [
        Self::Garbage,
        Self::Flood,
        Self::Version,
        Self::StoppedReader,
        Self::BrokenFrame,
        Self::Silence,
        Self::Stranger,
        Self::Text,
        Self::Lie,
        Self::TooBig,
    ];

    /// The attack's name in reports.
    pub fn label(self) -> &'static str {
        match self {
            Self::Garbage => "garbage",
            Self::Version => "version",
            Self::Stranger => "stranger",
            Self::BrokenFrame => "broken_frame",
            Self::Text => "text",
            Self::TooBig => "too_big",
            Self::Lie => "lie",
            Self::Silence => "silence",
            Self::Flood => "flood",
            Self::StoppedReader => "stopped_reader",
        }
    }

    /// The close code with which the attack must end.
    pub fn expected(self) -> Close {
        match self {
            Self::Garbage | Self::Lie => Close::BadMessage,
            Self::Version => Close::Version,
            Self::Stranger => Close::NoSuchRoom,
            Self::BrokenFrame => Close::Protocol,
            Self::Text => Close::Unsupported,
            Self::TooBig => Close::TooBig,
            Self::Silence => Close::HeartbeatLost,
            Self::Flood => Close::RateLimited,
            Self::StoppedReader => Close::SlowConsumer,
        }
    }
}

/// Longest duration of an attack. The longest timeout of a server is eight seconds.
const ENDED_WITHIN: Duration = Duration::from_secs(20);
/// A bot that has stopped reading checks after this time how its session ended.
const STOPPED_FOR: Duration = limits::ACK_TIMEOUT.saturating_add(Duration::from_secs(3));

/// Runs one attack after the other, each of another kind, and records in the tally how they ended.
pub async fn run(attacker: Attacker, shared: Arc<Shared>) {
    let mut random = Pcg32::new(attacker.seed, 8);
    sleep_until(attacker.join_at).await;
    for turn in attacker.turn.. {
        if Instant::now() >= attacker.until {
            return;
        }
        let attack = Attack::ALL[turn % Attack::ALL.len()];
        let deadline = Instant::now() + ENDED_WITHIN;
        let ended = timeout_at(deadline, attempt(attack, &attacker, &mut random, &shared)).await;
        let ended = ended.unwrap_or_else(|_| Err("not ended within 20 s".to_owned()));
        shared.tally().attacked(attack, attacker.number, ended);
        sleep(Duration::from_millis(500 + u64::from(random.next_u32() % 1000))).await;
    }
}

/// Runs one attack. Returns the close code, or a description of how the attack ended without one.
async fn attempt(attack: Attack, by: &Attacker, random: &mut Pcg32, shared: &Shared) -> Result<u16, String> {
    let mut socket = connect(&by.url, shared.trust()).await.map_err(|error| format!("not let in: {error}"))?;
    let join = |game: &str| Join::JoinOrCreate { game: game.to_owned(), options: vec![] };
    let hello = |game: &str| Client::hello(join(game), &format!("bot {}", by.number), vec![], 0);
    let say = |bytes: Vec<u8>| Message::Binary(bytes.into());
    let said = match attack {
        Attack::Garbage => {
            // No client message starts with such a byte.
            let mut bytes = vec![0x60 | (random.next_u32() & 0x1f) as u8];
            bytes.extend((0..random.next_u32() % 64).map(|_| random.next_u32() as u8));
            socket.send(say(bytes)).await
        }
        Attack::Version => {
            let mut bytes = hello(&by.game);
            bytes[1] = 99;
            socket.send(say(bytes)).await
        }
        Attack::Stranger => socket.send(say(hello("no such game"))).await,
        Attack::BrokenFrame => raw(&mut socket, BROKEN[random.next_u32() as usize % BROKEN.len()]).await,
        Attack::Text => socket.send(Message::Text("hello".into())).await,
        Attack::TooBig => raw(&mut socket, &[0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]).await,
        Attack::Lie => {
            let mut client = enter(&mut socket, hello(&by.game)).await?;
            play(&mut socket, &mut client, Duration::from_millis(200), shared).await?;
            socket.send(say(vec![0x80, 200])).await
        }
        Attack::Silence => Ok(()),
        Attack::Flood => {
            let mut client = enter(&mut socket, hello(&by.game)).await?;
            return flood(&mut socket, &mut client, shared).await;
        }
        Attack::StoppedReader => {
            enter(&mut socket, hello(&by.game)).await?;
            sleep(STOPPED_FOR).await;
            Ok(())
        }
    };
    // Unsent bytes do not matter: the server has answered already.
    drop(said);
    close_code(&mut socket).await
}

/// An unmasked frame, a reserved bit, a reserved opcode, a continuation without a start, a fragmented ping.
const BROKEN: [&[u8]; 5] = [
    &[0x82, 1, 0],
    &[0xc2, 0x80, 0, 0, 0, 0],
    &[0x83, 0x80, 0, 0, 0, 0],
    &[0x80, 0x80, 0, 0, 0, 0],
    &[0x09, 0x80, 0, 0, 0, 0],
];

async fn raw(socket: &mut Socket, bytes: &[u8]) -> Result<(), Error> {
    socket.get_mut().write_all(bytes).await.map_err(Error::Io)
}

async fn enter(socket: &mut Socket, hello: Vec<u8>) -> Result<Client, String> {
    socket.send(Message::Binary(hello.into())).await.map_err(|error| error.to_string())?;
    let mut client = Client::new(Depth::Continuity);
    while client.welcome().is_none() {
        match socket.next().await {
            Some(Ok(Message::Binary(bytes))) => _ = client.on_message(&bytes).map_err(|error| error.to_string())?,
            Some(Ok(Message::Close(frame))) => {
                return Err(format!("not seated: {}", frame.map_or(1005, |frame| frame.code.into())));
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(format!("not seated: {error}")),
            None => return Err("not seated".to_owned()),
        }
    }
    Ok(client)
}

/// Plays honestly for a while.
async fn play(socket: &mut Socket, client: &mut Client, lasts: Duration, shared: &Shared) -> Result<(), String> {
    let until = Instant::now() + lasts;
    while let Ok(message) = timeout_at(until, socket.next()).await {
        hear(client, message)?;
        answer(socket, client, shared).await;
    }
    Ok(())
}

/// Sends far more pings than allowed until the server ends the session. Acknowledges frames, so that nothing else ends it.
async fn flood(socket: &mut Socket, client: &mut Client, shared: &Shared) -> Result<u16, String> {
    const PINGS: usize = 20;
    let mut next = Instant::now();
    loop {
        match timeout_at(next, socket.next()).await {
            Ok(Some(Ok(Message::Close(frame)))) => return Ok(frame.map_or(1005, |frame| frame.code.into())),
            Ok(message) => hear(client, message)?,
            Err(_) => {
                next = Instant::now() + Duration::from_millis(20);
                for stamp in 0..PINGS {
                    let ping = encode_client(&ClientMessage::Ping { stamp: stamp as u32 });
                    // A server that no longer takes pings has sent its close frame.
                    let _ = socket.feed(Message::Binary(ping.into())).await;
                }
                let _ = socket.flush().await;
            }
        }
        answer(socket, client, shared).await;
    }
}

fn hear(client: &mut Client, message: Option<Result<Message, Error>>) -> Result<(), String> {
    match message {
        Some(Ok(Message::Binary(bytes))) => client.on_message(&bytes).map(drop).map_err(|error| error.to_string()),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
        Some(Ok(other)) => Err(format!("ended early: {other:?}")),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("ended without a close code".to_owned()),
    }
}

async fn answer(socket: &mut Socket, client: &mut Client, shared: &Shared) {
    while let Some(bytes) = client.poll(shared.now()) {
        let _ = socket.send(Message::Binary(bytes.into())).await;
    }
}

async fn close_code(socket: &mut Socket) -> Result<u16, String> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Close(frame))) => return Ok(frame.map_or(1005, |frame| frame.code.into())),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error.to_string()),
            None => return Err("ended without a close code".to_owned()),
        }
    }
}
