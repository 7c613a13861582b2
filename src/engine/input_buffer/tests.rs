//! How inputs are queued, consumed, repeated, settled and superseded.

use super::*;
use crate::tick::Tick;

const P: CorrectionEpoch = CorrectionEpoch(0);

fn taken(value: i32, fresh: bool) -> TickInput {
    TickInput { input: input(value), fresh, view: None }
}

fn input(value: i32) -> InputValues {
    [value, 0, 0, 0, 0, 0, 0, 0]
}

fn lay(input_buffer: &mut InputBuffer, first: u32, count: u16, value: i32) {
    input_buffer.offer(&InputRun { first: Seq(first), count, epoch: P, view: None, input: input(value) });
}

fn rate() -> TickRate {
    TickRate::new(20).expect("a possible rate")
}

fn steer() -> InputBuffer {
    InputBuffer::new(Authority::Server, input(0), rate())
}

/// Random numbers below a bound, the same in every run.
fn random() -> impl FnMut(u32) -> u32 {
    let mut state = 1_u32;
    move |bound| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state % bound
    }
}

#[test]
fn one_input_per_tick_in_order() {
    let mut input_buffer = steer();
    lay(&mut input_buffer, 1, 1, 7);
    lay(&mut input_buffer, 2, 1, 8);
    assert_eq!(input_buffer.take(P), taken(7, true));
    assert_eq!(input_buffer.consumed(), Seq(1));
    assert_eq!(input_buffer.take(P), taken(8, true));
    assert_eq!(input_buffer.take(P), taken(8, false));
    assert_eq!(input_buffer.consumed(), Seq(2));
}

#[test]
fn silence_of_a_held_key_is_settled_by_its_run() {
    let mut input_buffer = steer();
    lay(&mut input_buffer, 1, 1, 7);
    (0..5).for_each(|_| assert_eq!(input_buffer.take(P).input, input(7)));
    lay(&mut input_buffer, 2, 4, 7);
    lay(&mut input_buffer, 6, 1, 9);
    assert_eq!(input_buffer.consumed(), Seq(5));
    assert_eq!(input_buffer.take(P), taken(9, true));
    assert_eq!((input_buffer.consumed(), input_buffer.superseded()), (Seq(6), 0));
}

#[test]
fn an_overfull_buffer_drops_the_oldest_and_says_so() {
    let mut input_buffer = steer();
    (1..=5).for_each(|n| lay(&mut input_buffer, n, 1, n.cast_signed()));
    assert_eq!((input_buffer.consumed(), input_buffer.superseded()), (Seq(2), 2));
    assert_eq!(input_buffer.take(P).input, input(3));
}

#[test]
fn a_press_of_one_tick_survives_a_late_burst_of_held_inputs() {
    for press_at in 1..=7 {
        let mut input_buffer = steer();
        lay(&mut input_buffer, 1, 1, 7);
        input_buffer.take(P);
        (2..=9).for_each(|n| lay(&mut input_buffer, n, 1, if n == press_at + 1 { 99 } else { 7 }));
        let taken: Vec<i32> = (0..4).map(|_| input_buffer.take(P).input[0]).collect();
        assert_eq!(taken.iter().filter(|value| **value == 99).count(), 1, "{press_at}: {taken:?}");
        assert_eq!((input_buffer.consumed(), input_buffer.superseded()), (Seq(9), 5));
    }
}

#[test]
fn a_buffer_that_never_empties_is_trimmed() {
    let mut input_buffer = steer();
    lay(&mut input_buffer, 1, 1, 1);
    lay(&mut input_buffer, 2, 1, 2);
    for n in 3..40 {
        input_buffer.take(P);
        lay(&mut input_buffer, n, 1, n.cast_signed());
    }
    assert_eq!(input_buffer.take(P).input, input(39));
    assert_eq!(input_buffer.superseded(), 1);
}

#[test]
fn doubled_and_old_inputs_count_once_also_across_the_wrap() {
    let mut input_buffer = steer();
    input_buffer.consumed = Seq(u32::MAX - 1);
    lay(&mut input_buffer, u32::MAX, 2, 5);
    lay(&mut input_buffer, u32::MAX, 2, 6);
    lay(&mut input_buffer, 3, 1, 4);
    assert_eq!(input_buffer.len(), 3);
    let taken: Vec<i32> = (0..3).map(|_| input_buffer.take(P).input[0]).collect();
    // Inputs MAX and 0 are known, 1 and 2 are missing and presumed equal, the oldest of five was dropped.
    assert_eq!(taken, [5, 5, 4]);
    assert_eq!((input_buffer.consumed(), input_buffer.superseded()), (Seq(3), 2));
}

#[test]
fn the_newest_report_of_the_right_epoch_wins() {
    let mut input_buffer = InputBuffer::new(Authority::Client, input(0), rate());
    lay(&mut input_buffer, 1, 1, 1);
    lay(&mut input_buffer, 2, 1, 2);
    assert_eq!(input_buffer.take(P), taken(2, true));
    lay(&mut input_buffer, 3, 1, 3);
    assert_eq!(input_buffer.take(P.next()), taken(2, false));
    assert_eq!((input_buffer.consumed(), input_buffer.superseded()), (Seq(3), 2));
}

/// As [`InputBuffer::supersede`], one input at a time.
fn supersede_slowly(input_buffer: &mut InputBuffer, count: u32) {
    for _ in 0..count {
        input_buffer.supersede(1);
    }
}

