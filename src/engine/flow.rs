//! Flow control of one client by the age of its unacknowledged messages.
//!
//! The age of unacknowledged messages is the only reliable signal: kernel buffers can hold megabytes of stale state that
//! the server cannot see. A frame that is acknowledged too late closes the window to one message in flight: the next
//! message, made from the newest state, is sent when the last one has arrived. Prompt acknowledgements open the window
//! again. On an unordered transport, a message that is late may be lost: it does not count any more.

use std::collections::VecDeque;
use std::time::Duration;

use super::frame_sender::Transport;
use crate::tick::{Moment, Tick};
use crate::wire::{AckedTick, limits};

/// The messages in flight to one client.
#[derive(Debug)]
pub struct Flow {
    transport: Transport,
    /// Sent and not acknowledged, oldest first; at most `WIDEST`.
    in_flight: VecDeque<Sent>,
    bytes: usize,
    /// Bytes of the welcome, which has no acknowledgement of its own; 0 after the first acknowledgement.
    welcome: usize,
    /// The newest tick acknowledged; the welcome's before the first acknowledgement.
    acked: Tick,
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
    tick: Tick,
    bytes: usize,
}

/// What an acknowledgement says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acked {
    /// The client has the frame of this tick.
    Newly(Tick),
    /// Nothing new.
    Known,
    /// No frame of that tick was sent.
    NeverSent,
}

impl Flow {
    /// A new client starts with two messages in flight.
    const FIRST_WINDOW: usize = 2;
    /// Enough for 500 ms at the highest tick rate.
    const WIDEST: usize = 64;
    /// The ticks in flight span less, since acknowledgements may name them by their lowest eight bits.
    const SPAN: u32 = 1 << 8;
    /// From this window on, a link counts as wide, and earlier collapses are forgotten.
    const WIDE: usize = 8;
    const MOST_NEEDED: u32 = 64;
    /// Per acknowledgement, the smallest round trip moves towards a larger sample by 1/`CREEP` of the difference.
    const CREEP: u32 = 64;
    const CREEP_ALONE: u32 = 4;
    /// Bytes per second of the slowest acceptable link, on which a big first keyframe takes a while.
    const SLOWEST: usize = 128 * 1024;

