//! Events on their way to one recipient: numbered, kept until acknowledged, bounded in bytes by class.
//!
//! State is conflated, events are not: each event is delivered once and in order, with the first frame at or after its
//! tick, or its loss is reported.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event_entries::Entries;
use crate::id::Seq;
use crate::tick::Tick;
use crate::wire::{EncodedEvents, EventBody, append, limits, split};

/// An event of a room, encoded once and shared by its recipients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The first tick at which it can be seen.
    pub tick: Tick,
    #[serde(with = "serde_bytes")]
    body: Box<[u8]>,
}

impl Event {
    /// Approximate bytes of memory besides an event's content.
    pub(super) const OVERHEAD: u32 = 32;

    /// Encodes an event.
    pub fn new(tick: Tick, body: &EventBody) -> Self {
        let mut bytes = Vec::new();
        append(body, &mut bytes);
        Self { tick, body: bytes.into() }
    }

    /// What happened.
    pub fn body(&self) -> EventBody<'_> {
        split(&self.body).expect("an event is what was encoded").0
    }

    /// What happened, as it is sent.
    pub fn encoded(&self) -> &[u8] {
        &self.body
    }

    /// Whether it can be read, as every event can that was not damaged in a file.
    pub(super) fn is_sound(&self) -> bool {
        split::<EventBody>(&self.body).is_ok_and(|(_, rest)| rest.is_empty())
    }

    /// Its weight in a log in bytes: its content and the approximate overhead.
    pub fn weight(&self) -> usize {
        Self::OVERHEAD as usize + self.body.len()
    }
}

/// A claim to know events that never happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImpossibleClaim;

/// Where the events of a reconnected recipient continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewound {
    /// The number before that of the next event.
    pub events: Seq,
    /// The newest number so far.
    pub newest: Seq,
}

/// The events of one recipient that may not have arrived yet, over all of its connections.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    /// The last one has number `newest`.
    entries: Entries,
    newest: Seq,
}

/// The events of one connection that are not sent yet.
///
/// A queue follows the log of its recipient: it gets the same events and has the same bounds. What it holds is in the
/// log, too, except for membership that the log has conflated already.
#[derive(Debug, Default)]
pub struct EventQueue {
    /// The last one has number `newest`.
    entries: Entries,
    newest: Seq,
    /// The number of the last event that was sent or is known to the client.
    sent: Seq,
}

impl EventLog {
    /// The log with these events, in ascending order, of which the last one has the number `newest`.
    pub(super) fn restored(newest: Seq, events: impl Iterator<Item = (Seq, Arc<Event>)>) -> Self {
        let mut entries = Entries::default();
        events.for_each(|(number, event)| entries.restore(number, event));
        Self { entries, newest }
    }

    /// An empty log whose first event will have the number after `newest`.
    pub(super) fn after(newest: Seq) -> Self {
        Self { entries: Entries::default(), newest }
    }

    /// The number of the newest event that has arrived, or was dropped.
    pub(super) fn arrived_upto(&self) -> Seq {
        self.entries.first().map_or(self.newest, |first| Seq(first.0.wrapping_sub(1)))
    }

    /// The number of the newest event.
    pub(super) fn newest(&self) -> Seq {
        self.newest
    }

    /// The events that may not have arrived yet, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Seq, &Arc<Event>)> {
        self.entries.iter().map(|entry| (entry.number, &entry.event))
    }

    /// Leaves out the next `count` numbers.
    pub(super) fn skip(&mut self, count: u32) {
        self.newest = self.newest.plus(count);
    }

    /// Adds an event. If its class is over its budget, older events of that class are dropped.
    pub fn push(&mut self, event: Arc<Event>) {
        self.newest = self.newest.plus(1);
        self.entries.push(self.newest, event);
    }

    /// Forgets the events up to `upto`, which arrived. Numbers that never were are ignored: the session checks what its
    /// client acknowledges.
    pub fn arrived(&mut self, upto: Seq) {
        if upto.is_after(self.newest) {
            return;
        }
        while self.entries.first().is_some_and(|first| !first.is_after(upto)) {
            self.entries.pop();
        }
    }

    /// Prepares the log for a new connection of a recipient that knows all events up to `known`; `None` when it has
    /// forgotten. Events that were sent but did not arrive are sent again. Events between `known` and the returned
    /// number are lost for good. The others get new numbers where some between them were dropped, which their recipient
    /// cannot notice: one gap is told at once, and many would be told one by one.
    ///
    /// # Errors
    /// When `known` never happened; the log is then unchanged.
    pub fn rewind(&mut self, known: Option<Seq>) -> Result<Rewound, ImpossibleClaim> {
        if let Some(known) = known {
            if known.is_after(self.newest) {
                return Err(ImpossibleClaim);
            }
            self.arrived(known);
        }
        self.entries.close_gaps(self.newest);
        Ok(Rewound { events: self.arrived_upto(), newest: self.newest })
    }

    /// The queue of a new connection, whose client will expect the event after `known`. Events dropped since are lost.
    pub fn queue_after(&self, known: Seq) -> EventQueue {
        EventQueue { entries: self.entries.clone(), newest: self.newest, sent: known }
    }
}

