//! A session on its own socket: its bytes go straight from the socket to the actor and back, in one task.
//!
//! After the handshake, nothing is left of what HTTP keeps for a connection that might carry another request: two buffers,
//! a parser and a dispatcher turn per message. What the session decides and sends is in `session`.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, ready};

use actix_web::error::PayloadError;
use actix_web::rt::time::timeout;
use bytes::{Buf, Bytes, BytesMut};
use futures_util::Stream;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::poll_on_wake::PollOnWake;
use crate::wire::limits;

/// Bytes per read.
const READ_CHUNK: usize = 4096;

thread_local! {
    /// The read buffer of all sockets of a thread. Bytes are copied out before anything else happens.
    static READ_BUFFER: RefCell<[u8; READ_CHUNK]> = const { RefCell::new([0; READ_CHUNK]) };
}

/// Carries bytes between `socket`, whose handshake is done, and the session that `begin` makes from the incoming bytes,
/// until one of the two ends. It then lingers. `early` holds the bytes that came with the handshake.
pub async fn carry<T, S, E>(socket: T, early: Bytes, begin: impl FnOnce(Incoming<T>) -> S)
where
    T: AsyncRead + AsyncWrite + Unpin,
    S: Stream<Item = Result<Bytes, E>>,
{
    let socket = Rc::new(RefCell::new(socket));
    let read_budget = Rc::new(Cell::new(0));
    let reads = PollOnWake::new(Reads(socket.clone()));
    let incoming = Incoming { early, reads, read_budget: read_budget.clone() };
    let mut outgoing = Outgoing { socket: socket.clone(), unsent: BytesMut::new() };
    {
        let mut session = pin!(begin(incoming));
        let turn = |cx: &mut TaskContext<'_>| {
            read_budget.set(limits::READ_AT_ONCE);
            let turned = outgoing.turn(session.as_mut(), cx);
            if turned.is_pending() && read_budget.get() == 0 {
                // More bytes may be waiting, but the other tasks of this thread come first.
                cx.waker().wake_by_ref();
            }
            turned
        };
        // A socket that fails ends the session like one that is closed.
        let _ = poll_fn(turn).await;
    }
    let unsent = std::mem::take(&mut outgoing.unsent);
    drop(outgoing);
    if let Some(mut socket) = Rc::into_inner(socket).map(RefCell::into_inner) {
        linger(&mut socket, unsent).await;
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

/// The bytes that the client sends.
pub struct Incoming<T> {
    early: Bytes,
    reads: PollOnWake<Reads<T>>,
    /// Bytes that may still be read in this turn, before other tasks run.
    read_budget: Rc<Cell<usize>>,
}

impl<T: AsyncRead + Unpin> Stream for Incoming<T> {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        if self.read_budget.get() == 0 {
            return Poll::Pending;
        }
        let polled = if self.early.is_empty() {
            Pin::new(&mut self.reads).poll_next(cx)
        } else {
            let chunk = self.early.len().min(READ_CHUNK);
            Poll::Ready(Some(Ok(self.early.split_to(chunk))))
        };
        if let Poll::Ready(Some(Ok(read))) = &polled {
            self.read_budget.set(self.read_budget.get().saturating_sub(read.len()));
        }
        polled
    }
}

/// The bytes of the socket, one read at a time.
struct Reads<T>(Rc<RefCell<T>>);

impl<T: AsyncRead + Unpin> Stream for Reads<T> {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        READ_BUFFER.with_borrow_mut(|read_buffer| {
            let mut buffer = ReadBuf::new(read_buffer);
            ready!(Pin::new(&mut *self.0.borrow_mut()).poll_read(cx, &mut buffer)).map_err(PayloadError::Io)?;
            let read = buffer.filled();
            Poll::Ready((!read.is_empty()).then(|| Ok(Bytes::copy_from_slice(read))))
        })
    }
}

/// The bytes that the session sends.
struct Outgoing<T> {
    socket: Rc<RefCell<T>>,
    unsent: BytesMut,
}

impl<T: AsyncWrite + Unpin> Outgoing<T> {
    /// Polls the session for as long as the socket and a bounded buffer take its bytes. Ready when one of the two has
    /// ended.
    fn turn<S, E>(&mut self, mut session: Pin<&mut S>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>>
    where
        S: Stream<Item = Result<Bytes, E>>,
    {
        loop {
            if self.flush(cx)?.is_pending() && self.unsent.len() >= limits::SEND_BUFFER {
                return Poll::Pending;
            }
            match ready!(session.as_mut().poll_next(cx)) {
                Some(Ok(bytes)) => self.say(bytes, cx)?,
                Some(Err(_)) | None => return Poll::Ready(Ok(())),
            }
        }
    }

    /// Sends `bytes`; what the socket does not take at once is buffered.
    fn say(&mut self, mut bytes: Bytes, cx: &mut TaskContext<'_>) -> io::Result<()> {
        if self.unsent.is_empty() {
            write(&mut *self.socket.borrow_mut(), &mut bytes, cx)?;
        }
        self.unsent.extend_from_slice(&bytes);
        Ok(())
    }

    /// Sends the buffered bytes.
    fn flush(&mut self, cx: &mut TaskContext<'_>) -> io::Result<Poll<()>> {
        let socket = &mut *self.socket.borrow_mut();
        write(socket, &mut self.unsent, cx)?;
        if !self.unsent.is_empty() {
            return Ok(Poll::Pending);
        }
        self.unsent = BytesMut::new();
        Ok(Pin::new(socket).poll_flush(cx)?)
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
    use futures_util::task::noop_waker_ref;
    use tokio::io::empty;

    use super::*;

    #[test]
    fn what_came_with_the_handshake_is_read_no_faster_than_the_rest() {
        let read_budget = Rc::new(Cell::new(READ_CHUNK + 1));
        let reads = PollOnWake::new(Reads(Rc::new(RefCell::new(empty()))));
        let early = Bytes::from(vec![7; 3 * READ_CHUNK]);
        let mut incoming = Incoming { early: early.clone(), reads, read_budget: read_budget.clone() };
        let mut context = TaskContext::from_waker(noop_waker_ref());
        let mut heard = Vec::new();
        while let Poll::Ready(Some(Ok(bytes))) = Pin::new(&mut incoming).poll_next(&mut context) {
            heard.extend_from_slice(&bytes);
        }
        assert_eq!(heard.len(), 2 * READ_CHUNK);
        read_budget.set(2 * READ_CHUNK);
        while let Poll::Ready(Some(Ok(bytes))) = Pin::new(&mut incoming).poll_next(&mut context) {
            heard.extend_from_slice(&bytes);
        }
        assert_eq!(heard, early);
    }
}
