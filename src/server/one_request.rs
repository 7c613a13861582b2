//! A socket wrapper that limits a connection to one HTTP request. It sits between TLS and the HTTP layer.
//!
//! The HTTP layer decodes every request in its buffer before it answers the first one, even without keep-alive: a few
//! kilobytes of pipelined heads become thousands of requests in memory, and a full buffer behind an event stream is polled
//! again and again without pause. The wrapper therefore passes one request, head and body, and no byte that follows. After
//! an upgrade all bytes pass. Where a route has left a stream (`event_stream`), the stream gets the socket after the
//! response. The HTTP layer decides what a request means. The wrapper also times what that layer does not: the body, and an
//! answer that the client does not read.

use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_codec::{AsyncRead, AsyncWrite, Decoder};
use actix_http::ServiceConfig;
use actix_http::h1::{Codec, Message, MessageType};
use actix_web::rt::time::{Sleep, sleep};
use bytes::BytesMut;
use tokio::io::ReadBuf;

use super::event_stream::Follower;
use super::pace::Pace;
use crate::wire::limits;

/// The response to a head over the limit. The HTTP layer has its own limit, which is far higher.
const HEAD_TOO_LARGE: &[u8] =
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Bytes per read of discarded data.
const DISCARD: usize = 4096;

/// A socket that yields one request and then no more bytes, but still reports the end of the connection.
pub struct OneRequest<T> {
    /// The socket, until a stream gets it.
    io: Option<T>,
    follower: Follower,
    stage: Stage,
    /// Bytes of the body that may still come; after the request, bytes behind it.
    left: u64,
    /// The unsent part of the response to an oversized head.
    refusal: &'static [u8],
    /// When the connection ends, even if the client has not hung up.
    end: Option<Pin<Box<Sleep>>>,
    said_goodbye: bool,
    /// How long the client may keep the body waiting. The HTTP layer has a time limit for the head.
    body: Pace,
    /// How long the client may keep the answer waiting.
    answer: Pace,
}

enum Stage {
    /// The request is arriving. This parser is the HTTP layer's and sees the same bytes, so both agree on where the request
    /// ends.
    Reading(Box<Parser>),
    /// The request has passed.
    Answering,
    /// All bytes pass.
    Upgraded,
}

struct Parser {
    codec: Codec,
    /// Bytes that the codec has not taken yet: the head until it is complete, later almost nothing.
    unparsed: BytesMut,
    in_body: bool,
}

/// The parser's result for the bytes that it was given.
enum Found {
    /// The request continues.
    More,
    /// The request ends, this many bytes before the end of the given bytes.
    End(usize),
    Upgrade,
    HeadTooLarge,
}

impl Parser {
    fn read(&mut self, bytes: &[u8]) -> Found {
        self.unparsed.extend_from_slice(bytes);
        loop {
            match self.codec.decode(&mut self.unparsed) {
                Ok(Some(Message::Item(_))) => match self.codec.message_type() {
                    MessageType::None => return Found::End(self.unparsed.len()),
                    MessageType::Payload => self.in_body = true,
                    MessageType::Stream => return Found::Upgrade,
                },
                Ok(Some(Message::Chunk(Some(_)))) => {}
                Ok(Some(Message::Chunk(None))) => return Found::End(self.unparsed.len()),
                Ok(None) if !self.in_body && self.unparsed.len() > limits::REQUEST_HEAD => return Found::HeadTooLarge,
                Ok(None) => return Found::More,
                // The HTTP layer's parser finds the same error, and the layer answers.
                Err(_) => return Found::End(0),
            }
        }
    }
}

impl<T> OneRequest<T> {
    /// Wraps a socket. A body may have `most_body` bytes; with more, the connection ends. Share one `config`: each new one
    /// would start a timer.
    pub fn new(io: T, most_body: u64, config: &ServiceConfig) -> Self {
        let codec = Codec::new(config.clone());
        let parser = Parser { codec, unparsed: BytesMut::new(), in_body: false };
        let stage = Stage::Reading(Box::new(parser));
        let body = Pace::new(limits::BODY_WAITS, limits::BODY_RATE);
        let answer = Pace::new(limits::ANSWER_WAITS, limits::ANSWER_RATE);
        let (io, follower) = (Some(io), Follower::default());
        Self { io, follower, stage, left: most_body, refusal: &[], end: None, said_goodbye: false, body, answer }
    }

    /// The wrapped socket, and where a route leaves what follows the response.
    pub fn parts(&self) -> (Option<&T>, &Follower) {
        (self.io.as_ref(), &self.follower)
    }

