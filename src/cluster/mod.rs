//! This server as a node of a cluster: its lease, its rooms in the common directory, and the places that it asks for.
//!
//! `engine::cluster` has the decisions. Here are the connection to Redis, the clock of leases, one task that beats,
//! reports and reads the list of rooms, and the journal by which other nodes go on with the rooms of one that failed. Sessions ask through it where their clients belong. Without the feature `cluster`, there
//! are no nodes, and [`Cluster`] has no values.

#[cfg(not(feature = "cluster"))]
mod absent;
#[cfg(feature = "cluster")]
pub(crate) mod boottime;
#[cfg(feature = "cluster")]
mod channel_log;
mod channels;
#[cfg(feature = "cluster")]
mod legacy;
#[cfg(feature = "cluster")]
mod link;
#[cfg(feature = "cluster")]
mod listing;
#[cfg(feature = "cluster")]
mod look;
#[cfg(feature = "cluster")]
mod node;
#[cfg(feature = "cluster")]
mod peers;
#[cfg(feature = "cluster")]
mod places;
#[cfg(feature = "cluster")]
mod primary;
#[cfg(feature = "cluster")]
mod rehearsal;
#[cfg(feature = "cluster")]
#[allow(clippy::disallowed_methods, reason = "the thread of the journal waits for Redis")]
mod remote_journal;
#[cfg(feature = "cluster")]
mod state;
#[cfg(feature = "cluster")]
mod tenure;

use std::sync::Arc;
use std::time::Duration;

#[cfg(not(feature = "cluster"))]
pub use absent::{Cluster, Tenure};
pub use channels::{Channels, Following, NotPublished};
#[cfg(feature = "cluster")]
pub use look::{Finding, findings, nodes};
#[cfg(feature = "cluster")]
pub use node::Cluster;
#[cfg(feature = "cluster")]
pub use tenure::Tenure;

use crate::engine::cluster::{Epoch, LeaseState, Summons};
use crate::store::FoundRoom;
use crate::wire::Redirect;

/// How a server takes part in a cluster.
#[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "nobody reads it then"))]
#[derive(Clone, Debug)]
pub struct Settings {
    /// The URL of Redis, without a password.
    pub redis: String,
    /// Its password; empty if it needs none.
    pub password: String,
    /// The WebSocket URL at which clients reach this node.
    pub advertise: String,
    /// The host and port at which other nodes reach this one, to pass connections on; empty if they do not.
    pub peer_address: String,
    /// The name of the cluster: several can share a Redis.
    pub cluster: String,
    /// The name of this node, for people.
    pub name: String,
    /// The length of a lease.
    pub lease: Duration,
    /// The version of this program.
    pub version: String,
    /// Most rooms of this node.
    pub most_rooms: usize,
    /// Whether other nodes go on with its rooms when it fails.
    pub takeover: bool,
    /// How many replicas of Redis must have what it was told.
    pub replicas: u32,
    /// Whether it takes no rooms before it has run those of other builds again.
    pub rehearse: bool,
}

/// Where a client belongs.
#[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "nobody says it then"))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placed {
    /// Here, in this room; the digest of the ticket that was used up.
    Here(Summons, String),
    /// At another node.
    There(Redirect),
}

/// Where a connection belongs.
#[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "nobody says it then"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// At this node.
    Here,
    /// At another node, to which this one passes it on.
    Another,
}

/// The node that is to get a room of this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heir {
    /// The epoch of the node.
    pub epoch: Epoch,
    /// The WebSocket URL at which clients reach it.
    pub address: String,
}

/// What a room goes on from at this node.
#[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "no room comes from elsewhere then"))]
#[derive(Clone, Debug)]
pub enum Origin {
    /// Its last node has handed it over with this checkpoint.
    Checkpoint(Arc<[u8]>),
    /// Its last node is gone, and this is in its journal.
    Journal(Arc<FoundRoom>),
    /// No node had it yet, or none that told anybody of it.
    New,
    /// Its last node is gone, and nothing is left of it.
    Lost,
}

/// What a new room would be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Seats.
    pub capacity: u16,
    /// Whether it is not listed.
    pub private: bool,
}

/// Whether the build of this node leads the rooms of nodes with another build where they went. Before that is known, and if it does
/// not, no rooms are placed here.
#[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "nobody rehearses then"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rehearsal {
    /// Nothing was run again yet.
    Due,
    /// It is under way.
    Running,
    /// It does, or there is nothing to compare with.
    Passed,
    /// It does not.
    Failed {
        /// Rooms that it leads elsewhere ...
        rooms: usize,
        /// ... of so many.
        of: usize,
    },
}

/// How this node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// What its rooms may do.
    pub lease: LeaseState,
    /// Until they stand still.
    pub left: Duration,
    /// Whether there is a connection to Redis.
    pub is_connected: bool,
    /// The node's epoch; 0 before it has one.
    pub epoch: u64,
    /// Nodes of the cluster.
    pub nodes: usize,
    /// Times that Redis did not answer.
    pub errors: u64,
    /// Times that the directory refused this node's epoch.
    pub fenced: u64,
    /// Clients that were sent to other nodes.
    pub redirects: u64,
    /// Connections that were passed on to other nodes.
    pub passed: u64,
    /// Whether its build leads the rooms of others where they went.
    pub rehearsal: Rehearsal,
}

/// The parts of the list of rooms that other nodes have published, each as JSON.
pub type Parts = Arc<Vec<Arc<str>>>;
