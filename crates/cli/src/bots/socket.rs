//! A bot's connection: the handshake, the simulated link between bot and socket, and how the connection ends.
//!
//! The link delays messages by computed times. It holds no more bytes than a router would; beyond that, the socket is not
//! read and the server sees backpressure.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Bytes, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::swarm::Shared;
use super::tally::Failure;
use super::trust::Trust;
use tickwire::engine::link::{Link, Profile};
use tickwire::tick::Moment;
use tickwire::wire::{SUBPROTOCOLS, limits};

/// A WebSocket.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Why a connection ended early.
#[derive(Debug)]
pub enum Ended {
    /// The connection failed.
    Failed(Failure, String),
    /// The link was cut until this moment.
    Cut(Moment),
    /// The run was interrupted before the bot had a seat.
    Stopped,
}

/// A connection, with a simulated link in front of it if there is a profile.
pub struct Wire {
    socket: Socket,
    cable: Option<Box<Cable>>,
    shared: Arc<Shared>,
    timer: Pin<Box<Sleep>>,
}

struct Cable {
    up: Link,
    down: Link,
    cut: Option<(Moment, Moment)>,
}

/// Bytes on the link beyond which the socket is not read: the buffer of a home router.
const QUEUE: usize = 64 * 1024;
/// How long to wait for the server's close frame.
const FAREWELL: Duration = Duration::from_secs(1);

/// Connects without a link. `wss` needs a certificate that `trust` knows.
pub async fn connect(url: &str, trust: &Trust) -> Result<Socket, tungstenite::Error> {
    let mut request = url.into_client_request()?;
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOLS[0]));
    // Small buffers, because there are many bots; the default is 128 KiB each.
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(0)
        .max_message_size(Some(limits::SERVER_MESSAGE));
    let connector = match request.uri().scheme_str() {
        Some("wss") => Some(Connector::Rustls(trust.config()?)),
        _ => None,
    };
    connect_async_tls_with_config(request, Some(config), true, connector).await.map(|(socket, _)| socket)
}

impl Wire {
    /// Connects over a link with this profile.
    pub async fn open(url: &str, profile: Option<&Profile>, seed: u64, shared: Arc<Shared>) -> Result<Self, Ended> {
        let refused = |error: tungstenite::Error| Ended::Failed(Failure::Refused, error.to_string());
        if let Some(profile) = profile {
            // TCP's handshake and the upgrade take a round trip each.
            sleep(2 * Duration::from_secs_f64(profile.rtt_ms / 1000.0)).await;
        }
        let socket = connect(url, shared.trust()).await.map_err(refused)?;
        let cable = profile.map(|profile| {
            let (mut up, down) = profile.links(shared.now(), seed);
            let cut = up.next_cut(shared.now());
            Box::new(Cable { up, down, cut })
        });
        let timer = Box::pin(sleep_until(Instant::now()));
        Ok(Self { socket, cable, shared, timer })
    }

    /// Sends a message, over the simulated link if there is one.
    pub async fn send(&mut self, bytes: Vec<u8>) -> Result<(), Ended> {
        match &mut self.cable {
            Some(cable) => {
                cable.up.send(self.shared.now(), bytes);
                Ok(())
            }
            None => self.pass_on(bytes).await,
        }
    }

    async fn pass_on(&mut self, bytes: Vec<u8>) -> Result<(), Ended> {
        let sent = self.socket.send(Message::Binary(bytes.into())).await;
        sent.map_err(|error| Ended::Failed(Failure::Lost, error.to_string()))
    }

    /// The next message that arrives before `until`.
    pub async fn next(&mut self, until: Instant) -> Result<Option<Bytes>, Ended> {
        loop {
            let mut wake = until;
            if self.cable.is_some() {
                if let Some(bytes) = self.work_link().await? {
                    return Ok(Some(bytes));
                }
                wake = self.next_arrival().map_or(until, |moment| until.min(self.shared.at(moment)));
            }
            if self.timer.deadline() != wake {
                self.timer.as_mut().reset(wake);
            }
            let reads = self.cable.as_ref().is_none_or(|cable| cable.down.bytes_in_flight() < QUEUE);
            tokio::select! {
                message = next_binary(&mut self.socket), if reads => match (message?, &mut self.cable) {
                    (None, _) => {}
                    (Some(bytes), Some(cable)) => cable.down.send(self.shared.now(), bytes.to_vec()),
                    (Some(bytes), None) => return Ok(Some(bytes)),
                },
                () = self.timer.as_mut() => if Instant::now() >= until {
                    return Ok(None);
                },
            }
        }
    }

    /// Moves messages that have arrived at either end of the link.
    async fn work_link(&mut self) -> Result<Option<Bytes>, Ended> {
        let now = self.shared.now();
        while let Some(bytes) = self.cable.as_mut().and_then(|cable| cable.up.poll(now)) {
            self.pass_on(bytes).await?;
        }
        let Some(cable) = &mut self.cable else { return Ok(None) };
        match cable.cut {
            Some((start, end)) if start <= now => Err(Ended::Cut(end)),
            _ => Ok(cable.down.poll(now).map(Bytes::from)),
        }
    }

    fn next_arrival(&self) -> Option<Moment> {
        let cable = self.cable.as_ref()?;
        let cut = cable.cut.map(|(start, _)| start);
        [cable.up.next_event(), cable.down.next_event(), cut].into_iter().flatten().min()
    }

    /// Leaves with a close frame.
    pub async fn close_gracefully(&mut self) {
        close_gracefully(&mut self.socket).await;
    }
}

/// Leaves with a close frame, over a plain connection.
pub async fn close_gracefully(socket: &mut Socket) {
    let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    // The bot has finished; it does not matter if the server does not answer.
    let _ = timeout(FAREWELL, async {
        socket.close(Some(frame)).await?;
        while socket.next().await.is_some_and(|message| message.is_ok()) {}
        Ok::<(), tungstenite::Error>(())
    })
    .await;
}

/// The next message; `None` for one without content.
async fn next_binary(socket: &mut Socket) -> Result<Option<Bytes>, Ended> {
    let lost = |text: String| Err(Ended::Failed(Failure::Lost, text));
    match socket.next().await {
        Some(Ok(Message::Binary(bytes))) => Ok(Some(bytes)),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
        Some(Ok(Message::Close(Some(frame)))) => {
            lost(format!("closed with {}: {}", u16::from(frame.code), frame.reason))
        }
        Some(Ok(Message::Close(None))) | None => lost("closed without a reason".to_owned()),
        Some(Ok(Message::Text(_) | Message::Frame(_))) => {
            Err(Ended::Failed(Failure::Protocol, "a message that is not binary".to_owned()))
        }
        Some(Err(error)) => lost(error.to_string()),
    }
}
