//! Allocation budgets: a steady room allocates per tick and per message, never per player. A performance test that
//! needs no quiet machine.

#![allow(unsafe_code, reason = "a global allocator is unsafe by its signature")]

mod crowds;
mod scattered;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;

use crowds::{Crowd, TypedCrowd, drive};
use scattered::Scattered;
use tickwire::engine::{FrameSender, Room, RoomInput, Transport};
use tickwire::game::{Game, RoomSetup};
use tickwire::tick::{Moment, TickRate};
use tickwire::wire::{AckedTick, Features};

/// The system's allocator with a count of the allocations of each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // The thread-local counter of a thread that is ending is gone.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: every call is passed on unchanged; counting touches no memory of the caller and does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations_of<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let before = ALLOCATIONS.get();
    let result = work();
    (ALLOCATIONS.get() - before, result)
}

/// Returns the highest number of allocations of a tick and of composing its message for one session, over some ticks after a
/// warm-up. Every player has sent an input before each tick.
fn steady(players: u16, game: Box<dyn Game>) -> (u64, u64) {
    let mut room = crowds::room(game);
    let mut sender = None;
    for n in 0..players {
        let admitted = drive::enter(&mut room, &format!("p{n}"), BTreeMap::new());
        sender
            .get_or_insert_with(|| FrameSender::new(Moment(0), &admitted.start, 0, Features::NONE, Transport::Ordered));
    }
    let mut sender = sender.expect("somebody joined");
    let (mut most_tick, mut most_compose, mut outputs) = (0, 0, Vec::new());
    for n in 1..=60_u32 {
        crowds::offer(&mut room, players, n);
        let (tick, _) = allocations_of(|| {
            outputs.clear();
            room.apply(RoomInput::Tick, &mut outputs)
        });
        let now = Moment(u64::from(n) * 50_000);
        let frames = [room.frame().clone()];
        let (compose, _) = allocations_of(|| sender.compose(now, &frames, None));
        assert!(sender.ack(now, AckedTick::Low(n as u8)));
        if n > 30 {
            (most_tick, most_compose) = (most_tick.max(tick), most_compose.max(compose));
        }
    }
    (most_tick, most_compose)
}

#[test]
fn a_tick_allocates_as_much_for_two_hundred_players_as_for_fifty() {
    let ((few, compose_few), (many, compose_many)) =
        (steady(50, Box::<Crowd>::default()), steady(200, Box::<Crowd>::default()));
    println!("a tick: {few} and {many} allocations; a message: {compose_few} and {compose_many}");
    assert!(few > 0 && many <= few, "{few} allocations with 50 players, {many} with 200");
    assert!(compose_many <= compose_few, "{compose_few} allocations with 50 players, {compose_many} with 200");
}

/// A steady large world: its side in cells, how many of them somebody is in, and how many players.
fn steady_world(side: i32, taken: i32, players: u16) -> (u64, u64) {
    steady(players, Box::new(Scattered::new(side, taken)))
}

#[test]
fn a_tick_of_a_world_of_empty_cells_allocates_what_a_small_one_does() {
    let [small, large, huge] = [3, 32, 230].map(|side| steady_world(side, 4, 40));
    println!("a tick and a message with 9, 1,024 and 52,900 cells: {small:?}, {large:?} and {huge:?} allocations");
    assert!(small.0 > 0 && small == large && large == huge, "{small:?}, {large:?}, {huge:?}");
}

#[test]
fn a_tick_of_a_large_world_allocates_as_much_for_more_players_in_the_same_cells() {
    let [few, many] = [40, 160].map(|players| steady_world(32, 4, players));
    println!("40 and 160 players in 4 cells: {few:?} and {many:?} allocations");
    assert!(many.0 <= few.0 && many.1 <= few.1, "{few:?}, {many:?}");
}

#[test]
fn a_tick_of_a_large_world_allocates_as_much_for_players_in_more_cells() {
    let [few, some, many] = [4, 16, 144].map(|taken| steady_world(32, taken, 160));
    println!("160 players in 4, 16 and 144 cells: {few:?}, {some:?} and {many:?} allocations");
    // Now and then, a list grows.
    assert!(some.0 <= few.0 + 1 && many.0 <= few.0 + 2 && many.1 <= few.1, "{few:?}, {some:?}, {many:?}");
}

#[test]
fn a_tick_without_a_change_allocates_its_frame_and_nothing_else() {
    let setup = RoomSetup { rate: TickRate::DEFAULT, seed: 1, options: BTreeMap::new() };
    let (_, arena) = tickwire_games::builtin().swap_remove(0);
    let mut room = crowds::room(arena(&setup).expect("an arena"));
    (0..2).for_each(|n| _ = drive::enter(&mut room, &format!("p{n}"), BTreeMap::new()));
    let mut outputs = Vec::new();
    let mut tick = |room: &mut Room| {
        outputs.clear();
        room.apply(RoomInput::Tick, &mut outputs);
    };
    // Until the newcomers are no longer shielded.
    (0..100).for_each(|_| tick(&mut room));
    let before = room.frame().clone();
    for _ in 0..100 {
        let (allocated, ()) = allocations_of(|| tick(&mut room));
        assert_eq!(allocated, 1, "at tick {}", room.frame().tick().0);
    }
    let (old, new) = (&before.zones()[0], &room.frame().zones()[0]);
    assert!(std::ptr::eq(old.zone(), new.zone()) && new.rows() > 2, "the same rows in the same memory");
}

#[test]
fn a_derived_game_allocates_what_a_game_by_hand_does() {
    let (by_hand, derived) = (steady(100, Box::<Crowd>::default()), steady(100, Box::<TypedCrowd>::default()));
    assert!(by_hand.0 > 0);
    assert_eq!(derived, by_hand);
}
