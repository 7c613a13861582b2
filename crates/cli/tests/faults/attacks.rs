//! The classes of invalid messages, each with the close code that its session must end with.

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use tickwire::engine::Client;
use tickwire::id::{Seq, ZoneId};
use tickwire::tick::Tick;
use tickwire::wire::{
    Ack, AckedTick, ClientMessage, Close, CommandBody, Join, NumberedCommand, PROTOCOL_VERSION, Resync, decode_client,
    encode_client, hello_version,
};

use super::honest::arena;
use super::line::{Line, framed};

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

/// In one burst; as many as the server reads at once, or hanging up on the rest of them would look like a reset.
const BURST: usize = 100;
const BURST_BYTES: usize = 8 * 1024;

pub const ALL: [Attack; 26] = [
    before("garbage", garbage),
    before("bit flips", flipped),
    before("truncated", truncated),
    before("trailing bytes", |_| bad([hello(&arena()), vec![0]].concat())),
    before("long varint", |_| bad([&[0xfb, 0, 0][..], &hello(&arena())[1..]].concat())),
    before("length bomb", |_| {
        bad([&[0, PROTOCOL_VERSION as u8, 0, 0, 0xfd][..], &[0xff; 7], &[0x3f], &[b'x'; 9]].concat())
    }),
    before("version", |_| (framed(0x82, &with_byte(hello(&arena()), 1, 99)), Expected(Close::Version.code()))),
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
        bad(encode_client(&ClientMessage::Ack(Ack { tick: AckedTick::Full(Tick(1 << 30)), events: None })))
    }),
    seated("number of a command", |random| {
        let seq = Seq(2 + random.next_u32() % 1_000_000);
        let body = CommandBody::Chat { to: Vec::new(), text: "hello" };
        bad(encode_client(&ClientMessage::Command(NumberedCommand { seq, body })))
    }),
    seated("keyframe of the future", |_| {
        bad(encode_client(&ClientMessage::Resync(Resync { zone: ZoneId(0), tick: Tick(1 << 30) })))
    }),
];

/// One connection: what it sent, and whether it ended as it must.
pub fn strike(port: u16, attack: &Attack, random: &mut Pcg32) -> (u64, Result<(), String>) {
    let mut messages = 0;
    let ended = (|| {
        let mut line = Line::open(port)?;
        if attack.seated {
            line.sit_down(&arena())?;
        }
        let (mut burst, mut expected) = (Vec::new(), None);
        let burst_of = if attack.alone { 1 } else { BURST };
        while messages < burst_of as u64 {
            let (bytes, code) = (attack.make)(random);
            if !burst.is_empty() && burst.len() + bytes.len() > BURST_BYTES {
                break;
            }
            burst.extend(bytes);
            // The first one decides.
            expected.get_or_insert(code);
            messages += 1;
        }
        line.say(&burst);
        let (Expected(wanted), found) = (expected.expect("at least one message"), line.close_code()?);
        if found == Some(wanted) { Ok(()) } else { Err(format!("ended with {found:?}, not {wanted}")) }
    })();
    (messages, ended)
}

fn join(game: &str) -> Join {
    Join::JoinOrCreate { game: game.to_owned(), options: vec![] }
}

fn hello(join: &Join) -> Vec<u8> {
    Client::hello(join.clone(), "hostile", vec![], 0)
}

fn bad(bytes: Vec<u8>) -> (Vec<u8>, Expected) {
    (framed(0x82, &bytes), Expected(Close::BadMessage.code()))
}

fn protocol(frame: &[u8]) -> (Vec<u8>, Expected) {
    (frame.to_vec(), Expected(Close::Protocol.code()))
}

fn with_byte(mut bytes: Vec<u8>, index: usize, byte: u8) -> Vec<u8> {
    bytes[index] = byte;
    bytes
}

fn stranger(_: &mut Pcg32) -> (Vec<u8>, Expected) {
    (framed(0x82, &hello(&join("no such game"))), Expected(Close::NoSuchRoom.code()))
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
        if hello_version(&bytes).is_some_and(|version| version != PROTOCOL_VERSION) {
            return (framed(0x82, &bytes), Expected(Close::Version.code()));
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
