//! Corrections and their reasons, and the end of sessions with too many of them.

use super::*;
use tickwire::game::{Effect, RoomEffect, SeatEffect};

/// One walker on seat 4.
struct Lone {
    plaza: Plaza,
    cx: Context,
}

impl Lone {
    fn at(spawn: &str, rate: u16) -> Self {
        let rate = TickRate::new(rate).expect("a valid rate");
        let plaza = Plaza::new(&RoomSetup { rate, seed: 1, options: [].into() }).expect("a valid setup");
        let mut lone = Self { plaza, cx: Context::new(rate, 1) };
        let options = [("spawn".to_owned(), spawn.to_owned())].into();
        lone.plaza
            .join(&Player { seat: Seat(4), identity: None, name: "walker".to_owned(), options }, &mut lone.cx)
            .expect("a place");
        lone
    }

    fn report(&mut self, x: i32, y: i32, fresh: bool) -> Vec<Effect> {
        let mut input = [0; tickwire::snapshot::MAX_INPUT_FIELDS];
        (input[0], input[1]) = (x, y);
        let report = [PlayerInput { seat: Seat(4), input, fresh, view: None }];
        self.plaza.step(Inputs::new(&report), &mut self.cx);
        self.cx.take_effects()
    }

    fn place(&self) -> (i32, i32) {
        (self.plaza.walkers[0].x, self.plaza.walkers[0].y)
    }
}

fn correction(reason: u8) -> Vec<Effect> {
    vec![Effect::Seat(Seat(4), SeatEffect::Correct { reason })]
}

#[test]
fn impossible_moves_are_corrected_with_their_reason() {
    let mut lone = Lone::at("105.5,30.5", 20);
    let start = (105 * 64 + 32, 30 * 64 + 32);
    assert_eq!(lone.report(start.0, start.1 - 1000, true), correction(TOO_FAST));
    // There is a pillar, two metres wide, two metres ahead.
    assert_eq!(lone.report(start.0 + 120, start.1, true), correction(WALL), "into it");
    assert_eq!(lone.report(start.0 + 230, start.1, true), correction(WALL), "through it");
    assert_eq!(lone.place(), start, "nothing of it happened");
    assert!(lone.report(start.0 + 90, start.1 + 32, true).is_empty(), "up to it is allowed");

    let mut edge = Lone::at("110.5,68.5", 20);
    assert_eq!(edge.report(112 * 64, 68 * 64, true), correction(OUT_OF_BOUNDS));
    assert_eq!(edge.report(110 * 64, 72 * 64, true), correction(OUT_OF_BOUNDS));
}

#[test]
fn a_corner_may_be_clipped_but_not_a_wall() {
    // The pillar has a corner at (107, 30).
    let mut lone = Lone::at("106.5,30.25", 20);
    assert!(lone.report(107 * 64 + 16, 30 * 64 - 16, true).is_empty());
}

#[test]
fn reports_that_are_not_fresh_neither_move_nor_strike() {
    let mut lone = Lone::at("50,30", 20);
    let start = lone.place();
    for _ in 0..100 {
        assert!(lone.report(0, 0, false).is_empty());
    }
    assert_eq!(lone.place(), start);
    // Allowances do not add up to a teleport while no reports arrive.
    assert_eq!(lone.report(start.0 + 7 * 39, start.1, true), correction(TOO_FAST));
    assert!(lone.report(start.0 + 6 * 39, start.1, true).is_empty());
}

#[test]
fn twenty_strikes_within_ten_seconds_end_the_session_once() {
    let mut lone = Lone::at("50,30", 20);
    for strike in 1..=19 {
        assert_eq!(lone.report(0, 0, true), correction(TOO_FAST), "strike {strike}");
        (0..8).for_each(|_| assert!(lone.report(0, 0, false).is_empty()));
    }
    let end = lone.report(0, 0, true);
    assert_eq!(
        end[1..],
        [Effect::Room(RoomEffect::Kick { seat: Seat(4), close: Close::Cheating, words: String::new() })]
    );
    assert!(lone.report(0, 0, true).is_empty(), "what comes after the end does not count");
}

#[test]
fn rare_strikes_are_forgiven() {
    let mut lone = Lone::at("50,30", 20);
    for _ in 0..100 {
        assert_eq!(lone.report(0, 0, true), correction(TOO_FAST));
        (0..10).for_each(|_| assert!(lone.report(0, 0, false).is_empty()));
    }
}
