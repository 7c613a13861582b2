//! The floor: the least a server can do for this workload. One thread, epoll, one read per readiness, one write per client
//! and tick of bytes made once per tick.
//!
//! Usage: `floor BYTES`, the payload of an update. Its first bytes are the numbers of the probes' newest inputs.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use tickwire_peers::frames::{self, BINARY, CLOSE};
use tickwire_peers::{PROBES, RATE};

const LISTENER: u64 = u64::MAX;

struct Client {
    socket: TcpStream,
    /// What came in and is not a whole frame or request yet.
    input: Vec<u8>,
    /// What did not fit into the socket. While there is any, updates are left out.
    output: Vec<u8>,
    upgraded: bool,
    place: (u16, u16),
}

struct Floor {
    epoll: OwnedFd,
    clients: Vec<Option<Client>>,
    probes: [u16; PROBES],
    payload: Vec<u8>,
    buffer: Vec<u8>,
}

fn main() -> io::Result<()> {
    let bytes = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let bytes = bytes.ok_or_else(|| io::Error::other("usage: floor BYTES, such as: floor 120"))?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    println!("listening {} epoll, {bytes} bytes per update", listener.local_addr()?.port());
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN)?;
    let (clients, buffer) = (Vec::new(), vec![0; 4096]);
    Floor { epoll, clients, probes: [0; PROBES], payload: vec![0; bytes], buffer }.run(&listener)
}

impl Floor {
    fn run(&mut self, listener: &TcpListener) -> io::Result<()> {
        let period = Duration::from_secs(1) / RATE;
        let mut due = Instant::now() + period;
        let mut events = Vec::with_capacity(256);
        loop {
            let wait = due.saturating_duration_since(Instant::now());
            let wait = Timespec { tv_sec: 0, tv_nsec: i64::from(wait.subsec_nanos()) as _ };
            events.clear();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&wait)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                match event.data.u64() {
                    LISTENER => self.accept(listener)?,
                    key => self.read(key as usize),
                }
            }
            if Instant::now() >= due {
                due += period;
                self.tick();
            }
        }
    }

    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        let socket = match listener.accept() {
            Ok((socket, _)) => socket,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        let key = self.clients.iter().position(Option::is_none).unwrap_or(self.clients.len());
        if key == self.clients.len() {
            self.clients.push(None);
        }
        epoll::add(&self.epoll, &socket, epoll::EventData::new_u64(key as u64), epoll::EventFlags::IN)?;
        let (input, output) = Default::default();
        self.clients[key] = Some(Client { socket, input, output, upgraded: false, place: (0, 0) });
        Ok(())
    }

    fn read(&mut self, key: usize) {
        let Some(client) = &mut self.clients[key] else { return };
        let alive = match client.socket.read(&mut self.buffer) {
            Ok(0) => false,
            Ok(read) => client.take(&self.buffer[..read], &mut self.probes),
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        if !alive {
            // Closing takes it out of epoll.
            self.clients[key] = None;
        }
    }

    fn tick(&mut self) {
        for (bytes, seq) in self.payload.chunks_exact_mut(2).zip(self.probes) {
            bytes.copy_from_slice(&seq.to_le_bytes());
        }
        let mut message = Vec::with_capacity(self.payload.len() + 10);
        frames::put_plain(&mut message, BINARY, &self.payload);
        for slot in &mut self.clients {
            if let Some(client) = slot
                && client.upgraded
                && client.send(&message).is_err()
            {
                *slot = None;
            }
        }
    }
}

impl Client {
    /// Takes in bytes; whether to go on.
    fn take(&mut self, bytes: &[u8], probes: &mut [u16; PROBES]) -> bool {
        self.input.extend_from_slice(bytes);
        if !self.upgraded {
            let Some(end) = self.input.windows(4).position(|four| four == b"\r\n\r\n") else { return true };
            let answer = answer(&self.input[..end]);
            self.input.drain(..end + 4);
            self.upgraded = true;
            return answer.is_some_and(|answer| self.send(answer.as_bytes()).is_ok());
        }
        let mut done = 0;
        while let Some(frame) = frames::parse(&self.input[done..]) {
            let payload = done + frame.header;
            done = payload + frame.length;
            if let Some(mask) = frame.mask {
                frames::unmask(&mut self.input[payload..done], mask);
            }
            match (frame.opcode, &self.input[payload..done]) {
                (BINARY, &[probe, s0, s1, x0, x1, y0, y1]) => {
                    self.place = (u16::from_le_bytes([x0, x1]), u16::from_le_bytes([y0, y1]));
                    if let Some(seq) = probes.get_mut(usize::from(probe)) {
                        *seq = u16::from_le_bytes([s0, s1]);
                    }
                }
                (CLOSE, _) => return false,
                _ => {}
            }
        }
        self.input.drain(..done);
        true
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        if self.output.is_empty() {
            let sent = written(self.socket.write(message))?;
            self.output.extend_from_slice(&message[sent..]);
        } else {
            let sent = written(self.socket.write(&self.output))?;
            self.output.drain(..sent);
        }
        Ok(())
    }
}

fn written(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}

/// The answer to the head of an upgrade request.
fn answer(head: &[u8]) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?;
    let key = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim())
    })?;
    let accept = frames::accept_key(key);
    let upgrade = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    Some(format!("{upgrade}Sec-WebSocket-Accept: {accept}\r\n\r\n"))
}
