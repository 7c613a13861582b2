//! Which node a room is handed over to, chosen before it is: so that its clients can connect there ahead. The script that hands the
//! room over has the last word.

use std::collections::BTreeMap;

use super::model_rooms::ROOM_WEIGHT;
use super::{Epoch, NodeEntry};

/// Rooms that are about to be handed over, by the node that is to get them.
#[derive(Clone, Debug, Default)]
pub struct Heirs(BTreeMap<Epoch, usize>);

impl Heirs {
    /// Chooses the node of `nodes` that gets the next room of `giver`: the one that has the least to do once it has got the rooms chosen
    /// for it before. The room counts until it is [given](Self::given).
    pub fn choose<'a>(&mut self, giver: Epoch, nodes: &'a [NodeEntry]) -> Option<&'a NodeEntry> {
        let takes = |node: &&NodeEntry| node.epoch != giver && node.lease_left > 0 && !node.draining;
        let weight = |node: &&NodeEntry| {
            let rooms = node.rooms + self.0.get(&node.epoch).copied().unwrap_or(0);
            (i64::from(node.load) + ROOM_WEIGHT * rooms as i64, node.epoch)
        };
        let heir = nodes.iter().filter(takes).min_by_key(weight)?;
        *self.0.entry(heir.epoch).or_default() += 1;
        Some(heir)
    }

    /// A room that was to be handed over to `heir` was handed over, or goes on where it is.
    pub fn given(&mut self, heir: Epoch) {
        if let Some(rooms) = self.0.get_mut(&heir) {
            *rooms -= 1;
            if *rooms == 0 {
                self.0.remove(&heir);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(epoch: u64, rooms: usize, load: u32) -> NodeEntry {
        let (name, address, version, peer_address) = Default::default();
        let (lease_left, draining, takeover) = (1, false, true);
        let epoch = Epoch(epoch);
        NodeEntry {
            epoch,
            lease_left,
            name,
            address,
            version,
            rooms,
            players: 0,
            load,
            draining,
            takeover,
            peer_address,
        }
    }

    #[test]
    fn rooms_that_move_at_once_go_to_several_nodes() {
        let mut nodes = vec![node(1, 0, 0), node(2, 3, 0), node(3, 1, 10), node(4, 0, 0), node(5, 0, 0)];
        (nodes[3].draining, nodes[4].lease_left) = (true, -1);
        let mut heirs = Heirs::default();
        let mut choose = || heirs.choose(Epoch(1), &nodes).map(|node| node.epoch.0);
        assert_eq!([(); 5].map(|()| choose()), [3, 2, 3, 2, 3].map(Some));
        [3, 2, 3, 2, 3].into_iter().for_each(|heir| heirs.given(Epoch(heir)));
        assert!(heirs.0.is_empty());
        assert_eq!(heirs.choose(Epoch(2), &nodes[1..2]), None);
    }
}
