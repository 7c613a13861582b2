//! Numbered events that wait, bounded by class: a flood of one class never drops an event of another.
//!
//! Chat, replies and events of the game drop their oldest. Membership and properties are conflated instead: only what
//! decides who is there now stays, so no gap leaves a client with a wrong list of players.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::events::Event;
use crate::id::{Seat, Seq};
use crate::wire::{EventBody, limits};

/// What shares a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventClass {
    /// Who joined, left, was disconnected or came back.
    Membership,
    /// Properties of the room, and the result of its match.
    Room,
    /// Events of the game's own.
    Game,
    /// Replies to the recipient's calls.
    Reply,
    /// Chat lines.
    Chat,
}

impl EventClass {
    const COUNT: usize = 5;

    /// The class of an event with this encoded body, which starts with the number of its variant.
    pub fn of(encoded: &[u8]) -> Self {
        match encoded.first() {
            Some(0 | 1 | 3 | 4) => Self::Membership,
            Some(5) => Self::Chat,
            Some(6) => Self::Reply,
            Some(7 | 8) => Self::Room,
            _ => Self::Game,
        }
    }

    /// The bytes beyond which something must go.
    fn budget(self) -> usize {
        match self {
            Self::Membership | Self::Room => limits::MEMBERSHIP_LOG,
            Self::Game => limits::EVENT_LOG,
            Self::Reply => limits::REPLY_LOG,
            Self::Chat => limits::CHAT_LOG,
        }
    }
}

/// An event and its number.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub number: Seq,
    pub event: Arc<Event>,
}

/// Events in ascending order, some numbers of which may be missing.
#[derive(Clone, Debug, Default)]
pub(super) struct Entries {
    entries: VecDeque<Entry>,
    bytes: [usize; EventClass::COUNT],
    /// The bytes beyond which membership or properties are conflated again: twice what the last pass left, so that passes,
    /// which look at all events, stay rare however much there is to keep.
    conflate_beyond: [usize; EventClass::COUNT],
}

impl Entries {
    /// Capacity that is worth keeping, in events.
    const SPARE: usize = 16;

    /// Adds an event. When its class is over its budget, older events of that class are dropped; the newest event
    /// stays.
    pub fn push(&mut self, number: Seq, event: Arc<Event>) {
        let class = EventClass::of(event.encoded());
        self.restore(number, event);
        let budget = class.budget();
        match class {
            EventClass::Membership | EventClass::Room => {
                if self.bytes[class as usize] > budget.max(self.conflate_beyond[class as usize]) {
                    self.conflate(class);
                    self.conflate_beyond[class as usize] = 2 * self.bytes[class as usize];
                }
                let most = if class == EventClass::Room { budget } else { usize::MAX };
                self.drop_oldest(class, most);
            }
            EventClass::Game | EventClass::Reply | EventClass::Chat => self.drop_oldest(class, budget),
        }
    }

    /// Adds an event and drops none: that was done when it was pushed first.
    pub fn restore(&mut self, number: Seq, event: Arc<Event>) {
        self.bytes[EventClass::of(event.encoded()) as usize] += event.weight();
        self.entries.push_back(Entry { number, event });
    }

    /// Removes the first event.
    pub fn pop(&mut self) -> Option<Entry> {
        self.remove(0)
    }

    /// The events, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The number of the first one.
    pub fn first(&self) -> Option<Seq> {
        self.entries.front().map(|entry| entry.number)
    }

    /// Numbers the events anew, so that the last one has the number `newest` and none is missing in between.
    pub fn close_gaps(&mut self, newest: Seq) {
        let mut number = Seq(newest.0.wrapping_sub(self.entries.len() as u32));
        for entry in &mut self.entries {
            number = number.plus(1);
            entry.number = number;
        }
    }

