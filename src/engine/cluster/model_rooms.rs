//! What the scripts share: free places, tickets that expire, and the end of rooms and nodes. As `prelude.lua`.

use std::time::Duration;

use super::model::{Model, Node, RoomRecord, Ticket, micros, said};
use super::request::{Epoch, Request};

/// How many rooms are looked at, whose tickets have expired, before a decision.
const MOST_SWEPT: usize = 64;
/// What a room weighs when nodes are compared, in thousandths of a node's capacity.
const ROOM_WEIGHT: i64 = 10;
/// Expired tickets are forgotten after so many microseconds.
const FORGOTTEN_AFTER: u64 = 60_000_000;

impl Model {
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
        self.expiring.retain(|(_, other)| other != id);
        self.expiring.extend(first.map(|first| (first, id.to_owned())));
        free
    }

    pub(super) fn sweep(&mut self) {
        let now = self.now;
        let due = self.expiring.iter().take_while(|(expires, _)| *expires <= now).take(MOST_SWEPT);
        for id in due.map(|(_, id)| id.clone()).collect::<Vec<_>>() {
            self.refresh(&id);
            if self.rooms.get(&id).is_some_and(|room| !room.made && room.tickets.is_empty()) {
                self.remove_room(&id);
            }
        }
        self.tickets.retain(|_, ticket| ticket.expires + FORGOTTEN_AFTER > now);
    }

    pub(super) fn remove_room(&mut self, id: &str) {
        let Some(room) = self.rooms.remove(id) else { return };
        if let Some(node) = self.nodes.get_mut(&room.node) {
            node.rooms.remove(id);
        }
        let entry = (room.incarnation, id.to_owned());
        for index in [&mut self.open, &mut self.public] {
            index.get_mut(&room.kind).into_iter().for_each(|rooms| _ = rooms.remove(&entry));
        }
        self.expiring.retain(|(_, other)| other != id);
    }

    pub(super) fn remove_node(&mut self, epoch: u64) {
        let rooms = self.nodes.get(&epoch).map(|node| node.rooms.clone()).unwrap_or_default();
        rooms.iter().for_each(|id| self.remove_room(id));
        self.nodes.remove(&epoch);
    }

    /// Removes the nodes whose leases have ended.
    pub(super) fn reap(&mut self) {
        let now = self.now;
        if self.boot.as_ref().is_some_and(|boot| boot.until > now) {
            return;
        }
        let dead = self.nodes.iter().filter(|(_, node)| node.lease_ends <= now).map(|(epoch, _)| *epoch);
        for epoch in dead.collect::<Vec<_>>() {
            self.remove_node(epoch);
        }
    }

    /// The node that takes another room.
    pub(super) fn lightest(&self, asker: Epoch, without: Option<u64>) -> Option<u64> {
        let takes = |(epoch, node): &(&u64, &Node)| {
            !node.draining && node.rooms.len() < node.most_rooms && without != Some(**epoch)
        };
        let weight = |(epoch, node): &(&u64, &Node)| {
            let own = if **epoch == asker.0 { ROOM_WEIGHT } else { 0 };
            (i64::from(node.load) + ROOM_WEIGHT * node.rooms.len() as i64 - own, epoch.to_string())
        };
        self.nodes.iter().filter(takes).min_by_key(weight).map(|(epoch, _)| *epoch)
    }

    /// As `hand_over.lua`.
    pub(super) fn hand_over(&mut self, request: &Request) -> Vec<String> {
        let Request::HandOver { node, id, waits, saved, lasts, tickets } = request else { return Vec::new() };
        if !self.nodes.contains_key(&node.0) {
            return said(&["fenced"]);
        }
        self.reap();
        self.sweep();
        if self.rooms.get(id).is_none_or(|room| room.node != node.0) {
            return said(&["none"]);
        }
        let Some(best) = self.lightest(*node, Some(node.0)) else { return said(&["full"]) };
        let incarnation = self.fence(0);
        self.refresh(id);
        let kept = self.rooms.get(id).map(|room| room.tickets.clone()).unwrap_or_default();
        for digest in kept.keys() {
            self.tickets.entry(digest.clone()).and_modify(|ticket| ticket.incarnation = incarnation);
        }
        let Some(room) = self.rooms.get(id).cloned() else { return Vec::new() };
        self.remove_room(id);
        let saved = Some(saved.clone());
        self.write_room(id, RoomRecord { node: best, incarnation, made: false, saved, ..room });
        let there = self.promise(id, *lasts, false, tickets);
        self.expiring.retain(|(_, other)| other != id);
        self.expiring.insert((self.now + micros(*waits), id.clone()));
        there
    }

    /// As `saved.lua`.
    pub(super) fn saved(&self, node: Epoch, id: &str) -> Vec<String> {
        if !self.nodes.contains_key(&node.0) {
            return said(&["fenced"]);
        }
        let room = self.rooms.get(id).filter(|room| room.node == node.0);
        room.and_then(|room| room.saved.as_deref()).map_or_else(|| said(&["none"]), |saved| said(&["ok", saved]))
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
}
