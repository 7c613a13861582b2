//! Guests who come with a ticket: a reservation that was told is good once, however often the server is killed meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tickwire::engine::{Client, ClientEvent, Depth};
use tickwire::wire::{Close, Continuity, Join, limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::player::{Shared, open};

/// How long a guest lets its ticket lie: less than its minute, together with a start of the server.
const WAITS_MS: [u64; 5] = [0, 1500, 40, 700, 3000];

/// How one connection of a guest went.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Visit {
    /// It has a seat, and the server knows that it knows.
    Done,
    /// It broke.
    Broken,
    /// The server refused it with this code.
    Refused(u16),
}

/// Reserves a seat, comes, and leaves, again and again.
pub async fn come_and_go(shared: Arc<Shared>, room: usize) {
    for wait in WAITS_MS.into_iter().cycle().skip(room) {
        sleep(Duration::from_millis(200)).await;
        if shared.is_quiet() {
            return;
        }
        let Some(id) = shared.room(room) else { continue };
        let Some(ticket) = reserve(&shared, &id).await else { continue };
        shared.tally().promised += 1;
        sleep(Duration::from_millis(wait)).await;
        redeem(&shared, &ticket).await;
        shared.tally().kept += 1;
    }
}

/// Asks for a seat. `None`: the server did not answer, or has no seat now; what it may have reserved was not told.
async fn reserve(shared: &Shared, room: &str) -> Option<String> {
    let body = format!(r#"{{"room": "{room}", "seats": 1}}"#);
    let head =
        "POST /api/reservations HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json";
    let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let answer = timeout(Duration::from_secs(5), async {
        let mut stream = TcpStream::connect(("127.0.0.1", shared.port)).await.ok()?;
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some(answer)
    });
    let answer = answer.await.ok()??;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    if !head.starts_with("HTTP/1.1 200") {
        // Full, stopping, or the request came too slowly from a busy machine, or the room was made anew meanwhile.
        let busy = ["HTTP/1.1 503", "HTTP/1.1 409", "HTTP/1.1 408", "HTTP/1.1 404"]
            .iter()
            .any(|status| head.starts_with(status));
        assert!(busy, "a reservation was answered with {answer}");
        return None;
    }
    let answer: serde_json::Value = serde_json::from_str(body).ok()?;
    Some(answer["tickets"][0].as_str().expect("a ticket").to_owned())
}

/// Comes with the ticket until it worked. A ticket may be used up only if a welcome was seen; then the seat must be there.
async fn redeem(shared: &Shared, ticket: &str) {
    let mut client = Client::new(Depth::Full);
    let (mut was_welcomed, mut visits) = (false, Vec::new());
    let begun = Instant::now();
    loop {
        let hello = Client::hello(Join::Reserved { ticket: ticket.to_owned() }, "guest", Vec::new(), 0);
        let mut fresh = Client::new(Depth::Full);
        let came = Instant::now();
        let visited = visit(shared, &mut fresh, hello).await;
        visits.push(("ticket", begun.elapsed(), came.elapsed(), visited));
        match visited {
            Visit::Done => return,
            Visit::Broken => {}
            Visit::Refused(code) if code == Close::NoSuchRoom.code() && was_welcomed => {
                let hello = client.resume("guest", Vec::new()).expect("there was a welcome");
                let came = Instant::now();
                let visited = visit(shared, &mut client, hello).await;
                visits.push(("resume", begun.elapsed(), came.elapsed(), visited));
                match visited {
                    Visit::Done => {
                        let is_fresh = client.welcome().is_some_and(|it| it.continuity == Continuity::Fresh);
                        // On a machine that does not keep up, the server ends who says nothing for too long, and a seat is
                        // not held for who may not know of it.
                        let was_dismissed = visits.iter().any(|(_, _, took, _)| *took > limits::ACK_TIMEOUT);
                        assert!(!is_fresh || was_dismissed, "used up, and the seat is gone: {visits:?}");
                        shared.tally().dismissed += u64::from(is_fresh);
                        return;
                    }
                    Visit::Broken => {}
                    Visit::Refused(code) if code < 4500 => {}
                    Visit::Refused(code) => panic!("a guest whose ticket is used up gets {code}: {visits:?}"),
                }
            }
            // The server is starting, or stopping.
            Visit::Refused(code) if code < 4500 => {}
            Visit::Refused(code) => panic!("a promised seat was refused with {code}: {visits:?}"),
        }
        if fresh.welcome().is_some() {
            (client, was_welcomed) = (fresh, true);
        }
        sleep(Duration::from_millis(30)).await;
    }
}

async fn visit(shared: &Shared, client: &mut Client, hello: Vec<u8>) -> Visit {
    let Ok(mut socket) = open(&shared.url(0), hello).await else { return Visit::Broken };
    let mut frames = 0_u32;
    // Acknowledges meanwhile, so the server knows that the welcome has arrived.
    while frames < 8 {
        let Ok(message) = timeout(Duration::from_secs(5), socket.next()).await else { return Visit::Broken };
        match message {
            Some(Ok(Message::Binary(bytes))) => {
                let told = client.on_message(&bytes).expect("the client understands the server");
                if matches!(told, ClientEvent::Frame(_)) {
                    frames += 1;
                    // The seat of who never did anything is held briefly.
                    client.input(&[frames.cast_signed() % 2 * 64, 1, 0, 0]);
                }
            }
            Some(Ok(Message::Close(Some(frame)))) => return Visit::Refused(frame.code.into()),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Visit::Broken,
        }
        while let Some(bytes) = client.poll(shared.now()) {
            if socket.send(Message::Binary(bytes.into())).await.is_err() {
                return Visit::Broken;
            }
        }
    }
    // It leaves. If that is lost, the seat is held for a while.
    let goodbye = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    let _ = socket.close(Some(goodbye)).await;
    Visit::Done
}
