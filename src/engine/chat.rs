//! The last public chat lines, for clients that enter later.

use std::collections::VecDeque;
use std::sync::Arc;

use super::events::Event;
use crate::wire::limits;

/// Chat lines, oldest first, bounded in number and bytes.
#[derive(Debug, Default)]
pub(super) struct ChatHistory {
    lines: VecDeque<Arc<Event>>,
    bytes: usize,
}

impl ChatHistory {
    /// Adds the newest line.
    pub fn push(&mut self, line: Arc<Event>) {
        self.bytes += line.weight();
        self.lines.push_back(line);
        while self.lines.len() > limits::CHAT_HISTORY || self.bytes > limits::CHAT_HISTORY_BYTES {
            self.bytes -= self.lines.pop_front().map_or(0, |line| line.weight());
        }
    }

    /// The lines, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Event>> {
        self.lines.iter()
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
    fn it_keeps_the_newest_lines_within_both_bounds() {
        let mut chat = ChatHistory::default();
        (0..200).for_each(|tick| chat.push(line(tick, 10)));
        assert_eq!(chat.iter().map(|line| line.tick.0).collect::<Vec<_>>(), (150..200).collect::<Vec<_>>());
        (200..240).for_each(|tick| chat.push(line(tick, 960)));
        let kept: Vec<u32> = chat.iter().map(|line| line.tick.0).collect();
        assert_eq!((kept.len(), kept.last()), (limits::CHAT_HISTORY_BYTES / line(0, 960).weight(), Some(&239)));
        assert!(chat.bytes <= limits::CHAT_HISTORY_BYTES);
    }
}
