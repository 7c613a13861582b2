//! A simulated network link: delay, jitter, bandwidth, stalls and cuts, computed from a seed instead of waited for.
//!
//! A link carries messages like a stream connection: in order, complete or not at all. Jitter delays messages but never
//! reorders them. After a stall, messages arrive in a burst. A cut loses everything in flight and resets the
//! connection. Beside that, a link may carry datagrams, which can be lost, repeated and overtaken. Tests and benchmarks
//! use links; nothing here opens a socket. Profiles are data in `assets/links.json`.

mod outages;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use serde::Deserialize;

use self::outages::Outages;
use crate::tick::Moment;

/// The properties of a link between a client and a server.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The mean round trip, half of it in each direction.
    pub rtt_ms: f64,
    /// How much longer or shorter a round trip may be; uniformly distributed.
    pub jitter_ms: f64,
    /// Megabits per second towards the client; unlimited if absent.
    pub down_mbit: Option<f64>,
    /// Megabits per second towards the server; unlimited if absent.
    pub up_mbit: Option<f64>,
    /// Messages that take longer than others.
    pub spike: Option<Spike>,
    /// Periods in which nothing arrives, in either direction.
    pub stall: Option<Outage>,
    /// Periods in which the link is dead; a connection over it is reset.
    pub cut: Option<Outage>,
    /// What happens to datagrams; none are sent if absent.
    pub datagrams: Option<Datagrams>,
}

/// What happens to some of the messages: they, and those behind them, take longer.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spike {
    /// How much longer, one way.
    pub for_ms: f64,
    /// The share of messages, from 0 to 1.
    pub share: f64,
}

/// What happens to datagrams besides the delay and the outages of the link. Shares are from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Datagrams {
    /// The share that is lost.
    pub lost: f64,
    /// The share that arrives twice.
    pub repeated: f64,
    /// The share that takes longer than others ...
    pub late: f64,
    /// ... by up to this time.
    pub late_by_ms: f64,
}

/// A recurring outage.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// The length of an outage.
    pub for_ms: f64,
    /// The mean time between outages; each time is drawn from 0.5 to 1.5 times the mean.
    pub every_ms: f64,
}

/// A profile name that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no link profile {name:?}: there are {}", .known.join(", "))]
pub struct UnknownProfile {
    /// The name asked for.
    pub name: String,
    /// The names that exist.
    pub known: Vec<String>,
}

impl Profile {
    /// The profiles of `assets/links.json` by name.
    pub fn all() -> BTreeMap<String, Self> {
        const TEXT: &str = include_str!("../../assets/links.json");
        serde_json::from_str(TEXT).expect("the embedded file is parsed by a test")
    }

    /// One of [`Self::all`].
    ///
    /// # Errors
    /// When no profile has that name; the text lists the valid names.
    pub fn named(name: &str) -> Result<Self, UnknownProfile> {
        let mut all = Self::all();
        all.remove(name).ok_or_else(|| UnknownProfile { name: name.to_owned(), known: all.into_keys().collect() })
    }

    /// Both directions of a link that starts at `now`: towards the server, then towards the client. Both have the same
    /// stalls and cuts.
    pub fn links(&self, now: Moment, seed: u64) -> (Link, Link) {
        let link = |stream, mbit| Link::new(self, mbit, now, seed, stream);
        (link(1, self.up_mbit), link(2, self.down_mbit))
    }
}

/// One direction of a link.
#[derive(Clone, Debug)]
pub struct Link {
    random: Pcg32,
    datagrams: Option<Datagrams>,
    /// Microseconds, one way.
    least_delay: f64,
    jitter: f64,
    spike: Option<Spike>,
    bits_per_us: Option<f64>,
    stalls: Outages,
    cuts: Outages,
    /// When the last bit of the newest message leaves.
    busy_until: Moment,
    /// When the newest message arrives, or would arrive if it were not lost; messages after a lost one are lost with
    /// it.
    last_arrival: Moment,
    /// Ascending by arrival.
    flying: VecDeque<(Moment, Vec<u8>)>,
    bytes: usize,
}

impl Link {
    fn new(profile: &Profile, mbit: Option<f64>, now: Moment, seed: u64, stream: u64) -> Self {
        let one_way = |ms: f64| (ms * 1000.0 / 2.0).max(0.0);
        // The same streams in both directions, so that an outage hits both at once.
        Self {
            random: Pcg32::new(seed, stream),
            datagrams: profile.datagrams,
            least_delay: one_way(profile.rtt_ms - profile.jitter_ms),
            jitter: one_way(2.0 * profile.jitter_ms),
            spike: profile.spike,
            bits_per_us: mbit,
            stalls: Outages::new(profile.stall, now, Pcg32::new(seed, 3)),
            cuts: Outages::new(profile.cut, now, Pcg32::new(seed, 4)),
            busy_until: now,
            last_arrival: now,
            flying: VecDeque::new(),
            bytes: 0,
        }
    }

