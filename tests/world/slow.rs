//! Clients that read slowly, not at all, or not for a long time: the messages they are sent, and the cost of these.

use std::time::Duration;

use tickwire::engine::link::Profile;
use tickwire::testing;
use tickwire::tick::Moment;
use tickwire::wire::limits;

use crate::judge::keyframes;
use crate::sim::{Plan, World};
use crate::{calm, quiet, seconds};

/// How old the newest state is when it arrives, sorted.
fn staleness(world: &World, peer: usize, since: Moment) -> Vec<Duration> {
    let arrivals = world.client(peer).arrivals();
    let recent = arrivals.iter().filter(|arrival| arrival.at > since);
    let mut ages: Vec<Duration> = recent.map(|arrival| world.play.age(arrival.told.tick, arrival.at)).collect();
    ages.sort_unstable();
    ages
}

fn lan() -> Profile {
    Profile::named("lan").expect("a known profile")
}

#[test]
fn a_quick_reader_gets_every_tick_at_once() {
    let mut world = quiet(lan(), 100, 3);
    world.run_until(seconds(20));
    for peer in 0..3 {
        let ages = staleness(&world, peer, seconds(2));
        assert_eq!(ages.len(), 18 * 20);
        assert!(ages.iter().all(|age| *age <= Duration::from_millis(1)), "{:?}", ages.last());
    }
}

/// The world's oracle compares the state at each arrival with the server's frame of that tick.
#[test]
fn who_wants_fewer_frames_than_ticks_gets_them_evenly_spaced() {
    let mut world = World::new(Plan { rate: 30, wanted: &[10, 0, 20, 200], ..calm(lan(), 40, 4) });
    world.run_until(seconds(2));
    world.run_until(seconds(12));
    let gaps = |peer: usize| {
        let arrivals = world.client(peer).arrivals();
        let recent: Vec<_> = arrivals.iter().filter(|arrival| arrival.at > seconds(2)).collect();
        recent.windows(2).map(|pair| pair[1].told.tick.since(pair[0].told.tick)).collect::<Vec<_>>()
    };
    assert_eq!(gaps(0), [3; 99]);
    assert_eq!((gaps(1), gaps(3)), (vec![1; 299], vec![1; 299]));
    assert_eq!((gaps(2).len(), gaps(2).iter().max()), (199, Some(&2)));
    // What WebSocket, TCP and IP add to each message is part of what fewer messages save.
    let wire = |bytes: usize| bytes + 2 + 40;
    let bytes = |world: &World, peer: usize| world.client(peer).arrivals().iter().map(|a| wire(a.bytes)).sum::<usize>();
    let (few, all) = (bytes(&world, 0), bytes(&world, 1));
    assert!(few < all, "{few} bytes at 10 Hz, {all} at 30 Hz");
}

/// Bits per second that a client of a calm world takes when nothing is in its way.
fn needed(seed: u64, animals: u32) -> f64 {
    let mut world = World::new(Plan { seed, ..calm(lan(), animals, 1) });
    world.run_until(seconds(12));
    let arrivals = world.client(0).arrivals().iter().filter(|arrival| arrival.at > seconds(2));
    arrivals.map(|arrival| arrival.bytes).sum::<usize>() as f64 * 8.0 / 10.0
}

/// What a narrow link cannot carry is not queued: each message starts from the newest state, so its age on arrival is
/// the time that the message itself takes. Now and then a second one is sent after it, to see whether the link is still
/// narrow. The keyframe bounds the size, and so the staleness.
#[test]
fn a_reader_of_a_narrow_link_gets_the_newest_state_one_message_at_a_time() {
    // A tenth of what a world needs that nobody can predict; of this one, of which deltas say little, it is more.
    let bits = needed(1, 100) / 3.0;
    // How often a second message is sent depends on how the first ones happen to meet the ticks: one run says little.
    let runs: Vec<[usize; 2]> = (1..=8).map(|seed| narrow(seed, bits)).collect();
    let [prompt, all] = runs.iter().fold([0, 0], |sum, run| [sum[0] + run[0], sum[1] + run[1]]);
    assert!(prompt * 10 >= all * 9, "{prompt} of {all} were alone on the link: {runs:?}");
}

