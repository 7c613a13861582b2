//! What keeps nodes and their rooms alive: leases, registrations, journals, and rooms of nodes that are gone.

use std::time::Duration;

use tickwire::engine::cluster::{Answer, Epoch, LeaseState, Legacy, Registration, Request, Summons};

use crate::history::Note;
use crate::server::RECORDED;
use crate::world::{COMMIT_EVERY, Event, KEPT, OwnRoom, ROOMS_PER_REQUEST, SEATS, TICK_EVERY, TIMES, World};

const ENTRIES_PER_ANSWER: usize = 64;

impl World {
    pub fn beat(&mut self, node: usize) {
        if !self.nodes[node].is_up {
            return;
        }
        let next = self.try_beat(node).unwrap_or(TIMES.beat() / 4);
        self.after(next.as_micros() as u64, Event::Beat(node));
    }

    /// Returns the time until the next beat, if Redis has answered.
    fn try_beat(&mut self, node: usize) -> Option<Duration> {
        let lease = TIMES.lease;
        let Some(epoch) = self.nodes[node].epoch else { return self.open(node).map(|()| TIMES.beat()) };
        let load = self.nodes[node].rooms.len() as u32;
        let players = self.nodes[node].rooms.values().map(|room| room.players).sum();
        let beat = Request::Beat { node: epoch, lease, load, players, draining: false };
        match self.ask(node, &beat, |_| 0)? {
            Answer::Boot => {
                self.ask(node, &Request::Boot { lease }, |_| 0)?;
                self.try_beat(node)
            }
            Answer::Fenced { boot } => {
                let known = self.nodes[node].boot;
                let forgotten = boot.is_some_and(|(boot, left)| boot != known && left > 0);
                self.nodes[node].lease.lose();
                self.nodes[node].epoch = None;
                self.by_epoch.remove(&epoch);
                if !forgotten {
                    let rooms = std::mem::take(&mut self.nodes[node].rooms);
                    self.players -= rooms.values().map(|room| room.players).sum::<usize>();
                    self.nodes[node].reports.clear();
                }
                self.open(node).map(|()| TIMES.beat())
            }
            Answer::Ok(texts) => {
                let (boot, fallen) = (texts[0].parse().expect("a number"), texts[4] != "0");
                if boot != self.nodes[node].boot {
                    self.register(node, epoch)?;
                    self.nodes[node].boot = boot;
                }
                let now = self.moment();
                self.nodes[node].lease.confirm(now);
                if fallen {
                    self.take_fallen(node, epoch);
                }
                Some(TIMES.beat_before(texts[5].parse().expect("a number"), epoch))
            }
            answer => panic!("{answer:?}"),
        }
    }

    fn open(&mut self, node: usize) -> Option<()> {
        let (lease, most_rooms, keeps_journal) = (TIMES.lease, 10_000, self.plan.keeps_journal);
        let (address, name, version) = (format!("ws://n{node}"), format!("n{node}"), "1".to_owned());
        let (peer_address, draining) = (String::new(), false);
        let open = Request::Open { lease, address, name, version, most_rooms, keeps_journal, peer_address, draining };
        let texts = match self.ask(node, &open, |_| 0)? {
            Answer::Boot => {
                self.ask(node, &Request::Boot { lease }, |_| 0)?;
                return self.open(node);
            }
            Answer::Ok(texts) => texts,
            answer => panic!("{answer:?}"),
        };
        let epoch = Epoch(texts[0].parse().expect("an epoch"));
        self.register(node, epoch)?;
        let now = self.moment();
        let own = &mut self.nodes[node];
        (own.epoch, own.boot) = (Some(epoch), texts[1].parse().expect("a boot"));
        own.lease.confirm(now);
        self.by_epoch.insert(epoch, node);
        // Redis has nothing of the journal under this epoch.
        own.entries.0 = own.entries.1;
        Some(())
    }

    fn register(&mut self, node: usize, epoch: Epoch) -> Option<()> {
        let rooms: Vec<Registration> = self.nodes[node].rooms.iter().map(|(id, room)| registration(id, room)).collect();
        for rooms in rooms.chunks(ROOMS_PER_REQUEST) {
            let Answer::Ok(refused) =
                self.ask(node, &Request::Register { node: epoch, rooms: rooms.to_vec() }, |_| 0)?
            else {
                return None;
            };
            self.lose(node, &refused);
        }
        Some(())
    }