    fn remove(&mut self, index: usize) -> Option<Entry> {
        let entry = self.entries.remove(index)?;
        // What a burst took is given back: each of a thousand players hears of a thousand that join.
        if self.entries.capacity() > Self::SPARE.max(4 * self.entries.len()) {
            self.entries.shrink_to(2 * self.entries.len());
        }
        self.bytes[EventClass::of(entry.event.encoded()) as usize] -= entry.event.weight();
        Some(entry)
    }

    fn drop_oldest(&mut self, class: EventClass, most: usize) {
        let is_of_class = |entry: &Entry| EventClass::of(entry.event.encoded()) == class;
        while self.bytes[class as usize] > most {
            let oldest = self.entries.iter().position(is_of_class);
            match oldest.filter(|oldest| oldest + 1 < self.entries.len()) {
                Some(oldest) => _ = self.remove(oldest),
                None => break,
            }
        }
    }

    /// Drops the events that later ones of the same seat or property make superfluous.
    fn conflate(&mut self, class: EventClass) {
        let mut later = Later::default();
        for index in (0..self.entries.len()).rev() {
            let event = &self.entries[index].event;
            if EventClass::of(event.encoded()) == class && later.supersede(&event.body()) {
                self.remove(index);
            }
        }
    }

    /// Bytes of all classes.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.bytes.iter().sum()
    }
}

/// What is known of later events while one goes back in time.
#[derive(Default)]
struct Later {
    /// Seats of which a later event tells who has them.
    settled: BTreeSet<Seat>,
    /// Seats of which a later event tells whether their player is connected.
    presence: BTreeSet<Seat>,
    keys: BTreeSet<String>,
    ended: bool,
}

impl Later {
    /// Whether later events make this one superfluous. Takes note of it.
    fn supersede(&mut self, body: &EventBody) -> bool {
        match body {
            EventBody::Joined(player) => !self.settled.insert(player.seat),
            EventBody::Left { seat, .. } => !self.settled.insert(*seat),
            EventBody::Disconnected { seat } | EventBody::Reconnected { seat } => {
                self.settled.contains(seat) || !self.presence.insert(*seat)
            }
            EventBody::Property { key, .. } => !self.keys.insert(key.clone().into_owned()),
            EventBody::Ended { .. } => std::mem::replace(&mut self.ended, true),
            EventBody::Game { .. } | EventBody::Chat { .. } | EventBody::Reply { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::BTreeMap;

    use super::*;
    use crate::id::EntityId;
    use crate::tick::Tick;
    use crate::wire::RosterEntry;

    fn joined(seat: u16, name: &str) -> EventBody<'static> {
        EventBody::Joined(RosterEntry { seat: Seat(seat), entity: EntityId(1), name: name.to_owned(), away: false })
    }

    fn bytes(length: usize) -> Cow<'static, serde_bytes::Bytes> {
        Cow::Owned(serde_bytes::ByteBuf::from(vec![0; length]))
    }

    fn chat(length: usize) -> EventBody<'static> {
        EventBody::Chat { from: Seat(1), name: "ada".into(), text: "x".repeat(length).into(), private: false }
    }

    fn push_all(entries: &mut Entries, bodies: impl IntoIterator<Item = EventBody<'static>>) {
        let mut number = entries.entries.back().map_or(Seq(0), |entry| entry.number);
        for body in bodies {
            number = number.plus(1);
            entries.push(number, Arc::new(Event::new(Tick(1), &body)));
        }
    }

    fn count(entries: &Entries, class: EventClass) -> usize {
        entries.iter().filter(|entry| EventClass::of(entry.event.encoded()) == class).count()
    }

    #[test]
    fn every_event_has_its_class() {
        let seat = Seat(1);
        let classes = [
            (joined(1, "ada"), EventClass::Membership),
            (EventBody::Left { seat, code: 1000 }, EventClass::Membership),
            (EventBody::Disconnected { seat }, EventClass::Membership),
            (EventBody::Reconnected { seat }, EventClass::Membership),
            (EventBody::Game { kind: 300, body: bytes(3) }, EventClass::Game),
            (chat(3), EventClass::Chat),
            (EventBody::Reply { command: Seq(1), done: true, body: bytes(0) }, EventClass::Reply),
            (EventBody::Property { key: "k".into(), value: "".into() }, EventClass::Room),
            (EventBody::Ended { result: bytes(0) }, EventClass::Room),
        ];
        for (body, class) in classes {
            assert_eq!(EventClass::of(Event::new(Tick(1), &body).encoded()), class, "{body:?}");
        }
    }