    /// Sends a message. It is lost when a cut falls between now and its arrival.
    pub fn send(&mut self, now: Moment, bytes: Vec<u8>) {
        let arrival = self.leaves(now, bytes.len()).max(self.last_arrival);
        let arrival = self.stalls.strikes(arrival, arrival).map_or(arrival, |(_, end)| end);
        self.last_arrival = arrival;
        if self.cuts.strikes(now, arrival).is_none() {
            self.fly(arrival, bytes);
        }
    }

    /// Whether the link carries datagrams.
    pub fn has_datagrams(&self) -> bool {
        self.datagrams.is_some()
    }

    /// Sends a datagram: a message that has no order with others.
    ///
    /// # Panics
    /// When the link's profile has no datagrams.
    pub fn send_datagram(&mut self, now: Moment, bytes: &[u8]) {
        let fate = self.datagrams.expect("the profile has datagrams");
        let copies = 1 + u32::from(unit(&mut self.random) < fate.repeated);
        for _ in 0..copies {
            let late = if unit(&mut self.random) < fate.late { fate.late_by_ms * unit(&mut self.random) } else { 0.0 };
            let arrival = self.leaves(now, bytes.len()).plus(micros(1000.0 * late));
            let lost = unit(&mut self.random) < fate.lost || self.stalls.strikes(arrival, arrival).is_some();
            if !lost && self.cuts.strikes(now, arrival).is_none() {
                self.fly(arrival, bytes.to_vec());
            }
        }
    }

    /// When a message that is sent now would arrive if nothing else delayed it.
    fn leaves(&mut self, now: Moment, bytes: usize) -> Moment {
        let starts = now.max(self.busy_until);
        let bits = bytes as f64 * 8.0;
        self.busy_until = starts.plus(micros(self.bits_per_us.map_or(0.0, |rate| bits / rate)));
        let mut delay = self.least_delay + self.jitter * unit(&mut self.random);
        if let Some(spike) = self.spike
            && unit(&mut self.random) < spike.share
        {
            delay += spike.for_ms * 1000.0;
        }
        self.busy_until.plus(micros(delay))
    }

    fn fly(&mut self, arrival: Moment, bytes: Vec<u8>) {
        self.bytes += bytes.len();
        let place = self.flying.partition_point(|(other, _)| *other <= arrival);
        self.flying.insert(place, (arrival, bytes));
    }

    /// Returns the next message that has arrived by `now`.
    pub fn poll(&mut self, now: Moment) -> Option<Vec<u8>> {
        let (_, bytes) = self.flying.pop_front_if(|(arrival, _)| *arrival <= now)?;
        self.bytes -= bytes.len();
        Some(bytes)
    }

    /// When the next message arrives.
    pub fn next_event(&self) -> Option<Moment> {
        self.flying.front().map(|(arrival, _)| *arrival)
    }

    /// The start and end of the current cut, or of the next one. `now` must not go back.
    pub fn next_cut(&mut self, now: Moment) -> Option<(Moment, Moment)> {
        self.stalls.forget(now);
        self.cuts.forget(now);
        self.cuts.next()
    }

    /// Bytes sent but not polled yet.
    pub fn bytes_in_flight(&self) -> usize {
        self.bytes
    }
}

/// A number from 0 to 1, uniformly distributed.
fn unit(random: &mut Pcg32) -> f64 {
    f64::from(random.next_u32()) / f64::from(u32::MAX)
}

