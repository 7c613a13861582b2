//! A WebSocket connection made by hand, with or without TLS, which may say anything and read as slowly as it likes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::PATIENT;
use super::upgrade::{SUBPROTOCOL, upgrade};

/// A WebSocket connection made by hand.
pub struct Raw {
    pub stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
    buffer: Vec<u8>,
    /// Bytes read so far.
    pub received: u64,
    /// What the close frame said besides its code.
    close_text: String,
    /// How fast to read, if not as fast as possible.
    pub budget: Option<Budget>,
}

/// Bytes that may be read by now.
pub struct Budget {
    per_second: f64,
    since: Instant,
    used: f64,
}

impl Budget {
    pub fn new(per_second: f64) -> Self {
        Self { per_second, since: Instant::now(), used: 0.0 }
    }

    /// Waits until something may be read, and says how much. What was not used while nothing came is forfeited.
    fn wait(&mut self) -> usize {
        std::thread::sleep(Duration::from_millis(20));
        ((self.since.elapsed().as_secs_f64() * self.per_second - self.used).max(1.0)) as usize
    }

    fn spend(&mut self, read: usize) {
        self.used += read as f64;
        let allowed = self.since.elapsed().as_secs_f64() * self.per_second;
        self.used = self.used.max(allowed - self.per_second / 10.0);
    }
}

/// A frame of the server.
#[derive(Debug, PartialEq)]
pub enum Frame {
    Binary(Vec<u8>),
    Ping,
    Pong(Vec<u8>),
    Close(u16),
}