    #[test]
    fn a_flood_of_one_class_drops_nothing_of_another() {
        let floods: [fn(u32) -> EventBody<'static>; 3] = [
            |_| chat(240),
            |n| EventBody::Reply { command: Seq(n), done: true, body: bytes(1024) },
            |_| EventBody::Game { kind: 1, body: bytes(1024) },
        ];
        for flood in floods {
            let mut entries = Entries::default();
            let kept = [joined(7, "eve"), EventBody::Property { key: "map".into(), value: "ice".into() }];
            push_all(&mut entries, kept.clone());
            push_all(&mut entries, (0..3000).map(flood));
            let class = EventClass::of(Event::new(Tick(1), &flood(0)).encoded());
            assert!(entries.bytes[class as usize] <= class.budget());
            let others = [EventClass::Membership, EventClass::Room].map(|class| count(&entries, class));
            assert_eq!(others, [1, 1], "{class:?}");
            assert_eq!(entries.entries.back().map(|entry| entry.number), Some(Seq(3002)), "the newest stays");
        }
    }

    #[test]
    fn membership_is_conflated_and_says_in_the_end_who_is_there() {
        let mut entries = Entries::default();
        let mut present: BTreeMap<u16, (String, bool)> = BTreeMap::new();
        let mut random = 1_u32;
        for step in 0..20_000_u32 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let seat = (random >> 16) as u16 % 50;
            let body = match (present.get_mut(&seat), random >> 30) {
                (None, _) => {
                    let name = format!("player {step}");
                    present.insert(seat, (name.clone(), false));
                    joined(seat, &name)
                }
                (Some(_), 0) => {
                    present.remove(&seat);
                    EventBody::Left { seat: Seat(seat), code: 1000 }
                }
                (Some((_, away @ false)), _) => {
                    *away = true;
                    EventBody::Disconnected { seat: Seat(seat) }
                }
                (Some((_, away)), _) => {
                    *away = false;
                    EventBody::Reconnected { seat: Seat(seat) }
                }
            };
            push_all(&mut entries, [body]);
        }
        assert!(entries.bytes() <= 2 * limits::MEMBERSHIP_LOG, "{}", entries.bytes());
        let mut told: BTreeMap<u16, (String, bool)> = BTreeMap::new();
        for entry in entries.iter() {
            match entry.event.body() {
                EventBody::Joined(player) => _ = told.insert(player.seat.0, (player.name, player.away)),
                EventBody::Left { seat, .. } => _ = told.remove(&seat.0),
                EventBody::Disconnected { seat } => told.entry(seat.0).or_default().1 = true,
                EventBody::Reconnected { seat } => told.entry(seat.0).or_default().1 = false,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(told, present);
    }

    #[test]
    fn properties_keep_their_newest_values_within_a_bound() {
        let mut entries = Entries::default();
        let set = |n: u32| EventBody::Property { key: format!("key {}", n % 32).into(), value: format!("{n}").into() };
        push_all(&mut entries, (0..10_000).map(set));
        let mut values: BTreeMap<String, String> = BTreeMap::new();
        for entry in entries.iter() {
            if let EventBody::Property { key, value } = entry.event.body() {
                values.insert(key.into_owned(), value.into_owned());
            }
        }
        assert!((0..32).all(|n| values[&format!("key {n}")].parse::<u32>().is_ok_and(|value| value >= 9968)));
        push_all(
            &mut entries,
            (0..10_000).map(|n| EventBody::Property { key: format!("{n}").into(), value: "".into() }),
        );
        assert!(entries.bytes() <= limits::MEMBERSHIP_LOG);
    }
}