fn micros(us: f64) -> Duration {
    Duration::from_micros(us as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(profile: &Profile, seed: u64, every_us: u64, count: u64) -> Vec<(u64, u64)> {
        let (mut link, _) = profile.links(Moment(0), seed);
        let mut arrived = Vec::new();
        for n in 0..count {
            link.send(Moment(n * every_us), n.to_le_bytes().to_vec());
        }
        while let Some(at) = link.next_event() {
            let bytes = link.poll(at).expect("something arrives at the next event");
            arrived.push((u64::from_le_bytes(bytes.try_into().expect("eight bytes")), at.0));
        }
        arrived
    }

    #[test]
    fn every_profile_is_known_by_name_and_others_are_not() {
        for name in ["lan", "wifi", "lte", "train", "spiky"] {
            assert!(Profile::named(name).is_ok(), "{name}");
        }
        let error = Profile::named("moon").expect_err("there is no such profile").to_string();
        assert_eq!(error, "no link profile \"moon\": there are lan, lte, spiky, train, wifi");
    }

    #[test]
    fn messages_arrive_in_order_and_within_the_stated_times() {
        let wifi = Profile::named("wifi").expect("a known profile");
        let arrived = arrivals(&wifi, 7, 5_000, 12_000);
        assert!(arrived.iter().map(|(n, _)| *n).eq(0..12_000));
        assert!(arrived.is_sorted_by_key(|(_, at)| *at));
        let delays: Vec<u64> = arrived.iter().map(|(n, at)| at - n * 5_000).collect();
        assert!(delays.iter().all(|us| (5_000..=136_000).contains(us)));
        let prompt = delays.iter().filter(|us| **us <= 15_000).count();
        assert!(prompt * 100 >= delays.len() * 95, "{prompt} within half a round trip and jitter");
        let stalls = delays.windows(2).filter(|pair| pair[1] > pair[0] + 60_000).count();
        assert!((4..=12).contains(&stalls), "{stalls} stalls in a minute");
    }

    #[test]
    fn the_same_seed_is_the_same_link() {
        let train = Profile::named("train").expect("a known profile");
        assert_eq!(arrivals(&train, 3, 50_000, 500), arrivals(&train, 3, 50_000, 500));
        assert_ne!(arrivals(&train, 3, 50_000, 500), arrivals(&train, 4, 50_000, 500));
    }

    #[test]
    fn a_narrow_link_takes_its_time() {
        let narrow = Profile { up_mbit: Some(0.008), ..Profile::default() };
        let (mut link, _) = narrow.links(Moment(0), 1);
        link.send(Moment(0), vec![0; 1000]);
        link.send(Moment(0), vec![0; 500]);
        assert_eq!(link.next_event(), Some(Moment(1_000_000)));
        assert_eq!((link.poll(Moment(999_999)), link.bytes_in_flight()), (None, 1500));
        assert_eq!(link.poll(Moment(1_000_000)).map(|bytes| bytes.len()), Some(1000));
        assert_eq!((link.next_event(), link.bytes_in_flight()), (Some(Moment(1_500_000)), 500));
    }

    #[test]
    fn a_cut_loses_what_is_on_its_way_in_both_directions_at_once() {
        let cut = Outage { for_ms: 2000.0, every_ms: 10_000.0 };
        let profile = Profile { rtt_ms: 100.0, cut: Some(cut), ..Profile::default() };
        let (mut up, mut down) = profile.links(Moment(0), 11);
        let (start, end) = up.next_cut(Moment(0)).expect("a cut will come");
        assert_eq!(down.next_cut(Moment(0)), Some((start, end)));
        assert_eq!(end.since(start), Duration::from_secs(2));
        for at in [start.0 - 49_000, start.0, end.0 - 1] {
            up.send(Moment(at), vec![1]);
        }
        up.send(end, vec![2]);
        assert_eq!(up.next_event(), Some(end.plus(Duration::from_millis(50))));
        assert_eq!(up.poll(end.plus(Duration::from_millis(50))), Some(vec![2]));
        assert!(up.next_cut(end).is_some_and(|(next, _)| next > end));
    }

    #[test]
    fn datagrams_are_lost_repeated_and_overtaken_as_often_as_stated() {
        let datagrams = Some(Datagrams { lost: 0.1, repeated: 0.05, late: 0.2, late_by_ms: 100.0 });
        let (mut link, _) = Profile { rtt_ms: 20.0, datagrams, ..Profile::default() }.links(Moment(0), 9);
        (0..10_000_u32).for_each(|n| link.send_datagram(Moment(u64::from(n) * 10_000), &n.to_le_bytes()));
        let mut arrived = Vec::new();
        while let Some(bytes) = link.poll(Moment(u64::MAX)) {
            arrived.push(u32::from_le_bytes(bytes.try_into().expect("four bytes")));
        }
        let overtaken = arrived.windows(2).filter(|pair| pair[1] < pair[0]).count();
        let mut known = arrived.clone();
        known.sort_unstable();
        known.dedup();
        let (lost, repeated) = (10_000 - known.len(), arrived.len() - known.len());
        assert!((800..1200).contains(&lost), "{lost} lost");
        assert!((350..650).contains(&repeated), "{repeated} repeated");
        assert!(overtaken > 500, "{overtaken} overtaken");
    }

    #[test]
    fn nothing_overtakes_a_lost_message() {
        let cut = Outage { for_ms: 500.0, every_ms: 2000.0 };
        let profile = Profile { rtt_ms: 100.0, jitter_ms: 90.0, cut: Some(cut), ..Profile::default() };
        let (mut link, _) = profile.links(Moment(0), 5);
        for n in 0..2000_u64 {
            let now = Moment(n * 1000);
            link.send(now, n.to_le_bytes().to_vec());
        }
        let cut = link.next_cut(Moment(0)).expect("a cut will come");
        let mut before = Vec::new();
        while let Some(bytes) = link.poll(cut.0) {
            before.push(u64::from_le_bytes(bytes.try_into().expect("eight bytes")));
        }
        assert!(before.iter().copied().eq(0..before.len() as u64), "no gap before the cut");
        assert!(before.len() > 10);
    }
}
