//! What a node asks the directory: one script per decision, and its arguments. `assets/redis` has the scripts, each with its
//! arguments and answers at its top.

use std::time::Duration;

use super::channels::ChannelRequest;

/// Identifies a node from its start to its end: a number greater than all that the directory gave before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// The scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "their files say what they are")]
pub enum Script {
    Boot,
    Open,
    Beat,
    Find,
    ById,
    Redeem,
    Report,
    Register,
    Publish,
    List,
    Leave,
    Nodes,
    Spend,
    HandOver,
    Saved,
    Append,
    Journal,
    Fallen,
    Announce,
    Follow,
    Roster,
}

impl Script {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::Boot,
        Self::Open,
        Self::Beat,
        Self::Find,
        Self::ById,
        Self::Redeem,
        Self::Report,
        Self::Register,
        Self::Publish,
        Self::List,
        Self::Leave,
        Self::Nodes,
        Self::Spend,
        Self::HandOver,
        Self::Saved,
        Self::Append,
        Self::Journal,
        Self::Fallen,
        Self::Announce,
        Self::Follow,
        Self::Roster,
    ];

    /// The script's own part.
    fn body(self) -> &'static str {
        match self {
            Self::Boot => include_str!("../../../assets/redis/boot.lua"),
            Self::Open => include_str!("../../../assets/redis/open.lua"),
            Self::Beat => include_str!("../../../assets/redis/beat.lua"),
            Self::Find => include_str!("../../../assets/redis/find.lua"),
            Self::ById => include_str!("../../../assets/redis/by_id.lua"),
            Self::Redeem => include_str!("../../../assets/redis/redeem.lua"),
            Self::Report => include_str!("../../../assets/redis/report.lua"),
            Self::Register => include_str!("../../../assets/redis/register.lua"),
            Self::Publish => include_str!("../../../assets/redis/publish.lua"),
            Self::List => include_str!("../../../assets/redis/list.lua"),
            Self::Leave => include_str!("../../../assets/redis/leave.lua"),
            Self::Nodes => include_str!("../../../assets/redis/nodes.lua"),
            Self::Spend => include_str!("../../../assets/redis/spend.lua"),
            Self::HandOver => include_str!("../../../assets/redis/hand_over.lua"),
            Self::Saved => include_str!("../../../assets/redis/saved.lua"),
            Self::Append => include_str!("../../../assets/redis/append.lua"),
            Self::Journal => include_str!("../../../assets/redis/journal.lua"),
            Self::Fallen => include_str!("../../../assets/redis/fallen.lua"),
            Self::Announce => include_str!("../../../assets/redis/announce.lua"),
            Self::Follow => include_str!("../../../assets/redis/follow.lua"),
            Self::Roster => include_str!("../../../assets/redis/roster.lua"),
        }
    }

    /// The whole text.
    pub fn text(self) -> String {
        let guard = if self == Self::Boot { "" } else { include_str!("../../../assets/redis/guard.lua") };
        [include_str!("../../../assets/redis/prelude.lua"), guard, self.body()].join("\n")
    }
}

/// How a client wants to enter a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// As a new player, in a room that is there or in a new one.
    Join,
    /// As a spectator, likewise.
    Watch,
    /// As a player who claims a seat.
    Return,
    /// In a new room.
    Create,
}

impl Wish {
    fn word(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Watch => "watch",
            Self::Return => "return",
            Self::Create => "create",
        }
    }
}

/// What a node reports of a room of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomReport {
    /// The room's id.
    pub id: String,
    /// Its incarnation: a room may have left the node and come back.
    pub incarnation: u64,
    /// Whether it has ended.
    pub gone: bool,
    /// Seats taken.
    pub players: usize,
    /// The label of the close with which it refuses newcomers; empty if it does not.
    pub shut: &'static str,
    /// Seats.
    pub capacity: u16,
    /// Tickets whose bearers are among the players now, or will not come any more.
    pub settled: Vec<String>,
}

