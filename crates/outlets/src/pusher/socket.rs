//! The connection of a client of the Pusher protocol.

use std::convert::Infallible;
use std::future::Future;
use std::io::ErrorKind;
use std::str::Utf8Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::{Error, FromRequest, HttpRequest, HttpResponse, rt, web};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseReason, Closed, ProtocolError, Session};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::{sleep, timeout};

use super::guard::guarded;
use super::hub::{MESSAGE, close};
use super::{App, Out, Pusher};

/// Messages that may wait for a client: at its limit, one that reads too slowly is closed.
const WAITING: usize = 512;
/// How long a client may be silent after it was asked whether it is there, unless it is asked more often.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the server waits for a client that does not read.
const STUCK: Duration = Duration::from_secs(10);
/// Seconds of a span in which a client's messages are counted ...
const SPAN: u64 = 10;
/// ... and how many it may send: a page that comes back subscribes to all its channels at once.
const MESSAGES: u32 = 600;

/// The messages of a client in the current span.
#[derive(Default)]
struct Flood {
    span: u64,
    messages: u32,
}

impl Flood {
    /// Counts a message. Returns whether the client sends too many.
    fn count(&mut self, second: u64) -> bool {
        let span = second / SPAN;
        self.messages = if span == self.span { self.messages + 1 } else { 1 };
        self.span = span;
        self.messages > MESSAGES
    }
}

/// Answers the handshake. Whoever must not stay is told so by a close code, which a page can see.
pub async fn open(
    request: HttpRequest,
    body: web::Payload,
    key: web::Path<String>,
    pusher: web::Data<Pusher>,
) -> Result<HttpResponse, Error> {
    let body = web::Payload::from_request(&request, &mut guarded(body.into_inner())).await?;
    let (response, session, stream) = actix_ws::handle(&request, body)?;
    let stream = stream.max_frame_size(MESSAGE).aggregate_continuations().max_continuation_size(MESSAGE);
    let version = request.query_string().split('&').find_map(|pair| pair.strip_prefix("protocol="));
    let app = match (pusher.with_key(&key), version) {
        (None, _) => Err((close::NO_APP, "there is no app with this key")),
        (_, None) => Err((close::NO_VERSION, "protocol must be 7")),
        (Some(app), Some("5" | "6" | "7")) => Ok(app),
        _ => Err((close::BAD_VERSION, "protocol must be 7")),
    };
    rt::spawn(async move {
        match app {
            Ok(app) => converse(app, session, stream).await,
            Err((code, why)) => refuse(session, code, why).await,
        }
    });
    Ok(response)
}

async fn refuse(mut session: Session, code: u16, why: &str) {
    let error = serde_json::json!({ "event": "pusher:error", "data": { "code": code, "message": why } });
    let _ = session.text(error.to_string()).await;
    let _ = session.close(Some(CloseReason { code: code.into(), description: Some(why.to_owned()) })).await;
}

async fn converse(app: Arc<App>, session: Session, stream: AggregatedMessageStream) {
    let (sender, receiver) = channel(WAITING);
    let Some(number) = app.connect(random(), sender) else {
        return refuse(session, close::OVER_QUOTA, "the app has too many connections").await;
    };
    let Err(code) = exchange(&app, number, session.clone(), stream, receiver).await;
    app.disconnect(number);
    let reason = code.map(|code| CloseReason { code: code.into(), description: None });
    let _ = timeout(STUCK, session.close(reason)).await;
}

/// Sends to a client, which may not keep the server waiting.
async fn send(sent: impl Future<Output = Result<(), Closed>>) -> Result<(), Option<u16>> {
    timeout(STUCK, sent).await.map_err(|_| Some(close::OVER_CAPACITY))?.map_err(|Closed| None)
}

/// The code of WebSockets for what a client sent.
fn offence(error: &ProtocolError) -> Option<u16> {
    match error {
        ProtocolError::Overflow => Some(1009),
        ProtocolError::Io(error) if error.get_ref().is_some_and(|why| why.is::<Utf8Error>()) => Some(1007),
        // A message of several parts was too long, or the connection broke: the library does not tell these apart.
        ProtocolError::Io(error) if error.kind() == ErrorKind::Other => Some(1009),
        _ => Some(1002),
    }
}

/// Passes messages on until one side ends. Fails with the code with which the server does, if it does.
async fn exchange(
    app: &App,
    number: u64,
    mut session: Session,
    mut stream: AggregatedMessageStream,
    mut receiver: Receiver<Out>,
) -> Result<Infallible, Option<u16>> {
    let activity = Duration::from_secs(app.settings.activity_timeout);
    let (mut asked, mut flood) = (false, Flood::default());
    loop {
        let silent = if asked { activity.min(PATIENCE) } else { activity };
        tokio::select! {
            out = receiver.recv() => match out {
                Some(Out::Send(text)) => send(session.text(&*text)).await?,
                Some(Out::Close(code)) => return Err(Some(code)),
                None => return Err(Some(close::OVER_CAPACITY)),
            },
            message = stream.recv() => {
                asked = false;
                let message = message.ok_or(None)?.map_err(|error| offence(&error))?;
                if flood.count(second()) {
                    return Err(Some(close::OVER_CAPACITY));
                }
                match message {
                    AggregatedMessage::Text(text) => app.act(|hub| hub.on_message(number, &text, second())),
                    AggregatedMessage::Ping(payload) => send(session.pong(&payload)).await?,
                    AggregatedMessage::Close(_) => return Err(None),
                    AggregatedMessage::Binary(_) => return Err(Some(1003)),
                    AggregatedMessage::Pong(_) => {}
                }
            }
            () = sleep(silent) => {
                if asked {
                    return Err(Some(close::NO_PONG));
                }
                asked = true;
                send(session.text(r#"{"event":"pusher:ping","data":"{}"}"#)).await?;
            }
        }
    }
}

/// Seconds of a clock that only goes forward.
#[expect(clippy::disallowed_methods, reason = "a limit per second")]
fn second() -> u64 {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    START.elapsed().as_secs()
}

fn random() -> u32 {
    let mut bytes = [0; 4];
    // Without randomness, socket ids can be guessed, which signatures do not rely on.
    let _ = SystemRandom::new().fill(&mut bytes);
    u32::from_le_bytes(bytes)
}
