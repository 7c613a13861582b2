//! Rooms whose counters start just below their wrap: nothing repeats, and nothing stops.

use std::collections::BTreeSet;

use tickwire::engine::{Claim, Command, InputRun, RoomCounters};
use tickwire::id::{CorrectionEpoch, EntityId, Incarnation, Seat, Seq};
use tickwire::wire::{Close, Continuity, EventBody};

use crate::hall::Hall;
use crate::{run, token, x_of};

/// The counters wrap within a few steps.
fn brink(steps: u32) -> Hall {
    Hall::starting_at(30, RoomCounters::before_wrap(steps))
}

#[test]
fn entities_begin_anew_without_those_in_use() {
    let mut hall = brink(1);
    let (ada, bob) = (hall.join(), hall.join());
    hall.tick();
    let (a, b) = (hall.room().entity(Seat(0)), hall.room().entity(Seat(1)));
    assert_eq!((a, b), (Some(EntityId(u32::MAX)), Some(EntityId(1))), "0 is no entity");
    // More people than there are free ids below those that are taken.
    let mut before = BTreeSet::from([a, b]);
    for _ in 0..5 {
        let eve = hall.join();
        assert!(before.insert(Some(eve.welcome.entity)), "{:?} is in use", eve.welcome.entity);
        hall.offer(&eve, run(1, 7));
        hall.tick();
        assert_eq!(x_of(&hall, eve.welcome.entity), Some(7), "newcomers move");
        hall.disconnect(&eve, Close::Left);
        hall.tick();
    }
    hall.offer(&ada, run(1, 3));
    hall.offer(&bob, run(1, 4));
    hall.tick();
    assert_eq!([a, b].map(|id| x_of(&hall, id.expect("seated"))), [Some(3), Some(4)]);
}

#[test]
fn ticks_generations_events_and_commands_go_on_across_their_wrap() {
    let mut hall = brink(2);
    let (ada, bob) = (hall.join(), hall.join());
    assert_eq!(
        (ada.welcome.tick.0, ada.welcome.events.0, ada.welcome.commands.0),
        (u32::MAX - 2, u32::MAX - 2, u32::MAX - 2)
    );
    let text = |n: u32| Command::Chat { to: Vec::new(), text: format!("line {n}") };
    for n in 0..6_u32 {
        hall.command(&ada, ada.welcome.commands.plus(n + 1).0, text(n));
        hall.command(&ada, ada.welcome.commands.plus(n + 1).0, text(99));
        hall.tick();
    }
    assert_eq!(hall.room().frame().tick().0, 3);
    let said = |bodies: Vec<EventBody<'static>>| -> Vec<String> {
        let text = |body| if let EventBody::Chat { text, .. } = body { Some(text.into_owned()) } else { None };
        bodies.into_iter().filter_map(text).collect()
    };
    assert_eq!(said(hall.bodies(bob.start.seat)), (0..6).map(|n| format!("line {n}")).collect::<Vec<_>>());
    // A held seat spans the wrap, too, and the events after the one that its client knows come again.
    hall.command(&bob, bob.welcome.commands.plus(1).0, text(6));
    hall.disconnect(&bob, Close::Lost);
    let (token, incarnation, known) = (token(&bob), Incarnation::FIRST, bob.welcome.events.plus(4));
    let back = hall.claim(Claim { token, incarnation, tick: None, events: Some(known) }, None).expect("a held seat");
    assert_eq!((back.welcome.continuity, back.welcome.events), (Continuity::Seat, known));
    assert_eq!(back.start.seat_generation, 0, "the generation after the last");
    assert_eq!(said(hall.bodies(back.start.seat)).last().map(String::as_str), Some("line 6"));
}

#[test]
fn a_held_seat_is_freed_at_the_right_tick_beyond_the_wrap() {
    let mut hall = brink(50);
    let ada = hall.join();
    hall.disconnect(&ada, Close::GoingAway);
    assert_eq!((1..).find(|_| !hall.tick().is_empty()), Some(201));
    assert_eq!(hall.room().frame().tick().0, 150);
}

#[test]
fn inputs_go_on_across_their_wrap() {
    let mut hall = Hall::new(30);
    let ada = hall.join();
    let at = |first: u32, value: i32| InputRun { first: Seq(first), ..run(1, value) };
    // Whoever claims two thousand million inputs has them counted, not executed.
    for first in [0x6000_0000, 0xc000_0000, 0xffff_fff0] {
        hall.offer(&ada, at(first, 1));
        (0..20).for_each(|_| _ = hall.tick());
    }
    for n in 0..32_u32 {
        hall.offer(&ada, at(0xffff_fff1_u32.wrapping_add(n), (n % 9) as i32));
        hall.tick();
        assert_eq!(x_of(&hall, ada.welcome.entity), Some((n % 9) as i32), "{n}");
    }
    assert_eq!(hall.room().frame().note(Seat(0)).map(|note| note.consumed), Some(Seq(0x10)));
}

#[test]
fn epochs_begin_anew_and_incarnations_stop_at_the_last() {
    assert_eq!(CorrectionEpoch(u8::MAX).next(), CorrectionEpoch(0));
    assert_eq!(Incarnation(u64::MAX).next(), Incarnation(u64::MAX));
}
