//! A second handle on a client's socket, by which a session is ended from outside.
//!
//! A session whose client has stopped reading is frozen, timers included: the task that carries its bytes polls the actor
//! only while the send buffer has space. Shutting down the socket ends such a session at once.

use std::any::Any;
use std::net::Shutdown;
use std::rc::Rc;

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::rt::net::TcpStream;
use socket2::{SockRef, Socket};

use crate::wire::limits;

/// A handle on a connection's socket.
#[derive(Clone, Debug)]
pub struct SocketHandle(Rc<Socket>);

/// The socket under a connection, with or without TLS.
pub fn socket_of(connection: &dyn Any) -> Option<&TcpStream> {
    let plain = connection.downcast_ref::<TcpStream>();
    plain.or_else(|| Some(connection.downcast_ref::<TlsStream<TcpStream>>()?.get_ref().0))
}

impl SocketHandle {
    /// Prepares the socket of a new connection and takes a handle on it. `None` when it is no TCP socket or the process
    /// is out of descriptors; the session then lives without a way to be ended from outside.
    pub fn prepare(connection: &dyn Any) -> Option<Self> {
        let socket = SockRef::from(socket_of(connection)?);
        // A socket that cannot be tuned still serves its player.
        let _ = socket.set_send_buffer_size(limits::SEND_BUFFER);
        #[cfg(target_os = "linux")]
        let _ = socket.set_tcp_user_timeout(Some(limits::ACK_TIMEOUT + limits::PING_EVERY));
        socket.try_clone().ok().map(|socket| Self(Rc::new(socket)))
    }

    /// Ends the connection.
    pub fn cut(&self) {
        // The socket may be closed already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}
