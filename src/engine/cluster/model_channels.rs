//! The log of channels in the model: as the scripts `announce`, `follow` and `roster`.

use super::channels::ChannelRequest;
use super::model::{Model, said};
use super::request::Epoch;
use crate::engine::channels::{Gap, Log, Presence};

impl Model {
    /// A directory whose log keeps so many entries.
    pub fn keeping(entries: usize) -> Self {
        Self { log: Log::keeping(entries), ..Self::default() }
    }

    /// The time is another one, or the server was started again.
    pub(super) fn note_time(&mut self) {
        self.log.set_time(self.now, self.boot.as_ref().map_or(0, |boot| boot.number));
    }

    /// The node with the longest lease speaks for one that is gone.
    pub(super) fn end_presences(&mut self, node: u64) {
        let heir = self.nodes.iter().max_by_key(|(epoch, node)| (node.lease_ends, epoch.to_string()));
        self.log.remove_node(Epoch(node), heir.map(|(epoch, _)| Epoch(*epoch)));
    }

    pub(super) fn answer_channels(&mut self, request: &ChannelRequest) -> Vec<String> {
        match request {
            ChannelRequest::Announce { node, .. } if !self.nodes.contains_key(&node.0) => said(&["fenced"]),
            ChannelRequest::Announce { node, batch } => {
                self.log.announce(*node, batch);
                said(&["ok"])
            }
            ChannelRequest::Follow { after, anyway, most } => match self.log.follow(*after, *anyway, *most) {
                Err(Gap) => said(&["gap"]),
                Ok(entries) => {
                    let entries = entries.into_iter().flat_map(|(at, entry)| {
                        let texts = entry.texts();
                        let head = [at.era.to_string(), at.number.to_string(), texts.len().to_string()];
                        head.into_iter().chain(texts)
                    });
                    said(&["ok"]).into_iter().chain(entries).collect()
                }
            },
            ChannelRequest::Roster { after } => {
                let (node, presences) = self.log.roster(*after).unzip();
                let node = node.map_or_else(String::new, |node| node.0.to_string());
                let era = self.boot.as_ref().map_or(0, |boot| boot.number);
                let head = [self.registers_for(), era, self.log.number()].map(|number| number.to_string());
                let presences = presences.iter().flatten().flat_map(Presence::texts);
                said(&["ok"]).into_iter().chain(head).chain([node]).chain(presences).collect()
            }
        }
    }
}
