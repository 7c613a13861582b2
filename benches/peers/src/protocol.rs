//! What a client says to each candidate, and how it recognises an update and its own position in it.
//!
//! States are not rebuilt: an update is counted, and a probe looks for the bytes of its own newest positions. Only
//! Tickwire's messages are not searched; their header says which inputs are in.

use std::io;
use std::net::SocketAddr;

use memchr::memmem;
use tickwire::engine::{Client, ClientEvent, Depth};
use tickwire::tick::Moment;
use tickwire::wire::Join;

use crate::candidate::Candidate;
use crate::frames::{BINARY, TEXT};
use crate::machine::post;
use crate::walker::PER_METRE;

/// What a message from the server was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// Nothing to count.
    Other,
    /// The client is in the room now.
    Joined,
    /// A newer state.
    Update,
}

/// A message to send: its opcode and payload.
pub type Said = (u8, Vec<u8>);

/// The client's side of a protocol, for one connection.
#[derive(Debug)]
pub enum Protocol {
    /// Seven bytes: the probe, the number of the input, the position.
    Floor {
        /// The number among the probes; 255 for the others.
        probe: u8,
        /// The number of the last input.
        seq: u16,
    },
    /// The crate's own client.
    Tickwire {
        /// It keeps the acknowledgements.
        client: Box<Client>,
        /// The last input that an update stands for.
        consumed: u32,
    },
    /// Schema patches behind a byte; inputs are messages in MessagePack.
    Colyseus {
        /// 16-bit fields instead of float32.
        quantised: bool,
        /// The last position sent.
        last: (i32, i32),
    },
    /// Positions by slot.
    Ws,
    /// Engine.IO and Socket.IO packets as text.
    SocketIo {
        /// The state is an attachment.
        binary: bool,
    },
}

/// How a probe recognises an input of its own in an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marker {
    /// By its number.
    Seq(u32),
    /// By bytes, and by others so many bytes after their end.
    Bytes(Vec<u8>, usize, Vec<u8>),
}

impl Protocol {
    /// The protocol of a candidate, for the client that is probe number `probe`, if it is one.
    pub fn new(candidate: Candidate, probe: Option<usize>) -> Self {
        match candidate {
            Candidate::Floor => Self::Floor { probe: probe.map_or(255, |probe| probe as u8), seq: 0 },
            Candidate::Tickwire | Candidate::TickwireRooms | Candidate::TickwireZones => {
                Self::Tickwire { client: Box::new(Client::new(Depth::Continuity)), consumed: 0 }
            }
            Candidate::Colyseus | Candidate::ColyseusViews => Self::Colyseus { quantised: false, last: (0, 0) },
            Candidate::ColyseusQuantised => Self::Colyseus { quantised: true, last: (0, 0) },
            Candidate::Ws => Self::Ws,
            Candidate::SocketIo => Self::SocketIo { binary: false },
            Candidate::SocketIoBinary => Self::SocketIo { binary: true },
        }
    }

    /// Asks for a place over HTTP where that is the custom. Returns the path of the WebSocket and its subprotocol.
    ///
    /// # Errors
    /// When the server does not answer as expected.
    pub fn path(&self, server: SocketAddr) -> io::Result<(String, Option<&'static str>)> {
        Ok(match self {
            Self::Floor { .. } | Self::Ws => ("/".to_owned(), None),
            Self::Tickwire { .. } => ("/play".to_owned(), Some(tickwire::wire::SUBPROTOCOLS[0])),
            Self::SocketIo { .. } => ("/socket.io/?EIO=4&transport=websocket".to_owned(), None),
            Self::Colyseus { .. } => {
                let answer = post(server, "/matchmake/joinOrCreate/walk", "{}")?;
                let answer: serde_json::Value = serde_json::from_str(&answer)?;
                let text = |key: &str| {
                    let known =
                        answer.get(key).or_else(|| answer.get("room")?.get(key)).and_then(|value| value.as_str());
                    known.ok_or_else(|| io::Error::other(format!("no {key} in the seat reservation {answer}")))
                };
                (format!("/{}/{}?sessionId={}", text("processId")?, text("roomId")?, text("sessionId")?), None)
            }
        })
    }

    /// What the client says first.
    pub fn first(&self, number: usize) -> Option<Said> {
        let Self::Tickwire { .. } = self else { return None };
        let join = Join::JoinOrCreate { game: "walk".to_owned(), options: Vec::new() };
        Some((BINARY, Client::hello(join, &format!("walker {number}"), Vec::new(), 0)))
    }

