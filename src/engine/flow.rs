//! Flow control of one client by the age of its unacknowledged messages.
//!
//! The age of unacknowledged messages is the only reliable signal: kernel buffers can hold megabytes of stale state that
//! the server cannot see. A frame that is acknowledged too late closes
//! the window to one message in flight: the next message, made from the newest state, is sent when the last one has
//! arrived. Prompt acknowledgements open the window again.

use std::collections::VecDeque;
use std::time::Duration;

use crate::tick::Moment;
use crate::wire::limits;

/// The messages in flight to one client.
#[derive(Debug)]
pub struct Flow {
    /// Sent and not acknowledged, oldest first; at most `WIDEST`.
    in_flight: VecDeque<Sent>,
    bytes: usize,
    /// Bytes of the welcome, which has no acknowledgement of its own; 0 after the first acknowledgement.
    welcome: usize,
    /// Messages acknowledged so far, modulo 256.
    acked: u8,
    /// How many messages may be in flight.
    window: usize,
    /// The smallest time from a message to its acknowledgement; creeps up towards later times, since routes change.
    min_round_trip: Option<Duration>,
    /// Prompt acknowledgements in a row while the window was full, and how many of them widen it. Each collapse doubles
    /// that number, so that probing does not flood a narrow link.
    prompt: u32,
    needed: u32,
    /// When the window was last narrowed. Acknowledgements of messages sent before that tell nothing new.
    narrowed: Moment,
    /// When the last acknowledgement made progress, or a message was sent with none in flight.
    progress: Moment,
    holds: u64,
    holding: bool,
}

#[derive(Debug)]
struct Sent {
    at: Moment,
    bytes: usize,
}

impl Flow {
    /// A new client starts with two messages in flight.
    const FIRST_WINDOW: usize = 2;
    /// Enough for 500 ms at the highest tick rate. Must stay below 256, since acknowledgements count modulo 256.
    const WIDEST: usize = 64;
    /// From this window on, a link counts as wide, and earlier collapses are forgotten.
    const WIDE: usize = 8;
    const MOST_NEEDED: u32 = 64;
    /// Per acknowledgement, the smallest round trip moves towards a larger sample by 1/`CREEP` of the difference.
    const CREEP: u32 = 64;
    const CREEP_ALONE: u32 = 4;
    /// Bytes per second of the slowest acceptable link, on which a big first keyframe takes a while.
    const SLOWEST: usize = 128 * 1024;

    /// Starts with nothing in flight.
    pub fn new(now: Moment) -> Self {
        Self {
            in_flight: VecDeque::new(),
            bytes: 0,
            welcome: 0,
            acked: 0,
            window: Self::FIRST_WINDOW,
            min_round_trip: None,
            prompt: 0,
            needed: 1,
            narrowed: now,
            progress: now,
            holds: 0,
            holding: false,
        }
    }

    /// Whether the next frame may be sent. Counts a hold each time sending stops.
    pub fn may_send(&mut self, now: Moment) -> bool {
        let late = self.in_flight.front().is_some_and(|sent| now.since(sent.at) > self.patience_for_one());
        if late && self.window > 1 {
            self.narrow(now, 1);
        }
        let open = self.in_flight.len() < self.window && self.bytes < limits::IN_FLIGHT;
        self.holds += u64::from(!open && !self.holding);
        self.holding = !open;
        open
    }

    /// Records that a message of `bytes` was sent.
    pub fn sent(&mut self, now: Moment, bytes: usize) {
        if self.in_flight.is_empty() {
            self.progress = now;
        }
        self.in_flight.push_back(Sent { at: now, bytes });
        self.bytes += bytes;
    }

    /// The client has applied `messages` messages so far, modulo 256. Returns `false` when that many were never sent.
    pub fn ack(&mut self, now: Moment, messages: u8) -> bool {
        let news = usize::from(messages.wrapping_sub(self.acked));
        let flying = self.in_flight.len();
        if news == 0 || news > flying {
            return news == 0;
        }
        let mut at = now;
        for sent in self.in_flight.drain(..news) {
            self.bytes -= sent.bytes;
            at = sent.at;
        }
        (self.acked, self.progress, self.welcome) = (messages, now, 0);
        let took = now.since(at);
        let least = self.min_round_trip.unwrap_or(took);
        // A late ack with nothing else in flight means that the round trip grew; accept the sample sooner.
        let creep = if flying == 1 { Self::CREEP_ALONE } else { Self::CREEP };
        self.min_round_trip = Some(took.min(least + took.saturating_sub(least) / creep));
        if at < self.narrowed {
            return true;
        }
        if took > least + limits::HOLD_MARGIN / 2 {
            self.narrow(now, self.window / 2);
        } else if flying >= self.window {
            // Only a window that was full is known to be too small.
            self.widen();
        }
        true
    }

    /// Records that a welcome of `bytes` was sent ahead of all frames.
    pub fn welcomed(&mut self, bytes: usize) {
        self.welcome = bytes;
    }

    /// When the client must have acknowledged something; `None` when nothing is in flight.
    pub fn patient_until(&self) -> Option<Moment> {
        let bytes = self.bytes + self.welcome;
        let carrying = Duration::from_millis((bytes * 1000 / Self::SLOWEST) as u64);
        (bytes > 0).then(|| self.progress.plus(limits::ACK_TIMEOUT + carrying))
    }