    /// Starts with nothing in flight, after a welcome of this tick.
    pub fn new(now: Moment, tick: Tick, transport: Transport) -> Self {
        Self {
            transport,
            in_flight: VecDeque::new(),
            bytes: 0,
            welcome: 0,
            acked: tick,
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

    /// Whether the frame of `tick` may be sent. Counts a hold each time sending stops.
    pub fn may_send(&mut self, now: Moment, tick: Tick) -> bool {
        let open = match self.transport {
            Transport::Ordered => {
                let late = self.in_flight.front().is_some_and(|sent| now.since(sent.at) > self.patience_for_one());
                if late && self.window > 1 {
                    self.narrow(now, 1);
                }
                self.in_flight.len() < self.window && self.bytes < limits::IN_FLIGHT && self.is_distinct(tick)
            }
            Transport::Unordered => {
                let patience = self.patience_for_one();
                let recent = self.in_flight.iter().filter(|sent| now.since(sent.at) <= patience);
                let (count, bytes) = recent.fold((0, 0), |(count, bytes), sent| (count + 1, bytes + sent.bytes));
                count < self.window && bytes < limits::IN_FLIGHT && self.in_flight.len() < Self::WIDEST
            }
        };
        self.holds += u64::from(!open && !self.holding);
        self.holding = !open;
        open
    }

    /// Whether sending is held back.
    pub fn is_holding(&self) -> bool {
        self.holding
    }

    /// Whether an acknowledgement of `tick` modulo 256 could not mean another tick.
    fn is_distinct(&self, tick: Tick) -> bool {
        let near = |sent: &Sent| tick.0.wrapping_sub(sent.tick.0) < Self::SPAN;
        self.in_flight.front().is_none_or(near) && tick.0 as u8 != self.acked.0 as u8
    }

    /// Records that a message of `bytes` with the frame of `tick` was sent.
    pub fn sent(&mut self, now: Moment, tick: Tick, bytes: usize) {
        if self.in_flight.is_empty() {
            self.progress = now;
        }
        self.in_flight.push_back(Sent { at: now, tick, bytes });
        self.bytes += bytes;
    }

    /// The client has the frame of this tick, and all that were sent before.
    pub fn ack(&mut self, now: Moment, tick: AckedTick) -> Acked {
        // No two of these ticks have the same lowest bits.
        let named = |sent: &Sent| match tick {
            AckedTick::Low(low) => sent.tick.0 as u8 == low,
            AckedTick::Full(tick) => sent.tick == tick,
        };
        let newest = self.in_flight.len().wrapping_sub(1);
        let news =
            if self.in_flight.back().is_some_and(named) { Some(newest) } else { self.in_flight.iter().position(named) };
        let known = match tick {
            AckedTick::Low(low) => self.acked.0 as u8 == low,
            AckedTick::Full(tick) => self.acked == tick,
        };
        let Some(news) = news else {
            // An unordered transport may deliver older acknowledgements later.
            let known = known || self.transport == Transport::Unordered;
            return if known { Acked::Known } else { Acked::NeverSent };
        };
        let (news, flying) = (news + 1, self.in_flight.len());
        let mut at = now;
        for sent in self.in_flight.drain(..news) {
            self.bytes -= sent.bytes;
            (at, self.acked) = (sent.at, sent.tick);
        }
        (self.progress, self.welcome) = (now, 0);
        let took = now.since(at);
        let least = self.min_round_trip.unwrap_or(took);
        // A late ack with nothing else in flight means that the round trip grew; accept the sample sooner.
        let creep = if flying == 1 { Self::CREEP_ALONE } else { Self::CREEP };
        self.min_round_trip = Some(took.min(least + took.saturating_sub(least) / creep));
        if at < self.narrowed {
            return Acked::Newly(self.acked);
        }
        if took > least + limits::HOLD_MARGIN / 2 {
            self.narrow(now, self.window / 2);
        } else if flying >= self.window {
            // Only a window that was full is known to be too small.
            self.widen();
        }
        Acked::Newly(self.acked)
    }

    /// The newest tick acknowledged; the welcome's before the first acknowledgement.
    pub fn acked(&self) -> Tick {
        self.acked
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
        let mut flow = Flow::new(Moment(0), Tick(0), Transport::Ordered);
        let mut pipe: VecDeque<(Moment, Moment, Tick)> = VecDeque::new();
        let (mut busy_until, mut staleness) = (Moment(0), Vec::new());
        for step in 1..seconds * 1000 {
            let (now, tick) = (Moment(step * 1000), Tick((step / 50) as u32));
            while let Some((made, _, arrived)) = pipe.pop_front_if(|(_, due, _)| *due <= now) {
                assert_eq!(flow.ack(now, AckedTick::Low(arrived.0 as u8)), Acked::Newly(arrived));
                if step > 10_000 {
                    staleness.push(now.since(made));
                }
            }
            if step % 50 == 0 && flow.may_send(now, tick) {
                busy_until = Moment(busy_until.0.max(now.0)).plus(each);
                pipe.push_back((now, busy_until, tick));
                flow.sent(now, tick, 100);
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
        let mut flow = Flow::new(Moment(0), Tick(0), Transport::Ordered);
        let (mut pipe, mut counted) = (VecDeque::new(), 0);
        for n in 1..=frames {
            let (now, tick) = (Moment(n * 50_000), Tick(n as u32));
            while let Some((_, arrived)) = pipe.pop_front_if(|(due, _)| *due <= now) {
                assert_eq!(flow.ack(now, AckedTick::Full(arrived)), Acked::Newly(arrived));
            }
            if flow.may_send(now, tick) {
                flow.sent(now, tick, 100);
                counted += u32::from(n > warm);
                pipe.push_back((now.plus(Duration::from_millis(way(n))), tick));
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
        let mut flow = Flow::new(Moment(0), Tick(0), Transport::Ordered);
        flow.welcomed(128 * 1024);
        assert_eq!(flow.patient_until(), Some(Moment(7_000_000)));
        flow.sent(Moment(50_000), Tick(1), 10);
        assert_eq!(flow.ack(Moment(6_900_000), AckedTick::Low(1)), Acked::Newly(Tick(1)));
        assert_eq!(flow.patient_until(), None);
    }

    #[test]
    fn impossible_acks_are_told_apart() {
        use AckedTick::{Full, Low};
        let mut flow = Flow::new(Moment(0), Tick(250), Transport::Ordered);
        assert_eq!(flow.ack(Moment(1), Low(250)), Acked::Known);
        [251, 255, 257].into_iter().for_each(|tick| flow.sent(Moment(1), Tick(tick), 1));
        for wrong in [Low(252), Low(2), Full(Tick(252)), Full(Tick(258))] {
            assert_eq!(flow.ack(Moment(2), wrong), Acked::NeverSent, "{wrong:?}");
        }
        assert_eq!(flow.ack(Moment(2), Low(255)), Acked::Newly(Tick(255)));
        assert_eq!(flow.ack(Moment(2), Low(255)), Acked::Known);
        assert_eq!(flow.ack(Moment(2), Low(251)), Acked::NeverSent, "an ordered transport does not go back");
        assert_eq!(flow.ack(Moment(2), Full(Tick(251))), Acked::NeverSent);
        assert_eq!(flow.ack(Moment(3), Full(Tick(257))), Acked::Newly(Tick(257)));
        assert_eq!((flow.patient_until(), flow.bytes_in_flight()), (None, 0));
    }

    #[test]
    fn no_two_ticks_in_flight_look_alike() {
        let mut flow = Flow::new(Moment(0), Tick(0), Transport::Ordered);
        assert!(!flow.may_send(Moment(0), Tick(256)), "it would look like the welcome's");
        assert!(flow.may_send(Moment(0), Tick(300)));
        flow.sent(Moment(0), Tick(300), 1);
        assert!(flow.may_send(Moment(0), Tick(555)) && !flow.may_send(Moment(0), Tick(556)));
        assert_eq!(flow.ack(Moment(1), AckedTick::Low(0)), Acked::Known, "the welcome's, told again");
        assert_eq!(flow.ack(Moment(1), AckedTick::Low(44)), Acked::Newly(Tick(300)));
        assert!(flow.may_send(Moment(1), Tick(555)));
    }

    #[test]
    fn what_is_lost_without_order_does_not_hold_what_follows() {
        let mut flow = Flow::new(Moment(0), Tick(0), Transport::Unordered);
        let (mut sent, mut tick) = (0, 0);
        for now in (0..5000).map(|ms| Moment(ms * 1000)).step_by(50) {
            tick += 1;
            if flow.may_send(now, Tick(tick)) {
                flow.sent(now, Tick(tick), 100);
                sent += 1;
            }
        }
        assert!((16..30).contains(&sent), "two in each 400 ms: {sent}");
        assert_eq!(
            flow.ack(Moment(5_000_000), AckedTick::Full(Tick(1_000_000))),
            Acked::Known,
            "of another incarnation"
        );
        assert!(matches!(flow.ack(Moment(5_000_000), AckedTick::Full(Tick(1))), Acked::Newly(_)));
    }
}
