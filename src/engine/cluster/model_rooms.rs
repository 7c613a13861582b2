//! What the scripts share: free places, tickets that expire, and the end of rooms. As `prelude.lua`.

use std::time::Duration;

use super::model::{Model, Node, RoomRecord, Ticket, said};
use super::request::Epoch;

/// How many rooms are looked at, whose tickets have expired, before a decision.
const MOST_SWEPT: usize = 64;
/// What a room weighs when nodes are compared, in thousandths of a node's capacity.
pub(super) const ROOM_WEIGHT: i64 = 10;
/// Expired tickets are forgotten after so many microseconds.
const FORGOTTEN_AFTER: u64 = 60_000_000;

impl Model {
    /// Sorted sets order equal scores by their members.
    pub(super) fn by_lease(&self) -> Vec<(u64, &Node)> {
        let mut nodes: Vec<_> = self.nodes.iter().map(|(epoch, node)| (*epoch, node)).collect();
        nodes.sort_by_key(|(epoch, node)| (node.lease_ends, epoch.to_string()));
        nodes
    }

    /// Forgets tickets that have expired, and lists the room as open if a newcomer finds a place. Returns the free places.
    pub(super) fn refresh(&mut self, id: &str) -> i64 {
        let now = self.now;
        let Some(room) = self.rooms.get_mut(id) else { return 0 };
        room.tickets.retain(|_, expires| *expires > now);
        let first = room.tickets.values().min().copied();
        let free = i64::from(room.capacity) - room.players as i64 - room.tickets.len() as i64;
        let entry = (room.incarnation, id.to_owned());
        if !room.private && room.shut.is_empty() && free > 0 {
            self.open.entry(room.kind.clone()).or_default().insert(entry);
        } else if let Some(open) = self.open.get_mut(&room.kind) {
            open.remove(&entry);
        }
        self.expire(id, first);
        free
    }

    /// Looks at the room again at this time, if at all.
    pub(super) fn expire(&mut self, id: &str, at: Option<u64>) {
        if let Some(before) = self.expires.remove(id) {
            self.expiring.remove(&(before, id.to_owned()));
        }
        if let Some(at) = at {
            self.expires.insert(id.to_owned(), at);
            self.expiring.insert((at, id.to_owned()));
        }
    }

    pub(super) fn sweep(&mut self) {
        let now = self.now;
        let due = self.expiring.iter().take_while(|(expires, _)| *expires <= now).take(MOST_SWEPT);
        for id in due.map(|(_, id)| id.clone()).collect::<Vec<_>>() {
            self.refresh(&id);
            if self.rooms.get(&id).is_some_and(|room| !room.made && room.from.is_empty() && room.tickets.is_empty()) {
                self.remove_room(&id);
            }
        }
        while self.fading.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, digest)) = self.fading.pop_first() else { break };
            // It may have been given anew.
            if self.tickets.get(&digest).is_some_and(|ticket| ticket.expires + FORGOTTEN_AFTER <= now) {
                self.tickets.remove(&digest);
            }
        }
    }

    pub(super) fn remove_room(&mut self, id: &str) {
        let Some(room) = self.rooms.remove(id) else { return };
        if let Some(node) = self.nodes.get_mut(&room.node) {
            node.rooms.remove(id);
            node.fallen.remove(id);
        }
        let entry = (room.incarnation, id.to_owned());
        for index in [&mut self.open, &mut self.public] {
            index.get_mut(&room.kind).into_iter().for_each(|rooms| _ = rooms.remove(&entry));
        }
        self.expire(id, None);
    }

    /// In how many microseconds the next lease of another node ends; 0 if there is none.
    pub(super) fn next_end(&self, besides: Epoch) -> u64 {
        let others = self.nodes.iter().filter(|(epoch, _)| **epoch != besides.0);
        let left = others.map(|(_, node)| node.lease_ends.saturating_sub(self.now)).filter(|left| *left > 0);
        left.min().unwrap_or(0)
    }

    /// Whether a node takes another room.
    pub(super) fn takes_rooms(&self, epoch: u64, without: Option<u64>) -> bool {
        let has_place =
            |node: &Node| node.lease_ends > self.now && !node.draining && node.rooms.len() < node.most_rooms;
        self.nodes.get(&epoch).is_some_and(has_place) && without != Some(epoch)
    }

    /// The node that takes another room.
    pub(super) fn lightest(&self, asker: Epoch, without: Option<u64>) -> Option<u64> {
        let takes = |(epoch, _): &(&u64, &Node)| self.takes_rooms(**epoch, without);
        let weight = |(epoch, node): &(&u64, &Node)| {
            let own = if **epoch == asker.0 { ROOM_WEIGHT } else { 0 };
            (i64::from(node.load) + ROOM_WEIGHT * node.rooms.len() as i64 - own, epoch.to_string())
        };
        self.nodes.iter().filter(takes).min_by_key(weight).map(|(epoch, _)| *epoch)
    }

    pub(super) fn write_room(&mut self, id: &str, room: RoomRecord) {
        if let Some(node) = self.nodes.get_mut(&room.node) {
            node.rooms.insert(id.to_owned());
        }
        if !room.private {
            self.public.entry(room.kind.clone()).or_default().insert((room.incarnation, id.to_owned()));
        }
        self.rooms.insert(id.to_owned(), room);
    }

    /// Gives the tickets with these digests, for a room that is there. Those of newcomers keep a place each.
    pub(super) fn promise(&mut self, id: &str, lasts: Duration, keeps: bool, digests: &[String]) -> Vec<String> {
        let expires = self.now + micros(lasts);
        let Some(room) = self.rooms.get_mut(id) else { return Vec::new() };
        for digest in digests {
            let ticket = Ticket { room: id.to_owned(), incarnation: room.incarnation, expires, used: false };
            self.tickets.insert(digest.clone(), ticket);
            self.fading.insert((expires + FORGOTTEN_AFTER, digest.clone()));
            if keeps {
                room.tickets.insert(digest.clone(), expires);
            }
        }
        let (node, incarnation) = (room.node, room.incarnation.to_string());
        let made = if room.made { "1" } else { "0" };
        self.refresh(id);
        let address = self.nodes.get(&node).map_or("", |node| &node.address);
        said(&["there", id, &node.to_string(), address, &incarnation, made])
    }

    /// As `spend.lua`.
    pub(super) fn spend(&mut self, node: Epoch, mark: &str, lasts: Duration) -> Vec<String> {
        if !self.nodes.contains_key(&node.0) {
            return said(&["fenced"]);
        }
        if lasts.is_zero() {
            self.spent.remove(mark);
            return said(&["ok"]);
        }
        let is_used = self.spent.get(mark).is_some_and(|until| *until > self.now);
        if !is_used {
            self.spent.insert(mark.to_owned(), self.now + micros(lasts));
        }
        said(&[if is_used { "used" } else { "ok" }])
    }
}

pub(super) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
