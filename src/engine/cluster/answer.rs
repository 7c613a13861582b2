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
    /// Entries of the journal are missing.
    Gap,
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
    /// Whether another node has handed it over or failed, so that there is something that it goes on from.
    pub saved: bool,
}

/// A node.
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
    /// Whether others take its rooms over when it fails.
    pub takeover: bool,
    /// The host and port at which other nodes reach it; empty if they do not.
    pub peer_address: String,
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
            "gap" => Self::Gap,
            _ => return None,
        })
    }
}

impl Summons {
    const FIELDS: usize = 5;

    /// Reads the answer to [`Request::Fallen`](super::Request::Fallen): rooms of nodes that are gone.
    pub fn read_fallen(texts: &[String]) -> Vec<Self> {
        let read = |texts: &[String]| {
            let [room, incarnation, game, options, private] = texts else { return None };
            Some(Self {
                room: room.clone(),
                incarnation: incarnation.parse().ok()?,
                game: game.clone(),
                options: options.clone(),
                private: private == "1",
                saved: true,
            })
        };
        texts.chunks_exact(Self::FIELDS).filter_map(read).collect()
    }
}

/// Where a room may go on from that this node was given; see [`Request::Saved`](super::Request::Saved).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Legacy {
    /// What its last node has handed over, as it was given; empty if that is nothing.
    pub saved: String,
    /// Nodes that had it since and are gone, the newest first, each with the incarnation that the room had there.
    pub nodes: Vec<(Epoch, u64)>,
    /// Whether some node has had it before these, so that a room without a state is lost.
    pub has_begun: bool,
}

impl Legacy {
    /// Reads the answer.
    pub fn read(texts: &[String]) -> Option<Self> {
        let [saved, from, begun] = texts else { return None };
        let pair = |text: &str| {
            let (epoch, incarnation) = text.split_once(':')?;
            Some((Epoch(epoch.parse().ok()?), incarnation.parse().ok()?))
        };
        let nodes = from.split(' ').rev().filter_map(pair).collect();
        Some(Self { saved: saved.clone(), nodes, has_begun: begun == "1" })
    }
}

impl NodeEntry {
    const FIELDS: usize = 11;

    /// Reads the answer to [`Request::Nodes`](super::Request::Nodes).
    pub fn read(texts: &[String]) -> Vec<Self> {
        texts.chunks_exact(Self::FIELDS).filter_map(Self::of).collect()
    }

    fn of(texts: &[String]) -> Option<Self> {
        let [epoch, left, name, address, version, rooms, players, load, draining, keeps, peer] = texts else {
            return None;
        };
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
            takeover: keeps == "1",
            peer_address: peer.clone(),
        })
    }
}