impl EventQueue {
    /// Adds an event. If its class is over its budget, older events of that class are dropped, and their loss is reported
    /// with the next batch.
    pub fn push(&mut self, event: Arc<Event>) {
        self.newest = self.newest.plus(1);
        self.entries.push(self.newest, event);
    }

    /// The events that wait, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Event>> {
        self.entries.iter().map(|entry| &entry.event)
    }

    /// How many events wait.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no event waits.
    pub fn is_empty(&self) -> bool {
        self.entries.len() == 0
    }

    /// Takes the next events due at `tick`, up to the next one that was dropped.
    pub fn batch(&mut self, tick: Tick) -> Option<Batch> {
        let first = self.entries.first()?;
        let due = (self.entries.iter().zip(0..limits::EVENTS_PER_MESSAGE as u32))
            .take_while(|(entry, index)| entry.number == first.plus(*index) && !entry.event.tick.is_after(tick))
            .count();
        if due == 0 {
            return None;
        }
        let lost = first.since(self.sent).max(1).cast_unsigned() - 1;
        let events = (0..due).filter_map(|_| self.entries.pop()).map(|entry| entry.event).collect();
        let batch = Batch { first, lost, events };
        self.sent = batch.last();
        Some(batch)
    }
}

/// Events taken from a queue for one message; at least one.
#[derive(Debug)]
pub struct Batch {
    first: Seq,
    lost: u32,
    events: Vec<Arc<Event>>,
}

impl Batch {
    /// The number of the last event.
    pub fn last(&self) -> Seq {
        self.first.plus(self.events.len() as u32 - 1)
    }

    /// The number of the first event.
    pub fn first(&self) -> Seq {
        self.first
    }

    /// How many events just before the first one were lost for good.
    pub fn lost(&self) -> u32 {
        self.lost
    }

    /// The events, in order.
    pub fn events(&self) -> &[Arc<Event>] {
        &self.events
    }

    /// The batch as a part of the message for `tick`.
    pub fn encoded(&self, tick: Tick) -> EncodedEvents<'_> {
        let age = |event: &Event| u32::try_from(tick.since(event.tick)).unwrap_or(0);
        let items = self.events.iter().map(|event| (age(event), event.encoded())).collect();
        EncodedEvents { first: self.first, lost: self.lost, items }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Seat;

    fn event(tick: u32) -> Arc<Event> {
        let body = std::borrow::Cow::Borrowed(serde_bytes::Bytes::new(b"ab"));
        Arc::new(Event::new(Tick(tick), &EventBody::Game { kind: 1, body }))
    }

    fn chat(tick: u32) -> Arc<Event> {
        let (name, text) = ("ada".into(), "x".repeat(240).into());
        Arc::new(Event::new(Tick(tick), &EventBody::Chat { from: Seat(1), name, text, private: false }))
    }

    fn filled(ticks: std::ops::Range<u32>) -> (EventLog, EventQueue) {
        let (mut log, mut queue) = (EventLog::default(), EventQueue::default());
        for event in ticks.map(event) {
            log.push(event.clone());
            queue.push(event);
        }
        (log, queue)
    }

    fn numbers(batch: Option<Batch>) -> Option<(Seq, u32, usize)> {
        batch.map(|batch| (batch.first, batch.lost, batch.events.len()))
    }

    #[test]
    fn events_wait_for_their_tick_and_are_sent_once() {
        let (mut log, mut queue) = filled(5..7);
        assert!(queue.batch(Tick(4)).is_none());
        let batch = queue.batch(Tick(5)).expect("one is due");
        assert_eq!((batch.first, batch.last(), batch.lost), (Seq(1), Seq(1), 0));
        log.arrived(Seq(1));
        let batch = queue.batch(Tick(7)).expect("the other is due");
        assert_eq!((batch.last(), batch.encoded(Tick(7)).items[0].0), (Seq(2), 1));
        assert!(queue.is_empty() && queue.batch(Tick(9)).is_none());
        log.arrived(Seq(3));
        assert_eq!(log.entries.len(), 1, "what never was cannot arrive");
        (0..2).for_each(|_| log.arrived(Seq(2)));
        assert_eq!((log.entries.len(), log.entries.bytes()), (0, 0));
    }

