//! Events on their way to one recipient: numbered, kept until acknowledged, bounded in bytes.
//!
//! State is conflated, events are not: each event is delivered once and in order, with the first frame at or after its
//! tick, or its loss is reported.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::id::Seq;
use crate::tick::Tick;
use crate::wire::{EventBatch, EventBody, EventItem, limits};

/// An event of a room, shared by its recipients.
#[derive(Debug)]
pub struct Event {
    /// The first tick at which it can be seen.
    pub tick: Tick,
    /// Its content.
    pub body: EventBody<'static>,
}

impl Event {
    /// A game's own event.
    pub fn game(tick: Tick, kind: u16, body: &Bytes) -> Self {
        Self { tick, body: EventBody::Game { kind, body: Cow::Owned(serde_bytes::ByteBuf::from(body.to_vec())) } }
    }

    /// Its weight in a log in bytes: its content and the approximate overhead.
    fn weight(&self) -> usize {
        const FIXED: usize = 32;
        FIXED + self.body.weight()
    }
}

/// An acknowledgement of events that were never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImpossibleAck;

/// Where the events of a reconnected recipient continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewound {
    /// The number before that of the next event.
    pub events: Seq,
    /// The newest number so far.
    pub newest: Seq,
}

/// The events of one recipient.
#[derive(Debug, Default)]
pub struct EventLog {
    /// Unacknowledged events, ascending without gaps; the last one has number `newest`.
    entries: VecDeque<Arc<Event>>,
    newest: Seq,
    bytes: usize,
    /// How many at the front of `entries` were sent.
    sent: usize,
    /// Events dropped unsent since the last batch.
    lost: u32,
    /// The newest number that was sent on any connection, or named as the point where the log continues.
    furthest: Seq,
}

impl EventLog {
    /// Adds an event. A full log drops its oldest events: its recipient has been silent for long, and must not use up
    /// the memory of others.
    pub fn push(&mut self, event: Arc<Event>) {
        self.bytes += event.weight();
        self.entries.push_back(event);
        self.newest = self.newest.plus(1);
        while self.bytes > limits::EVENT_LOG && self.entries.len() > 1 {
            self.pop();
        }
    }

    /// Whether an event waits to be sent.
    pub fn has_unsent(&self) -> bool {
        self.sent < self.entries.len()
    }

    /// Takes the next events due at `tick`. They count as sent from now on.
    pub fn batch(&mut self, tick: Tick) -> Option<Batch> {
        let due = self.entries.iter().skip(self.sent).take_while(|event| !event.tick.is_after(tick));
        let events: Vec<_> = due.take(limits::EVENTS_PER_MESSAGE).cloned().collect();
        if events.is_empty() {
            return None;
        }
        let unsent = (self.entries.len() - self.sent) as u32;
        let first = Seq(self.newest.0.wrapping_sub(unsent - 1));
        self.sent += events.len();
        let last = first.plus(events.len() as u32 - 1);
        self.furthest = if last.is_after(self.furthest) { last } else { self.furthest };
        Some(Batch { first, lost: std::mem::take(&mut self.lost), events })
    }

    /// Forgets the events up to `upto`, which arrived.
    ///
    /// # Errors
    /// When `upto` was never sent.
    pub fn ack(&mut self, upto: Seq) -> Result<(), ImpossibleAck> {
        let unsent = (self.entries.len() - self.sent) as u32;
        let last_sent = Seq(self.newest.0.wrapping_sub(unsent));
        if upto.is_after(last_sent) {
            return Err(ImpossibleAck);
        }
        while self.sent > 0 && !self.oldest().is_after(upto) {
            self.pop();
        }
        Ok(())
    }

    /// Prepares the log for a new connection of a recipient that knows all events up to `known`; `None` when it has
    /// forgotten. Events that were sent but did not arrive are sent again. Events between `known` and the returned
    /// number are lost for good.
    ///
    /// # Errors
    /// When `known` was never sent; the log is then unchanged.
    pub fn rewind(&mut self, known: Option<Seq>) -> Result<Rewound, ImpossibleAck> {
        if let Some(known) = known {
            if known.is_after(self.furthest) {
                return Err(ImpossibleAck);
            }
            while !self.entries.is_empty() && !self.oldest().is_after(known) {
                self.pop();
            }
        }
        (self.sent, self.lost) = (0, 0);
        let events = Seq(self.newest.0.wrapping_sub(self.entries.len() as u32));
        self.furthest = if events.is_after(self.furthest) { events } else { self.furthest };
        Ok(Rewound { events, newest: self.newest })
    }

    fn oldest(&self) -> Seq {
        Seq(self.newest.0.wrapping_sub(self.entries.len() as u32 - 1))
    }

    fn pop(&mut self) {
        let event = self.entries.pop_front().expect("only popped while something is there");
        self.bytes -= event.weight();
        if self.sent > 0 {
            self.sent -= 1;
        } else {
            self.lost += 1;
        }
    }
}

