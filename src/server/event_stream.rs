//! Responses with server-sent events, which last for hours: their bytes go straight from the stream to the socket.
//!
//! The HTTP layer writes the head and then closes the connection, as it believes. Instead of closing, [`OneRequest`] starts a task that
//! carries the stream's bytes, and nothing is left of what HTTP keeps for a connection: two buffers, a parser and a dispatcher. The body
//! has no length and ends with the connection. In an embedder's own HTTP server, which keeps its sockets, the body is streamed as any other.
//!
//! [`OneRequest`]: super::one_request::OneRequest

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_codec::{AsyncRead, AsyncWrite};
use actix_http::body::None as NoBody;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse};
use bytes::{Buf, Bytes, BytesMut};
use futures_util::stream::LocalBoxStream;
use futures_util::{Stream, StreamExt};
use tokio::io::ReadBuf;

use super::pace::Pace;
use crate::actor::{Connection, linger};
use crate::wire::limits;

/// A response with these events.
pub(super) fn event_stream(
    request: &HttpRequest,
    events: impl Stream<Item = Result<Bytes, actix_web::Error>> + 'static,
) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.content_type("text/event-stream");
    response.insert_header((CACHE_CONTROL, "no-store")).insert_header(("x-accel-buffering", "no"));
    match request.conn_data::<Follower>() {
        Some(follower) => {
            let connection = request.conn_data::<Rc<Connection>>().cloned();
            *follower.0.borrow_mut() = Some(Following { stream: events.boxed_local(), _connection: connection });
            response.body(NoBody::new())
        }
        None => response.streaming(events),
    }
}

/// Where a route leaves what follows the response on its connection.
#[derive(Clone, Default)]
pub(super) struct Follower(Rc<RefCell<Option<Following>>>);

impl Follower {
    pub fn take(&self) -> Option<Following> {
        self.0.borrow_mut().take()
    }
}

/// What follows the head of a response on its connection.
pub(super) struct Following {
    stream: LocalBoxStream<'static, Result<Bytes, actix_web::Error>>,
    /// Counted until the stream ends.
    _connection: Option<Rc<Connection>>,
}

impl Following {
    /// Sends the stream until it ends, the client hangs up, or does not read for too long.
    pub async fn carry<T: AsyncRead + AsyncWrite + Unpin>(self, socket: T) {
        let answer = Pace::new(limits::ANSWER_WAITS, limits::ANSWER_RATE);
        let left = limits::BEHIND_REQUEST;
        let mut carrier = Carrier { socket, stream: self.stream, unsent: Bytes::new(), answer, left };
        if (&mut carrier).await.is_ok() {
            linger(&mut carrier.socket, BytesMut::new()).await;
        }
    }
}

struct Carrier<T> {
    socket: T,
    stream: LocalBoxStream<'static, Result<Bytes, actix_web::Error>>,
    unsent: Bytes,
    /// How long the client may keep the stream waiting.
    answer: Pace,
    /// Bytes that the client may still send; they are ignored.
    left: u64,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Carrier<T> {
    /// Ready when the client has hung up.
    fn poll_hung_up(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [MaybeUninit::uninit(); 512];
        loop {
            let mut unwanted = ReadBuf::uninit(&mut bytes);
            ready!(Pin::new(&mut self.socket).poll_read(cx, &mut unwanted))?;
            let count = unwanted.filled().len() as u64;
            let left = self.left.checked_sub(count).filter(|_| count > 0);
            let Some(left) = left else { return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())) };
            self.left = left;
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            match Pin::new(&mut self.socket).poll_write(cx, &self.unsent) {
                Poll::Ready(written) => {
                    let written = written?;
                    if written == 0 {
                        return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                    }
                    self.answer.moved(written);
                    self.unsent.advance(written);
                }
                Poll::Pending => {
                    ready!(self.answer.poll_over(cx));
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
        }
        Pin::new(&mut self.socket).poll_flush(cx)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Future for Carrier<T> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(ended) = self.poll_hung_up(cx) {
            return Poll::Ready(ended);
        }
        loop {
            ready!(self.poll_send(cx))?;
            match ready!(self.stream.poll_next_unpin(cx)) {
                Some(Ok(next)) => self.unsent = next,
                Some(Err(_)) | None => return Poll::Ready(Ok(())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::stream;
    use tokio::io::{AsyncReadExt, DuplexStream, duplex};

    use super::*;

    /// A carrier to a socket that takes `space` bytes before somebody reads, and the other end.
    fn carrier(space: usize, parts: &'static [&'static str], goes_on: bool) -> (Carrier<DuplexStream>, DuplexStream) {
        let (socket, other) = duplex(space);
        let parts = stream::iter(parts.iter().map(|part| Ok(Bytes::from_static(part.as_bytes()))));
        let stream = if goes_on { parts.chain(stream::pending()).boxed_local() } else { parts.boxed_local() };
        let (answer, left) = (Pace::new(Duration::from_secs(1), 1024), 8);
        (Carrier { socket, stream, unsent: Bytes::new(), answer, left }, other)
    }

    #[actix_web::test]
    async fn a_stream_arrives_whole_and_then_ends() {
        let (carrier, mut other) = carrier(4, &["data: 1\n\n", "data: 2\n\n"], false);
        let carried = actix_web::rt::spawn(async move { carrier.await.is_ok() });
        let mut heard = String::new();
        other.read_to_string(&mut heard).await.expect("text");
        assert_eq!(heard, "data: 1\n\ndata: 2\n\n");
        assert!(carried.await.expect("it ended"));
    }

    #[actix_web::test]
    async fn who_does_not_read_is_not_waited_for() {
        let (carrier, _other) = carrier(4, &["data: 1\n\n"], true);
        assert_eq!(carrier.await.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
    }

    #[actix_web::test]
    async fn who_hangs_up_or_says_too_much_is_let_go() {
        let (carrying, other) = carrier(64, &[], true);
        drop(other);
        assert!(carrying.await.is_err());
        let (carrying, mut other) = carrier(64, &[], true);
        tokio::io::AsyncWriteExt::write_all(&mut other, b"more than 8").await.expect("space");
        assert!(carrying.await.is_err());
    }
}