    pub fn lose(&mut self, node: usize, rooms: &[String]) {
        for id in rooms {
            self.nodes[node].reports.remove(id);
            self.players -= self.nodes[node].rooms.remove(id).map_or(0, |room| room.players);
        }
    }

    fn take_fallen(&mut self, node: usize, epoch: Epoch) -> Option<()> {
        let Answer::Ok(texts) = self.ask(node, &Request::Fallen { node: epoch }, |_| 0)? else { return None };
        for summons in Summons::read_fallen(&texts) {
            if self.nodes[node].rooms.contains_key(&summons.room) {
                continue;
            }
            let saved = Request::Saved { node: epoch, id: summons.room.clone() };
            let Answer::Ok(legacy) = self.ask(node, &saved, |_| 0)? else { continue };
            for (of, _) in Legacy::read(&legacy)?.nodes {
                self.read_journal(node, epoch, of)?;
            }
            let kind = summons.options.parse().expect("a kind");
            let room = OwnRoom { incarnation: summons.incarnation, players: usize::from(SEATS), kind, tick: 0 };
            self.players += room.players;
            self.nodes[node].rooms.insert(summons.room.clone(), room);
            self.changed(node, &summons.room, None);
            if let Some(since) = self.fallen.remove(&summons.room) {
                self.takeovers.push(self.now - since);
            }
        }
        Some(())
    }

    /// All of the journal, once for all its rooms that go on at this node.
    fn read_journal(&mut self, node: usize, epoch: Epoch, of: Epoch) -> Option<()> {
        if self.nodes[node].read.contains(&of) {
            return Some(());
        }
        let rooms = ROOMS_PER_REQUEST * RECORDED * COMMIT_EVERY as usize / TICK_EVERY as usize;
        let mut from = 0;
        loop {
            let count = ENTRIES_PER_ANSWER;
            let request = Request::Journal { node: epoch, of, from, count };
            let Answer::Ok(entries) = self.ask(node, &request, |texts| (texts.len() - 1) * rooms)? else { return None };
            if entries.is_empty() {
                break;
            }
            from += entries.len();
        }
        self.nodes[node].read.insert(of);
        Some(())
    }

    pub fn tick(&mut self, node: usize) {
        if !self.nodes[node].is_up {
            return;
        }
        self.after(TICK_EVERY, Event::Tick(node));
        if self.nodes[node].lease.state(self.moment()) == LeaseState::Held {
            let own = &mut self.nodes[node];
            let noted = self.history.is_some();
            for (id, room) in &mut own.rooms {
                room.tick += 1;
                if noted {
                    own.pending.push((id.clone(), room.incarnation, room.tick));
                }
            }
        }
    }

    pub fn commit(&mut self, node: usize) {
        if !self.nodes[node].is_up {
            return;
        }
        self.after(COMMIT_EVERY, Event::Commit(node));
        let Some(epoch) = self.nodes[node].epoch else { return };
        let (mut first, at) = self.nodes[node].entries;
        first = first.max(at.saturating_sub(KEPT / COMMIT_EVERY));
        let bytes = self.nodes[node].rooms.len() * RECORDED * COMMIT_EVERY as usize / TICK_EVERY as usize;
        let request = Request::Append { node: epoch, first, at, entries: vec![String::new()] };
        let answer = self.ask(node, &request, |_| bytes);
        let is_safe = match answer {
            Some(Answer::Ok(_)) => true,
            Some(Answer::Gap) => {
                self.nodes[node].entries.0 = at;
                false
            }
            Some(Answer::Fenced { .. }) => !self.plan.is_fenced,
            _ => false,
        };
        if is_safe {
            self.nodes[node].entries = (first, at + 1);
            let now = self.now;
            let pending = std::mem::take(&mut self.nodes[node].pending);
            for (room, incarnation, tick) in pending {
                // The record of a room that is not the node's any more counts for nothing.
                if self.nodes[node].rooms.get(&room).is_none_or(|own| own.incarnation != incarnation) {
                    continue;
                }
                let note = Note::Safe { room, incarnation, tick, sent: now, at: now };
                self.history.iter_mut().for_each(|history| history.push((node, note.clone())));
            }
        }
    }
}

fn registration(id: &str, room: &OwnRoom) -> Registration {
    Registration {
        id: id.to_owned(),
        incarnation: room.incarnation,
        game: "arena".to_owned(),
        options: room.kind.to_string(),
        private: false,
        capacity: SEATS,
        players: room.players,
        shut: "",
    }
}
