//! Connections to the server: one that sends arbitrary bytes, and one of a player that follows the protocol.

#![allow(dead_code, reason = "each run needs a part of it")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use tickwire::engine::{Client, Depth};
use tickwire::tick::Moment;
use tickwire::wire::{AckedTick, Close, Join, Welcome};

use super::process::{SUBPROTOCOL, upgrade};

const PATIENT: Duration = Duration::from_secs(20);

/// A WebSocket connection that may say anything.
pub struct Line {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Line {
    pub fn open(port: u16) -> Result<Self, String> {
        Self::open_from(Ipv4Addr::LOCALHOST, port)
    }

    /// A connection that comes from one of the addresses of this machine.
    pub fn open_from(source: Ipv4Addr, port: u16) -> Result<Self, String> {
        let mut line = Self { stream: connect_from(source, port)?, read: Vec::new() };
        line.say(upgrade(SUBPROTOCOL).as_bytes());
        loop {
            if let Some(end) = line.read.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = line.read.drain(..end + 4).collect();
                let accepted = head.starts_with(b"HTTP/1.1 101");
                return if accepted { Ok(line) } else { Err(String::from_utf8_lossy(&head[..12]).into_owned()) };
            }
            if !line.fill()? {
                return Err("no answer to the upgrade".to_owned());
            }
        }
    }

    /// Sends bytes as they are.
    pub fn say(&mut self, bytes: &[u8]) {
        // A server that does not take it any more has said why.
        let _ = self.stream.write_all(bytes);
    }

    /// Sends a message.
    pub fn send(&mut self, message: &[u8]) {
        self.say(&framed(0x82, message));
    }

    /// Joins and waits for the welcome.
    pub fn sit_down(&mut self, join: &Join) -> Result<Client, String> {
        self.send(&Client::hello(join.clone(), "hostile", vec![], 0));
        let mut client = Client::new(Depth::Continuity);
        while client.welcome().is_none() {
            match self.frame()? {
                Some((0x82, bytes)) => _ = client.on_message(&bytes).map_err(|error| error.to_string())?,
                Some((0x88, bytes)) => return Err(format!("not seated: {:?}", code_of(&bytes))),
                other => return Err(format!("not seated: {other:?}")),
            }
        }
        Ok(client)
    }

    /// The code in the close frame, if one comes before the end.
    pub fn close_code(&mut self) -> Result<Option<u16>, String> {
        loop {
            match self.frame()? {
                Some((0x88, bytes)) => return Ok(code_of(&bytes)),
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    fn frame(&mut self) -> Result<Option<(u8, Vec<u8>)>, String> {
        loop {
            if let Some(frame) = self.take_frame() {
                return Ok(Some(frame));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// The next frame that is there as a whole: its first byte and its payload.
    fn take_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (first, payload, end) = parse(&self.read)?;
        let frame = (first, self.read[payload..end].to_vec());
        self.read.drain(..end);
        Some(frame)
    }

    /// Whether something came.
    fn fill(&mut self) -> Result<bool, String> {
        let mut chunk = [0; 16 * 1024];
        let read = self.stream.read(&mut chunk).map_err(|error| error.to_string())?;
        self.read.extend_from_slice(&chunk[..read]);
        Ok(read > 0)
    }
}

/// A player who takes and acknowledges frames, and whatever else is sent on top.
pub struct Member {
    line: Line,
    client: Client,
    start: Instant,
}

impl Member {
    /// Joins.
    ///
    /// # Errors
    /// What came instead of a welcome.
    pub fn join(source: Ipv4Addr, port: u16, join: &Join) -> Result<Self, String> {
        let mut line = Line::open_from(source, port)?;
        let client = line.sit_down(join)?;
        line.stream.set_nonblocking(true).expect("a socket");
        Ok(Self { line, client, start: Instant::now() })
    }

    /// What an acknowledgement says.
    pub fn tick(&self) -> AckedTick {
        AckedTick::Low(self.client.tick().0 as u8)
    }

    /// How many ticks of the room have come since the welcome.
    pub fn ticks(&self) -> i32 {
        self.client.tick().since(self.welcome().tick)
    }

    /// Sends a message on top of what a player sends; what the socket does not take is not sent.
    pub fn send(&mut self, message: &[u8]) {
        self.line.send(message);
    }

    /// What the server said first.
    pub fn welcome(&self) -> &Welcome {
        self.client.welcome().expect("it joined")
    }

    /// Hears what came and says what is due.
    ///
    /// # Errors
    /// How the session ended: the close code, if there was one.
    pub fn turn(&mut self) -> Result<(), Option<u16>> {
        let mut chunk = [0; 16 * 1024];
        match self.line.stream.read(&mut chunk) {
            Ok(0) => return Err(None),
            Ok(read) => self.line.read.extend_from_slice(&chunk[..read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return Err(None),
        }
        while let Some((first, payload)) = self.line.take_frame() {
            match first {
                0x82 => _ = self.client.on_message(&payload).expect("the server speaks the protocol"),
                0x88 => return Err(code_of(&payload)),
                _ => {}
            }
        }
        while let Some(message) = self.client.poll(Moment(0).plus(self.start.elapsed() + Duration::from_secs(1))) {
            self.line.send(&message);
        }
        Ok(())
    }

    /// Says goodbye.
    pub fn say_goodbye(&mut self) {
        self.line.say(&framed(0x88, &Close::Left.code().to_be_bytes()));
    }

    /// Says goodbye, and waits for the answer.
    pub fn leave(mut self) -> Option<u16> {
        self.line.stream.set_nonblocking(false).expect("a socket");
        self.say_goodbye();
        self.line.close_code().ok().flatten()
    }
}

/// A TCP connection from one of the addresses of this machine.
pub fn connect_from(source: Ipv4Addr, port: u16) -> Result<TcpStream, String> {
    let connected = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((source, 0)).into())?;
        socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
        socket.set_tcp_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENT))?;
        std::io::Result::Ok(socket.into())
    };
    connected().map_err(|error| format!("not connected: {error}"))
}

/// As a masked frame, under a mask of nothing.
pub fn framed(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(0x80 | len as u8),
        len => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(len).expect("attacks are short").to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

fn code_of(close: &[u8]) -> Option<u16> {
    close.first_chunk().map(|code| u16::from_be_bytes(*code))
}

/// First byte, start and end of the payload of a frame that is there as a whole.
fn parse(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (&[first, second], rest) = bytes.split_first_chunk::<2>()?;
    let (start, len) = match second {
        126 => (4, u16::from_be_bytes(*rest.first_chunk()?).into()),
        127 => (10, usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?),
        len => (2, usize::from(len)),
    };
    (bytes.len() >= start + len).then_some((first, start, start + len))
}
