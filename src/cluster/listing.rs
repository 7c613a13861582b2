//! The list of rooms: this node's part, which it publishes, and those of the others, which it reads.

use std::collections::BTreeMap;
use std::time::Duration;

use super::boottime;
use super::link::Unavailable;
use super::node::{Cluster, number, unexpected};
use crate::engine::cluster::{Answer, Epoch, Request};

/// Parts of the list of rooms per answer.
const PARTS_PER_ANSWER: usize = 16;
/// How often the list of rooms is read.
const LIST_EVERY: Duration = Duration::from_millis(500);
/// And how much less often per node, so that a large cluster does not only read lists.
const LIST_PER_NODE: Duration = Duration::from_millis(10);

impl Cluster {
    pub(super) async fn publish_listing(&self) -> Result<(), Unavailable> {
        let (node, listing) = {
            let state = self.state.lock();
            match (state.epoch, state.published) {
                (Some(node), None) if !state.listing.is_empty() => (node, state.listing.clone()),
                _ => return Ok(()),
            }
        };
        let answer = self.link.ask(&Request::Publish { node, listing: listing.clone() }).await?;
        let Answer::Ok(texts) = answer else { return Ok(()) };
        let version = number(&texts, 0)?;
        let mut state = self.state.lock();
        if state.listing == listing {
            state.published = Some(version);
        }
        Ok(())
    }

    pub(super) async fn read_list(&self) -> Result<(), Unavailable> {
        loop {
            let known = {
                let state = self.state.lock();
                // One's own part is at hand.
                let own = state.epoch.zip(state.published);
                state.parts.iter().map(|(node, (version, _))| (*node, *version)).chain(own).collect()
            };
            let answer = self.link.ask(&Request::List { parts: PARTS_PER_ANSWER, known }).await?;
            let Answer::Ok(texts) = answer else { return Err(unexpected("list")) };
            let mut state = self.state.lock();
            let mut parts = BTreeMap::new();
            let mut read = 0;
            for entry in texts.chunks_exact(3) {
                let (node, version) = (Epoch(number(entry, 0)?), number(entry, 1)?);
                if state.epoch == Some(node) {
                    continue;
                }
                let part = if entry[2].is_empty() {
                    let known = state.parts.get(&node).map(|(_, part)| part.clone());
                    known.unwrap_or_default()
                } else {
                    read += 1;
                    entry[2].as_str().into()
                };
                parts.insert(node, (version, part));
            }
            state.parts = parts;
            let every = LIST_EVERY.max(LIST_PER_NODE * u32::try_from(state.nodes).unwrap_or(u32::MAX));
            state.list_at = boottime::now().plus(every);
            if read < PARTS_PER_ANSWER {
                return Ok(());
            }
        }
    }
}