/// Events taken from a log for one message.
#[derive(Debug)]
pub struct Batch {
    first: Seq,
    lost: u32,
    events: Vec<Arc<Event>>,
}

impl Batch {
    /// The batch as a part of the message for `tick`.
    pub fn as_wire(&self, tick: Tick) -> EventBatch<'_> {
        let items = self.events.iter().map(|event| EventItem {
            age: u32::try_from(tick.since(event.tick)).unwrap_or(0),
            body: event.body.borrowed(),
        });
        EventBatch { first: self.first, lost: self.lost, items: items.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Seat;

    fn event(tick: u32) -> Arc<Event> {
        Arc::new(Event { tick: Tick(tick), body: EventBody::Left { seat: Seat(1), code: 1000 } })
    }

    #[test]
    fn events_wait_for_their_tick_and_are_sent_once() {
        let mut log = EventLog::default();
        log.push(event(5));
        log.push(event(6));
        assert!(log.batch(Tick(4)).is_none());
        let batch = log.batch(Tick(5)).expect("one is due");
        assert_eq!((batch.first, batch.events.len()), (Seq(1), 1));
        assert_eq!(log.ack(Seq(2)), Err(ImpossibleAck));
        assert_eq!(log.ack(Seq(1)), Ok(()));
        let batch = log.batch(Tick(7)).expect("the other is due");
        assert_eq!((batch.first, batch.lost, batch.as_wire(Tick(7)).items[0].age), (Seq(2), 0, 1));
        assert_eq!(log.ack(Seq(2)), Ok(()));
        assert_eq!((log.entries.len(), log.bytes), (0, 0));
        assert_eq!(log.ack(Seq(2)), Ok(()));
    }

    #[test]
    fn who_comes_back_goes_on_where_they_were_and_hears_of_gaps() {
        let mut log = EventLog::default();
        (0..5).for_each(|tick| log.push(event(tick)));
        log.batch(Tick(2)).expect("three are due");
        assert_eq!(log.rewind(Some(Seq(4))), Err(ImpossibleAck));
        assert_eq!(log.rewind(Some(Seq(1))), Ok(Rewound { events: Seq(1), newest: Seq(5) }));
        assert_eq!(log.batch(Tick(2)).map(|batch| (batch.first, batch.events.len())), Some((Seq(2), 2)));
        // An acknowledged event is gone; a claim to know less leads to a gap.
        assert_eq!(log.ack(Seq(3)), Ok(()));
        assert_eq!(log.rewind(Some(Seq(0))).map(|rewound| rewound.events), Ok(Seq(3)));
        // Nothing newer was sent, so nothing newer can be known; the event sent before can, by a client that did not
        // forget.
        assert_eq!(log.rewind(Some(Seq(4))), Err(ImpossibleAck));
        assert_eq!(log.rewind(None).map(|rewound| rewound.events), Ok(Seq(3)));
        assert_eq!(log.rewind(Some(Seq(3))).map(|rewound| rewound.events), Ok(Seq(3)));
        assert_eq!(log.batch(Tick(9)).map(|batch| (batch.first, batch.lost)), Some((Seq(4), 0)));
    }

    #[test]
    fn what_overflowed_while_nobody_listened_is_a_gap() {
        let mut log = EventLog::default();
        log.push(event(1));
        log.batch(Tick(1)).expect("one is due");
        (0..5000).for_each(|tick| log.push(event(tick)));
        assert!(log.bytes <= limits::EVENT_LOG);
        let kept = log.entries.len() as u32;
        let rewound = log.rewind(Some(Seq(1)));
        assert_eq!(rewound, Ok(Rewound { events: Seq(5001 - kept), newest: Seq(5001) }));
        // The connection breaks again before a batch arrives: the client already knows of the gap.
        assert_eq!(log.rewind(Some(Seq(5001 - kept))), rewound);
        assert_eq!(log.rewind(Some(Seq(5002 - kept))), Err(ImpossibleAck));
        assert_eq!(log.batch(Tick(5000)).map(|batch| (batch.first, batch.lost)), Some((Seq(5002 - kept), 0)));
    }

    #[test]
    fn a_full_log_says_what_was_lost() {
        let mut log = EventLog::default();
        (0..5000).for_each(|tick| log.push(event(tick)));
        assert!(log.bytes <= limits::EVENT_LOG);
        let kept = log.entries.len() as u32;
        let batch = log.batch(Tick(5000)).expect("many are due");
        assert_eq!((batch.first, batch.lost), (Seq(5000 - kept + 1), 5000 - kept));
        assert_eq!(batch.events.len(), limits::EVENTS_PER_MESSAGE);
        assert_eq!(log.batch(Tick(5000)).map(|batch| batch.lost), Some(0));
    }
}
