//! One bot: a connection, a client, a pilot and a timer, from connecting to leaving.
//!
//! All state of the protocol is in `engine::Client`, all decisions in the pilot; here bytes and time are moved.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Bytes, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::pilot::{Autopilot, Behaviour, View};
use super::sight::Sight;
use super::swarm::Shared;
use super::tally::{Failure, record};
use crate::engine::{Arrived, Client, Depth, Told};
use crate::id::Seq;
use crate::tick::Moment;
use crate::wire::{Join, SUBPROTOCOL, limits};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;
/// Why a bot ended before its time.
type Ended = (Failure, String);

/// What one bot is to do.
#[derive(Debug)]
pub struct Job {
    /// Its number within the swarm.
    pub number: u32,
    /// Where to.
    pub url: String,
    /// Which room.
    pub join: Join,
    /// What it is up to.
    pub behaviour: Behaviour,
    /// Whether it rebuilds the state and checks it.
    pub verify: bool,
    /// Frame messages per second it asks for; 0 for one per tick.
    pub rate: u16,
    /// Its own seed.
    pub seed: u64,
    /// When to connect.
    pub join_at: Instant,
    /// When to leave, unless it follows a recording.
    pub leave_at: Instant,
}

struct Bot {
    number: u32,
    shared: Arc<Shared>,
    socket: Socket,
    client: Client,
    room: String,
    behaviour: Behaviour,
    pilot: Autopilot,
    sight: Sight,
    period: Duration,
    /// When the timer is due next.
    due: Instant,
    leave_at: Instant,
    /// Changed inputs that no frame has covered yet, oldest first.
    pending: VecDeque<(Seq, Moment)>,
    last_input: Vec<i32>,
    consumed: Seq,
    last_frame: Moment,
}

/// A connection that has not led to a welcome by then is given up.
const JOIN_WITHIN: Duration = Duration::from_secs(10);
/// How long to wait for the server's half of a farewell.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long a follower stays after the last recorded position.
const LINGER: Duration = Duration::from_secs(1);
/// Pending inputs beyond this are not measured: the server has expired them.
const PENDING: usize = limits::INPUT_LEAD as usize;

/// Plays one bot from beginning to end and puts what it sees into the tally.
pub async fn run(job: Job, shared: Arc<Shared>) {
    let number = job.number;
    sleep_until(job.join_at).await;
    let joined = timeout(JOIN_WITHIN, Bot::join(job, shared.clone())).await;
    let joined = joined.unwrap_or_else(|_| Err((Failure::JoinRefused, "no welcome within 10 s".to_owned())));
    let outcome = match joined {
        Ok(mut bot) => {
            let outcome = bot.play().await;
            let outcome = outcome.and_then(|()| bot.account());
            let silent = shared.now().since(bot.last_frame);
            // Whoever was thrown out is known to miss what came after.
            let silent = if outcome.is_ok() { silent } else { Duration::ZERO };
            shared.tally().finished(number, &bot.room, bot.client.tick(), silent);
            bot.farewell().await;
            outcome
        }
        Err(ended) => Err(ended),
    };
    if let Err((failure, text)) = outcome {
        shared.tally().fail(failure, number, &text);
    }
}

impl Bot {
    async fn join(job: Job, shared: Arc<Shared>) -> Result<Self, Ended> {
        let started = Instant::now();
        let refused = |error: tungstenite::Error| (Failure::JoinRefused, error.to_string());
        let mut request = job.url.as_str().into_client_request().map_err(refused)?;
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        // Small buffers, since there are many bots; their default is 128 KiB each.
        let config = WebSocketConfig::default()
            .read_buffer_size(4096)
            .write_buffer_size(0)
            .max_message_size(Some(limits::SERVER_MESSAGE));
        let (mut socket, _) = connect_async_with_config(request, Some(config), true).await.map_err(refused)?;
        let spawn = match &job.behaviour {
            Behaviour::Follow(path) => path.position(0).map(|(x, y)| ("spawn".to_owned(), format!("{x},{y}"))),
            _ => None,
        };
        let hello = Client::hello(job.join, &format!("bot {}", job.number), spawn.into_iter().collect(), job.rate);
        socket.send(Message::Binary(hello.into())).await.map_err(refused)?;
        let mut client = Client::new(Depth::Full).asking(job.rate);
        while client.welcome().is_none() {
            match next_binary(&mut socket).await.map_err(|(_, text)| (Failure::JoinRefused, text))? {
                None => {}
                Some(bytes) => {
                    client.on_message(&bytes).map_err(|error| (Failure::Protocol, error.to_string()))?;
                }
            }
        }
        let welcome = client.welcome().cloned().ok_or((Failure::Protocol, "no welcome".to_owned()))?;
        shared.tally().joined(&welcome.room, welcome.rate, welcome.tick, shared.now(), started.elapsed());
        let pilot = Autopilot::new(job.behaviour.clone(), &welcome.inputs, welcome.rate, job.seed);
        if job.verify || pilot.looks() {
            shared.tally().counts.verified += 1;
        } else {
            client.relax();
        }
        let phase = Pcg32::new(job.seed, 6).next_u32();
        let period = Duration::from_secs(1) / u32::from(welcome.rate.per_second());
        let due = Instant::now() + period.mul_f64(f64::from(phase) / f64::from(u32::MAX));
        let last_frame = shared.now();
        Ok(Self {
            number: job.number,
            shared,
            socket,
            client,
            room: welcome.room,
            behaviour: job.behaviour,
            pilot,
            sight: Sight::new(welcome.schema, welcome.entity),
            period,
            due,
            leave_at: job.leave_at,
            pending: VecDeque::new(),
            last_input: Vec::new(),
            consumed: Seq(0),
            last_frame,
        })
    }

