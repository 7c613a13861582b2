//! The connection of a client of the Pusher protocol.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::{Error, HttpRequest, HttpResponse, rt, web};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseReason, Session};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::mpsc::{Receiver, channel};

use super::hub::{ACTIVITY_TIMEOUT, MESSAGE, close};
use super::{App, Out, Pusher};

/// Messages that may wait for a client: at its limit, one that reads too slowly is closed.
const WAITING: usize = 512;
/// How long a client may be silent after it was asked whether it is there.
const PATIENCE: Duration = Duration::from_secs(30);

/// Answers the handshake. Whoever must not stay is told so by a close code, which a page can see.
pub async fn open(
    request: HttpRequest,
    body: web::Payload,
    key: web::Path<String>,
    pusher: web::Data<Pusher>,
) -> Result<HttpResponse, Error> {
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
    let code = exchange(&app, number, session.clone(), stream, receiver).await;
    app.disconnect(number);
    let reason = code.map(|code| CloseReason { code: code.into(), description: None });
    let _ = session.close(reason).await;
}

/// Passes messages on until one side ends. Returns the code with which the server does.
async fn exchange(
    app: &App,
    number: u64,
    mut session: Session,
    mut stream: AggregatedMessageStream,
    mut receiver: Receiver<Out>,
) -> Option<u16> {
    let mut asked = false;
    loop {
        let silent = if asked { PATIENCE } else { Duration::from_secs(ACTIVITY_TIMEOUT) };
        tokio::select! {
            out = receiver.recv() => match out {
                Some(Out::Send(text)) => session.text(&*text).await.ok()?,
                Some(Out::Close(code)) => return Some(code),
                None => return Some(close::OVER_CAPACITY),
            },
            message = stream.recv() => {
                asked = false;
                match message?.ok()? {
                    AggregatedMessage::Text(text) => app.act(|hub| hub.on_message(number, &text, second())),
                    AggregatedMessage::Ping(payload) => session.pong(&payload).await.ok()?,
                    AggregatedMessage::Close(_) => return None,
                    AggregatedMessage::Binary(_) | AggregatedMessage::Pong(_) => {}
                }
            }
            () = tokio::time::sleep(silent) => {
                if asked {
                    return Some(close::NO_PONG);
                }
                asked = true;
                session.text(r#"{"event":"pusher:ping","data":"{}"}"#).await.ok()?;
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