/// A room that a node runs, for a directory that may have forgotten it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in other types of this file")]
pub struct Registration {
    pub id: String,
    pub incarnation: u64,
    pub game: String,
    pub options: String,
    pub private: bool,
    pub capacity: u16,
    pub players: usize,
    pub shut: &'static str,
}

/// A request to the directory. Tickets are digests, in letters and digits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the scripts say what their arguments mean")]
pub enum Request {
    Boot {
        lease: Duration,
    },
    Open {
        lease: Duration,
        address: String,
        name: String,
        version: String,
        most_rooms: usize,
        keeps_journal: bool,
        peer_address: String,
        draining: bool,
    },
    Beat {
        node: Epoch,
        lease: Duration,
        load: u32,
        players: usize,
        draining: bool,
    },
    Find {
        asker: Epoch,
        wish: Wish,
        game: String,
        options: String,
        private: bool,
        capacity: u16,
        id: String,
        lasts: Duration,
        tickets: Vec<String>,
    },
    ById {
        asker: Epoch,
        id: String,
        wish: Wish,
        only_game: Option<String>,
        lasts: Duration,
        tickets: Vec<String>,
    },
    Redeem {
        node: Epoch,
        ticket: String,
        arrives_within: Duration,
    },
    Report {
        node: Epoch,
        rooms: Vec<RoomReport>,
    },
    Register {
        node: Epoch,
        rooms: Vec<Registration>,
    },
    Publish {
        node: Epoch,
        listing: String,
    },
    List {
        parts: usize,
        known: Vec<(Epoch, u64)>,
    },
    Leave {
        node: Epoch,
    },
    Nodes,
    Spend {
        node: Epoch,
        mark: String,
        lasts: Duration,
    },
    /// `to`: the node that gets the room if it takes another one; 0 if it may be any.
    HandOver {
        node: Epoch,
        to: Epoch,
        id: String,
        waits: Duration,
        saved: String,
        lasts: Duration,
        tickets: Vec<String>,
    },
    Saved {
        node: Epoch,
        id: String,
    },
    Append {
        node: Epoch,
        first: u64,
        at: u64,
        entries: Vec<String>,
    },
    Journal {
        node: Epoch,
        of: Epoch,
        from: usize,
        count: usize,
    },
    Fallen {
        node: Epoch,
    },
    Channels(ChannelRequest),
}

impl Request {
    /// The script that decides.
    pub fn script(&self) -> Script {
        match self {
            Self::Boot { .. } => Script::Boot,
            Self::Open { .. } => Script::Open,
            Self::Beat { .. } => Script::Beat,
            Self::Find { .. } => Script::Find,
            Self::ById { .. } => Script::ById,
            Self::Redeem { .. } => Script::Redeem,
            Self::Report { .. } => Script::Report,
            Self::Register { .. } => Script::Register,
            Self::Publish { .. } => Script::Publish,
            Self::List { .. } => Script::List,
            Self::Leave { .. } => Script::Leave,
            Self::Nodes => Script::Nodes,
            Self::Spend { .. } => Script::Spend,
            Self::HandOver { .. } => Script::HandOver,
            Self::Saved { .. } => Script::Saved,
            Self::Append { .. } => Script::Append,
            Self::Journal { .. } => Script::Journal,
            Self::Fallen { .. } => Script::Fallen,
            Self::Channels(request) => request.script(),
        }
    }

    /// Whether what is decided changes what others are told.
    pub fn writes(&self) -> bool {
        !matches!(
            self,
            Self::Boot { .. }
                | Self::List { .. }
                | Self::Nodes
                | Self::Saved { .. }
                | Self::Journal { .. }
                | Self::Fallen { .. }
                | Self::Publish { .. }
                | Self::Channels(ChannelRequest::Follow { .. } | ChannelRequest::Roster { .. })
        )
    }

