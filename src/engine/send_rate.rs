//! Selects evenly spaced ticks for a client that wants fewer frames than the room has ticks.
//!
//! A client that wants 10 frames per second from a room with 30 ticks per second gets every third tick, with the deltas
//! of the two ticks in between. If it wants 20, it gets two ticks of every three. What a slow link can carry is not
//! decided here.

use crate::tick::{Tick, TickRate};

/// The grid of ticks that one client gets.
#[derive(Clone, Copy, Debug)]
pub struct SendRate {
    /// Messages per second; at most `room`.
    wanted: u32,
    /// Ticks per second.
    room: u32,
    /// A tick of the grid, at most one second before the last tick sent; `None` before the first message.
    origin: Option<Tick>,
}

impl SendRate {
    /// `wanted` messages per second from a room with the rate `room`; 0 means one per tick.
    pub fn new(wanted: u16, room: TickRate) -> Self {
        let most = room.per_second();
        let wanted = if wanted == 0 { most } else { wanted.min(most) };
        Self { wanted: wanted.into(), room: most.into(), origin: None }
    }

    /// Whether a message for `tick` is due after one for `sent`. The first message always is.
    pub fn is_due(&self, sent: Tick, tick: Tick) -> bool {
        self.origin.is_none_or(|origin| self.slot(origin, tick) > self.slot(origin, sent))
    }

    /// The first tick for which a message is due after one for `sent`; `None` if it may be any.
    pub fn next(&self, sent: Tick) -> Option<Tick> {
        let origin = self.origin?;
        let ticks = ((self.slot(origin, sent) + 1) * u64::from(self.room)).div_ceil(u64::from(self.wanted));
        Some(origin.plus(ticks as u32))
    }

    /// Records that a message for `tick` was sent.
    pub fn sent(&mut self, tick: Tick) {
        let origin = self.origin.unwrap_or(tick);
        let seconds = tick.since(origin).cast_unsigned() / self.room;
        self.origin = Some(origin.plus(seconds * self.room));
    }

    fn slot(&self, origin: Tick, tick: Tick) -> u64 {
        u64::from(tick.since(origin).cast_unsigned()) * u64::from(self.wanted) / u64::from(self.room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The gaps between the ticks sent, starting near the wrap.
    fn gaps(wanted: u16, room: u16, every: u32) -> Vec<u32> {
        let mut send_rate = SendRate::new(wanted, TickRate::new(room).expect("a valid rate"));
        let start = Tick(u32::MAX - 50);
        let (mut sent, mut gaps) = (start, Vec::new());
        for step in (1..=600).step_by(every as usize) {
            let tick = start.plus(step);
            if send_rate.is_due(sent, tick) {
                gaps.push(tick.since(sent).cast_unsigned());
                send_rate.sent(tick);
                sent = tick;
            }
        }
        gaps
    }

    #[test]
    fn ticks_are_evenly_spaced() {
        assert!(gaps(10, 30, 1)[1..].iter().all(|gap| *gap == 3));
        assert!(gaps(0, 30, 1).iter().all(|gap| *gap == 1));
        assert!(gaps(60, 30, 1).iter().all(|gap| *gap == 1));
        let uneven = gaps(20, 30, 1);
        assert!(uneven[1..].iter().all(|gap| (1..=2).contains(gap)));
        assert_eq!(uneven.len(), 400);
    }

    #[test]
    fn the_next_tick_is_the_first_that_is_due() {
        for (wanted, room) in [(1, 20), (7, 20), (20, 20), (0, 60), (13, 30), (119, 120)] {
            let mut send_rate = SendRate::new(wanted, TickRate::new(room).expect("a valid rate"));
            assert_eq!(send_rate.next(Tick(5)), None);
            let mut sent = Tick(u32::MAX - 70);
            for step in 0..400 {
                send_rate.sent(sent);
                let due = (1..).map(|ticks| sent.plus(ticks)).find(|tick| send_rate.is_due(sent, *tick));
                assert_eq!(send_rate.next(sent), due, "{wanted} of {room} after {sent:?}");
                // Now and then a message is late.
                sent = due.map_or(sent, |due| due.plus(u32::from(step % 7 == 0)));
            }
        }
    }

    #[test]
    fn a_late_message_does_not_move_the_grid() {
        assert_eq!(gaps(10, 30, 7)[1..].iter().max(), Some(&7));
        assert_eq!(gaps(1, 30, 7).len(), 20);
    }
}
