//! Rooms that go on at another node, and the journals from which they do: hand-overs, and the end of nodes.

use super::model::{Model, RoomRecord, said};
use super::model_rooms::micros;
use super::request::{Epoch, Request};

/// A room whose nodes end one after the other is given up: it may be the cause.
const MOST_FALLS: usize = 3;

impl RoomRecord {
    /// Its node runs it: what it began with is not needed any more.
    pub fn is_made(&mut self) {
        (self.made, self.saved, self.begun) = (true, None, false);
        self.from.clear();
    }
}

impl Model {
    pub(super) fn remove_node(&mut self, epoch: u64) {
        let rooms = self.nodes.get(&epoch).map(|node| node.rooms.clone()).unwrap_or_default();
        rooms.iter().for_each(|id| self.remove_room(id));
        self.nodes.remove(&epoch);
        self.journals.remove(&epoch);
        self.end_presences(epoch);
    }

    /// Removes the nodes whose leases have ended. Rooms that can go on elsewhere wait until a node takes them.
    pub(super) fn reap(&mut self) {
        let now = self.now;
        if self.boot.as_ref().is_some_and(|boot| boot.until > now) {
            return;
        }
        let mut dead: Vec<_> = self.nodes.iter().filter(|(_, node)| node.lease_ends <= now).collect();
        dead.sort_by_key(|(epoch, node)| (node.lease_ends, epoch.to_string()));
        let dead: Vec<_> =
            dead.into_iter().map(|(epoch, node)| (*epoch, node.keeps_journal, node.rooms.len())).collect();
        for (epoch, keeps_journal, rooms) in dead {
            if !keeps_journal || rooms == 0 {
                self.remove_node(epoch);
            } else if self.lightest(Epoch(0), None).is_some() {
                self.give_away(epoch);
            }
        }
    }

    fn give_away(&mut self, epoch: u64) {
        let Some(node) = self.nodes.get(&epoch) else { return };
        let mut rooms: Vec<_> = node.rooms.iter().map(|id| (self.rooms[id].incarnation, id.clone())).collect();
        rooms.sort();
        rooms.iter().for_each(|(_, id)| self.take_over(id, None));
        self.nodes.remove(&epoch);
        self.end_presences(epoch);
    }

    fn take_over(&mut self, id: &str, without: Option<u64>) {
        let best = self.lightest(Epoch(0), without);
        let Some(room) = self.rooms.get_mut(id) else { return };
        if room.made {
            room.from.clear();
        }
        room.from.push((room.node, room.incarnation));
        let Some(best) = best.filter(|_| room.from.len() <= MOST_FALLS) else { return self.remove_room(id) };
        room.begun |= room.made;
        let incarnation = self.fence(0);
        self.move_room(id, best, incarnation);
        self.nodes.entry(best).and_modify(|node| _ = node.fallen.insert(id.to_owned()));
    }

    /// As `leave.lua`.
    pub(super) fn leave(&mut self, node: Epoch) -> Vec<String> {
        let fallen = self.nodes.get(&node.0).map(|node| node.fallen.clone()).unwrap_or_default();
        fallen.iter().for_each(|id| self.take_over(id, Some(node.0)));
        self.remove_node(node.0);
        said(&["ok"])
    }

    fn move_room(&mut self, id: &str, to: u64, incarnation: u64) {
        self.refresh(id);
        let Some(room) = self.rooms.get(id).cloned() else { return };
        for digest in room.tickets.keys() {
            self.tickets.entry(digest.clone()).and_modify(|ticket| ticket.incarnation = incarnation);
        }
        self.remove_room(id);
        self.write_room(id, RoomRecord { node: to, incarnation, made: false, ..room });
        self.refresh(id);
    }

    /// As `hand_over.lua`.
    pub(super) fn hand_over(&mut self, request: &Request) -> Vec<String> {
        let Request::HandOver { node, to, id, waits, saved, lasts, tickets } = request else { return Vec::new() };
        if !self.nodes.contains_key(&node.0) {
            return said(&["fenced"]);
        }
        self.reap();
        self.sweep();
        if self.rooms.get(id).is_none_or(|room| room.node != node.0) {
            return said(&["none"]);
        }
        let wanted = self.takes_rooms(to.0, Some(node.0)).then_some(to.0);
        let Some(best) = wanted.or_else(|| self.lightest(*node, Some(node.0))) else { return said(&["full"]) };
        if let Some(room) = self.rooms.get_mut(id) {
            (room.saved, room.begun) = (Some(saved.clone()), true);
            room.from.clear();
        }
        let incarnation = self.fence(0);
        self.move_room(id, best, incarnation);
        let there = self.promise(id, *lasts, false, tickets);
        self.expire(id, Some(self.now + micros(*waits)));
        there
    }

    /// As `saved.lua`.
    pub(super) fn saved(&self, node: Epoch, id: &str) -> Vec<String> {
        if !self.nodes.contains_key(&node.0) {
            return said(&["fenced"]);
        }
        let is_given = |room: &&RoomRecord| room.node == node.0 && (room.saved.is_some() || !room.from.is_empty());
        let Some(room) = self.rooms.get(id).filter(is_given) else { return said(&["none"]) };
        let from: Vec<_> = room.from.iter().map(|(node, incarnation)| format!("{node}:{incarnation}")).collect();
        let begun = if room.begun { "1" } else { "0" };
        said(&["ok", room.saved.as_deref().unwrap_or_default(), &from.join(" "), begun])
    }

    /// As `fallen.lua`.
    pub(super) fn list_fallen(&self, node: Epoch) -> Vec<String> {
        let Some(node) = self.nodes.get(&node.0) else { return said(&["fenced"]) };
        let mut answer = said(&["ok"]);
        for id in &node.fallen {
            let room = &self.rooms[id];
            let (game, options) = room.kind.clone();
            let private = u8::from(room.private).to_string();
            answer.extend([id.clone(), room.incarnation.to_string(), game, options, private]);
        }
        answer
    }

    /// As `append.lua`.
    pub(super) fn append(&mut self, node: Epoch, first: u64, at: u64, entries: &[String]) -> Vec<String> {
        let Some(own) = self.nodes.get_mut(&node.0) else { return said(&["fenced"]) };
        let journal = self.journals.entry(node.0).or_default();
        let mut ends = own.first_entry + journal.len() as u64;
        if at == first {
            journal.clear();
            (own.first_entry, ends) = (first, first);
        } else if at < own.first_entry || at > ends || first > ends {
            return said(&["gap"]);
        }
        journal.extend(entries.iter().skip((ends - at) as usize).cloned());
        let needless = first.saturating_sub(own.first_entry) as usize;
        journal.drain(..needless.min(journal.len()));
        own.first_entry = first.max(own.first_entry);
        said(&["ok"])
    }

    /// As `journal.lua`.
    pub(super) fn journal(&self, node: Epoch, of: Epoch, from: usize, count: usize) -> Vec<String> {
        if !self.nodes.contains_key(&node.0) {
            return said(&["fenced"]);
        }
        let entries = self.journals.get(&of.0).into_iter().flatten().skip(from).take(count);
        said(&["ok"]).into_iter().chain(entries.cloned()).collect()
    }
}
