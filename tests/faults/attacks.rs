//! The classes of bad messages, each with the code that it must end with, and the connection that sends them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use tickwire::engine::{Client, Depth};
use tickwire::id::{Seq, ZoneId};
use tickwire::tick::Tick;
use tickwire::wire::{
    Ack, ClientMessage, Close, Command, CommandBody, Join, Resync, decode_client, encode_client, hello_version,
};

use super::process::{SUBPROTOCOL, upgrade};

/// The close code.
pub struct Expected(pub u16);

pub struct Attack {
    pub name: &'static str,
    /// Whether it joins first.
    pub seated: bool,
    /// Whether it is the only message: what it asks is answered later, and anything in between would be another offence.
    pub alone: bool,
    pub make: fn(&mut Pcg32) -> (Vec<u8>, Expected),
}

const fn before(name: &'static str, make: fn(&mut Pcg32) -> (Vec<u8>, Expected)) -> Attack {
    Attack { name, seated: false, alone: false, make }
}

const fn seated(name: &'static str, make: fn(&mut Pcg32) -> (Vec<u8>, Expected)) -> Attack {
    Attack { name, seated: true, alone: false, make }
}

pub const ALL: [Attack; 26] = [
    before("garbage", garbage),
    before("bit flips", flipped),
    before("truncated", truncated),
    before("trailing bytes", |_| bad([hello(&arena()), vec![0]].concat())),
    before("long varint", |_| bad([&[0xfb, 0, 0][..], &hello(&arena())[1..]].concat())),
    before("length bomb", |_| bad([&[0, 1, 0, 0xfd][..], &[0xff; 7], &[0x3f], &[b'x'; 9]].concat())),
    before("version", |_| (message(&with_byte(hello(&arena()), 1, 99)), Expected(Close::Version.code()))),
    Attack { name: "no such game", seated: false, alone: true, make: stranger },
    before("not a hello", |_| bad(encode_client(&ClientMessage::Ping { stamp: 1 }))),
    before("unmasked", |_| protocol(&[0x82, 1, 0])),
    before("reserved bit", |random| protocol(&[0x82 | 0x10 << (random.next_u32() % 3), 0x80, 0, 0, 0, 0])),
    before("reserved opcode", |random| protocol(&[0x83 + (random.next_u32() % 5) as u8, 0x80, 0, 0, 0, 0])),
    before("stray continuation", |_| protocol(&[0x80, 0x80, 0, 0, 0, 0])),
    before("fragmented ping", |_| protocol(&[0x09, 0x80, 0, 0, 0, 0])),
    before("oversized ping", |_| protocol(&[0x89, 0xfe, 0, 126, 0, 0, 0, 0])),
    before("length in a long form", |_| protocol(&[0x82, 0xfe, 0, 1, 0, 0, 0, 0, 0])),
    before("most significant bit", |_| protocol(&[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
    before("close of one byte", |_| protocol(&[0x88, 0x81, 0, 0, 0, 0, 3])),
    before("1 TiB", |_| (vec![0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], Expected(Close::TooBig.code()))),
    before("fragment", |_| (vec![0x02, 0x80, 0, 0, 0, 0], Expected(Close::TooBig.code()))),
    before("text", |_| (vec![0x81, 0x80, 0, 0, 0, 0], Expected(Close::Unsupported.code()))),
    seated("garbage, seated", garbage),
    seated("second hello", |_| bad(hello(&arena()))),
    seated("impossible acknowledgement", |_| {
        bad(encode_client(&ClientMessage::Ack(Ack { frames: 200, events: None })))
    }),
    seated("number of a command", |random| {
        let seq = Seq(2 + random.next_u32() % 1_000_000);
        let body = CommandBody::Chat { to: Vec::new(), text: "hello" };
        bad(encode_client(&ClientMessage::Command(Command { seq, body })))
    }),
    seated("keyframe of the future", |_| {
        bad(encode_client(&ClientMessage::Resync(Resync { zone: ZoneId(0), tick: Tick(1 << 30) })))
    }),
];

fn join(game: &str) -> Join {
    Join::JoinOrCreate { game: game.to_owned(), options: vec![] }
}

fn arena() -> Join {
    join("arena")
}

fn hello(join: &Join) -> Vec<u8> {
    Client::hello(join.clone(), "hostile", vec![], 0)
}

/// As a masked frame, under a mask of nothing.
fn message(bytes: &[u8]) -> Vec<u8> {
    let len = u8::try_from(bytes.len()).ok().filter(|len| *len < 126).expect("attacks are short");
    [&[0x82, 0x80 | len, 0, 0, 0, 0], bytes].concat()
}

fn bad(bytes: Vec<u8>) -> (Vec<u8>, Expected) {
    (message(&bytes), Expected(Close::BadMessage.code()))
}

fn protocol(frame: &[u8]) -> (Vec<u8>, Expected) {
    (frame.to_vec(), Expected(Close::Protocol.code()))
}

fn with_byte(mut bytes: Vec<u8>, index: usize, byte: u8) -> Vec<u8> {
    bytes[index] = byte;
    bytes
}

fn stranger(_: &mut Pcg32) -> (Vec<u8>, Expected) {
    (message(&hello(&join("no such game"))), Expected(Close::NoSuchRoom.code()))
}

fn garbage(random: &mut Pcg32) -> (Vec<u8>, Expected) {
    // No message of a client starts with such a byte.
    let mut bytes = vec![0x60 | (random.next_u32() & 0x1f) as u8];
    bytes.extend((0..random.next_u32() % 64).map(|_| random.next_u32() as u8));
    bad(bytes)
}

/// A hello with bits flipped until it is none.
fn flipped(random: &mut Pcg32) -> (Vec<u8>, Expected) {
    let mut bytes = hello(&arena());
    loop {
        let bit = random.next_u32() as usize % (bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        if hello_version(&bytes).is_some_and(|version| version != 1) {
            return (message(&bytes), Expected(Close::Version.code()));
        }
        if decode_client(&bytes).is_err() {
            return bad(bytes);
        }
    }
}

fn truncated(random: &mut Pcg32) -> (Vec<u8>, Expected) {
    let mut bytes = hello(&arena());
    bytes.truncate(random.next_u32() as usize % bytes.len());
    bad(bytes)
}

/// A WebSocket connection that may say anything.
pub struct Line {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Line {
    pub fn open(port: u16) -> Result<Self, String> {
        let stream = TcpStream::connect(("127.0.0.1", port)).map_err(|error| format!("not connected: {error}"))?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        let mut line = Self { stream, read: Vec::new() };
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

    pub fn say(&mut self, bytes: &[u8]) {
        // A server that does not take it any more has said why.
        let _ = self.stream.write_all(bytes);
    }

    /// Joins and waits for the welcome.
    pub fn sit_down(&mut self) -> Result<(), String> {
        self.say(&message(&hello(&arena())));
        let mut client = Client::new(Depth::Continuity);
        while client.welcome().is_none() {
            match self.frame()? {
                Some((0x82, bytes)) => _ = client.on_message(&bytes).map_err(|error| error.to_string())?,
                other => return Err(format!("not seated: {other:?}")),
            }
        }
        Ok(())
    }

    /// The code in the close frame, if one comes before the end.
    pub fn close_code(&mut self) -> Result<Option<u16>, String> {
        loop {
            match self.frame()? {
                Some((0x88, bytes)) => return Ok(bytes.first_chunk().map(|code| u16::from_be_bytes(*code))),
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    fn frame(&mut self) -> Result<Option<(u8, Vec<u8>)>, String> {
        loop {
            if let Some((first, payload, end)) = parse(&self.read) {
                let frame = (first, self.read[payload..end].to_vec());
                self.read.drain(..end);
                return Ok(Some(frame));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Whether something came.
    fn fill(&mut self) -> Result<bool, String> {
        let mut chunk = [0; 16 * 1024];
        let read = self.stream.read(&mut chunk).map_err(|error| error.to_string())?;
        self.read.extend_from_slice(&chunk[..read]);
        Ok(read > 0)
    }
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
