//! What the directory answers: the scripts' lists of texts, read.

use super::request::Epoch;

/// An answer of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The directory has not noted its last start: send [`Request::Boot`](super::Request::Boot), then ask again.
    Boot,
    /// The node that asks was removed, whatever it believes.
    Fenced {
        /// Of beats: the boot, and for how many microseconds nodes register.
        boot: Option<(u64, u64)>,
    },
    /// Done; what else there is to tell depends on the request.
    Ok(Vec<String>),
    /// There are tickets for this room.
    There(Invitation),
    /// The ticket is used up, and its bearer enters here.
    Here(Summons),
    /// The ticket is good at another node.
    Elsewhere {
        /// The room.
        room: String,
        /// Its node.
        node: Epoch,
        /// The WebSocket URL of that node.
        address: String,
    },
    /// There is no such room or ticket.
    None,
    /// The directory may have forgotten what was asked for: ask again later.
    Wait,
    /// No node takes another room, or the room has no free place.
    Full,
    /// A new room would have fewer places than are asked for.
    Small,
    /// The room runs another game than it may.
    Other,
    /// The room admits nobody new: the label of the close.
    Shut(String),
    /// The token was used before.
    Used,
}

/// Where somebody with a ticket is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The room's id.
    pub room: String,
    /// Its node.
    pub node: Epoch,
    /// The WebSocket URL of that node.
    pub address: String,
    /// The room's incarnation.
    pub incarnation: u64,
    /// Whether its node has made it.
    pub made: bool,
}

/// The room whose ticket was used, with all that it takes to make it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summons {
    /// The room's id.
    pub room: String,
    /// Its incarnation.
    pub incarnation: u64,
    /// Its game.
    pub game: String,
    /// Its options; see [`canonical`](super::canonical).
    pub options: String,
    /// Whether it is not listed.
    pub private: bool,
    /// Whether another node has handed it over, so that there is something that it begins with.
    pub saved: bool,
}

/// A node, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NodeEntry {
    pub epoch: Epoch,
    /// Microseconds; negative when the lease has ended and nobody has removed the node yet.
    pub lease_left: i64,
    pub name: String,
    pub address: String,
    pub version: String,
    pub rooms: usize,
    pub players: usize,
    /// Thousandths.
    pub load: u32,
    pub draining: bool,
}

impl Answer {
    /// Reads the answer of a script; `None` if it is none.
    pub fn read(texts: &[String]) -> Option<Self> {
        let (word, rest) = texts.split_first()?;
        let number = |index: usize| rest.get(index)?.parse().ok();
        Some(match word.as_str() {
            "boot" => Self::Boot,
            "fenced" => Self::Fenced { boot: number(0).zip(number(1)) },
            "ok" => Self::Ok(rest.to_vec()),
            "there" => Self::There(Invitation {
                room: rest.first()?.clone(),
                node: Epoch(number(1)?),
                address: rest.get(2)?.clone(),
                incarnation: number(3)?,
                made: rest.get(4)? == "1",
            }),
            "here" => Self::Here(Summons {
                room: rest.first()?.clone(),
                incarnation: number(1)?,
                game: rest.get(2)?.clone(),
                options: rest.get(3)?.clone(),
                private: rest.get(4)? == "1",
                saved: rest.get(5)? == "1",
            }),
            "elsewhere" => {
                Self::Elsewhere { room: rest.first()?.clone(), node: Epoch(number(1)?), address: rest.get(2)?.clone() }
            }
            "none" => Self::None,
            "wait" => Self::Wait,
            "full" => Self::Full,
            "small" => Self::Small,
            "other" => Self::Other,
            "shut" => Self::Shut(rest.first()?.clone()),
            "used" => Self::Used,
            _ => return None,
        })
    }
}

impl NodeEntry {
    const FIELDS: usize = 9;

    /// Reads the answer to [`Request::Nodes`](super::Request::Nodes).
    pub fn read(texts: &[String]) -> Vec<Self> {
        texts.chunks_exact(Self::FIELDS).filter_map(Self::of).collect()
    }

    fn of(texts: &[String]) -> Option<Self> {
        let [epoch, left, name, address, version, rooms, players, load, draining] = texts else { return None };
        Some(Self {
            epoch: Epoch(epoch.parse().ok()?),
            lease_left: left.parse().ok()?,
            name: name.clone(),
            address: address.clone(),
            version: version.clone(),
            rooms: rooms.parse().ok()?,
            players: players.parse().ok()?,
            load: load.parse().ok()?,
            draining: draining == "1",
        })
    }
}