    #[test]
    fn who_comes_back_goes_on_where_they_were_and_hears_of_gaps() {
        let (mut log, _) = filled(0..5);
        assert_eq!(log.rewind(Some(Seq(6))), Err(ImpossibleClaim));
        assert_eq!(log.rewind(Some(Seq(1))), Ok(Rewound { events: Seq(1), newest: Seq(5) }));
        assert_eq!(numbers(log.queue_after(Seq(1)).batch(Tick(2))), Some((Seq(2), 0, 2)));
        // An acknowledged event is gone; a claim to know less leads to a gap.
        log.arrived(Seq(3));
        assert_eq!(log.rewind(Some(Seq(0))).map(|rewound| rewound.events), Ok(Seq(3)));
        assert_eq!(log.rewind(None).map(|rewound| rewound.events), Ok(Seq(3)));
        assert_eq!(numbers(log.queue_after(Seq(3)).batch(Tick(9))), Some((Seq(4), 0, 2)));
        assert_eq!(log.rewind(Some(Seq(5))).map(|rewound| rewound.events), Ok(Seq(5)));
        assert!(log.queue_after(Seq(5)).is_empty());
    }

    #[test]
    fn what_overflowed_is_a_gap_for_who_comes_back_and_a_loss_for_who_is_there() {
        let (mut log, mut queue) = filled(0..5000);
        assert!(log.entries.bytes() <= limits::EVENT_LOG && queue.entries.bytes() <= limits::EVENT_LOG);
        let kept = log.entries.len() as u32;
        assert_eq!(kept as usize, queue.entries.len(), "both have the same bound");
        let first = Seq(5001 - kept);
        let many = limits::EVENTS_PER_MESSAGE;
        assert_eq!(numbers(queue.batch(Tick(5000))), Some((first, 5000 - kept, many)));
        assert_eq!(numbers(queue.batch(Tick(5000))), Some((first.plus(many as u32), 0, many)));
        let rewound = log.rewind(Some(Seq(1)));
        assert_eq!(rewound, Ok(Rewound { events: Seq(5000 - kept), newest: Seq(5000) }));
        assert_eq!(log.rewind(Some(Seq(5000 - kept))), rewound, "the client knows of the gap by the welcome");
        assert_eq!(numbers(log.queue_after(Seq(5000 - kept)).batch(Tick(5000))), Some((first, 0, many)));
        log.push(event(5000));
        let late = log.queue_after(Seq(5000 - kept)).batch(Tick(5000));
        assert_eq!(numbers(late), Some((first.plus(1), 1, many)), "an overflow between welcome and queue is a loss");
    }

    #[test]
    fn a_flood_of_chat_costs_chat_only_and_each_loss_is_told_where_it_is() {
        let (mut log, mut queue) = (EventLog::default(), EventQueue::default());
        for number in 0..1000 {
            let event = if number % 10 == 0 { event(1) } else { chat(1) };
            log.push(event.clone());
            queue.push(event);
        }
        let (mut known, mut own, mut batches) = (Seq(0), 0, 0);
        while let Some(batch) = queue.batch(Tick(1)) {
            assert_eq!(batch.first, known.plus(1 + batch.lost), "each event once, or its loss is told");
            (known, batches) = (batch.last(), batches + 1);
            own += batch.events.iter().filter(|event| matches!(event.body(), EventBody::Game { .. })).count();
        }
        assert_eq!((known, own), (Seq(1000), 100));
        assert!(batches > 50, "a batch has no gap in it");
        // Who comes back is told of one gap, and gets the rest in messages as long as usual.
        let rewound = log.rewind(Some(Seq(1))).expect("it happened");
        let mut queue = log.queue_after(rewound.events);
        let told = std::iter::from_fn(|| queue.batch(Tick(1))).collect::<Vec<_>>();
        assert!(told.iter().all(|batch| batch.lost == 0) && told.len() < 5, "{}", told.len());
        assert_eq!(told.last().map(Batch::last), Some(Seq(1000)));
        log.arrived(told[0].last());
        assert_eq!(log.arrived_upto(), told[0].last(), "the log has the same numbers");
    }

    #[test]
    fn a_log_that_nobody_reads_stays_within_its_bound() {
        let mut log = EventLog::default();
        let body = std::borrow::Cow::Borrowed(serde_bytes::Bytes::new(&[0; 100]));
        let event = Arc::new(Event::new(Tick(1), &EventBody::Game { kind: 1, body }));
        (0..100_000).for_each(|_| log.push(event.clone()));
        let rewound = log.rewind(None).expect("no claim");
        let kept = rewound.newest.since(rewound.events);
        assert!(kept as usize * 132 <= limits::EVENT_LOG && kept > 400, "{kept}");
    }
}
