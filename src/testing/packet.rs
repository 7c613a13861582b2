//! What a link carries between the two ends of a playtest's connection.

use crate::wire::Close;

/// A packet on a link. Its first byte is its type, like the opcode of a WebSocket frame.
pub enum Packet {
    Message(Vec<u8>),
    Close(Close),
    Ping,
}

impl Packet {
    pub fn encode(self) -> Vec<u8> {
        match self {
            Self::Message(mut bytes) => {
                bytes.insert(0, 0);
                bytes
            }
            Self::Close(close) => {
                let [high, low] = close.code().to_be_bytes();
                vec![1, high, low]
            }
            Self::Ping => vec![2],
        }
    }

    pub fn decode(mut bytes: Vec<u8>) -> Self {
        match (bytes.remove(0), &bytes[..]) {
            (1, [high, low]) => {
                let code = u16::from_be_bytes([*high, *low]);
                let close = Close::ALL.into_iter().find(|close| close.code() == code);
                Self::Close(close.expect("only closes are encoded"))
            }
            (2, []) => Self::Ping,
            _ => Self::Message(bytes),
        }
    }
}