    /// Takes a message; what must be answered goes into `out`.
    ///
    /// # Errors
    /// When the message breaks the protocol.
    pub fn on_message(
        &mut self,
        now: Moment,
        opcode: u8,
        bytes: &[u8],
        out: &mut Vec<Said>,
    ) -> io::Result<SessionEvent> {
        Ok(match (self, opcode, bytes.first()) {
            (Self::Floor { .. }, BINARY, _) | (Self::Ws, BINARY, _) => SessionEvent::Update,
            (Self::Ws, TEXT, _) => SessionEvent::Joined,
            (Self::Tickwire { client, consumed }, BINARY, _) => match client.on_message(bytes) {
                Ok(ClientEvent::Frame(arrived)) => {
                    *consumed = arrived.consumed.0;
                    out.extend(std::iter::from_fn(|| client.poll(now)).map(|said| (BINARY, said)));
                    SessionEvent::Update
                }
                Ok(ClientEvent::Welcome) => SessionEvent::Joined,
                Ok(_) => SessionEvent::Other,
                Err(error) => return Err(io::Error::other(error)),
            },
            // The seat is ready: say so. Then comes the whole state, then patches.
            (Self::Colyseus { .. }, BINARY, Some(10)) => {
                out.push((BINARY, vec![10]));
                SessionEvent::Other
            }
            (Self::Colyseus { .. }, BINARY, Some(14)) => SessionEvent::Joined,
            (Self::Colyseus { .. }, BINARY, Some(15)) => SessionEvent::Update,
            (Self::SocketIo { .. }, TEXT, _) if bytes.starts_with(b"0{") => {
                out.push((TEXT, b"40".to_vec()));
                SessionEvent::Other
            }
            (Self::SocketIo { .. }, TEXT, _) if bytes.starts_with(b"40{") => SessionEvent::Joined,
            (Self::SocketIo { .. }, TEXT, _) if bytes == b"2" => {
                out.push((TEXT, b"3".to_vec()));
                SessionEvent::Other
            }
            (Self::SocketIo { binary: false }, TEXT, _) if bytes.starts_with(b"42[\"state\"") => SessionEvent::Update,
            (Self::SocketIo { binary: true }, TEXT, _) if bytes.starts_with(b"451-[\"state\"") => SessionEvent::Other,
            (Self::SocketIo { binary: true }, BINARY, _) => SessionEvent::Update,
            (protocol, ..) => {
                let text = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]);
                return Err(io::Error::other(format!("{protocol:?} does not expect a message {opcode} {text:?}")));
            }
        })
    }

    /// What the client has to say after some time.
    pub fn due(&mut self, now: Moment, out: &mut Vec<Said>) {
        if let Self::Tickwire { client, .. } = self {
            out.extend(std::iter::from_fn(|| client.poll(now)).map(|said| (BINARY, said)));
        }
    }

    /// The client's position has changed: what to send, and how to recognise it, if that is possible.
    pub fn input(&mut self, now: Moment, (x, y): (i32, i32), out: &mut Vec<Said>) -> Option<Marker> {
        let metres = |quanta: i32| quanta as f32 / PER_METRE as f32;
        match self {
            Self::Floor { probe, seq } => {
                *seq = seq.wrapping_add(1);
                let [[s0, s1], [x0, x1], [y0, y1]] = [*seq, x as u16, y as u16].map(u16::to_le_bytes);
                out.push((BINARY, vec![*probe, s0, s1, x0, x1, y0, y1]));
                Some(Marker::Seq(u32::from(*seq)))
            }
            Self::Tickwire { client, .. } => {
                let seq = client.input(&[x, y]);
                out.extend(std::iter::from_fn(|| client.poll(now)).map(|said| (BINARY, said)));
                Some(Marker::Seq(seq.0))
            }
            Self::Colyseus { quantised, last } => {
                // ROOM_DATA, the type as a text, then {x, y} in MessagePack with float32.
                let mut said = b"\x0d\xa4move\x82\xa1x\xca".to_vec();
                said.extend_from_slice(&metres(x).to_be_bytes());
                said.extend_from_slice(b"\xa1y\xca");
                said.extend_from_slice(&metres(y).to_be_bytes());
                out.push((BINARY, said));
                // A field that stays as it is does not come back, and the other one alone is too common.
                let both = last.0 != x && last.1 != y;
                *last = (x, y);
                // Between the two values is the byte that names the second field.
                both.then(|| match *quantised {
                    true => Marker::Bytes((x as u16).to_le_bytes().to_vec(), 1, (y as u16).to_le_bytes().to_vec()),
                    false => Marker::Bytes(metres(x).to_le_bytes().to_vec(), 1, metres(y).to_le_bytes().to_vec()),
                })
            }
            Self::Ws => {
                let said = [metres(x).to_le_bytes(), metres(y).to_le_bytes()].concat();
                out.push((BINARY, said.clone()));
                Some(Marker::Bytes(said, 0, Vec::new()))
            }
            Self::SocketIo { binary } => {
                // Two decimals are a little finer than 1/64 m, and what one would write.
                let [x2, y2] = [x, y].map(|quanta| (f64::from(quanta) * 100.0 / f64::from(PER_METRE)).round() / 100.0);
                out.push((TEXT, format!("42[\"move\",{{\"x\":{x2},\"y\":{y2}}}]").into_bytes()));
                if *binary {
                    let said = [(x2 as f32).to_le_bytes(), (y2 as f32).to_le_bytes()].concat();
                    return Some(Marker::Bytes(said, 0, Vec::new()));
                }
                Some(Marker::Bytes(format!("\"x\":{x2},\"y\":{y2}}}").into_bytes(), 0, Vec::new()))
            }
        }
    }

    /// Whether an update shows the input of `marker`, made by probe number `probe`.
    pub fn shows(&self, marker: &Marker, probe: usize, update: &[u8]) -> bool {
        match (self, marker) {
            (Self::Floor { .. }, Marker::Seq(seq)) => {
                let known = update.get(2 * probe..2 * probe + 2).and_then(|bytes| bytes.try_into().ok());
                known.is_some_and(|known| u16::from_le_bytes(known).wrapping_sub(*seq as u16) < 0x8000)
            }
            (Self::Tickwire { consumed, .. }, Marker::Seq(seq)) => consumed.wrapping_sub(*seq) < 0x8000_0000,
            (_, Marker::Bytes(first, gap, second)) => memmem::find_iter(update, first).any(|at| {
                let at = at + first.len() + gap;
                update.get(at..at + second.len()) == Some(&second[..])
            }),
            _ => false,
        }
    }
}