impl Raw {
    pub fn connect(address: SocketAddr) -> Self {
        let mut raw = Self::open(address);
        let status = raw.upgrade(SUBPROTOCOL);
        assert!(status.starts_with("HTTP/1.1 101"), "{status}");
        raw
    }

    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENT)).expect("a timeout");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, tls: None, buffer: Vec::new(), received: 0, close_text: String::new(), budget: None }
    }

    /// As [`Self::connect`], over TLS with a server whom `roots` trust.
    pub fn connect_encrypted(address: SocketAddr, roots: &RootCertStore) -> Self {
        let mut raw = Self::open(address);
        let mut tls = Box::new(tls_client(roots));
        tls.complete_io(&mut raw.stream).expect("a handshake");
        raw.tls = Some(tls);
        let status = raw.upgrade(SUBPROTOCOL);
        assert!(status.starts_with("HTTP/1.1 101"), "{status}");
        raw
    }

    fn read(&mut self, chunk: &mut [u8]) -> std::io::Result<usize> {
        match &mut self.tls {
            Some(tls) => rustls::Stream::new(&mut **tls, &mut self.stream).read(chunk),
            None => self.stream.read(chunk),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match &mut self.tls {
            Some(tls) => rustls::Stream::new(&mut **tls, &mut self.stream).write_all(bytes),
            None => self.stream.write_all(bytes),
        }
    }

    /// Sends an upgrade with further headers; returns the head of the answer.
    pub fn upgrade(&mut self, headers: &str) -> String {
        self.write_all(upgrade(headers).as_bytes()).expect("the server reads");
        self.head()
    }

    pub fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if self.read(&mut byte).expect("the server answers") == 0 {
                break;
            }
            head.push(byte[0]);
        }
        String::from_utf8_lossy(&head).into_owned()
    }

    /// Sends bytes as they are. The server may have hung up already.
    pub fn say(&mut self, bytes: &[u8]) {
        let _ = self.write_all(bytes);
    }

    pub fn send(&mut self, message: &[u8]) {
        let framed = masked(0x82, message);
        self.say(&framed);
    }

    /// The next frame; `None` when the connection ended without one.
    pub fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, used)) = parse(&self.buffer) {
                if matches!(frame, Frame::Close(_)) {
                    self.close_text = String::from_utf8(self.buffer[4..used].to_vec()).expect("text");
                }
                self.buffer.drain(..used);
                return Some(frame);
            }
            let mut chunk = [0; 16 * 1024];
            let allowed = self.budget.as_mut().map_or(chunk.len(), Budget::wait).min(chunk.len());
            match self.read(&mut chunk[..allowed]) {
                Ok(0) => return None,
                Ok(read) => {
                    self.received += read as u64;
                    self.buffer.extend_from_slice(&chunk[..read]);
                    if let Some(budget) = &mut self.budget {
                        budget.spend(read);
                    }
                }
                Err(error) if is_end(&error) => return None,
                Err(error) => panic!("nothing came: {error}"),
            }
        }
    }

    /// Reads what comes within a moment over TLS. Returns whether a frame is there, or the end.
    fn read_encrypted(&mut self) -> bool {
        let mut chunk = [0; 16 * 1024];
        match self.read(&mut chunk) {
            Ok(read) => {
                self.received += read as u64;
                self.buffer.extend_from_slice(&chunk[..read]);
                read == 0 || parse(&self.buffer).is_some()
            }
            Err(error) => !is_timeout(&error),
        }
    }

    /// The next frame if it comes within a moment.
    pub fn poll(&mut self) -> Poll<Option<Frame>> {
        self.stream.set_read_timeout(Some(Duration::from_millis(10))).expect("a timeout");
        let mut byte = [0];
        let waiting = parse(&self.buffer).is_some()
            || match self.tls {
                Some(_) => self.read_encrypted(),
                None => !matches!(self.stream.peek(&mut byte), Err(error) if is_timeout(&error)),
            };
        self.stream.set_read_timeout(Some(PATIENT)).expect("a timeout");
        if waiting { Poll::Ready(self.next()) } else { Poll::Pending }
    }

    /// Whether the other side has ended the connection; `None` when nothing is known yet.
    pub fn poll_end(&mut self) -> Option<bool> {
        self.stream.set_nonblocking(true).expect("a socket");
        let mut chunk = [0; 4096];
        let read = self.stream.read(&mut chunk);
        self.stream.set_nonblocking(false).expect("a socket");
        match read {
            Ok(read) => Some(read == 0),
            Err(error) if is_timeout(&error) => None,
            Err(_) => Some(true),
        }
    }

    /// The text of the close frame that came.
    pub fn close_text(&self) -> &str {
        &self.close_text
    }

    /// Reads on to the close frame and the end; returns the code.
    pub fn close_code(&mut self) -> Option<u16> {
        let mut code = None;
        while let Some(frame) = self.next() {
            if let Frame::Close(found) = frame {
                code = Some(found);
            }
        }
        code
    }
}

/// The client's side of TLS.
fn tls_client(roots: &RootCertStore) -> ClientConnection {
    let provider = rustls::crypto::ring::default_provider().into();
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = versions.expect("versions").with_root_certificates(roots.clone()).with_no_client_auth();
    ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").expect("a name")).expect("a client")
}

/// Whether the connection has ended; over TLS, perhaps without a farewell.
fn is_end(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::UnexpectedEof)
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            frame.push(0xfe);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(0xff);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

fn parse(bytes: &[u8]) -> Option<(Frame, usize)> {
    let (&[first, second], rest) = bytes.split_first_chunk::<2>()?;
    let (len, rest) = match second {
        126 => rest.split_first_chunk::<2>().map(|(len, rest)| (u16::from_be_bytes(*len).into(), rest))?,
        127 => rest.split_first_chunk::<8>().map(|(len, rest)| (u64::from_be_bytes(*len) as usize, rest))?,
        len => (usize::from(len), rest),
    };
    let payload = rest.get(..len)?.to_vec();
    let used = bytes.len() - rest.len() + len;
    let frame = match first {
        0x82 => Frame::Binary(payload),
        0x88 => Frame::Close(u16::from_be_bytes([payload[0], payload[1]])),
        0x89 => Frame::Ping,
        0x8a => Frame::Pong(payload),
        other => panic!("the server sent a frame of type {other:#x}"),
    };
    Some((frame, used))
}