    async fn play(&mut self) -> Result<(), Ended> {
        let timer = sleep_until(self.due);
        tokio::pin!(timer);
        while Instant::now() < self.leave_at {
            tokio::select! {
                message = next_binary(&mut self.socket) => {
                    if let Some(bytes) = message? {
                        self.on_message(&bytes)?;
                    }
                }
                () = &mut timer => {
                    self.on_timer();
                    timer.as_mut().reset(self.due.min(self.leave_at));
                }
            }
            while let Some(bytes) = self.client.poll(self.shared.now()) {
                self.shared.tally().said(bytes.len());
                let sent = self.socket.send(Message::Binary(bytes.into())).await;
                sent.map_err(|error| (Failure::Disconnected, error.to_string()))?;
            }
        }
        Ok(())
    }

    fn on_message(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        let now = self.shared.now();
        let told = self.client.on_message(bytes).map_err(|error| (Failure::Protocol, error.to_string()))?;
        let Told::Frame(arrived) = told else { return Ok(()) };
        self.last_frame = now;
        let mut tally = self.shared.tally();
        tally.arrived(&self.room, now, &arrived, bytes.len());
        while let Some((_, made)) = self.pending.pop_front_if(|(seq, _)| !seq.is_after(arrived.consumed)) {
            record(&mut tally.latency, now.since(made));
        }
        if arrived.desyncs > 0 {
            tally.fail(Failure::Desync, self.number, &format!("a wrong hash at tick {}", arrived.tick.0));
        }
        drop(tally);
        if arrived.correction.is_some() {
            self.pilot.on_correction();
        }
        self.check_path(&arrived);
        Ok(())
    }

    /// A follower's own row must be where the consumed report said.
    fn check_path(&mut self, arrived: &Arrived) {
        let Behaviour::Follow(path) = &self.behaviour else { return };
        let mut tally = self.shared.tally();
        if let Some(correction) = arrived.correction {
            let text = format!("entity {} was moved back, reason {}", path.entity(), correction.reason);
            tally.fail(Failure::Corrected, self.number, &text);
        }
        let old = arrived.consumed == std::mem::replace(&mut self.consumed, arrived.consumed);
        // Who was moved is not where they said; that counts once, as a correction.
        if old || arrived.correction.is_some() {
            return;
        }
        let index = (arrived.consumed.0 as usize).wrapping_sub(1);
        let Some((x, y)) = path.position(index) else { return };
        tally.counts.checked += 1;
        let own = self.sight.own(&self.client);
        let equal = own.is_some_and(|(kind, (own_x, own_y))| {
            // Rounding to the nearest step may end exactly between two, give or take the last bit.
            let tolerance = self.sight.half_step(kind) + 1e-9;
            (own_x - x).abs() <= tolerance && (own_y - y).abs() <= tolerance
        });
        if !equal {
            tally.counts.mismatched += 1;
            let text = format!("entity {} at frame {index}: recorded {x}, {y}, found {own:?}", path.entity());
            tally.fail(Failure::Mismatch, self.number, &text);
        }
    }

    fn on_timer(&mut self) {
        let instant = Instant::now();
        record(&mut self.shared.tally().lateness, instant.saturating_duration_since(self.due));
        // A little is made up for, a long stop is not.
        let earliest = instant.checked_sub(self.period * 3).unwrap_or(instant);
        self.due = (self.due + self.period).max(earliest);
        if self.pilot.is_done() {
            return;
        }
        let view = if self.pilot.looks() { self.sight.look(&self.client) } else { View::default() };
        let Some(input) = self.pilot.next(&view) else { return };
        let seq = self.client.input(&input);
        if input != self.last_input && self.pending.len() < PENDING {
            // An unchanged input is sent later by design, so it says nothing about latency.
            self.pending.push_back((seq, self.shared.now()));
        }
        self.last_input = input;
        if self.pilot.is_done() {
            self.leave_at = instant + LINGER;
        }
    }

    /// What must be true at the end.
    fn account(&self) -> Result<(), Ended> {
        match &self.behaviour {
            Behaviour::Follow(path) if self.client.consumed().0 as usize != path.len() => {
                let text = format!("{} of {} positions were consumed", self.client.consumed().0, path.len());
                Err((Failure::Unfinished, text))
            }
            _ => Ok(()),
        }
    }

    async fn farewell(&mut self) {
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        // The bot is through; a server that does not answer is not its problem any more.
        let _ = timeout(FAREWELL, async {
            self.socket.close(Some(frame)).await?;
            while self.socket.next().await.is_some_and(|message| message.is_ok()) {}
            Ok::<(), tungstenite::Error>(())
        })
        .await;
    }
}

/// The next message; `None` for one that says nothing.
async fn next_binary(socket: &mut Socket) -> Result<Option<Bytes>, Ended> {
    match socket.next().await {
        Some(Ok(Message::Binary(bytes))) => Ok(Some(bytes)),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
        Some(Ok(Message::Close(Some(frame)))) => {
            Err((Failure::Disconnected, format!("closed with {}: {}", u16::from(frame.code), frame.reason)))
        }
        Some(Ok(Message::Close(None))) | None => Err((Failure::Disconnected, "closed without a reason".to_owned())),
        Some(Ok(Message::Text(_) | Message::Frame(_))) => {
            Err((Failure::Protocol, "a message that is not binary".to_owned()))
        }
        Some(Err(error)) => Err((Failure::Disconnected, error.to_string())),
    }
}