/// Two minutes of a link of so many bits per second: how many messages were alone on it, and how many there were.
fn narrow(seed: u64, bits: f64) -> [usize; 2] {
    let profile = Profile { rtt_ms: 40.0, down_mbit: Some(bits / 1e6), ..Profile::default() };
    let mut world = World::new(Plan { seed, ..calm(profile, 100, 1) });
    world.run_until(seconds(120));
    assert!(world.endings().is_empty(), "{:?}", world.endings());
    let arrivals = world.client(0).arrivals();
    let recent: Vec<_> = arrivals.iter().filter(|arrival| arrival.at > seconds(15)).collect();
    let takes = |bytes: usize| bytes as f64 * 8.0 / bits;
    let longest = recent.iter().map(|arrival| takes(arrival.bytes)).fold(0.0, f64::max);
    let ages = staleness(&world, 0, seconds(15));
    let (typical, worst) = (ages[ages.len() / 2].as_secs_f64(), ages[ages.len() - 1].as_secs_f64());
    println!(
        "a third of the rate: messages take up to {longest:.2} s, staleness {typical:.2} s, at worst {worst:.2} s"
    );
    assert!(worst <= 2.0 * longest + 0.1);
    let frame = world.play.frame();
    let own = frame.notes()[0].zones.iter().filter_map(|id| frame.zone(*id));
    let keyframe = own.map(|zone| frame.keyframe(zone).len()).sum::<usize>();
    println!("{} frames, the last keyframe has {keyframe} bytes", recent.len());
    // Beyond the message itself: half a round trip, and the wait for the acknowledgement to meet a frame.
    let in_time = |a: &testing::Arrival| world.play.age(a.told.tick, a.at).as_secs_f64() <= takes(a.bytes) + 0.1;
    [recent.iter().filter(|arrival| in_time(arrival)).count(), recent.len()]
}

/// How far messages fall behind depends on how the window's probes happen to meet the ticks: one run says little.
#[test]
fn a_reader_at_half_of_the_rate_loses_rate_and_not_time() {
    let mut worsts: Vec<Duration> = (1..=16).map(half).collect();
    worsts.sort_unstable();
    println!("half of the rate: at worst {worsts:?}");
    assert!(worsts.iter().sum::<Duration>() / 16 <= Duration::from_millis(1040), "{worsts:?}");
    assert!(worsts[13] <= Duration::from_millis(1300), "seven of eight: {worsts:?}");
}

/// A minute of a link of half the bits that this world needs: the worst staleness.
fn half(seed: u64) -> Duration {
    let profile = Profile { rtt_ms: 40.0, down_mbit: Some(needed(seed, 100) / 2.0 / 1e6), ..Profile::default() };
    let mut world = World::new(Plan { seed, ..calm(profile, 100, 1) });
    world.run_until(seconds(60));
    *staleness(&world, 0, seconds(15)).last().expect("frames arrived")
}

#[test]
fn a_reader_that_stops_is_ended_soon_and_holds_little() {
    let mut world = quiet(lan(), 3000, 2);
    world.play.freeze(world.player(0), Duration::MAX);
    let id = world.player(0);
    let mut most = 0;
    while world.endings().is_empty() {
        assert!(world.play.now() <= seconds(12), "still there after ten seconds");
        world.run_until(world.play.now().plus(Duration::from_millis(50)));
        let sender = world.play[id].session().and_then(|session| session.sender());
        most = most.max(sender.map_or(0, |sender| sender.flow().bytes_in_flight()));
    }
    assert_eq!(world.endings().get("slow_consumer"), Some(&1));
    assert!(most > 0 && most <= 128 * 1024, "{most} bytes in flight");
    assert!(most <= limits::IN_FLIGHT + 64 * 1024);
    let others = staleness(&world, 1, seconds(2));
    assert!(others.last() <= Some(&Duration::from_millis(1)) && !others.is_empty(), "the others are unmoved");
    assert!(world.newest().since(world.client(1).tick()) <= 1);
    assert_eq!(world.play.room().players(), 1);
}

#[test]
fn a_page_frozen_for_ten_minutes_gets_one_keyframe() {
    let mut world = World::new(Plan { alarms: false, ..calm(lan(), 10, 2) });
    world.run_until(seconds(2));
    world.play.freeze(world.player(0), Duration::from_secs(600));
    world.run_until(Moment(601_999_000));
    let (frames, before) = (world.client(0).arrivals().len(), keyframes(world.client(0)));
    assert_eq!(before, 1);
    world.run_until(seconds(603));
    let newest = world.newest();
    let client = world.client(0);
    assert!(newest.since(client.tick()) <= 1, "caught up");
    assert_eq!(keyframes(client) - before, 1);
    let caught = &client.arrivals()[frames..];
    assert!(caught.len() <= 64 + 22, "{} messages after the thaw", caught.len());
    let leap = caught.windows(2).map(|pair| pair[1].told.tick.since(pair[0].told.tick)).max();
    assert!(leap > Some(11_900), "the ten minutes are one step: {leap:?}");
}

#[test]
fn a_frozen_page_that_was_ended_comes_back_with_one_keyframe() {
    let mut world = quiet(lan(), 10, 2);
    world.play.freeze(world.player(0), Duration::from_secs(600));
    world.run_until(seconds(604));
    assert_eq!(world.endings().get("slow_consumer"), Some(&1));
    let newest = world.newest();
    let client = world.client(0);
    assert!(newest.since(client.tick()) <= 1);
    assert_eq!(keyframes(client), 1);
    assert!(client.arrivals().len() <= 40);
}