    /// The arguments of the script.
    pub fn args(&self) -> Vec<String> {
        match self {
            Self::Boot { lease } => vec![micros(*lease)],
            Self::Open { lease, address, name, version, most_rooms, keeps_journal, peer_address, draining } => {
                let texts = [micros(*lease), address.clone(), name.clone(), version.clone()];
                let rest = [text(*most_rooms), flag(*keeps_journal), peer_address.clone(), flag(*draining)];
                texts.into_iter().chain(rest).collect()
            }
            Self::Beat { node, lease, load, players, draining } => {
                vec![text(node.0), micros(*lease), text(*load), text(*players), flag(*draining)]
            }
            Self::Find { asker, wish, game, options, private, capacity, id, lasts, tickets } => {
                let what = vec![text(asker.0), wish.word().to_owned(), game.clone(), options.clone(), flag(*private)];
                [what, vec![text(*capacity), id.clone(), micros(*lasts)], tickets.clone()].concat()
            }
            Self::ById { asker, id, wish, only_game, lasts, tickets } => {
                let only = only_game.clone().unwrap_or_default();
                let what = vec![text(asker.0), id.clone(), wish.word().to_owned(), only, micros(*lasts)];
                [what, tickets.clone()].concat()
            }
            Self::Redeem { node, ticket, arrives_within } => {
                vec![text(node.0), ticket.clone(), micros(*arrives_within)]
            }
            Self::Report { node, rooms } => {
                [text(node.0)].into_iter().chain(rooms.iter().flat_map(RoomReport::args)).collect()
            }
            Self::Register { node, rooms } => {
                [text(node.0)].into_iter().chain(rooms.iter().flat_map(Registration::args)).collect()
            }
            Self::Publish { node, listing } => vec![text(node.0), listing.clone()],
            Self::List { parts, known } => {
                let known = known.iter().flat_map(|(node, version)| [text(node.0), text(*version)]);
                [text(*parts)].into_iter().chain(known).collect()
            }
            Self::Leave { node } | Self::Fallen { node } => vec![text(node.0)],
            Self::Nodes => Vec::new(),
            Self::Spend { node, mark, lasts } => vec![text(node.0), mark.clone(), text(lasts.as_millis())],
            Self::HandOver { node, to, id, waits, saved, lasts, tickets } => {
                let what = vec![text(node.0), id.clone(), micros(*waits), saved.clone(), micros(*lasts), text(to.0)];
                [what, tickets.clone()].concat()
            }
            Self::Saved { node, id } => vec![text(node.0), id.clone()],
            Self::Append { node, first, at, entries } => {
                [vec![text(node.0), text(*first), text(*at)], entries.clone()].concat()
            }
            Self::Journal { node, of, from, count } => {
                vec![text(node.0), text(of.0), text(*from), text(*count)]
            }
            Self::Channels(request) => request.args(),
        }
    }
}

impl RoomReport {
    fn args(&self) -> Vec<String> {
        let state = if self.gone { "gone" } else { "open" };
        let (players, capacity) = (text(self.players), text(self.capacity));
        let room =
            vec![self.id.clone(), text(self.incarnation), state.to_owned(), players, self.shut.to_owned(), capacity];
        [room, vec![text(self.settled.len())], self.settled.clone()].concat()
    }
}

impl Registration {
    fn args(&self) -> Vec<String> {
        let (private, capacity, players) = (flag(self.private), text(self.capacity), text(self.players));
        let (id, game, options) = (self.id.clone(), self.game.clone(), self.options.clone());
        vec![id, text(self.incarnation), game, options, private, capacity, players, self.shut.to_owned()]
    }
}

pub(super) fn text(number: impl ToString) -> String {
    number.to_string()
}

pub(super) fn flag(set: bool) -> String {
    text(u8::from(set))
}

fn micros(span: Duration) -> String {
    text(span.as_micros())
}
