//! Who is present, by all nodes together.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::Presence;
use super::reader::ChannelEvent;
use crate::engine::cluster::Epoch;

/// Channel and member.
type Place = (String, String);

#[derive(Clone, Debug, Default)]
struct Member {
    /// As the node said that told of the member first.
    info: String,
    by: BTreeMap<Epoch, u32>,
}

impl Member {
    fn count(&self) -> u32 {
        self.by.values().sum()
    }
}

/// Who is present.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    channels: BTreeMap<String, BTreeMap<String, Member>>,
    nodes: BTreeMap<Epoch, BTreeSet<Place>>,
}

impl Roster {
    /// So many clients of a node are present. Returns what changes.
    pub fn set(&mut self, node: Epoch, presence: &Presence, is_ours: bool) -> Option<ChannelEvent> {
        let Presence { channel, member: id, info, count } = presence;
        let members = self.channels.entry(channel.clone()).or_default();
        let member = members.entry(id.clone()).or_default();
        let before = member.count();
        if before == 0 {
            info.clone_into(&mut member.info);
        }
        let place = (channel.clone(), id.clone());
        let of_node = self.nodes.entry(node).or_default();
        if *count > 0 {
            member.by.insert(node, *count);
            of_node.insert(place);
        } else {
            member.by.remove(&node);
            of_node.remove(&place);
        }
        let (count, info) = (member.count(), member.info.clone());
        if count == 0 {
            members.remove(id);
        }
        if members.is_empty() {
            self.channels.remove(channel);
        }
        if of_node.is_empty() {
            self.nodes.remove(&node);
        }
        let presence = Presence { channel: channel.clone(), member: id.clone(), info, count };
        (before != count).then_some(ChannelEvent::Presence { presence, before, is_ours })
    }

    /// A node is gone. Returns what changes.
    pub fn remove_node(&mut self, node: Epoch, is_ours: bool) -> Vec<ChannelEvent> {
        let places = self.nodes.get(&node).cloned().unwrap_or_default();
        places.into_iter().filter_map(|place| self.clear(node, place, is_ours)).collect()
    }

    fn clear(&mut self, node: Epoch, (channel, member): Place, is_ours: bool) -> Option<ChannelEvent> {
        self.set(node, &Presence { channel, member, info: String::new(), count: 0 }, is_ours)
    }

    /// These are present, and nobody else; with `keeps`, nodes of which nothing is said may still be there. Returns what changes.
    pub fn replace(&mut self, all: &[(Epoch, Vec<Presence>)], keeps: bool, own: Option<Epoch>) -> Vec<ChannelEvent> {
        let (mut events, mut gone) = (Vec::new(), self.nodes.clone());
        if keeps {
            gone.retain(|node, _| all.iter().any(|(said, _)| said == node));
        }
        // A member who is at another node now never was away.
        for (node, presence) in all.iter().flat_map(|(node, presences)| presences.iter().map(move |one| (*node, one))) {
            let place = (presence.channel.clone(), presence.member.clone());
            gone.get_mut(&node).map(|places| places.remove(&place));
            events.extend(self.set(node, presence, own == Some(node)));
        }
        for (node, places) in gone {
            events.extend(places.into_iter().filter_map(|place| self.clear(node, place, own == Some(node))));
        }
        events
    }

    /// Who is present in a channel.
    pub fn of(&self, channel: &str) -> Vec<Presence> {
        let members = self.channels.get(channel).into_iter().flatten();
        let presence = |(id, member): (&String, &Member)| {
            let (channel, info) = (channel.to_owned(), member.info.clone());
            Presence { channel, member: id.clone(), info, count: member.count() }
        };
        members.map(presence).collect()
    }

    /// Everybody who is present, as events that tell it to somebody who knows nothing.
    pub fn all(&self) -> impl Iterator<Item = ChannelEvent> {
        self.channels.iter().flat_map(|(channel, members)| {
            members.iter().map(move |(id, member)| {
                let (channel, id, info) = (channel.clone(), id.clone(), member.info.clone());
                let presence = Presence { channel, member: id, info, count: member.count() };
                ChannelEvent::Presence { presence, before: 0, is_ours: false }
            })
        })
    }
}
