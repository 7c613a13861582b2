//! Inputs over links with jitter: as many wait at the server as the jitter needs, so that hardly any is dropped, and none wait
//! where inputs come evenly.

use std::time::Duration;

use tickwire::engine::link::Profile;
use tickwire::id::Seat;
use tickwire::testing::{Plan, Playtest};

use crate::features::Line;

/// Of every thousand inputs, how many were dropped; and how many ticks the last one waited. All are different.
fn play(seed: u64, jitter_ms: f64) -> (u32, i8) {
    let link = Profile { rtt_ms: 60.0 + jitter_ms, jitter_ms, ..Profile::default() };
    let mut play = Playtest::new(Plan { seed, link, ..Plan::default() }, |_| Ok(Box::<Line>::default()));
    let id = play.join("ada");
    let mut turn = 0;
    play[id].steer(move |_| {
        turn += 1;
        vec![turn % 3]
    });
    play.run_for(Duration::from_secs(10));
    let before = play[id].arrivals().len();
    play.run_for(Duration::from_secs(30));
    let dropped: u32 = play[id].arrivals()[before..].iter().map(|arrival| arrival.told.superseded).sum();
    let note = play.room().frame().note(Seat(0)).expect("ada is there");
    (dropped * 1000 / 600, note.lead)
}

#[test]
fn inputs_that_come_unevenly_wait_for_their_ticks_instead_of_being_dropped() {
    let mut most = 0;
    for seed in 1..=4 {
        let (even, lead) = play(seed, 0.0);
        assert!(even == 0 && lead <= 1, "seed {seed}: {even} of 1000 dropped, lead {lead}");
        let (uneven, _) = play(seed, 200.0);
        most = most.max(uneven);
    }
    assert!(most <= 55, "{most} of 1000 dropped");
}