#[test]
fn runs_are_dropped_as_their_inputs_would_be_one_by_one() {
    let mut random = random();
    for _ in 0..10_000 {
        let (mut input_buffer, mut slow) = (steer(), steer());
        let runs: Vec<Queued> = (0..1 + random(5))
            .map(|_| {
                let (count, input) = (1 + random(4), input(random(3).cast_signed()));
                Queued { count, extra: random(3), epoch: P, view: None, input }
            })
            .collect();
        for input_buffer in [&mut input_buffer, &mut slow] {
            input_buffer.queue = runs.iter().copied().collect();
            input_buffer.queued = runs.iter().map(|run| run.count).sum();
            input_buffer.numbered = runs.iter().map(|run| run.count + run.extra).sum();
        }
        let count = random(input_buffer.queued + 1);
        input_buffer.supersede(count);
        supersede_slowly(&mut slow, count);
        assert_eq!(format!("{input_buffer:?}"), format!("{slow:?}"), "{count} of {runs:?}");
    }
}

#[test]
fn every_input_is_consumed_once_or_superseded_whatever_arrives() {
    let mut random = random();
    let mut input_buffer = steer();
    let (mut made, mut fresh, mut settled_or_taken) = (0_u32, 0_u32, 0);
    for _ in 0..10_000 {
        for _ in 0..random(3) {
            let count = 1 + random(4);
            lay(&mut input_buffer, made + 1, count as u16, random(2).cast_signed());
            made += count;
        }
        let before = input_buffer.consumed().0;
        fresh += u32::from(input_buffer.take(P).fresh);
        settled_or_taken += input_buffer.consumed().0 - before;
        assert!(input_buffer.len() <= 7);
    }
    assert_eq!(input_buffer.consumed().0 + input_buffer.numbered, made);
    assert!(fresh <= settled_or_taken + input_buffer.superseded());
}

#[test]
fn the_lead_tells_how_early_or_late_a_change_came() {
    let mut input_buffer = steer();
    lay(&mut input_buffer, 1, 1, 7);
    assert_eq!(input_buffer.lead(), 0);
    lay(&mut input_buffer, 2, 1, 8);
    assert_eq!(input_buffer.lead(), 1, "one input waits before it");
    (0..5).for_each(|_| _ = input_buffer.take(P));
    // Input 3 was meant for the third tick, and the room repeated input 2 from there on.
    lay(&mut input_buffer, 3, 1, 9);
    assert_eq!(input_buffer.lead(), -3);
    lay(&mut input_buffer, 4, 1, 9);
    assert_eq!(input_buffer.lead(), -3, "an input that does not change tells nothing");
}

#[test]
fn each_input_of_a_run_has_a_view_time_of_its_own() {
    let mut input_buffer = steer();
    let view = Some(ViewTime::before(Tick(100), 40));
    input_buffer.offer(&InputRun { first: Seq(1), count: 3, epoch: P, view, input: input(1) });
    let views: Vec<_> = (0..4).map(|_| input_buffer.take(P).view).collect();
    let at = |tick| Some(ViewTime { tick: Tick(tick), sixteenths: 8 });
    assert_eq!(views, [at(95), at(96), at(97), None]);
}

/// What became of changed inputs, one per tick, that came late by so many ticks each, but in order.
struct Played {
    input_buffer: InputBuffer,
    /// In the second half: inputs dropped, ticks without a fresh input, and inputs that waited after a tick, summed up.
    superseded: u32,
    repeated: u32,
    waited: usize,
}

fn play_late(ticks: u32, late: impl Fn(u32) -> u32) -> Played {
    let mut played = Played { input_buffer: steer(), superseded: 0, repeated: 0, waited: 0 };
    let (mut made, mut sent) = (0, 0);
    for tick in 0..ticks {
        made += 1;
        let arrives = |n: u32| (1..=n).rev().take(40).map(|earlier| earlier - 1 + late(earlier)).max().unwrap_or(0);
        while sent < made && arrives(sent + 1) <= tick {
            sent += 1;
            lay(&mut played.input_buffer, sent, 1, sent.cast_signed());
        }
        let before = played.input_buffer.superseded();
        let taken = played.input_buffer.take(P);
        if tick >= ticks / 2 {
            played.superseded += played.input_buffer.superseded() - before;
            played.repeated += u32::from(!taken.fresh);
            played.waited += played.input_buffer.len();
        }
    }
    played
}

#[test]
fn as_many_inputs_wait_as_the_jitter_of_their_client_needs() {
    let even = play_late(400, |_| 2);
    assert_eq!((even.input_buffer.jitter(), even.superseded, even.repeated, even.waited), (0, 0, 0, 0));
    // Late ones come often, or after longer than the buffer is watched before it is trimmed.
    for (every, late) in [(5, 1), (20, 5)] {
        let uneven = play_late(400, |n| if n % every < late { 3 } else { 0 });
        assert_eq!((uneven.input_buffer.jitter(), uneven.superseded, uneven.repeated), (3, 0, 0), "{late} of {every}");
        assert!(uneven.waited <= 200 * 3, "{} at 200 ticks", uneven.waited);
    }
}

#[test]
fn a_buffer_shrinks_when_its_client_comes_evenly_again() {
    let calm = play_late(600, |n| if n % 5 == 0 && n < 200 { 3 } else { 0 });
    assert_eq!((calm.input_buffer.jitter(), calm.superseded, calm.waited), (0, 0, 0));
}

#[test]
fn delays_that_are_rare_or_too_long_do_not_make_all_inputs_wait() {
    let rare = play_late(2000, |n| if n % 100 == 0 { 4 } else { 0 });
    assert!(rare.waited < 1000 / 2, "{} inputs at 1000 ticks", rare.waited);
    let long = play_late(2000, |n| if n % 40 == 0 { 20 } else { 0 });
    let most = rate().ticks_in(limits::INPUT_JITTER);
    assert!(long.input_buffer.jitter() <= most && long.waited <= 1000 * (most as usize + 2), "{}", long.waited);
}