    /// Bytes sent but not acknowledged.
    pub fn bytes_in_flight(&self) -> usize {
        self.bytes
    }

    /// How often sending has stopped since the last call.
    pub fn take_holds(&mut self) -> u64 {
        std::mem::take(&mut self.holds)
    }

    fn narrow(&mut self, now: Moment, window: usize) {
        self.narrowed = now;
        self.window = window.max(1);
        self.prompt = 0;
        self.needed = (self.needed * 2).min(Self::MOST_NEEDED);
    }

    fn widen(&mut self) {
        self.prompt += 1;
        if self.prompt < self.needed {
            return;
        }
        self.prompt = 0;
        self.window = (self.window * 2).min(Self::WIDEST);
        if self.window >= Self::WIDE {
            self.needed = 1;
        }
    }

    fn patience_for_one(&self) -> Duration {
        self.min_round_trip.unwrap_or_default() + limits::HOLD_MARGIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Drives a link that delivers one message per `each`, acknowledged on delivery. Returns the staleness of each
    /// message on arrival after the first ten seconds.
    fn drive(each: Duration, seconds: u64) -> (Vec<Duration>, Flow) {
        let mut flow = Flow::new(Moment(0));
        let mut pipe: VecDeque<(Moment, Moment)> = VecDeque::new();
        let (mut busy_until, mut staleness, mut arrived) = (Moment(0), Vec::new(), 0_u8);
        for step in 1..seconds * 1000 {
            let now = Moment(step * 1000);
            while let Some((made, _)) = pipe.pop_front_if(|(_, due)| *due <= now) {
                arrived = arrived.wrapping_add(1);
                assert!(flow.ack(now, arrived));
                if step > 10_000 {
                    staleness.push(now.since(made));
                }
            }
            if step % 50 == 0 && flow.may_send(now) {
                busy_until = Moment(busy_until.0.max(now.0)).plus(each);
                pipe.push_back((now, busy_until));
                flow.sent(now, 100);
            }
        }
        (staleness, flow)
    }

    #[test]
    fn a_quick_reader_gets_every_frame() {
        let (staleness, mut flow) = drive(Duration::from_millis(20), 60);
        assert!(staleness.len() >= 50 * 20 - 1, "{}", staleness.len());
        assert!(flow.take_holds() <= 2);
    }

    #[test]
    fn a_reader_at_a_tenth_of_the_rate_stays_near_the_present() {
        let (staleness, _) = drive(Duration::from_millis(500), 60);
        assert!(staleness.len() >= 90, "{}", staleness.len());
        assert!(staleness.iter().all(|late| *late <= Duration::from_millis(1050)), "{staleness:?}");
        let typical = staleness.iter().filter(|late| **late <= Duration::from_millis(600)).count();
        assert!(typical * 10 >= staleness.len() * 9, "{typical} of {}", staleness.len());
    }

    /// How many frames after the first `warm` were sent, of `frames` at 20 Hz over a link with a delay of `way`
    /// milliseconds for each frame.
    fn sent_over(way: impl Fn(u64) -> u64, warm: u64, frames: u64) -> u32 {
        let mut flow = Flow::new(Moment(0));
        let (mut pipe, mut sent, mut counted) = (VecDeque::new(), 0_u8, 0);
        for n in 1..=frames {
            let now = Moment(n * 50_000);
            while let Some((_, number)) = pipe.pop_front_if(|(due, _)| *due <= now) {
                assert!(flow.ack(now, number));
            }
            if flow.may_send(now) {
                flow.sent(now, 100);
                sent = sent.wrapping_add(1);
                counted += u32::from(n > warm);
                pipe.push_back((now.plus(Duration::from_millis(way(n))), sent));
            }
        }
        counted
    }

    #[test]
    fn a_long_way_is_not_slowness() {
        let sent = sent_over(|_| 600, 0, 2000);
        assert!(sent > 1900, "{sent} of 2000 sent over a round trip of 600 ms");
    }

    #[test]
    fn a_way_that_becomes_longer_is_soon_accepted() {
        let late = sent_over(|n| if n < 400 { 20 } else { 500 }, 800, 1200);
        assert!(late > 350, "{late} of 400 sent, 20 s after the round trip rose from 20 to 500 ms");
    }

    #[test]
    fn a_big_welcome_is_given_its_time_and_no_more() {
        let mut flow = Flow::new(Moment(0));
        flow.welcomed(128 * 1024);
        assert_eq!(flow.patient_until(), Some(Moment(7_000_000)));
        flow.sent(Moment(50_000), 10);
        assert!(flow.ack(Moment(6_900_000), 1));
        assert_eq!(flow.patient_until(), None);
    }

    #[test]
    fn impossible_acks_are_told_apart() {
        let mut flow = Flow::new(Moment(0));
        assert!(flow.ack(Moment(1), 0));
        (0..3).for_each(|_| flow.sent(Moment(1), 1));
        assert!(!flow.ack(Moment(2), 4));
        assert!(!flow.ack(Moment(2), 255));
        assert!(flow.ack(Moment(2), 2));
        assert!(flow.ack(Moment(2), 2));
        assert!(!flow.ack(Moment(2), 1));
        assert!(flow.ack(Moment(3), 3));
        assert_eq!(flow.patient_until(), None);
        assert_eq!(flow.bytes_in_flight(), 0);
    }
}
