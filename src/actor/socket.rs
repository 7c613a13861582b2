//! A session on its own socket: its bytes go straight from the socket to the session and back, in one task.
//!
//! After the handshake, nothing is left of what HTTP keeps for a connection that might carry another request: two buffers,
//! a parser and a dispatcher turn per message. The relay writes frames from outside the task, where nothing else is waiting
//! to be sent. What the session decides and sends is in `session` and `live_session`.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker, ready};

use actix_http::ws::{OpCode, Parser};
use actix_web::error::PayloadError;
use actix_web::rt::time::timeout;
use bytes::{Buf, Bytes, BytesMut};
use futures_util::Stream;
use futures_util::task::noop_waker_ref;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::live_session::{LiveSession, Outlet};
use super::poll_on_wake::PollOnWake;
use crate::wire::limits;

/// Bytes per read.
const READ_CHUNK: usize = 4096;

thread_local! {
    /// The read buffer of all sockets of a thread. Bytes are copied out before anything else happens.
    static READ_BUFFER: RefCell<[u8; READ_CHUNK]> = const { RefCell::new([0; READ_CHUNK]) };
    /// The message that is being sent, as a frame.
    static FRAME_BUFFER: RefCell<BytesMut> = RefCell::default();
}

/// Begins the session that `begin` makes from the incoming bytes. The future carries bytes between it and `socket`, whose
/// handshake is done, until one of the two ends. It then lingers. `early` holds the bytes that came with the handshake.
pub fn carry<T, S, E, B>(socket: T, early: Bytes, begin: B) -> impl Future<Output = ()> + use<T, S, E, B>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
    B: FnOnce(Incoming) -> (Rc<LiveSession>, S),
    S: Stream<Item = Result<Bytes, E>>,
{
    let incoming = Rc::<IncomingBytes>::default();
    let (live, session) = begin(Incoming(incoming.clone()));
    let outgoing = Rc::new(RefCell::new(Outgoing::new(socket)));
    live.attach_outlet(outgoing.clone());
    // Every connection keeps this future, so nothing that is only needed above is part of it.
    async move {
        {
            let session = pin!(session);
            let session = PollOnWake::new(session);
            let hear = |bytes: &[u8]| live.hear_frequent(bytes);
            let mut conversation = Conversation { early, incoming, outgoing: outgoing.clone(), hear, session };
            // A socket that fails ends the session like one that is closed.
            let _ = poll_fn(|cx| conversation.turn(cx)).await;
        }
        live.detach_outlet();
        if let Some(Outgoing { mut socket, unsent, .. }) = Rc::into_inner(outgoing).map(RefCell::into_inner) {
            linger(&mut socket, unsent).await;
        }
    }
}

/// What the task of a socket works with.
struct Conversation<T, S, H> {
    early: Bytes,
    incoming: Rc<IncomingBytes>,
    outgoing: Rc<RefCell<Outgoing<T>>>,
    /// Hears what needs no actor at the front of these bytes, and returns how many they are.
    hear: H,
    session: PollOnWake<S>,
}

