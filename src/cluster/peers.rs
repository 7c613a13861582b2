//! Which node the path of a connection names, and where this one reaches it: for clusters with one public address, whose proxy sends
//! connections to any node.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::sleep;

use super::Destination;
use super::link::Unavailable;
use super::node::{Cluster, unexpected};
use crate::engine::cluster::{Answer, Epoch, NodeEntry, Request};

/// What the path of a node begins with.
const BELOW: &str = "/play/";
/// How often a node that is not known yet is looked for ...
const LOOKS: u32 = 10;
/// ... and at which intervals: the list of nodes is as old as the list of rooms.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Cluster {
    /// Where a connection belongs that comes by this path; `None` if it is no path of a node, or nodes pass nothing on.
    pub fn destination(&self, path: &str) -> Option<Destination> {
        if self.settings.peer_address.is_empty() || !path.starts_with(BELOW) {
            return None;
        }
        let is_own = leads_to(&self.settings.advertise, path);
        Some(if is_own { Destination::Here } else { Destination::Another })
    }

    /// Where the other nodes reach the node that has this path. Waits a moment for one that has just begun.
    pub async fn peer(&self, path: &str) -> Option<String> {
        for look in 0..LOOKS {
            if look > 0 {
                sleep(LOOK_EVERY).await;
            }
            if let Some(found) = find(&self.state.lock().peers, path) {
                self.passed.fetch_add(1, Ordering::Relaxed);
                return Some(found.to_owned());
            }
        }
        None
    }

    /// Only a node that is reached by others passes connections on; who does not need to know them does not ask.
    pub(super) async fn read_peers(&self) -> Result<(), Unavailable> {
        if self.settings.peer_address.is_empty() {
            return Ok(());
        }
        let Answer::Ok(texts) = self.link.ask(&Request::Nodes).await? else { return Err(unexpected("nodes")) };
        let known = NodeEntry::read(&texts).into_iter().filter(|node| !node.peer_address.is_empty());
        self.state.lock().peers = known.map(|node| (node.epoch, (node.address, node.peer_address))).collect();
        Ok(())
    }
}

/// Of two nodes with one path, the older one is gone, and its lease has not ended yet.
fn find<'p>(peers: &'p BTreeMap<Epoch, (String, String)>, path: &str) -> Option<&'p str> {
    peers.values().rev().find(|(address, _)| leads_to(address, path)).map(|(_, own)| own.as_str())
}

/// Whether clients who are sent to this URL come by this path. A proxy may have taken a prefix off.
fn leads_to(address: &str, path: &str) -> bool {
    let of_host = address.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
    of_host.is_some_and(|full| full.ends_with(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_the_newest_node_that_has_it() {
        let node = |epoch, address: &str, own: &str| (Epoch(epoch), (address.to_owned(), own.to_owned()));
        let peers = BTreeMap::from([
            node(1, "wss://play.example/play/n1", "10.0.0.1:80"),
            node(2, "wss://play.example/game/play/n2", "10.0.0.2:80"),
            node(3, "wss://play.example/play/n1", "10.0.0.3:80"),
            node(4, "wss://play.example", "10.0.0.4:80"),
        ]);
        assert_eq!(find(&peers, "/play/n1"), Some("10.0.0.3:80"));
        assert_eq!(find(&peers, "/play/n2"), Some("10.0.0.2:80"));
        for nowhere in ["/play/n", "/play/n3", "/play/", "/play/n1/", "//play.example/play/n1"] {
            assert_eq!(find(&peers, nowhere), None, "{nowhere}");
        }
    }
}