    /// Unwraps the socket, unless a stream has it.
    pub fn into_inner(self) -> Option<T> {
        self.io
    }

    /// How many of these bytes, the latest from the socket, belong to the request.
    fn pass(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Stage::Reading(parser) = &mut self.stage else { return Ok(bytes.len()) };
        let was_in_body = parser.in_body;
        let (next, passed) = match parser.read(bytes) {
            Found::More => {
                if was_in_body {
                    self.spend(bytes.len())?;
                }
                return Ok(bytes.len());
            }
            Found::End(behind) => (Stage::Answering, bytes.len() - behind),
            Found::Upgrade => (Stage::Upgraded, bytes.len()),
            Found::HeadTooLarge => {
                self.refusal = HEAD_TOO_LARGE;
                // For the HTTP layer the connection ends here, without a request.
                (Stage::Answering, 0)
            }
        };
        self.stage = next;
        self.left = limits::BEHIND_REQUEST;
        self.spend(bytes.len() - passed)?;
        Ok(passed)
    }

    fn spend(&mut self, count: usize) -> io::Result<()> {
        let left = self.left.checked_sub(count as u64);
        self.left = left.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "too much came with a request"))?;
        Ok(())
    }
}

impl<T: AsyncRead + Unpin> OneRequest<T> {
    /// Reads and discards bytes until the connection ends, which makes it ready.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [MaybeUninit::uninit(); DISCARD];
        loop {
            let mut unwanted = ReadBuf::uninit(&mut bytes);
            let Some(io) = &mut self.io else { return Poll::Ready(Ok(())) };
            ready!(Pin::new(io).poll_read(cx, &mut unwanted))?;
            if unwanted.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.spend(unwanted.filled().len())?;
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> OneRequest<T> {
    /// Sends the remaining bytes and waits for the client to hang up: closing a socket with unread bytes would reset the
    /// connection and could discard the response.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(io) = &mut self.io else { return Poll::Ready(Ok(())) };
        while !self.refusal.is_empty() {
            match ready!(Pin::new(&mut *io).poll_write(cx, self.refusal))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.refusal = &self.refusal[count..],
            }
        }
        if !self.said_goodbye {
            ready!(Pin::new(io).poll_shutdown(cx))?;
            self.said_goodbye = true;
        }
        self.poll_discard(cx)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for OneRequest<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if matches!(this.stage, Stage::Answering) {
            return this.poll_discard(cx);
        }
        let Some(io) = &mut this.io else { return Poll::Ready(Ok(())) };
        let before = buffer.filled().len();
        match Pin::new(io).poll_read(cx, buffer) {
            Poll::Ready(read) => read?,
            Poll::Pending => {
                if matches!(&this.stage, Stage::Reading(parser) if parser.in_body) {
                    ready!(this.body.poll_over(cx));
                    // For the HTTP layer the client has hung up, so the route fails and may answer.
                    this.stage = Stage::Answering;
                    this.left = limits::BEHIND_REQUEST;
                    return Poll::Ready(Ok(()));
                }
                return Poll::Pending;
            }
        }
        let read = buffer.filled().len() - before;
        this.body.moved(read);
        let passed = this.pass(&buffer.filled()[before..])?;
        buffer.set_filled(before + passed);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + 'static> AsyncWrite for OneRequest<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let Some(io) = &mut this.io else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        match Pin::new(io).poll_write(cx, bytes) {
            Poll::Ready(written) => {
                written.as_ref().into_iter().for_each(|written| this.answer.moved(*written));
                Poll::Ready(written)
            }
            Poll::Pending if matches!(this.stage, Stage::Upgraded) => Poll::Pending,
            Poll::Pending => {
                ready!(this.answer.poll_over(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.as_mut().map_or(Poll::Ready(Ok(())), |io| Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(following) = this.follower.take()
            && let Some(socket) = this.io.take()
        {
            actix_web::rt::spawn(following.carry(socket));
        }
        let Some(io) = &mut this.io else { return Poll::Ready(Ok(())) };
        if matches!(this.stage, Stage::Upgraded) {
            return Pin::new(io).poll_shutdown(cx);
        }
        let end = this.end.get_or_insert_with(|| {
            this.left = this.left.min(limits::BEHIND_REQUEST);
            Box::pin(sleep(limits::LINGER))
        });
        if end.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        // A connection that fails here has ended as well.
        this.poll_linger(cx).map(|_| Ok(()))
    }
}

impl<T> fmt::Debug for OneRequest<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneRequest").field("left", &self.left).finish_non_exhaustive()
    }
}
