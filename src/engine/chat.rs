//! Public chat: the last lines, for clients that enter later, and how many more may be said now.

use std::collections::VecDeque;
use std::sync::Arc;

use super::events::Event;
use crate::tick::TickRate;
use crate::wire::limits;

/// Chat lines, oldest first, bounded in number and bytes.
#[derive(Debug, Default)]
pub(super) struct ChatHistory {
    lines: VecDeque<Line>,
    bytes: usize,
    /// Bytes of recent lines that count against the limit.
    spent: u32,
}

#[derive(Debug)]
struct Line {
    event: Arc<Event>,
    /// The verified identity of who said it; `None` for guests.
    author: Option<String>,
}

impl ChatHistory {
    /// Adds the newest line, of an author with this verified identity.
    pub fn push(&mut self, event: Arc<Event>, author: Option<String>) {
        self.bytes += event.weight();
        self.lines.push_back(Line { event, author });
        while self.lines.len() > limits::CHAT_HISTORY || self.bytes > limits::CHAT_HISTORY_BYTES {
            self.bytes -= self.lines.pop_front().map_or(0, |line| line.event.weight());
        }
    }

    /// The author of each line, oldest first.
    pub fn authors(&self) -> impl Iterator<Item = Option<&str>> {
        self.lines.iter().map(|line| line.author.as_deref())
    }

    /// Whether the room takes a line of `weight` bytes now. It then counts against the limit.
    pub fn admits(&mut self, weight: usize) -> bool {
        let spent = self.spent.saturating_add(u32::try_from(weight).unwrap_or(u32::MAX));
        let admits = spent <= limits::ROOM_CHAT_BURST;
        if admits {
            self.spent = spent;
        }
        admits
    }

    /// A tick has passed.
    pub fn tick(&mut self, rate: TickRate) {
        self.spent = self.spent.saturating_sub(limits::ROOM_CHAT_RATE / u32::from(rate.per_second()));
    }

    /// What counts against the limit.
    pub fn spent(&self) -> u32 {
        self.spent
    }

    /// Goes on with what counted against the limit before.
    pub fn set_spent(&mut self, spent: u32) {
        self.spent = spent;
    }

    /// The lines, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Event>> {
        self.lines.iter().map(|line| &line.event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Seat;
    use crate::tick::Tick;
    use crate::wire::EventBody;

    fn line(tick: u32, length: usize) -> Arc<Event> {
        let (name, text) = ("ada".into(), "x".repeat(length).into());
        Arc::new(Event::new(Tick(tick), &EventBody::Chat { from: Seat(0), name, text, private: false }))
    }

    #[test]
    fn a_room_takes_a_burst_of_lines_and_then_so_many_per_second() {
        let mut chat = ChatHistory::default();
        let weight = line(0, 240).weight();
        let said = |chat: &mut ChatHistory| (0..1000).filter(|_| chat.admits(weight)).count();
        assert_eq!(said(&mut chat), limits::ROOM_CHAT_BURST as usize / weight);
        let rate = TickRate::new(20).expect("a rate");
        let second = (0..20).map(|_| {
            chat.tick(rate);
            said(&mut chat)
        });
        let more = second.sum::<usize>();
        assert!(more.abs_diff(limits::ROOM_CHAT_RATE as usize / weight) <= 1, "{more}");
    }

    #[test]
    fn it_keeps_the_newest_lines_within_both_bounds() {
        let mut chat = ChatHistory::default();
        (0..200).for_each(|tick| chat.push(line(tick, 10), None));
        assert_eq!(chat.iter().map(|line| line.tick.0).collect::<Vec<_>>(), (150..200).collect::<Vec<_>>());
        (200..240).for_each(|tick| chat.push(line(tick, 960), None));
        let kept: Vec<u32> = chat.iter().map(|line| line.tick.0).collect();
        assert_eq!((kept.len(), kept.last()), (limits::CHAT_HISTORY_BYTES / line(0, 960).weight(), Some(&239)));
        assert!(chat.bytes <= limits::CHAT_HISTORY_BYTES);
    }
}