impl<T, S, H, E> Conversation<T, S, H>
where
    T: AsyncRead + AsyncWrite + Unpin,
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    H: Fn(&[u8]) -> usize,
{
    /// Turns to the actor for as long as it has something to say and the socket and a bounded buffer take it, then to the
    /// client. Ready when one of the two has ended.
    fn turn(&mut self, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        let mut left = limits::READ_AT_ONCE;
        self.outgoing.borrow_mut().register_task(cx);
        loop {
            if self.outgoing.borrow_mut().flush(cx)?.is_pending() && self.outgoing.borrow().is_full() {
                return Poll::Pending;
            }
            match Pin::new(&mut self.session).poll_next(cx) {
                Poll::Ready(Some(Ok(bytes))) => self.outgoing.borrow_mut().write_or_buffer(&bytes, cx)?,
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(Ok(())),
                // The actor wakes this task when it goes on.
                Poll::Pending if self.incoming.is_closed_or_full() => return Poll::Pending,
                Poll::Pending if left == 0 => {
                    // More bytes may be waiting, but the other tasks of this thread come first.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Pending => left = left.saturating_sub(ready!(self.read(cx))),
            }
        }
    }

    /// Reads what the client sends. What needs the actor is left to it.
    fn read(&mut self, cx: &mut TaskContext<'_>) -> Poll<usize> {
        READ_BUFFER.with_borrow_mut(|read_buffer| {
            let mut buffer = ReadBuf::new(read_buffer);
            if self.early.is_empty() {
                let socket = &mut self.outgoing.borrow_mut().socket;
                let failed = ready!(Pin::new(socket).poll_read(cx, &mut buffer)).is_err();
                if failed || buffer.filled().is_empty() {
                    self.incoming.close();
                    return Poll::Ready(0);
                }
            } else {
                buffer.put_slice(&self.early.split_to(self.early.len().min(READ_CHUNK)));
            }
            let read = buffer.filled();
            let rest = &read[(self.hear)(read)..];
            if !rest.is_empty() {
                self.incoming.push(Bytes::copy_from_slice(rest));
            }
            Poll::Ready(read.len())
        })
    }
}

/// Sends the unsent bytes and waits briefly for the client to hang up. Closing a socket that holds unread bytes resets the
/// connection, which may discard what was sent last. A client that never stops sending may miss it.
pub async fn linger<T: AsyncRead + AsyncWrite + Unpin>(socket: &mut T, mut unsent: BytesMut) {
    let reason = async {
        socket.write_all_buf(&mut unsent).await?;
        socket.shutdown().await?;
        let mut ignored = 0;
        let mut buffer = [0; 512];
        while ignored < limits::SEND_BUFFER {
            match socket.read(&mut buffer).await? {
                0 => break,
                count => ignored += count,
            }
        }
        io::Result::Ok(())
    };
    // A client that does not take the bytes in time does not get them.
    let _ = timeout(limits::LINGER, reason).await;
}

/// What the client has sent to the actor: at most one read, which the actor has not taken yet.
#[derive(Default)]
struct IncomingBytes {
    read: RefCell<Bytes>,
    closed: Cell<bool>,
    sleeper: RefCell<Option<Waker>>,
}

impl IncomingBytes {
    fn is_closed_or_full(&self) -> bool {
        self.closed.get() || !self.read.borrow().is_empty()
    }

    fn push(&self, read: Bytes) {
        *self.read.borrow_mut() = read;
        self.wake();
    }

    fn close(&self) {
        self.closed.set(true);
        self.wake();
    }

    fn wake(&self) {
        self.sleeper.borrow_mut().take().into_iter().for_each(Waker::wake);
    }
}

/// The bytes that the client sends to the actor, as a stream.
pub struct Incoming(Rc<IncomingBytes>);

impl Stream for Incoming {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let read = self.0.read.take();
        if !read.is_empty() {
            return Poll::Ready(Some(Ok(read)));
        }
        if self.0.closed.get() {
            return Poll::Ready(None);
        }
        *self.0.sleeper.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// The bytes that the session sends.
struct Outgoing<T> {
    socket: T,
    unsent: BytesMut,
    /// Whether the socket holds no bytes back, as TLS does.
    flushed: bool,
    /// Why the socket failed outside its task.
    failure: Option<io::Error>,
    /// The task, which goes on when the socket takes bytes again.
    task: Option<Waker>,
}

impl<T: AsyncWrite + Unpin> Outgoing<T> {
    fn new(socket: T) -> Self {
        Self { socket, unsent: BytesMut::new(), flushed: true, failure: None, task: None }
    }

    /// Notes which task to wake.
    fn register_task(&mut self, cx: &TaskContext<'_>) {
        if !self.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            self.task = Some(cx.waker().clone());
        }
    }

    /// Whether the actor must wait.
    fn is_full(&self) -> bool {
        self.unsent.len() >= limits::SEND_BUFFER
    }

    /// Sends `bytes`; what the socket does not take at once is buffered.
    fn write_or_buffer(&mut self, mut bytes: &[u8], cx: &mut TaskContext<'_>) -> io::Result<()> {
        self.flushed = false;
        if self.unsent.is_empty() {
            write(&mut self.socket, &mut bytes, cx)?;
        }
        self.unsent.extend_from_slice(bytes);
        Ok(())
    }

    /// Sends the buffered bytes.
    fn flush(&mut self, cx: &mut TaskContext<'_>) -> io::Result<Poll<()>> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        if self.flushed {
            return Ok(Poll::Ready(()));
        }
        write(&mut self.socket, &mut self.unsent, cx)?;
        if !self.unsent.is_empty() {
            return Ok(Poll::Pending);
        }
        self.unsent = BytesMut::new();
        let flushed = Pin::new(&mut self.socket).poll_flush(cx)?;
        self.flushed = flushed.is_ready();
        Ok(flushed)
    }
}

impl<T: AsyncWrite + Unpin> Outlet for Outgoing<T> {
    fn is_clear(&self) -> bool {
        self.flushed && self.failure.is_none()
    }

    fn send(&mut self, message: &[u8]) {
        // Only its own task is to be woken by the socket.
        let cx = &mut TaskContext::from_waker(noop_waker_ref());
        let sent = FRAME_BUFFER.with_borrow_mut(|frame| {
            frame.clear();
            Parser::write_message(frame, message, OpCode::Binary, true, false);
            self.write_or_buffer(frame, cx)
        });
        match sent.and_then(|()| self.flush(cx)) {
            Ok(Poll::Ready(())) => {}
            Ok(Poll::Pending) => self.task.iter().for_each(Waker::wake_by_ref),
            Err(failure) => {
                self.failure = Some(failure);
                self.task.iter().for_each(Waker::wake_by_ref);
            }
        }
    }
}

/// Writes as many of `bytes` as the socket takes now.
fn write<T: AsyncWrite + Unpin>(socket: &mut T, bytes: &mut impl Buf, cx: &mut TaskContext<'_>) -> io::Result<()> {
    while bytes.has_remaining() {
        match Pin::new(&mut *socket).poll_write(cx, bytes.chunk())? {
            Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(count) => bytes.advance(count),
            Poll::Pending => break,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures_util::stream::poll_fn as stream_fn;
    use tokio::io::{DuplexStream, duplex};

    use super::*;

    type Never = std::convert::Infallible;

    fn in_vain() -> TaskContext<'static> {
        TaskContext::from_waker(noop_waker_ref())
    }

    fn read_all(socket: &mut DuplexStream) -> Vec<u8> {
        let (mut bytes, mut all) = ([0; 256], Vec::new());
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            if Pin::new(&mut *socket).poll_read(&mut in_vain(), &mut buffer).is_pending() || buffer.filled().is_empty()
            {
                return all;
            }
            all.extend_from_slice(buffer.filled());
        }
    }

    #[test]
    fn a_turn_reads_a_bounded_number_of_bytes_of_those_that_came_with_the_handshake_too() {
        let (socket, _client) = duplex(64);
        let incoming = Rc::<IncomingBytes>::default();
        let mut taken = Incoming(incoming.clone());
        let (heard, heard_here) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let (actor, task) = (heard.clone(), heard_here.clone());
        let session = stream_fn(move |cx| {
            while let Poll::Ready(Some(Ok(bytes))) = Pin::new(&mut taken).poll_next(cx) {
                actor.set(actor.get() + bytes.len());
            }
            Poll::<Option<Result<Bytes, Never>>>::Pending
        });
        let hear = |bytes: &[u8]| {
            task.set(task.get() + bytes.len() / 2);
            bytes.len() / 2
        };
        let session = PollOnWake::new(session);
        let outgoing = Rc::new(RefCell::new(Outgoing::new(socket)));
        let early = Bytes::from(vec![7; 3 * limits::READ_AT_ONCE]);
        let mut conversation = Conversation { early, incoming, outgoing, hear, session };
        for turn in 1..=3 {
            assert!(conversation.turn(&mut in_vain()).is_pending());
            assert_eq!(heard.get() + heard_here.get(), turn * limits::READ_AT_ONCE);
            assert_eq!(heard.get(), heard_here.get());
        }
    }

    #[test]
    fn nothing_overtakes_what_a_full_socket_has_not_taken() {
        let (socket, mut client) = duplex(16);
        let mut outgoing = Outgoing::new(socket);
        outgoing.write_or_buffer(&[1; 40], &mut in_vain()).unwrap();
        assert!(outgoing.flush(&mut in_vain()).unwrap().is_pending());
        assert!(!outgoing.is_clear(), "16 of 40 bytes are under way");
        let mut got = Vec::new();
        for _ in 0..2 {
            assert!(!outgoing.is_clear());
            got.extend(read_all(&mut client));
            let _ = outgoing.flush(&mut in_vain()).unwrap();
        }
        got.extend(read_all(&mut client));
        assert_eq!(got, [1; 40]);
        assert!(outgoing.is_clear());
        outgoing.send(&[2; 5]);
        assert!(outgoing.is_clear());
        assert_eq!(read_all(&mut client), [0x82, 5, 2, 2, 2, 2, 2]);
        outgoing.send(&[3; 20]);
        assert!(!outgoing.is_clear(), "the frame has 22 bytes");
        got = read_all(&mut client);
        assert!(outgoing.flush(&mut in_vain()).unwrap().is_ready());
        got.extend(read_all(&mut client));
        assert_eq!(got, [&[0x82, 20][..], &[3; 20]].concat());
    }

    #[test]
    fn a_socket_that_fails_outside_its_task_ends_the_task() {
        let (socket, client) = duplex(16);
        let mut outgoing = Outgoing::new(socket);
        drop(client);
        outgoing.send(&[1; 5]);
        assert!(!outgoing.is_clear());
        assert!(outgoing.flush(&mut in_vain()).is_err());
    }
}
